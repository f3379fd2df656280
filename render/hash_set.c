#include "render/hash_set.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 1 << 12 };

static uint64_t *find_slot(const struct hash_set *set, uint64_t hash)
{
	size_t mask = set->slot_count - 1, i = (size_t)hash & mask;
	while (set->slots[i] != 0 && set->slots[i] != hash)
		i = (i + 1) & mask;
	return &set->slots[i];
}

static void grow(struct hash_set *set, size_t slot_count)
{
	struct hash_set old = *set;
	set->slot_count = slot_count;
	set->slots = calloc(set->slot_count, sizeof *set->slots);
	if (set->slots == NULL)
		abort();
	for (size_t i = 0; i < old.slot_count; i++)
		if (old.slots[i] != 0)
			*find_slot(set, old.slots[i]) = old.slots[i];
	free(old.slots);
}

void hash_set_expect(struct hash_set *set, size_t count)
{
	size_t slot_count = FIRST_SLOTS;
	while (slot_count < count * 2)
		slot_count *= 2;
	grow(set, slot_count);
}

void hash_set_settle(struct hash_set *set)
{
	while ((set->taken + set->waiting_count) * 2 >= set->slot_count)
		grow(set, set->slot_count == 0 ? FIRST_SLOTS : set->slot_count * 2);
	for (size_t i = 0; i < set->waiting_count; i++) {
		uint64_t *slot = find_slot(set, set->waiting[i]);
		set->has_twice |= *slot != 0;
		*slot = set->waiting[i];
	}
	set->taken += set->waiting_count;
	set->waiting_count = 0;
}

void hash_set_take(struct hash_set *set, uint64_t hash)
{
	if (set->slot_count == 0)
		grow(set, FIRST_SLOTS);
	hash += hash == 0; /* which marks an empty slot */
	__builtin_prefetch(&set->slots[hash & (set->slot_count - 1)], 1);
	set->waiting[set->waiting_count++] = hash;
	if (set->waiting_count == HASH_SET_WAITING)
		hash_set_settle(set);
}

bool hash_set_has(struct hash_set *set, uint64_t hash)
{
	hash_set_settle(set);
	return *find_slot(set, hash + (hash == 0)) != 0;
}

void hash_set_done(struct hash_set *set)
{
	free(set->slots);
	*set = (struct hash_set){0};
}
