#include "agent/helm/values.h"

#include <string.h>

#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"

static json_t *json(const char *text)
{
	json_t *value = kube_json_read(span_of(text), NULL);
	if (value == NULL)
		fail_msg("no JSON: %s", text);
	return value;
}

static void same_and_not_the_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_equal;
	} rows[] = {
		{"{}", "{}", true},
		{"{\"a\":1}", "{\"a\":1.0}", true},
		{"{\"a\":10}", "{\"a\":1e1}", true},
		{"{\"a\":0}", "{\"a\":-0.0}", true},
		{"{\"a\":9007199254740993}", "{\"a\":9007199254740992}", true},
		{"{\"a\":18446744073709551616}", "{\"a\":1.8446744073709552e19}", true},
		{"{\"a\":null}", "{}", false},
		{"{\"a\":null}", "{\"a\":null}", true},
		{"{\"a\":\"1\"}", "{\"a\":1}", false},
		{"{\"a\":[1,2]}", "{\"a\":[2,1]}", false},
		{"{\"a\":[1,2]}", "{\"a\":[1,2,3]}", false},
		{"{\"a\":{\"b\":true,\"c\":\"x\"}}", "{\"a\":{\"c\":\"x\",\"b\":true}}", true},
		{"{\"a\":true}", "{\"a\":false}", false},
		{"{\"a\":{}}", "{\"a\":[]}", false},
		{"{\"a\":1}", "{\"b\":1}", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *a = json(rows[i].a), *b = json(rows[i].b);
		char x[VALUES_HASH_SIZE], y[VALUES_HASH_SIZE];
		values_hash(SPAN("c"), SPAN("1"), SPAN(""), a, x);
		values_hash(SPAN("c"), SPAN("1"), SPAN(""), b, y);
		if (values_equal(a, b) != rows[i].is_equal || values_equal(b, a) != rows[i].is_equal)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		if ((strcmp(x, y) == 0) != rows[i].is_equal)
			fail_msg("digests of %s and %s", rows[i].a, rows[i].b);
		json_decref(a);
		json_decref(b);
	}
}

static void the_digest_tells_everything_apart(void **state)
{
	static const struct {
		const char *chart, *version, *content;
	} rows[] = {{"c", "1.0.0", ""}, {"c1", ".0.0", ""}, {"c", "1.0.1", ""}, {"c", "1.0.0", "ab"}, {"c", "1.0.0", "ac"}};
	char hashes[COUNT_OF(rows)][VALUES_HASH_SIZE];
	json_t *values = json_object();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		values_hash(span_of(rows[i].chart), span_of(rows[i].version), span_of(rows[i].content), values, hashes[i]);
		assert_int_equal(strlen(hashes[i]), 40);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(hashes[i], hashes[k]);
	}
	json_decref(values);
}

static void written_for_a_reader_of_yaml(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"{\"b\":1,\"a\":[true,null,\"x\"]}", "{\"a\":[true,null,\"x\"],\"b\":1}"},
		{"{\"a\":1000000}", "{\"a\":1000000}"},
		{"{\"a\":0.1}", "{\"a\":0.1}"},
		{"{\"a\":1e300}", "{\"a\":1e+300}"},
		{"{\"a\":\"\\ud83d\\ude00 \\u00e9\"}", "{\"a\":\"\xF0\x9F\x98\x80 \xC3\xA9\"}"},
		{"{\"a\":\"\\u2028\\u0085\\ufeff\\u007f\\n\"}", "{\"a\":\"\\u2028\\u0085\\ufeff\\u007f\\u000a\"}"},
		{"{\"a\":\"\\/ \\\" \\\\\"}", "{\"a\":\"/ \\\" \\\\\"}"},
		{"{\"a\":\"---\\nb: 1\"}", "{\"a\":\"---\\u000ab: 1\"}"},
		{"{\"yes\":\"no\"}", "{\"yes\":\"no\"}"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_done) struct text out;
		json_t *values = json(rows[i].in);
		text_init(&out, TEXT_NO_LIMIT);
		values_write(&out, values);
		assert_string_equal(out.ptr, rows[i].out);
		json_t *again = json(out.ptr);
		assert_true(values_equal(values, again));
		json_decref(again);
		json_decref(values);
	}
}

static void merged_as_files_behind_each_other(void **state)
{
	static const struct {
		const char *into, *over, *out;
	} rows[] = {
		{"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":3},\"d\":4}", "{\"a\":{\"b\":1,\"c\":3},\"d\":4}"},
		{"{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}"},
		{"{\"a\":{\"b\":1}}", "{\"a\":null}", "{\"a\":null}"},
		{"{\"a\":1}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
		{"{}", "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":{}}}"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *into = json(rows[i].into), *over = json(rows[i].over), *out = json(rows[i].out);
		values_merge(into, over);
		if (!json_equal(into, out))
			fail_msg("row %zu", i);
		json_decref(into);
		json_decref(over);
		json_decref(out);
	}
}

static void from_the_text_of_a_config_map(void **state)
{
	CLEANUP(arena_done) struct arena arena;
	struct fail fail = {0};
	json_t *values, *expected = json("{\"a\":{\"b\":[1,\"x\",true,null]},\"on\":\"1.10\"}");
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(values_parse(SPAN("# text\na:\n  b: [1, x, yes, ~]\n\"on\": '1.10'\n"), &arena, &values, &fail));
	assert_true(values_equal(values, expected));
	json_decref(values);
	json_decref(expected);
	assert_true(values_parse(SPAN("# nothing\n"), &arena, &values, &fail));
	assert_int_equal(json_object_size(values), 0);
	json_decref(values);
	assert_false(values_parse(SPAN("[1]"), &arena, &values, &fail));
	assert_false(values_parse(SPAN("a: [1"), &arena, &values, &fail));
	assert_false(values_parse(SPAN("a: 1\n---\nb: 2\n"), &arena, &values, &fail));
}

static void what_helm_would_change(void **state)
{
	CLEANUP(arena_done) struct arena arena;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	static const struct {
		const char *values, *path;
	} rows[] = {{"{\"a\":1,\"b\":9007199254740992}", ""},
		    {"{\"a\":{\"b\":[1,9007199254740993]}}", "a.b.1"},
		    {"{\"n\":9223372036854775807}", "n"},
		    {"{\"n\":-9223372036854775808}", ""}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *values = json(rows[i].values);
		assert_span(values_inexact(values, &arena), rows[i].path);
		json_decref(values);
	}
}

static void what_cannot_be_handed_on(void **state)
{
	struct fail fail = {0};
	(void)state;
	json_t *values = json("[]");
	assert_false(values_check(values, &fail));
	assert_string_equal(fail.text, "helm release values must be a JSON object");
	json_decref(values);

	char key[VALUES_KEY + 2];
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	values = json_pack("{s:{s:i}}", "a", key, 1);
	assert_false(values_check(values, &fail));
	json_decref(values);

	json_t *deep = json_integer(1);
	for (size_t i = 0; i < VALUES_DEPTH; i++)
		deep = json_pack("{s:o}", "a", deep);
	assert_true(values_check(deep, &fail));
	deep = json_pack("{s:o}", "a", deep);
	assert_false(values_check(deep, &fail));
	assert_non_null(strstr(fail.text, "deeper"));
	json_decref(deep);

	char *big = calloc(1, VALUES_BYTES + 1);
	memset(big, 'x', VALUES_BYTES);
	values = json_pack("{s:s}", "a", big);
	assert_false(values_check(values, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	json_decref(values);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_and_not_the_same),
		cmocka_unit_test(the_digest_tells_everything_apart),
		cmocka_unit_test(written_for_a_reader_of_yaml),
		cmocka_unit_test(merged_as_files_behind_each_other),
		cmocka_unit_test(from_the_text_of_a_config_map),
		cmocka_unit_test(what_helm_would_change),
		cmocka_unit_test(what_cannot_be_handed_on),
	};
	return RUN_TESTS(tests);
}
