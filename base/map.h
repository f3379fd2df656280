/* A hash table from text to pointer, in an arena. Keys are borrowed and must live as long as the map. Iteration is in
 * order of insertion (entries[0 … count-1]), so nothing that is printed ever depends on the hash. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

struct map_entry {
	struct span key;
	void *value;
};

struct map {
	struct arena *arena;
	struct map_entry *entries;
	size_t count, cap;
	uint64_t *slots; /* half of the hash, entry index + 1; 0 is empty */
	size_t slot_count;
};

/* The hash of the tables, for those of another shape; `start` is something that nobody outside knows, or a hash. */
uint64_t map_hash(uint64_t start, struct span key);

void map_init(struct map *map, struct arena *arena);
void map_reserve(struct map *map, size_t count); /* of an empty map: memory for so many is taken at once */
void *map_get(const struct map *map, struct span key); /* NULL: absent */
/* The place of the value for `key`, made (NULL) when absent. Valid until the next map_at. */
void **map_at(struct map *map, struct span key);

#endif
