/* What plain scalars mean, for both readers, and how numbers are printed. One table: the scalar, then kind and canonical
 * text for Kubernetes clients and for omnictl. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "render/resolve.h"

struct line {
	const char *scalar, *kubernetes, *omni;
};

#define BOTH(scalar, meaning) {scalar, meaning, meaning}
#define TEXT(scalar) BOTH(scalar, "string " scalar)

static const struct line words[] = {
	BOTH("", "null null"), BOTH("~", "null null"), BOTH("null", "null null"), BOTH("Null", "null null"),
	BOTH("NULL", "null null"), TEXT("nULL"), TEXT("nil"), TEXT("~~"),
	BOTH("true", "bool true"), BOTH("True", "bool true"), BOTH("TRUE", "bool true"), TEXT("tRUE"), TEXT("truE"),
	BOTH("false", "bool false"), BOTH("False", "bool false"), BOTH("FALSE", "bool false"), TEXT("FALse"), TEXT("falsey"),
	{"y", "bool true", "string y"}, {"Y", "bool true", "string Y"}, {"yes", "bool true", "string yes"},
	{"Yes", "bool true", "string Yes"}, {"YES", "bool true", "string YES"}, TEXT("yEs"), TEXT("ye"),
	{"on", "bool true", "string on"}, {"On", "bool true", "string On"}, {"ON", "bool true", "string ON"}, TEXT("oN"),
	{"n", "bool false", "string n"}, {"N", "bool false", "string N"}, {"no", "bool false", "string no"},
	{"No", "bool false", "string No"}, {"NO", "bool false", "string NO"}, TEXT("nO"), TEXT("none"),
	{"off", "bool false", "string off"}, {"Off", "bool false", "string Off"}, {"OFF", "bool false", "string OFF"},
	TEXT("oFF"), TEXT("offf"), TEXT("t"), TEXT("f"), TEXT("hello"), TEXT("<<"), TEXT("true "),
};

static const struct line integers[] = {
	BOTH("0", "int 0"), BOTH("7", "int 7"), BOTH("+5", "int 5"), BOTH("-16", "int -16"), BOTH("6443", "int 6443"),
	BOTH("1048576", "int 1048576"), BOTH("1_000", "int 1000"), BOTH("1__0_", "int 10"), BOTH("_1", "string _1"),
	BOTH("0755", "int 493"), BOTH("-0755", "int -493"), BOTH("0o755", "int 493"), BOTH("0O17", "int 15"),
	BOTH("0x1f", "int 31"), BOTH("0X1F", "int 31"), BOTH("-0x10", "int -16"), BOTH("0b11", "int 3"), BOTH("0B1", "int 1"),
	BOTH("+0b1_0", "int 2"), TEXT("0x"), TEXT("0b2"), TEXT("0o8"), TEXT("0xg"), TEXT("--1"), TEXT("+-1"), TEXT("+"), TEXT("-"),
	BOTH("9007199254740993", "int 9007199254740993"), BOTH("9223372036854775807", "int 9223372036854775807"),
	BOTH("-9223372036854775808", "int -9223372036854775808"), BOTH("18446744073709551615", "int 18446744073709551615"),
	BOTH("0xffffffffffffffff", "int 18446744073709551615"), TEXT("0x10000000000000000"), TEXT("-0x8000000000000001"),
	BOTH("18446744073709551616", "int 18446744073709551616"), BOTH("+99999999999999999999", "int 99999999999999999999"),
	TEXT("1a"), TEXT("12:30"), TEXT("1:20"), TEXT("10.1.2.3"), TEXT("10.0.0.0/8"), TEXT("1.2.3"), TEXT("4c4c4544-0039"),
	TEXT("0000001a-0003-4111-8111-111111111111"),
};

static const struct line floats[] = {
	BOTH("1.0", "float 1"), BOTH("1.50", "float 1.5"), BOTH("1.", "float 1"), BOTH("08", "float 8"), BOTH("09.5", "float 9.5"),
	BOTH(".5", "float 0.5"), BOTH("-1.5", "float -1.5"), BOTH("1e3", "float 1000"), BOTH("1E3", "float 1000"),
	BOTH("1e+3", "float 1000"), BOTH("1e6", "float 1e+06"), BOTH("1.5e-7", "float 1.5e-07"), BOTH("1_0.5", "float 10.5"),
	BOTH("1e-400", "float 0"), TEXT("1e400"), TEXT("-1e400"), TEXT("1e"), TEXT("e3"), TEXT("1e3.5"), TEXT("1.5.2"),
	TEXT("."), TEXT(".e1"), BOTH(".1_2", "float 0.12"), TEXT("._1"), TEXT(".1_"), TEXT(".1__2"), TEXT("..5"),
	{"-0", "int 0", "float -0"}, {"-0.0", "float 0", "float -0"}, BOTH("0.0", "float 0"),
	BOTH(".inf", "float .inf"), BOTH(".Inf", "float .inf"), BOTH(".INF", "float .inf"), BOTH("+.inf", "float .inf"),
	BOTH("-.Inf", "float -.inf"), TEXT(".iNf"), TEXT("inf"), BOTH(".nan", "float .nan"), BOTH(".NaN", "float .nan"),
	BOTH(".NAN", "float .nan"), TEXT(".Nan"), TEXT("-.nan"), TEXT("nan"),
};

/* Times are texts to Kubernetes clients. */
#define TIME(scalar, meaning) {scalar, "string " scalar, "time " meaning}
static const struct line times[] = {
	TIME("2024-01-02", "2024-01-02T00:00:00Z"), TIME("2024-1-2", "2024-01-02T00:00:00Z"),
	TIME("0000-01-01", "0000-01-01T00:00:00Z"), TIME("2024-02-29", "2024-02-29T00:00:00Z"), TEXT("2023-02-29"),
	TEXT("1900-02-29"), TIME("2000-02-29", "2000-02-29T00:00:00Z"), TEXT("2024-13-01"), TEXT("2024-00-01"), TEXT("2024-04-31"),
	TIME("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"), TIME("2024-01-02t3:4:5Z", "2024-01-02T03:04:05Z"),
	TIME("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"), TEXT("2024-01-02 03:04:05Z"), TEXT("2024-01-02T03:04:05"),
	TEXT("2024-01-02  03:04:05"), TIME("2024-01-02T03:04:05.60Z", "2024-01-02T03:04:05.6Z"),
	TIME("2024-01-02T03:04:05,5Z", "2024-01-02T03:04:05.5Z"), TEXT("2024-01-02T03:04:05.Z"),
	TIME("2024-01-02T03:04:05.000Z", "2024-01-02T03:04:05Z"),
	TIME("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00"), TIME("2024-01-02T03:04:05-00:00", "2024-01-02T03:04:05Z"),
	TEXT("2024-01-02T24:00:00Z"), TEXT("2024-01-02T03:60:00Z"), TEXT("2024-01-02T03:04:60Z"), TEXT("2024-01-02T03:04:05+2:00"),
	TEXT("2024-01-02T03:04:05+25:00"), TEXT("2024-01-02T03:04:05+02:61"), TEXT("2024-01"), TEXT("20240102T030405Z"),
	TEXT("24-01-02"), TEXT("12024-01-02"), TEXT("2024-001-02"),
};

static const char *const kinds[] = {"absent", "null", "bool", "int", "float", "time", "string"};

static void check_meaning(const char *scalar, enum resolve_rules rules, const char *expected)
{
	struct resolved resolved;
	char meaning[128];
	resolve_plain(rules, span_of(scalar), &resolved);
	struct span text = resolved.kind == NODE_STRING ? span_of(scalar) : resolved.text;
	snprintf(meaning, sizeof meaning, "%s %.*s", kinds[resolved.kind], (int)text.len, text.len == 0 ? "" : text.ptr);
	if (strcmp(meaning, expected) != 0)
		fail_msg("%s under rules %d is \"%s\", should be \"%s\"", scalar, rules, meaning, expected);
	if (resolve_is_text(span_of(scalar)))
		assert_int_equal(resolved.kind, NODE_STRING);
}

static void check_lines(const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		check_meaning(lines[i].scalar, RESOLVE_KUBERNETES, lines[i].kubernetes);
		check_meaning(lines[i].scalar, RESOLVE_OMNI, lines[i].omni);
	}
}

#define CHECK_TABLE(table) check_lines((table), sizeof(table) / sizeof(table)[0])

static void what_words_mean(void **state)
{
	(void)state;
	CHECK_TABLE(words);
}

static void what_integers_mean(void **state)
{
	(void)state;
	CHECK_TABLE(integers);
}

static void what_floats_mean(void **state)
{
	(void)state;
	CHECK_TABLE(floats);
}

static void what_times_mean(void **state)
{
	(void)state;
	CHECK_TABLE(times);
}

static void long_texts_stay(void **state)
{
	(void)state;
	char digits[2000];
	struct resolved resolved;
	memset(digits, '7', sizeof digits);
	resolve_plain(RESOLVE_OMNI, (struct span){digits, 308}, &resolved);
	assert_int_equal(resolved.kind, NODE_INT);
	assert_int_equal(resolved.text.len, 308);
	resolve_plain(RESOLVE_OMNI, (struct span){digits, sizeof digits}, &resolved);
	assert_int_equal(resolved.kind, NODE_STRING);
	digits[1] = '.';
	resolve_plain(RESOLVE_OMNI, (struct span){digits, 900}, &resolved);
	assert_int_equal(resolved.kind, NODE_FLOAT);
	assert_span(resolved.text, "7.777777777777778");
	memset(digits, '_', sizeof digits);
	digits[0] = '1';
	resolve_plain(RESOLVE_KUBERNETES, (struct span){digits, sizeof digits}, &resolved); /* nobody writes that */
}

static void old_booleans(void **state)
{
	(void)state;
	static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"};
	static const char *const no[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF"};
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(resolve_old_boolean(span_of(yes[i])), 1);
		assert_int_equal(resolve_old_boolean(span_of(no[i])), 0);
	}
	assert_int_equal(resolve_old_boolean(SPAN("true")), -1);
	assert_int_equal(resolve_old_boolean(SPAN("")), -1);
	assert_int_equal(resolve_old_boolean(SPAN("yEs")), -1);
}

struct printed {
	double value;
	const char *text;
};

static void doubles_are_printed_short(void **state)
{
	(void)state;
	static const struct printed table[] = {
		{1, "1"}, {6443, "6443"}, {100000, "100000"}, {999999, "999999"}, {1000000, "1e+06"}, {1048576, "1.048576e+06"},
		{123456.5, "123456.5"}, {1234567.5, "1.2345675e+06"}, {2147483647, "2.147483647e+09"},
		{9007199254740992., "9.007199254740992e+15"}, {9223372036854775807., "9.223372036854776e+18"}, {0.1, "0.1"},
		{0.0001, "0.0001"}, {0.00001, "1e-05"}, {-1000000, "-1e+06"}, {1.5e-7, "1.5e-07"}, {-0., "-0"}, {0, "0"},
		{1e21, "1e+21"}, {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {1. / 3, "0.3333333333333333"},
		{INFINITY, ".inf"}, {-INFINITY, "-.inf"}, {NAN, ".nan"}, {10, "10"}, {-2.5, "-2.5"}, {1e100, "1e+100"},
	};
	char space[RESOLVE_TEXT_MAX];
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_span(resolve_print_double(table[i].value, space), table[i].text);
}

/* Where the shortest text is above the value: 16 digits although the nearest 16 do not read back. */
static void powers_of_two_round_up(void **state)
{
	(void)state;
	static const int exponents[] = {
		-1017, -1007, -957, -921, -808, -791, -788, -778, -705, -695, -662, -652, -549, -509, -496, -489,
		-383,  -366,  -296, -140, -97,	-77,  -44,  -24,  89,	122,  132,  172,  182,	275,  305,  345,
		378,   398,   405,  481,  534,	544,  554,  574,  594,	710,  803,  863,  896,	976,
	};
	char space[RESOLVE_TEXT_MAX];
	for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
		double value = ldexp(1, exponents[i]);
		struct span text = resolve_print_double(value, space);
		size_t digits = 0;
		char copy[RESOLVE_TEXT_MAX] = {0};
		memcpy(copy, text.ptr, text.len);
		for (const char *c = copy; *c != '\0' && *c != 'e'; c++)
			digits += *c >= '0' && *c <= '9';
		assert_int_equal(digits, 16);
		assert_true(strtod(copy, NULL) == value);
	}
}

static void floats_are_printed_short(void **state)
{
	(void)state;
	char space[RESOLVE_TEXT_MAX];
	assert_span(resolve_print_float(123456789.123f, space), "1.2345679e+08");
	assert_span(resolve_print_float(1.5f, space), "1.5");
	assert_span(resolve_print_float(0.1f, space), "0.1");
	assert_span(resolve_print_float(-0.f, space), "-0");
	assert_span(resolve_print_float(16777216.f, space), "1.6777216e+07");
}

/* Every double reads back from its text; numbers made by a fixed recipe. */
static void doubles_read_back(void **state)
{
	(void)state;
	uint64_t bits = 88172645463325252u;
	char space[RESOLVE_TEXT_MAX], copy[RESOLVE_TEXT_MAX];
	for (int i = 0; i < 20000; i++) {
		double value;
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		struct span text = resolve_print_double(value, space);
		memcpy(copy, text.ptr, text.len);
		copy[text.len] = '\0';
		assert_true(strtod(copy, NULL) == value);
		struct resolved resolved;
		resolve_plain(RESOLVE_OMNI, text, &resolved);
		assert_true(resolved.kind == NODE_FLOAT || resolved.kind == NODE_INT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_words_mean),	     cmocka_unit_test(what_integers_mean),
		cmocka_unit_test(what_floats_mean),	     cmocka_unit_test(what_times_mean),
		cmocka_unit_test(long_texts_stay),	     cmocka_unit_test(old_booleans),
		cmocka_unit_test(doubles_are_printed_short), cmocka_unit_test(powers_of_two_round_up),
		cmocka_unit_test(floats_are_printed_short),  cmocka_unit_test(doubles_read_back),
	};
	return RUN_TESTS(tests);
}
