/* What the cache keeps of an object, and what can be read back of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/entry.h"
#include "agent/kube/json_read.h"
#include "render/load.h"
#include "tests/unit/test.h"

static const struct kind *cluster_kind(void)
{
	return kind_find(SPAN("OmniCluster"));
}

static struct packer *all_kinds(void)
{
	const struct kind *kinds[32] = {NULL};
	for (size_t i = 0; kind_at(i) != NULL && i < 31; i++)
		kinds[i] = kind_at(i);
	return packer_new(kinds);
}

struct held {
	struct packer *packer;
	struct entry *entry;
	struct kube_object object;
	struct arena arena;
};

static void hold(struct held *held, const char *json)
{
	struct fail fail = {0};
	json_t *object = kube_json_read(span_of(json), &fail);
	if (object == NULL)
		fail_msg("%s", fail.text);
	arena_init(&held->arena, ARENA_NO_LIMIT);
	held->packer = all_kinds();
	assert_true(entry_make(held->packer, cluster_kind(), object, &held->entry, &fail));
	entry_view(held->entry, cluster_kind(), &held->object);
	json_decref(object);
}

static void let_go(struct held *held)
{
	free(held->entry);
	packer_free(held->packer);
	arena_done(&held->arena);
}

static struct span document(struct held *held)
{
	struct span out;
	struct fail fail = {0};
	assert_true(kube_object_document(&held->object, &held->arena, &out, &fail));
	return out;
}

#define META(more) "\"metadata\":{\"name\":\"prod\",\"namespace\":\"fleet\",\"resourceVersion\":\"77\",\"uid\":\"u-1\"" more "}"

/* --- reading ------------------------------------------------------------------------------------------------------------ */

static void an_object_is_kept_whole(void **state)
{
	(void)state;
	struct held held;
	hold(&held, "{\"kind\":\"OmniCluster\",\"apiVersion\":\"omni.texashpc.com/v1alpha1\",\"spec\":{\"connectionRef\":{\"name\":\"omni\"},"
		    "\"name\":\"x\"},\"status\":{\"observedGeneration\":3},"
		    META(",\"generation\":4,\"creationTimestamp\":\"2026-01-02T03:04:05Z\",\"deletionTimestamp\":\"2026-01-02T03:04:06Z\","
			 "\"managedFields\":[{\"manager\":\"x\"}],\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"annotations\":{"
			 "\"omni.texashpc.com/suspend\":\"true\",\"omni.texashpc.com/applied-at\":\"now\","
			 "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"},"
			 "\"finalizers\":[\"omni.texas-hpc.org/finalizer\",\"foreign/f\"]") "}");
	const struct kube_object *o = &held.object;
	assert_span(o->ns, "fleet");
	assert_span(o->name, "prod");
	assert_span(o->uid, "u-1");
	assert_span(o->resource_version, "77");
	assert_span(o->reference, "omni");
	assert_int_equal(o->generation, 4);
	assert_int_equal(o->created_s, 1767323045);
	assert_int_equal(o->deleted_s, 1767323046);
	assert_true(!o->has_finalizer && o->has_legacy_finalizer && o->has_foreign_finalizers);
	assert_span(document(&held), "{\"apiVersion\":\"omni.texashpc.com/v1alpha1\",\"kind\":\"OmniCluster\",\"metadata\":{\"annotations\":{"
				     "\"omni.texashpc.com/suspend\":\"true\"},\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"name\":\"prod\","
				     "\"namespace\":\"fleet\"},\"spec\":{\"connectionRef\":{\"name\":\"omni\"},\"name\":\"x\"}}");
	json_t *status = kube_object_status(o), *annotations = kube_object_annotations(o), *finalizers = kube_object_finalizers(o);
	assert_int_equal(json_integer_value(json_object_get(status, "observedGeneration")), 3);
	assert_int_equal(json_object_size(annotations), 3);
	assert_int_equal(json_array_size(finalizers), 2);
	json_decref(status);
	json_decref(annotations);
	json_decref(finalizers);
	let_go(&held);
}

static void what_is_absent_is_empty(void **state)
{
	(void)state;
	struct held held;
	hold(&held, "{\"metadata\":{\"name\":\"prod\",\"resourceVersion\":\"1\",\"annotations\":{\"omni.texashpc.com/drift\":\"x\"},\"labels\":null},"
		    "\"spec\":{},\"status\":null}");
	assert_span(document(&held), "{\"apiVersion\":\"omni.texashpc.com/v1alpha1\",\"kind\":\"OmniCluster\",\"metadata\":{\"labels\":null,"
				     "\"name\":\"prod\"},\"spec\":{}}");
	json_t *status = kube_object_status(&held.object), *finalizers = kube_object_finalizers(&held.object);
	assert_true(json_is_object(status) && json_object_size(status) == 0);
	assert_true(json_is_array(finalizers) && json_array_size(finalizers) == 0);
	json_decref(status);
	json_decref(finalizers);
	assert_int_equal(held.object.reference.len + held.object.ns.len + held.object.uid.len, 0);
	assert_true(held.object.created_s == 0 && held.object.deleted_s == 0);
	let_go(&held);
}

static void what_is_no_object_is_refused(void **state)
{
	(void)state;
	const char *const none[] = {"{}", "{\"metadata\":{}}", "{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"name\":7,\"resourceVersion\":\"1\"}}"};
	struct packer *packer = all_kinds();
	for (size_t i = 0; i < 4; i++) {
		struct fail fail = {0};
		struct entry *entry = NULL;
		json_t *object = kube_json_read(span_of(none[i]), NULL);
		assert_false(entry_make(packer, cluster_kind(), object, &entry, &fail));
		assert_int_equal(fail.code, FAIL_PROTOCOL);
		json_decref(object);
	}
	packer_free(packer);
}

/* --- identity ------------------------------------------------------------------------------------------------------------ */

enum { CONTENT = 1, STATUS = 2, ANNOTATIONS = 4 };

static void changes_show_where_they_belong(void **state)
{
	(void)state;
	static const char base[] = "{\"spec\":{\"a\":1,\"b\":2}," META("") "}";
	static const struct {
		const char *json;
		int differs;
	} rows[] = {
		{"{" META("") ",\"spec\":{\"b\":2,\"a\":1}}", 0},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"generation\":9,\"finalizers\":[\"x\"],\"managedFields\":[]") "}", 0},
		{"{\"spec\":{\"a\":1,\"b\":2},\"status\":{\"x\":1}," META("") "}", STATUS},
		{"{\"spec\":{\"a\":1,\"b\":3}," META("") "}", CONTENT},
		{"{\"spec\":{\"a\":1,\"b\":2.0}," META("") "}", CONTENT},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"labels\":{\"x\":\"y\"}") "}", CONTENT},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"omni.texashpc.com/approve\":\"y\"}") "}", CONTENT | ANNOTATIONS},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"omni.texashpc.com/allow-destroy\":\"y\"}") "}", CONTENT | ANNOTATIONS},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"omni.texashpc.com/requested-at\":\"1\"}") "}", ANNOTATIONS},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"reconcile.fluxcd.io/requestedAt\":\"1\"}") "}", ANNOTATIONS},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"link.argocd.argoproj.io/omni\":\"1\"}") "}", ANNOTATIONS},
		{"{\"spec\":{\"a\":1,\"b\":2}," META(",\"annotations\":{\"omni.texashpc.com/sync-state\":\"InSync\"}") "}", ANNOTATIONS},
	};
	struct held held, other;
	hold(&held, base);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		hold(&other, rows[i].json);
		int differs = (memcmp(held.object.content_id, other.object.content_id, KUBE_CONTENT_ID) != 0 ? CONTENT : 0) |
			      (memcmp(held.object.status_id, other.object.status_id, KUBE_CONTENT_ID) != 0 ? STATUS : 0) |
			      (memcmp(held.object.annotations_id, other.object.annotations_id, KUBE_CONTENT_ID) != 0 ? ANNOTATIONS : 0);
		if (differs != rows[i].differs)
			fail_msg("%s: differs %d, should be %d", rows[i].json, differs, rows[i].differs);
		let_go(&other);
	}
	let_go(&held);
}

/* --- numbers and odd texts ------------------------------------------------------------------------------------------------- */

static const struct node *spec_of(struct held *held)
{
	struct load_document *documents = NULL;
	size_t count = 0;
	struct diag_list diags = {0};
	struct diag_at at = {.list = &diags, .file = SPAN("x.json")};
	assert_true(load_yaml(&held->arena, document(held), LOAD_AUTO, &LOAD_LIMITS_DEFAULT, &at, &documents, &count));
	assert_int_equal(count, 1);
	const struct node *spec = node_get(&documents[0].root, "spec");
	assert_non_null(spec);
	return spec;
}

static void numbers_read_back_as_they_were(void **state)
{
	(void)state;
	unsigned x = 1;
	for (int i = 0; i < 400; i++) {
		uint64_t bits = 0;
		double value, back;
		char json[256];
		struct held held;
		for (int k = 0; k < 4; k++, x = x * 1664525 + 1013904223)
			bits = bits << 16 | x >> 16;
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		snprintf(json, sizeof json, "{\"spec\":{\"v\":%.17g}," META("") "}", value);
		hold(&held, json);
		const struct node *node = node_get(spec_of(&held), "v");
		back = strtod(node_text(node).ptr, NULL);
		if (memcmp(&back, &value, sizeof back) != 0)
			fail_msg("%.17g became %.17g (%.*s)", value, back, SPAN_ARG(node_text(node)));
		let_go(&held);
	}
}

static void integers_keep_their_digits(void **state)
{
	(void)state;
	const char *const numbers[] = {"0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808"};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char json[256];
		struct held held;
		snprintf(json, sizeof json, "{\"spec\":{\"v\":%s}," META("") "}", numbers[i]);
		hold(&held, json);
		const struct node *node = node_get(spec_of(&held), "v");
		assert_true(node_is(node, NODE_INT));
		assert_span(node_text(node), numbers[i]);
		let_go(&held);
	}
}

/* What Go writes for floating-point numbers up to 10^21 looks like an integer. */
static void integers_beyond_64_bits_are_real(void **state)
{
	(void)state;
	struct held held;
	hold(&held, "{\"spec\":{\"v\":[18446744073709552000,-100000000000000000000,9223372036854775807,\"99999999999999999999\"]}," META("") "}");
	json_t *object = kube_json_read(document(&held), NULL), *list = json_object_get(json_object_get(object, "spec"), "v");
	assert_true(json_is_real(json_array_get(list, 0)) && json_real_value(json_array_get(list, 0)) == 18446744073709551616.0);
	assert_true(json_is_real(json_array_get(list, 1)));
	assert_true(json_integer_value(json_array_get(list, 2)) == INT64_MAX);
	assert_string_equal(json_string_value(json_array_get(list, 3)), "99999999999999999999");
	json_decref(object);
	let_go(&held);
}

static void zero_bytes_hide_nothing(void **state)
{
	(void)state;
	struct held held;
	hold(&held, "{\"spec\":{\"a\\u0000b\":\"x\\u0000\\\\u0000\\\"\",\"c\":7}," META("") "}");
	assert_true(span_ends(document(&held), "\"spec\":{\"a\xEF\xBF\xBD" "b\":\"x\xEF\xBF\xBD\\\\u0000\\\"\",\"c\":7}}"));
	let_go(&held);
}

/* Deeper than rendering takes, and deeper than the parser takes: the rest of the object is there. */
static void depth_has_an_end(void **state)
{
	(void)state;
	struct text json;
	struct held held;
	text_init(&json, TEXT_NO_LIMIT);
	text_adds(&json, "{\"spec\":{\"deep\":");
	for (int i = 0; i < 6000; i++)
		text_adds(&json, i % 2 == 0 ? "[" : "{\"]\\\"{\":");
	text_adds(&json, "1");
	for (int i = 5999; i >= 0; i--)
		text_adds(&json, i % 2 == 0 ? "]" : "}");
	text_adds(&json, ",\"here\":2}," META("") "}");
	hold(&held, json.ptr);
	assert_true(span_ends(document(&held), ",\"here\":2}}"));
	assert_true(document(&held).len > 512 * 2);
	let_go(&held);
	text_done(&json);
}

static void what_is_not_json_is_said(void **state)
{
	(void)state;
	const char *const wrong[] = {"", "{", "nonsense", "{\"a\":}", "{\"a\":\"\\", "[1,2", "{\"a\":1}x", "\"\\u00"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct fail fail = {0};
		assert_null(kube_json_read(span_of(wrong[i]), &fail));
		assert_int_equal(fail.code, FAIL_PROTOCOL);
		assert_true(strlen(fail.text) > 10);
	}
}

/* --- size ------------------------------------------------------------------------------------------------------------------- */

static void an_object_of_a_fleet_is_small(void **state)
{
	(void)state;
	struct held held;
	hold(&held,
	     "{\"apiVersion\":\"omni.texashpc.com/v1alpha1\",\"kind\":\"OmniMachine\","
	     "\"metadata\":{\"name\":\"edge-0417-machine-12\",\"namespace\":\"fleet-07\",\"uid\":\"8f14e45f-ceea-467f-a8d5-3c1f0b9a7d21\","
	     "\"resourceVersion\":\"1048576\",\"generation\":2,\"creationTimestamp\":\"2026-03-04T05:06:07Z\","
	     "\"finalizers\":[\"omni.texashpc.com/finalizer\"],\"labels\":{\"app.kubernetes.io/instance\":\"edge-0417\"}},"
	     "\"spec\":{\"clusterRef\":{\"name\":\"edge-0417\"},\"machineID\":\"1b4e28ba-2fa1-11d2-883f-0016d3cca427\",\"patches\":[{\"name\":"
	     "\"network\",\"inline\":{\"machine\":{\"network\":{\"hostname\":\"edge-0417-12\",\"interfaces\":[{\"interface\":\"eth0\",\"addresses\":"
	     "[\"10.41.17.12/24\"],\"routes\":[{\"network\":\"0.0.0.0/0\",\"gateway\":\"10.41.17.1\"}]}],\"nameservers\":[\"10.0.0.53\","
	     "\"10.0.1.53\"]},\"nodeLabels\":{\"topology.kubernetes.io/zone\":\"store-0417\"},\"install\":{\"disk\":\"/dev/nvme0n1\"}}}}]},"
	     "\"status\":{\"observedGeneration\":2,\"clusterRef\":\"edge-0417\",\"machineID\":\"1b4e28ba-2fa1-11d2-883f-0016d3cca427\","
	     "\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\",\"observedGeneration\":2,\"reason\":\"Accepted\",\"message\":\"it is part of "
	     "the cluster edge-0417\",\"lastTransitionTime\":\"2026-03-04T05:06:09Z\"},{\"type\":\"Ready\",\"status\":\"True\","
	     "\"observedGeneration\":2,\"reason\":\"Ready\",\"message\":\"the machine is as declared\",\"lastTransitionTime\":"
	     "\"2026-03-04T05:16:10Z\"}]}}");
	print_message("# %u bytes of %u\n", held.entry->size, held.object.packed->len);
	assert_true(held.entry->size < 16u * 1024 * 1024 / 25000 - 48); /* the rest: what malloc adds */
	let_go(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_kept_whole),
		cmocka_unit_test(what_is_absent_is_empty),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(changes_show_where_they_belong),
		cmocka_unit_test(numbers_read_back_as_they_were),
		cmocka_unit_test(integers_keep_their_digits),
		cmocka_unit_test(integers_beyond_64_bits_are_real),
		cmocka_unit_test(zero_bytes_hide_nothing),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(what_is_not_json_is_said),
		cmocka_unit_test(an_object_of_a_fleet_is_small),
	};
	return RUN_TESTS(tests);
}
