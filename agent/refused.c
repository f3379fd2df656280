/* What Omni would refuse before a plan is applied, and what it has refused, told at its place in the declarations. */
#include "agent/plan/foresee.h"
#include "agent/plan/refusal.h"
#include "agent/run.h"
#include "agent/told.h"

/* The raw resources were applied before, so what is declared is in Omni. */
void run_foresee(struct run *run)
{
	struct foresee foresee = {run->unit->link->store, run_deadline(run), NULL};
	diag_list_init(&run->faults, &run->arena);
	plan_foresee(&run->arena, &run->plan, &foresee, &run->faults);
}

enum queue_result run_blocked(struct run *run)
{
	struct fail fail;
	if (run->faults.error_count == 0)
		return told_blocked(run->unit, &run->plan, run->reason);
	fail_set(&fail, FAIL_INVALID, "%.*s", SPAN_ARG(run->reason));
	return told_refused(run, &fail, &run->faults);
}

/* The fleet that declares a raw resource; NULL: it is no raw resource. */
static const struct fleet *fleet_of(const struct run *run, const struct plan_op *op)
{
	for (size_t i = 0; op != NULL && i < run->held_count; i++) {
		const struct fleet *fleet = run->held[i] == NULL ? NULL : run->held[i]->fleet;
		for (size_t j = 0; fleet != NULL && j < fleet->raw_count; j++)
			if (fleet->raws[j]->resource != NULL && fleet->raws[j]->resource->type == op->type &&
			    span_eq(fleet->raws[j]->resource->id, op->id))
				return fleet;
	}
	return NULL;
}

/* Every failed operation: what says nothing about its resource goes to the log as it is. */
static void explain(struct run *run, const struct apply_result *result, struct diag_list *out)
{
	const struct cluster *cluster = run->desired.cluster;
	for (size_t i = 0; i < run->plan.count; i++) {
		const struct plan_op *op = &run->plan.ops[i];
		const struct fail *fail = result->ops[i].fail;
		if (fail == NULL || refusal_explain_op(op, cluster, fleet_of(run, op), fail, out))
			continue;
		log_error(run->agent->log, "apply", "operation failed", log_string("cluster", run->unit->name),
			  log_string("op", plan_op_name(op->kind)), log_string("type", op->type->name),
			  log_span("id", op->id), log_fail(fail));
	}
	if (out->count == 0 && result->failed_op == NULL && cluster != NULL)
		refusal_explain_op(NULL, cluster, NULL, &result->fail, out);
}

enum queue_result run_refused(struct run *run, const struct apply_result *result)
{
	struct arena arena;
	struct diag_list faults;
	if (told_is_ending(run->unit, &result->fail))
		return QUEUE_RETRY;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&faults, &arena);
	explain(run, result, &faults);
	enum queue_result outcome = faults.count > 0 ? told_refused(run, &result->fail, &faults)
						     : told_failure(run->unit, &result->fail);
	arena_done(&arena);
	return outcome;
}
