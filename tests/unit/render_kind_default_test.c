/* The spec as the API server would store it. */
#include "render/emit.h"
#include "render/kind_check.h"
#include "render/load.h"
#include "tests/unit/test.h"

static struct arena arena;

static void assert_stored(const char *kind, const char *spec, const char *expected)
{
	struct node node, stored;
	struct fail fail = {0};
	struct text out;
	if (!load_one(&arena, span_of(spec), LOAD_KUBERNETES, &node, &fail))
		fail_msg("%s", fail.text);
	stored = kind_default(&arena, kind_find(span_of(kind)), &node);
	text_init(&out, TEXT_NO_LIMIT);
	emit_json(&out, &stored, 0);
	struct span json = span_trim(arena_copy(&arena, text_span(&out)));
	text_done(&out);
	assert_span(json, expected);
}

static void defaults_are_filled_in(void **state)
{
	(void)state;
	assert_stored("OmniCluster", "{kubernetes: {manifests: [{name: a}, {name: b, mode: one-time}]}}",
		      "{\"kubernetes\":{\"manifests\":[{\"name\":\"a\",\"mode\":\"full\"},{\"name\":\"b\",\"mode\":\"one-time\"}]},"
		      "\"syncInterval\":\"5m\"}");
	assert_stored("OmniConnection", "{auth: {serviceAccountSecretRef: {name: s}}}",
		      "{\"auth\":{\"serviceAccountSecretRef\":{\"name\":\"s\",\"key\":\"serviceAccountKey\"}}}");
	assert_stored("OmniHelmRelease", "{kubeconfigSecretRef: {name: k}}",
		      "{\"kubeconfigSecretRef\":{\"name\":\"k\",\"key\":\"kubeconfig\"},\"namespace\":\"default\","
		      "\"deletionPolicy\":\"Uninstall\"}");
}

static void absent_objects_stay_absent(void **state)
{
	(void)state;
	assert_stored("OmniSecretSync", "{}", "{}");
	assert_stored("OmniConnection", "{auth: {}}", "{\"auth\":{}}");
}

static void nulls_and_unknown_fields_are_dropped(void **state)
{
	(void)state;
	assert_stored("OmniWorkers", "{workerSetName: null, replicas: 3, labels: {a: null, b: c}, clusterRef: {name: x, y: z}}",
		      "{\"clusterRef\":{\"name\":\"x\"},\"labels\":{\"b\":\"c\"}}");
	assert_stored("OmniCluster", "{syncInterval: null}", "{\"syncInterval\":\"5m\"}");
}

static void free_content_keeps_everything(void **state)
{
	(void)state;
	assert_stored("OmniMachine", "{patches: [{inline: {a: null, b: [null], c: 12345678901234567890}}]}",
		      "{\"patches\":[{\"inline\":{\"a\":null,\"b\":[null],\"c\":12345678901234567890}}]}");
	assert_stored("OmniHelmRelease", "{chart: {values: {x: null}}, namespace: apps, deletionPolicy: Orphan}",
		      "{\"namespace\":\"apps\",\"chart\":{\"values\":{\"x\":null}},\"deletionPolicy\":\"Orphan\"}");
}

static void fields_come_in_the_order_of_the_table(void **state)
{
	(void)state;
	assert_stored("OmniMachine", "{kernelArgs: [a], locked: true, machineID: m, clusterRef: {name: c}}",
		      "{\"clusterRef\":{\"name\":\"c\"},\"machineID\":\"m\",\"locked\":true,\"kernelArgs\":[\"a\"]}");
}

static void wrong_types_are_dropped(void **state)
{
	(void)state;
	assert_stored("OmniMachine", "{locked: 1, patches: {}, clusterRef: [a], install: [b], labels: 5, kernelArgs: a}", "{}");
	assert_stored("OmniMachine", "[1, 2]", "{}");
	assert_stored("OmniMachine", "{patches: [1, null]}", "{\"patches\":[{},{}]}");
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
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(absent_objects_stay_absent),
		cmocka_unit_test(nulls_and_unknown_fields_are_dropped),
		cmocka_unit_test(free_content_keeps_everything),
		cmocka_unit_test(fields_come_in_the_order_of_the_table),
		cmocka_unit_test(wrong_types_are_dropped),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
