#include "agent/kube/cache.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "agent/kube/follow.h"
#include "agent/kube/json_read.h"
#include "agent/kube/table.h"
#include "agent/kube/url.h"
#include "base/clock.h"

enum {
	LISTENERS_MAX = 8,
	MANY = 1000, /* objects; reading them takes memory that is worth giving back */
};

/* One kind. Its table is changed by the client's thread under the lock: that thread alone reads it without. */
struct cached {
	struct kube_cache *cache;
	const struct kind *kind;
	struct follower *follower;
	struct table table;
	uint32_t round; /* of lists */
	bool is_synced;
	int64_t lost_ms;
	struct fail why; /* the last failure */
};

struct kube_cache {
	struct kube_client *client;
	struct packer *packer;
	char *ns, *query;
	struct cached *kinds;
	size_t kind_count;
	pthread_mutex_t lock;
	struct kube_listener listeners[LISTENERS_MAX];
	size_t listener_count;
	bool is_synced;
};

/* --- telling ------------------------------------------------------------------------------------------------------------ */

static size_t copy_listeners(struct kube_cache *cache, struct kube_listener out[LISTENERS_MAX])
{
	pthread_mutex_lock(&cache->lock);
	size_t count = cache->listener_count;
	memcpy(out, cache->listeners, count * sizeof *out);
	pthread_mutex_unlock(&cache->lock);
	return count;
}

/* Entries that nobody else can change or free any more, or that only this thread does. */
static void tell(const struct cached *cached, const struct entry *old, const struct entry *now)
{
	struct kube_listener listeners[LISTENERS_MAX];
	struct kube_object before, after;
	size_t count = copy_listeners(cached->cache, listeners);
	if (old != NULL)
		entry_view(old, cached->kind, &before);
	if (now != NULL)
		entry_view(now, cached->kind, &after);
	for (size_t i = 0; i < count; i++)
		if (listeners[i].changed != NULL)
			listeners[i].changed(listeners[i].ctx, old == NULL ? NULL : &before, now == NULL ? NULL : &after);
}

void kube_cache_listen(struct kube_cache *cache, const struct kube_listener *listener)
{
	pthread_mutex_lock(&cache->lock);
	if (cache->listener_count == LISTENERS_MAX)
		abort(); /* the program has so many and no more */
	cache->listeners[cache->listener_count++] = *listener;
	pthread_mutex_unlock(&cache->lock);
}

struct leaver {
	struct kube_cache *cache;
	void *ctx;
};

static void leave(void *ctx)
{
	const struct leaver *leaver = ctx;
	struct kube_cache *cache = leaver->cache;
	size_t kept = 0;
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < cache->listener_count; i++)
		if (cache->listeners[i].ctx != leaver->ctx)
			cache->listeners[kept++] = cache->listeners[i];
	cache->listener_count = kept;
	pthread_mutex_unlock(&cache->lock);
}

/* On the thread that tells: so nothing is being told when it is done. */
void kube_cache_unlisten(struct kube_cache *cache, void *ctx)
{
	follow_run(cache->client, leave, &(struct leaver){cache, ctx});
}

/* --- what comes from the server ------------------------------------------------------------------------------------------ */

static void begins(void *ctx)
{
	struct cached *cached = ctx;
	cached->round++;
}

static bool is_same(const struct entry *entry, const struct kind *kind, const json_t *metadata)
{
	struct kube_object seen;
	entry_view(entry, kind, &seen);
	return span_eq(seen.resource_version, kube_json_text(metadata, "resourceVersion")) &&
	       span_eq(seen.uid, kube_json_text(metadata, "uid"));
}

static bool is_another(const struct entry *a, const struct entry *b, const struct kind *kind)
{
	struct kube_object x, y;
	entry_view(a, kind, &x);
	entry_view(b, kind, &y);
	return !span_eq(x.uid, y.uid);
}

/* One that was deleted and made again while nobody looked went, and came. */
static void put(struct cached *cached, struct entry *old, struct entry *now)
{
	bool is_new = old == NULL || is_another(old, now, cached->kind);
	now->first_seen_ms = is_new ? clock_monotonic_ms() : old->first_seen_ms;
	now->round = cached->round;
	pthread_mutex_lock(&cached->cache->lock);
	(void)table_put(&cached->table, now);
	pthread_mutex_unlock(&cached->cache->lock);
	if (is_new && old != NULL)
		tell(cached, old, NULL);
	tell(cached, is_new ? NULL : old, now);
	free(old);
}

static void see_again(struct cached *cached, struct entry *entry)
{
	pthread_mutex_lock(&cached->cache->lock);
	entry->round = cached->round;
	pthread_mutex_unlock(&cached->cache->lock);
}

static void named(void *ctx, const json_t *object)
{
	struct cached *cached = ctx;
	const json_t *metadata = json_object_get(object, "metadata");
	struct entry *now, *old = table_find(&cached->table, kube_json_text(metadata, "namespace"), kube_json_text(metadata, "name"));
	if (old != NULL && is_same(old, cached->kind, metadata))
		see_again(cached, old);
	else if (entry_make(cached->cache->packer, cached->kind, object, &now, NULL))
		put(cached, old, now);
}

/* A table that lost an entry, to whoever listens: `last` is how it ended, or NULL. */
static void drop(struct cached *cached, struct entry *old, struct entry *last)
{
	pthread_mutex_lock(&cached->cache->lock);
	(void)table_take(&cached->table, entry_ns(old), entry_name(old));
	pthread_mutex_unlock(&cached->cache->lock);
	tell(cached, last == NULL ? old : last, NULL);
	free(last);
	free(old);
}

static void gone(void *ctx, const json_t *object)
{
	struct cached *cached = ctx;
	const json_t *metadata = json_object_get(object, "metadata");
	struct entry *last = NULL, *old = table_find(&cached->table, kube_json_text(metadata, "namespace"), kube_json_text(metadata, "name"));
	if (old == NULL)
		return;
	if (entry_make(cached->cache->packer, cached->kind, object, &last, NULL))
		last->first_seen_ms = old->first_seen_ms;
	drop(cached, old, last);
}

static void give_back(void *ctx)
{
	(void)ctx;
	malloc_trim(0);
}

static void completes(void *ctx)
{
	struct cached *cached = ctx;
	struct entry **left = calloc(cached->table.count + 1, sizeof *left), *entry;
	size_t count = 0;
	if (left == NULL)
		abort();
	for (struct table_cursor cursor = {0}; (entry = table_next(&cached->table, &cursor)) != NULL;)
		if (entry->round != cached->round)
			left[count++] = entry;
	for (size_t i = 0; i < count; i++)
		drop(cached, left[i], NULL);
	free(left);
	if (cached->table.count > MANY) /* when the answer is not needed any more */
		kube_post(cached->cache->client, 0, give_back, NULL);
}

static void state(void *ctx, const struct reflector *reflector)
{
	struct cached *cached = ctx;
	struct kube_cache *cache = cached->cache;
	struct kube_listener listeners[LISTENERS_MAX];
	bool is_synced = true, was_synced;
	pthread_mutex_lock(&cache->lock);
	cached->is_synced = reflector_is_synced(reflector, clock_monotonic_ms());
	cached->lost_ms = reflector->is_complete ? reflector->lost_ms : -1;
	cached->why = reflector->why;
	for (size_t i = 0; i < cache->kind_count; i++)
		is_synced = is_synced && cache->kinds[i].is_synced;
	was_synced = cache->is_synced;
	cache->is_synced = is_synced;
	pthread_mutex_unlock(&cache->lock);
	size_t count = is_synced == was_synced ? 0 : copy_listeners(cache, listeners);
	for (size_t i = 0; i < count; i++)
		if (listeners[i].synced != NULL)
			listeners[i].synced(listeners[i].ctx, is_synced);
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static void start(void *ctx)
{
	struct kube_cache *cache = ctx;
	for (size_t i = 0; i < cache->kind_count; i++) {
		struct cached *cached = &cache->kinds[i];
		struct text path;
		text_init(&path, TEXT_NO_LIMIT);
		url_add_kind(&path, cached->kind, span_of(cache->ns));
		struct follower *follower = follower_new(
			&(struct follow_options){
				.client = cache->client,
				.path = path.ptr,
				.query = cache->query,
				.begins = begins,
				.named = named,
				.gone = gone,
				.completes = completes,
				.state = state,
				.ctx = cached,
			},
			follow_seed());
		text_done(&path);
		pthread_mutex_lock(&cache->lock);
		cached->follower = follower;
		pthread_mutex_unlock(&cache->lock);
	}
}

static void stop(void *ctx)
{
	struct kube_cache *cache = ctx;
	for (size_t i = 0; i < cache->kind_count; i++)
		follower_free(cache->kinds[i].follower);
}

static char *selector_query(const char *selector)
{
	struct text query;
	text_init(&query, TEXT_NO_LIMIT);
	if (selector != NULL && *selector != '\0') {
		text_adds(&query, "labelSelector=");
		url_add(&query, span_of(selector));
	}
	return text_take(&query);
}

struct kube_cache *kube_cache_new(struct kube_client *client, const struct kind *const *kinds,
				  const struct kube_cache_options *options)
{
	struct kube_cache *cache = calloc(1, sizeof *cache);
	size_t count = 0;
	while (kinds[count] != NULL)
		count++;
	if (cache == NULL || (cache->kinds = calloc(count + 1, sizeof *cache->kinds)) == NULL ||
	    (cache->ns = strdup(options->ns == NULL ? "" : options->ns)) == NULL)
		abort();
	cache->client = client;
	cache->packer = packer_new(kinds);
	cache->query = selector_query(options->selector);
	cache->kind_count = count;
	pthread_mutex_init(&cache->lock, NULL);
	for (size_t i = 0; i < count; i++)
		cache->kinds[i] = (struct cached){.cache = cache, .kind = kinds[i], .lost_ms = -1};
	kube_post(client, 0, start, cache);
	return cache;
}

void kube_cache_free(struct kube_cache *cache)
{
	if (cache == NULL)
		return;
	follow_run(cache->client, stop, cache);
	for (size_t i = 0; i < cache->kind_count; i++)
		table_done(&cache->kinds[i].table);
	packer_free(cache->packer);
	pthread_mutex_destroy(&cache->lock);
	free(cache->kinds);
	free(cache->query);
	free(cache->ns);
	free(cache);
}

/* --- questions ----------------------------------------------------------------------------------------------------------- */

static struct cached *find_kind(struct kube_cache *cache, const struct kind *kind)
{
	for (size_t i = 0; i < cache->kind_count; i++)
		if (cache->kinds[i].kind == kind)
			return &cache->kinds[i];
	return NULL;
}

static bool explain(const struct cached *cached, struct fail *why)
{
	const char *kind = cached->kind->plural;
	int64_t lost_s = (clock_monotonic_ms() - cached->lost_ms) / 1000;
	const char *ns = cached->cache->ns, *in = *ns == '\0' ? "all namespaces" : "the namespace ";
	if (cached->why.code == FAIL_NONE)
		fail_set(why, FAIL_UNAVAILABLE, "%s are being listed for the first time", kind);
	else if (cached->why.code == FAIL_NOT_FOUND)
		fail_set(why, FAIL_NOT_FOUND, "the API server does not know %s.%s: install the definitions, as by `omniops crds | kubectl apply "
			 "--server-side -f -`; until then it is asked again and again (%s)", kind, CRD_GROUP, cached->why.text);
	else if (cached->why.code == FAIL_DENIED)
		fail_set(why, FAIL_DENIED, "%s may not be read: a Role has to grant get, list and watch on %s.%s in %s%s (%s)", kind, kind, CRD_GROUP,
			 in, ns, cached->why.text);
	else if (cached->lost_ms < 0)
		fail_set(why, cached->why.code, "%s cannot be listed: %s", kind, cached->why.text);
	else
		fail_set(why, cached->why.code, "%s have not been watched for %lld s: %s", kind, (long long)lost_s, cached->why.text);
	return false;
}

bool kube_cache_is_synced(struct kube_cache *cache, struct fail *why)
{
	bool is_synced = true;
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; is_synced && i < cache->kind_count; i++)
		is_synced = cache->kinds[i].is_synced || explain(&cache->kinds[i], why);
	pthread_mutex_unlock(&cache->lock);
	return is_synced;
}

bool kube_cache_kind_is_synced(struct kube_cache *cache, const struct kind *kind, struct fail *why)
{
	struct cached *cached = find_kind(cache, kind);
	if (cached == NULL)
		return fail_set(why, FAIL_BUG, "%s are not watched", kind->plural);
	pthread_mutex_lock(&cache->lock);
	bool is_synced = cached->is_synced || explain(cached, why);
	pthread_mutex_unlock(&cache->lock);
	return is_synced;
}

void kube_cache_each(struct kube_cache *cache, const struct kind *kind,
		     bool (*visit)(void *ctx, const struct kube_object *object), void *ctx)
{
	bool goes_on = true;
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; goes_on && i < cache->kind_count; i++) {
		struct table_cursor cursor = {0};
		struct cached *cached = &cache->kinds[i];
		const struct entry *entry;
		if (kind != NULL && cached->kind != kind)
			continue;
		while (goes_on && (entry = table_next(&cached->table, &cursor)) != NULL) {
			struct kube_object object;
			entry_view(entry, cached->kind, &object);
			goes_on = visit(ctx, &object);
		}
	}
	pthread_mutex_unlock(&cache->lock);
}

bool kube_cache_find(struct kube_cache *cache, const struct kind *kind, struct span ns, struct span name, struct arena *arena,
		     struct kube_object *out)
{
	struct cached *cached = find_kind(cache, kind);
	if (cached == NULL)
		return false;
	pthread_mutex_lock(&cache->lock);
	const struct entry *entry = table_find(&cached->table, ns, name);
	const struct entry *copy = entry == NULL ? NULL : arena_dup(arena, entry, entry->size);
	pthread_mutex_unlock(&cache->lock);
	if (copy != NULL)
		entry_view(copy, kind, out);
	return copy != NULL;
}

void kube_cache_counts(struct kube_cache *cache, struct kube_cache_counts *out)
{
	*out = (struct kube_cache_counts){0};
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < cache->kind_count; i++) {
		const struct cached *cached = &cache->kinds[i];
		const struct follow_counts *counts = cached->follower == NULL ? NULL : follower_counts(cached->follower);
		out->objects += cached->table.count;
		out->bytes += table_bytes(&cached->table);
		if (counts == NULL)
			continue;
		out->lists += counts->lists;
		out->watches += counts->watches;
		out->events += counts->events;
		out->relists += counts->relists;
	}
	pthread_mutex_unlock(&cache->lock);
}
