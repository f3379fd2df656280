#include "base/timestamp.h"

#include <stdio.h>

enum { DAY_SECONDS = 86400, ERA_DAYS = 146097 /* 400 years */, EPOCH_DAY = 719468 /* 1970-01-01 from 0000-03-01 */ };

#define FIRST_MS (-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS 253402300799999	   /* 9999-12-31T23:59:59.999Z */

/* Years are counted from March, so that the leap day is the last day of a year. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * ERA_DAYS + day_of_era - EPOCH_DAY;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t shifted = days + EPOCH_DAY;
	int64_t era = (shifted >= 0 ? shifted : shifted - ERA_DAYS + 1) / ERA_DAYS;
	int64_t day_of_era = shifted - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	*day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	*month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	*year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Cut `count` digits off the front. */
static bool take_digits(struct span *rest, size_t count, int64_t min, int64_t max, int64_t *out)
{
	if (rest->len < count || rest->ptr[0] == '-' || !span_int((struct span){rest->ptr, count}, min, max, out))
		return false;
	*rest = (struct span){rest->ptr + count, rest->len - count};
	return true;
}

static bool take_char(struct span *rest, char c)
{
	if (rest->len == 0 || rest->ptr[0] != c)
		return false;
	*rest = (struct span){rest->ptr + 1, rest->len - 1};
	return true;
}

static bool take_date(struct span *rest, int64_t *out_days)
{
	int64_t year, month, day;
	if (!take_digits(rest, 4, 0, 9999, &year) || !take_char(rest, '-') || !take_digits(rest, 2, 1, 12, &month) ||
	    !take_char(rest, '-') || !take_digits(rest, 2, 1, days_in_month(year, month), &day))
		return false;
	*out_days = days_of_date(year, month, day);
	return true;
}

static bool take_time(struct span *rest, int64_t *out_seconds)
{
	int64_t hour, minute, second;
	if (!take_digits(rest, 2, 0, 23, &hour) || !take_char(rest, ':') || !take_digits(rest, 2, 0, 59, &minute) ||
	    !take_char(rest, ':') || !take_digits(rest, 2, 0, 59, &second))
		return false;
	*out_seconds = (hour * 60 + minute) * 60 + second;
	return true;
}

static bool take_fraction(struct span *rest, int64_t *out_ms)
{
	*out_ms = 0;
	if (!take_char(rest, '.'))
		return true;
	size_t digits = 0;
	for (int64_t weight = 100; rest->len > 0 && rest->ptr[0] >= '0' && rest->ptr[0] <= '9'; weight /= 10, digits++) {
		*out_ms += weight * (rest->ptr[0] - '0');
		*rest = (struct span){rest->ptr + 1, rest->len - 1};
	}
	return digits > 0;
}

static bool take_offset(struct span *rest, int64_t *out_seconds)
{
	*out_seconds = 0;
	if (take_char(rest, 'Z'))
		return true;
	int64_t sign = take_char(rest, '-') ? -1 : take_char(rest, '+') ? 1 : 0;
	int64_t hour, minute;
	if (sign == 0 || !take_digits(rest, 2, 0, 23, &hour) || !take_char(rest, ':') ||
	    !take_digits(rest, 2, 0, 59, &minute))
		return false;
	*out_seconds = sign * (hour * 60 + minute) * 60;
	return true;
}

bool timestamp_parse(struct span text, int64_t *out_ms)
{
	int64_t days, seconds, ms, offset;
	if (!take_date(&text, &days) || !take_char(&text, 'T') || !take_time(&text, &seconds) ||
	    !take_fraction(&text, &ms) || !take_offset(&text, &offset) || text.len != 0)
		return false;
	*out_ms = (days * DAY_SECONDS + seconds - offset) * 1000 + ms;
	return true;
}

void timestamp_format(int64_t ms, enum timestamp_precision precision, char out[TIMESTAMP_SIZE])
{
	ms = ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
	int64_t since_first = ms - FIRST_MS;
	int64_t days = since_first / (DAY_SECONDS * INT64_C(1000)) + FIRST_MS / (DAY_SECONDS * INT64_C(1000));
	int64_t of_day = since_first % (DAY_SECONDS * INT64_C(1000));
	int64_t year, month, day, second = of_day / 1000;
	date_of_days(days, &year, &month, &day);
	int used = snprintf(out, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year & 0x3fff,
			    (unsigned)month & 15, (unsigned)day & 31, (unsigned)(second / 3600) & 31,
			    (unsigned)(second / 60 % 60) & 63, (unsigned)(second % 60) & 63);
	if (precision == TIMESTAMP_SECONDS)
		snprintf(out + used, TIMESTAMP_SIZE - (size_t)used, "Z");
	else
		snprintf(out + used, TIMESTAMP_SIZE - (size_t)used, ".%03u%sZ", (unsigned)(of_day % 1000) & 1023,
			 precision == TIMESTAMP_MICROSECONDS ? "000" : "");
}
