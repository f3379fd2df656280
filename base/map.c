#include "base/map.h"

#include <string.h>

/* Eight bytes at a time, from a start that nobody outside knows (addresses are random), so that no document can be made
 * whose keys all fall together. The order of entries does not depend on it. */
static uint64_t mix(uint64_t hash, uint64_t piece)
{
	hash = (hash ^ piece) * 0x9e3779b97f4a7c15u;
	return (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
}

uint64_t map_hash(uint64_t start, struct span key)
{
	uint64_t hash = mix(start, key.len), piece;
	size_t i = 0;
	for (; i + sizeof piece <= key.len; i += sizeof piece) {
		memcpy(&piece, key.ptr + i, sizeof piece);
		hash = mix(hash ^ hash >> 29, piece);
	}
	if (i < key.len) {
		piece = 0;
		memcpy(&piece, key.ptr + i, key.len - i);
		hash = mix(hash ^ hash >> 29, piece);
	}
	return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct map *map, struct span key)
{
	return map_hash((uint64_t)(uintptr_t)map->arena, key);
}

void map_init(struct map *map, struct arena *arena)
{
	*map = (struct map){.arena = arena};
}

/* The slot of the key, or the empty slot where it would go. A slot holds the upper half of the hash and the entry. */
static uint64_t *find_slot(const struct map *map, struct span key, uint64_t hash)
{
	size_t mask = map->slot_count - 1;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		uint64_t *slot = &map->slots[i];
		if (*slot == 0 || (*slot >> 32 == hash >> 32 && span_eq(map->entries[(uint32_t)*slot - 1].key, key)))
			return slot;
	}
}

void *map_get(const struct map *map, struct span key)
{
	if (map->count == 0)
		return NULL;
	const uint64_t *slot = find_slot(map, key, hash_of(map, key));
	return *slot == 0 ? NULL : map->entries[(uint32_t)*slot - 1].value;
}

void map_reserve(struct map *map, size_t count)
{
	if (map->count > 0 || count == 0)
		return;
	map->entries = ARENA_ARRAY(map->arena, struct map_entry, count);
	map->cap = count;
	for (map->slot_count = 16; map->slot_count < (count + 1) * 2;)
		map->slot_count *= 2;
	map->slots = ARENA_ARRAY(map->arena, uint64_t, map->slot_count);
}

static void rehash(struct map *map)
{
	map->slot_count = map->slot_count == 0 ? 16 : map->slot_count * 2;
	map->slots = ARENA_ARRAY(map->arena, uint64_t, map->slot_count);
	for (size_t i = 0; i < map->count; i++) {
		uint64_t hash = hash_of(map, map->entries[i].key);
		size_t at = hash & (map->slot_count - 1);
		while (map->slots[at] != 0)
			at = (at + 1) & (map->slot_count - 1);
		map->slots[at] = (hash >> 32 << 32) | (i + 1);
	}
}

void **map_at(struct map *map, struct span key)
{
	if ((map->count + 1) * 2 > map->slot_count)
		rehash(map);
	uint64_t hash = hash_of(map, key), *slot = find_slot(map, key, hash);
	if (*slot == 0) {
		ARENA_PUSH(map->arena, map->entries, map->count, map->cap) = (struct map_entry){key, NULL};
		*slot = (hash >> 32 << 32) | map->count;
	}
	return &map->entries[(uint32_t)*slot - 1].value;
}
