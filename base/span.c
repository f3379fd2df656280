#include "base/span.h"

#include <ctype.h>

int span_cmp(struct span a, struct span b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool span_starts(struct span s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

bool span_ends(struct span s, const char *suffix)
{
	size_t len = strlen(suffix);
	return s.len >= len && memcmp(s.ptr + s.len - len, suffix, len) == 0;
}

bool span_contains(struct span s, const char *part)
{
	size_t len = strlen(part);
	return len == 0 || (s.len >= len && memmem(s.ptr, s.len, part, len) != NULL);
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && isspace((unsigned char)s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct span span_before(struct span s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
	return at == NULL ? s : (struct span){s.ptr, (size_t)(at - s.ptr)};
}

struct span span_behind(struct span s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
	if (at == NULL)
		return (struct span){0};
	return (struct span){at + 1, s.len - (size_t)(at - s.ptr) - 1};
}

bool span_next(struct span *rest, char c, struct span *out_piece)
{
	if (rest->ptr == NULL)
		return false;
	*out_piece = span_before(*rest, c);
	*rest = span_behind(*rest, c);
	return true;
}

bool span_int(struct span s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t value = 0;
	size_t i = negative ? 1 : 0;
	if (i == s.len)
		return false;
	for (; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');
		if (value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	int64_t number = negative ? (int64_t)(0 - value) : (int64_t)value;
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}

size_t span_distance(struct span a, struct span b, size_t limit)
{
	enum { LONGEST = 63 };
	if (a.len > LONGEST || b.len > LONGEST)
		return limit;
	size_t row[LONGEST + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = tolower((unsigned char)a.ptr[i - 1]) == tolower((unsigned char)b.ptr[j - 1]);
			size_t best = diagonal + (same ? 0 : 1);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.len] < limit ? row[b.len] : limit;
}
