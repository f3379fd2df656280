#include "agent/omni/mirror.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum { TYPES = 64, FIRST_SIZE = 256 };

struct owner {
	struct span name;
	struct mirror_mark sum;
	struct mirror_status status;
};

/* 48 bytes; `owner` NULL: the place is free. */
struct record {
	struct mirror_mark key, mark;
	struct owner *owner;
	uint32_t round; /* of its type, when it was seen last */
	uint16_t type;
};

struct type_state {
	const struct omni_type *type;
	uint32_t round;
	bool is_live;
};

struct mirror {
	pthread_mutex_t lock;
	struct arena arena; /* names of clusters */
	struct map owners;
	struct type_state types[TYPES];
	size_t type_count;
	struct record *records; /* open addressing */
	size_t count, size;
};

bool mirror_wants(const struct omni_type *type)
{
	return (type->flags & (OMNI_TEMPLATE | OMNI_RAW)) != 0 || type == OMNI_CLUSTER_STATUS;
}

struct mirror *mirror_new(void)
{
	struct mirror *mirror = calloc(1, sizeof *mirror);
	if (mirror == NULL || (mirror->records = calloc(FIRST_SIZE, sizeof *mirror->records)) == NULL)
		abort();
	mirror->size = FIRST_SIZE;
	pthread_mutex_init(&mirror->lock, NULL);
	arena_init(&mirror->arena, ARENA_NO_LIMIT);
	map_init(&mirror->owners, &mirror->arena);
	for (size_t i = 0; omni_type_at(i) != NULL && mirror->type_count < TYPES; i++)
		if (mirror_wants(omni_type_at(i)))
			mirror->types[mirror->type_count++].type = omni_type_at(i);
	return mirror;
}

void mirror_free(struct mirror *mirror)
{
	if (mirror == NULL)
		return;
	pthread_mutex_destroy(&mirror->lock);
	arena_done(&mirror->arena);
	free(mirror->records);
	free(mirror);
}

/* --- hashing -------------------------------------------------------------------------------------------------------- */

static uint64_t stir(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static void mix_bytes(struct mirror_mark *hash, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		hash->low = (hash->low ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
		hash->high = stir(hash->high + (unsigned char)bytes.ptr[i]);
	}
	hash->low = stir(hash->low ^ bytes.len);
	hash->high += hash->low;
}

static struct mirror_mark key_of(uint16_t type, struct span id)
{
	struct mirror_mark key = {UINT64_C(0xcbf29ce484222325) + type, UINT64_C(0x9e3779b97f4a7c15) * (type + 1u)};
	mix_bytes(&key, id);
	return key;
}

static struct mirror_mark mark_of(struct mirror_mark key, const struct resource *resource)
{
	struct mirror_mark mark = {stir(key.low + resource->version), stir(key.high ^ resource->version)};
	mix_bytes(&mark, resource->created);
	return mark;
}

/* --- records -------------------------------------------------------------------------------------------------------- */

static struct record *place_of(const struct mirror *mirror, struct mirror_mark key)
{
	size_t i = key.low & (mirror->size - 1);
	while (mirror->records[i].owner != NULL && !mirror_mark_equal(mirror->records[i].key, key))
		i = (i + 1) & (mirror->size - 1);
	return &mirror->records[i];
}

static void grow(struct mirror *mirror)
{
	struct record *old = mirror->records;
	size_t old_size = mirror->size;
	if (mirror->count * 4 < mirror->size * 3)
		return;
	mirror->size *= 2;
	mirror->records = calloc(mirror->size, sizeof *mirror->records);
	if (mirror->records == NULL)
		abort();
	for (size_t i = 0; i < old_size; i++)
		if (old[i].owner != NULL)
			*place_of(mirror, old[i].key) = old[i];
	free(old);
}

static void subtract(struct owner *owner, struct mirror_mark mark)
{
	owner->sum.low -= mark.low;
	owner->sum.high -= mark.high;
}

static void add(struct owner *owner, struct mirror_mark mark)
{
	owner->sum.low += mark.low;
	owner->sum.high += mark.high;
}

/* Frees the place; what was pushed behind it by a collision moves up. */
static void erase(struct mirror *mirror, struct record *record)
{
	size_t mask = mirror->size - 1, hole = (size_t)(record - mirror->records);
	subtract(record->owner, record->mark);
	mirror->count--;
	for (size_t i = (hole + 1) & mask; mirror->records[i].owner != NULL; i = (i + 1) & mask) {
		size_t home = mirror->records[i].key.low & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			mirror->records[hole] = mirror->records[i];
			hole = i;
		}
	}
	mirror->records[hole] = (struct record){0};
}

/* --- whose is it ---------------------------------------------------------------------------------------------------- */

static struct owner *owner_named(struct mirror *mirror, struct span name)
{
	struct owner *owner = map_get(&mirror->owners, name);
	if (owner != NULL)
		return owner;
	owner = ARENA_NEW(&mirror->arena, struct owner);
	owner->name = arena_copy(&mirror->arena, name);
	*map_at(&mirror->owners, owner->name) = owner;
	return owner;
}

static uint16_t index_of(const struct mirror *mirror, const struct omni_type *type)
{
	uint16_t i = 0;
	while (i < mirror->type_count && mirror->types[i].type != type)
		i++;
	return i;
}

static bool is_of_machine(const struct omni_type *type)
{
	return type == OMNI_KERNEL_ARGS || type == OMNI_INSTALL_DISK;
}

static struct owner *owner_of(struct mirror *mirror, const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER || resource->type == OMNI_CLUSTER_STATUS)
		return owner_named(mirror, resource->id);
	if (is_of_machine(resource->type)) {
		struct record *node = place_of(mirror, key_of(index_of(mirror, OMNI_MACHINE_SET_NODE), resource->id));
		return node->owner != NULL ? node->owner : owner_named(mirror, SPAN(""));
	}
	const struct label *label = labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
	return owner_named(mirror, label == NULL ? SPAN("") : label->value);
}

/* A machine came to a cluster, or left it: what has only its ID goes along. */
static void move_along(struct mirror *mirror, struct span machine, struct owner *to)
{
	const struct omni_type *const types[] = {OMNI_KERNEL_ARGS, OMNI_INSTALL_DISK};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct record *record = place_of(mirror, key_of(index_of(mirror, types[i]), machine));
		if (record->owner == NULL || record->owner == to)
			continue;
		subtract(record->owner, record->mark);
		add(to, record->mark);
		record->owner = to;
	}
}

static void take_status(struct owner *owner, const struct resource *resource)
{
	int64_t phase = 0;
	span_int(node_text_at(&resource->spec, "phase"), 0, 255, &phase);
	owner->status = (struct mirror_status){true, span_is(node_text_at(&resource->spec, "ready"), "true"), (unsigned)phase};
}

/* --- events --------------------------------------------------------------------------------------------------------- */

static bool put(struct mirror *mirror, const struct resource *resource, struct span *out_cluster)
{
	uint16_t type = index_of(mirror, resource->type);
	if (type == mirror->type_count)
		return false;
	struct owner *owner = owner_of(mirror, resource);
	*out_cluster = owner->name;
	if (resource->type == OMNI_CLUSTER_STATUS) { /* comes and goes without a plan having to change */
		struct mirror_status before = owner->status;
		take_status(owner, resource);
		return before.is_known != owner->status.is_known || before.is_ready != owner->status.is_ready ||
		       before.phase != owner->status.phase;
	}
	struct mirror_mark key = key_of(type, resource->id), mark = mark_of(key, resource);
	grow(mirror);
	struct record *record = place_of(mirror, key);
	bool is_same = record->owner == owner && mirror_mark_equal(record->mark, mark);
	if (record->owner != NULL)
		subtract(record->owner, record->mark);
	else
		mirror->count++;
	*record = (struct record){key, mark, owner, mirror->types[type].round, type};
	add(owner, mark);
	if (resource->type == OMNI_MACHINE_SET_NODE)
		move_along(mirror, resource->id, owner);
	return !is_same;
}

bool mirror_put(struct mirror *mirror, const struct resource *resource, struct span *out_cluster)
{
	pthread_mutex_lock(&mirror->lock);
	bool is_news = put(mirror, resource, out_cluster);
	pthread_mutex_unlock(&mirror->lock);
	return is_news;
}

static bool drop(struct mirror *mirror, const struct resource *resource, struct span *out_cluster)
{
	uint16_t type = index_of(mirror, resource->type);
	if (resource->type == OMNI_CLUSTER_STATUS) {
		struct owner *owner = owner_named(mirror, resource->id);
		bool is_news = owner->status.is_known;
		owner->status = (struct mirror_status){0};
		*out_cluster = owner->name;
		return is_news;
	}
	struct record *record = place_of(mirror, key_of(type, resource->id));
	if (record->owner == NULL)
		return false;
	*out_cluster = record->owner->name;
	erase(mirror, record);
	if (resource->type == OMNI_MACHINE_SET_NODE)
		move_along(mirror, resource->id, owner_named(mirror, SPAN("")));
	return true;
}

bool mirror_drop(struct mirror *mirror, const struct resource *resource, struct span *out_cluster)
{
	pthread_mutex_lock(&mirror->lock);
	bool is_news = drop(mirror, resource, out_cluster);
	pthread_mutex_unlock(&mirror->lock);
	return is_news;
}

/* --- watches -------------------------------------------------------------------------------------------------------- */

static struct type_state *state_of(struct mirror *mirror, const struct omni_type *type)
{
	uint16_t i = index_of(mirror, type);
	return i < mirror->type_count ? &mirror->types[i] : NULL;
}

void mirror_begin(struct mirror *mirror, const struct omni_type *type)
{
	pthread_mutex_lock(&mirror->lock);
	struct type_state *state = state_of(mirror, type);
	state->round++;
	state->is_live = false;
	pthread_mutex_unlock(&mirror->lock);
}

/* Erasing moves records, also ones that were looked at already past the end of the table; they were kept, so that does
 * no harm; and into the hole, so that place is looked at again. */
void mirror_end(struct mirror *mirror, const struct omni_type *type)
{
	pthread_mutex_lock(&mirror->lock);
	struct type_state *state = state_of(mirror, type);
	uint16_t index = index_of(mirror, type);
	for (size_t i = 0; i < mirror->size;) {
		struct record *record = &mirror->records[i];
		if (record->owner != NULL && record->type == index && record->round != state->round)
			erase(mirror, record);
		else
			i++;
	}
	state->is_live = true;
	pthread_mutex_unlock(&mirror->lock);
}

void mirror_live(struct mirror *mirror, const struct omni_type *type)
{
	pthread_mutex_lock(&mirror->lock);
	state_of(mirror, type)->is_live = true;
	pthread_mutex_unlock(&mirror->lock);
}

void mirror_lost(struct mirror *mirror, const struct omni_type *type)
{
	pthread_mutex_lock(&mirror->lock);
	state_of(mirror, type)->is_live = false;
	pthread_mutex_unlock(&mirror->lock);
}

/* --- questions ------------------------------------------------------------------------------------------------------ */

static bool is_live(const struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->type_count; i++)
		if (!mirror->types[i].is_live)
			return false;
	return true;
}

bool mirror_is_live(struct mirror *mirror)
{
	pthread_mutex_lock(&mirror->lock);
	bool all = is_live(mirror);
	pthread_mutex_unlock(&mirror->lock);
	return all;
}

bool mirror_mark(struct mirror *mirror, struct span cluster, struct mirror_mark *out)
{
	pthread_mutex_lock(&mirror->lock);
	bool all = is_live(mirror);
	const struct owner *owner = map_get(&mirror->owners, cluster);
	*out = owner != NULL ? owner->sum : (struct mirror_mark){0};
	pthread_mutex_unlock(&mirror->lock);
	return all;
}

void mirror_status(struct mirror *mirror, struct span cluster, struct mirror_status *out)
{
	pthread_mutex_lock(&mirror->lock);
	const struct owner *owner = map_get(&mirror->owners, cluster);
	*out = owner != NULL ? owner->status : (struct mirror_status){0};
	pthread_mutex_unlock(&mirror->lock);
}

size_t mirror_count(struct mirror *mirror)
{
	pthread_mutex_lock(&mirror->lock);
	size_t count = mirror->count;
	pthread_mutex_unlock(&mirror->lock);
	return count;
}
