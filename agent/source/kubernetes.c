/* The custom resources of an API server as a source: a tree has one file for each object that is declared, with the digest of
 * what it says as its id. What a poll looks at is held in memory by agent/kube/cache.h, so it asks nobody; what an object says is
 * only written out where whoever polls does not know it already. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/source/kubernetes_int.h"
#include "base/clock.h"
#include "crds/schema.h"

enum { FIRST_WAIT_MS = 15000, WAIT_STEP_MS = 20, TRIES = 5 };

/* --- what is told while nobody polls ---------------------------------------------------------------------------------- */

static void signal_change(struct kubernetes_source *source)
{
	uint64_t one = 1;
	if (write(source->event_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		abort();
}

static void free_gone(struct gone *gone)
{
	arena_done(&gone->arena);
	free(gone);
}

/* In the order in which they went. Only whoever polls forgets: a poll works with the records. */
static void forget_gone(struct kubernetes_source *source, int64_t before_ms)
{
	pthread_mutex_lock(&source->lock);
	while (source->first != NULL && source->first->gone_ms < before_ms) {
		struct gone *gone = source->first;
		source->first = gone->next;
		if (source->first == NULL)
			source->last_gone = NULL;
		free_gone(gone);
	}
	pthread_mutex_unlock(&source->lock);
}

static void note_gone(struct kubernetes_source *source, const struct kube_object *object, enum settle_role role)
{
	struct gone *gone = calloc(1, sizeof *gone);
	struct fail fail;
	if (gone == NULL)
		abort();
	arena_init(&gone->arena, ARENA_NO_LIMIT);
	gone->path = look_path(&gone->arena, object->kind, object->ns, object->name);
	gone->belongs_to = look_belongs_to(&gone->arena, object, role);
	gone->role = role;
	gone->is_deleting = object->deleted_s != 0;
	memcpy(gone->id, object->content_id, sizeof gone->id);
	if (!kube_object_document(object, &gone->arena, &gone->bytes, &fail)) {
		free_gone(gone);
		return;
	}
	pthread_mutex_lock(&source->lock);
	gone->gone_ms = clock_monotonic_ms();
	*(source->last_gone == NULL ? &source->first : &source->last_gone->next) = gone;
	source->last_gone = gone;
	pthread_mutex_unlock(&source->lock);
}

/* Status, and what others do with the object's metadata, is no change of what is declared. */
static bool is_same(const struct kube_object *a, const struct kube_object *b)
{
	return memcmp(a->content_id, b->content_id, sizeof a->content_id) == 0 && (a->deleted_s == 0) == (b->deleted_s == 0) &&
	       a->has_finalizer == b->has_finalizer && a->has_legacy_finalizer == b->has_legacy_finalizer && span_eq(a->uid, b->uid);
}

/* Who belongs to whom, and what may be acted on, is as it was: nothing but what this object says has changed. */
static bool says_something_else(const struct kube_object *old, const struct kube_object *now)
{
	return old != NULL && now != NULL && (old->deleted_s == 0) == (now->deleted_s == 0) && old->has_finalizer == now->has_finalizer &&
	       old->has_legacy_finalizer == now->has_legacy_finalizer && span_eq(old->uid, now->uid) &&
	       span_eq(old->reference, now->reference);
}

/* Paths of very many changes are not worth keeping: then everything is looked at. */
static void note_news(struct kubernetes_source *source, const struct kube_object *changed)
{
	enum { MOST = 1000 };
	struct news *news = &source->news;
	pthread_mutex_lock(&source->lock);
	if (changed == NULL || news->count == MOST)
		news->is_any_other = true;
	else if (!news->is_any_other)
		ARENA_PUSH(&news->arena, news->changed, news->count, news->cap) =
			look_path(&news->arena, changed->kind, changed->ns, changed->name);
	pthread_mutex_unlock(&source->lock);
	signal_change(source);
}

static void on_changed(void *ctx, const struct kube_object *old, const struct kube_object *now)
{
	struct kubernetes_source *source = ctx;
	enum settle_role role;
	if (!look_role(now != NULL ? now->kind : old->kind, &role) || (old != NULL && now != NULL && is_same(old, now)))
		return;
	if (now == NULL)
		note_gone(source, old, role);
	note_news(source, says_something_else(old, now) ? now : NULL);
}

static void on_synced(void *ctx, bool is_synced)
{
	(void)is_synced;
	note_news(ctx, NULL);
}

/* --- polling ------------------------------------------------------------------------------------------------------- */

static void take_news(struct kubernetes_source *source, struct news *out)
{
	pthread_mutex_lock(&source->lock);
	*out = source->news;
	source->news = (struct news){0};
	arena_init(&source->news.arena, ARENA_NO_LIMIT);
	pthread_mutex_unlock(&source->lock);
}

/* What is declared can be other objects than those of the last tree. While something is gone and still counts, or somebody
 * waits, time alone changes that. */
static bool may_be_others(struct kubernetes_source *source, const struct news *news)
{
	pthread_mutex_lock(&source->lock);
	bool is_any_gone = source->first != NULL;
	pthread_mutex_unlock(&source->lock);
	return !source->has_last || source->last == NULL || news->is_any_other || is_any_gone || clock_monotonic_ms() >= source->again_ms;
}

static void remember(struct look *look)
{
	struct kubernetes_source *source = look->source;
	source->has_last = true;
	listing_unref(source->last);
	source->last = listing_ref(look->listing);
}

static void finish(struct look *look, struct source_result *out)
{
	struct kubernetes_source *source = look->source;
	bool is_same = source->has_last && !source->base.again && strcmp(look->listing->content_id, source->last->content_id) == 0;
	if (!is_same) {
		out->tree = look_tree(look, &out->fail);
		if (out->tree == NULL)
			return;
		remember(look);
	}
	source->again_ms = look->again_ms;
	out->verdict = is_same ? SOURCE_UNCHANGED : SOURCE_CHANGED;
	snprintf(out->revision, sizeof out->revision, "kubernetes@sha256:%s", source->last->content_id);
	memcpy(out->content_id, source->last->content_id, sizeof out->content_id);
	int64_t wait_ms = look->again_ms - clock_monotonic_ms();
	out->look_again_ms = look->again_ms == INT64_MAX ? 0 : wait_ms > 1 ? wait_ms : 1;
}

static bool is_synced(struct kubernetes_source *source, struct fail *fail)
{
	enum settle_role role;
	for (size_t i = 0; kind_at(i) != NULL; i++)
		if (look_role(kind_at(i), &role) && !kube_cache_kind_is_synced(source->cache, kind_at(i), fail))
			return false;
	return true;
}

/* The first lists come soon; afterwards nobody waits for the API server. */
static bool await_lists(struct kubernetes_source *source, struct patience patience, struct fail *fail)
{
	int64_t end_ms = source->was_synced ? 0 : clock_monotonic_ms() + FIRST_WAIT_MS;
	struct pollfd cancelled = {patience.cancel_fd, POLLIN, 0};
	while (!is_synced(source, fail)) {
		int64_t now_ms = clock_monotonic_ms();
		if (now_ms >= end_ms || now_ms >= patience.deadline_ms)
			return false;
		if (poll(&cancelled, 1, WAIT_STEP_MS) > 0)
			return fail_set(fail, FAIL_CANCELLED, "cancelled");
	}
	if (!source->was_synced)
		source->synced_ms = clock_monotonic_ms();
	source->was_synced = true;
	return true;
}

static void note_failure(struct kubernetes_source *source)
{
	pthread_mutex_lock(&source->lock);
	source->news.is_any_other = true;
	pthread_mutex_unlock(&source->lock);
}

static void poll_once(struct kubernetes_source *source, struct source_result *out)
{
	struct look look = {.source = source};
	struct news news;
	take_news(source, &news);
	arena_init(&look.arena, ARENA_NO_LIMIT);
	bool ok = true;
	if (may_be_others(source, &news))
		look_around(&look);
	else
		ok = look_at_changed(&look, &news, &out->fail);
	if (ok)
		finish(&look, out);
	if (out->verdict == SOURCE_FAILED) /* what was news still is */
		note_failure(source);
	listing_unref(look.listing);
	arena_done(&look.arena);
	arena_done(&news.arena);
}

static void kubernetes_poll(struct source *base, struct patience patience, struct source_result *out)
{
	struct kubernetes_source *source = (struct kubernetes_source *)base;
	out->verdict = SOURCE_FAILED;
	forget_gone(source, clock_monotonic_ms() - base->config.settle_ms);
	for (unsigned i = 0; i < TRIES && out->verdict == SOURCE_FAILED; i++) {
		if (!await_lists(source, patience, &out->fail))
			return;
		poll_once(source, out);
		if (out->verdict == SOURCE_FAILED && out->fail.code != FAIL_CONFLICT)
			return;
	}
}

static void kubernetes_forget(struct source *base)
{
	((struct kubernetes_source *)base)->has_last = false;
}

static int kubernetes_fd(const struct source *base)
{
	return ((const struct kubernetes_source *)base)->event_fd;
}

static bool kubernetes_drain(struct source *base)
{
	uint64_t count;
	return read(((struct kubernetes_source *)base)->event_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static void kubernetes_free(struct source *base)
{
	struct kubernetes_source *source = (struct kubernetes_source *)base;
	kube_cache_unlisten(source->cache, source);
	forget_gone(source, INT64_MAX);
	close(source->event_fd);
	pthread_mutex_destroy(&source->lock);
	listing_unref(source->last);
	arena_done(&source->news.arena);
	free(source);
}

bool kubernetes_source_new(const struct source_config *config, struct source **out, struct fail *fail)
{
	static const struct source_ops ops = {kubernetes_poll, kubernetes_forget, kubernetes_fd, kubernetes_drain, kubernetes_free};
	if (config->objects == NULL || config->admits == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "source %s: only the agent reads from an API server", config->name);
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return fail_errno(fail, errno, "source %s", config->name);
	struct kubernetes_source *source = calloc(1, sizeof *source);
	if (source == NULL)
		abort();
	source->base = (struct source){.ops = &ops, .config = *config};
	source->cache = config->objects;
	source->event_fd = event_fd;
	arena_init(&source->news.arena, ARENA_NO_LIMIT);
	pthread_mutex_init(&source->lock, NULL);
	const struct kube_listener listener = {on_changed, on_synced, source};
	kube_cache_listen(source->cache, &listener);
	*out = &source->base;
	return true;
}
