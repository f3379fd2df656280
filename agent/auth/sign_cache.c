/* A few methods are called thousands of times in a second: a handful of places is enough, the one that is longest unused
 * goes. Nobody signs while somebody else does: two threads that want the same get the same. */
#include <pthread.h>
#include <stdlib.h>

#include "agent/auth/sign.h"

enum { PLACES = 16, KEPT_MAX = 8 << 10 };

struct place {
	struct arena arena; /* of what follows */
	struct span asked;  /* method and headers */
	int64_t at_s;
	uint64_t used; /* 0: nothing is here */
	struct signature made;
};

struct sign_cache {
	const struct service_key *key;
	pthread_mutex_t lock; /* of what follows */
	struct place places[PLACES];
	uint64_t uses, made;
};

struct sign_cache *sign_cache_new(const struct service_key *key)
{
	struct sign_cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		abort();
	cache->key = key;
	pthread_mutex_init(&cache->lock, NULL);
	for (size_t i = 0; i < PLACES; i++)
		arena_init(&cache->places[i].arena, ARENA_NO_LIMIT);
	return cache;
}

void sign_cache_free(struct sign_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		arena_done(&cache->places[i].arena);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* Lengths keep apart what texts alone would not. */
static struct span asked_for(struct arena *arena, struct span method, const struct sign_header *headers, size_t count)
{
	if (count == 0)
		return method;
	struct span asked = arena_spanf(arena, "%zu %.*s", method.len, SPAN_ARG(method));
	for (size_t i = 0; i < count; i++)
		asked = arena_spanf(arena, "%.*s %zu %zu %.*s %.*s", SPAN_ARG(asked), headers[i].name.len, headers[i].value.len,
				    SPAN_ARG(headers[i].name), SPAN_ARG(headers[i].value));
	return asked;
}

static struct signature copy(struct arena *arena, const struct signature *from)
{
	return (struct signature){arena_copy(arena, from->timestamp), arena_copy(arena, from->payload),
				  arena_copy(arena, from->signature)};
}

static struct place *find(struct sign_cache *cache, struct span asked, int64_t now_s)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct place *place = &cache->places[i];
		if (place->used > 0 && place->at_s == now_s && span_eq(place->asked, asked))
			return place;
	}
	return NULL;
}

static void keep(struct sign_cache *cache, struct span asked, int64_t now_s, const struct signature *made)
{
	struct place *oldest = &cache->places[0];
	if (asked.len > KEPT_MAX)
		return;
	for (size_t i = 1; i < PLACES; i++)
		if (cache->places[i].used < oldest->used)
			oldest = &cache->places[i];
	arena_rewind(&oldest->arena);
	oldest->asked = arena_copy(&oldest->arena, asked);
	oldest->made = copy(&oldest->arena, made);
	oldest->at_s = now_s;
	oldest->used = ++cache->uses;
}

bool sign_cached(struct sign_cache *cache, struct arena *arena, struct span method, const struct sign_header *headers,
		 size_t header_count, int64_t now_s, struct signature *out, struct fail *fail)
{
	struct span asked = asked_for(arena, method, headers, header_count);
	pthread_mutex_lock(&cache->lock);
	struct place *place = find(cache, asked, now_s);
	bool ok = true;
	if (place != NULL) {
		place->used = ++cache->uses;
		*out = copy(arena, &place->made);
	} else {
		ok = sign_request(cache->key, arena, method, headers, header_count, now_s, out, fail);
		cache->made += ok;
		if (ok)
			keep(cache, asked, now_s, out);
	}
	pthread_mutex_unlock(&cache->lock);
	return ok;
}

uint64_t sign_cache_made(struct sign_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	uint64_t made = cache->made;
	pthread_mutex_unlock(&cache->lock);
	return made;
}
