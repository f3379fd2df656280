/* May this plan be applied? */
#ifndef AGENT_PLAN_GATE_H
#define AGENT_PLAN_GATE_H

#include "agent/plan/plan.h"

/* EMPTY: nothing to do. OPEN: go on. HELD: somebody has to approve first. BLOCKED: cannot be applied whoever approves. */
enum gate_verdict { GATE_EMPTY, GATE_OPEN, GATE_HELD, GATE_BLOCKED };

/* approvals: hashes that were given (flag, annotation in Git, annotation in Omni): whole, or at least the first
 * PLAN_HASH_SHORT digits. approve_all passes everything that is not blocked. allow_destroy: the annotation's value, opens
 * a deletion of the cluster of exactly that name, and nothing else. */
struct gate {
	enum plan_risk limit;
	const struct span *approvals;
	size_t approval_count;
	bool approve_all;
	struct span allow_destroy;
};

/* *out_reason says why in one sentence (in the arena or a constant). */
enum gate_verdict gate_check(const struct plan *plan, const struct gate *gate, struct span *out_reason,
			     struct arena *arena);

const char *gate_verdict_name(enum gate_verdict verdict); /* empty open held blocked */

#endif
