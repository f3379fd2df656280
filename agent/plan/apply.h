/* Carries out a plan, step by step. Every step is idempotent and its progress is read back from Omni, not from notes:
 * a process killed at any instruction plans again and goes on. Teardown is observed, never awaited: apply_step returns
 * APPLY_WAITING and is called again, with the same plan, when something changed or a timer fires.
 *
 * Order: creates, updates, then the destroy phases one after the other. The first failure among creates and updates ends
 * the step, so that nothing is destroyed before what replaces it is there; inside a destroy phase the others go on. An
 * approved plan is kept until DONE or FAILED: planning again in between gives the remainder another hash. */
#ifndef AGENT_PLAN_APPLY_H
#define AGENT_PLAN_APPLY_H

#include "agent/omni/store.h"
#include "agent/plan/plan.h"

enum apply_state { APPLY_DONE, APPLY_WAITING, APPLY_FAILED };

enum apply_event_kind { APPLY_STARTED, APPLY_WRITTEN, APPLY_TEARING_DOWN, APPLY_DESTROYED, APPLY_OP_FAILED };

/* One event per operation, for progress and reports. */
struct apply_event {
	const struct plan_op *op;
	enum apply_event_kind what;
	const struct fail *fail; /* OP_FAILED */
};

struct apply_options {
	int64_t call_timeout_ms; /* per call; 0: the store's default */
	bool dry_run;
	/* Written as annotations of the Cluster; empty owner: none is written; empty content: it is not known. */
	struct span owner, revision, template_hash, content;
	void (*on_event)(void *ctx, const struct apply_event *event);
	int64_t (*until_ms)(void *ctx); /* CLOCK_MONOTONIC, asked before every call: none begins later, or goes on; NULL: no such limit */
	void *ctx;
	/* plan->count zeroed bytes that the caller keeps between the steps of one plan: operations known to be done are not
	 * asked for again, and reported once. NULL: every step looks at everything. Never needed for correctness. */
	unsigned char *progress;
};

enum apply_op_state { APPLY_OP_PENDING, APPLY_OP_DONE, APPLY_OP_WAITING, APPLY_OP_LOCKED, APPLY_OP_BROKEN };

struct apply_op_result {
	enum apply_op_state state;
	const struct fail *fail; /* BROKEN, LOCKED */
	/* WAITING: whose finalizers are left ("A, B"), and the date of the last change; in the scratch arena. */
	struct span holders, since;
};

struct apply_result {
	enum apply_state state;
	struct fail fail;		 /* FAILED: the first failure */
	const struct plan_op *failed_op; /* which one; NULL: the annotations of the Cluster */
	size_t done, waiting, locked;	 /* operations */
	struct apply_op_result *ops;	 /* plan->count, in the scratch arena */
};

/* Reads what Omni holds for a cluster, with as few calls as possible. Any failure but "not found" fails the whole: from
 * an incomplete picture nothing may be planned. `cluster` may be NULL (deletion by name); then, and when the cluster
 * says destroyMachines, its disconnected machines are read, too. */
bool plan_read_actual(struct omni_store *store, struct arena *arena, const struct cluster *cluster, struct span name,
		      int64_t deadline_ms, struct plan_actual *out, struct fail *fail);

/* The same where it is known which of cluster->resources Omni holds just so (is_same, one for each), and that nothing else there
 * concerns a plan: only the others are read, one by one. Not for a cluster with destroyMachines. */
bool plan_read_rest(struct omni_store *store, struct arena *arena, const struct cluster *cluster, const bool *is_same, int64_t deadline_ms,
		    struct plan_actual *out, struct fail *fail);

/* The same for a cluster of which no declarations are known, and of which nothing is to be destroyed: only what it has. */
bool plan_read_held(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		    struct plan_actual *out, struct fail *fail);

/* Whose finalizers a resource has: "A, B". */
struct span apply_holders(struct arena *arena, const struct resource *resource);

/* Does as much of the plan as can be done now. The caller has asked the gate. */
void apply_step(struct omni_store *store, struct arena *scratch, const struct plan *plan,
		const struct apply_options *options, struct apply_result *out);

#endif
