#include "render/resolve_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 1024 }; /* longest number that is read as a float */

/* Without underscores; false when that does not fit. */
static bool strip(struct span raw, char *out, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] == '_')
			continue;
		if (len + 1 >= size)
			return false;
		out[len++] = raw.ptr[i];
	}
	out[len] = '\0';
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	int letter = c | 0x20;
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 99;
}

static unsigned base_of(const char **digits)
{
	const char *s = *digits;
	if (s[0] != '0' || s[1] == '\0')
		return 10;
	int letter = s[1] | 0x20;
	unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
	*digits += base == 0 ? 1 : 2;
	return base == 0 ? 8 : base;
}

static bool parse_based(const char *digits, unsigned base, uint64_t *out)
{
	uint64_t value = 0;
	if (*digits == '\0')
		return false;
	for (; *digits != '\0'; digits++) {
		unsigned digit = (unsigned)digit_value(*digits);
		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return true;
}

static bool based_integer(const char *s, char space[RESOLVE_TEXT_MAX], struct span *out_text)
{
	char sign = *s == '-' || *s == '+' ? *s++ : '\0';
	unsigned base = base_of(&s);
	uint64_t value, limit = sign == '-' ? (uint64_t)INT64_MAX + 1 : sign == '+' ? (uint64_t)INT64_MAX : UINT64_MAX;
	if (!parse_based(s, base, &value) || value > limit)
		return false;
	int len = snprintf(space, RESOLVE_TEXT_MAX, "%s%" PRIu64, sign == '-' && value != 0 ? "-" : "", value);
	*out_text = (struct span){space, (size_t)len};
	return true;
}

/* More than 64 bits: the digits as they are. References make a double of them, so what overflows that is text. */
static bool long_decimal(struct span raw, struct span *out_text)
{
	struct span digits = raw;
	size_t count = 0;
	if (raw.ptr[0] == '+' || raw.ptr[0] == '-')
		digits = (struct span){raw.ptr + 1, raw.len - 1};
	if (digits.len == 0 || digits.len > 308 || digits.ptr[0] == '0')
		return false;
	for (size_t i = 0; i < digits.len; i++)
		count += is_digit(digits.ptr[i]);
	if (count != digits.len)
		return false;
	*out_text = raw.ptr[0] == '+' ? digits : raw;
	return true;
}

bool number_integer(struct span raw, char space[RESOLVE_TEXT_MAX], struct span *out_text)
{
	char plain[RESOLVE_TEXT_MAX * 2];
	if (strip(raw, plain, sizeof plain) && based_integer(plain, space, out_text))
		return true;
	return long_decimal(raw, out_text);
}

/* [-+]? ( . digits | digits [ . digits? ] ) ( [eE] [-+]? digits )? */
static bool has_float_form(const char *s)
{
	size_t before = 0, behind = 0;
	s += *s == '-' || *s == '+';
	for (; is_digit(*s); s++)
		before++;
	if (*s == '.')
		for (s++; is_digit(*s); s++)
			behind++;
	if (before + behind == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!is_digit(*s))
			return false;
		while (is_digit(*s))
			s++;
	}
	return *s == '\0';
}

bool number_float(struct span raw, double *out)
{
	char plain[NUMBER_MAX];
	if (!strip(raw, plain, sizeof plain) || !has_float_form(plain))
		return false;
	double value = strtod(plain, NULL);
	if (!isfinite(value))
		return false;
	*out = value;
	return true;
}

bool number_fraction(struct span raw, double *out)
{
	for (size_t i = 0; i < raw.len; i++)
		if (raw.ptr[i] == '_' &&
		    (i == 0 || i + 1 == raw.len || !is_digit(raw.ptr[i - 1]) || !is_digit(raw.ptr[i + 1])))
			return false;
	return raw.len > 1 && is_digit(raw.ptr[1]) && number_float(raw, out);
}

/* --- times -------------------------------------------------------------------------------------------------------- */

struct cursor {
	const char *at, *end;
};

static bool take(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

/* One to `most` digits, at least `least`. */
static bool take_number(struct cursor *cursor, int least, int most, int *out)
{
	int count = 0;
	*out = 0;
	while (count < most && cursor->at != cursor->end && is_digit(*cursor->at)) {
		*out = *out * 10 + (*cursor->at++ - '0');
		count++;
	}
	return count >= least;
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && is_leap ? 29 : days[month - 1];
}

struct moment {
	int year, month, day, hour, minute, second;
	char fraction[16]; /* ".5", without trailing zeros, at most nine digits */
	char zone[16];	   /* "Z", "+02:00" */
};

static bool take_date(struct cursor *cursor, struct moment *moment)
{
	return take_number(cursor, 4, 4, &moment->year) && take(cursor, '-') &&
	       take_number(cursor, 1, 2, &moment->month) && take(cursor, '-') &&
	       take_number(cursor, 1, 2, &moment->day) && moment->month >= 1 && moment->month <= 12 &&
	       moment->day >= 1 && moment->day <= days_in(moment->year, moment->month);
}

static bool take_fraction(struct cursor *cursor, struct moment *moment)
{
	if (!take(cursor, '.') && !take(cursor, ','))
		return true;
	size_t len = 0, significant = 0;
	const char *start = cursor->at;
	for (; cursor->at != cursor->end && is_digit(*cursor->at); cursor->at++) {
		if (len >= 9)
			continue;
		moment->fraction[++len] = *cursor->at;
		if (*cursor->at != '0')
			significant = len;
	}
	if (significant > 0)
		moment->fraction[0] = '.';
	moment->fraction[significant == 0 ? 0 : significant + 1] = '\0';
	return cursor->at != start;
}

static bool take_time(struct cursor *cursor, struct moment *moment)
{
	return take_number(cursor, 1, 2, &moment->hour) && take(cursor, ':') &&
	       take_number(cursor, 1, 2, &moment->minute) && take(cursor, ':') &&
	       take_number(cursor, 1, 2, &moment->second) && moment->hour <= 23 && moment->minute <= 59 &&
	       moment->second <= 59 && take_fraction(cursor, moment);
}

static bool take_zone(struct cursor *cursor, struct moment *moment)
{
	if (take(cursor, 'Z'))
		return true;
	int hour, minute;
	char sign = cursor->at == cursor->end ? '\0' : *cursor->at;
	if ((sign != '+' && sign != '-') || !take(cursor, sign) || !take_number(cursor, 2, 2, &hour) ||
	    !take(cursor, ':') || !take_number(cursor, 2, 2, &minute) || hour > 24 || minute > 60)
		return false;
	int total = hour * 60 + minute;
	if (total != 0)
		snprintf(moment->zone, sizeof moment->zone, "%c%02d:%02d", sign, total / 60 % 100, total % 60);
	return true;
}

static bool parse_moment(struct span raw, struct moment *moment)
{
	struct cursor cursor = {raw.ptr, raw.ptr + raw.len};
	*moment = (struct moment){.zone = "Z"};
	if (!take_date(&cursor, moment))
		return false;
	if (cursor.at == cursor.end)
		return true;
	if (take(&cursor, ' '))
		return take_time(&cursor, moment) && cursor.at == cursor.end;
	if (!take(&cursor, 'T') && !take(&cursor, 't'))
		return false;
	return take_time(&cursor, moment) && take_zone(&cursor, moment) && cursor.at == cursor.end;
}

bool number_timestamp(struct span raw, char space[RESOLVE_TEXT_MAX], struct span *out_text)
{
	struct moment moment;
	if (raw.len < 8 || raw.ptr[4] != '-' || !parse_moment(raw, &moment))
		return false;
	int len = snprintf(space, RESOLVE_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", moment.year % 10000,
			   moment.month % 100, moment.day % 100, moment.hour % 100, moment.minute % 100,
			   moment.second % 100, moment.fraction, moment.zone);
	*out_text = (struct span){space, (size_t)len};
	return true;
}
