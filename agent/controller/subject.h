/* What the controller knows about each object that it looks after, and about those that are referred to without being there: a
 * part belongs to its OmniCluster, that to its OmniConnection. Everything under the controller's lock. */
#ifndef AGENT_CONTROLLER_SUBJECT_H
#define AGENT_CONTROLLER_SUBJECT_H

#include "agent/controller/controller.h"
#include "agent/controller/facts.h"
#include "agent/controller/seen.h"
#include "agent/controller/turns.h"
#include "base/arena.h"

enum { SHOWN_MAX = 6 };

/* Of an OmniCluster. */
struct cluster_life {
	struct controller_cluster *declared; /* one piece of memory; NULL: it is not declared */
	uint64_t fleet;			     /* number of the fleet that declared it */
	unsigned char *told;		     /* a packed struct unit_report; NULL: nothing yet */
	size_t told_size;
	char *told_errors;
	/* its deletion */
	bool is_done, is_waiting; /* as told of the order */
	char *why;
	int64_t missing_since_ms, secret_asked_ms; /* 0: not */
	bool is_secret_gone;
	/* requests: tokens of the two annotations, what is under way and what has been handled */
	uint64_t tokens[2];
	char *requested, *handled;
};

/* Of an OmniConnection: what was told of the way, with its texts; one piece of memory. */
struct connection_way {
	struct controller_way way;
	char texts[];
};

/* Of the kinds that a handler looks after: what came of its last look. */
struct handled_told {
	uint64_t digest;
	bool is_gone; /* nothing is left to do: the finalizer may go */
	size_t status_len;
	char status[]; /* JSON */
};

/* What only counts while something is being written. */
struct writes {
	uint64_t shown[SHOWN_MAX]; /* digests of the versions that the cache shows meanwhile, from the one before on; the newest last */
	size_t shown_count;
	uint64_t complaint; /* the failure that was logged last */
	struct echo *echo;
};

/* There are tens of thousands of them: what few have is of its own. */
struct subject {
	struct turn turn; /* first */
	struct subject *next_in_slot;
	struct subject *parent, *children, *next_sibling, *prev_sibling;
	const struct kind *kind;
	uint64_t uid, version; /* digests, as the cache shows them; uid 0: none */
	uint64_t applied, applied_to; /* digests: what was applied last, and what the server made of it */
	struct facts *facts;	      /* NULL: not read yet; of parts: nothing is to be done */
	struct writes *writes;	      /* NULL: nothing was written lately */
	union {			      /* by kind */
		struct cluster_life *life;    /* of OmniClusters */
		struct connection_way *way;   /* of OmniConnections; NULL: nothing told */
		struct handled_told *handled; /* of what handlers look after; NULL: nothing told */
		void *of_kind;
	};
	uint32_t tokens_ms; /* when there were so many; it may overflow, which costs a wait at worst */
	uint16_t ns_len, name_len; /* texts[], the namespace first */
	unsigned char tokens; /* of status writes in a row, when tokens_ms counts */
	bool has_tokens : 1;
	bool is_there : 1, is_deleted : 1, has_finalizer : 1; /* as the cache shows it */
	bool is_released : 1; /* our finalizer was taken off: nothing about it is ours any more, whatever the cache still shows */
	char texts[];
};

struct subjects {
	struct subject **slots;
	size_t slot_count, count;
};

struct span subject_ns(const struct subject *subject);
struct span subject_name(const struct subject *subject);
bool subject_is_part(const struct subject *subject); /* of an OmniCluster */
/* Is this the object? Empty: there is none. */
bool subject_is(const struct subject *subject, struct span uid);
void subject_identify(struct subject *subject, struct span uid);
const struct cluster_life *subject_life(const struct subject *subject); /* NULL: no OmniCluster */

/* The cache shows a version; those that it shows while a write is under way are remembered. */
void subject_see(struct subject *subject, struct span version);
/* The answer to a write of it, or to a question. */
void subject_take_answer(struct subject *subject, const json_t *answer, int64_t now_ms);
const struct echo *subject_echo(const struct subject *subject); /* NULL: the cache is as far as we are */
/* Is this failure another one than the last? */
bool subject_complains(struct subject *subject, uint64_t failure);
/* Its turn is over: what is not needed before the next one goes. */
void subject_rest(struct subject *subject);

void subjects_done(struct subjects *subjects);
struct subject *subject_find(const struct subjects *subjects, const struct kind *kind, struct span ns, struct span name);
struct subject *subject_get(struct subjects *subjects, const struct kind *kind, struct span ns, struct span name); /* made when absent */
/* What it refers to: NULL kind or an empty name: nothing. */
void subject_refer(struct subjects *subjects, struct subject *subject, const struct kind *kind, struct span name);
/* It is another object from now on, or none: what was known of the old one is forgotten. */
void subject_renew(struct subject *subject, struct span uid);
/* Gone for good, when it is neither there nor referred to nor declared; its turn is idle. Returns whether it is. */
bool subject_drop_unused(struct subjects *subjects, struct subject *subject);

/* How many of its children that are there are of this kind. */
size_t subject_count_children(const struct subject *subject, const struct kind *kind);

#endif
