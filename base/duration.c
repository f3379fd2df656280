#include "base/duration.h"

#include <string.h>

#define LIMIT (UINT64_C(1) << 63) /* the magnitude of the smallest int64 */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* U+00B5, micro sign */
	{"\xce\xbcs", 1000}, /* U+03BC, Greek mu */
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60 * UINT64_C(1000000000)},
	{"h", 3600 * UINT64_C(1000000000)},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip(struct span *s, size_t count)
{
	*s = (struct span){s->ptr + count, s->len - count};
}

static bool take_integer(struct span *rest, uint64_t *out)
{
	uint64_t value = 0;
	for (; rest->len > 0 && is_digit(rest->ptr[0]); skip(rest, 1)) {
		if (value > LIMIT / 10)
			return false;
		value = value * 10 + (uint64_t)(rest->ptr[0] - '0');
		if (value > LIMIT)
			return false;
	}
	*out = value;
	return true;
}

/* Digits that no longer fit are skipped: they are far below a nanosecond. */
static void take_fraction(struct span *rest, uint64_t *out, double *out_scale)
{
	uint64_t value = 0;
	double scale = 1;
	bool is_full = false;
	for (; rest->len > 0 && is_digit(rest->ptr[0]); skip(rest, 1)) {
		if (is_full || value > (LIMIT - 1) / 10) {
			is_full = true;
			continue;
		}
		uint64_t more = value * 10 + (uint64_t)(rest->ptr[0] - '0');
		if (more > LIMIT) {
			is_full = true;
			continue;
		}
		value = more;
		scale *= 10;
	}
	*out = value;
	*out_scale = scale;
}

/* 0: no unit of that name. */
static uint64_t unit_ns(struct span name)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (span_is(name, units[i].name))
			return units[i].ns;
	return 0;
}

static struct span take_unit(struct span *rest)
{
	struct span unit = {rest->ptr, 0};
	while (unit.len < rest->len && unit.ptr[unit.len] != '.' && !is_digit(unit.ptr[unit.len]))
		unit.len++;
	skip(rest, unit.len);
	return unit;
}

static bool not_a_duration(struct span text, const char *why, struct fail *fail)
{
	int shown = text.len > 80 ? 80 : (int)text.len;
	return fail_set(fail, FAIL_INVALID, "\"%.*s\" is not a duration such as \"1h30m\" or \"500ms\": %s", shown,
			text.ptr == NULL ? "" : text.ptr, why);
}

/* One number with its unit, in nanoseconds. NULL, or what is wrong. */
static const char *take_part(struct span *rest, uint64_t *out_ns)
{
	uint64_t whole, fraction = 0;
	double scale = 1;
	size_t before = rest->len;
	if (!take_integer(rest, &whole))
		return "the number is too large";
	bool has_digits = rest->len != before;
	if (rest->len > 0 && rest->ptr[0] == '.') {
		skip(rest, 1);
		before = rest->len;
		take_fraction(rest, &fraction, &scale);
		has_digits = has_digits || rest->len != before;
	}
	if (!has_digits)
		return "a number is missing";
	struct span name = take_unit(rest);
	if (name.len == 0)
		return "a unit is missing (ns, us, ms, s, m, h)";
	uint64_t unit = unit_ns(name);
	if (unit == 0)
		return "the units are ns, us, ms, s, m and h";
	if (whole > LIMIT / unit)
		return "the number is too large";
	*out_ns = whole * unit;
	if (fraction > 0) /* the same rounding as Go's: one division, one multiplication, cut */
		*out_ns += (uint64_t)((double)fraction * ((double)unit / scale));
	return *out_ns > LIMIT ? "the number is too large" : NULL;
}

bool duration_parse(struct span text, int64_t *out_ns, struct fail *fail)
{
	struct span rest = text;
	bool is_negative = rest.len > 0 && rest.ptr[0] == '-';
	if (is_negative || (rest.len > 0 && rest.ptr[0] == '+'))
		skip(&rest, 1);
	if (rest.len == 0)
		return not_a_duration(text, "it is empty", fail);
	uint64_t total = 0;
	if (span_is(rest, "0"))
		rest.len = 0;
	while (rest.len > 0) {
		uint64_t part;
		const char *problem = take_part(&rest, &part);
		if (problem != NULL)
			return not_a_duration(text, problem, fail);
		total += part; /* both are at most 2^63: no wrap unless both are, and then the sum is 0 … */
		if (total > LIMIT || (total == 0 && part > 0)) /* … which this catches */
			return not_a_duration(text, "it is longer than 292 years", fail);
	}
	if (total == LIMIT && !is_negative)
		return not_a_duration(text, "it is longer than 292 years", fail);
	*out_ns = is_negative ? (int64_t)(0 - total) : (int64_t)total;
	return true;
}

/* Writes backwards: `at` is where the text begins so far. */
static char *put_number(char *at, uint64_t value)
{
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return at;
}

static char *put_string(char *at, const char *string)
{
	size_t len = strlen(string);
	at -= len;
	memcpy(at, string, len);
	return at;
}

/* The lowest `digits` decimals of *value with the point, without zeros at the end; *value keeps what is above. */
static char *put_fraction(char *at, uint64_t *value, unsigned digits)
{
	bool is_printed = false;
	for (unsigned i = 0; i < digits; i++, *value /= 10) {
		is_printed = is_printed || *value % 10 != 0;
		if (is_printed)
			*--at = (char)('0' + *value % 10);
	}
	if (is_printed)
		*--at = '.';
	return at;
}

static char *put_small(char *at, uint64_t ns)
{
	unsigned digits = ns < 1000 ? 0 : ns < 1000000 ? 3 : 6;
	at = put_string(at, digits == 0 ? "ns" : digits == 3 ? "\xc2\xb5s" : "ms");
	at = put_fraction(at, &ns, digits);
	return put_number(at, ns);
}

static char *put_large(char *at, uint64_t value)
{
	*--at = 's';
	at = put_fraction(at, &value, 9);
	at = put_number(at, value % 60);
	value /= 60;
	if (value == 0)
		return at;
	*--at = 'm';
	at = put_number(at, value % 60);
	value /= 60;
	if (value == 0)
		return at;
	*--at = 'h';
	return put_number(at, value);
}

void duration_format(int64_t ns, char out[DURATION_SIZE])
{
	char buffer[DURATION_SIZE], *end = buffer + sizeof buffer - 1, *at = end;
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	*end = '\0';
	if (magnitude == 0)
		at = put_string(at, "0s");
	else
		at = magnitude < (uint64_t)DURATION_SECOND ? put_small(at, magnitude) : put_large(at, magnitude);
	if (ns < 0)
		*--at = '-';
	memcpy(out, at, (size_t)(end - at) + 1);
}
