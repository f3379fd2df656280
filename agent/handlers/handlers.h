/* The runner of the handlers: which objects there are, when each is looked at, what is told of them. Every cluster has workers of
 * its own (base/queue.h), so one that does not answer holds up nobody else. Objects come from an API server's cache or, without
 * one, from the sources' trees; both go through handlers_take. */
#ifndef AGENT_HANDLERS_HANDLERS_H
#define AGENT_HANDLERS_HANDLERS_H

#include "agent/handlers/handler.h"

struct handlers;

/* An object as its source has it now, complete: everything is copied. */
struct handlers_options {
	struct handler_env env; /* copied; callbacks are called with env.ctx, on workers */
	/* What came of a look: to be written to the object. status: the whole of it, conditions included. is_gone: the finalizer may
	 * go. Worker thread; borrowed. */
	void (*told)(void *ctx, const struct handler_object *object, json_t *status, const struct status_event *events,
		     size_t event_count, bool is_gone);
	void *ctx; /* of told */
};

struct handlers *handlers_new(const struct handlers_options *options);
/* Nothing new begins; what runs ends by the deadline. */
void handlers_free(struct handlers *handlers, int64_t deadline_ms);

/* It is there, or another one than before: looked at when something changed. Any thread. */
void handlers_take(struct handlers *handlers, const struct handler_object *object);
void handlers_drop(struct handlers *handlers, const struct kind *kind, struct span ns, struct span name);
/* Everything is looked at again: this replica acts from now on, a Secret store came back. */
void handlers_look(struct handlers *handlers);

struct handlers_counts {
	size_t objects[3], ready[3]; /* exports, syncs, releases */
	uint64_t looks[3], failures[3];
	size_t queued, running;
};
void handlers_counts(struct handlers *handlers, struct handlers_counts *out);

#endif
