#include "agent/helm/records.h"

#include <string.h>

#include "agent/helm/records_int.h"
#include "agent/helm/values.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "tests/unit/test.h"

/* Records that Helm 3 and Helm 4 wrote: tests/golden/helm/README.md. */
static const char *const majors[] = {"v3", "v4"};

struct place {
	struct arena arena;
	json_t *json;
};

static int begin(void **state)
{
	static struct place place;
	arena_init(&place.arena, ARENA_NO_LIMIT);
	place.json = NULL;
	*state = &place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;
	json_decref(place->json);
	arena_done(&place->arena);
	return 0;
}

static json_t *load(struct place *place, const char *major, const char *which)
{
	struct span text, path = arena_spanf(&place->arena, "tests/golden/helm/%s-%s.json", major, which);
	struct fail fail = {0};
	if (!files_read(&place->arena, path.ptr, 1 << 20, &text, &fail))
		fail_msg("%s", fail.text);
	json_decref(place->json);
	place->json = kube_json_read(text, &fail);
	assert_non_null(place->json);
	return place->json;
}

static struct record read_record(struct place *place, const json_t *secret)
{
	const struct record_limits limits = RECORD_LIMITS;
	struct record record;
	struct fail fail = {0};
	if (!record_read(secret, &limits, &place->arena, &record, &fail))
		fail_msg("%s", fail.text);
	return record;
}

static void labels_of_all(void **state)
{
	struct place *place = *state;
	for (size_t i = 0; i < COUNT_OF(majors); i++) {
		struct record_list list;
		struct fail fail = {0};
		assert_true(records_parse(load(place, majors[i], "list"), SPAN("web"), &place->arena, &list, &fail));
		assert_int_equal(list.count, 3);
		assert_int_equal(list.heads[0].status, RELEASE_SUPERSEDED);
		assert_span(list.heads[0].hash, "abc");
		assert_span(list.heads[0].instance, "0123456789abcdef");
		const struct record_head *latest = records_latest(&list), *deployed = records_deployed(&list);
		assert_int_equal(latest->revision, 3);
		assert_int_equal(latest->status, RELEASE_PENDING_UPGRADE);
		assert_span(latest->secret, "sh.helm.release.v1.web.v3");
		/* Helm handed the labels on to what was done by hand. */
		assert_span(latest->hash, "");
		assert_int_equal(deployed->revision, 2);
		assert_span(deployed->hash, "");
		assert_true(list.resource_version.len > 0);
	}
}

static json_t *head(const char *name, const char *owner, const char *release, const char *status)
{
	return json_pack("{s:{s:s, s:{s:s, s:s, s:s}}}", "metadata", "name", name, "labels", "owner", owner, "name", release, "status", status);
}

static void order_by_number_and_only_ours(void **state)
{
	struct place *place = *state;
	place->json = json_pack("{s:{s:s}, s:[o, o, o, o, o, o]}", "metadata", "resourceVersion", "7", "items",
				head("sh.helm.release.v1.web.v10", "helm", "web", "failed"),
				head("sh.helm.release.v1.web.v9", "helm", "web", "deployed"),
				head("sh.helm.release.v1.web.v11x", "helm", "web", "deployed"),
				head("sh.helm.release.v1.webs.v12", "helm", "web", "deployed"),
				head("sh.helm.release.v1.web.v13", "helm", "other", "deployed"),
				head("sh.helm.release.v1.web.v14", "me", "web", "deployed"));
	struct record_list list;
	struct fail fail = {0};
	assert_true(records_parse(place->json, SPAN("web"), &place->arena, &list, &fail));
	assert_int_equal(list.count, 2);
	assert_int_equal(records_latest(&list)->revision, 10);
	assert_int_equal(records_deployed(&list)->revision, 9);
}

static void lists_that_are_none(void **state)
{
	struct place *place = *state;
	struct record_list list;
	struct fail fail = {0};
	place->json = json_pack("{s:s}", "kind", "Status");
	assert_false(records_parse(place->json, SPAN("web"), &place->arena, &list, &fail));
	assert_int_equal(fail.code, FAIL_PROTOCOL);
	json_object_set_new(place->json, "items", json_array());
	json_object_set_new(place->json, "metadata", json_pack("{s:s}", "continue", "more"));
	assert_false(records_parse(place->json, SPAN("web"), &place->arena, &list, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
}

static void content_of_both_majors(void **state)
{
	struct place *place = *state;
	for (size_t i = 0; i < COUNT_OF(majors); i++) {
		struct record record = read_record(place, load(place, majors[i], "1"));
		assert_span(record.name, "web");
		assert_span(record.chart_name, "greeting");
		assert_span(record.chart_version, "1.2.0");
		assert_span(record.description, "Install complete");
		assert_int_equal(record.status, RELEASE_SUPERSEDED);
		assert_int_equal(record.revision, 1);
		assert_int_equal(record.is_server_side, i == 1);
		assert_int_equal(record.hook_count, 1);
		assert_true(record.last_deployed_s > 1795000000);
		assert_true(span_contains(record.manifest, "name: web-text"));
		json_t *values = json_pack("{s:s, s:{s:[i, f, n, b], s:I}}", "message", "one <b>", "nested", "list", 1, 2.5, 1, "big",
					   (json_int_t)9007199254740993);
		assert_true(values_equal(record.config, values));
		json_decref(values);
		record = read_record(place, load(place, majors[i], "2"));
		assert_int_equal(json_object_size(record.config), 0); /* there is none in it */
	}
}

static void unlocking_changes_two_values(void **state)
{
	struct place *place = *state;
	const struct record_limits limits = RECORD_LIMITS;
	for (size_t i = 0; i < COUNT_OF(majors); i++) {
		CLEANUP(text_done) struct text before = {0};
		CLEANUP(text_done) struct text after = {0};
		struct fail fail = {0};
		json_t *secret = load(place, majors[i], "3");
		text_init(&before, TEXT_NO_LIMIT);
		text_init(&after, TEXT_NO_LIMIT);
		assert_true(record_unpack(secret, &limits, &before, &fail));
		if (!record_unlock_edit(secret, &limits, &place->arena, &fail))
			fail_msg("%s", fail.text);
		assert_true(record_unpack(secret, &limits, &after, &fail));
		struct record record = read_record(place, secret);
		assert_int_equal(record.status, RELEASE_FAILED);
		assert_true(span_contains(record.description, "pending-upgrade"));
		const json_t *labels = json_object_get(json_object_get(secret, "metadata"), "labels");
		assert_span(kube_json_text(labels, "status"), "failed");
		assert_span(kube_json_text(labels, "owner"), "helm");
		assert_null(json_object_get(labels, RELEASE_HASH_LABEL));
		/* Byte for byte the same in front of and behind the two. */
		const char *end_before = strstr(before.ptr, ",\"notes\":"), *end_after = strstr(after.ptr, ",\"notes\":");
		assert_string_equal(end_before, end_after);
		size_t front = (size_t)(strstr(before.ptr, "\"description\":") - before.ptr);
		assert_memory_equal(before.ptr, after.ptr, front);
		assert_false(record_unlock_edit(secret, &limits, &place->arena, &fail));
		assert_int_equal(fail.code, FAIL_PRECONDITION);
	}
}

static json_t *secret_of(const char *name, const char *json)
{
	const struct record_limits limits = RECORD_LIMITS;
	CLEANUP(text_done) struct text packed;
	struct fail fail = {0};
	text_init(&packed, TEXT_NO_LIMIT);
	assert_true(record_pack(span_of(json), &limits, &packed, &fail));
	return json_pack("{s:{s:s, s:{}}, s:{s:s}}", "metadata", "name", name, "labels", "data", "release", packed.ptr);
}

static void a_record_without_description(void **state)
{
	struct place *place = *state;
	const struct record_limits limits = RECORD_LIMITS;
	struct fail fail = {0};
	place->json = secret_of("sh.helm.release.v1.a.v1", "{\"name\":\"a\",\"info\":{\"status\":\"pending-install\"},\"version\":1}");
	assert_true(record_unlock_edit(place->json, &limits, &place->arena, &fail));
	struct record record = read_record(place, place->json);
	assert_int_equal(record.status, RELEASE_FAILED);
	assert_true(span_starts(record.description, "Marked as failed"));
}

static void expect_damage(struct place *place, json_t *secret, enum fail_code code, const char *text)
{
	const struct record_limits limits = {4096, 2048, 8192};
	struct record record;
	struct fail fail = {0};
	json_decref(place->json);
	place->json = secret;
	if (record_read(secret, &limits, &place->arena, &record, &fail))
		fail_msg("it is read, although: %s", text);
	if (strstr(fail.text, text) == NULL || fail.code != code)
		fail_msg("%s: «%s» instead of «%s»", fail_name(fail.code), fail.text, text);
}

static json_t *plain(const char *data)
{
	return json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", "sh.helm.release.v1.a.v1", "data", "release", data);
}

static void damage_is_told(void **state)
{
	struct place *place = *state;
	static char bomb[9000], deep[3000];
	memset(bomb, ' ', sizeof bomb - 1);
	memset(deep, '[', sizeof deep - 1);
	expect_damage(place, json_object(), FAIL_INVALID, "no key \"release\"");
	expect_damage(place, plain("!!!!"), FAIL_INVALID, "outer base64");
	expect_damage(place, plain("ISEhIQ=="), FAIL_INVALID, "inner base64");
	expect_damage(place, plain("SDRzSUFBQUE="), FAIL_INVALID, "gzip");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", bomb), FAIL_TOO_BIG, "when it is unpacked");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", deep), FAIL_INVALID, "JSON cannot be read");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", "{\"name\":\"a\",\"version\":2}"), FAIL_INVALID, "another release or revision");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", "{\"name\":\"b\",\"version\":1}"), FAIL_INVALID, "another release or revision");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", "{\"name\":\"a\",\"version\":1,\"config\":[]}"), FAIL_INVALID, "\"config\"");
	expect_damage(place, secret_of("sh.helm.release.v1.a.v1", "{\"name\":\"a\",\"version\":1"), FAIL_INVALID, "JSON cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(labels_of_all, begin, end),
		cmocka_unit_test_setup_teardown(order_by_number_and_only_ours, begin, end),
		cmocka_unit_test_setup_teardown(lists_that_are_none, begin, end),
		cmocka_unit_test_setup_teardown(content_of_both_majors, begin, end),
		cmocka_unit_test_setup_teardown(unlocking_changes_two_values, begin, end),
		cmocka_unit_test_setup_teardown(a_record_without_description, begin, end),
		cmocka_unit_test_setup_teardown(damage_is_told, begin, end),
	};
	return RUN_TESTS(tests);
}
