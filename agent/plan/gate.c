#include "agent/plan/gate.h"

const char *gate_verdict_name(enum gate_verdict verdict)
{
	static const char *const names[] = {"empty", "open", "held", "blocked"};
	return names[verdict];
}

static bool is_approval(const struct plan *plan, struct span approval)
{
	struct span hash = span_of(plan->hash);
	return approval.len >= PLAN_HASH_SHORT && approval.len <= hash.len &&
	       memcmp(approval.ptr, hash.ptr, approval.len) == 0;
}

static const struct plan_conflict *find_conflict(const struct plan *plan)
{
	for (size_t i = 0; i < plan->conflict_count; i++)
		if (!plan->conflicts[i].is_partial)
			return &plan->conflicts[i];
	return plan->count == 0 && plan->conflict_count > 0 ? &plan->conflicts[0] : NULL;
}

/* "critical: the whole cluster is destroyed (Clusters…(demo)), and 2 more operations need approval" */
static struct span explain(struct arena *arena, const struct plan *plan, const struct gate *gate)
{
	const struct plan_op *worst = &plan->ops[0];
	size_t above = 0;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		above += op->risk > gate->limit;
		if (op->risk > worst->risk)
			worst = op;
	}
	struct span more = above > 1 ? arena_spanf(arena, ", and %zu more operation%s above \"%s\"", above - 1,
						   above > 2 ? "s" : "", plan_risk_name(gate->limit))
				     : SPAN("");
	return arena_spanf(arena, "%s: %s (%s %s(%.*s))%.*s%s", plan_risk_name(worst->risk), worst->why,
			   plan_op_name(worst->kind), worst->type->name, SPAN_ARG(worst->id), SPAN_ARG(more),
			   gate->approval_count > 0 ? "; the approval given is for another plan" : "");
}

enum gate_verdict gate_check(const struct plan *plan, const struct gate *gate, struct span *out_reason,
			     struct arena *arena)
{
	const struct plan_conflict *conflict = find_conflict(plan);
	*out_reason = SPAN("nothing has to change");
	if (conflict != NULL) {
		*out_reason = conflict->text;
		return GATE_BLOCKED;
	}
	if (plan->count == 0)
		return GATE_EMPTY;
	*out_reason = SPAN("within the limit");
	if (plan->risk <= gate->limit)
		return GATE_OPEN;
	*out_reason = SPAN("approved");
	if (gate->approve_all)
		return GATE_OPEN;
	for (size_t i = 0; i < gate->approval_count; i++)
		if (is_approval(plan, gate->approvals[i]))
			return GATE_OPEN;
	if (plan->is_delete && plan->cluster.len > 0 && span_eq(gate->allow_destroy, plan->cluster))
		return GATE_OPEN;
	*out_reason = explain(arena, plan, gate);
	return GATE_HELD;
}
