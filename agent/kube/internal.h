/* Inside of a client. Its thread owns the multi handle, the credentials, every list but `incoming`, and a transfer from when
 * it was taken from there until its `finish` ran. What a transfer says when it ends is its kind's business: a caller who waits
 * (call.c), a function (call.c), a stream (stream.c).
 *
 * One lock, client->lock: for what is marked so. Callbacks run without it. */
#ifndef AGENT_KUBE_INTERNAL_H
#define AGENT_KUBE_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "agent/kube/client.h"
#include "agent/kube/credential.h"
#include "agent/kube/retry.h"
#include "base/lent.h"
#include "base/text.h"

enum {
	KUBE_DEADLINE_MS = 30000,
	KUBE_CONNECT_TIMEOUT_MS = 10000,
	KUBE_ANSWER_MAX = 64 << 20,
	KUBE_LINE_MAX = 16 << 20,
	KUBE_ODD_MAX = 256 << 10, /* of what a stream says instead of lines */
	KUBE_CALLS_MAX = 64,	  /* under way at once, more wait; servers let a connection have 100 with its watches */
	KUBE_CALLS_HTTP1 = 8,
};

enum place { PLACE_NONE, PLACE_WAITING, PLACE_ACTIVE, PLACE_LATER };
enum verb { VERB_GET, VERB_POST, VERB_PUT, VERB_PATCH, VERB_DELETE, VERB_WATCH };

struct transfer {
	struct transfer *next, *prev;
	struct kube_client *client;

	/* the request; constant once it was handed in */
	enum verb verb;
	bool is_stream;
	char *path;
	struct text body;
	const char *content_type, *accept; /* constant strings, or in `path`'s block */
	int64_t deadline_ms; /* 0: a stream's */
	size_t max_bytes;

	/* the attempt: the client's thread alone */
	enum place place;
	CURL *easy;
	bool is_in_multi;
	unsigned attempts, connects, refreshes;
	int64_t started_ms, attempt_ms, heard_ms, retry_at_ms;
	struct identity *identity; /* holds what libcurl points to */
	struct curl_slist *headers, authorization;
	char error[CURL_ERROR_SIZE];
	long http_status;
	int http_version;
	int64_t retry_after_ms; /* -1: not said */
	bool is_too_big, is_tls_refused;
	struct lent lent; /* what libcurl gives to read */
	struct text answer;

	/* Takes the answer, or the failure; frees the transfer's own block by transfer_free. */
	void (*finish)(struct transfer *transfer, const struct fail *fail);
	/* Of a 200's body; false: break it off. NULL: it is collected in `answer`. */
	bool (*take)(struct transfer *transfer, struct span chunk);
	bool (*opened)(struct transfer *transfer); /* a 200 has begun; false: break it off. NULL: nobody wants to know */
	/* The caller does not want it any more; under lock. */
	bool (*is_unwanted)(const struct transfer *transfer);
	int64_t silence_ms; /* 0: any */
	void (*done)(void *ctx, json_t *answer, const struct fail *fail);
	void *ctx;
};

struct transfers {
	struct transfer *first, *last;
	unsigned count;
};

/* A heap by time, and by number among equals. */
struct post {
	int64_t at_ms;
	uint64_t number;
	void (*fn)(void *ctx);
	void *ctx;
};
struct posts {
	struct post *items;
	size_t count, cap;
	uint64_t numbers;
};

struct kube_client {
	/* constant */
	struct arena arena;
	struct kube_config config;
	struct kube_client_options options;
	const char *base_url;	/* in front of every path */
	struct curl_slist *connect_to;
	const char *host_line;	/* "Host: …" when the certificate has another name; NULL */
	const char *proxy;	/* "": none; NULL: as the environment says */
	bool loses_ends;	/* this libcurl mixes up transfers while another one's buffer is full */
	int wake_fd;
	pthread_t thread;

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a callback has returned, a caller has left */
	struct transfers incoming;
	struct posts posts;
	struct kube_counts counts;
	struct kube_stream *running; /* whose callback runs */
	struct post running_post;    /* fn NULL: none runs */
	unsigned callers;
	bool is_idle, is_closing, is_closed, has_unwanted, winds_down;
	int64_t finish_by_ms; /* winding down; 0: not */

	/* the thread's own */
	CURLM *multi;
	struct transfers waiting, active, later;
	unsigned active_calls;
	bool is_http1;
	struct bucket bucket;
	int64_t heard_ms, asked_ms; /* the last byte; the first request since */
	bool is_unanswered;	    /* there was one */
	uint64_t random;
	struct credential credential;
	struct warnings *warnings;
};

/* transfer.c */
struct transfer *transfer_new(struct kube_client *client, const struct kube_request *request, bool is_stream, struct fail *fail);
void transfer_free(struct transfer *transfer);
bool transfer_submit(struct transfer *transfer); /* false: the client is closed; it is still the caller's */
void transfer_move(struct transfer *transfer, enum place place);
void transfers_remove(struct transfers *list, struct transfer *transfer);
bool client_is_thread(const struct kube_client *client);
void client_wake(struct kube_client *client);

/* attempt.c: one transfer of libcurl. */
void kube_attempt_prepare(struct transfer *transfer);
void kube_attempt_done(struct transfer *transfer); /* on the client's thread, which owns identities */

/* outcome.c */
enum outcome {
	OUTCOME_ANSWER,	     /* the server's, good or bad */
	OUTCOME_UNSENT,	     /* no server has seen the request */
	OUTCOME_BROKEN,	     /* one may have */
	OUTCOME_OURS,	     /* we broke it off */
};
enum outcome outcome_of(struct transfer *transfer, CURLcode result, struct fail *fail);
bool kube_outcome_deadline(const struct transfer *transfer, struct fail *fail); /* false */

/* answer.c: what the server said. */
bool answer_fail(const char *method, const char *path, long http_status, struct span body, struct fail *fail); /* false */
void answer_add_foreign(struct text *out, struct span foreign, size_t max_bytes);
struct span answer_path(const struct transfer *transfer); /* without its query */
const char *answer_verb(enum verb verb);

/* warnings.c: each text is logged once. */
void warnings_note(struct kube_client *client, const struct transfer *transfer, struct span header);
void warnings_free(struct warnings *warnings);

/* drive.c: the thread. */
void *client_drive(void *client);
CURLM *client_new_multi(void);

/* post.c; under lock */
void posts_add(struct posts *posts, int64_t at_ms, void (*fn)(void *ctx), void *ctx);
bool posts_take(struct posts *posts, int64_t now_ms, struct post *out);
int64_t posts_next(const struct posts *posts);
void posts_run(struct kube_client *client, int64_t now_ms); /* without the lock */

#endif
