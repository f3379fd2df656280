/* Charts, from HTTP repositories and OCI registries: which version is meant, its archive, and a cache of both on disk.
 *
 * A version is looked for once. An exact one (1.2.3) then stays what it was without a request, and is compared with its source
 * once a day; a range (^1.2, 1.x, an incomplete 1.2) is looked for again after ten minutes; a digest in an OCI reference never.
 * What was found survives a restart, and a source that fails: then it goes on with what it had (`note` says so). The content of
 * an exact version never changes by itself: a chart that was published again under the same version is reported in `note`, and
 * taken only when `take_changed` is set. Who gives other credentials never gets what these have found.
 *
 * Archives are known by the SHA-256 of their bytes, which is checked against index or manifest when they come and against
 * their name whenever they are opened. Nothing is ever unpacked to disk. Credentials go to the host of the repository and to the
 * token server that it names, never along a redirect to another host, and never into a message. */
#ifndef AGENT_HELM_CHART_H
#define AGENT_HELM_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/span.h"

struct charts;

enum { CHART_EXACT_MS = 24 * 3600 * 1000, CHART_RANGE_MS = 10 * 60 * 1000, CHART_REDIRECTS = 5 };
enum { CHART_INDEX_MAX = 64 << 20, CHART_ARCHIVE_MAX = 32 << 20, CHART_CACHE_MAX = 512 << 20 };

struct charts_options {
	const char *dir;      /* of the cache, made when missing; copied */
	const char *ca_file;  /* of repositories that name none of their own; NULL: the system's; copied */
	struct log *log;      /* what was fetched; NULL: nobody */
	size_t max_bytes;     /* of archives in the cache, the longest unused go first; 0: CHART_CACHE_MAX */
};

bool charts_new(const struct charts_options *options, struct charts **out, struct fail *fail) __attribute__((warn_unused_result));
void charts_free(struct charts *charts); /* nobody is in a call any more; NULL is fine */

/* Borrowed during a call; empty spans: none. */
struct chart_access {
	struct span user, password; /* basic authentication, also towards the token server of a registry */
	struct span ca;		    /* PEM: in place of the system's authorities */
	bool plain_http;	    /* OCI only: the registry has no TLS. A repository says so by http:// */
};

/* As it is declared. chart: a name in the repository, or a whole oci:// reference, with which the repository is not looked at;
 * repository: http(s)://…, or oci://… which is put in front of the name. */
struct chart_request {
	struct span repository, chart, version;
	struct chart_access access;
	bool again;	     /* ask the source now, however young is what is known */
	bool take_changed;   /* content that changed under its version is taken */
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
	int cancel_fd;	     /* readable: give up; -1: none */
};

/* Texts live in the arena of the call. */
struct chart {
	struct span name, version;    /* of its Chart.yaml */
	struct span app_version;      /* empty: it has none */
	char digest[DIGEST_HEX_SIZE]; /* SHA-256 of the archive: what the content is */
	struct span manifest;	      /* "sha256:…" of the OCI manifest; empty: from an HTTP repository */
	struct span from;	      /* for messages: where the archive came from, without credentials */
	int64_t found_s;	      /* when the source was last asked, Unix seconds */
	struct span note;	      /* what should be told about it, one sentence; empty: nothing */
};

/* Which chart is meant now. Most of the time this costs a look into a table and no request. NOT_FOUND: there is no such chart or
 * version, says which there are; UNAUTHENTICATED, DENIED: credentials; INVALID: the request, or the archive is no chart that can
 * be installed; TOO_BIG; UNAVAILABLE, TIMEOUT: the source. Any thread; who looks for the same waits for the first. */
bool charts_find(struct charts *charts, const struct chart_request *request, struct arena *arena, struct chart *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* The archive of what was found, open for reading at its start, for helm_run; the caller closes it. Fetched again when the cache
 * has dropped it (CONFLICT: the source has other content by now). Taking it out of the cache does no harm to who has it open. */
bool charts_open(struct charts *charts, const struct chart_request *request, const struct chart *chart, int *out_fd, struct fail *fail)
	__attribute__((warn_unused_result));

struct charts_counts {
	uint64_t lookups, requests, downloads, failures;
	size_t archives;
	uint64_t bytes;
};
void charts_counts(struct charts *charts, struct charts_counts *out);

#endif
