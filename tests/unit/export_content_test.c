/* Whatever a patch, a manifest or a health check holds: it comes back as it was, or it is told. */
#include "tests/unit/test.h"

#include "agent/export/export.h"
#include "tests/unit/plan_make.h"

/* Texts of every kind; `mapping`: it is written as one in custom resources. */
static const struct {
	const char *text;
	bool mapping;
} contents[] = {
	{"machine:\n    sysctls:\n        a: b\n", true},
	{"machine:\n  sysctls:\n    a: b\n", true},
	{"machine: {sysctls: {a: b}}", true},
	{"{\"machine\": {\"sysctls\": {\"a\": \"b\"}}}", true},
	{"# a comment\nmachine:\n  env: {a: b}\n", false},
	{"machine:\n  env: {a: b} # behind\n", false},
	{"machine:\n  env: {a: 'no # comment'}\n", true},
	{"machine:\n  files:\n    - content: |\n        #!/bin/sh\n        # a script\n      path: /a\n", true},
	{"machine:\n  env: {a: 1_000, b: 0x10, c: 010, d: 1e3, e: 1.0, f: -0, g: 9007199254740993}\n", true},
	{"machine:\n  env: {a: yes, b: on, c: n, d: 'true', e: ~, f: null}\n", true},
	{"machine:\n  env: {a: 2024-01-02}\n", false}, /* a date there, a text here */
	{"machine:\n  env: {a: '2024-01-02', b: 1:20, c: .inf}\n", false},
	{"machine:\n  env: {80: x}\n", true}, /* keys are compared as texts */
	{"machine:\n  env: {a: ' x', b: \"x\\n \", c: \"\\ttab\", d: \"\\r\\n\", e: \"\\u00a0\\U0001F600\"}\n", true},
	{"machine:\n  env:\n    a: |2\n       begins with blanks\n      end\n", true},
	{"machine:\n  env: {a: \"\\n x\", b: \"\\n\\n\", c: \"x\\n\\n\"}\n", true},
	{"machine:\n  env: &x {a: b}\n  other: *x\n", true},
	{"machine:\n  env: {<<: {a: b}, c: d}\n", true},
	{"a: 1\n---\nb: 2\n", true},
	{"a: 1\n---\n---\nb: 2\n", false},
	{"---\na: 1\n", true},
	{"a: 1\n...\n", true},
	{"a: 1\r\nb: 2\r\n", true},
	{"a: many words in a row that make a line which is longer than eighty characters, so that it is folded here or there\n", true},
	{"{}\n", true},
	{"a: 1\na: 2\n", false},
	{"a: [\n", false},
	{"- op: add\n  path: /a\n", false},
	{"just text\n", false},
	{"\ttab\n", false},
	{" a: trailing \n", true},
	{"a: \"\xc3\xa9\xe2\x80\xa8\"\n", true},
	{"", false},
};

static void check(const char *text, bool is_mapping, const struct omni_type *type, enum export_form form)
{
	struct arena arena;
	struct plan_actual actual;
	struct exported exported;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct maker m = make_cluster(&arena, "demo", "1.13.5", "1.35.0");
	make_set(&m, "control-planes", 3);
	if (type == OMNI_CONFIG_PATCH)
		make_patch(&m, 200, "x", text);
	else if (type == OMNI_MANIFEST_GROUP)
		make_note(&arena, make_text(&m, type, SPAN("200-cluster-demo-x"), "data", text), "name", "x");
	else
		make_text(&m, type, SPAN("cluster-demo-x"), "job", text);
	if (type == OMNI_MANIFEST_GROUP)
		node_put(&m.cluster->resources.items[2]->spec, "mode", node_int(&arena, 1));
	make_actual(&arena, m.cluster, &actual);
	struct export_options options = {.form = form, .rules = OMNI_RULES_1_10, .no_schema = true, .connection = SPAN("omni")};
	assert_true(export_cluster(&arena, SPAN("demo"), &actual, &options, &exported, NULL));
	struct text shown;
	text_init(&shown, TEXT_NO_LIMIT);
	export_print_remarks(&shown, &exported.remarks);
	/* a list of objects is all that a manifest in a custom resource may be; what a patch may hold, Talos says */
	bool is_object = form == EXPORT_OBJECTS;
	bool may_lose = (is_object && type != OMNI_CONFIG_PATCH) || type == OMNI_CONFIG_PATCH || text[0] == '\0';
	if (!may_lose && export_count(&exported.remarks, EXPORT_LOST) > 0)
		fail_msg("«%s» is lost:\n%s%.*s", text, shown.ptr, SPAN_ARG(exported.text));
	if (is_object && type == OMNI_CONFIG_PATCH && span_contains(exported.text, "inline:\n") != (is_mapping && strcmp(text, "{}\n") != 0) &&
	    strcmp(text, "{}\n") != 0)
		fail_msg("«%s» should%s be a mapping:\n%.*s", text, is_mapping ? "" : " not", SPAN_ARG(exported.text));
	if (is_object && type == OMNI_MANIFEST_GROUP && is_mapping && export_count(&exported.remarks, EXPORT_LOST) > 0)
		fail_msg("«%s» is lost:\n%s%.*s", text, shown.ptr, SPAN_ARG(exported.text));
	text_done(&shown);
	arena_done(&arena);
}

static void every_content_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
		for (int form = EXPORT_OBJECTS; form <= EXPORT_TEMPLATE; form++) {
			check(contents[i].text, contents[i].mapping, OMNI_MANIFEST_GROUP, (enum export_form)form);
			check(contents[i].text, contents[i].mapping, OMNI_CONFIG_PATCH, (enum export_form)form);
			check(contents[i].text, contents[i].mapping, OMNI_HEALTH_CHECK, (enum export_form)form);
		}
}

static void print_class(struct arena *arena, const char *data, enum export_form form, struct text *out)
{
	struct export_options options = {.form = form, .connection = SPAN("omni")};
	struct resource *class = resource_new(arena, OMNI_MACHINE_CLASS, SPAN("made"));
	struct node provision = node_map(arena, 2);
	node_put(&provision, "providerid", node_string(SPAN("proxmox")));
	node_put(&provision, "providerdata", node_string(span_of(data)));
	class->spec = node_map(arena, 1);
	node_put(&class->spec, "autoprovision", provision);
	make_note(arena, class, ANNOTATION_OWNER, "somebody");
	export_class(out, class, &options);
}

static void a_class_keeps_the_bytes_of_its_provider(void **state)
{
	(void)state;
	static const struct {
		const char *data, *line;
	} rows[] = {
		{"cores: 4\nmemory: 8\n", "    providerData:\n      cores: 4\n"},
		{"# why\ncores: 4\n", "    providerData: |\n      # why\n"},
		{"{cores: 4}", "    providerData: '{cores: 4}'\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena arena;
		struct text out;
		arena_init(&arena, ARENA_NO_LIMIT);
		text_init(&out, TEXT_NO_LIMIT);
		print_class(&arena, rows[i].data, EXPORT_OBJECTS, &out);
		if (!span_contains(text_span(&out), rows[i].line) || span_contains(text_span(&out), ANNOTATION_OWNER))
			fail_msg("%s", out.ptr);
		text_reset(&out);
		print_class(&arena, rows[i].data, EXPORT_TEMPLATE, &out);
		assert_true(span_starts(text_span(&out), "metadata:\n  namespace: default\n  type: MachineClasses.omni.sidero.dev\n"));
		assert_false(span_contains(text_span(&out), ANNOTATION_OWNER));
		text_done(&out);
		arena_done(&arena);
	}
}

/* Names that Kubernetes does not take; and the name in Omni beside them. */
static void names_fit_kubernetes(void **state)
{
	(void)state;
	static const char *const names[] = {"Prod_1", "-x-", "é", "a.b", "UPPER", "x..y"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct arena arena;
		struct plan_actual actual;
		struct exported exported;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct maker m = make_cluster(&arena, names[i], "1.13.5", "1.35.0");
		make_set(&m, "control-planes", 3);
		make_set(&m, "Pool_A", 1);
		make_actual(&arena, m.cluster, &actual);
		struct export_options options = {.rules = OMNI_RULES_1_10, .connection = SPAN("omni")};
		assert_true(export_cluster(&arena, span_of(names[i]), &actual, &options, &exported, NULL));
		bool is_taken = strcmp(names[i], "\xc3\xa9") != 0 && strcmp(names[i], "x..y") != 0; /* clusterName has a pattern */
		if ((export_count(&exported.remarks, EXPORT_LOST) == 0) != is_taken)
			fail_msg("%s: %.*s", names[i], SPAN_ARG(exported.text));
		arena_done(&arena);
	}
}

/* Of a control plane only its upgrade strategy can be declared, and that in templates alone. */
static void strategies_of_control_planes_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		enum export_form form;
		const char *remark; /* NULL: it is said */
	} rows[] = {
		{"upgradestrategy", EXPORT_TEMPLATE, NULL},
		{"upgradestrategy", EXPORT_OBJECTS, "OmniControlPlane has no field upgradeStrategy; a plan would change spec.upgradestrategy"},
		{"deletestrategy", EXPORT_TEMPLATE, "the documents of a control plane have no deleteStrategy; a plan would change"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena arena;
		struct plan_actual actual;
		struct exported exported;
		struct text shown;
		arena_init(&arena, ARENA_NO_LIMIT);
		text_init(&shown, TEXT_NO_LIMIT);
		struct maker m = make_cluster(&arena, "demo", "1.13.5", "1.35.0");
		struct resource *set = make_set(&m, "control-planes", 3);
		node_put(&set->spec, rows[i].key, node_int(&arena, 1));
		make_actual(&arena, m.cluster, &actual);
		struct export_options options = {.form = rows[i].form, .rules = OMNI_RULES_1_10, .connection = SPAN("omni")};
		assert_true(export_cluster(&arena, SPAN("demo"), &actual, &options, &exported, NULL));
		export_print_remarks(&shown, &exported.remarks);
		if (rows[i].remark == NULL ? exported.remarks.count > 0 : !span_contains(text_span(&shown), rows[i].remark))
			fail_msg("%s: %s%.*s", rows[i].key, shown.ptr, SPAN_ARG(exported.text));
		text_done(&shown);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_content_comes_back),
		cmocka_unit_test(a_class_keeps_the_bytes_of_its_provider),
		cmocka_unit_test(names_fit_kubernetes),
		cmocka_unit_test(strategies_of_control_planes_are_told),
	};
	return RUN_TESTS(tests);
}
