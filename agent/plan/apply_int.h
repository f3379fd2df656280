/* Inside of a step: what its parts share. apply.c begins and records, apply_write.c creates and updates, apply_destroy.c
 * destroys. Operations that do not need each other go to Omni together, at most APPLY_GROUP of them. */
#ifndef AGENT_PLAN_APPLY_INT_H
#define AGENT_PLAN_APPLY_INT_H

#include "agent/plan/apply.h"

enum { APPLY_GROUP = 32, APPLY_WRITE_TRIES = 4 };

struct applier {
	struct omni_store *store;
	struct arena *scratch; /* of the result */
	struct arena reads;    /* of this step only */
	const struct plan *plan;
	const struct apply_options *options;
	struct apply_result *out;
	bool is_broken; /* something failed that was not a lock */
};

/* apply.c */
int64_t apply_deadline(const struct applier *a);
void apply_tell(struct applier *a, const struct plan_op *op, enum apply_event_kind what, const struct fail *fail);
bool apply_is_known_done(const struct applier *a, const struct plan_op *op);
void apply_set_done(struct applier *a, const struct plan_op *op);
void apply_note_holders(struct applier *a, const struct plan_op *op, const struct resource *held);
void apply_set_waiting(struct applier *a, const struct plan_op *op);
void apply_set_failed(struct applier *a, const struct plan_op *op, struct fail *fail, enum apply_op_state state);
/* Omni would refuse it: said without asking. The others go on. */
bool apply_skip_locked(struct applier *a, const struct plan_op *op);
/* Omni answers reads from a cache that may lag behind what it just refused: read until the version is not the stale one,
 * or the cache has had its time. APPLY_MUST_EXIST: it is there, since Omni said so. */
enum { APPLY_MUST_EXIST = 0 };
bool apply_get_fresh(struct applier *a, const struct omni_type *type, struct span id, uint64_t stale, struct resource **out,
		     struct fail *fail);
/* What is sent for an operation. */
struct resource *apply_outgoing(struct applier *a, const struct plan_op *op);

/* apply_write.c: creates and updates; false: stop here. */
bool apply_write_all(struct applier *a);

/* apply_destroy.c */
bool apply_destroy_all(struct applier *a); /* true: nothing is left of what had to go */
bool apply_clear_places(struct applier *a);

#endif
