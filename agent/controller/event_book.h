/* Events (events.k8s.io/v1) as they are sent: the same news again soon is counted in the series of the first Event, many that
 * differ only in their note become one, and whoever makes too many of them is not heard for a while. A pure function of what
 * was told before and of the time; memory is bounded, and what it forgets only makes one more Event. No lock of its own. */
#ifndef AGENT_CONTROLLER_EVENT_BOOK_H
#define AGENT_CONTROLLER_EVENT_BOOK_H

#include <jansson.h>

#include "agent/report/status_events.h"

#define EVENT_CONTROLLER "omni.texashpc.com/omniops"

enum {
	EVENT_SERIES_MS = 6 * 60 * 1000, /* told again within this time it is a series */
	EVENT_SIMILAR_MS = 10 * 60 * 1000,
	EVENT_SIMILAR_MAX = 10, /* different notes in that time; further ones are combined */
	EVENT_BURST = 25,
	EVENT_REFILL_MS = 300 * 1000, /* for one more */
};

struct event_book;

/* instance: of this replica. */
struct event_book *event_book_new(const char *instance);
void event_book_free(struct event_book *book);

struct event_about {
	const char *kind;
	struct span ns, name, uid;
};

struct event_request {
	const char *method; /* "POST", "PATCH"; NULL: nothing is to be sent */
	char *path;
	json_t *body;
	uint64_t key; /* for event_book_forget */
};
void event_request_done(struct event_request *request);

struct event_request event_book_take(struct event_book *book, const struct event_about *about, const struct status_event *event,
				     int64_t now_ms, int64_t wall_ms);
/* The server did not take it, or does not have it any more: told again it is a new one. */
void event_book_forget(struct event_book *book, uint64_t key);

#endif
