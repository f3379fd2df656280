/* What is said about a fault: place, words, hint. That the right faults are found is in render_kind_corpus_test. */
#include "render/kind_check.h"

#include "render/load.h"
#include "tests/unit/test.h"

static struct arena arena;
static struct diag_list list;

#define HEAD "apiVersion: omni.texashpc.com/v1alpha1\nkind: "
#define CLUSTER HEAD "OmniCluster\nmetadata:\n  name: c\nspec:\n  connectionRef:\n    name: o\n"
#define VERSIONS "  kubernetes:\n    version: v1.36.1\n  talos:\n    version: v1.13.5\n"

static bool check(const char *text)
{
	struct load_document *documents = NULL;
	size_t count = 0;
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	arena_reset(&arena);
	diag_list_init(&list, &arena);
	const struct diag_at at = {&list, SPAN("a.yaml"), SPAN("")};
	assert_true(load_yaml(&arena, span_of(text), LOAD_KUBERNETES, &limits, &at, &documents, &count));
	assert_int_equal(count, 1);
	return kind_check(&at, &documents[0].root, kind_find(node_text_at(&documents[0].root, "kind")));
}

/* The only fault of a manifest. */
static void assert_fault(const char *text, uint32_t line, uint32_t column, const char *path, const char *message,
			 const char *hint)
{
	assert_false(check(text));
	assert_int_equal(list.count, 1);
	assert_span(list.items[0].path, path);
	assert_span(list.items[0].message, message);
	assert_span(list.items[0].hint, hint);
	assert_int_equal(list.items[0].line, line);
	assert_int_equal(list.items[0].column, column);
}

static void a_misspelt_field_names_the_right_one(void **state)
{
	(void)state;
	assert_fault(CLUSTER VERSIONS "  pathces: []\n", 12, 3, "spec.pathces", "OmniCluster has no field \"pathces\" here",
		     "did you mean \"patches\"?");
	assert_fault(CLUSTER VERSIONS "metdata: {}\n", 12, 1, "metdata", "OmniCluster has no field \"metdata\" here",
		     "did you mean \"metadata\"?");
}

static void a_misplaced_field_asks_about_indentation(void **state)
{
	(void)state;
	assert_fault(CLUSTER VERSIONS "    patches: []\n", 12, 5, "spec.talos.patches",
		     "OmniCluster has no field \"patches\" here",
		     "there is a field spec.patches: is the indentation right?");
}

static void a_field_of_nowhere_has_no_hint(void **state)
{
	(void)state;
	assert_fault(CLUSTER VERSIONS "  replicas: 3\n", 12, 3, "spec.replicas", "OmniCluster has no field \"replicas\" here",
		     "");
}

static void a_version_without_quotes_is_a_number(void **state)
{
	(void)state;
	assert_fault(CLUSTER "  kubernetes:\n    version: v1.36.1\n  talos:\n    version: 1.10\n", 11, 14,
		     "spec.talos.version", "must be text, not a number", "write it in quotes");
}

static void a_number_without_quotes_is_shown_with_them(void **state)
{
	(void)state;
	assert_fault(CLUSTER VERSIONS "  labels:\n    rack: 7\n", 13, 11, "spec.labels.rack", "must be text, not a number",
		     "write it in quotes: \"7\"");
}

static void a_quoted_number_loses_its_quotes(void **state)
{
	(void)state;
	assert_fault(HEAD "OmniWorkers\nmetadata:\n  name: w\nspec:\n  clusterRef:\n    name: c\n  machineClass:\n"
			  "    name: x\n    size: \"3\"\n",
		     10, 11, "spec.machineClass.size", "size must be a number greater than zero, or the word unlimited",
		     "write the number without quotes: 3");
	assert_fault(CLUSTER VERSIONS "  suspend: \"true\"\n", 12, 12, "spec.suspend", "must be true or false, not text",
		     "write it without quotes: true");
}

static void a_missing_field_says_what_it_is_for(void **state)
{
	(void)state;
	assert_fault(CLUSTER "  talos:\n    version: v1.13.5\n", 6, 3, "spec.kubernetes", "kubernetes is required",
		     "Kubernetes version, and objects to put into the cluster.");
}

static void a_repeated_machine_points_to_the_first(void **state)
{
	(void)state;
	assert_fault(HEAD "OmniControlPlane\nmetadata:\n  name: w\nspec:\n  clusterRef:\n    name: c\n  machines:\n"
			  "    - 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10\n"
			  "    - 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a11\n"
			  "    - 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10\n",
		     11, 7, "spec.machines[2]", "a machine may be listed only once", "it is already item 0, in line 9");
}

static void a_wrong_choice_lists_the_right_ones(void **state)
{
	(void)state;
	assert_fault(CLUSTER "  kubernetes:\n    version: v1.36.1\n    manifests:\n      - name: a\n        file: f\n"
			     "        mode: onetime\n  talos:\n    version: v1.13.5\n",
		     13, 15, "spec.kubernetes.manifests[0].mode", "\"onetime\" is not possible",
		     "did you mean \"one-time\"? Possible are one-time or full");
}

static void all_faults_are_reported_at_once(void **state)
{
	(void)state;
	assert_false(check(HEAD "OmniWorkers\nmetadata:\n  name: W\nspec:\n  machineClass:\n    size: 0\n  patches:\n    - {}\n"
				"  other: 1\n"));
	assert_int_equal(list.error_count, 6);
}

static void odd_documents_do_no_harm(void **state)
{
	(void)state;
	assert_false(check(HEAD "OmniCluster\n"));
	assert_false(check(HEAD "OmniCluster\nmetadata: []\nspec: 5\n"));
	assert_false(check(HEAD "OmniKubeconfigExport\nmetadata: {name: a}\nspec: {serviceAccount: {groups: {a: b}}, ttl: []}\n"));
	assert_false(check(HEAD "OmniMachine\nmetadata: {name: [a]}\nspec: {machineID: [x], patches: [null, 1, []]}\n"));
	assert_false(check(HEAD "OmniMachineClass\nmetadata:\nspec: {autoProvision: [], matchLabels: {}}\n"));
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_misspelt_field_names_the_right_one),
		cmocka_unit_test(a_misplaced_field_asks_about_indentation),
		cmocka_unit_test(a_field_of_nowhere_has_no_hint),
		cmocka_unit_test(a_version_without_quotes_is_a_number),
		cmocka_unit_test(a_number_without_quotes_is_shown_with_them),
		cmocka_unit_test(a_quoted_number_loses_its_quotes),
		cmocka_unit_test(a_missing_field_says_what_it_is_for),
		cmocka_unit_test(a_repeated_machine_points_to_the_first),
		cmocka_unit_test(a_wrong_choice_lists_the_right_ones),
		cmocka_unit_test(all_faults_are_reported_at_once),
		cmocka_unit_test(odd_documents_do_no_harm),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
