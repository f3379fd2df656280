/* What the agent looks after: a cluster, or the raw resources of a connection. */
#ifndef AGENT_UNIT_H
#define AGENT_UNIT_H

#include "agent/omni/mirror.h"
#include "base/queue.h"
#include "agent/report/state.h"
#include "agent/settling.h"
#include "agent/snapshot.h"
#include "base/digest.h"

/* A unit was looked at and is as it should be, or waits for somebody: nothing has to be done until the declaration or
 * what Omni holds changes. */
struct settled {
	bool is_valid;
	char content[DIGEST_HEX_SIZE];
	struct mirror_mark mark;
};

enum { SOURCE_NONE = 0x7fffffff };

/* A custom resource of an API server. */
struct unit_object {
	char ns[64], name[254]; /* both empty: none */
};

/* Its OmniCluster is being deleted: the cluster has to go, or to be let go, and no gate is asked. */
struct unit_order {
	struct unit_object object; /* none: there is no order */
	bool orphan, destroy_machines;
};

/* As struct unit_texts has them in a report; NULL: empty, as most of them are. */
struct unit_words {
	char *message, *revision, *applied_revision, *applied_output, *waits_for, *holders;
};

/* Lives as long as the agent, which has thousands of them. */
struct unit {
	struct queue_item item; /* first: the queue hands it back */
	struct agent *agent;
	struct link *link;
	char *name; /* of the cluster; "" for raw resources */
	/* guarded by agent->lock */
	struct declared desired, good; /* good: the last one without faults */
	char content[DIGEST_HEX_SIZE]; /* of what is desired; "": nothing */
	bool is_frozen;		       /* must not be acted on; of raw resources: nothing may be pruned */
	char *frozen_why;
	bool waits_for_raws, is_told_ready;
	bool looks_again;	 /* also when nothing seems to have changed */
	bool is_retired;	 /* neither declared nor in Omni */
	int64_t looked_ms;	 /* when it was worked on last */
	bool is_untold;		 /* its objects, or its order, are others than its state was told to */
	bool is_requested;	 /* somebody asks for a real look, and wants to know when it is over */
	int64_t absent_since_ms; /* 0: it is declared */
	uint64_t seen;		 /* number of the update that found it declared */
	char *objects[2]; /* the OmniClusters that declare it, where they are objects of an API server; see unit_object */
	struct unit_order *order; /* NULL: none */
	uint64_t ordered;	 /* number of the look at all orders that found it */
	struct unit_state state;
	struct unit_words words;
	struct settling settling; /* what of it is recorded in Omni, and when */
	char *errors, *new_errors; /* what Omni refused last: JSON for the reports; NULL: nothing. New: from the next told() on */
	/* only the worker that has it */
	struct settled settled;
	char applied_content[DIGEST_HEX_SIZE], told_hash[DIGEST_HEX_SIZE], drift_hash[DIGEST_HEX_SIZE];
	bool was_ours;	     /* its Cluster recorded us as owner */
	struct run *ongoing; /* its plan waits for Omni */
	struct mirror_mark waits_at; /* what was known of Omni at the last of so many looks in vain */
	unsigned waits;
	int64_t confirm_ms;  /* until then what was written may still be on its way into the mirror */
};

enum { UNIT_WHY_MAX = 1000 }; /* of frozen_why */

void unit_free(struct unit *unit);

/* agent->lock is held in all of these. */
struct unit_object unit_object(const struct unit *unit, size_t place);
bool unit_is_declared_by(const struct unit *unit, const struct unit_object *object); /* the first one */
struct unit_order unit_order(const struct unit *unit);
/* True: it is another one than before. All zero: none. */
bool unit_set_object(struct unit *unit, size_t place, const struct unit_object *object);
bool unit_set_order(struct unit *unit, const struct unit_order *order);
/* So much of the text that a place of `size` bytes would hold. True: it is another one than before. */
bool unit_say(char **place, size_t size, const char *text);
void unit_copy_texts(const struct unit *unit, struct unit_texts *out);

#endif
