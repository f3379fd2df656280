#include "base/timestamp.h"

#include "base/clock.h"
#include "tests/unit/test.h"

static const struct {
	const char *text;
	int64_t ms;
	const char *printed; /* NULL: as text */
} good[] = {
	{"1970-01-01T00:00:00.000Z", 0, NULL},
	{"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
	{"1969-12-31T23:59:59.999Z", -1, NULL},
	{"2006-01-02T15:04:05.000Z", 1136214245000, NULL},
	{"2006-01-02T17:04:05+02:00", 1136214245000, "2006-01-02T15:04:05.000Z"},
	{"2006-01-02T08:04:05.5-07:00", 1136214245500, "2006-01-02T15:04:05.500Z"},
	{"2024-02-29T23:59:59.123456789Z", 1709251199123, "2024-02-29T23:59:59.123Z"},
	{"2000-02-29T00:00:00.000Z", 951782400000, NULL},
	{"2000-03-01T00:00:00.000Z", 951868800000, NULL},
	{"1900-03-01T00:00:00.000Z", -2203891200000, NULL},
	{"0000-01-01T00:00:00.000Z", -62167219200000, NULL},
	{"9999-12-31T23:59:59.999Z", 253402300799999, NULL},
	{"2038-01-19T03:14:08.000Z", 2147483648000, NULL},
	{"2024-12-31T23:30:00-00:30", 1735689600000, "2025-01-01T00:00:00.000Z"},
};

static const char *const bad[] = {
	"",
	"2024",
	"2024-01-01",
	"2024-01-01T00:00:00",
	"2024-01-01 00:00:00Z",
	"2024-01-01t00:00:00Z",
	"2024-01-01T00:00:00z",
	"2024-13-01T00:00:00Z",
	"2024-00-01T00:00:00Z",
	"2024-01-00T00:00:00Z",
	"2024-01-32T00:00:00Z",
	"2023-02-29T00:00:00Z",
	"1900-02-29T00:00:00Z",
	"2024-04-31T00:00:00Z",
	"2024-01-01T24:00:00Z",
	"2024-01-01T00:60:00Z",
	"2024-01-01T00:00:60Z",
	"2024-01-01T00:00:00.Z",
	"2024-01-01T00:00:00+0200",
	"2024-01-01T00:00:00+24:00",
	"2024-01-01T00:00:00+02:60",
	"2024-01-01T00:00:00Z ",
	"2024-01-01T0:00:00Z",
	"-024-01-01T00:00:00Z",
	"2024-1-01T00:00:00Z",
	"2024-01-01T00:00:-1Z",
};

static void times_are_read_and_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t ms = 1;
		char text[TIMESTAMP_SIZE];
		if (!timestamp_parse(span_of(good[i].text), &ms) || ms != good[i].ms)
			fail_msg("%s is %lld, should be %lld", good[i].text, (long long)ms, (long long)good[i].ms);
		timestamp_format(ms, TIMESTAMP_MILLISECONDS, text);
		assert_string_equal(text, good[i].printed == NULL ? good[i].text : good[i].printed);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t ms = 7;
		if (timestamp_parse(span_of(bad[i]), &ms))
			fail_msg("«%s» is taken as %lld", bad[i], (long long)ms);
		assert_int_equal(ms, 7);
	}
}

static void seconds_are_cut_downwards(void **state)
{
	(void)state;
	char text[TIMESTAMP_SIZE];
	timestamp_format(1999, TIMESTAMP_SECONDS, text);
	assert_string_equal(text, "1970-01-01T00:00:01Z");
	timestamp_format(-1, TIMESTAMP_SECONDS, text);
	assert_string_equal(text, "1969-12-31T23:59:59Z");
}

static void times_outside_are_the_nearest_inside(void **state)
{
	(void)state;
	char text[TIMESTAMP_SIZE];
	timestamp_format(1700000000007, TIMESTAMP_MICROSECONDS, text);
	assert_string_equal(text, "2023-11-14T22:13:20.007000Z");
	timestamp_format(INT64_MAX, TIMESTAMP_MILLISECONDS, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	timestamp_format(INT64_MIN, TIMESTAMP_SECONDS, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
}

static void every_day_survives(void **state)
{
	(void)state;
	for (int64_t day = -719528; day <= 2932896; day += 13) {
		int64_t back;
		char text[TIMESTAMP_SIZE];
		timestamp_format(day * 86400000, TIMESTAMP_SECONDS, text);
		assert_true(timestamp_parse(span_of(text), &back));
		assert_true(back == day * 86400000);
	}
}

static void the_clock_goes(void **state)
{
	(void)state;
	int64_t before = clock_monotonic_ms(), wall = clock_wall_ms();
	clock_sleep_ms(-5);
	clock_sleep_ms(3);
	assert_true(clock_monotonic_ms() - before >= 3);
	assert_true(wall > 1600000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_and_printed), cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(seconds_are_cut_downwards),  cmocka_unit_test(times_outside_are_the_nearest_inside),
		cmocka_unit_test(every_day_survives),	      cmocka_unit_test(the_clock_goes),
	};
	return RUN_TESTS(tests);
}
