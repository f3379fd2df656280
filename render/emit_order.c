/* Natural order of keys: numbers inside of texts count as numbers, signs come before letters. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "render/emit_int.h"

/* One text while it is compared: where the character at hand begins, and where the one before did. */
struct reader {
	struct span s;
	size_t at;
};

static uint32_t peek(const struct reader *reader, size_t *out_used)
{
	uint32_t c;
	*out_used = utf8_decode((struct span){reader->s.ptr + reader->at, reader->s.len - reader->at}, &c);
	return c == UTF8_BAD ? 0xFFFD : c;
}

/* A run of digits: longer than 18 digits the reference overflows and has no order; here numbers stay numbers. */
struct number {
	int64_t value;
	struct span digits; /* ASCII digits without leading zeros, for long runs */
	size_t end, chars;
	bool is_long;
};

static struct number read_number(struct reader reader, int64_t start)
{
	struct number number = {.value = start};
	size_t begin = reader.at;
	while (reader.at < reader.s.len) {
		size_t used;
		uint32_t c = peek(&reader, &used);
		if (!unicode_is_digit(c))
			break;
		number.value = (int64_t)((uint64_t)number.value * 10 + (uint64_t)((int64_t)c - '0'));
		number.chars++;
		reader.at += used;
	}
	number.end = reader.at;
	number.digits = (struct span){reader.s.ptr + begin, reader.at - begin};
	while (start == 0 && number.digits.len > 0 && number.digits.ptr[0] == '0') {
		number.digits.ptr++;
		number.digits.len--;
	}
	number.is_long = number.chars > 18;
	return number;
}

static int compare_numbers(const struct number *a, const struct number *b)
{
	if (a->is_long || b->is_long) {
		if (a->digits.len != b->digits.len)
			return a->digits.len < b->digits.len ? -1 : 1;
		int order = span_cmp(a->digits, b->digits);
		if (order != 0)
			return order;
	} else if (a->value != b->value) {
		return a->value < b->value ? -1 : 1;
	}
	if (a->chars != b->chars)
		return a->chars < b->chars ? -1 : 1;
	return 0;
}

/* Behind the digits of a number a zero is a digit like others; in front it is padding. */
static bool is_inside_number(struct span s, size_t at)
{
	while (at > 0) {
		size_t before = at - 1;
		while (before > 0 && (s.ptr[before] & '\xC0') == '\x80')
			before--;
		uint32_t c;
		utf8_decode((struct span){s.ptr + before, at - before}, &c);
		if (!unicode_is_digit(c))
			return false;
		if (c != '0')
			return true;
		at = before;
	}
	return false;
}

static int compare_difference(struct reader a, struct reader b, bool after_digit)
{
	size_t used;
	uint32_t ca = peek(&a, &used), cb = peek(&b, &used);
	bool a_letter = unicode_is_letter(ca), b_letter = unicode_is_letter(cb);
	if (a_letter != b_letter)
		return a_letter == after_digit ? -1 : 1;
	if (!a_letter) {
		int64_t start = (ca == '0' || cb == '0') && is_inside_number(a.s, a.at) ? 1 : 0;
		struct number x = read_number(a, start), y = read_number(b, start);
		int order = compare_numbers(&x, &y);
		if (order != 0)
			return order;
	}
	return ca < cb ? -1 : 1;
}

int emit_key_order(struct span a, struct span b)
{
	size_t common = a.len < b.len ? a.len : b.len, at = 0;
	while (at < common && a.ptr[at] == b.ptr[at])
		at++;
	if (at == common)
		return a.len < b.len ? -1 : a.len > b.len;
	while (at > 0 && (a.ptr[at] & '\xC0') == '\x80')
		at--;
	bool after_digit = false;
	if (at > 0) {
		size_t before = at - 1;
		while (before > 0 && (a.ptr[before] & '\xC0') == '\x80')
			before--;
		uint32_t c;
		utf8_decode((struct span){a.ptr + before, at - before}, &c);
		after_digit = unicode_is_digit(c);
	}
	return compare_difference((struct reader){a, at}, (struct reader){b, at}, after_digit);
}

/* --- keys of all kinds -------------------------------------------------------------------------------------------- */

static int kind_rank(const struct node *key)
{
	switch (key->kind) {
	case NODE_ABSENT: case NODE_NULL: return 0;
	case NODE_BOOL: case NODE_INT: case NODE_FLOAT: return 1;
	case NODE_TIME: return 3;
	default: return 2;
	}
}

static double key_number(const struct node *key)
{
	return key->kind == NODE_BOOL ? key->text[0] == 't' : strtod(key->text, NULL);
}

/* The usual case: other letters in front. */
static bool differ_in_front(const struct node *a, const struct node *b)
{
	if (a->kind != NODE_STRING || b->kind != NODE_STRING || a->len == 0 || b->len == 0)
		return false;
	char x = a->text[0], y = b->text[0];
	return x != y && x >= 'a' && x <= 'z' && y >= 'a' && y <= 'z';
}

static int compare_keys(const struct node *a, const struct node *b)
{
	if (differ_in_front(a, b))
		return a->text[0] - b->text[0];
	struct span x = {a->text, a->len}, y = {b->text, b->len};
	int rank_a = kind_rank(a), rank_b = kind_rank(b);
	if (rank_a != rank_b)
		return rank_a - rank_b;
	if (rank_a == 2)
		return emit_key_order(x, y);
	if (rank_a == 1) {
		double m = key_number(a), n = key_number(b);
		if (m < n || m > n)
			return m < n ? -1 : 1;
		if (a->kind != b->kind)
			return a->kind < b->kind ? -1 : 1;
	}
	return span_cmp(x, y);
}

static int compare_pairs(const struct node *map, uint32_t a, uint32_t b)
{
	return compare_keys(&map->pairs[a].key, &map->pairs[b].key);
}

static bool is_sorted(const struct node *map)
{
	for (uint32_t i = 1; i < map->len; i++)
		if (compare_pairs(map, i - 1, i) > 0)
			return false;
	return true;
}

static void insert_all(const struct node *map, uint32_t *order)
{
	for (uint32_t i = 0; i < map->len; i++) {
		uint32_t j = i;
		for (; j > 0 && compare_pairs(map, order[j - 1], i) > 0; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
}

/* Merge runs of `width` from `from` into runs twice as long. Not qsort: it may not be given an order with cycles. */
static void merge_runs(const struct node *map, const uint32_t *from, uint32_t *to, size_t width)
{
	size_t count = map->len;
	for (size_t begin = 0; begin < count; begin += 2 * width) {
		size_t middle = begin + width < count ? begin + width : count;
		size_t end = begin + 2 * width < count ? begin + 2 * width : count;
		size_t left = begin, right = middle;
		for (size_t i = begin; i < end; i++) {
			bool take_left = left < middle &&
					 (right == end || compare_pairs(map, from[left], from[right]) <= 0);
			to[i] = take_left ? from[left++] : from[right++];
		}
	}
}

static uint32_t *merge_all(const struct node *map, uint32_t *order, uint32_t *other)
{
	for (uint32_t i = 0; i < map->len; i++)
		order[i] = i;
	for (size_t width = 1; width < map->len; width *= 2) {
		merge_runs(map, order, other, width);
		uint32_t *swap = order;
		order = other;
		other = swap;
	}
	return order;
}

const uint32_t *sorted_keys(const struct node *map, uint32_t space[ORDER_SPACE], uint32_t **out_heap)
{
	if (is_sorted(map))
		return NULL;
	if (map->len <= ORDER_SPACE) {
		insert_all(map, space);
		return space;
	}
	uint32_t *heap = malloc(2 * (size_t)map->len * sizeof *heap);
	if (heap == NULL)
		abort();
	*out_heap = heap;
	return merge_all(map, heap, heap + map->len);
}
