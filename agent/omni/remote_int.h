/* Inside of the store behind which a real Omni is: calls that are signed, repeated where that is safe, and whose errors
 * have become failures that people understand.
 *
 * A call that only reads is tried again when the server cannot be reached, with growing pauses, within its deadline. One
 * that writes, too, and then whoever calls finds out whether it was done already: `out_maybe_done` tells that an attempt
 * before the last may have been. */
#ifndef AGENT_OMNI_REMOTE_INT_H
#define AGENT_OMNI_REMOTE_INT_H

#include <pthread.h>

#include "agent/auth/sign.h"
#include "agent/grpc/grpc.h"
#include "agent/omni/cosi.h"
#include "agent/omni/store.h"

enum { REMOTE_TRIES = 5, REMOTE_CALL_MS = 30000, REMOTE_API_VERSION = 2 };

/* What an HTTP answer of the server said about its clock. */
struct remote_clock {
	int64_t asked_ms; /* CLOCK_MONOTONIC; 0: never */
	bool is_known;
	int64_t ahead_ms; /* so much is ours ahead of the server's */
};

struct remote_store {
	struct omni_store base;
	struct grpc_channel *channel;
	struct service_key *key;
	struct sign_cache *signatures;
	char *url;
	struct log *log;
	int64_t call_timeout_ms;
	_Atomic bool has_no_teardown; /* a server before Omni 1.8 */
	_Atomic uint64_t retries;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t ended; /* is_ending has become true */
	bool is_ending;
	uint64_t checked_connections;
	int64_t checked_ms; /* when the version of the server was seen to be fine; 0: never */
	struct remote_clock clock;
};

static inline struct remote_store *remote_of(struct omni_store *store)
{
	return (struct remote_store *)store;
}

/* --- remote_call.c */
struct remote_call {
	const char *method; /* the full path */
	struct span message;
	struct span cluster; /* of management calls; else empty */
	int64_t deadline_ms; /* 0: the store's default */
	struct grpc_flight *flight; /* the first attempt, where it is under way already; NULL: it is not */
	bool is_only_try;
	bool is_write;
};
/* Hands the first attempt in; remote_call (remote_call_many) ends it, with everything that a failed one needs. */
void remote_begin(struct remote_store *store, struct remote_call *call, bool is_many);
bool remote_call(struct remote_store *store, struct arena *arena, const struct remote_call *call, struct span *out_message,
		 bool *out_maybe_done, struct fail *fail) __attribute__((warn_unused_result));
/* Every message goes to `take`; `begin` is called before every attempt. */
struct remote_taker {
	void (*begin)(void *ctx);
	bool (*take)(void *ctx, struct span message);
	void *ctx;
};
bool remote_call_many(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		      const struct remote_taker *taker, struct fail *fail) __attribute__((warn_unused_result));
int64_t remote_deadline(const struct remote_store *store, int64_t deadline_ms);
/* Waits before attempt `try` (from 1): twice as long every time, give or take a half. False: not within the deadline, or
 * the store winds down. */
bool remote_pause(struct remote_store *store, unsigned try, int64_t first_ms, int64_t longest_ms, int64_t deadline_ms);
struct grpc_signer remote_signer(struct remote_store *store);

/* --- remote_fail.c */
/* A status as a failure. may_ask: a call may be made to compare the clocks. */
bool remote_fail(struct remote_store *store, const char *method, const struct grpc_status *status, bool may_ask,
		 struct fail *fail);
bool remote_is_transient(const struct grpc_status *status);
/* Words of a server as they may be shown: every line, without what a terminal would obey. */
struct span remote_words(struct arena *arena, struct span text);

/* --- remote_read.c */
/* Fails only when the server is one that we cannot work with. */
bool remote_check(struct remote_store *store, int64_t deadline_ms, struct fail *fail);
struct remote_call remote_get_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms);
bool remote_get_end(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		    const struct omni_type *type, struct span id, struct resource **out, struct fail *fail);
bool remote_list_call(struct arena *arena, const struct omni_type *type, const struct omni_query *query, int64_t deadline_ms,
		      struct remote_call *out, struct fail *fail);
bool remote_list_end(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		     const struct omni_type *type, struct resource_list *out, struct fail *fail);
bool remote_get(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct span id,
		int64_t deadline_ms, struct resource **out, struct fail *fail);
bool remote_list(struct omni_store *store, struct arena *arena, const struct omni_type *type,
		 const struct omni_query *query, int64_t deadline_ms, struct resource_list *out, struct fail *fail);
bool remote_about(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct omni_about *out,
		  struct fail *fail);
bool remote_kubeconfig(struct omni_store *store, struct arena *arena, const struct omni_kubeconfig_request *request,
		       int64_t deadline_ms, struct span *out_yaml, struct fail *fail);
bool remote_talosconfig(struct omni_store *store, struct arena *arena, const struct omni_talosconfig_request *request,
			int64_t deadline_ms, struct span *out_yaml, struct fail *fail);

/* --- remote_write.c; deadlines of the _call functions are never 0 */
bool remote_create_call(struct arena *arena, const struct resource *resource, int64_t deadline_ms, struct remote_call *out,
			struct fail *fail);
bool remote_create_end(struct omni_store *base, struct arena *arena, const struct resource *resource,
		       const struct remote_call *call, struct resource **out_new, struct fail *fail);
bool remote_update_call(struct arena *arena, const struct resource *resource, int64_t deadline_ms, struct remote_call *out,
			struct fail *fail);
bool remote_update_end(struct omni_store *base, struct arena *arena, const struct resource *resource,
		       const struct remote_call *call, struct resource **out_new, struct fail *fail);
struct remote_call remote_teardown_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms);
bool remote_teardown_end(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
			 const struct remote_call *call, bool *out_ready, struct fail *fail);
struct remote_call remote_destroy_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms);
bool remote_destroy_end(struct omni_store *base, struct arena *arena, const struct remote_call *call, struct fail *fail);
bool remote_create(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail);
bool remote_update(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail);
bool remote_teardown(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms,
		     bool *out_ready, struct fail *fail);
bool remote_destroy(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms,
		    struct fail *fail);

/* --- remote_batch.c */
void remote_batch(struct omni_store *base, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms);

/* --- remote_watch.c */
bool remote_watch(struct omni_store *store, const struct omni_type *type, struct span bookmark, struct omni_watch **out,
		  struct fail *fail);
bool remote_watch_some(struct omni_store *store, const struct omni_type *type, struct span id, const struct omni_query *query,
		       struct omni_watch **out, struct fail *fail);

/* --- remote_store.c */
bool remote_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		       struct fail *fail);

#endif
