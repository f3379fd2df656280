/* One unit: read what Omni holds, plan, ask the gate, apply a step, tell. Runs on a worker; nothing here waits for
 * anything but single calls, each with a deadline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/omni/records.h"
#include "agent/run.h"
#include "agent/told.h"
#include "base/clock.h"

enum { CONFIRM_MS = 500 };

struct span run_owner(const struct agent *agent)
{
	return agent->settings->no_annotations ? SPAN("") : span_of(agent->settings->owner);
}

bool run_is_ours(const struct run *run, const struct resource *resource)
{
	return span_is(mark_value(resource, ANNOTATION_OWNER), run->agent->settings->owner);
}

static bool is_raws(const struct run *run)
{
	return run->unit->link->raws == run->unit;
}

void run_settle(struct run *run)
{
	struct settled *settled = &run->unit->settled;
	settled->is_valid = run->has_mark;
	settled->mark = run->mark;
	memcpy(settled->content, run->content, sizeof settled->content);
}

/* Nothing was declared and nothing was written since all was well: Omni need not be asked. */
static bool is_settled(const struct run *run)
{
	const struct settled *settled = &run->unit->settled;
	return settled->is_valid && run->has_mark && !run->looks_again && !run->is_frozen &&
	       mirror_mark_equal(settled->mark, run->mark) && strcmp(settled->content, run->content) == 0;
}

/* What was written a moment ago comes back with the watches: reading it all again would be no news. */
static bool is_confirming(const struct run *run)
{
	const struct unit *unit = run->unit;
	return run->has_mark && !run->looks_again && !run->is_frozen && clock_monotonic_ms() < unit->confirm_ms &&
	       strcmp(unit->applied_content, run->content) == 0;
}

/* --- judging -------------------------------------------------------------------------------------------------------- */

/* As its declaration says; once that is gone, as it said when it was there, or as is recorded. */
static struct span delete_policy(const struct run *run)
{
	if (run_has_order(run))
		return run->order.destroy_machines ? SPAN("destroyMachines") : SPAN("");
	const struct cluster *cluster = run->desired.cluster != NULL ? run->desired.cluster : run->good.cluster;
	return cluster != NULL ? marks_policy(cluster) : mark_value(run->cluster, ANNOTATION_DELETE_POLICY);
}

struct plan_options run_plan_options(const struct run *run)
{
	struct plan_options options = {.gate = run_gate(run), .owner = run_owner(run->agent)};
	options.is_delete = run->desired.cluster == NULL;
	options.destroy_machines = span_is(delete_policy(run), "destroyMachines");
	return options;
}

bool run_has_order(const struct run *run)
{
	return run->order.object.name[0] != '\0';
}

enum plan_risk run_gate(const struct run *run)
{
	const struct agent *agent = run->agent;
	bool is_ordered = run->desired.snapshot != NULL && run->desired.snapshot->is_certain;
	if (run_has_order(run) || (is_ordered && !agent->is_gate_given))
		return RISK_CRITICAL;
	return agent->gate;
}

/* Approvals stand on the declaration and on the resource in Omni. */
void run_judge(struct run *run, const struct resource *carrier)
{
	struct span approvals[2];
	struct gate gate = {.limit = run_gate(run), .approvals = approvals,
			    .approve_all = run->agent->settings->approve_all};
	const struct cluster *cluster = run->desired.cluster;
	struct span approve = mark_value(carrier, ANNOTATION_APPROVE);
	if (cluster != NULL && cluster->approve.len > 0)
		approvals[gate.approval_count++] = cluster->approve;
	if (approve.len > 0) {
		approvals[gate.approval_count++] = approve;
		run->carrier_type = carrier->type;
	}
	gate.allow_destroy = cluster != NULL && cluster->allow_destroy.len > 0 ? cluster->allow_destroy
									       : mark_value(carrier, ANNOTATION_ALLOW_DESTROY);
	run->verdict = gate_check(&run->plan, &gate, &run->reason, &run->arena);
	bool used_it = run->verdict == GATE_OPEN && run->plan.risk > gate.limit && approve.len > 0 &&
		       strncmp(approve.ptr, run->plan.hash, approve.len) == 0;
	if (!used_it)
		run->carrier_type = NULL;
	run->agent->counters.plans++;
}

/* Of what is declared, with the files beside the template: the same in every process. */
struct span run_content(struct run *run)
{
	const struct declared *desired = &run->desired;
	if (desired->snapshot == NULL)
		return SPAN("");
	return arena_spanf(&run->arena, "%016llx", (unsigned long long)desired->snapshot->pieces[desired->index].resources);
}

/* What is declared was applied before, so it was changed in Omni. After a restart the Cluster tells what was applied. */
static bool is_drift(struct run *run)
{
	const struct cluster *cluster = run->desired.cluster;
	if (cluster == NULL || is_raws(run))
		return false;
	if (run->unit->applied_content[0] != '\0')
		return strcmp(run->unit->applied_content, run->content) == 0;
	struct span content = mark_value(run->cluster, ANNOTATION_APPLIED_CONTENT);
	return run->cluster != NULL && run_is_ours(run, run->cluster) &&
	       (content.len == 0 || span_eq(content, run_content(run))) &&
	       span_is(mark_value(run->cluster, ANNOTATION_APPLIED_HASH), cluster->template_hash);
}

/* --- applying ------------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct apply_event *event)
{
	static const char *const words[] = {
		[APPLY_WRITTEN] = "written", [APPLY_TEARING_DOWN] = "tearing down", [APPLY_DESTROYED] = "destroyed"};
	const struct run *run = ctx;
	struct agent *agent = run->agent;
	if (event->what == APPLY_WRITTEN || event->what == APPLY_DESTROYED)
		agent->counters.operations[event->op->kind]++;
	if (event->what != APPLY_STARTED && event->what != APPLY_OP_FAILED) /* failures: refused.c */
		log_info(agent->log, "apply", words[event->what], log_string("cluster", run->unit->name),
			 log_string("op", plan_op_name(event->op->kind)), log_string("type", event->op->type->name),
			 log_span("id", event->op->id));
}

static int64_t acts_until_ms(void *ctx)
{
	return cluster_election_until_ms(((const struct run *)ctx)->unit);
}

static struct apply_options apply_options(struct run *run)
{
	struct apply_options options = {.call_timeout_ms = CALL_TIMEOUT_MS, .on_event = on_event, .until_ms = acts_until_ms, .ctx = run};
	options.owner = run_owner(run->agent);
	if (run->desired.cluster != NULL) {
		options.template_hash = span_of(run->desired.cluster->template_hash);
		options.revision = span_of(run->desired.snapshot->revision);
		options.content = run_content(run);
	}
	return options;
}

/* Worth going on with the same plan, and with its approval: the trouble lies on the way to Omni. */
static bool is_passing(enum fail_code code)
{
	return code == FAIL_UNAVAILABLE || code == FAIL_TIMEOUT || code == FAIL_CANCELLED || code == FAIL_PROTOCOL ||
	       code == FAIL_IO;
}

/* All is as declared, as far as this run knows. */
static void conclude(struct run *run)
{
	struct unit *unit = run->unit;
	memcpy(unit->applied_content, run->content, sizeof unit->applied_content);
	unit->was_ours = true;
	if (run->plan.count == 0)
		run_settle(run);
	else
		unit->settled.is_valid = false; /* what was written will be seen, and looked at once more */
	unit->confirm_ms = run->plan.count == 0 ? 0 : clock_monotonic_ms() + CONFIRM_MS;
	told_applied(unit, run);
}

static void finish(struct run *run)
{
	marks_clear(run);
	conclude(run);
}

/* One step of the run's plan. */
enum queue_result run_apply(struct run *run)
{
	struct unit *unit = run->unit;
	struct apply_options options = apply_options(run);
	struct apply_result result = {0};
	struct arena scratch;
	arena_init(&scratch, ARENA_NO_LIMIT);
	if (run->progress == NULL)
		run->progress = ARENA_ARRAY(&run->arena, unsigned char, run->plan.count + 1);
	options.progress = run->progress;
	int64_t begin = clock_monotonic_ms();
	apply_step(unit->link->store, &scratch, &run->plan, &options, &result);
	run->agent->counters.apply_ms_total += (uint64_t)(clock_monotonic_ms() - begin);
	run->agent->counters.applies++;
	if (run->plan.is_delete)
		unit->applied_content[0] = '\0'; /* declared again, it is made anew: nobody changed it in Omni */
	run->is_kept = result.state == APPLY_WAITING || (result.state == APPLY_FAILED && is_passing(result.fail.code));
	enum queue_result outcome = result.state == APPLY_FAILED  ? run_refused(run, &result)
				  : result.state == APPLY_WAITING ? told_waiting(run, &result)
								  : QUEUE_DONE;
	arena_done(&scratch);
	if (run->has_lost_more && run_plan_options(run).destroy_machines) {
		run->is_kept = false; /* another plan removes them, too, and asks for that */
		unit->waits = 0;
	}
	if (result.state != APPLY_DONE)
		return outcome;
	finish(run);
	return QUEUE_DONE;
}

static enum queue_result tell_drift(struct run *run)
{
	const struct plan *plan = &run->plan;
	struct text brief;
	char message[900];
	text_init(&brief, TEXT_NO_LIMIT);
	told_drift_brief(plan, &brief);
	snprintf(message, sizeof message,
		 "changed in Omni: +%zu ~%zu -%zu; only reported (--drift report). To undo it: omniops approve %s %.*s. %s",
		 plan->creates, plan->updates, plan->destroys, run->unit->name, PLAN_HASH_SHORT, plan->hash, brief.ptr);
	text_done(&brief);
	marks_tell(run, UNIT_OUT_OF_SYNC, message);
	run_settle(run);
	told(run->unit, UNIT_OUT_OF_SYNC, plan, "%s", message);
	return QUEUE_DONE;
}

static enum queue_result tell_held(struct run *run)
{
	char message[UNIT_MESSAGE_MAX];
	told_held(run->unit, &run->plan, run->reason, message, sizeof message);
	marks_tell(run, UNIT_HELD, message);
	run_settle(run);
	return QUEUE_DONE;
}

enum queue_result run_act(struct run *run)
{
	if (run->plan.is_waiting)
		return told_waiting(run, NULL);
	if (run->verdict == GATE_BLOCKED)
		return run_blocked(run);
	if (run->verdict == GATE_EMPTY && (is_drift(run) || is_raws(run))) {
		finish(run);
		return QUEUE_DONE;
	}
	bool is_approved = run->verdict == GATE_OPEN && span_is(run->reason, "approved");
	if (run->verdict != GATE_EMPTY && is_drift(run))
		told_drift(run);
	if (run->verdict != GATE_EMPTY && is_drift(run) && !run->agent->corrects_drift && !is_approved)
		return tell_drift(run);
	return run->verdict == GATE_HELD ? tell_held(run) : run_apply(run);
}

/* --- a cluster ------------------------------------------------------------------------------------------------------ */

const struct resource *run_find_cluster(const struct run *run)
{
	for (size_t i = 0; i < run->actual.resources.count; i++)
		if (run->actual.resources.items[i]->type == OMNI_CLUSTER)
			return run->actual.resources.items[i];
	return NULL;
}

static enum queue_result tell_suspended(struct run *run, const char *where)
{
	run_settle(run);
	told(run->unit, UNIT_SUSPENDED, NULL, "suspended %s: nothing is written until that is taken back", where);
	return QUEUE_DONE;
}

enum queue_result run_leave(struct run *run, const char *why)
{
	told(run->unit, UNIT_IN_SYNC, NULL, "%s", why);
	told_gone(run->unit);
	return QUEUE_DONE;
}

void run_clear_record(struct run *run)
{
	struct link *link = run->unit->link;
	struct span name = span_of(run->unit->name);
	const struct resource *left = mirror_left(link->mirror, &run->arena, name);
	if (run->actual.resources.count == 0 && left != NULL && run_is_ours(run, left))
		records_clear(link->store, name, run_deadline(run));
}

/* deletePolicy.orphan: the cluster stays, only our marks go. */
static enum queue_result release(struct run *run)
{
	struct fail fail;
	if (!marks_release(run, &fail))
		return told_failure(run->unit, &fail);
	return run_leave(run, "no longer declared; left in Omni (deletePolicy.orphan)");
}

/* Nobody declares it any more. Without its Cluster nothing tells whose the rest is, unless we took the Cluster away. */
static bool is_to_be_left(const struct run *run, const char **why)
{
	*why = "no longer declared; not ours in Omni, left alone";
	if (run->cluster != NULL)
		return !run_is_ours(run, run->cluster);
	return run->actual.resources.count == 0 || !run->unit->was_ours;
}

static bool is_orphan(const struct run *run)
{
	return run->cluster != NULL && span_is(delete_policy(run), "orphan");
}

static enum queue_result reconcile_cluster(struct run *run)
{
	struct unit *unit = run->unit;
	struct fail fail;
	const char *why;
	const struct cluster *cluster = run->desired.cluster;
	if (cluster != NULL && cluster->suspend)
		return tell_suspended(run, "by the declaration");
	if (cluster != NULL && !snapshot_cluster(&run->desired, &run->arena, &run->desired.cluster, &fail))
		return told_failure(unit, &fail);
	cluster = run->desired.cluster;
	if (!known_read_actual(run, &fail))
		return told_failure(unit, &fail);
	run->cluster = run_find_cluster(run);
	unit->was_ours = unit->was_ours || (run->cluster != NULL && run_is_ours(run, run->cluster));
	if (cluster == NULL && is_to_be_left(run, &why)) {
		run_clear_record(run);
		return run_leave(run, why);
	}
	if (span_is(mark_value(run->cluster, ANNOTATION_SUSPEND), "true"))
		return tell_suspended(run, "by the annotation " ANNOTATION_SUSPEND " of the Cluster in Omni");
	if (cluster == NULL && is_orphan(run))
		return release(run);
	struct plan_options options = run_plan_options(run);
	plan_cluster(&run->arena, cluster, span_of(unit->name), &run->actual, &options, &run->plan);
	run_foresee(run);
	run_judge(run, run->cluster);
	return run_act(run);
}

/* --- entry ---------------------------------------------------------------------------------------------------------- */

/* Everything that the loop may change, as it is now. */
static void take_unit(struct run *run)
{
	struct agent *agent = run->agent;
	struct unit *unit = run->unit;
	pthread_mutex_lock(&agent->lock);
	run->is_frozen = unit->is_frozen;
	snprintf(run->frozen_why, sizeof run->frozen_why, "%s", unit->frozen_why == NULL ? "" : unit->frozen_why);
	memcpy(run->content, unit->content, sizeof run->content);
	run->desired = unit->desired;
	run->good = unit->good;
	snapshot_ref(run->desired.snapshot);
	snapshot_ref(run->good.snapshot);
	run->order = unit_order(unit);
	run->looks_again = unit->looks_again;
	unit->looked_ms = clock_monotonic_ms();
	run->is_requested = unit->is_requested;
	unit->is_requested = false;
	unit->looks_again = false;
	unit->state.attempts++;
	pthread_mutex_unlock(&agent->lock);
	run->has_mark = mirror_mark(unit->link->mirror, span_of(unit->name), &run->mark);
}

static struct run *run_new(struct agent *agent, struct unit *unit)
{
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		abort();
	run->agent = agent;
	run->unit = unit;
	arena_init(&run->arena, ARENA_NO_LIMIT);
	take_unit(run);
	return run;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	for (size_t i = 0; i < run->held_count; i++)
		snapshot_unref(run->held[i]);
	snapshot_unref(run->desired.snapshot);
	snapshot_unref(run->good.snapshot);
	arena_done(&run->arena);
	free(run);
}

/* The plan that is under way, unless something else is desired by now. */
static struct run *take_ongoing(struct agent *agent, struct unit *unit)
{
	struct run *run = unit->ongoing;
	if (run == NULL)
		return NULL;
	pthread_mutex_lock(&agent->lock);
	struct unit_order order = unit_order(unit);
	bool is_same = unit->is_frozen == run->is_frozen && strcmp(run->content, unit->content) == 0 &&
		       memcmp(&order, &run->order, sizeof order) == 0;
	pthread_mutex_unlock(&agent->lock);
	unit->ongoing = NULL;
	if (is_same)
		return run;
	run_free(run);
	return NULL;
}

static enum queue_result work(struct run *run)
{
	struct unit *unit = run->unit;
	if (run->progress != NULL)
		return run_apply(run);
	if (is_settled(run) && !run_has_order(run)) {
		told_omni_status(unit);
		return QUEUE_DONE;
	}
	unit->settled.is_valid = false;
	if (is_raws(run))
		return reconcile_raws(run);
	if (run_has_order(run))
		return reconcile_order(run);
	if (known_cluster(run)) {
		conclude(run);
		return QUEUE_DONE;
	}
	if (is_confirming(run))
		return QUEUE_SOON; /* it may be drift, too, and that is not to wait long */
	if (!run->is_frozen)
		return reconcile_cluster(run);
	told(unit, UNIT_FROZEN, NULL, "%s", run->frozen_why);
	return QUEUE_DONE;
}

/* What is waited for is watched: its end wakes the unit, and until then nobody has to be asked. Only for some seconds it is
 * looked at all the same, because what Omni answers may lag behind what it tells. */
static bool may_rest(struct unit *unit, bool has_mark, struct mirror_mark mark)
{
	enum { LOOKS = 5 };
	if (!has_mark || unit->agent->settings->once) /* that ends when nothing is waited for */
		return false;
	if (!mirror_mark_equal(unit->waits_at, mark))
		unit->waits = 0;
	unit->waits_at = mark;
	return ++unit->waits > LOOKS;
}

enum queue_result reconcile(void *ctx, struct queue_item *item)
{
	struct agent *agent = ctx;
	struct unit *unit = (struct unit *)item;
	struct mirror_mark mark = {0}; /* from before anything is read */
	bool has_mark = mirror_mark(unit->link->mirror, span_of(unit->name), &mark);
	struct run *run = take_ongoing(agent, unit);
	if (run == NULL)
		run = run_new(agent, unit);
	run->is_kept = false;
	enum queue_result result = QUEUE_DONE;
	if (cluster_election_until_ms(unit) > 0)
		result = work(run);
	bool acts = cluster_election_until_ms(unit) > 0; /* it may have ended meanwhile, and whatever failed then is no failure */
	if (!acts) {
		cluster_election_stand_by(unit);
		unit->settled.is_valid = run->is_kept = false;
		result = QUEUE_DONE;
	}
	if (result == QUEUE_AGAIN && may_rest(unit, has_mark, mark))
		result = run->awaits_machines ? QUEUE_LATER : QUEUE_DONE;
	if (is_raws(run) && !raws_done(run) && result == QUEUE_DONE)
		result = QUEUE_RETRY;
	if (acts)
		annotate(run);
	if (run->is_requested)
		cluster_api_tell_looked(unit);
	agent->counters.reconcile_results[result > QUEUE_AGAIN ? QUEUE_AGAIN : result]++;
	if (run->is_kept)
		unit->ongoing = run;
	else
		run_free(run);
	return result;
}
