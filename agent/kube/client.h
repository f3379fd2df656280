/* Requests to one Kubernetes API server, from any thread. One thread of the client owns all transfers: HTTP/2 with one
 * connection where the server offers it, HTTP/1.1 with a few otherwise. What is retried, and when, is decided here: reads after
 * a broken connection, anything that the server turned away before it began (429 and 5xx with Retry-After), within the
 * deadline; a write whose answer was lost is left to its caller.
 *
 * Credentials are those of struct kube_config; a token file is read again every minute and after a 401. They never show in
 * failures or logs. Answers are bounded; texts of the server stand in failures cut and on one line. */
#ifndef AGENT_KUBE_CLIENT_H
#define AGENT_KUBE_CLIENT_H

#include <jansson.h>

#include "agent/kube/config.h"
#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct log;
struct kube_client;

struct kube_client_options {
	double rate;	   /* requests per second over time; 0: 50. Watches count once */
	unsigned burst;	   /* 0: 100 */
	size_t max_bytes;  /* of an answer whose request names no bound; 0: 64 MiB */
	size_t max_line;   /* of a stream; 0: 16 MiB */
	int64_t patience_ms; /* of a request that names no deadline; 0: 30 s */
	struct log *log;   /* NULL: none */
};

/* The configuration is copied. Nothing is sent yet. */
bool kube_client_new(const struct kube_config *config, const struct kube_client_options *options, struct kube_client **out,
		     struct fail *fail) __attribute__((warn_unused_result));
/* Ends what is under way (CANCELLED) and the thread. NULL is fine. */
void kube_client_free(struct kube_client *client);
/* The process ends: watches and reads end at once (CANCELLED), writes by the deadline. New calls are still made, with deadlines
 * no later than this one: a Lease is given back, a last status written. */
void kube_client_wind_down(struct kube_client *client, int64_t deadline_ms);

/* The server's URL, for logs; the namespace that the configuration names (the pod's own in a cluster; may be empty). */
const char *kube_client_url(const struct kube_client *client);
const char *kube_client_namespace(const struct kube_client *client);

/* --- one request and its answer ------------------------------------------------------------------------------------- */

#define KUBE_JSON "application/json"
#define KUBE_APPLY "application/apply-patch+yaml"
#define KUBE_MERGE "application/merge-patch+json"
#define KUBE_JSON_PATCH "application/json-patch+json"
#define KUBE_FIELD_MANAGER "omniops"

struct kube_request {
	const char *method; /* "GET" … */
	const char *path;   /* with its query: "/api/v1/namespaces/default/secrets/key" */
	json_t *body;	    /* NULL: none; borrowed */
	const char *content_type; /* of the body; NULL: KUBE_JSON */
	const char *accept; /* NULL: KUBE_JSON */
	int64_t deadline_ms; /* CLOCK_MONOTONIC; 0: 30 s from now, or as the client's options say */
	size_t max_bytes;   /* of the answer; 0: 64 MiB, or as the client's options say */
};

/* Waits for the answer. *out (may be NULL): a new reference for the caller. Failures by what the server said:
 *   404 NOT_FOUND · 409 AlreadyExists EXISTS · 409 CONFLICT · 410, expired tokens PRECONDITION · 400, 422 INVALID ·
 *   401 UNAUTHENTICATED · 403 DENIED · 429, 5xx, no connection UNAVAILABLE · 504, deadline TIMEOUT · not JSON PROTOCOL ·
 *   "too large resource version" PRECONDITION, like one that is too old: list without one
 * Not on the client's own thread, which cannot wait (BUG). */
bool kube_call(struct kube_client *client, const struct kube_request *request, json_t **out, struct fail *fail)
	__attribute__((warn_unused_result));

/* The failure that a Status object tells, by the same rules: of an ERROR event of a watch. Always false. */
bool kube_status_fail(const json_t *status, struct fail *fail);

/* The same as kube_call without waiting: `done` runs on the client's thread, once, also when the client is freed (CANCELLED); it
 * must not block. `answer` and `fail` are borrowed; answer is NULL on failure. The request is copied. */
void kube_start(struct kube_client *client, const struct kube_request *request,
		void (*done)(void *ctx, json_t *answer, const struct fail *fail), void *ctx);

/* --- watches -------------------------------------------------------------------------------------------------------- */

/* Lines of a response that does not end: `line` for each (JSON, borrowed), then `end` once, with fail->code NONE when the
 * server ended it in an orderly way. Both run on the client's thread; of a client that is closed already, `end` runs
 * before kube_stream_open returns. silence_ms: without a byte for so long it is broken off (TIMEOUT). A response that is not
 * 200 ends with the failure that kube_call would give. */
struct kube_stream;
struct kube_stream_callbacks {
	void (*line)(void *ctx, struct span line);
	void (*end)(void *ctx, const struct fail *fail);
	void (*opened)(void *ctx); /* the server answers with 200; before the first line. NULL: nobody wants to know */
	const char *accept;	   /* NULL: KUBE_JSON */
};
struct kube_stream *kube_stream_open(struct kube_client *client, const char *path, int64_t silence_ms,
				     const struct kube_stream_callbacks *callbacks, void *ctx);
/* No callback runs after it returns (on another thread than the client's it waits for one that runs now); a callback of the
 * stream itself may call it. Every stream is closed once, also after its end. NULL is fine. */
void kube_stream_close(struct kube_stream *stream);

/* fn(ctx) on the client's thread: soon, or after so many milliseconds. For those who keep their state there. Not run any
 * more once the client is being freed. */
void kube_post(struct kube_client *client, int64_t delay_ms, void (*fn)(void *ctx), void *ctx);
/* What was posted with fn and ctx and has not run will not (on another thread than the client's it waits for one that runs
 * now). */
void kube_unpost(struct kube_client *client, void (*fn)(void *ctx), void *ctx);

/* --- what was asked, for metrics */
struct kube_counts {
	uint64_t requests[6]; /* GET, POST, PUT, PATCH, DELETE, watches */
	uint64_t failures, retries, throttled;
	uint64_t connections; /* opened so far */
};
void kube_client_counts(struct kube_client *client, struct kube_counts *out);

#endif
