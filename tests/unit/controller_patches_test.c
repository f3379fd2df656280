/* What is sent for an object: no more than has to change, and of what is not ours nothing. And what of it the cache shows. */
#include <string.h>

#include "agent/controller/finalizers.h"
#include "agent/controller/patches.h"
#include "base/digest.h"
#include "crds/kinds.h"
#include "tests/unit/test.h"

static json_t *read_json(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(json);
	return json;
}

static void assert_json(const json_t *is, const char *expected)
{
	json_t *should = read_json(expected);
	if (!json_equal(is, should)) {
		char *text = json_dumps(is, JSON_SORT_KEYS | JSON_ENCODE_ANY);
		fail_msg("is %s, should be %s", text, expected);
	}
	json_decref(should);
}

/* --- finalizers --------------------------------------------------------------------------------------------------------- */

static void assert_finalizers(const char *before, const char *with, const char *without)
{
	json_t *list = read_json(before), *more = finalizers_with(list), *less = finalizers_without(list);
	assert_json(more, with);
	assert_json(less, without);
	assert_json(list, before);
	json_decref(list);
	json_decref(more);
	json_decref(less);
}

static void finalizers_of_others_stay_and_the_old_name_counts(void **state)
{
	(void)state;
	assert_finalizers("[]", "[\"omni.texashpc.com/finalizer\"]", "[]");
	assert_finalizers("null", "[\"omni.texashpc.com/finalizer\"]", "[]");
	assert_finalizers("[\"a/b\"]", "[\"a/b\",\"omni.texashpc.com/finalizer\"]", "[\"a/b\"]");
	assert_finalizers("[\"omni.texas-hpc.org/finalizer\",\"a/b\"]", "[\"omni.texas-hpc.org/finalizer\",\"a/b\"]", "[\"a/b\"]");
	assert_finalizers("[\"omni.texas-hpc.org/finalizer\",\"omni.texashpc.com/finalizer\"]",
			  "[\"omni.texas-hpc.org/finalizer\",\"omni.texashpc.com/finalizer\"]", "[]");
}

static void a_list_is_written_for_one_version_of_one_object_only(void **state)
{
	struct seen seen;
	(void)state;
	json_t *object = read_json("{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\",\"finalizers\":[\"x\"]}}");
	seen_take_answer(&seen, object);
	struct patch patch = patch_finalizers(&seen, finalizers_with(seen.finalizers));
	assert_string_equal(patch.content_type, "application/merge-patch+json");
	assert_json(patch.body, "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\","
				"\"finalizers\":[\"x\",\"omni.texashpc.com/finalizer\"]}}");
	json_decref(patch.body);
	seen_done(&seen);
	json_decref(object);
}

/* --- statuses ------------------------------------------------------------------------------------------------------------- */

#define READY "{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Synced\",\"message\":\"m\"}"
#define UNREADY "{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"SyncFailed\",\"message\":\"m\"}"
#define SYNCED "{\"type\":\"Synced\",\"status\":\"True\",\"reason\":\"Synced\",\"message\":\"m\"}"
#define FOREIGN "{\"type\":\"Audited\",\"status\":\"True\",\"reason\":\"Fine\",\"message\":\"m\"}"

/* content_type NULL: nothing is to be sent. */
static void assert_status(const char *observed, const char *desired, const char *content_type, const char *body)
{
	struct seen seen;
	json_t *object = json_pack("{s:{s:s,s:s},s:o}", "metadata", "uid", "u", "resourceVersion", "7", "status", read_json(observed));
	json_t *status = read_json(desired);
	seen_take_answer(&seen, object);
	struct patch patch = patch_status(&seen, &KIND_CLUSTER, SPAN("pier"), status);
	if (content_type == NULL) {
		assert_null(patch.body);
	} else {
		assert_non_null(patch.body);
		assert_string_equal(patch.content_type, content_type);
		assert_string_equal(patch.subresource, "/status");
		assert_json(patch.body, body);
	}
	json_decref(patch.body);
	json_decref(status);
	json_decref(object);
	seen_done(&seen);
}

#define APPLIED(status)                                                                                                \
	"{\"apiVersion\":\"omni.texashpc.com/v1alpha1\",\"kind\":\"OmniCluster\",\"metadata\":{\"name\":\"pier\",\"uid\":\"u\"}," \
	"\"status\":" status "}"

static void what_is_so_already_is_not_written(void **state)
{
	(void)state;
	assert_status("{\"a\":1,\"conditions\":[" READY "]}", "{\"a\":1,\"conditions\":[" READY "]}", NULL, NULL);
	assert_status("{\"conditions\":[" SYNCED "," FOREIGN "," READY "]}", "{\"conditions\":[" READY "," SYNCED "]}", NULL, NULL);
	assert_status("{}", "{}", NULL, NULL);
	assert_status("{\"conditions\":[" FOREIGN "]}", "{}", NULL, NULL);
}

static void a_status_is_applied_whole_without_what_is_not_ours(void **state)
{
	(void)state;
	assert_status("{\"a\":1,\"conditions\":[" FOREIGN "," UNREADY "]}", "{\"a\":2,\"b\":3,\"conditions\":[" FOREIGN "," READY "]}",
		      "application/apply-patch+yaml", APPLIED("{\"a\":2,\"b\":3,\"conditions\":[" READY "]}"));
	assert_status("{\"a\":1}", "{\"a\":1,\"conditions\":[" READY "]}", "application/apply-patch+yaml",
		      APPLIED("{\"a\":1,\"conditions\":[" READY "]}"));
}

static void what_somebody_left_behind_is_removed_alone(void **state)
{
	(void)state;
	assert_status("{\"a\":1,\"old\":\"x\"}", "{\"a\":1}", "application/merge-patch+json",
		      "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{\"old\":null}}");
	assert_status("{\"conditions\":[" FOREIGN "," SYNCED "," READY "]}", "{\"conditions\":[" FOREIGN "," READY "]}",
		      "application/merge-patch+json",
		      "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{\"conditions\":[" FOREIGN "," READY "]}}");
}

static void annotations_are_changed_one_by_one(void **state)
{
	struct seen seen;
	(void)state;
	json_t *object = read_json("{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}");
	json_t *changes = read_json("{\"a\":\"1\",\"b\":null}"), *none = json_object();
	seen_take_answer(&seen, object);
	struct patch patch = patch_annotations(&seen, changes);
	assert_string_equal(patch.subresource, "");
	assert_json(patch.body, "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"a\":\"1\",\"b\":null}}}");
	assert_null(patch_annotations(&seen, none).body);
	json_decref(patch.body);
	json_decref(changes);
	json_decref(none);
	json_decref(object);
	seen_done(&seen);
}

/* --- echoes ----------------------------------------------------------------------------------------------------------------- */

static struct echo *answer(struct echo *echo, const char *version, const char *shown[], size_t count)
{
	uint64_t digests[4];
	json_t *object = json_pack("{s:{s:s}}", "metadata", "resourceVersion", version);
	for (size_t i = 0; i < count; i++)
		digests[i] = digest_local(span_of(shown[i]));
	echo = echo_take(echo, object, digests, count, 1000);
	json_decref(object);
	return echo;
}

static const char *version_of(const struct echo *echo, int64_t now_ms)
{
	const json_t *object = echo_object(echo, now_ms);
	return object == NULL ? "none" : json_string_value(json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
}

static void our_writes_count_before_the_cache_shows_them(void **state)
{
	const char *five[] = {"5"};
	(void)state;
	struct echo *echo = answer(NULL, "6", five, 1);
	echo = answer(echo, "7", five, 1);
	assert_string_equal(version_of(echo, 1001), "7");
	assert_true(echo_is_own(echo, SPAN("6")));
	assert_false(echo_is_own(echo, SPAN("5")));
	echo = echo_see(echo, SPAN("6"));
	assert_string_equal(version_of(echo, 1001), "7");
	assert_null(echo_see(echo, SPAN("7")));
}

static void the_cache_counts_when_it_is_as_far_or_somebody_else_wrote(void **state)
{
	const char *later[] = {"5", "6", "9"}, *five[] = {"5"};
	(void)state;
	assert_null(answer(NULL, "6", later, 3));
	assert_null(answer(NULL, "5", five, 1));
	assert_null(echo_see(answer(NULL, "6", five, 1), SPAN("8")));
}

static void an_echo_that_never_comes_is_given_up(void **state)
{
	const char *five[] = {"5"};
	(void)state;
	struct echo *echo = answer(NULL, "6", five, 1);
	assert_string_equal(version_of(echo, 999 + ECHO_MS), "6");
	assert_string_equal(version_of(echo, 1000 + ECHO_MS), "none");
	for (char version[] = "a"; *version <= 'z'; ++*version)
		echo = answer(echo, version, five, 1);
	assert_string_equal(version_of(echo, 1001), "z");
	echo_free(echo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finalizers_of_others_stay_and_the_old_name_counts),
		cmocka_unit_test(a_list_is_written_for_one_version_of_one_object_only),
		cmocka_unit_test(what_is_so_already_is_not_written),
		cmocka_unit_test(a_status_is_applied_whole_without_what_is_not_ours),
		cmocka_unit_test(what_somebody_left_behind_is_removed_alone),
		cmocka_unit_test(annotations_are_changed_one_by_one),
		cmocka_unit_test(our_writes_count_before_the_cache_shows_them),
		cmocka_unit_test(the_cache_counts_when_it_is_as_far_or_somebody_else_wrote),
		cmocka_unit_test(an_echo_that_never_comes_is_given_up),
	};
	return RUN_TESTS(tests);
}
