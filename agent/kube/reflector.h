/* How a list is kept up to date by watching it: the rules alone, without network, clock or memory of objects. Somebody else
 * (follow.c) tells what happened and does what is ordered.
 *
 * At first a streaming list is tried: a watch that begins with all there is, and says where that ends. A server that refuses
 * it, does not understand it or breaks off twice is asked for pages and for a watch from there on, ever after. A watch that
 * ends is opened again where it was; a list comes again only when the server has forgotten that place, and what it does
 * not name any more is gone. Failures are repeated after 0.8 s, doubling to 30 s; a watch that proves itself starts anew.
 *
 * Content is certain while the watch lives, and for a minute after it broke off: most interruptions are shorter, and a server
 * that restarts is no reason to stop. */
#ifndef AGENT_KUBE_REFLECTOR_H
#define AGENT_KUBE_REFLECTOR_H

#include "base/fail.h"
#include "base/text.h"

enum {
	REFLECTOR_TOLERANCE_MS = 60 * 1000,
	REFLECTOR_PATIENCE_MS = 30 * 1000, /* in a streaming list without a line */
	REFLECTOR_SILENCE_MS = 150 * 1000, /* bookmarks come once a minute; without any for so long nobody is there */
	REFLECTOR_BACKOFF_MS = 800,
	REFLECTOR_BACKOFF_MAX_MS = 30 * 1000,
	REFLECTOR_PAGE = 500,
	REFLECTOR_MANY = 1000, /* objects of a streaming list: then its stream is not kept, which holds memory for them */
};

enum reflector_state { REFLECTOR_NEW, REFLECTOR_STREAMING, REFLECTOR_LISTING, REFLECTOR_WATCHING, REFLECTOR_WAITING };

struct reflector {
	enum reflector_state state;
	bool may_stream;    /* streaming lists */
	bool is_complete;   /* all was listed once */
	bool is_live;	    /* a watch is open, and nothing is missing before it */
	bool is_told;	    /* it said something since it was opened */
	bool has_bookmarks; /* this server sends them */
	bool must_list;	    /* when the waiting is over: the place in the history is lost */
	bool has_relisted;  /* since a watch proved itself */
	unsigned failures, breaks;
	unsigned page;	    /* objects of a page */
	unsigned listed;    /* objects of a streaming list */
	uint64_t random;
	int64_t opened_ms, last_line_ms, lost_ms;
	struct text version, token; /* where to watch from; the next page */
	struct fail why;	    /* the last failure */
};

void reflector_init(struct reflector *reflector, uint64_t seed);
void reflector_done(struct reflector *reflector);

enum reflector_event_type {
	REFLECT_START,
	REFLECT_PAGE,	  /* of a list: version, token (empty: it was the last) */
	REFLECT_OPENED,	  /* the server answers to a watch */
	REFLECT_CHANGE,	  /* an object came, changed or went: version */
	REFLECT_BOOKMARK, /* version; is_end: all there is has been told */
	REFLECT_ERROR,	  /* an event ERROR: fail */
	REFLECT_ENDED,	  /* the stream, in an orderly way */
	REFLECT_FAILED,	  /* the stream, or the request for a page: fail */
	REFLECT_TIMER,	  /* the time that was ordered is over */
};
struct reflector_event {
	enum reflector_event_type type;
	struct span version, token;
	bool is_end;
	const struct fail *fail;
};

/* What to do, in this order. */
struct reflector_step {
	bool completes; /* what the list did not name is gone */
	bool closes;	/* the stream */
	bool begins;	/* a list: what it names is counted anew */
	bool opens;	/* a stream, or asks for a page: reflector_query */
	bool is_page;
	int64_t timer_ms; /* -1: no timer; it takes the place of the one before */
	bool keeps_timer;
};
struct reflector_step reflector_take(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms);

/* "limit=500&…" or "watch=1&…"; draws the length of a watch. *out_silence_ms: without a byte for so long it is dead. */
void reflector_query(struct reflector *reflector, struct text *out, int64_t *out_silence_ms);

bool reflector_is_synced(const struct reflector *reflector, int64_t now_ms);
/* When that ends by itself; INT64_MAX: never. */
int64_t reflector_synced_until(const struct reflector *reflector);

#endif
