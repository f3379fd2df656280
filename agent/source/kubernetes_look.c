/* What an API server holds at a moment, and what of it is declared. */
#include <stdlib.h>
#include <string.h>

#include "agent/source/kubernetes_int.h"
#include "base/clock.h"
#include "base/text.h"
#include "crds/kinds.h"

static const struct role {
	const struct kind *kind;
	enum settle_role role;
} roles[] = {
	{&KIND_CLUSTER, SETTLE_CLUSTER},	{&KIND_CONTROL_PLANE, SETTLE_PART},  {&KIND_WORKERS, SETTLE_PART},
	{&KIND_MACHINE, SETTLE_PART},	{&KIND_CONNECTION, SETTLE_CONNECTION}, {&KIND_MACHINE_CLASS, SETTLE_OTHER},
};

/* --- objects -------------------------------------------------------------------------------------------------------- */

bool look_role(const struct kind *kind, enum settle_role *out)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (roles[i].kind == kind) {
			*out = roles[i].role;
			return true;
		}
	return false;
}

struct span look_path(struct arena *arena, const struct kind *kind, struct span ns, struct span name)
{
	const struct span pieces[] = {ns, SPAN("/"), span_of(kind->plural), SPAN("/"), name, SPAN(".json")};
	size_t len = 0, count = sizeof pieces / sizeof *pieces;
	for (size_t i = 0; i < count; i++)
		len += pieces[i].len;
	char *path = arena_bytes(arena, len + 1), *place = path;
	for (size_t i = 0; i < count; place += pieces[i++].len)
		text_copy(place, pieces[i].ptr, pieces[i].len);
	*place = '\0';
	return (struct span){path, len};
}

bool source_object(struct span path, const struct kind **out_kind, struct span *out_ns, struct span *out_name)
{
	struct span rest = path, plural;
	bool ok = span_next(&rest, '/', out_ns) && span_next(&rest, '/', &plural) && span_ends(rest, ".json");
	*out_name = (struct span){rest.ptr, ok ? rest.len - strlen(".json") : 0};
	for (size_t i = 0; ok && i < sizeof roles / sizeof *roles; i++)
		if (span_is(plural, roles[i].kind->plural)) {
			*out_kind = roles[i].kind;
			return true;
		}
	return false;
}

/* The path of what it belongs to. */
struct span look_belongs_to(struct arena *arena, const struct kube_object *object, enum settle_role role)
{
	if (role > SETTLE_PART || object->reference.len == 0)
		return SPAN("");
	return look_path(arena, role == SETTLE_PART ? &KIND_CLUSTER : &KIND_CONNECTION, object->ns, object->reference);
}

/* --- looking -------------------------------------------------------------------------------------------------------- */

/* What was there before we came need not wait, if it is old enough. */
static int64_t came_ms(const struct look *look, const struct kube_object *object)
{
	const struct kubernetes_source *source = look->source;
	bool is_old = object->first_seen_ms <= source->synced_ms &&
		      object->created_s + source->base.config.settle_ms / 1000 < look->wall_s;
	return is_old ? INT64_MIN : object->first_seen_ms;
}

static struct settle_object *add(struct look *look, const struct seen *seen)
{
	struct settle_object *object = &ARENA_PUSH(&look->arena, look->objects, look->object_count, look->object_cap);
	const struct listing *last = look->source->last;
	*object = (struct settle_object){.key = seen->path,
					 .was_declared = last != NULL && listing_find(last, seen->path, &look->hint) != SIZE_MAX};
	struct seen *kept = &ARENA_PUSH(&look->arena, look->seen, look->count, look->cap);
	*kept = *seen;
	kept->number = look->count - 1;
	return object;
}

static bool visit(void *ctx, const struct kube_object *object)
{
	struct look *look = ctx;
	enum settle_role role;
	if (!look_role(object->kind, &role))
		return true;
	struct seen seen = {.path = look_path(&look->arena, object->kind, object->ns, object->name)};
	memcpy(seen.id, object->content_id, sizeof seen.id);
	struct settle_object *judged = add(look, &seen);
	judged->role = role;
	judged->belongs_to = look_belongs_to(&look->arena, object, role);
	judged->is_admitted = role == SETTLE_CLUSTER && look->source->base.config.admits(object);
	judged->is_deleting = object->deleted_s != 0;
	judged->came_ms = came_ms(look, object);
	return true;
}

/* Of one that went several times, the last time counts; one that is there again is not gone. */
static void choose_gone(const struct look *look, const struct gone *first, struct map *last)
{
	struct map paths;
	map_init(&paths, last->arena);
	for (size_t i = 0; first != NULL && i < look->count; i++)
		*map_at(&paths, look->seen[i].path) = &look->seen[i];
	for (const struct gone *gone = first; gone != NULL; gone = gone->next)
		if (map_get(&paths, gone->path) == NULL)
			*map_at(last, gone->path) = (void *)(uintptr_t)gone;
}

static void add_gone(struct look *look)
{
	struct kubernetes_source *source = look->source;
	struct map last;
	map_init(&last, &look->arena);
	pthread_mutex_lock(&source->lock);
	choose_gone(look, source->first, &last);
	for (size_t i = 0; i < last.count; i++) {
		const struct gone *gone = last.entries[i].value;
		struct seen seen = {.path = gone->path, .gone = gone};
		memcpy(seen.id, gone->id, sizeof seen.id);
		struct settle_object *judged = add(look, &seen);
		judged->role = gone->role;
		judged->belongs_to = gone->belongs_to;
		judged->is_deleting = gone->is_deleting;
		judged->gone_ms = gone->gone_ms;
	}
	pthread_mutex_unlock(&source->lock);
}

static int compare_paths(const void *a, const void *b)
{
	return span_cmp((*(const struct seen *const *)a)->path, (*(const struct seen *const *)b)->path);
}

static struct listing *list_declared(const struct look *look)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct listed *items = ARENA_ARRAY(&arena, struct listed, look->declared_count + 1);
	for (size_t i = 0; i < look->declared_count; i++) {
		items[i].path = look->declared[i]->path;
		memcpy(items[i].id, look->declared[i]->id, sizeof items[i].id);
	}
	struct listing *listing = listing_new(items, look->declared_count);
	listing_digest(listing);
	arena_done(&arena);
	return listing;
}

void look_around(struct look *look)
{
	struct kubernetes_source *source = look->source;
	look->now_ms = clock_monotonic_ms();
	look->wall_s = clock_wall_ms() / 1000;
	kube_cache_each(source->cache, NULL, visit, look);
	add_gone(look);
	look->again_ms = settle_judge(look->objects, look->object_count, source->base.config.settle_ms, look->now_ms);
	look->declared = ARENA_ARRAY(&look->arena, const struct seen *, look->count + 1);
	for (size_t i = 0; i < look->count; i++)
		if (look->objects[i].is_declared)
			look->declared[look->declared_count++] = &look->seen[i];
	if (look->declared_count > 1)
		qsort(look->declared, look->declared_count, sizeof *look->declared, compare_paths);
	look->listing = list_declared(look);
}
