/* The deletion of an OmniCluster is an order: its cluster goes from Omni, or is let go, as deletePolicy says. Its finalizer is
 * the record that the cluster is ours, so this works after a restart, and for clusters that an operator made, which have no
 * mark of an owner. What carries the mark of another owner is left alone. Nothing that is said elsewhere holds it up: neither a
 * suspension, nor faults in what is declared, nor the gate. */
#include <stdio.h>

#include "agent/run.h"
#include "agent/told.h"

enum { ORPHAN_TRIES = 3 };

static bool is_anothers(const struct run *run)
{
	struct span owner = mark_value(run->cluster, ANNOTATION_OWNER);
	return owner.len > 0 && !run_is_ours(run, run->cluster);
}

/* An Omni that does not answer holds up nobody who wants nothing of it. */
static enum queue_result give_up(struct run *run, const struct fail *fail)
{
	if (!run->order.orphan || run->unit->item.failures + 1 < ORPHAN_TRIES)
		return told_failure(run->unit, fail);
	log_warn(run->agent->log, "cluster", "left in Omni (deletePolicy.orphan) with our marks, which could not be taken away",
		 log_string("cluster", run->unit->name), log_string("omni", run->unit->link->url), log_fail(fail));
	return run_leave(run, "left in Omni (deletePolicy.orphan)");
}

/* It stays, only our marks go. */
static enum queue_result release(struct run *run, struct fail *fail)
{
	if (run->cluster == NULL || !run_is_ours(run, run->cluster) || marks_release(run, fail))
		return run_leave(run, "left in Omni (deletePolicy.orphan)");
	return give_up(run, fail);
}

enum queue_result reconcile_order(struct run *run)
{
	struct unit *unit = run->unit;
	struct fail fail;
	if (!plan_read_actual(unit->link->store, &run->arena, NULL, span_of(unit->name), run_deadline(run), &run->actual, &fail))
		return give_up(run, &fail);
	run->cluster = run_find_cluster(run);
	if (is_anothers(run)) {
		log_warn(run->agent->log, "cluster", "its OmniCluster is deleted, but in Omni it belongs to another owner: left alone",
			 log_string("cluster", unit->name), log_span("owner", mark_value(run->cluster, ANNOTATION_OWNER)));
		return run_leave(run, "belongs to another owner in Omni; left alone");
	}
	if (run->order.orphan)
		return release(run, &fail);
	if (run->actual.resources.count == 0) {
		run_clear_record(run);
		return run_leave(run, "nothing of it is in Omni");
	}
	struct plan_options options = run_plan_options(run);
	plan_cluster(&run->arena, NULL, span_of(unit->name), &run->actual, &options, &run->plan);
	run_foresee(run);
	run_judge(run, run->cluster);
	return run_act(run);
}
