/* Changes in Omni wake the clusters that they concern, so drift is seen when it happens and an unchanged fleet costs no
 * call. One watch per type for the whole connection; a watch that breaks is opened again from its bookmark, and when that
 * is refused every cluster of the connection is looked at once. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { SETTLE_MS = 50, REOPEN_MS = 1000, LAST_REOPEN_MS = 60000 };

struct stream {
	struct watcher *watcher;
	const struct omni_type *type;
	struct omni_watch *watch;
	int fd;
	char bookmark[64];
	size_t bookmark_len;
	bool is_live; /* behind the bootstrapped event */
	int64_t reopen_ms, delay_ms;
};

struct watcher {
	struct agent *agent;
	struct link *link;
	struct loop_timer *timer;
	struct stream *streams;
	size_t count;
};

static bool is_watched(const struct omni_type *type)
{
	return (type->flags & OMNI_TEMPLATE) != 0 || type == OMNI_MACHINE_CLASS || type == OMNI_CLUSTER_STATUS;
}

static struct span cluster_of(const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER || resource->type == OMNI_CLUSTER_STATUS)
		return resource->id;
	const struct label *label = labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
	return label == NULL ? (struct span){0} : label->value;
}

static void wake(struct agent *agent, const struct link *link, const struct resource *resource)
{
	struct span cluster = cluster_of(resource);
	pthread_mutex_lock(&agent->lock);
	struct unit *unit = resource->type == OMNI_MACHINE_CLASS ? link->raws : NULL;
	if (unit == NULL && cluster.len > 0)
		unit = unit_find(agent, link, cluster);
	if (unit != NULL)
		queue_add(agent->queue, &unit->item, SETTLE_MS);
	pthread_mutex_unlock(&agent->lock);
}

static void wake_all(struct agent *agent, const struct link *link)
{
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++)
		if (agent->units[i]->link == link)
			queue_add(agent->queue, &agent->units[i]->item, SETTLE_MS);
	pthread_mutex_unlock(&agent->lock);
}

static void close_stream(struct stream *stream)
{
	if (stream->watch == NULL)
		return;
	loop_remove_fd(stream->watcher->agent->loop, stream->fd);
	stream->watch->ops->close(stream->watch);
	stream->watch = NULL;
}

static void set_timer(struct watcher *watcher)
{
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->streams[i].watch == NULL && watcher->streams[i].reopen_ms < at)
			at = watcher->streams[i].reopen_ms;
	loop_timer_set(watcher->timer, at);
}

static void reopen_later(struct stream *stream, const struct fail *fail)
{
	log_warn(stream->watcher->agent->log, "omni", "watch broke off; opened again soon",
		 log_string("type", stream->type->name), log_fail(fail));
	close_stream(stream);
	stream->delay_ms = stream->delay_ms == 0 ? REOPEN_MS : stream->delay_ms * 2;
	if (stream->delay_ms > LAST_REOPEN_MS)
		stream->delay_ms = LAST_REOPEN_MS;
	stream->reopen_ms = clock_monotonic_ms() + stream->delay_ms;
	set_timer(stream->watcher);
}

static void keep_bookmark(struct stream *stream, struct span bookmark)
{
	if (bookmark.len == 0 || bookmark.len > sizeof stream->bookmark)
		return;
	memcpy(stream->bookmark, bookmark.ptr, bookmark.len);
	stream->bookmark_len = bookmark.len;
}

static void take_event(struct stream *stream, const struct omni_event *event)
{
	keep_bookmark(stream, event->bookmark);
	if (event->kind == OMNI_BOOTSTRAPPED) {
		stream->is_live = true;
		stream->delay_ms = 0;
	} else if (stream->is_live && event->resource != NULL) {
		wake(stream->watcher->agent, stream->watcher->link, event->resource);
	}
}

static void on_readable(void *ctx)
{
	enum { AT_ONCE = 512 }; /* the loop has other things to do */
	struct stream *stream = ctx;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < AT_ONCE; i++) {
		struct omni_event event = {0};
		struct fail fail;
		bool has = false;
		bool ok = stream->watch->ops->next(stream->watch, &arena, &event, &has, &fail);
		if (ok && !has)
			break;
		if (!ok || event.kind == OMNI_ERRORED) {
			reopen_later(stream, ok ? &event.fail : &fail);
			break;
		}
		take_event(stream, &event);
		arena_reset(&arena);
	}
	arena_done(&arena);
}

static void open_stream(struct stream *stream)
{
	struct agent *agent = stream->watcher->agent;
	struct omni_store *store = stream->watcher->link->store;
	struct fail fail;
	struct span bookmark = {stream->bookmark, stream->bookmark_len};
	bool ok = store->ops->watch(store, stream->type, bookmark, &stream->watch, &fail);
	if (!ok && bookmark.len > 0) { /* too old: see everything again */
		stream->is_live = false;
		stream->bookmark_len = 0;
		ok = store->ops->watch(store, stream->type, (struct span){0}, &stream->watch, &fail);
		wake_all(agent, stream->watcher->link);
	}
	stream->fd = ok ? stream->watch->ops->fd(stream->watch) : -1;
	if (!ok || !loop_add_fd(agent->loop, stream->fd, on_readable, stream, &fail)) {
		if (ok)
			stream->watch->ops->close(stream->watch);
		stream->watch = NULL;
		reopen_later(stream, &fail);
		return;
	}
	on_readable(stream);
}

static void on_timer(void *ctx)
{
	struct watcher *watcher = ctx;
	int64_t now = clock_monotonic_ms();
	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->streams[i].watch == NULL && watcher->streams[i].reopen_ms <= now)
			open_stream(&watcher->streams[i]);
	set_timer(watcher);
}

/* What cannot be watched now is tried again. */
void watcher_start(struct agent *agent, struct link *link)
{
	struct watcher *watcher = calloc(1, sizeof *watcher);
	if (watcher == NULL)
		abort();
	*watcher = (struct watcher){.agent = agent, .link = link};
	while (omni_type_at(watcher->count) != NULL)
		watcher->count++;
	watcher->streams = calloc(watcher->count, sizeof *watcher->streams);
	if (watcher->streams == NULL)
		abort();
	size_t used = 0;
	for (size_t i = 0; i < watcher->count; i++)
		if (is_watched(omni_type_at(i)))
			watcher->streams[used++] = (struct stream){.watcher = watcher, .type = omni_type_at(i), .fd = -1};
	watcher->count = used;
	watcher->timer = loop_timer_new(agent->loop, on_timer, watcher);
	link->watcher = watcher;
	for (size_t i = 0; i < watcher->count; i++)
		open_stream(&watcher->streams[i]);
}

void watcher_free(struct watcher *watcher)
{
	if (watcher == NULL)
		return;
	for (size_t i = 0; i < watcher->count; i++)
		close_stream(&watcher->streams[i]);
	loop_timer_set(watcher->timer, INT64_MAX);
	free(watcher->streams);
	free(watcher);
}
