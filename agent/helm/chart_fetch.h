/* One thing after the other from a source of charts, over HTTP. Redirects are followed a few times, never from https to http;
 * credentials and headers of ours stay at the host that they were meant for. Every answer has a limit of bytes and of time.
 * Messages name the host and path that were asked for, nothing of what was answered. */
#ifndef AGENT_HELM_CHART_FETCH_H
#define AGENT_HELM_CHART_FETCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/span.h"
#include "base/text.h"

struct fetcher {
	CURLM *multi;
	CURL *easy;
	struct span ca;	     /* PEM; empty: ca_file */
	const char *ca_file; /* NULL: the system's */
	int64_t deadline_ms;
	int cancel_fd;
	uint64_t requests; /* made so far */
};

struct fetch_request {
	const char *url;
	const char *what;	    /* for messages: "the index of the repository" */
	struct span user, password; /* basic authentication; empty: none */
	struct span bearer;	    /* a token; empty: none */
	const char *accept;	    /* NULL: anything */
	struct span etag;	    /* what we have: 304 when it is the same still */
	size_t max_bytes;
	int file_fd;		    /* the body goes there, -1: into the answer */
	bool is_text;		    /* it may come packed; never of what has a digest */
};

struct fetch_answer {
	long status;
	struct text body;
	char digest[DIGEST_HEX_SIZE]; /* of the body */
	uint64_t bytes;
	char etag[256], next[1024], challenge[2048]; /* ETag, Link, WWW-Authenticate; empty: absent, or too long */
};

void fetcher_init(struct fetcher *fetcher);
void fetcher_done(struct fetcher *fetcher);

/* True: there is an answer, with whatever status (not a redirect, not 429 or 5xx: those are UNAVAILABLE). The caller has
 * fetch_answer_done for it in any case. */
bool fetch(struct fetcher *fetcher, const struct fetch_request *request, struct fetch_answer *out, struct fail *fail)
	__attribute__((warn_unused_result));
void fetch_answer_done(struct fetch_answer *answer);

/* The failure that a status is; `what` as in the request. */
bool fetch_fail_status(const struct fetch_request *request, long status, struct fail *fail);

/* A URL by another one, relative to it; with the query of the base when it has none. NULL: it is none, or one that is not http(s). */
char *fetch_url_join(struct arena *arena, const char *base, struct span relative);
/* Is it http(s) with a host, and without user, password and fragment? INVALID says what is wrong. */
bool fetch_url_check(struct span url, struct fail *fail);
bool fetch_same_host(const char *a, const char *b);

#endif
