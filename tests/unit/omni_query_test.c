/* Label queries: the text form, and COSI's rules of matching. */
#include <stdio.h>

#include "tests/unit/test.h"

#include "agent/omni/store.h"
#include "base/cleanup.h"

static bool matches(struct arena *arena, const char *selector, const char *value)
{
	struct omni_query query;
	struct labels labels = {0};
	struct fail fail;
	if (!omni_query_parse(arena, span_of(selector), &query, &fail))
		fail_msg("%s: %s", selector, fail.text);
	labels_set(arena, &labels, SPAN("other"), SPAN("x"));
	if (value != NULL)
		labels_set(arena, &labels, SPAN("key"), span_of(value));
	return omni_query_match(&query, &labels);
}

static void test_matching(void **state)
{
	static const struct {
		const char *selector, *value; /* NULL: without the label */
		bool holds;
	} cases[] = {
		{"key", "", true},		 {"key", "a", true},		   {"key", NULL, false},
		{"!key", "", false},		 {"!key", NULL, true},		   {"key = a", "a", true},
		{"key=a", "a", true},		 {"key == a", "a", true},	   {"key = a", "b", false},
		{"key = a", NULL, false},	 {"key != a", "a", false},	   {"key != a", "b", true},
		{"key != a", NULL, true},	 {"key = \"a, b\"", "a, b", true}, {"key = a b", "a b", true},
		{"\"key\" = a", "a", true},	 {"key = \"q\\\"q\"", "q\"q", true}, {"key in (a, b)", "b", true},
		{"key in (a, b)", "c", false},	 {"key in (a)", NULL, false},	   {"key notin (a, b)", "c", true},
		{"key notin (a, b)", "a", false}, {"key notin (a)", NULL, true},   {"key, other", "a", true},
		{"key, !other", "a", false},	 {"key = a, other = x", "a", true}, {"key = a, other = y", "a", false},
		{"", NULL, true},		 {"  ", NULL, true},
		/* a value may be empty */
		{"key =", "", true},		 {"key =, other", "", true},	   {"key =", "a", false},
		{"key notin ()", "a", true},	 {"key <", "1", false},
		/* numbers */
		{"key < 8", "7", true},		 {"key < 8", "8", false},	   {"key <= 8", "8", true},
		{"key > 8", "9", true},		 {"key > 8", "8", false},	   {"key >= 8", "8", true},
		{"key >= 8", "7", false},	 {"key > -2", "-1", true},	   {"key < 10", "9", true},
		{"key >= 8 GiB", "8Gi", true},	 {"key >= 8 GiB", "8GB", false},   {"key > 8GB", "8 GiB", true},
		{"key = 8Gi", "8 Gi", false},	 {"key <= 1k", "1000", true},	   {"key < 1Ki", "1000", true},
		{"key >= 1Mi", "1024 ki", true}, {"key >= 1t", "1000g", true},	   {"key >= 1Ti", "1024Gi", true},
		{"key > 1p", "1000001g", true},	 {"key < 1P", "999 TB", true},	   {"key >= 10k", "10kg", true},
		{"key > 0", " 5 ", true},	 {"key > 0", "5 m", true},
		/* what is no number never holds, in no direction */
		{"key < 8", "many", false},	 {"key > 8", "many", false},	   {"key >= 8", "", false},
		{"key < 8", NULL, false},	 {"key > 8", NULL, false},	   {"key < 8", "7x", false},
		{"key < many", "7", false},	 {"key >= many", "7", false},	   {"key < 8", "--7", false},
		{"key < 8", "99999999999999999999", false}, {"key > 8", "99999999999999999999", false},
	};
	struct arena arena;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (matches(&arena, cases[i].selector, cases[i].value) != cases[i].holds)
			fail_msg("«%s» and «%s»: should %s", cases[i].selector, cases[i].value == NULL ? "(none)" : cases[i].value,
				 cases[i].holds ? "hold" : "not hold");
	arena_done(&arena);
}

/* The operators that have no text form: they come from other clients of the protocol. */
static void test_terms_on_text(void **state)
{
	static const struct {
		enum omni_term_op op;
		const char *wanted, *value;
		bool invert, holds;
	} cases[] = {
		{OMNI_TERM_LT, "b", "a", false, true},	 {OMNI_TERM_LT, "b", "b", false, false},
		{OMNI_TERM_LT, "b", "a", true, false},	 {OMNI_TERM_LT, "b", "b", true, true},
		{OMNI_TERM_LTE, "b", "b", false, true},	 {OMNI_TERM_LTE, "b", "c", false, false},
		{OMNI_TERM_LT, "10", "9", false, false}, {OMNI_TERM_LT_NUMERIC, "10", "9", false, true},
		{OMNI_TERM_LTE_NUMERIC, "1Ki", "1024", false, true}, {OMNI_TERM_LT, "b", NULL, false, false},
		{OMNI_TERM_LT, "b", NULL, true, false},	 {OMNI_TERM_EXISTS, "", NULL, true, true},
		{OMNI_TERM_EQUAL, "", "", false, true},	 {OMNI_TERM_EQUAL, "a", "A", false, false},
	};
	struct arena arena;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span wanted = span_of(cases[i].wanted);
		struct omni_term term = {SPAN("key"), cases[i].op, &wanted, 1, cases[i].invert};
		struct omni_query query = {&term, 1, 1};
		struct labels labels = {0};
		if (cases[i].value != NULL)
			labels_set(&arena, &labels, SPAN("key"), span_of(cases[i].value));
		if (omni_query_match(&query, &labels) != cases[i].holds)
			fail_msg("case %zu", i);
	}
	struct omni_term empty = {.key = SPAN("key"), .op = OMNI_TERM_LT};
	assert_false(omni_query_match(&(struct omni_query){&empty, 1, 1}, &(struct labels){0}));
	assert_true(omni_query_match(NULL, &(struct labels){0}));
	arena_done(&arena);
}

static void test_parsed_terms(void **state)
{
	struct arena arena;
	struct omni_query query;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(omni_query_parse(&arena, SPAN("a, !b, c = x y , d notin (1, 2), e >= 3"), &query, NULL));
	assert_int_equal(query.count, 5);
	assert_span(query.terms[1].key, "b");
	assert_true(query.terms[1].invert);
	assert_span(query.terms[2].values[0], "x y");
	assert_int_equal(query.terms[3].value_count, 2);
	assert_span(query.terms[3].values[1], "2");
	assert_int_equal(query.terms[4].op, OMNI_TERM_LT_NUMERIC);
	assert_true(query.terms[4].invert);
	query = (struct omni_query){0};
	omni_query_equal(&arena, &query, "k", SPAN("v"));
	omni_query_equal(&arena, &query, "l", SPAN("w"));
	assert_int_equal(query.count, 2);
	arena_done(&arena);
}

static void test_faults(void **state)
{
	static const struct {
		const char *selector, *says;
	} cases[] = {
		{"=", "\"=\" stands where a label"}, {"key in", "ends where \"(\""},
		{"key in (a", "ends where"},	     {"key = \"a", "no closing quote"},
		{"key ! a", "\"!\" stands where"},   {"key, , b", "\",\" stands where a label"},
		{"key = a)", "\")\" stands where"},  {"! ", "ends where a label"},
	};
	struct arena arena;
	struct omni_query query;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fail fail = {0};
		if (omni_query_parse(&arena, span_of(cases[i].selector), &query, &fail))
			fail_msg("«%s» is taken", cases[i].selector);
		assert_int_equal(fail.code, FAIL_INVALID);
		if (!span_contains(span_of(fail.text), cases[i].says))
			fail_msg("«%s» says: %s", cases[i].selector, fail.text);
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_terms_on_text),
		cmocka_unit_test(test_parsed_terms),
		cmocka_unit_test(test_faults),
	};
	return RUN_TESTS(tests);
}
