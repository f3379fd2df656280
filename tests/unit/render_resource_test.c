/* Resources in Omni's own form: read with located faults, printed as omnictl prints them, one canonical spec. */
#include "tests/unit/test.h"

#include "base/cleanup.h"
#include "render/load.h"
#include "render/resource.h"

struct reading {
	struct arena arena;
	struct diag_list diags;
	struct resource *resource;
};

static void begin(struct reading *r, const char *text)
{
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	size_t count = 0;
	arena_init(&r->arena, ARENA_NO_LIMIT);
	diag_list_init(&r->diags, &r->arena);
	struct diag_at at = {&r->diags, SPAN("f.yaml"), SPAN("")};
	assert_true(load_yaml(&r->arena, span_of(text), LOAD_OMNI, &limits, &at, &documents, &count));
	assert_int_equal(count, 1);
	r->resource = resource_read(&r->arena, &documents[0].root, &at);
}

static void assert_fault(const char *text, const char *code, const char *path, unsigned line)
{
	struct reading r;
	begin(&r, text);
	if (r.diags.count == 0)
		fail_msg("no fault in\n%s", text);
	assert_string_equal(r.diags.items[0].code, code);
	assert_span(r.diags.items[0].path, path);
	assert_int_equal(r.diags.items[0].line, line);
	assert_true((r.resource == NULL) == (r.diags.error_count > 0));
	arena_done(&r.arena);
}

static const char class_text[] = "metadata:\n"
				 "    namespace: default\n"
				 "    type: MachineClasses.omni.sidero.dev\n"
				 "    id: big\n"
				 "    version: 7\n"
				 "    owner:\n"
				 "    phase: running\n"
				 "    created: 2024-01-02T03:04:05Z\n"
				 "    updated: 2024-01-02T03:04:06Z\n"
				 "    labels:\n"
				 "        empty:\n"
				 "        site: berlin\n"
				 "    finalizers:\n"
				 "        - a\n"
				 "        - b\n"
				 "spec:\n"
				 "    matchlabels: []\n"
				 "    autoprovision:\n"
				 "        providerid: kubevirt\n"
				 "        kernelargs: []\n"
				 "        metavalues:\n"
				 "            - key: 12\n"
				 "              value: x\n"
				 "        providerdata: |\n"
				 "            cores: 4\n"
				 "            disk: 10\n"
				 "        grpctunnel: 0\n";

static void test_prints_as_omnictl(void **state)
{
	(void)state;
	struct reading r;
	struct text out;
	begin(&r, class_text);
	assert_int_equal(r.diags.count, 0);
	text_init(&out, TEXT_NO_LIMIT);
	resource_print(&out, r.resource, true);
	assert_string_equal(out.ptr, class_text);
	assert_int_equal(r.resource->version, 7);
	assert_null(node_get(&r.resource->spec, "matchlabels")); /* zero values are left out */
	assert_null(node_path(&r.resource->spec, "autoprovision.grpctunnel"));
	text_done(&out);
	arena_done(&r.arena);
}

static void test_prints_every_field(void **state)
{
	(void)state;
	struct reading r;
	struct text out;
	begin(&r, "metadata: {type: MachineSets.omni.sidero.dev, id: s}\nspec: {machineallocation: {name: big}}\n");
	text_init(&out, TEXT_NO_LIMIT);
	resource_print(&out, r.resource, false);
	assert_string_equal(out.ptr, "metadata:\n  namespace: default\n  type: MachineSets.omni.sidero.dev\n  id: s\n"
				     "  version: undefined\n  owner:\n  phase: running\nspec:\n  updatestrategy: 0\n"
				     "  machineclass: null\n  bootstrapspec: null\n  deletestrategy: 0\n"
				     "  updatestrategyconfig: null\n  deletestrategyconfig: null\n  machineallocation:\n"
				     "    name: big\n    machinecount: 0\n    allocationtype: 0\n  upgradestrategy: 0\n"
				     "  upgradestrategyconfig: null\n");
	text_reset(&out);
	arena_done(&r.arena);
	begin(&r, "metadata: {type: MachineSetNodes.omni.sidero.dev, id: n}\nspec: {}\n");
	resource_print(&out, r.resource, false);
	assert_true(span_ends(text_span(&out), "spec: {}\n"));
	text_done(&out);
	arena_done(&r.arena);
}

static void test_present_messages_stay(void **state)
{
	(void)state;
	struct reading with, without;
	begin(&with, "metadata: {type: Clusters.omni.sidero.dev, id: c}\nspec: {features: {diskencryption: false}}\n");
	begin(&without, "metadata: {type: Clusters.omni.sidero.dev, id: c}\nspec: {features: null}\n");
	assert_non_null(node_get(&with.resource->spec, "features"));
	assert_null(node_get(&without.resource->spec, "features"));
	assert_false(node_equal(&with.resource->spec, &without.resource->spec));
	arena_done(&with.arena);
	arena_done(&without.arena);
}

#define CLASS "metadata: {type: MachineClasses.omni.sidero.dev, id: a}\n"

static void test_faults(void **state)
{
	(void)state;
	assert_fault(CLASS "spec:\n  matchLabels: [a]\n", "UnknownField", "spec.matchLabels", 3);
	assert_fault(CLASS "spec:\n  autoprovision:\n    provider_id: x\n", "UnknownField", "spec.autoprovision.provider_id", 4);
	assert_fault(CLASS "spec:\n  matchlabels: a = b\n", "WrongType", "spec.matchlabels", 3);
	assert_fault(CLASS "spec:\n  matchlabels:\n  - {a: b}\n", "WrongType", "spec.matchlabels[0]", 4);
	assert_fault(CLASS "spec:\n  autoprovision: {grpctunnel: enabled}\n", "WrongType", "spec.autoprovision.grpctunnel", 3);
	assert_fault(CLASS "spec:\n  autoprovision: {metavalues: [{key: 4294967296}]}\n", "OutOfRange",
		     "spec.autoprovision.metavalues[0].key", 3);
	assert_fault(CLASS, "Required", "spec", 1);
	assert_fault(CLASS "spec: {}\nkind: X\n", "UnknownField", "", 3);
	assert_fault("metadata: {type: machineclass, id: a}\nspec: {}\n", "UnknownType", "metadata.type", 1);
	assert_fault("metadata: {id: a}\nspec: {}\n", "Required", "metadata.type", 1);
	assert_fault("metadata:\n  type: MachineLabels.omni.sidero.dev\n  name: a\nspec: {}\n", "UnknownField", "metadata.name", 3);
	assert_fault("metadata:\n  type: MachineLabels.omni.sidero.dev\n  id: a\n  phase: dead\nspec: {}\n", "InvalidValue",
		     "metadata.phase", 4);
	assert_fault("metadata:\n  type: MachineLabels.omni.sidero.dev\n  id: a\n  namespace: x\nspec: {}\n", "InvalidValue",
		     "metadata.namespace", 4);
	assert_fault("metadata: {type: ConfigPatches.omni.sidero.dev, id: a}\nspec:\n  compresseddata: [40, 181]\n",
		     "Compressed", "spec.compresseddata", 3);
}

static void test_scalars_are_texts(void **state)
{
	(void)state;
	struct reading r;
	begin(&r, "metadata: {type: Clusters.omni.sidero.dev, id: 007, labels: {a: true, b: 0x10, c: ~}}\n"
		  "spec: {talosversion: 1.10}\n");
	assert_span(r.resource->id, "007");
	assert_span(labels_get(&r.resource->labels, "a")->value, "true");
	assert_span(labels_get(&r.resource->labels, "b")->value, "0x10");
	assert_span(labels_get(&r.resource->labels, "c")->value, "");
	assert_span(node_text_at(&r.resource->spec, "talosversion"), "1.10");
	arena_done(&r.arena);
}

static void test_labels(void **state)
{
	(void)state;
	struct arena arena;
	struct labels a = {0}, b = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	const char *const keys[] = {"m", "a", "z", "b", "m"};
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		labels_set(&arena, &a, span_of(keys[i]), SPAN("1"));
		labels_set(&arena, &b, span_of(keys[COUNT_OF(keys) - 1 - i]), SPAN("1"));
	}
	assert_int_equal(a.count, 4);
	assert_true(labels_equal(&a, &b));
	for (size_t i = 1; i < a.count; i++)
		assert_true(span_cmp(a.items[i - 1].key, a.items[i].key) < 0);
	labels_remove(&a, SPAN("none"));
	labels_remove(&a, SPAN("b"));
	assert_null(labels_get(&a, "b"));
	assert_non_null(labels_get(&a, "m"));
	assert_false(labels_equal(&a, &b));
	arena_done(&arena);
}

static void test_types(void **state)
{
	(void)state;
	static const struct {
		const char *name, *type;
	} guesses[] = {
		{"machineclass", "MachineClasses.omni.sidero.dev"}, {"mc", "MachineClasses.omni.sidero.dev"},
		{"MachineClasses", "MachineClasses.omni.sidero.dev"}, {"machine-class", "MachineClasses.omni.sidero.dev"},
		{"cluster", "Clusters.omni.sidero.dev"},	    {"clusters", "Clusters.omni.sidero.dev"},
		{"msn", "MachineSetNodes.omni.sidero.dev"},	    {"ms", "MachineSets.omni.sidero.dev"},
		{"configpatch", "ConfigPatches.omni.sidero.dev"},   {"clusterstatus", "ClusterStatuses.omni.sidero.dev"},
		{"machineset", "MachineSets.omni.sidero.dev"},	    {"links", "Links.omni.sidero.dev"},
	};
	for (size_t i = 0; i < COUNT_OF(guesses); i++) {
		const struct omni_type *type = omni_type_guess(span_of(guesses[i].name));
		if (type == NULL)
			fail_msg("%s", guesses[i].name);
		assert_string_equal(type->name, guesses[i].type);
	}
	assert_null(omni_type_guess(SPAN("kube")));
	assert_null(omni_type_guess(SPAN("")));
	assert_null(omni_type_guess(SPAN("machineclasses.example.com")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints_as_omnictl), cmocka_unit_test(test_prints_every_field),
		cmocka_unit_test(test_present_messages_stay), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_scalars_are_texts), cmocka_unit_test(test_labels),
		cmocka_unit_test(test_types),
	};
	return RUN_TESTS(tests);
}
