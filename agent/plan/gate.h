/* May this plan be applied? */
#ifndef AGENT_PLAN_GATE_H
#define AGENT_PLAN_GATE_H

#include "agent/plan/plan.h"

enum gate_verdict { GATE_EMPTY, GATE_OPEN, GATE_HELD, GATE_BLOCKED };

/* approvals: hashes that were given (flag, annotation in Git, annotation in Omni); approve_all passes everything;
 * allow_destroy: the annotation's value, opens a deletion of the cluster of that name. BLOCKED: the plan has conflicts. */
struct gate {
	enum plan_risk limit;
	const struct span *approvals;
	size_t approval_count;
	bool approve_all;
	struct span allow_destroy;
};

enum gate_verdict gate_check(const struct plan *plan, const struct gate *gate, struct span *out_reason,
			     struct arena *arena);

#endif
