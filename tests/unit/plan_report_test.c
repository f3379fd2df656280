/* Plans as text, JSON and Markdown: tests/golden/plan/<case>/ holds each form. */
#include "tests/unit/test.h"

#include <jansson.h>

#include "agent/plan/report.h"
#include "tests/unit/golden.h"
#include "tests/unit/plan_bench.h"

static struct plan_report judge(struct pair_bench *b, const struct gate *gate)
{
	struct plan_report report = {.connection = SPAN("https://omni.example"), .plan = &b->plan};
	report.verdict = gate_check(&b->plan, gate, &report.reason, &b->arena);
	return report;
}

static void check(const char *folder, const struct plan_report *reports, size_t count)
{
	static const char *const files[] = {"plan.txt", "plan.json", "plan.md"};
	for (int format = 0; format < 3; format++) {
		struct text out;
		text_init(&out, TEXT_NO_LIMIT);
		plan_print(&out, reports, count, (enum plan_format)format, false);
		golden_compare(folder, files[format], text_span(&out));
		text_done(&out);
	}
}

/* A change of everything: versions, patches, a label, machines that come and go, a lock, things of other people. */
static void change(struct pair_bench *b)
{
	pair_begin(b);
	b->new = make_cluster(&b->arena, "demo", "1.13.8", "1.35.0");
	make_label(&b->arena, b->new.cluster->resources.items[0], "env", SPAN("prod"));
	make_patch(&b->old, 200, "net", "machine:\n  sysctls:\n    net.core.somaxconn: \"1\"\n  token: aaaa\n");
	make_patch(&b->new, 200, "net", "machine:\n  sysctls:\n    net.core.somaxconn: \"2\"\n  token: bbbb\n");
	make_patch(&b->new, 201, "new", "machine: {}\n");
	pair_machines(b, "workers", 3, 2);
	make_node(&b->new, "workers", 9);
	make_note(&b->arena, make_find(&b->old.cluster->resources, OMNI_MACHINE_SET_NODE, make_uuid(&b->arena, 3)),
		  OMNI_ANNOTATION_LOCKED, "");
	make_text(&b->old, OMNI_CONFIG_PATCH, SPAN("500-by-hand"), "data", "a: 1\n");
	pair_plan(b);
}

static void a_change(void **state)
{
	(void)state;
	struct pair_bench b;
	change(&b);
	struct plan_report report = judge(&b, &(struct gate){.limit = RISK_DISRUPTIVE});
	assert_int_equal(report.verdict, GATE_HELD);
	check("tests/golden/plan/change", &report, 1);
	assert_int_equal(plan_exit_code(&report, 1), 3);
	pair_end(&b);
}

static void a_deletion(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	pair_machines(&b, "control-planes", 3, 3);
	make_list(&b.old, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1), "args", "quiet");
	make_actual(&b.arena, b.old.cluster, &b.actual);
	b.options.is_delete = true;
	plan_cluster(&b.arena, NULL, SPAN("demo"), &b.actual, &b.options, &b.plan);
	struct plan_report report = judge(&b, &(struct gate){.limit = RISK_DESTRUCTIVE});
	check("tests/golden/plan/deletion", &report, 1);
	pair_end(&b);
}

static void no_change(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	pair_plan(&b);
	struct plan_report report = judge(&b, &(struct gate){0});
	check("tests/golden/plan/none", &report, 1);
	assert_int_equal(plan_exit_code(&report, 1), 0);
	pair_end(&b);
}

static void conflicts_and_raw_resources(void **state)
{
	(void)state;
	struct pair_bench b, raw;
	pair_begin(&b);
	pair_machines(&b, "workers", 1, 2);
	make_actual(&b.arena, b.old.cluster, &b.actual);
	struct resource *other = resource_new(&b.arena, OMNI_MACHINE_SET_NODE, make_uuid(&b.arena, 2));
	make_label(&b.arena, other, OMNI_LABEL_CLUSTER, SPAN("other"));
	resource_push(&b.arena, &b.actual.foreign, other);
	plan_cluster(&b.arena, b.new.cluster, SPAN(""), &b.actual, &b.options, &b.plan);
	pair_begin(&raw);
	struct resource *class = resource_new(&raw.arena, OMNI_MACHINE_CLASS, SPAN("pool"));
	class->spec = node_map(&raw.arena, 0);
	struct resource_list classes = {0}, none = {0};
	resource_push(&raw.arena, &classes, class);
	plan_raws(&raw.arena, &classes, &none, &none, SPAN("git"), &raw.options, &raw.plan);
	struct plan_report reports[] = {judge(&raw, &(struct gate){0}), judge(&b, &(struct gate){0})};
	check("tests/golden/plan/conflict", reports, 2);
	assert_int_equal(plan_exit_code(reports, 1), 2);
	assert_int_equal(plan_exit_code(reports, 2), 3);
	pair_end(&raw);
	pair_end(&b);
}

static void hostile_names_stay_inside_their_place(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	const char *evil = "x\033[2J|</details>`\n# head\xc2\x9b\xe2\x80\xae\xff \"@team";
	make_text(&b.old, OMNI_CONFIG_PATCH, span_of(evil), "data", "a: 1\n");
	make_text(&b.new, OMNI_CONFIG_PATCH, span_of(evil), "data", "a: \"\\u001b[2J\\n```\"\n");
	pair_plan(&b);
	struct plan_report report = judge(&b, &(struct gate){.limit = RISK_CRITICAL});
	check("tests/golden/plan/hostile", &report, 1);
	pair_end(&b);
}

static void the_json_can_be_read(void **state)
{
	(void)state;
	struct pair_bench b;
	struct text out;
	change(&b);
	struct plan_report report = judge(&b, &(struct gate){.limit = RISK_DISRUPTIVE});
	text_init(&out, TEXT_NO_LIMIT);
	plan_print(&out, &report, 1, PLAN_JSON, false);
	json_t *root = json_loads(out.ptr, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "apiVersion")), GROUP_VERSION);
	assert_string_equal(json_string_value(json_object_get(root, "hash")), b.plan.hash);
	assert_true(json_is_true(json_object_get(root, "held")));
	json_t *operations = json_object_get(root, "operations");
	assert_int_equal(json_array_size(operations), b.plan.count);
	for (size_t i = 0; i < b.plan.count; i++) {
		json_t *op = json_array_get(operations, i);
		assert_string_equal(json_string_value(json_object_get(op, "op")), plan_op_name(b.plan.ops[i].kind));
		assert_string_equal(json_string_value(json_object_get(op, "type")), b.plan.ops[i].type->name);
		assert_int_equal(json_integer_value(json_object_get(op, "phase")), b.plan.ops[i].phase);
		assert_true(json_is_array(json_object_get(op, "diff")));
	}
	json_decref(root);
	text_done(&out);
	pair_end(&b);
}

/* As much of a schema as ours uses: names of members, which are required, items, and $ref. */
static void conforms(const json_t *schema, const json_t *rule, const json_t *value)
{
	const char *ref = json_string_value(json_object_get(rule, "$ref")), *name;
	json_t *member;
	size_t i;
	if (ref != NULL)
		rule = json_object_get(json_object_get(schema, "$defs"), strrchr(ref, '/') + 1);
	assert_non_null(rule);
	json_array_foreach(value, i, member)
		conforms(schema, json_object_get(rule, "items"), member);
	json_array_foreach(json_object_get(rule, "required"), i, member)
		if (json_object_get(value, json_string_value(member)) == NULL)
			fail_msg("%s is required", json_string_value(member));
	json_object_foreach((json_t *)(uintptr_t)value, name, member) {
		const json_t *inner = json_object_get(json_object_get(rule, "properties"), name);
		if (inner == NULL)
			fail_msg("%s is not in the schema", name);
		conforms(schema, inner, member);
	}
}

static void the_json_is_as_the_schema_says(void **state)
{
	(void)state;
	static const char *const cases[] = {"change", "deletion", "none", "conflict", "hostile"};
	json_t *schema = json_load_file("docs/plan.schema.json", JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(schema);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[128];
		snprintf(path, sizeof path, "tests/golden/plan/%s/plan.json", cases[i]);
		json_t *plan = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(plan);
		conforms(schema, schema, plan);
		json_decref(plan);
	}
	json_decref(schema);
}

static void colour_is_only_added(void **state)
{
	(void)state;
	struct pair_bench b;
	struct text plain, coloured;
	change(&b);
	struct plan_report report = judge(&b, &(struct gate){.limit = RISK_DISRUPTIVE});
	text_init(&plain, TEXT_NO_LIMIT);
	text_init(&coloured, TEXT_NO_LIMIT);
	plan_print(&plain, &report, 1, PLAN_TEXT, false);
	plan_print(&coloured, &report, 1, PLAN_TEXT, true);
	assert_null(strchr(plain.ptr, '\033'));
	size_t len = 0;
	for (size_t i = 0; i < coloured.len; i++) {
		if (coloured.ptr[i] == '\033')
			i += strcspn(coloured.ptr + i, "m");
		else
			assert_int_equal(coloured.ptr[i], plain.ptr[len++]);
	}
	assert_int_equal(len, plain.len);
	text_done(&plain);
	text_done(&coloured);
	pair_end(&b);
}

static void formats_have_names(void **state)
{
	(void)state;
	enum plan_format format;
	assert_true(plan_format_parse(SPAN("markdown"), &format));
	assert_int_equal(format, PLAN_MARKDOWN);
	assert_false(plan_format_parse(SPAN("yaml"), &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change),
		cmocka_unit_test(a_deletion),
		cmocka_unit_test(no_change),
		cmocka_unit_test(conflicts_and_raw_resources),
		cmocka_unit_test(hostile_names_stay_inside_their_place),
		cmocka_unit_test(the_json_can_be_read),
		cmocka_unit_test(the_json_is_as_the_schema_says),
		cmocka_unit_test(colour_is_only_added),
		cmocka_unit_test(formats_have_names),
	};
	return RUN_TESTS(tests);
}
