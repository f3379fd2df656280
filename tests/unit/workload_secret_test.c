/* Secrets as the API has them, read and written. */
#include <stdlib.h>

#include "agent/workload/store_int.h"
#include "tests/unit/test.h"

static json_t *parse(const char *text)
{
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	return object;
}

static void assert_json(json_t *object, const char *expected)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, expected);
	free(text);
}

#define HEAD "\"metadata\": {\"namespace\": \"a\", \"name\": \"b\", \"uid\": \"u\", \"resourceVersion\": \"7\""

static void every_field_is_read(void **state)
{
	(void)state;
	struct arena arena;
	struct stored_secret secret;
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	json_t *object = parse("{" HEAD ", \"labels\": {\"l\": \"1\"}, \"annotations\": {\"n\": \"2\"}, \"deletionTimestamp\": \"x\"}, \"type\": \"t\","
			       " \"immutable\": true, \"data\": {\"z\": \"MQ==\", \"a\": \"AAEC\", \"B\": \"\", \"c\": null}}");
	assert_true(secret_from_json(object, &arena, &secret, NULL));
	secret_json_drop(&object);
	assert_span(secret.ns, "a");
	assert_span(secret.name, "b");
	assert_span(secret.uid, "u");
	assert_span(secret.resource_version, "7");
	assert_span(secret.type, "t");
	assert_true(secret.is_immutable && secret.is_deleted);
	assert_json(secret.labels, "{\"l\":\"1\"}");
	assert_json(secret.annotations, "{\"n\":\"2\"}");
	assert_int_equal(secret.entry_count, 4); /* in order of their bytes */
	assert_span(secret.entries[0].key, "B");
	assert_span(secret.entries[0].value, "");
	assert_span(secret.entries[1].key, "a");
	assert_int_equal(secret.entries[1].value.len, 3);
	assert_memory_equal(secret.entries[1].value.ptr, "\0\1\2", 3);
	assert_span(secret.entries[2].key, "c");
	assert_span(stored_secret_value(&secret, SPAN("z")), "1");
	assert_non_null(stored_secret_value(&secret, SPAN("B")).ptr); /* empty, but there */
	assert_null(stored_secret_value(&secret, SPAN("absent")).ptr);
	stored_secret_drop(&secret);
	arena_done(&arena);
}

static void what_is_no_secret_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"{}", "no Secret"},
		{"[]", "no Secret"},
		{"{\"metadata\": {\"name\": \"b\"}}", "no Secret"},
		{"{" HEAD "}, \"data\": {\"k\": \"!!\"}}", "the value of \"k\" is not base64"},
		{"{" HEAD "}, \"data\": {\"k\": 5}}", "the value of \"k\" is no text"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena arena;
		struct stored_secret secret;
		struct fail fail = {0};
		arena_init_wiping(&arena, ARENA_NO_LIMIT);
		json_t *object = parse(rows[i].text);
		assert_false(secret_from_json(object, &arena, &secret, &fail));
		assert_int_equal(fail.code, FAIL_PROTOCOL);
		assert_non_null(strstr(fail.text, rows[i].why));
		assert_null(strstr(fail.text, "!!")); /* values are not shown */
		secret_json_drop(&object);
		arena_done(&arena);
	}
}

static struct stored_secret some(struct secret_entry entries[2])
{
	entries[0] = (struct secret_entry){SPAN("a"), SPAN("\xff\1")};
	entries[1] = (struct secret_entry){SPAN("b"), SPAN("")};
	return (struct stored_secret){
		.ns = SPAN("ns"), .name = SPAN("n"), .entries = entries, .entry_count = 2, .labels = json_pack("{s:s}", "l", "1"),
	};
}

static void a_new_one_is_written(void **state)
{
	(void)state;
	struct secret_entry entries[2];
	struct stored_secret secret = some(entries);
	json_t *object = secret_to_json(&secret);
	assert_json(object, "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"/wE=\",\"b\":\"\"},\"kind\":\"Secret\","
			    "\"metadata\":{\"labels\":{\"l\":\"1\"},\"name\":\"n\",\"namespace\":\"ns\"},\"type\":\"Opaque\"}");
	secret_json_drop(&object);
	assert_null(object);
	stored_secret_drop(&secret);
}

static void what_others_added_stays(void **state)
{
	(void)state;
	struct secret_entry entries[2];
	struct stored_secret secret = some(entries);
	json_t *object = parse("{\"data\": {\"gone\": \"MQ==\"}, \"type\": \"t\", \"immutable\": false,"
			       " \"metadata\": {\"name\": \"n\", \"resourceVersion\": \"9\","
			       " \"finalizers\": [\"f\"], \"ownerReferences\": [{\"uid\": \"o\"}], \"annotations\": {\"theirs\": \"1\"}}}");
	secret.type = SPAN("t");
	secret_into_json(&secret, object);
	assert_json(object, "{\"data\":{\"a\":\"/wE=\",\"b\":\"\"},\"immutable\":false,\"metadata\":{\"finalizers\":[\"f\"],\"labels\":{\"l\":\"1\"},"
			    "\"name\":\"n\",\"ownerReferences\":[{\"uid\":\"o\"}],\"resourceVersion\":\"9\"},\"type\":\"t\"}");
	secret_json_drop(&object);
	stored_secret_drop(&secret);
}

static void names_are_looked_at_first(void **state)
{
	(void)state;
	static const struct secret_store_ops none = {0}; /* asked for anything it would fall over */
	struct secret_store store = {&none};
	struct arena arena;
	struct stored_secret secret = {.ns = SPAN("../x"), .name = SPAN("n")};
	struct fail fail = {0};
	struct span version;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_false(secret_store_read(&store, SPAN("a"), SPAN("b/c"), 0, &arena, &secret, &fail));
	assert_int_equal(fail.code, FAIL_INVALID);
	assert_non_null(strstr(fail.text, "\"b/c\" cannot be the name of a Secret"));
	assert_false(secret_store_write(&store, &secret, 0, &arena, &fail));
	assert_non_null(strstr(fail.text, "\"../x\" cannot be the name of a namespace"));
	assert_false(secret_store_try(&store, &secret, 0, &fail));
	assert_false(secret_store_remove(&store, SPAN(""), SPAN("b"), SPAN("u"), 0, &fail));
	secret_store_watch(&store, SPAN("A"), SPAN("b"), NULL, NULL);
	secret_store_unwatch(&store, SPAN("A"), SPAN("b"), NULL, NULL);
	assert_false(secret_store_seen(&store, SPAN("A"), SPAN("b"), &arena, &version));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(what_is_no_secret_is_refused),
		cmocka_unit_test(a_new_one_is_written),
		cmocka_unit_test(what_others_added_stays),
		cmocka_unit_test(names_are_looked_at_first),
	};
	return RUN_TESTS(tests);
}
