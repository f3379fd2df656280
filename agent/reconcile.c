/* One unit: read what Omni holds, plan, ask the gate, apply a step, tell. Runs on a worker; nothing here waits for
 * anything but single calls, each with a deadline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/plan/apply.h"
#include "agent/told.h"
#include "base/clock.h"

enum { CALL_TIMEOUT_MS = 30000 };

/* What one run works with: taken under the lock at its start. A run whose plan waits for Omni is kept by its unit and
 * goes on with the same plan: planning again would give what is left another hash, and ask for approval once more. */
struct run {
	struct agent *agent;
	struct unit *unit;
	struct arena arena;
	struct declared desired;
	struct snapshot *good, **held;
	size_t held_count;
	bool is_frozen;
	char frozen_why[1000];
	unsigned char *progress;
	const struct omni_type *carrier_type; /* of the resource whose approval this run used */
	struct span carrier_id;
	struct plan_actual actual;
	struct plan plan;
	enum gate_verdict verdict;
	struct span reason;
};

static int64_t call_deadline(void)
{
	return clock_monotonic_ms() + CALL_TIMEOUT_MS;
}

/* Empty: nothing is recorded in Omni. */
static struct span owner_of(const struct agent *agent)
{
	return agent->settings->no_annotations ? (struct span){"", 0} : span_of(agent->settings->owner);
}

static struct plan_options plan_options(const struct run *run)
{
	struct plan_options options = {.gate = run->agent->gate, .owner = owner_of(run->agent)};
	const struct cluster *cluster = run->desired.cluster;
	if (cluster == NULL)
		options.is_delete = true;
	const struct cluster *last = cluster != NULL ? cluster : run->unit->good.cluster;
	options.destroy_machines = last != NULL && last->destroy_machines;
	return options;
}

static const struct resource *cluster_resource(const struct run *run)
{
	for (size_t i = 0; i < run->actual.resources.count; i++)
		if (run->actual.resources.items[i]->type == OMNI_CLUSTER)
			return run->actual.resources.items[i];
	return NULL;
}

/* Approvals stand on the declaration and on the resource in Omni. */
static void judge(struct run *run, const struct resource *carrier)
{
	struct span approvals[2];
	struct gate gate = {.limit = run->agent->gate, .approvals = approvals,
			    .approve_all = run->agent->settings->approve_all};
	const struct cluster *cluster = run->desired.cluster;
	if (cluster != NULL && cluster->approve.len > 0)
		approvals[gate.approval_count++] = cluster->approve;
	if (carrier != NULL) {
		const struct label *approve = labels_get(&carrier->annotations, ANNOTATION_APPROVE);
		const struct label *allow = labels_get(&carrier->annotations, ANNOTATION_ALLOW_DESTROY);
		if (approve != NULL && approve->value.len > 0) {
			approvals[gate.approval_count++] = approve->value;
			run->carrier_type = carrier->type;
			run->carrier_id = carrier->id;
		}
		if (allow != NULL)
			gate.allow_destroy = allow->value;
	}
	if (cluster != NULL && cluster->allow_destroy.len > 0)
		gate.allow_destroy = cluster->allow_destroy;
	run->verdict = gate_check(&run->plan, &gate, &run->reason, &run->arena);
	run->agent->counters.plans++;
}

static bool is_ours(const struct run *run, const struct resource *resource)
{
	const struct label *owner = labels_get(&resource->annotations, ANNOTATION_OWNER);
	return owner != NULL && span_is(owner->value, run->agent->settings->owner);
}

/* deletePolicy.orphan: the cluster stays, only our marks go. */
static enum queue_result release(struct run *run, const struct resource *cluster)
{
	struct fail fail;
	struct resource *released = resource_copy(&run->arena, cluster);
	for (size_t i = released->annotations.count; i > 0; i--)
		if (span_starts(released->annotations.items[i - 1].key, ANNOTATION_OURS))
			labels_remove(&released->annotations, released->annotations.items[i - 1].key);
	struct omni_store *store = run->unit->link->store;
	if (!store->ops->update(store, &run->arena, released, call_deadline(), NULL, &fail))
		return told_failure(run->unit, &fail);
	told(run->unit, UNIT_IN_SYNC, NULL, "no longer declared; left in Omni (deletePolicy.orphan)");
	told_gone(run->unit);
	return QUEUE_DONE;
}

/* --- applying ------------------------------------------------------------------------------------------------------ */

static void on_event(void *ctx, const struct apply_event *event)
{
	static const char *const words[] = {
		[APPLY_WRITTEN] = "written", [APPLY_TEARING_DOWN] = "tearing down", [APPLY_DESTROYED] = "destroyed"};
	const struct run *run = ctx;
	struct agent *agent = run->agent;
	if (event->what == APPLY_WRITTEN || event->what == APPLY_DESTROYED)
		agent->counters.operations[event->op->kind]++;
	if (event->what == APPLY_OP_FAILED)
		log_error(agent->log, "apply", "operation failed", log_string("cluster", run->unit->name),
			  log_string("op", plan_op_name(event->op->kind)), log_string("type", event->op->type->name),
			  log_span("id", event->op->id), log_fail(event->fail));
	else if (event->what != APPLY_STARTED)
		log_info(agent->log, "apply", words[event->what], log_string("cluster", run->unit->name),
			 log_string("op", plan_op_name(event->op->kind)), log_string("type", event->op->type->name),
			 log_span("id", event->op->id));
}

static struct apply_options apply_options(struct run *run)
{
	struct apply_options options = {.call_timeout_ms = CALL_TIMEOUT_MS, .on_event = on_event, .ctx = run};
	options.owner = owner_of(run->agent);
	if (run->desired.cluster != NULL) {
		options.template_hash = span_of(run->desired.cluster->template_hash);
		options.revision = span_of(run->desired.snapshot->revision);
	}
	return options;
}

/* An approval is for one plan: it goes once that plan was carried out. */
static void consume_approval(struct run *run, const struct omni_type *type, struct span id)
{
	struct resource *resource;
	struct omni_store *store = run->unit->link->store;
	if (!store->ops->get(store, &run->arena, type, id, call_deadline(), &resource, NULL) ||
	    labels_get(&resource->annotations, ANNOTATION_APPROVE) == NULL)
		return;
	labels_remove(&resource->annotations, span_of(ANNOTATION_APPROVE));
	if (!store->ops->update(store, &run->arena, resource, call_deadline(), NULL, NULL))
		log_debug(run->agent->log, "apply", "approval is removed next time", log_string("cluster", run->unit->name));
}

/* One step of the run's plan. */
static enum queue_result apply(struct run *run)
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
	arena_done(&scratch);
	if (result.state == APPLY_FAILED)
		return told_failure(unit, &result.fail);
	if (result.state == APPLY_WAITING) {
		told(unit, UNIT_PROGRESSING, &run->plan, "%zu operations done, %zu wait for Omni", result.done, result.waiting);
		return QUEUE_AGAIN;
	}
	if (run->carrier_type != NULL)
		consume_approval(run, run->carrier_type, run->carrier_id);
	told_applied(unit, run->desired.cluster, run->desired.snapshot, &run->plan);
	return QUEUE_DONE;
}

/* Content that was applied before and differs now was changed in Omni. */
static bool is_drift(const struct run *run)
{
	const struct cluster *cluster = run->desired.cluster;
	return cluster != NULL && strcmp(run->unit->applied_hash, cluster->template_hash) == 0;
}

static enum queue_result act(struct run *run)
{
	struct unit *unit = run->unit;
	if (run->plan.is_waiting) {
		told(unit, UNIT_PROGRESSING, &run->plan, "waits for resources that are being torn down");
		return QUEUE_AGAIN;
	}
	if (run->verdict == GATE_BLOCKED) {
		told(unit, UNIT_FAILED, &run->plan, "%.*s", SPAN_ARG(run->reason));
		return QUEUE_RETRY;
	}
	if (run->verdict == GATE_EMPTY && (run->desired.cluster == NULL || is_drift(run))) {
		told_applied(unit, run->desired.cluster, run->desired.snapshot, &run->plan);
		return QUEUE_DONE;
	}
	if (run->verdict == GATE_HELD) {
		told_held(unit, &run->plan, run->reason);
		return QUEUE_DONE;
	}
	if (is_drift(run) && !run->agent->corrects_drift) {
		told(unit, UNIT_OUT_OF_SYNC, &run->plan, "changed in Omni: +%zu ~%zu -%zu; only reported (--drift report)",
		     run->plan.creates, run->plan.updates, run->plan.destroys);
		return QUEUE_DONE;
	}
	return apply(run);
}

/* --- a cluster ----------------------------------------------------------------------------------------------------- */

static enum queue_result reconcile_cluster(struct run *run)
{
	struct unit *unit = run->unit;
	struct fail fail;
	const struct cluster *cluster = run->desired.cluster;
	if (cluster != NULL && cluster->suspend) {
		told(unit, UNIT_SUSPENDED, NULL, "suspended by the declaration");
		return QUEUE_DONE;
	}
	if (!plan_read_actual(unit->link->store, &run->arena, cluster, span_of(unit->name), call_deadline(), &run->actual,
			      &fail))
		return told_failure(unit, &fail);
	const struct resource *resource = cluster_resource(run);
	told_omni_status(unit, &run->actual);
	if (cluster == NULL && resource == NULL && run->actual.resources.count == 0) {
		told_gone(unit);
		return QUEUE_DONE;
	}
	if (cluster == NULL && resource != NULL && !is_ours(run, resource)) {
		told(unit, UNIT_IN_SYNC, NULL, "no longer declared; not ours in Omni, left alone");
		told_gone(unit);
		return QUEUE_DONE;
	}
	if (cluster == NULL && resource != NULL && unit->good.cluster != NULL && unit->good.cluster->orphan)
		return release(run, resource);
	struct plan_options options = plan_options(run);
	plan_cluster(&run->arena, cluster, span_of(unit->name), &run->actual, &options, &run->plan);
	judge(run, resource);
	return act(run);
}

/* --- the raw resources of a connection ----------------------------------------------------------------------------- */

/* What all sources declare for this connection. */
static void hold_snapshots(struct run *run)
{
	struct agent *agent = run->agent;
	run->held = ARENA_ARRAY(&run->arena, struct snapshot *, agent->feed_count);
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++)
		run->held[run->held_count++] = snapshot_ref(agent->feeds[i].current);
	pthread_mutex_unlock(&agent->lock);
}

static bool read_raws(struct run *run, const struct resource_list *expected, struct resource_list *actual,
		      struct resource_list *in_use, struct fail *fail)
{
	struct omni_store *store = run->unit->link->store;
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		const struct omni_type *type = omni_type_at(i);
		bool is_wanted = type == OMNI_MACHINE_CLASS; /* perhaps ours, and no longer declared */
		for (size_t j = 0; j < expected->count && !is_wanted; j++)
			is_wanted = expected->items[j]->type == type;
		if (!is_wanted)
			continue;
		struct resource_list list = {0};
		if (!store->ops->list(store, &run->arena, type, NULL, call_deadline(), &list, fail))
			return false;
		for (size_t j = 0; j < list.count; j++)
			resource_push(&run->arena, actual, list.items[j]);
	}
	return store->ops->list(store, &run->arena, OMNI_MACHINE_SET, NULL, call_deadline(), in_use, fail);
}

static enum queue_result plan_and_apply_raws(struct run *run, const struct resource_list *expected)
{
	struct resource_list actual = {0}, in_use = {0};
	struct fail fail;
	if (!read_raws(run, expected, &actual, &in_use, &fail))
		return told_failure(run->unit, &fail);
	struct plan_options options = {.gate = run->agent->gate};
	plan_raws(&run->arena, expected, &actual, &in_use, owner_of(run->agent), &options, &run->plan);
	/* Approval of a prune stands on the resource that would go. */
	const struct resource *carrier = NULL;
	for (size_t i = 0; i < run->plan.count; i++)
		if (run->plan.ops[i].actual != NULL &&
		    labels_get(&run->plan.ops[i].actual->annotations, ANNOTATION_APPROVE) != NULL)
			carrier = run->plan.ops[i].actual;
	judge(run, carrier);
	return act(run);
}

/* Returns false when one of them has faults. */
static bool collect_raws(struct run *run, struct resource_list *out)
{
	bool is_good = true;
	hold_snapshots(run);
	for (size_t i = 0; i < run->held_count; i++)
		for (size_t j = 0; run->held[i] != NULL && j < run->held[i]->fleet->raw_count; j++) {
			const struct raw_resource *raw = run->held[i]->fleet->raws[j];
			struct span url;
			if (!link_url(run->agent, raw->connection, run->held[i]->fleet, &url) ||
			    !span_is(url, run->unit->link->url))
				continue;
			is_good = is_good && !raw->has_errors;
			if (!raw->has_errors)
				resource_push(&run->arena, out, raw->resource);
		}
	return is_good;
}

static enum queue_result reconcile_raws(struct run *run)
{
	struct agent *agent = run->agent;
	struct resource_list expected = {0};
	pthread_mutex_lock(&agent->lock);
	bool is_complete = agent->is_complete;
	pthread_mutex_unlock(&agent->lock);
	if (collect_raws(run, &expected) && is_complete)
		return plan_and_apply_raws(run, &expected);
	told(run->unit, UNIT_FROZEN, NULL, "raw resources wait: a source is at fault or incomplete");
	return QUEUE_DONE;
}

/* Clusters of ours in Omni that nobody declares any more, perhaps since before this process started. */
static void scan(struct run *run)
{
	struct agent *agent = run->agent;
	struct link *link = run->unit->link;
	struct resource_list list = {0};
	struct fail fail;
	pthread_mutex_lock(&agent->lock);
	bool may_scan = agent->is_complete && !link->is_scanned;
	pthread_mutex_unlock(&agent->lock);
	if (!may_scan)
		return;
	if (!link->store->ops->list(link->store, &run->arena, OMNI_CLUSTER, NULL, call_deadline(), &list, &fail)) {
		log_warn(agent->log, "omni", "clusters cannot be listed", log_string("url", link->url), log_fail(&fail));
		return;
	}
	pthread_mutex_lock(&agent->lock);
	link->is_scanned = true;
	for (size_t i = 0; i < list.count; i++)
		if (is_ours(run, list.items[i]) && unit_find(agent, link, list.items[i]->id) == NULL)
			queue_add(agent->queue, &unit_make(agent, link, list.items[i]->id)->item, 0);
	pthread_mutex_unlock(&agent->lock);
}

/* The clusters that waited for the raw resources. */
static void wake_clusters(struct agent *agent, struct unit *raws)
{
	pthread_mutex_lock(&agent->lock);
	raws->waits_for_raws = false;
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (unit->link != raws->link || !unit->waits_for_raws)
			continue;
		unit->waits_for_raws = false;
		queue_add(agent->queue, &unit->item, 0);
	}
	pthread_mutex_unlock(&agent->lock);
}

/* --- entry --------------------------------------------------------------------------------------------------------- */

static struct run *run_new(struct agent *agent, struct unit *unit)
{
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		abort();
	run->agent = agent;
	run->unit = unit;
	arena_init(&run->arena, ARENA_NO_LIMIT);
	pthread_mutex_lock(&agent->lock);
	run->is_frozen = unit->is_frozen;
	memcpy(run->frozen_why, unit->frozen_why, sizeof run->frozen_why);
	run->desired = unit->desired;
	snapshot_ref(run->desired.snapshot);
	run->good = snapshot_ref(unit->good.snapshot);
	unit->state.attempts++;
	pthread_mutex_unlock(&agent->lock);
	return run;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	for (size_t i = 0; i < run->held_count; i++)
		snapshot_unref(run->held[i]);
	snapshot_unref(run->desired.snapshot);
	snapshot_unref(run->good);
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
	bool is_same = !unit->is_frozen && run->desired.cluster == unit->desired.cluster;
	pthread_mutex_unlock(&agent->lock);
	unit->ongoing = NULL;
	if (is_same)
		return run;
	run_free(run);
	return NULL;
}

enum queue_result reconcile(void *ctx, struct queue_item *item)
{
	struct agent *agent = ctx;
	struct unit *unit = (struct unit *)item;
	bool is_raws = unit->link->raws == unit;
	struct run *run = take_ongoing(agent, unit);
	enum queue_result result = QUEUE_DONE;
	if (run != NULL) {
		result = apply(run);
	} else {
		run = run_new(agent, unit);
		if (is_raws)
			result = reconcile_raws(run);
		else if (run->is_frozen)
			told(unit, UNIT_FROZEN, NULL, "%s", run->frozen_why);
		else
			result = reconcile_cluster(run);
	}
	if (is_raws) {
		scan(run);
		wake_clusters(agent, unit);
	}
	agent->counters.reconcile_results[result]++;
	if (result == QUEUE_AGAIN && run->progress != NULL)
		unit->ongoing = run;
	else
		run_free(run);
	return result;
}
