#include "render/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct node *node_path(const struct node *map, const char *dotted_path)
{
	struct span rest = span_of(dotted_path), step;
	while (map != NULL && span_next(&rest, '.', &step))
		map = node_get_span(map, step);
	return map;
}

struct span node_text_at(const struct node *map, const char *dotted_path)
{
	return node_text(node_path(map, dotted_path));
}

struct node node_string(struct span text)
{
	return (struct node){.kind = NODE_STRING, .len = NODE_LEN(text.len), .text = text.ptr == NULL ? "" : text.ptr};
}

struct node node_int(struct arena *arena, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
	struct span text = arena_copy(arena, (struct span){digits, (size_t)len});
	return (struct node){.kind = NODE_INT, .len = NODE_LEN(text.len), .text = text.ptr};
}

struct node node_bool(bool value)
{
	return (struct node){.kind = NODE_BOOL, .len = value ? 4 : 5, .text = value ? "true" : "false"};
}

struct node node_null(void)
{
	return (struct node){.kind = NODE_NULL, .len = 4, .text = "null"};
}

struct node node_map(struct arena *arena, size_t pair_capacity)
{
	return (struct node){.kind = NODE_MAP, .pairs = ARENA_ARRAY(arena, struct pair, pair_capacity)};
}

struct node node_seq(struct arena *arena, size_t item_capacity)
{
	return (struct node){.kind = NODE_SEQ, .items = ARENA_ARRAY(arena, struct node, item_capacity)};
}

void node_put_span(struct node *map, struct span key, struct node value)
{
	map->pairs[map->len++] = (struct pair){node_string(key), value};
}

void node_put(struct node *map, const char *key, struct node value)
{
	node_put_span(map, span_of(key), value);
}

void node_push(struct node *seq, struct node value)
{
	seq->items[seq->len++] = value;
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

static bool is_number(const struct node *node)
{
	return node->kind == NODE_INT || node->kind == NODE_FLOAT;
}

static bool same_text(const struct node *a, const struct node *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool scalar_equal(const struct node *a, const struct node *b)
{
	if (a->kind == b->kind && same_text(a, b))
		return true;
	if (!is_number(a) || !is_number(b) || (a->kind == NODE_INT && b->kind == NODE_INT))
		return false;
	if (same_text(a, b))
		return true;
	/* Canonical texts of different kinds or of -0 and 0; the special values (".inf") are equal only as text. */
	char *a_end, *b_end;
	double x = strtod(a->text, &a_end), y = strtod(b->text, &b_end);
	return *a_end == '\0' && *b_end == '\0' && !(x < y) && !(x > y);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
	return span_cmp((struct span){x->key.text, x->key.len}, (struct span){y->key.text, y->key.len});
}

static const struct pair **sorted_pairs(const struct node *map)
{
	const struct pair **pairs = malloc(map->len * sizeof *pairs);
	if (pairs == NULL)
		abort();
	for (size_t i = 0; i < map->len; i++)
		pairs[i] = &map->pairs[i];
	qsort(pairs, map->len, sizeof *pairs, compare_pairs);
	return pairs;
}

static bool map_equal_sorted(const struct node *a, const struct node *b)
{
	const struct pair **x = sorted_pairs(a), **y = sorted_pairs(b);
	bool equal = true;
	for (size_t i = 0; equal && i < a->len; i++)
		equal = same_text(&x[i]->key, &y[i]->key) && node_equal(&x[i]->value, &y[i]->value);
	free(x);
	free(y);
	return equal;
}

static bool map_equal(const struct node *a, const struct node *b)
{
	enum { SMALL = 16 };
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		const struct node *other = &b->pairs[i].value;
		if (!same_text(&a->pairs[i].key, &b->pairs[i].key)) {
			if (a->len > SMALL)
				return map_equal_sorted(a, b);
			other = node_get_span(b, (struct span){a->pairs[i].key.text, a->pairs[i].key.len});
		}
		if (other == NULL || !node_equal(&a->pairs[i].value, other))
			return false;
	}
	return true;
}

/* Depth is bounded by the loader's limit. */
bool node_equal(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL)
		return false;
	if (node_is_scalar(a) && node_is_scalar(b))
		return scalar_equal(a, b);
	if (a->kind != b->kind)
		return false;
	if (a->kind == NODE_MAP)
		return map_equal(a, b);
	if (a->kind != NODE_SEQ)
		return true;
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!node_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* --- bytes for digests -------------------------------------------------------------------------------------------- */

void node_canonical_text(struct text *out, struct span text)
{
	char len[sizeof text.len];
	memcpy(len, &text.len, sizeof len);
	text_add(out, (struct span){len, sizeof len});
	text_add(out, text);
}

/* A FLOAT as the INT that equals it, where there is one. */
static void canonical_number(struct text *out, const struct node *node)
{
	const double exact = 9007199254740992.0; /* 2^53 */
	char digits[64], *end = NULL;
	struct span text = {node->text, node->len};
	double value = node->kind == NODE_FLOAT ? strtod(node->text, &end) : 0;
	if (end != NULL && *end == '\0') {
		bool is_whole = value > -exact && value < exact && value == trunc(value);
		int len = snprintf(digits, sizeof digits, is_whole ? "%.0f" : "%.17g", value == 0 ? 0.0 : value);
		text = (struct span){digits, (size_t)len};
	}
	text_addc(out, 'n');
	node_canonical_text(out, text);
}

static void canonical_map(struct text *out, const struct node *map)
{
	const struct pair **pairs = map->len > 0 ? sorted_pairs(map) : NULL;
	for (size_t i = 0; i < map->len; i++) {
		text_addc(out, 'k');
		node_canonical_text(out, (struct span){pairs[i]->key.text, pairs[i]->key.len});
		node_canonical(out, &pairs[i]->value);
	}
	free(pairs);
}

/* Depth is bounded by the loader's limit. */
void node_canonical(struct text *out, const struct node *node)
{
	if (node != NULL && is_number(node)) {
		canonical_number(out, node);
		return;
	}
	text_addc(out, (char)('A' + (node == NULL ? NODE_ABSENT : node->kind)));
	if (node_is_scalar(node))
		node_canonical_text(out, node_text(node));
	else if (node_is(node, NODE_MAP))
		canonical_map(out, node);
	else if (node_is(node, NODE_SEQ))
		for (size_t i = 0; i < node->len; i++)
			node_canonical(out, &node->items[i]);
	text_addc(out, '.');
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

static void copy_text(struct arena *arena, struct node *node)
{
	struct span text = {node->text, node->len};
	if (!node->has_source) {
		node->text = arena_string(arena, text);
		return;
	}
	struct span source = node_source_text(node);
	char *both = arena_alloc(arena, text.len + 1 + source.len + 1);
	memcpy(both, text.ptr, text.len);
	memcpy(both + text.len + 1, source.ptr, source.len);
	node->text = both;
}

struct node node_copy(struct arena *arena, const struct node *node)
{
	struct node copy = *node;
	if (node_is_scalar(node) || node->kind == NODE_NULL) {
		if (copy.text != NULL)
			copy_text(arena, &copy);
	} else if (node->kind == NODE_SEQ) {
		copy.items = ARENA_ARRAY(arena, struct node, node->len);
		for (size_t i = 0; i < node->len; i++)
			copy.items[i] = node_copy(arena, &node->items[i]);
	} else if (node->kind == NODE_MAP) {
		copy.pairs = ARENA_ARRAY(arena, struct pair, node->len);
		for (size_t i = 0; i < node->len; i++) {
			copy.pairs[i].key = node_copy(arena, &node->pairs[i].key);
			copy.pairs[i].value = node_copy(arena, &node->pairs[i].value);
		}
	}
	return copy;
}
