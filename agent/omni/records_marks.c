#include <stdlib.h>
#include <string.h>

#include "agent/omni/records_int.h"
#include "base/clock.h"

enum { TRIES = 4 };

static const struct omni_type *record_type(void)
{
	return omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
}

/* --- taking apart --------------------------------------------------------------------------------------------------- */

struct span records_cluster_of(const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER)
		return resource->id;
	if (resource->type == NULL || (resource->type->flags & OMNI_TEMPLATE) == 0)
		return SPAN("");
	const struct label *label = labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
	return label == NULL ? SPAN("") : label->value;
}

bool records_is_record(const struct resource *resource)
{
	return resource->type == record_type() && labels_get(&resource->labels, RECORDS_LABEL) != NULL;
}

/* "ConfigPatches/500-x"; of a Cluster nothing. */
static struct span place_of(struct arena *arena, const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER)
		return SPAN("");
	return arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(span_before(span_of(resource->type->name), '.')), SPAN_ARG(resource->id));
}

struct labels records_of(struct arena *arena, const struct labels *marks, const struct resource *resource)
{
	struct labels found = {0};
	struct span place = place_of(arena, resource);
	for (size_t i = 0; i < marks->count; i++) {
		struct span key = span_before(marks->items[i].key, ':');
		bool is_here = key.len == marks->items[i].key.len ? place.len == 0 : span_eq(span_behind(marks->items[i].key, ':'), place);
		if (is_here && span_starts(key, RECORDS_PREFIX))
			labels_set(arena, &found, key, marks->items[i].value);
	}
	return found;
}

/* FNV-1a; never 0. */
static uint64_t digest(const struct labels *marks)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < marks->count; i++) {
		const struct span texts[] = {marks->items[i].key, marks->items[i].value};
		for (size_t j = 0; j < 2; j++) {
			for (size_t k = 0; k < texts[j].len; k++)
				sum = (sum ^ (unsigned char)texts[j].ptr[k]) * UINT64_C(0x100000001b3);
			sum = (sum ^ 0x100) * UINT64_C(0x100000001b3); /* the end of a text */
		}
	}
	return sum | 1;
}

void records_show(struct arena *arena, const struct labels *marks, struct resource *resource)
{
	struct labels found = records_of(arena, marks, resource);
	resource->marks = digest(&found);
	for (size_t i = 0; i < found.count; i++)
		labels_set(arena, &resource->annotations, found.items[i].key, found.items[i].value);
}

static struct labels part(struct arena *arena, const struct labels *all, bool ours)
{
	struct labels some = {0};
	for (size_t i = 0; i < all->count; i++)
		if (span_starts(all->items[i].key, RECORDS_PREFIX) == ours)
			labels_set(arena, &some, all->items[i].key, all->items[i].value);
	return some;
}

struct labels records_ours(struct arena *arena, const struct resource *resource)
{
	return part(arena, &resource->annotations, true);
}

struct resource *records_strip(struct arena *arena, const struct resource *resource)
{
	struct resource *bare = resource_copy(arena, resource);
	bare->annotations = part(arena, &resource->annotations, false);
	return bare;
}

/* --- the cache ------------------------------------------------------------------------------------------------------ */

static struct labels copy_marks(struct arena *arena, const struct labels *from)
{
	struct labels copy = {0};
	for (size_t i = 0; i < from->count; i++)
		labels_set(arena, &copy, arena_copy(arena, from->items[i].key), arena_copy(arena, from->items[i].value));
	return copy;
}

static bool recall(struct records_store *self, struct arena *arena, struct span cluster, struct labels *out)
{
	bool found = false;
	int64_t now = clock_monotonic_ms();
	pthread_mutex_lock(&self->lock);
	for (size_t i = 0; i < RECORDS_CACHED && !found; i++) {
		const struct records_cached *cached = &self->cached[i];
		found = cached->read_ms > 0 && now - cached->read_ms <= RECORDS_FRESH_MS && span_eq(cached->cluster, cluster);
		if (found)
			*out = copy_marks(arena, &cached->marks);
	}
	pthread_mutex_unlock(&self->lock);
	return found;
}

void records_forget(struct records_store *self, struct span cluster)
{
	pthread_mutex_lock(&self->lock);
	for (size_t i = 0; i < RECORDS_CACHED; i++)
		if (span_eq(self->cached[i].cluster, cluster))
			self->cached[i].read_ms = 0;
	pthread_mutex_unlock(&self->lock);
}

void records_remember(struct records_store *self, struct span cluster, const struct labels *marks, int64_t read_ms)
{
	records_forget(self, cluster);
	pthread_mutex_lock(&self->lock);
	struct records_cached *cached = &self->cached[self->next_cached++ % RECORDS_CACHED];
	arena_reset(&cached->arena);
	cached->cluster = arena_copy(&cached->arena, cluster);
	cached->marks = copy_marks(&cached->arena, marks);
	cached->read_ms = read_ms;
	pthread_mutex_unlock(&self->lock);
}

/* --- reading and writing -------------------------------------------------------------------------------------------- */

static struct span id_of(struct arena *arena, struct span cluster)
{
	return arena_spanf(arena, RECORDS_ID "%.*s", SPAN_ARG(cluster));
}

struct omni_op records_ask(struct arena *arena, struct span cluster)
{
	return (struct omni_op){.kind = OMNI_GET, .type = record_type(), .id = id_of(arena, cluster)};
}

/* *out is NULL when there is none. */
static bool get_record(struct records_store *self, struct arena *arena, struct span cluster, int64_t deadline_ms,
		       struct resource **out, struct fail *fail)
{
	struct fail local = {0};
	*out = NULL;
	if (self->inner->ops->get(self->inner, arena, record_type(), id_of(arena, cluster), deadline_ms, out, &local))
		return true;
	*out = NULL;
	if (local.code == FAIL_NOT_FOUND)
		return true;
	if (fail != NULL)
		*fail = local;
	return fail_wrap(fail, "cannot read our record of cluster %.*s", SPAN_ARG(cluster));
}

bool records_read(struct records_store *self, struct arena *arena, struct span cluster, bool may_be_old, int64_t deadline_ms,
		  struct labels *out, struct fail *fail)
{
	static const struct labels none = {0};
	struct resource *record;
	if (may_be_old && recall(self, arena, cluster, out))
		return true;
	int64_t begin = clock_monotonic_ms();
	if (!get_record(self, arena, cluster, deadline_ms, &record, fail))
		return false;
	*out = record == NULL ? none : record->annotations;
	records_remember(self, cluster, out, begin);
	return true;
}

/* The marks that were read with the resource are not there any more: somebody else, who approves perhaps, was quicker. */
static bool is_outdated(struct arena *arena, const struct labels *held, const struct resource *resource)
{
	struct labels there = records_of(arena, held, resource);
	return resource->marks != 0 && resource->marks != digest(&there);
}

/* What the record has to be: the marks of others stay. */
static struct labels join(struct arena *arena, const struct labels *held, const struct resource *resource,
			  const struct labels *ours, bool is_new)
{
	struct labels joined = {0};
	struct span place = place_of(arena, resource);
	for (size_t i = 0; i < held->count && !is_new; i++) {
		struct span key = held->items[i].key, before = span_before(key, ':');
		bool is_here = before.len == key.len ? place.len == 0 : span_eq(span_behind(key, ':'), place);
		if (!is_here)
			labels_set(arena, &joined, key, held->items[i].value);
	}
	for (size_t i = 0; i < ours->count; i++) {
		struct span key = ours->items[i].key;
		labels_set(arena, &joined,
			   place.len == 0 ? key : arena_spanf(arena, "%.*s:%.*s", SPAN_ARG(key), SPAN_ARG(place)),
			   ours->items[i].value);
	}
	return joined;
}

static bool put(struct records_store *self, struct arena *arena, struct resource *record, struct span cluster,
		const struct labels *marks, int64_t deadline_ms, struct fail *fail)
{
	struct omni_store *inner = self->inner;
	bool is_there = record != NULL;
	if (!is_there) {
		record = resource_new(arena, record_type(), id_of(arena, cluster));
		labels_set(arena, &record->labels, SPAN(OMNI_LABEL_CLUSTER), cluster);
		labels_set(arena, &record->labels, SPAN(RECORDS_LABEL), SPAN(""));
	}
	record->annotations = *marks;
	return is_there ? inner->ops->update(inner, arena, record, deadline_ms, NULL, fail)
			: inner->ops->create(inner, arena, record, deadline_ms, NULL, fail);
}

bool records_write(struct records_store *self, struct arena *arena, const struct resource *resource, const struct labels *ours,
		   bool is_new, int64_t deadline_ms, struct fail *fail)
{
	struct span cluster = records_cluster_of(resource);
	struct fail local = {0};
	for (unsigned try = 0; try < TRIES; try++) {
		struct resource *record;
		local = (struct fail){0};
		if (!get_record(self, arena, cluster, deadline_ms, &record, fail))
			return false;
		static const struct labels none = {0};
		const struct labels *held = record == NULL ? &none : &record->annotations;
		struct labels marks = join(arena, held, resource, ours, is_new);
		records_forget(self, cluster);
		if (labels_equal(held, &marks))
			return true;
		if (!is_new && is_outdated(arena, held, resource))
			return fail_set(fail, FAIL_CONFLICT, "our marks on %s(%.*s) have changed since they were read",
					resource->type->name, SPAN_ARG(resource->id));
		if (marks.count == 0) {
			records_drop(self, cluster, deadline_ms);
			return true;
		}
		if (put(self, arena, record, cluster, &marks, deadline_ms, &local))
			return true;
		if (local.code != FAIL_CONFLICT && local.code != FAIL_EXISTS)
			break;
	}
	if (fail != NULL)
		*fail = local;
	return fail_wrap(fail, "cannot write our record of cluster %.*s", SPAN_ARG(cluster));
}

/* One that stays behind is written anew with the next cluster of this name that is ours, and cleared by the next agent that
 * starts. */
void records_drop(struct records_store *self, struct span cluster, int64_t deadline_ms)
{
	struct omni_store *inner = self->inner;
	struct arena arena;
	bool is_ready = false;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span id = id_of(&arena, cluster);
	if (inner->ops->teardown(inner, record_type(), id, deadline_ms, &is_ready, NULL) && is_ready)
		(void)inner->ops->destroy(inner, record_type(), id, deadline_ms, NULL); /* the server may have been quicker */
	records_forget(self, cluster);
	arena_done(&arena);
}
