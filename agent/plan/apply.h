/* Carries out a plan, step by step. Every step is idempotent and its progress is read back from Omni, not from notes:
 * a process killed at any instruction plans again and goes on. Teardown is observed, never awaited: apply_step returns
 * APPLY_WAITING and is called again when something changed or a timer fires. */
#ifndef AGENT_PLAN_APPLY_H
#define AGENT_PLAN_APPLY_H

#include "agent/omni/store.h"
#include "agent/plan/plan.h"

enum apply_state { APPLY_DONE, APPLY_WAITING, APPLY_FAILED };

/* One event per operation, for progress and reports. */
struct apply_event {
	const struct plan_op *op;
	enum { APPLY_STARTED, APPLY_WRITTEN, APPLY_TEARING_DOWN, APPLY_DESTROYED, APPLY_OP_FAILED } what;
	const struct fail *fail; /* OP_FAILED */
};

struct apply_options {
	int64_t call_timeout_ms; /* per call */
	bool dry_run;
	struct span owner, revision, template_hash; /* written as annotations of the Cluster; empty owner: none written */
	void (*on_event)(void *ctx, const struct apply_event *event);
	void *ctx;
};

struct apply_result {
	enum apply_state state;
	struct fail fail;		 /* FAILED: the first failure */
	const struct plan_op *failed_op; /* which one */
	size_t done, waiting; /* operations */
};

/* Reads what Omni holds for a cluster (omni-template.md 5.1), with as few calls as possible. */
bool plan_read_actual(struct omni_store *store, struct arena *arena, const struct cluster *cluster, struct span name,
		      int64_t deadline_ms, struct plan_actual *out, struct fail *fail);

/* Does as much of the plan as can be done now. */
void apply_step(struct omni_store *store, struct arena *scratch, const struct plan *plan,
		const struct apply_options *options, struct apply_result *out);

#endif
