#include "base/duration.h"
#include "tests/unit/test.h"

static const struct {
	const char *text;
	int64_t ns;
} good[] = {
	{"0", 0},
	{"+0", 0},
	{"-0", 0},
	{"0s", 0},
	{"5s", 5 * DURATION_SECOND},
	{"+5s", 5 * DURATION_SECOND},
	{"-5s", -5 * DURATION_SECOND},
	{"30s", 30 * DURATION_SECOND},
	{"1478s", 1478 * DURATION_SECOND},
	{"5.0s", 5 * DURATION_SECOND},
	{"5.6s", 5600 * DURATION_MS},
	{"5.s", 5 * DURATION_SECOND},
	{".5s", 500 * DURATION_MS},
	{"1.004s", 1004 * DURATION_MS},
	{"100.00100s", 100001 * DURATION_MS},
	{"10ns", 10},
	{"11us", 11000},
	{"12\xc2\xb5s", 12000},
	{"12\xce\xbcs", 12000},
	{"13ms", 13 * DURATION_MS},
	{"14s", 14 * DURATION_SECOND},
	{"15m", 900 * DURATION_SECOND},
	{"16h", 57600 * DURATION_SECOND},
	{"3h30m", 12600 * DURATION_SECOND},
	{"10.5s4m", 250500 * DURATION_MS},
	{"-2m3.4s", -123400 * DURATION_MS},
	{"1h2m3s4ms5us6ns", 3723 * DURATION_SECOND + 4 * DURATION_MS + 5006},
	{"39h9m14.425s", 140954425 * DURATION_MS},
	{"52763797000ns", 52763797000},
	{"0.3333333333333333333h", 1200 * DURATION_SECOND},
	{"9007199254740993ns", 9007199254740993},
	{"9223372036854775807ns", INT64_MAX},
	{"9223372036854775.807us", INT64_MAX},
	{"9223372036s854ms775us807ns", INT64_MAX},
	{"-9223372036854775808ns", INT64_MIN},
	{"-9223372036854775.808us", INT64_MIN},
	{"-9223372036s854ms775us808ns", INT64_MIN},
	{"-2562047h47m16.854775808s", INT64_MIN},
	{"0.100000000000000000000h", 360 * DURATION_SECOND},
	{"0.830103483285477580700h", 2988372539827},
};

static const char *const bad[] = {
	"",	 "3",	   "-",	     "s",	".",	"-.",	 ".s",	    "+.s",	 "1d",	"1 h",	  " 1h",   "1h ",
	"1e3s",	 "1.2.3s", "0x1s",   "1H",	"--1s", "\x85\x85", "5 minutes", "1h1", "1hh", "1\xc2s", "1µ",
	"3000000h", "9223372036854775808ns", "9223372036854775.808us", "9223372036854ms775us808ns",
	"-9223372036854775809ns", "9223372036854775808ns9223372036854775808ns", "99999999999999999999s",
};

static const struct {
	int64_t ns;
	const char *text;
} printed[] = {
	{0, "0s"},
	{1, "1ns"},
	{999, "999ns"},
	{1100, "1.1\xc2\xb5s"},
	{1500, "1.5\xc2\xb5s"},
	{2200000, "2.2ms"},
	{20 * DURATION_MS, "20ms"},
	{999999999, "999.999999ms"},
	{3300 * DURATION_MS, "3.3s"},
	{61 * DURATION_SECOND, "1m1s"},
	{5 * 60 * DURATION_SECOND + 5 * DURATION_SECOND + DURATION_MS, "5m5.001s"},
	{3600 * DURATION_SECOND, "1h0m0s"},
	{3600 * DURATION_SECOND + DURATION_MS, "1h0m0.001s"},
	{86400 * DURATION_SECOND, "24h0m0s"},
	{-3600 * DURATION_SECOND, "-1h0m0s"},
	{-1, "-1ns"},
	{480000000001, "8m0.000000001s"},
	{INT64_MAX, "2562047h47m16.854775807s"},
	{INT64_MIN, "-2562047h47m16.854775808s"},
};

static void durations_are_read_as_go_reads_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t ns = -7;
		struct fail fail;
		if (!duration_parse(span_of(good[i].text), &ns, &fail))
			fail_msg("%s: %s", good[i].text, fail.text);
		if (ns != good[i].ns)
			fail_msg("%s is %lld, should be %lld", good[i].text, (long long)ns, (long long)good[i].ns);
	}
}

static void what_go_refuses_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t ns = -7;
		struct fail fail;
		if (duration_parse(span_of(bad[i]), &ns, &fail))
			fail_msg("«%s» is taken as %lld", bad[i], (long long)ns);
		assert_int_equal(fail.code, FAIL_INVALID);
		assert_int_equal(ns, -7);
	}
	int64_t ns;
	assert_false(duration_parse((struct span){0}, &ns, NULL));
	assert_false(duration_parse((struct span){"1s\0", 3}, &ns, NULL));
}

static void the_end_of_the_span_is_the_end(void **state)
{
	(void)state;
	int64_t ns;
	assert_true(duration_parse((struct span){"15m30s", 3}, &ns, NULL));
	assert_int_equal(ns, 900 * DURATION_SECOND);
}

static void durations_are_printed_as_go_prints_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		char text[DURATION_SIZE];
		duration_format(printed[i].ns, text);
		assert_string_equal(text, printed[i].text);
	}
}

static void what_is_printed_can_be_read(void **state)
{
	(void)state;
	uint64_t random = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		int64_t ns = (int64_t)(random >> (random % 61)) / 2, back;
		char text[DURATION_SIZE];
		duration_format(ns, text);
		assert_true(duration_parse(span_of(text), &back, NULL));
		/* Decimals are read through a double, as in Go: exact below 2^53 of their unit. */
		assert_true(back == ns);
	}
}

static void the_message_says_what_is_wrong(void **state)
{
	(void)state;
	struct fail fail;
	int64_t ns;
	assert_false(duration_parse(SPAN("5 minutes"), &ns, &fail));
	assert_non_null(strstr(fail.text, "\"5 minutes\""));
	assert_non_null(strstr(fail.text, "units are"));
	assert_false(duration_parse(SPAN("15"), &ns, &fail));
	assert_non_null(strstr(fail.text, "unit is missing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_as_go_reads_them),
		cmocka_unit_test(what_go_refuses_is_refused),
		cmocka_unit_test(the_end_of_the_span_is_the_end),
		cmocka_unit_test(durations_are_printed_as_go_prints_them),
		cmocka_unit_test(what_is_printed_can_be_read),
		cmocka_unit_test(the_message_says_what_is_wrong),
	};
	return RUN_TESTS(tests);
}
