#include "base/map.h"

/* FNV-1a from a start that nobody outside knows (addresses are random), so that no document can be made whose keys all
 * fall together. The order of entries does not depend on it. */
static uint64_t hash_of(const struct map *map, struct span key)
{
	uint64_t hash = 14695981039346656037u ^ (uint64_t)(uintptr_t)map->arena * 0x9e3779b97f4a7c15u;
	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.ptr[i]) * 1099511628211u;
	return hash ^ hash >> 32;
}

void map_init(struct map *map, struct arena *arena)
{
	*map = (struct map){.arena = arena};
}

/* The slot of the key, or the empty slot where it would go. */
static uint32_t *find_slot(const struct map *map, struct span key)
{
	size_t mask = map->slot_count - 1;
	for (size_t i = hash_of(map, key) & mask;; i = (i + 1) & mask) {
		uint32_t *slot = &map->slots[i];
		if (*slot == 0 || span_eq(map->entries[*slot - 1].key, key))
			return slot;
	}
}

void *map_get(const struct map *map, struct span key)
{
	if (map->count == 0)
		return NULL;
	const uint32_t *slot = find_slot(map, key);
	return *slot == 0 ? NULL : map->entries[*slot - 1].value;
}

static void rehash(struct map *map)
{
	map->slot_count = map->slot_count == 0 ? 16 : map->slot_count * 2;
	map->slots = ARENA_ARRAY(map->arena, uint32_t, map->slot_count);
	for (size_t i = 0; i < map->count; i++)
		*find_slot(map, map->entries[i].key) = (uint32_t)i + 1;
}

void **map_at(struct map *map, struct span key)
{
	if ((map->count + 1) * 2 > map->slot_count)
		rehash(map);
	uint32_t *slot = find_slot(map, key);
	if (*slot == 0) {
		ARENA_PUSH(map->arena, map->entries, map->count, map->cap) = (struct map_entry){key, NULL};
		*slot = (uint32_t)map->count;
	}
	return &map->entries[*slot - 1].value;
}
