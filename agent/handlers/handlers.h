/* The runner of the handlers: which objects there are, when each is looked at, what is told of them. Every cluster has workers of
 * its own (base/queue.h), so one that does not answer holds up nobody else. Objects come from an API server's cache or, without
 * one, from the sources' trees; both go through handlers_take. */
#ifndef AGENT_HANDLERS_HANDLERS_H
#define AGENT_HANDLERS_HANDLERS_H

#include "agent/handlers/handler.h"

struct handlers;

struct handlers_options {
	struct handler_env env; /* copied; callbacks are called with env.ctx, on workers. status_of: only of kinds without a handler; may be NULL */
	const struct handler *const *handlers; /* NULL-terminated: HANDLERS */
	/* What came of a look: to be written to the object. status: the whole of it, conditions included. is_gone: the finalizer may
	 * go. Worker thread; borrowed. */
	void (*told)(void *ctx, const struct handler_object *object, json_t *status, const struct status_event *events,
		     size_t event_count, bool is_gone);
	void *ctx; /* of told */
	int64_t grace_ms; /* how long one that is being deleted waits for a way into its cluster; 0: 30 s */
};

/* Every handler there is, NULL-terminated (table.c). */
extern const struct handler *const HANDLERS[];
const struct handler *handler_of(const struct handler *const *handlers, const struct kind *kind); /* NULL: none */

struct handlers *handlers_new(const struct handlers_options *options);
/* Nothing new begins, and what runs is told so; nothing more is told of failures. */
void handlers_stop(struct handlers *handlers);
/* handlers_stop, and what runs ends by the deadline; before env's Secret store and workloads are freed. False: a call hangs, and
 * nothing may be freed any more: the process is about to end. NULL is fine. */
bool handlers_free(struct handlers *handlers, int64_t deadline_ms);

/* It is there, or another one than before: everything is copied; looked at when something changed. Any thread. */
void handlers_take(struct handlers *handlers, const struct handler_object *object);
void handlers_drop(struct handlers *handlers, const struct kind *kind, struct span ns, struct span name);
/* Everything is looked at again: this replica acts from now on, a Secret store came back. */
void handlers_look(struct handlers *handlers);

enum { HANDLER_KINDS = 3 };
struct handlers_counts {
	size_t objects[HANDLER_KINDS], ready[HANDLER_KINDS]; /* exports, syncs, releases */
	uint64_t looks[HANDLER_KINDS], failures[HANDLER_KINDS];
	size_t queued, running;
};
void handlers_counts(struct handlers *handlers, struct handlers_counts *out);
/* When the kubeconfig of every export ends, Unix seconds, as far as it is known. Under the lock. */
void handlers_expiries(struct handlers *handlers, void (*visit)(void *ctx, struct span ns, struct span name, int64_t expires_s), void *ctx);

#endif
