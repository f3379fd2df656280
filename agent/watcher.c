/* Changes in Omni go into the mirror and wake the clusters that they concern, so drift is seen when it happens and an
 * unchanged fleet costs no call. One watch per type for the whole connection; a watch that breaks is opened again from
 * its bookmark, and when that is refused from the beginning. */
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
	struct link *link;
	struct loop_timer *timer;
	struct stream *streams;
	size_t count;
};

static void wake(const struct link *link, struct span cluster)
{
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	struct unit *unit = cluster.len == 0 ? link->raws : unit_find(link, cluster);
	if (unit != NULL && !unit->waits_for_raws)
		queue_add(agent->queue, &unit->item, SETTLE_MS);
	pthread_mutex_unlock(&agent->lock);
}

static void wake_all(const struct link *link)
{
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++)
		if (agent->units[i]->link == link && !agent->units[i]->waits_for_raws)
			queue_add(agent->queue, &agent->units[i]->item, SETTLE_MS);
	pthread_mutex_unlock(&agent->lock);
}

static void close_stream(struct stream *stream)
{
	if (stream->watch == NULL)
		return;
	loop_remove_fd(stream->watcher->link->agent->loop, stream->fd);
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
	struct link *link = stream->watcher->link;
	log_warn(link->agent->log, "omni", "watch broke off; opened again soon", log_string("omni", link->url),
		 log_string("type", stream->type->name), log_fail(fail));
	mirror_lost(link->mirror, stream->type);
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

/* All there is was told: what was missed meanwhile shows in the marks. */
static void take_bootstrapped(struct stream *stream)
{
	struct link *link = stream->watcher->link;
	mirror_end(link->mirror, stream->type);
	stream->delay_ms = 0;
	if (!mirror_is_live(link->mirror))
		return;
	if (link->is_ready)
		wake_all(link);
	link_ready(link);
}

static void take_event(struct stream *stream, const struct omni_event *event)
{
	struct link *link = stream->watcher->link;
	struct span cluster = {0};
	if (event->kind == OMNI_BOOTSTRAPPED || stream->is_live) /* before that there is no going on from here */
		keep_bookmark(stream, event->bookmark);
	if (event->kind == OMNI_BOOTSTRAPPED) {
		stream->is_live = true;
		take_bootstrapped(stream);
	} else if (event->resource != NULL) {
		bool is_news = event->kind == OMNI_DESTROYED ? mirror_drop(link->mirror, event->resource, &cluster)
							     : mirror_put(link->mirror, event->resource, &cluster);
		if (is_news && stream->is_live)
			wake(link, cluster);
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

static bool watch(struct stream *stream, struct fail *fail)
{
	struct link *link = stream->watcher->link;
	struct omni_store *store = link->store;
	struct span bookmark = {stream->bookmark, stream->bookmark_len};
	if (bookmark.len > 0 && store->ops->watch(store, stream->type, bookmark, &stream->watch, fail)) {
		mirror_live(link->mirror, stream->type);
		return true;
	}
	/* Everything from the beginning: the first time, or because the place that we had is too old. */
	stream->is_live = false;
	stream->bookmark_len = 0;
	mirror_begin(link->mirror, stream->type);
	return store->ops->watch(store, stream->type, SPAN(""), &stream->watch, fail);
}

static void open_stream(struct stream *stream)
{
	struct loop *loop = stream->watcher->link->agent->loop;
	struct fail fail;
	bool ok = watch(stream, &fail);
	stream->fd = ok ? stream->watch->ops->fd(stream->watch) : -1;
	if (!ok || !loop_add_fd(loop, stream->fd, on_readable, stream, &fail)) {
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
void watcher_start(struct link *link)
{
	struct watcher *watcher = calloc(1, sizeof *watcher);
	if (watcher == NULL)
		abort();
	size_t types = 0;
	while (omni_type_at(types) != NULL)
		types++;
	*watcher = (struct watcher){.link = link, .streams = calloc(types, sizeof *watcher->streams)};
	if (watcher->streams == NULL)
		abort();
	for (size_t i = 0; i < types; i++)
		if (mirror_wants(omni_type_at(i)))
			watcher->streams[watcher->count++] = (struct stream){.watcher = watcher, .type = omni_type_at(i), .fd = -1};
	watcher->timer = loop_timer_new(link->agent->loop, on_timer, watcher);
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
