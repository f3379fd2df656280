/* The end of a map: keys that cannot be, keys that come twice, and `<<`. */
#include <stdlib.h>
#include <string.h>

#include "render/load_int.h"

static struct span key_text(const struct pair *pair)
{
	return (struct span){pair->key.text, pair->key.len};
}

static bool same_key(const struct pair *a, const struct pair *b)
{
	return a->key.len == b->key.len && memcmp(a->key.text, b->key.text, a->key.len) == 0;
}

static bool is_merge(const struct pair *pair)
{
	return pair->key.len == 2 && pair->key.style == NODE_PLAIN && memcmp(pair->key.text, "<<", 2) == 0;
}

/* --- twice -------------------------------------------------------------------------------------------------------- */

static void report_twice(struct loader *loader, const struct pair *first, const struct pair *again)
{
	struct span key = key_text(again);
	struct diag *diag = diag_error(&loader->at, "DuplicateKey", &again->key, NULL,
				       "the key \"%.*s\" stands here a second time; it is already set in line %u, column "
				       "%u",
				       (int)(key.len < 80 ? key.len : 80), key.ptr, first->key.line, first->key.column);
	diag_hint(&loader->at, diag, "keep one of them; readers silently take the last");
}

/* Repeated `<<` are what some readers allow: each is merged. */
static bool is_twice(const struct pair *a, const struct pair *b)
{
	return same_key(a, b) && !(is_merge(a) && is_merge(b));
}

static int compare_keys(const void *a, const void *b)
{
	const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
	int order = span_cmp(key_text(x), key_text(y));
	return order != 0 ? order : x < y ? -1 : x > y;
}

/* Marks pairs whose key comes again with an ABSENT key; the last one stays. */
static bool mark_twice_sorted(struct loader *loader, struct pair *pairs, size_t count)
{
	struct pair **order = malloc(count * sizeof *order);
	bool found = false;
	if (order == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		order[i] = &pairs[i];
	qsort(order, count, sizeof *order, compare_keys);
	for (size_t i = 1; i < count; i++) {
		if (!is_twice(order[i - 1], order[i]))
			continue;
		report_twice(loader, order[i - 1], order[i]);
		order[i - 1]->key.kind = NODE_ABSENT;
		found = true;
	}
	free(order);
	return found;
}

static bool mark_twice(struct loader *loader, struct pair *pairs, size_t count)
{
	bool found = false;
	for (size_t i = 1; i < count; i++) {
		for (size_t j = i; j > 0; j--) {
			if (!is_twice(&pairs[j - 1], &pairs[i]))
				continue;
			report_twice(loader, &pairs[j - 1], &pairs[i]);
			pairs[j - 1].key.kind = NODE_ABSENT;
			found = true;
			break;
		}
	}
	return found;
}

static size_t drop_absent(struct pair *pairs, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (pairs[i].key.kind != NODE_ABSENT)
			pairs[kept++] = pairs[i];
	return kept;
}

size_t map_unique(struct loader *loader, struct pair *pairs, size_t count)
{
	enum { SMALL = 16 };
	bool found = count <= SMALL ? mark_twice(loader, pairs, count) : mark_twice_sorted(loader, pairs, count);
	return found ? drop_absent(pairs, count) : count;
}

/* --- merging ------------------------------------------------------------------------------------------------------ */

struct merge {
	struct loader *loader;
	struct arena arena; /* dies with the merge */
	struct map seen;    /* key to pair in `out` */
	const struct pair *own; /* the pairs of the map itself */
	size_t own_count;
	struct pair *out;
	size_t count;
};

enum winner { FIRST_WINS, LAST_WINS };

static bool is_own_key(const struct merge *merge, const struct pair *pair)
{
	for (size_t i = 0; i < merge->own_count; i++)
		if (merge->own[i].key.line == pair->key.line && merge->own[i].key.column == pair->key.column)
			return true;
	return false;
}

static void warn_replaced(const struct merge *merge, const struct pair *there)
{
	struct span key = key_text(there);
	struct diag *diag = diag_warn(&merge->loader->at, "MergeOrder", &there->key, NULL,
				      "the key \"%.*s\" is replaced by the \"<<\" below it when Kubernetes clients read "
				      "this",
				      (int)(key.len < 80 ? key.len : 80), key.ptr);
	diag_hint(&merge->loader->at, diag, "put \"<<\" first in its mapping: then every reader agrees");
}

static struct pair *put(struct merge *merge, const struct pair *pair)
{
	void **slot = map_at(&merge->seen, key_text(pair));
	if (*slot != NULL)
		return *slot;
	merge->out[merge->count] = *pair;
	*slot = &merge->out[merge->count++];
	return NULL;
}

static void put_own(struct merge *merge, const struct pair *pair)
{
	struct pair *there = put(merge, pair);
	if (there != NULL)
		*there = *pair;
}

static void put_map(struct merge *merge, const struct node *map, enum winner winner)
{
	for (size_t i = 0; i < map->len; i++) {
		struct pair *there = put(merge, &map->pairs[i]);
		if (there == NULL || winner == FIRST_WINS)
			continue;
		if (is_own_key(merge, there))
			warn_replaced(merge, there);
		*there = map->pairs[i];
	}
}

static bool is_mergeable(const struct node *value)
{
	if (value->kind == NODE_MAP)
		return true;
	if (value->kind != NODE_SEQ)
		return false;
	for (size_t i = 0; i < value->len; i++)
		if (value->items[i].kind != NODE_MAP)
			return false;
	return true;
}

/* In a list the earlier map wins: so it is put last where the last wins. */
static void put_source(struct merge *merge, const struct pair *pair, enum winner winner)
{
	const struct node *value = &pair->value;
	if (!is_mergeable(value)) {
		struct diag *diag = diag_error(&merge->loader->at, "BadMerge", &pair->key, NULL,
					       "\"<<\" merges a mapping or a list of mappings, nothing else");
		diag_hint(&merge->loader->at, diag, "quote \"<<\" if a plain key is meant");
		return;
	}
	if (value->kind == NODE_MAP) {
		put_map(merge, value, winner);
		return;
	}
	for (size_t i = 0; i < value->len; i++)
		put_map(merge, &value->items[winner == LAST_WINS ? value->len - 1 - i : i], winner);
}

static size_t merged_size(const struct pair *pairs, size_t count)
{
	size_t size = count;
	for (size_t i = 0; i < count; i++) {
		const struct node *value = &pairs[i].value;
		if (!is_merge(&pairs[i]))
			continue;
		if (value->kind == NODE_MAP)
			size += value->len;
		else if (value->kind == NODE_SEQ)
			for (size_t j = 0; j < value->len; j++)
				size += value->items[j].kind == NODE_MAP ? value->items[j].len : 0;
	}
	return size;
}

/* Kubernetes clients go through the pairs in order and the last wins, so that "<<" replaces keys above it; for omnictl
 * the keys of the map itself always win. */
static size_t merge_all(struct loader *loader, struct pair **pairs, size_t count)
{
	struct merge merge = {.loader = loader, .own = *pairs, .own_count = count};
	bool in_order = loader->dialect == LOAD_KUBERNETES;
	arena_init(&merge.arena, ARENA_NO_LIMIT);
	map_init(&merge.seen, &merge.arena);
	merge.out = ARENA_ARRAY(&loader->scratch, struct pair, merged_size(*pairs, count));
	for (size_t i = 0; i < count; i++) {
		const struct pair *pair = &(*pairs)[i];
		if (!is_merge(pair))
			put_own(&merge, pair);
		else if (in_order)
			put_source(&merge, pair, LAST_WINS);
	}
	for (size_t i = 0; i < count && !in_order; i++)
		if (is_merge(&(*pairs)[i]))
			put_source(&merge, &(*pairs)[i], FIRST_WINS);
	arena_done(&merge.arena);
	*pairs = merge.out;
	return merge.count;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static size_t drop_complex(struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pairs[i].key.kind == NODE_SEQ || pairs[i].key.kind == NODE_MAP)
			pairs[i].key.kind = NODE_ABSENT;
	return drop_absent(pairs, count);
}

size_t map_finish(struct loader *loader, struct level *level, struct pair **pairs, size_t count)
{
	if (level->has_complex_key)
		count = drop_complex(*pairs, count);
	count = map_unique(loader, *pairs, count);
	return level->has_merge ? merge_all(loader, pairs, count) : count;
}
