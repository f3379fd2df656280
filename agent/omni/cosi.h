/* Requests and answers of COSI's state service as bytes. What a careless request does to a server (some end its process,
 * one kind makes it unable to start again) cannot be written with these functions: an Update always has options, metadata
 * and spec are always there, a version is "undefined" or a positive number, a term that compares has a value, a watch
 * asks for events as of API version 1 and never for a bookmark when it has one. */
#ifndef AGENT_OMNI_COSI_H
#define AGENT_OMNI_COSI_H

#include "agent/omni/codec.h"
#include "agent/omni/store.h"

#define COSI_SERVICE "/cosi.resource.State/"

enum { COSI_ID_MAX = 1024 };

/* --- requests; in the arena --- */

/* INVALID: an ID that is empty, too long, not UTF-8 or holds control characters. Of what has no *fail the caller asks. */
bool cosi_check_id(struct span id, struct fail *fail) __attribute__((warn_unused_result));

struct span cosi_encode_get(struct arena *arena, const struct omni_type *type, struct span id);
/* Also Teardown and TeardownAndDestroy. */
struct span cosi_encode_destroy(struct arena *arena, const struct omni_type *type, struct span id, struct span owner);

/* Which resources: queries are OR-ed, their terms AND-ed; the expression (RE2) must be found in the ID. */
struct cosi_filter {
	const struct omni_query *queries;
	size_t query_count;
	struct span id_regexp;
};

/* INVALID: a term that compares without a value. filter NULL: all. */
bool cosi_encode_list(struct arena *arena, const struct omni_type *type, const struct cosi_filter *filter,
		      struct span *out, struct fail *fail) __attribute__((warn_unused_result));

/* INVALID: as cosi_check_id; any text with a NUL, or that is not UTF-8. */
bool cosi_encode_create(struct arena *arena, const struct resource *resource, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* The phase that the resource must be in; the phase that it gets is its own. */
enum cosi_phase { COSI_ANY_PHASE, COSI_RUNNING, COSI_TEARING_DOWN };

/* A spec that is what resource->wire says is sent as these bytes. INVALID: without a version; as cosi_encode_create. */
bool cosi_encode_update(struct arena *arena, const struct resource *resource, enum cosi_phase expected, struct span *out,
			struct fail *fail) __attribute__((warn_unused_result));

enum cosi_watch_scope { COSI_WATCH_KIND, COSI_WATCH_ONE };

struct cosi_watch {
	enum cosi_watch_scope scope;
	struct span id; /* COSI_WATCH_ONE */
	struct cosi_filter filter;
	bool bootstrap_contents;
	bool bootstrap_bookmark;
	bool aggregated;
	int32_t tail_events;
	struct span bookmark; /* not empty: from here; both bootstraps and the tail are left out */
};

bool cosi_encode_watch(struct arena *arena, const struct omni_type *type, const struct cosi_watch *watch,
		       struct span *out, struct fail *fail) __attribute__((warn_unused_result));

/* --- answers --- */

/* What is known about them, and memory to work in; everything that is returned lives in the other arena. */
struct cosi_reader {
	const struct omni_type *type; /* that was asked for: another one is a fault */
	struct span dictionary;	      /* of compressed content; may be empty */
	struct arena *scratch;	      /* rewound by every call */
};

/* PROTOCOL: no such message, another type or namespace, a version or phase that is none. */
bool cosi_decode_resource(const struct cosi_reader *reader, struct arena *arena, struct span message,
			  struct resource **out, struct fail *fail) __attribute__((warn_unused_result));
bool cosi_decode_teardown(struct arena *scratch, struct span message, bool *out_ready, struct fail *fail)
	__attribute__((warn_unused_result));

enum cosi_event_kind {
	COSI_CREATED,
	COSI_UPDATED,
	COSI_DESTROYED,
	COSI_BOOTSTRAPPED,
	COSI_ERRORED,
	COSI_NOOP,
	COSI_UNKNOWN, /* of a newer server */
};

struct cosi_event {
	enum cosi_event_kind kind;
	struct resource *resource; /* CREATED, UPDATED, DESTROYED; of a tombstone (version 0) the spec is empty */
	struct resource *old;	   /* UPDATED, when it is wanted and was sent */
	struct span bookmark, error;
};

/* The events of one message, one after the other; they point into the message. */
struct cosi_events {
	struct span rest;
};
bool cosi_events_next(struct cosi_events *events, struct span *out_event, bool *out_has, struct fail *fail)
	__attribute__((warn_unused_result));
bool cosi_decode_event(const struct cosi_reader *reader, struct arena *arena, struct span event, bool wants_old,
		       struct cosi_event *out, struct fail *fail) __attribute__((warn_unused_result));

#endif
