/* Changes in Omni go into the mirror and wake the clusters that they concern, so drift is seen when it happens and an
 * unchanged fleet costs no call. One watch per type for the whole connection; a watch that breaks is opened again from
 * its bookmark, and when that is refused from the beginning. So, too, when the server was away, when it is another one
 * than before, and every few hours: a bookmark from before a backup was restored may be silent instead of refused. A watch
 * that the key may not have is missed, not mourned: the clusters are read instead. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agent/link.h"
#include "agent/told.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum {
	SETTLE_MS = 50,
	REOPEN_MS = 500,
	LAST_REOPEN_MS = 60000,
	DENIED_REOPEN_MS = 600000, /* roles change rarely */
	PATIENCE_MS = 2000,	   /* a server that restarts is back by then */
	RENEW_MS = 6 * 3600000,	   /* from the beginning, give or take a half */
};

struct stream {
	struct watcher *watcher;
	const struct omni_type *type;
	struct omni_watch *watch;
	int fd;
	char bookmark[64];
	size_t bookmark_len;
	bool is_live;	/* behind the bootstrapped event */
	bool is_denied; /* by the server, as often as it was asked */
	enum fail_code told; /* why it broke off, as it was said last */
	int64_t reopen_ms, delay_ms, renew_ms;
};

struct watcher {
	struct link *link;
	struct loop_timer *timer;
	struct stream *streams;
	size_t count;
	bool has_told_denied;
	bool is_behind; /* something began again, and the clusters have not been looked at since */
	int64_t stop_told_ms;
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

/* What Omni says of a cluster is told; what failed does not try again because of it. */
static void wake_said(const struct link *link, struct span cluster)
{
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	struct unit *unit = unit_find(link, cluster);
	bool has_failed = unit != NULL && unit->state.phase == UNIT_FAILED;
	if (unit != NULL && !unit->waits_for_raws && !has_failed)
		queue_add(agent->queue, &unit->item, SETTLE_MS);
	pthread_mutex_unlock(&agent->lock);
	if (has_failed)
		told_omni_look(unit);
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

/* What changed while a watch began again shows in the marks, once all types are known: whichever of them was the last. */
static void catch_up(struct watcher *watcher)
{
	const struct link *link = watcher->link;
	if (!watcher->is_behind || !link->is_ready || !mirror_is_live(link->mirror))
		return;
	watcher->is_behind = false;
	wake_all(link);
}

static void close_stream(struct stream *stream)
{
	if (stream->watch == NULL)
		return;
	loop_remove_fd(stream->watcher->link->agent->loop, stream->fd);
	stream->watch->ops->close(stream->watch);
	stream->watch = NULL;
}

static int64_t due_ms(const struct stream *stream)
{
	return stream->watch == NULL ? stream->reopen_ms : stream->renew_ms;
}

static void set_timer(struct watcher *watcher)
{
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < watcher->count; i++)
		if (due_ms(&watcher->streams[i]) < at)
			at = due_ms(&watcher->streams[i]);
	loop_timer_set(watcher->timer, at);
}

/* Between a half and one and a half of it: agents and watches that broke together do not come back together. */
static int64_t scatter(int64_t ms)
{
	uint32_t chance = 0;
	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != (ssize_t)sizeof chance)
		return ms;
	return ms / 2 + (int64_t)(chance % (uint64_t)(ms + 1));
}

/* A stop and a restart are everyday: told once for all types, and as no fault. */
static bool tell_stop(struct stream *stream, const struct fail *fail)
{
	struct watcher *watcher = stream->watcher;
	struct log *log = watcher->link->agent->log;
	int64_t now = clock_monotonic_ms();
	if (fail->code != FAIL_UNAVAILABLE || !stream->is_live || stream->delay_ms >= PATIENCE_MS)
		return false;
	bool is_told = watcher->stop_told_ms != 0 && now - watcher->stop_told_ms < 2 * PATIENCE_MS;
	log_at(log, is_told ? LEVEL_DEBUG : LEVEL_INFO, "omni", "the server ended its watches; they go on soon",
	       log_string("omni", watcher->link->url), log_string("type", stream->type->name), log_fail(fail));
	if (!is_told)
		watcher->stop_told_ms = now;
	return true;
}

/* What lasts, or has another reason, is somebody's business. That the Omni does not answer is told once, by its link. */
static void tell_end(struct stream *stream, const struct fail *fail)
{
	const struct link *link = stream->watcher->link;
	struct log *log = link->agent->log;
	if (tell_stop(stream, fail))
		return;
	link_state_tell(stream->watcher->link, fail);
	bool is_known = stream->told == fail->code || fail->code == FAIL_UNAVAILABLE || fail->code == FAIL_UNAUTHENTICATED;
	if (fail->code == FAIL_PRECONDITION)
		log_info(log, "omni", "watch ended; begun again soon", log_string("omni", link->url),
			 log_string("type", stream->type->name), log_fail(fail));
	else
		log_at(log, is_known ? LEVEL_DEBUG : LEVEL_WARN, "omni", "watch broke off; opened again soon",
		       log_string("omni", link->url), log_string("type", stream->type->name), log_fail(fail));
	stream->told = fail->code;
}

/* Where one gets through, the others need not wait any longer. */
static void tell_good(const struct stream *stream)
{
	if (link_state_tell(stream->watcher->link, NULL))
		watcher_hurry(stream->watcher);
}

/* Clusters are kept all the same. */
static void tell_unsaid(struct stream *stream, const struct fail *fail)
{
	if (stream->told == fail->code)
		return;
	stream->told = fail->code;
	log_info(stream->watcher->link->agent->log, "omni", "the key may not see a status: whether clusters are ready is not known",
		 log_string("omni", stream->watcher->link->url), log_string("type", stream->type->name), log_fail(fail));
}

static void tell_denied(const struct stream *stream, const struct fail *fail)
{
	struct watcher *watcher = stream->watcher;
	if (watcher->has_told_denied)
		return;
	watcher->has_told_denied = true;
	log_warn(watcher->link->agent->log, "omni",
		 "the key may not watch: clusters are read instead, so changes in Omni are seen later",
		 log_string("omni", watcher->link->url), log_string("type", stream->type->name), log_fail(fail));
}

/* What can be watched is, and the rest never will be: nothing is gained by waiting. */
static void go_on_without(const struct watcher *watcher)
{
	for (size_t i = 0; i < watcher->count; i++)
		if (!watcher->streams[i].is_live && !watcher->streams[i].is_denied)
			return;
	link_ready(watcher->link);
}

static int64_t next_delay(const struct stream *stream, const struct fail *fail)
{
	if (fail->code == FAIL_DENIED)
		return DENIED_REOPEN_MS;
	int64_t delay_ms = stream->delay_ms == 0 ? REOPEN_MS : stream->delay_ms * 2;
	return delay_ms > LAST_REOPEN_MS ? LAST_REOPEN_MS : delay_ms;
}

/* A server refuses what it does not know as if the key might not see it. Of a type that only newer ones have there is
 * nothing then; a key that may see nothing is refused the other types, too. */
static bool is_unknown_there(const struct stream *stream)
{
	return stream->is_denied && (stream->type == OMNI_INSTALL_DISK || mirror_is_said(stream->type));
}

static void lose(struct stream *stream)
{
	struct mirror *mirror = stream->watcher->link->mirror;
	mirror_lost(mirror, stream->type);
	if (!is_unknown_there(stream))
		return;
	mirror_begin(mirror, stream->type);
	mirror_end(mirror, stream->type);
}

static void reopen_later(struct stream *stream, const struct fail *fail)
{
	stream->is_denied = fail->code == FAIL_DENIED;
	if (stream->is_denied && !is_unknown_there(stream))
		tell_denied(stream, fail);
	else if (stream->is_denied && mirror_is_said(stream->type))
		tell_unsaid(stream, fail);
	else if (!stream->is_denied)
		tell_end(stream, fail);
	bool was_away = stream->delay_ms > 0; /* it did not come back at once: it may have come back from a backup */
	if (fail->code == FAIL_PRECONDITION || was_away)
		stream->bookmark_len = 0;
	lose(stream);
	close_stream(stream);
	stream->delay_ms = next_delay(stream, fail);
	stream->reopen_ms = clock_monotonic_ms() + scatter(stream->delay_ms);
	set_timer(stream->watcher);
	if (!stream->is_denied)
		return;
	catch_up(stream->watcher);
	go_on_without(stream->watcher);
}

static void keep_bookmark(struct stream *stream, struct span bookmark)
{
	if (bookmark.len == 0 || bookmark.len > sizeof stream->bookmark)
		return;
	memcpy(stream->bookmark, bookmark.ptr, bookmark.len);
	stream->bookmark_len = bookmark.len;
}

/* All there is was told. */
static void take_bootstrapped(struct stream *stream)
{
	struct link *link = stream->watcher->link;
	mirror_end(link->mirror, stream->type);
	stream->delay_ms = 0;
	tell_good(stream);
	stream->is_denied = false;
	stream->told = FAIL_NONE;
	stream->renew_ms = clock_monotonic_ms() + scatter(RENEW_MS);
	set_timer(stream->watcher);
	stream->watcher->is_behind = true;
	catch_up(stream->watcher);
	go_on_without(stream->watcher);
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
	} else if (event->kind == OMNI_RESUMED) {
		stream->delay_ms = 0;
		tell_good(stream);
		mirror_live(link->mirror, stream->type);
		catch_up(stream->watcher);
	} else if (event->resource != NULL) {
		bool is_news = event->kind == OMNI_DESTROYED ? mirror_drop(link->mirror, event->resource, &cluster)
							     : mirror_put(link->mirror, event->resource, &cluster);
		if (is_news && stream->is_live && mirror_is_said(stream->type))
			wake_said(link, cluster);
		else if (is_news && stream->is_live)
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
	if (bookmark.len > 0 && store->ops->watch(store, stream->type, bookmark, &stream->watch, fail))
		return true; /* whether it is good is told */
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

static void begin_again(struct stream *stream)
{
	mirror_lost(stream->watcher->link->mirror, stream->type);
	close_stream(stream);
	stream->bookmark_len = 0;
	stream->renew_ms = INT64_MAX; /* until it is through */
}

static void on_timer(void *ctx)
{
	struct watcher *watcher = ctx;
	int64_t now = clock_monotonic_ms();
	for (size_t i = 0; i < watcher->count; i++) {
		struct stream *stream = &watcher->streams[i];
		if (due_ms(stream) > now)
			continue;
		if (stream->watch != NULL)
			begin_again(stream);
		open_stream(stream);
	}
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
			watcher->streams[watcher->count++] = (struct stream){.watcher = watcher, .type = omni_type_at(i), .fd = -1, .renew_ms = INT64_MAX};
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

void watcher_hurry(struct watcher *watcher)
{
	for (size_t i = 0; watcher != NULL && i < watcher->count; i++)
		if (watcher->streams[i].watch == NULL && !watcher->streams[i].is_denied)
			watcher->streams[i].reopen_ms = watcher->streams[i].delay_ms = 0;
	if (watcher != NULL)
		set_timer(watcher);
}

void watcher_renew(struct watcher *watcher)
{
	int64_t now = clock_monotonic_ms();
	for (size_t i = 0; watcher != NULL && i < watcher->count; i++) {
		watcher->streams[i].bookmark_len = 0;
		watcher->streams[i].renew_ms = now;
	}
	if (watcher != NULL)
		set_timer(watcher);
}

size_t watcher_live(const struct watcher *watcher)
{
	size_t live = 0;
	for (size_t i = 0; watcher != NULL && i < watcher->count; i++)
		live += watcher->streams[i].watch != NULL && watcher->streams[i].is_live;
	return live;
}
