#include "agent/omni/mirror_int.h"

#include <stdlib.h>

#include "agent/omni/records.h"

bool mirror_wants(const struct omni_type *type)
{
	return (type->flags & (OMNI_TEMPLATE | OMNI_RAW)) != 0 || mirror_is_said(type);
}

bool mirror_is_said(const struct omni_type *type)
{
	return said_kind_of(type) != SAID_NOTHING;
}

struct mirror *mirror_new(mirror_mean *mean)
{
	struct mirror *mirror = calloc(1, sizeof *mirror);
	if (mirror == NULL)
		abort();
	mirror->mean = mean;
	text_init(&mirror->scratch, TEXT_NO_LIMIT);
	pthread_mutex_init(&mirror->lock, NULL);
	arena_init(&mirror->arena, ARENA_NO_LIMIT);
	map_init(&mirror->owners, &mirror->arena);
	for (size_t i = 0; omni_type_at(i) != NULL && mirror->type_count < MIRROR_TYPES; i++)
		if (mirror_wants(omni_type_at(i)))
			mirror->types[mirror->type_count++] = (struct type_state){omni_type_at(i), said_kind_of(omni_type_at(i)), 0, false};
	return mirror;
}

void mirror_free(struct mirror *mirror)
{
	if (mirror == NULL)
		return;
	pthread_mutex_destroy(&mirror->lock);
	for (size_t i = 0; i < mirror->owners.count; i++) {
		struct owner *owner = mirror->owners.entries[i].value;
		free(owner->marks[ON_CLUSTER].packed);
		free(owner->marks[IN_RECORD].packed);
		said_free(owner->said);
	}
	mirror_free_raws(mirror);
	text_done(&mirror->scratch);
	arena_done(&mirror->arena);
	free(mirror->records);
	free(mirror->slots);
	free(mirror);
}

/* --- whose is it ---------------------------------------------------------------------------------------------------- */

static struct owner *owner_named(struct mirror *mirror, struct span name)
{
	struct owner *owner = map_get(&mirror->owners, name);
	if (owner != NULL)
		return owner;
	if (mirror->owners.count > OWNERS_MAX)
		abort();
	owner = ARENA_NEW(&mirror->arena, struct owner);
	owner->number = (uint32_t)mirror->owners.count;
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

/* Statuses have the cluster's ID, or its label. */
static struct owner *owner_of_said(struct mirror *mirror, enum said_kind kind, const struct resource *status)
{
	const struct label *label = labels_get(&status->labels, OMNI_LABEL_CLUSTER);
	if (kind != SAID_SET)
		return owner_named(mirror, status->id);
	return owner_named(mirror, label == NULL ? SPAN("") : label->value);
}

static struct owner *owner_of(struct mirror *mirror, const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER)
		return owner_named(mirror, resource->id);
	if (is_of_machine(resource->type)) {
		const struct record *node = mirror_find(mirror, mirror_key(OMNI_MACHINE_SET_NODE, resource->id));
		return node != NULL ? mirror_owner(mirror, node) : owner_named(mirror, SPAN(""));
	}
	bool is_raw = (resource->type->flags & OMNI_RAW) != 0 && labels_get(&resource->labels, RECORDS_LABEL) == NULL;
	const struct label *label = is_raw ? NULL : labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
	return owner_named(mirror, label == NULL ? SPAN("") : label->value);
}

/* A machine came to a cluster, or left it: what has only its ID goes along. */
static void move_along(struct mirror *mirror, struct span machine, const struct owner *to)
{
	const struct omni_type *const types[] = {OMNI_KERNEL_ARGS, OMNI_INSTALL_DISK};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct record *record = mirror_find(mirror, mirror_key(types[i], machine));
		if (record == NULL || record->owner == to->number)
			continue;
		mirror_count_in(mirror, record, false);
		record->owner = to->number & OWNERS_MAX;
		mirror_count_in(mirror, record, true);
	}
}

/* What readiness is held against. */
static void declare(struct mirror *mirror, const struct record *record, const struct resource *resource)
{
	struct owner *owner = mirror_owner(mirror, record);
	if (resource->type == OMNI_CLUSTER)
		said_declare_cluster(&owner->said, resource);
	else if (resource->type == OMNI_MACHINE_SET)
		said_declare_set(&owner->said, record->key, resource);
	else
		mirror_name_raw(mirror, record, resource);
}

/* --- events --------------------------------------------------------------------------------------------------------- */

static bool put_record(struct mirror *mirror, const struct resource *resource, uint16_t type, struct owner *owner)
{
	const struct type_state *state = &mirror->types[type];
	uint64_t key = mirror_key(resource->type, resource->id), seen = mirror_seen(mirror, resource);
	uint32_t stamp = mirror_stamp(resource);
	struct record *record = mirror_find(mirror, key);
	if (mirror_owner(mirror, record) == owner && record->seen == seen) {
		/* There and back while nobody watched: whoever looked meanwhile saw something else. */
		bool is_doubtful = !state->is_live && record->stamp != stamp;
		owner->changes += is_doubtful;
		record->stamp = stamp & STAMP_MAX;
		record->round = state->round & ROUND_MAX;
		return is_doubtful;
	}
	if (record != NULL)
		mirror_erase(mirror, record);
	record = mirror_add(mirror, key);
	record->seen = seen;
	record->owner = owner->number & OWNERS_MAX;
	record->type = type & TYPE_MAX;
	record->stamp = stamp & STAMP_MAX;
	record->round = state->round & ROUND_MAX;
	mirror->mean(resource, &record->meaning);
	mirror_count_in(mirror, record, true);
	mirror_take_marks(mirror, record, &resource->annotations);
	declare(mirror, record, resource);
	if (resource->type == OMNI_MACHINE_SET_NODE)
		move_along(mirror, resource->id, owner);
	return true;
}

static bool put(struct mirror *mirror, const struct resource *resource, struct span *out_cluster)
{
	uint16_t type = index_of(mirror, resource->type);
	if (type == mirror->type_count)
		return false;
	enum said_kind said = mirror->types[type].said;
	struct owner *owner = said != SAID_NOTHING ? owner_of_said(mirror, said, resource) : owner_of(mirror, resource);
	*out_cluster = owner->name;
	if (said != SAID_NOTHING) /* comes and goes without a plan having to change */
		return owner->name.len > 0 && said_take(&owner->said, said, resource, mirror->types[type].round);
	return put_record(mirror, resource, type, owner);
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
	enum said_kind said = said_kind_of(resource->type);
	if (said != SAID_NOTHING) {
		struct owner *owner = owner_of_said(mirror, said, resource);
		*out_cluster = owner->name;
		return said_drop(owner->said, said, resource->id);
	}
	struct record *record = mirror_find(mirror, mirror_key(resource->type, resource->id));
	if (record == NULL)
		return false;
	*out_cluster = mirror_owner(mirror, record)->name;
	mirror_erase(mirror, record);
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
	state->round = (state->round + 1) & ROUND_MAX;
	state->is_live = false;
	pthread_mutex_unlock(&mirror->lock);
}

/* The last record takes the place of one that is erased: so that place is looked at again. */
void mirror_end(struct mirror *mirror, const struct omni_type *type)
{
	pthread_mutex_lock(&mirror->lock);
	struct type_state *state = state_of(mirror, type);
	uint16_t index = index_of(mirror, type);
	for (size_t i = 0; i < mirror->count;) {
		struct record *record = &mirror->records[i];
		if (record->type == index && record->round != state->round)
			mirror_erase(mirror, record);
		else
			i++;
	}
	for (size_t i = 0; i < mirror->owners.count && state->said != SAID_NOTHING; i++)
		said_sweep(((struct owner *)mirror->owners.entries[i].value)->said, state->said, state->round);
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
		if (!mirror->types[i].is_live && mirror->types[i].said == SAID_NOTHING)
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
	out->changes = owner != NULL ? owner->changes : 0;
	pthread_mutex_unlock(&mirror->lock);
	return all;
}

static bool matches(const struct mirror *mirror, struct span cluster, const struct mirror_expectation *expectation)
{
	const struct owner *owner = map_get(&mirror->owners, cluster);
	if (!expectation->is_certain || !is_live(mirror) || (owner != NULL ? owner->sum : 0) != expectation->whole)
		return false;
	for (size_t i = 0; i < expectation->text_count; i++) {
		const struct record *record = mirror_find(mirror, expectation->texts[i].key);
		if (owner == NULL || mirror_owner(mirror, record) != owner || record->meaning.bytes != expectation->texts[i].bytes)
			return false;
	}
	return true;
}

bool mirror_matches(struct mirror *mirror, struct span cluster, const struct mirror_expectation *expectation)
{
	pthread_mutex_lock(&mirror->lock);
	bool does = matches(mirror, cluster, expectation);
	pthread_mutex_unlock(&mirror->lock);
	return does;
}

/* Two items of one key would be taken off twice, and then something is left. */
static bool compare(const struct mirror *mirror, struct span cluster, struct mirror_item *items, size_t count)
{
	const struct owner *owner = map_get(&mirror->owners, cluster);
	uint64_t left = owner == NULL ? 0 : owner->sum;
	for (size_t i = 0; i < count; i++) {
		struct mirror_item *item = &items[i];
		const struct record *record = mirror_find(mirror, item->key);
		bool is_there = owner != NULL && mirror_owner(mirror, record) == owner;
		item->is_other = !is_there || item->whole == 0 || record->meaning.whole != item->whole ||
				 (item->by_bytes && record->meaning.bytes != item->bytes);
		if (is_there && mirror_counts(mirror, record))
			left -= record->meaning.whole;
	}
	return left == 0 && is_live(mirror);
}

bool mirror_compare(struct mirror *mirror, struct span cluster, struct mirror_item *items, size_t count)
{
	pthread_mutex_lock(&mirror->lock);
	bool is_known = compare(mirror, cluster, items, count);
	pthread_mutex_unlock(&mirror->lock);
	return is_known;
}

/* Marks of the record win, as records_show has it. */
static struct resource *cluster_of(const struct mirror *mirror, struct arena *arena, struct span name)
{
	const struct owner *owner = map_get(&mirror->owners, name);
	if (owner == NULL || mirror_owner(mirror, mirror_find(mirror, mirror_key(OMNI_CLUSTER, name))) != owner)
		return NULL;
	struct resource *cluster = resource_new(arena, OMNI_CLUSTER, arena_copy(arena, name));
	mirror_show_marks(arena, &owner->marks[ON_CLUSTER], cluster);
	mirror_show_marks(arena, &owner->marks[IN_RECORD], cluster);
	return cluster;
}

/* Only what is certain: every watch lives. */
static struct resource *left_of(const struct mirror *mirror, struct arena *arena, struct span name)
{
	const struct owner *owner = map_get(&mirror->owners, name);
	if (owner == NULL || owner->marks[IN_RECORD].len == 0 || !is_live(mirror) ||
	    mirror_owner(mirror, mirror_find(mirror, mirror_key(OMNI_CLUSTER, name))) == owner)
		return NULL;
	struct resource *cluster = resource_new(arena, OMNI_CLUSTER, arena_copy(arena, name));
	mirror_show_marks(arena, &owner->marks[IN_RECORD], cluster);
	return cluster;
}

struct resource *mirror_left(struct mirror *mirror, struct arena *arena, struct span name)
{
	pthread_mutex_lock(&mirror->lock);
	struct resource *cluster = left_of(mirror, arena, name);
	pthread_mutex_unlock(&mirror->lock);
	return cluster;
}

bool mirror_all_left(struct mirror *mirror, struct arena *arena, struct resource_list *out)
{
	pthread_mutex_lock(&mirror->lock);
	bool all = is_live(mirror);
	for (size_t i = 0; all && i < mirror->owners.count; i++) {
		struct resource *cluster = left_of(mirror, arena, mirror->owners.entries[i].key);
		if (cluster != NULL)
			resource_push(arena, out, cluster);
	}
	pthread_mutex_unlock(&mirror->lock);
	return all;
}

struct resource *mirror_cluster(struct mirror *mirror, struct arena *arena, struct span name)
{
	pthread_mutex_lock(&mirror->lock);
	struct resource *cluster = cluster_of(mirror, arena, name);
	pthread_mutex_unlock(&mirror->lock);
	return cluster;
}

bool mirror_clusters(struct mirror *mirror, struct arena *arena, struct resource_list *out)
{
	pthread_mutex_lock(&mirror->lock);
	bool all = is_live(mirror);
	for (size_t i = 0; all && i < mirror->owners.count; i++) {
		struct resource *cluster = cluster_of(mirror, arena, mirror->owners.entries[i].key);
		if (cluster != NULL)
			resource_push(arena, out, cluster);
	}
	pthread_mutex_unlock(&mirror->lock);
	return all;
}

void mirror_facts(struct mirror *mirror, struct arena *arena, struct span cluster, struct health_facts *out)
{
	pthread_mutex_lock(&mirror->lock);
	const struct owner *owner = map_get(&mirror->owners, cluster);
	said_tell(owner == NULL ? NULL : owner->said, arena, cluster, out);
	pthread_mutex_unlock(&mirror->lock);
}

size_t mirror_count(struct mirror *mirror)
{
	pthread_mutex_lock(&mirror->lock);
	size_t count = mirror->count;
	pthread_mutex_unlock(&mirror->lock);
	return count;
}
