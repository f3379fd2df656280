/* Hashes of what may be there only once. Whether one comes a second time is told late: the table is larger than the caches,
 * so a hash waits until its slot is at hand. Two things may share a hash: whoever hears that has to look more closely. */
#ifndef RENDER_HASH_SET_H
#define RENDER_HASH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_SET_WAITING = 32 };

struct hash_set {
	bool has_twice; /* of what was settled */
	uint64_t *slots; /* 0 is empty */
	size_t taken, slot_count;
	uint64_t waiting[HASH_SET_WAITING];
	size_t waiting_count;
};

void hash_set_expect(struct hash_set *set, size_t count); /* of an empty one; memory that is not touched costs nothing */
void hash_set_take(struct hash_set *set, uint64_t hash);
void hash_set_settle(struct hash_set *set); /* before has_twice is trusted */
bool hash_set_has(struct hash_set *set, uint64_t hash);
void hash_set_done(struct hash_set *set); /* empty again */

#endif
