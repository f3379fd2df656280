#include <stdio.h>
#include <string.h>

#include "agent/helm/version.h"
#include "tests/unit/test.h"

static void one_version_or_a_range(void **state)
{
	static const struct {
		const char *text;
		bool is_exact;
	} rows[] = {
		{"1.2.3", true},   {"v1.2.3", true},  {"1.2.3-rc.1", true}, {"1.2.3+b1", true}, {"1.2.3_b1", true}, {"1.2", false},
		{"1", false},	   {"1.2.x", false},  {"^1.2.3", false},    {"*", false},	  {"", false},	    {"latest", false},
		{" 1.2.3", false}, {"1.2.3 ", false}, {">=1.0.0", false},   {"1.2.3.4", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (version_is_exact(span_of(rows[i].text)) != rows[i].is_exact)
			fail_msg("\"%s\" %s one version", rows[i].text, rows[i].is_exact ? "is not" : "is");
}

static void the_same_version(void **state)
{
	static const struct {
		const char *want, *have;
		bool is_equal;
	} rows[] = {
		{"1.2.3", "1.2.3", true},	  {"v1.2.3", "1.2.3", true},   {"1.2.3", "v1.2.3", true},
		{"1.2.3+b1", "1.2.3_b1", true},	  {"1.2.3", "1.2.3+b1", false}, {"1.2.3-rc.1", "1.2.3", false},
		{"1.2", "1.2.0", false},	  {"latest", "latest", true},  {"1.2.3+b1", "1.2.3+b2", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (version_equal(span_of(rows[i].want), span_of(rows[i].have)) != rows[i].is_equal)
			fail_msg("%s and %s", rows[i].want, rows[i].have);
}

static void precedence(void **state)
{
	static const char *const rising[] = {"latest",	  "1.0.0-1",   "1.0.0-2",    "1.0.0-11",  "1.0.0-alpha", "1.0.0-alpha.1",
					     "1.0.0-beta", "1.0.0-rc.2", "1.0.0-rc.10", "v1.0.0",	  "1.0.1",	 "1.10.0", "2.0.0"};
	(void)state;
	for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
		for (size_t k = 0; k < sizeof rising / sizeof *rising; k++)
			if (version_compare(span_of(rising[i]), span_of(rising[k])) != (i < k ? -1 : i > k))
				fail_msg("%s beside %s", rising[i], rising[k]);
	assert_int_equal(version_compare(SPAN("1.0.0+a"), SPAN("1.0.0+b")), 0);
}

static void what_a_range_admits(void **state)
{
	static const struct {
		const char *range, *in, *out; /* words */
	} rows[] = {
		{"1.2.3", "1.2.3 v1.2.3 1.2.3+b", "1.2.4 1.2.3-rc.1"},
		{"1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.0-rc.1"},
		{"1.x", "1.0.0 1.9.9", "2.0.0 0.9.0"},
		{"*", "0.0.1 9.9.9", "1.0.0-rc.1"},
		{"", "0.0.1 9.9.9", "1.0.0-rc.1"},
		{"^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2 1.3.0-rc.1"},
		{"^0.2.3", "0.2.3 0.2.9", "0.3.0 1.0.0"},
		{"^0.0.3", "0.0.3", "0.0.4"},
		{"^0", "0.1.0 0.9.9", "1.0.0"},
		{"^1.2.0-0", "1.2.0 1.3.0-rc.1", "2.0.0"},
		{"~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"},
		{"~1", "1.0.0 1.9.0", "2.0.0"},
		{"~>1.2", "1.2.5", "1.3.0"},
		{">=1.2.0, <2.0.0", "1.2.0 1.9.9", "2.0.0 1.1.9"},
		{">= 1.2.0 <2", "1.2.0 1.9.9", "2.0.0 1.1.9"},
		{">1.2", "1.3.0 2.0.0", "1.2.5"},
		{"<=1.2", "1.2.9 1.0.0", "1.3.0"},
		{"!=1.2.3", "1.2.4", "1.2.3"},
		{"1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.0"},
		{"1.x || ^3.1", "1.5.0 3.2.0", "2.0.0 3.0.0 4.0.0"},
		{">=1.0.0-0", "1.0.0-rc.1 2.0.0-a", "0.9.0"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct version_range range;
		struct fail fail = {0};
		if (!version_range_parse(span_of(rows[i].range), &range, &fail))
			fail_msg("%s", fail.text);
		struct span in = span_of(rows[i].in), out = span_of(rows[i].out), word;
		while (span_next(&in, ' ', &word))
			if (!version_range_has(&range, word))
				fail_msg("\"%s\" refuses %.*s", rows[i].range, SPAN_ARG(word));
		while (span_next(&out, ' ', &word))
			if (version_range_has(&range, word))
				fail_msg("\"%s\" admits %.*s", rows[i].range, SPAN_ARG(word));
	}
}

static void what_is_no_range(void **state)
{
	static const char *const rows[] = {"latest", "1..2", "^", "1.2.3.4", ">=1.0.0 | 2", "1.y", "1 - ", ">>1"};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct version_range range;
		struct fail fail = {0};
		if (version_range_parse(span_of(rows[i]), &range, &fail))
			fail_msg("\"%s\" is read", rows[i]);
		assert_int_equal(fail.code, FAIL_INVALID);
		assert_non_null(strstr(fail.text, rows[i]));
	}
	char long_range[1000];
	size_t len = 0;
	for (size_t i = 0; i <= VERSION_CONDITIONS; i++)
		len += (size_t)snprintf(long_range + len, sizeof long_range - len, ">1.0.0 ");
	struct version_range range;
	struct fail fail = {0};
	assert_false(version_range_parse(span_of(long_range), &range, &fail));
}

/* As the real program chose among these. */
static void the_one_that_is_taken(void **state)
{
	static const char *const versions[] = {"2.0.0", "1.2.0-rc.1", "1.1.0", "1.0.0", "0.9.0+b1"};
	static const struct {
		const char *want, *taken;
	} rows[] = {{"1", "1.1.0"},	  {"1.x", "1.1.0"}, {"^1", "1.1.0"},	 {"1.0", "1.0.0"}, {"~1.0", "1.0.0"},
		    {"v1.0.0", "1.0.0"}, {"0.9.0", "0.9.0+b1"}, {">=1.0.0-0", "2.0.0"}, {"*", "2.0.0"},	   {"", "2.0.0"},
		    {"1.2.0-rc.1", "1.2.0-rc.1"}};
	struct span all[sizeof versions / sizeof *versions];
	size_t index, count = sizeof versions / sizeof *versions;
	struct fail fail = {0};
	(void)state;
	for (size_t i = 0; i < count; i++)
		all[i] = span_of(versions[i]);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!version_choose(span_of(rows[i].want), all, count, &index, &fail))
			fail_msg("%s", fail.text);
		assert_string_equal(versions[index], rows[i].taken);
	}
	assert_false(version_choose(SPAN("^3"), all, count, &index, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	assert_false(version_choose(SPAN("newest"), all, count, &index, &fail));
	assert_int_equal(fail.code, FAIL_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_version_or_a_range), cmocka_unit_test(the_same_version), cmocka_unit_test(precedence),
		cmocka_unit_test(what_a_range_admits),	  cmocka_unit_test(what_is_no_range), cmocka_unit_test(the_one_that_is_taken),
	};
	return RUN_TESTS(tests);
}
