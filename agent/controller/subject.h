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
	struct controller_cluster *declared; /* in the fleet's arena; NULL: it is not declared */
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

struct subject {
	struct turn turn; /* first */
	struct subject *next_in_slot;
	struct subject *parent, *children, *next_sibling, *prev_sibling;
	const struct kind *kind;
	struct span ns, name; /* texts[] */
	char uid[40];
	bool is_there, is_deleted, has_finalizer; /* as the cache shows it */
	bool is_released; /* our finalizer was taken off: nothing about it is ours any more, whatever the cache still shows */
	unsigned char shown_count;
	unsigned char tokens; /* of status writes in a row */
	int64_t tokens_ms;
	uint64_t shown[SHOWN_MAX]; /* digests of the versions that the cache has shown since the last write began; the newest last */
	uint64_t applied, applied_to; /* digests: what was applied last, and what the server made of it */
	uint64_t complaint;	      /* the failure that was logged last */
	struct echo *echo;
	struct facts *facts;	     /* NULL: not read yet */
	struct cluster_life *life;   /* of OmniClusters */
	struct connection_way *way;  /* of OmniConnections; NULL: nothing told */
	struct handled_told *handled; /* NULL: nothing told */
	char texts[];
};

struct subjects {
	struct subject **slots;
	size_t slot_count, count;
};

void subjects_done(struct subjects *subjects);
struct subject *subject_find(const struct subjects *subjects, const struct kind *kind, struct span ns, struct span name);
struct subject *subject_get(struct subjects *subjects, const struct kind *kind, struct span ns, struct span name); /* made when absent */
/* What it refers to: NULL kind or an empty name: nothing. */
void subject_refer(struct subjects *subjects, struct subject *subject, const struct kind *kind, struct span name);
/* It is another object from now on, or none: what was known of the old one is forgotten. */
void subject_renew(struct subject *subject, struct span uid);
/* Gone for good, when it is neither there nor referred to; its turn is idle. Returns whether it is. */
bool subject_drop_unused(struct subjects *subjects, struct subject *subject);

/* How many of its children that are there are of this kind. */
size_t subject_count_children(const struct subject *subject, const struct kind *kind);

#endif
