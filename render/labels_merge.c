#include "render/labels_merge.h"

#include <stdlib.h>

enum { FEW = 32 }; /* up to here one by one is the fastest */

static int compare_labels(const void *a, const void *b)
{
	return span_cmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

static struct label read_pair(const struct pair *pair)
{
	return (struct label){node_source_text(&pair->key), node_source_text(&pair->value)};
}

/* Two sorted runs into one; of two equal keys the second run has it. */
static void merge_runs(struct arena *arena, struct labels *labels, const struct label *more, size_t count)
{
	struct labels out = {ARENA_ARRAY(arena, struct label, labels->count + count), 0, labels->count + count};
	size_t i = 0, j = 0;
	while (i < labels->count || j < count) {
		int order = i == labels->count ? 1 : j == count ? -1 : compare_labels(&labels->items[i], &more[j]);
		if (order == 0)
			i++;
		out.items[out.count++] = order < 0 ? labels->items[i++] : more[j++];
	}
	*labels = out;
}

void labels_merge(struct arena *arena, struct labels *labels, const struct node *map)
{
	if (!node_is(map, NODE_MAP) || map->len == 0)
		return;
	if (map->len > FEW) {
		struct label *more = ARENA_ARRAY(arena, struct label, map->len);
		for (uint32_t i = 0; i < map->len; i++)
			more[i] = read_pair(&map->pairs[i]);
		qsort(more, map->len, sizeof *more, compare_labels); /* keys of a mapping are unique */
		merge_runs(arena, labels, more, map->len);
		return;
	}
	for (uint32_t i = 0; i < map->len; i++) {
		struct label label = read_pair(&map->pairs[i]);
		labels_set(arena, labels, label.key, label.value);
	}
}
