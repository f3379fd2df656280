#include "agent/report/live_parts.h"

#include <poll.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum {
	STREAMS_MAX = 16,
	SETTLE_MS = 60,	       /* what comes together is told together */
	SETTLE_LAST_MS = 500,  /* but not later than this */
	REOPEN_MS = 500,
	LAST_REOPEN_MS = 10000,
	EVENTS_AT_ONCE = 4096,
	WASTE_MAX = 4 << 20, /* bytes of what is no longer so */
};

struct stream {
	const struct part *part;
	struct omni_watch *watch;
	bool is_whole; /* all there is was told */
};

struct live_parts {
	struct omni_store *store;
	struct arena own;    /* of the name and the query */
	struct arena arena;  /* of the parts */
	size_t settled_bytes; /* of the arena, when it was made anew */
	struct span cluster;
	struct omni_query query;
	struct cluster_parts parts;
	struct stream streams[STREAMS_MAX];
	size_t count;
	bool is_open, has_told;
	int64_t reopen_ms, delay_ms;
};

struct live_parts *live_open(struct omni_store *store, struct span cluster)
{
	struct live_parts *live = calloc(1, sizeof *live);
	if (live == NULL)
		abort();
	live->store = store;
	arena_init(&live->own, ARENA_NO_LIMIT);
	arena_init(&live->arena, ARENA_NO_LIMIT);
	live->cluster = arena_copy(&live->own, cluster);
	omni_query_equal(&live->own, &live->query, OMNI_LABEL_CLUSTER, live->cluster);
	const struct part *part;
	for (size_t i = 0; (part = part_at(i)) != NULL; i++)
		if (part->is_live && live->count < STREAMS_MAX)
			live->streams[live->count++] = (struct stream){.part = part};
	return live;
}

static void close_streams(struct live_parts *live)
{
	for (size_t i = 0; i < live->count; i++) {
		if (live->streams[i].watch != NULL)
			live->streams[i].watch->ops->close(live->streams[i].watch);
		live->streams[i].watch = NULL;
		live->streams[i].is_whole = false;
	}
	live->is_open = false;
}

void live_close(struct live_parts *live)
{
	if (live == NULL)
		return;
	close_streams(live);
	arena_done(&live->arena);
	arena_done(&live->own);
	free(live);
}

const struct cluster_parts *live_now(const struct live_parts *live)
{
	return &live->parts;
}

size_t live_bytes(const struct live_parts *live)
{
	return live->arena.used_bytes;
}

/* --- what is known -------------------------------------------------------------------------------------------------- */

static size_t place_of(const struct resource_list *list, struct span id)
{
	size_t i = 0;
	while (i < list->count && !span_eq(list->items[i]->id, id))
		i++;
	return i;
}

/* Sorted by ID, as a list is. */
static void put(struct live_parts *live, struct resource_list *list, struct resource *resource)
{
	size_t i = place_of(list, resource->id);
	if (i < list->count) {
		list->items[i] = resource;
		return;
	}
	resource_push(&live->arena, list, resource);
	for (; i > 0 && span_cmp(list->items[i - 1]->id, resource->id) > 0; i--)
		list->items[i] = list->items[i - 1];
	list->items[i] = resource;
}

static bool drop(struct resource_list *list, struct span id)
{
	size_t at = place_of(list, id);
	if (at == list->count)
		return false;
	list->count--;
	for (size_t i = at; i < list->count; i++)
		list->items[i] = list->items[i + 1];
	return true;
}

/* Each change leaves what was there before behind: from time to time everything moves. */
static void move_house(struct live_parts *live)
{
	struct arena old = live->arena;
	if (old.used_bytes < live->settled_bytes + WASTE_MAX)
		return;
	arena_init(&live->arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < live->count; i++) {
		struct resource_list *list = part_list(&live->parts, live->streams[i].part), was = *list;
		*list = (struct resource_list){0};
		for (size_t j = 0; j < was.count; j++)
			resource_push(&live->arena, list, resource_copy(&live->arena, was.items[j]));
	}
	live->settled_bytes = live->arena.used_bytes;
	arena_done(&old);
}

static bool take(struct live_parts *live, struct stream *stream, const struct omni_event *event)
{
	struct resource_list *list = part_list(&live->parts, stream->part);
	if (event->kind == OMNI_BOOTSTRAPPED)
		return stream->is_whole = true;
	if (event->resource == NULL)
		return false;
	if (event->kind == OMNI_DESTROYED || !part_concerns(stream->part, event->resource, live->cluster))
		return drop(list, event->resource->id);
	put(live, list, event->resource);
	return true;
}

/* --- watches -------------------------------------------------------------------------------------------------------- */

static bool open_stream(struct live_parts *live, struct stream *stream, struct fail *fail)
{
	struct omni_store *store = live->store;
	const struct omni_type *type = omni_type_find(span_of(stream->part->type));
	if (store->ops->watch_some == NULL)
		return store->ops->watch(store, type, SPAN(""), &stream->watch, fail);
	bool is_one = stream->part->has_cluster_id;
	return store->ops->watch_some(store, type, is_one ? live->cluster : SPAN(""), is_one ? NULL : &live->query, &stream->watch, fail);
}

static bool open_streams(struct live_parts *live, struct fail *fail)
{
	live->is_open = true;
	for (size_t i = 0; i < live->count; i++) {
		*part_list(&live->parts, live->streams[i].part) = (struct resource_list){0};
		if (!open_stream(live, &live->streams[i], fail))
			return false;
	}
	return true;
}

/* Whatever broke, everything begins again: half of the truth is none. */
static enum live_news broke(struct live_parts *live, const struct fail *fail)
{
	bool is_over = !fail_is_retryable(fail->code) && fail->code != FAIL_PRECONDITION && fail->code != FAIL_IO;
	close_streams(live);
	live->has_told = false;
	live->delay_ms = live->delay_ms == 0 ? REOPEN_MS : live->delay_ms * 2 > LAST_REOPEN_MS ? LAST_REOPEN_MS : live->delay_ms * 2;
	live->reopen_ms = clock_monotonic_ms() + live->delay_ms;
	return is_over ? LIVE_FAILED : LIVE_BROKEN;
}

/* What may not be seen is not there, and does not come. */
static bool hide(struct stream *stream, const struct fail *fail)
{
	if (fail->code != FAIL_DENIED || !part_may_hide(stream->part))
		return false;
	stream->watch->ops->close(stream->watch);
	stream->watch = NULL;
	return stream->is_whole = true;
}

/* Everything that is pending. */
static bool drain(struct live_parts *live, struct stream *stream, bool *changed, struct fail *fail)
{
	bool has = true;
	for (int i = 0; i < EVENTS_AT_ONCE && has && stream->watch != NULL; i++) {
		struct omni_event event = {0};
		if (!stream->watch->ops->next(stream->watch, &live->arena, &event, &has, fail))
			return false;
		if (has && event.kind == OMNI_ERRORED) {
			*fail = event.fail;
			return hide(stream, fail);
		}
		if (has)
			*changed |= take(live, stream, &event);
	}
	return true;
}

static bool is_whole(const struct live_parts *live)
{
	for (size_t i = 0; i < live->count; i++)
		if (!live->streams[i].is_whole)
			return false;
	return true;
}

static void sleep_on(const struct live_parts *live, int64_t until_ms)
{
	struct pollfd fds[STREAMS_MAX];
	int64_t left_ms = until_ms - clock_monotonic_ms();
	for (size_t i = 0; i < live->count; i++) {
		struct omni_watch *watch = live->streams[i].watch;
		fds[i] = (struct pollfd){watch != NULL ? watch->ops->fd(watch) : -1, POLLIN, 0};
	}
	poll(fds, live->count, left_ms <= 0 ? 0 : left_ms > 60000 ? 60000 : (int)left_ms);
}

static int64_t min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum live_news live_wait(struct live_parts *live, int64_t deadline_ms, struct fail *fail)
{
	bool has_news = false;
	int64_t first_ms = 0, tell_ms = deadline_ms;
	move_house(live);
	for (;;) {
		int64_t now_ms = clock_monotonic_ms();
		bool changed = false;
		if (!live->is_open && now_ms >= live->reopen_ms && !open_streams(live, fail))
			return broke(live, fail);
		for (size_t i = 0; live->is_open && i < live->count; i++)
			if (!drain(live, &live->streams[i], &changed, fail))
				return broke(live, fail);
		bool is_known = live->is_open && is_whole(live);
		if (is_known && (changed || !live->has_told)) {
			first_ms = has_news ? first_ms : now_ms;
			has_news = live->has_told = true;
			live->delay_ms = 0;
			tell_ms = min_ms(now_ms + SETTLE_MS, first_ms + SETTLE_LAST_MS);
		}
		if (has_news && now_ms >= min_ms(tell_ms, deadline_ms))
			return LIVE_CHANGED;
		if (now_ms >= deadline_ms)
			return LIVE_SAME;
		sleep_on(live, live->is_open ? tell_ms : min_ms(deadline_ms, live->reopen_ms));
	}
}
