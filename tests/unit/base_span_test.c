#include "base/span.h"
#include "tests/unit/test.h"

static void order_is_bytewise_with_the_prefix_first(void **state)
{
	(void)state;
	assert_true(span_cmp(SPAN("a"), SPAN("b")) < 0);
	assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
	assert_true(span_cmp(SPAN("ab"), SPAN("a")) > 0);
	assert_true(span_cmp(SPAN("a"), SPAN("\xc3\xa9")) < 0);
	assert_int_equal(span_cmp(SPAN("same"), SPAN("same")), 0);
	assert_int_equal(span_cmp(SPAN(""), (struct span){0}), 0);
	assert_true(span_cmp((struct span){0}, SPAN("a")) < 0);
}

static void absent_and_empty_are_equal_text(void **state)
{
	(void)state;
	assert_true(span_eq((struct span){0}, SPAN("")));
	assert_true(span_is((struct span){0}, ""));
	assert_int_equal(span_of(NULL).len, 0);
	assert_null(span_of(NULL).ptr);
}

static void starts_ends_contains(void **state)
{
	(void)state;
	assert_true(span_starts(SPAN("omni.yaml"), "omni"));
	assert_false(span_starts(SPAN("om"), "omni"));
	assert_true(span_ends(SPAN("omni.yaml"), ".yaml"));
	assert_false(span_ends(SPAN("yaml"), ".yaml"));
	assert_true(span_contains(SPAN("a\0b"), "b"));
	assert_false(span_contains(SPAN("ab"), "abc"));
	assert_true(span_contains(SPAN("ab"), ""));
	assert_true(span_starts(SPAN(""), ""));
}

static void trim_drops_ascii_white_space(void **state)
{
	(void)state;
	assert_span(span_trim(SPAN(" \t\r\n x y \v\f")), "x y");
	assert_span(span_trim(SPAN("  ")), "");
	assert_span(span_trim(SPAN("")), "");
	assert_span(span_trim(SPAN("\xc2\xa0x")), "\xc2\xa0x");
}

static void before_and_behind_split_at_the_first(void **state)
{
	(void)state;
	assert_span(span_before(SPAN("a=b=c"), '='), "a");
	assert_span(span_behind(SPAN("a=b=c"), '='), "b=c");
	assert_span(span_before(SPAN("abc"), '='), "abc");
	assert_null(span_behind(SPAN("abc"), '=').ptr);
	assert_span(span_behind(SPAN("abc="), '='), "");
	assert_non_null(span_behind(SPAN("abc="), '=').ptr);
	assert_null(span_behind((struct span){0}, '=').ptr);
}

static void next_yields_every_piece_also_empty_ones(void **state)
{
	(void)state;
	static const char *const expected[] = {"a", "", "b", ""};
	struct span rest = SPAN("a,,b,"), piece;
	size_t count = 0;
	while (span_next(&rest, ',', &piece)) {
		assert_true(count < 4);
		assert_span(piece, expected[count++]);
	}
	assert_int_equal(count, 4);
	rest = SPAN("");
	assert_true(span_next(&rest, ',', &piece));
	assert_false(span_next(&rest, ',', &piece));
	rest = (struct span){0};
	assert_false(span_next(&rest, ',', &piece));
}

static void integers_are_strict(void **state)
{
	(void)state;
	static const char *const bad[] = {"",   "-",	"+1", " 1", "1 ", "1.0", "0x1", "1e3",
					  "--1", "9223372036854775808", "-9223372036854775809", "99999999999999999999999"};
	int64_t value = 7;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (span_int(span_of(bad[i]), INT64_MIN, INT64_MAX, &value))
			fail_msg("«%s» is taken", bad[i]);
	assert_int_equal(value, 7);
	assert_false(span_int((struct span){0}, INT64_MIN, INT64_MAX, &value));
	assert_true(span_int(SPAN("9223372036854775807"), INT64_MIN, INT64_MAX, &value));
	assert_true(value == INT64_MAX);
	assert_true(span_int(SPAN("-9223372036854775808"), INT64_MIN, INT64_MAX, &value));
	assert_true(value == INT64_MIN);
	assert_true(span_int(SPAN("-0"), 0, 0, &value));
	assert_int_equal(value, 0);
}

static void integers_keep_to_their_range(void **state)
{
	(void)state;
	int64_t value = 7;
	assert_false(span_int(SPAN("0"), 1, 10, &value));
	assert_false(span_int(SPAN("11"), 1, 10, &value));
	assert_int_equal(value, 7);
	assert_true(span_int(SPAN("10"), 1, 10, &value));
	assert_int_equal(value, 10);
}

static void distance_counts_edits_without_case(void **state)
{
	(void)state;
	assert_int_equal(span_distance(SPAN("replicas"), SPAN("replicas"), 9), 0);
	assert_int_equal(span_distance(SPAN("Replicas"), SPAN("replicas"), 9), 0);
	assert_int_equal(span_distance(SPAN("replcas"), SPAN("replicas"), 9), 1);
	assert_int_equal(span_distance(SPAN("kitten"), SPAN("sitting"), 9), 3);
	assert_int_equal(span_distance(SPAN(""), SPAN("abc"), 9), 3);
	assert_int_equal(span_distance(SPAN("abc"), SPAN("xyzabcdefghij"), 4), 4);
	static const char longest[100] = "x";
	assert_int_equal(span_distance((struct span){longest, sizeof longest}, SPAN("x"), 5), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_bytewise_with_the_prefix_first),
		cmocka_unit_test(absent_and_empty_are_equal_text),
		cmocka_unit_test(starts_ends_contains),
		cmocka_unit_test(trim_drops_ascii_white_space),
		cmocka_unit_test(before_and_behind_split_at_the_first),
		cmocka_unit_test(next_yields_every_piece_also_empty_ones),
		cmocka_unit_test(integers_are_strict),
		cmocka_unit_test(integers_keep_to_their_range),
		cmocka_unit_test(distance_counts_edits_without_case),
	};
	return RUN_TESTS(tests);
}
