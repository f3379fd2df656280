/* What the parts of the sources of charts share. Private to chart*.c.
 *
 * The cache: archives/SHA256.tgz; found/KEY.json, what a request led to; indexes/KEY.yaml with KEY.json, when and which. Everything
 * is written beside and renamed, so several processes may use one cache. */
#ifndef AGENT_HELM_CHART_INT_H
#define AGENT_HELM_CHART_INT_H

#include <pthread.h>

#include "agent/helm/chart.h"
#include "agent/helm/chart_fetch.h"
#include "agent/helm/chart_oci.h"
#include "base/map.h"

/* A request that was understood. Texts in the arena of the call. */
struct place {
	bool is_oci;
	const char *index_url;	/* of an HTTP repository */
	struct span repository; /* without a slash at its end */
	struct span chart;	/* name in the index */
	struct oci_ref ref;
	struct span version;
	bool is_exact, is_pinned; /* its content does not change, or cannot */
	char key[DIGEST_HEX_SIZE];
	char index_key[DIGEST_HEX_SIZE];
};
bool place_of(const struct chart_request *request, struct arena *arena, struct place *out, struct fail *fail);

/* What a request led to. Texts in an arena, or of its own in the table. */
struct found {
	struct span name, version, app_version, manifest, from;
	char digest[DIGEST_HEX_SIZE];
	char offered[DIGEST_HEX_SIZE]; /* other content of the same version, which was not taken; empty: none */
	int64_t found_s;	       /* Unix time */
};

struct known {
	bool is_busy, is_loaded, is_found;
	struct found found;
	char *texts; /* of found */
	char *trouble; /* why the source could not be asked the last time; NULL: it could */
	int64_t wait_until_ms; /* CLOCK_MONOTONIC: not asked before, after it could not */
};

struct charts {
	char *dir, *ca_file;
	struct log *log;
	size_t max_bytes;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct arena arena;
	struct map known; /* by key */
	struct charts_counts counts;
};

/* One look at a source. */
struct look {
	struct charts *charts;
	const struct chart_request *request;
	const struct place *place;
	struct arena *arena;
	struct fetcher fetcher;
	uint64_t downloads;
};
bool look_http(struct look *look, struct found *out, struct fail *fail); /* chart_http.c */
bool look_oci(struct look *look, struct found *out, struct fail *fail);

/* --- chart_cache.c --- */
bool chart_cache_init(struct charts *charts, struct fail *fail);
/* NOT_FOUND: it is not there, or was broken and is gone. */
bool chart_cache_open(struct charts *charts, const char *digest, int *out_fd, struct fail *fail);
/* A new file, in the place of archives; then it becomes the archive with that digest, or is removed. */
bool chart_cache_begin(struct charts *charts, char path[4096], int *out_fd, struct fail *fail);
bool chart_cache_keep(struct charts *charts, const char *path, int fd, const char *digest, struct fail *fail);
void chart_cache_drop(const char *path);
void chart_cache_evict(struct charts *charts, const char *keep_digest);
void chart_cache_path(const struct charts *charts, const char *part, const char *name, const char *ending, char out[4096]);
/* found/KEY.json */
bool chart_cache_load(struct charts *charts, const char *key, struct arena *arena, struct found *out);
void chart_cache_save(struct charts *charts, const char *key, const struct found *found);

/* The archive with the digest, out of the cache or by `pull`; then what it says of itself. digest NULL: found out by pull. */
bool look_archive(struct look *look, const char *digest, bool (*pull)(void *ctx, int fd, char out_digest[DIGEST_HEX_SIZE], struct fail *fail),
		  void *ctx, struct found *out, struct fail *fail);

#endif
