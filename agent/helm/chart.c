/* Which chart is meant: what is known of it, and when its source is asked. */
#include "agent/helm/chart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/helm/chart_int.h"
#include "agent/helm/version.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/timestamp.h"

enum { TROUBLE_MS = 5 * 60 * 1000, WAIT_MS = 500 };

bool charts_new(const struct charts_options *options, struct charts **out, struct fail *fail)
{
	struct charts *charts = calloc(1, sizeof *charts);
	pthread_condattr_t attributes;
	if (charts == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		abort();
	charts->dir = strdup(options->dir);
	charts->ca_file = options->ca_file == NULL ? NULL : strdup(options->ca_file);
	charts->log = options->log;
	charts->max_bytes = options->max_bytes == 0 ? CHART_CACHE_MAX : options->max_bytes;
	pthread_mutex_init(&charts->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&charts->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	arena_init(&charts->arena, ARENA_NO_LIMIT);
	map_init(&charts->known, &charts->arena);
	if (!chart_cache_init(charts, fail)) {
		charts_free(charts);
		return false;
	}
	*out = charts;
	return true;
}

void charts_free(struct charts *charts)
{
	if (charts == NULL)
		return;
	for (size_t i = 0; i < charts->known.count; i++) {
		struct known *known = charts->known.entries[i].value;
		free(known->texts);
		free(known->trouble);
	}
	arena_done(&charts->arena);
	pthread_mutex_destroy(&charts->lock);
	pthread_cond_destroy(&charts->changed);
	free(charts->dir);
	free(charts->ca_file);
	free(charts);
}

void charts_counts(struct charts *charts, struct charts_counts *out)
{
	pthread_mutex_lock(&charts->lock);
	*out = charts->counts;
	pthread_mutex_unlock(&charts->lock);
}

/* --- the table (with the lock) -------------------------------------------------------------------------------------- */

static struct known *known_at(struct charts *charts, const char *key)
{
	struct known *known = map_get(&charts->known, span_of(key));
	if (known == NULL) {
		known = ARENA_NEW(&charts->arena, struct known);
		*map_at(&charts->known, arena_copy(&charts->arena, span_of(key))) = known;
	}
	return known;
}

static void each_text(struct found *found, struct span **out)
{
	struct span *texts[] = {&found->name, &found->version, &found->app_version, &found->manifest, &found->from};
	memcpy(out, texts, sizeof texts);
}

enum { TEXTS = 5 };

/* One block for all of its texts. */
static void known_set(struct known *known, const struct found *found)
{
	struct found copy = *found;
	struct span *texts[TEXTS];
	size_t size = 1;
	each_text(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		size += texts[i]->len;
	char *block = malloc(size), *at = block;
	if (block == NULL)
		abort();
	for (size_t i = 0; i < TEXTS; i++) {
		if (texts[i]->len > 0)
			memcpy(at, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = at;
		at += texts[i]->len;
	}
	free(known->texts);
	known->texts = block;
	known->found = copy;
	known->is_found = true;
}

static void known_trouble(struct known *known, const char *why)
{
	free(known->trouble);
	known->trouble = why == NULL ? NULL : strdup(why);
	known->wait_until_ms = why == NULL ? 0 : clock_monotonic_ms() + TROUBLE_MS;
}

static bool is_fresh(const struct known *known, const struct place *place)
{
	int64_t age_ms = clock_wall_ms() - known->found.found_s * 1000;
	if (place->is_pinned || clock_monotonic_ms() < known->wait_until_ms)
		return true;
	return age_ms > -60000 && age_ms < (place->is_exact ? CHART_EXACT_MS : CHART_RANGE_MS);
}

static struct span note_of(const struct known *known, struct arena *arena)
{
	const struct found *found = &known->found;
	char when[TIMESTAMP_SIZE];
	if (found->offered[0] != '\0')
		return arena_spanf(arena, "%.*s was published again under the same version with other content (%s); what is used is what it was (%s)",
				   SPAN_ARG(found->from), found->offered, found->digest);
	if (known->trouble == NULL)
		return SPAN("");
	timestamp_format(found->found_s * 1000, TIMESTAMP_SECONDS, when);
	return arena_spanf(arena, "the source of the chart cannot be asked: %s; what is used is what it was at %s", known->trouble, when);
}

static void give(const struct known *known, struct arena *arena, struct chart *out)
{
	struct found copy = known->found;
	struct span *texts[TEXTS];
	each_text(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		*texts[i] = arena_copy(arena, *texts[i]);
	*out = (struct chart){.name = copy.name, .version = copy.version, .app_version = copy.app_version, .manifest = copy.manifest,
			      .from = copy.from, .found_s = copy.found_s, .note = note_of(known, arena)};
	memcpy(out->digest, copy.digest, sizeof out->digest);
}

/* Other content under the same version is not taken by itself. */
static void take(struct known *known, const struct chart_request *request, const struct found *found)
{
	bool is_other = known->is_found && span_eq(known->found.version, found->version) && strcmp(known->found.digest, found->digest) != 0;
	if (!is_other || request->take_changed) {
		known_set(known, found);
		return;
	}
	struct found kept = known->found;
	memcpy(kept.offered, found->digest, sizeof kept.offered);
	kept.found_s = found->found_s;
	known_set(known, &kept);
}

/* --- asking the source (without the lock) --------------------------------------------------------------------------- */

static bool look_at(struct charts *charts, const struct chart_request *request, const struct place *place, struct arena *arena,
		    struct found *out, struct fail *fail)
{
	struct look look = {.charts = charts, .request = request, .place = place, .arena = arena};
	struct found found = {0};
	fetcher_init(&look.fetcher);
	look.fetcher.ca = request->access.ca;
	look.fetcher.ca_file = charts->ca_file;
	look.fetcher.deadline_ms = request->deadline_ms;
	look.fetcher.cancel_fd = request->cancel_fd;
	bool ok = place->is_oci ? look_oci(&look, &found, fail) : look_http(&look, &found, fail);
	pthread_mutex_lock(&charts->lock);
	charts->counts.requests += look.fetcher.requests;
	charts->counts.downloads += look.downloads;
	charts->counts.failures += !ok;
	pthread_mutex_unlock(&charts->lock);
	fetcher_done(&look.fetcher);
	if (!ok)
		return false;
	found.found_s = clock_wall_ms() / 1000;
	*out = found;
	if (look.downloads > 0)
		log_info(charts->log, "helm", "chart fetched", log_span("from", found.from), log_string("digest", found.digest));
	return true;
}

/* Somebody else asks for the same already. */
static bool wait_for(struct charts *charts, const struct known *known, const struct chart_request *request, struct fail *fail)
{
	while (known->is_busy) {
		struct timespec until;
		if (clock_monotonic_ms() >= request->deadline_ms)
			return fail_set(fail, FAIL_TIMEOUT, "the chart is still being fetched");
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WAIT_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&charts->changed, &charts->lock, &until);
	}
	return true;
}

static void load(struct charts *charts, struct known *known, const struct place *place, struct arena *arena)
{
	struct found found;
	if (!known->is_loaded && chart_cache_load(charts, place->key, arena, &found))
		known_set(known, &found);
	known->is_loaded = true;
}

/* With the lock, which it gives away while it asks. */
static bool ask(struct charts *charts, struct known *known, const struct chart_request *request, const struct place *place, struct arena *arena,
		struct fail *fail)
{
	struct found found;
	struct fail why = {0};
	known->is_busy = true;
	pthread_mutex_unlock(&charts->lock);
	bool ok = look_at(charts, request, place, arena, &found, &why);
	pthread_mutex_lock(&charts->lock);
	known->is_busy = false;
	pthread_cond_broadcast(&charts->changed);
	if (ok) {
		take(known, request, &found);
		known_trouble(known, NULL);
		chart_cache_save(charts, place->key, &known->found);
		return true;
	}
	if (!known->is_found || why.code == FAIL_CANCELLED)
		return fail_set(fail, why.code, "%s", why.text);
	known_trouble(known, why.text);
	return true;
}

static bool find(struct charts *charts, const struct chart_request *request, const struct place *place, struct arena *arena, struct chart *out,
		 struct fail *fail)
{
	struct known *known = known_at(charts, place->key);
	charts->counts.lookups++;
	if (!wait_for(charts, known, request, fail))
		return false;
	load(charts, known, place, arena);
	bool is_good = known->is_found && is_fresh(known, place) && !request->again &&
		       !(request->take_changed && known->found.offered[0] != '\0');
	if (!is_good && !ask(charts, known, request, place, arena, fail))
		return false;
	give(known, arena, out);
	return true;
}

bool charts_find(struct charts *charts, const struct chart_request *request, struct arena *arena, struct chart *out, struct fail *fail)
{
	struct place place;
	if (!place_of(request, arena, &place, fail))
		return false;
	pthread_mutex_lock(&charts->lock);
	bool ok = find(charts, request, &place, arena, out, fail);
	pthread_mutex_unlock(&charts->lock);
	return ok;
}

bool charts_open(struct charts *charts, const struct chart_request *request, const struct chart *chart, int *out_fd, struct fail *fail)
{
	struct place place;
	struct arena arena;
	struct found found;
	if (chart_cache_open(charts, chart->digest, out_fd, NULL))
		return true;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = place_of(request, &arena, &place, fail) && look_at(charts, request, &place, &arena, &found, fail);
	if (ok && strcmp(found.digest, chart->digest) != 0)
		ok = fail_set(fail, FAIL_CONFLICT, "%.*s has other content by now (%s), and what was known of it (%s) is gone from the cache",
			      SPAN_ARG(found.from), found.digest, chart->digest);
	ok = ok && chart_cache_open(charts, chart->digest, out_fd, fail);
	arena_done(&arena);
	return ok;
}
