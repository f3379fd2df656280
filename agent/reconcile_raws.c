/* The raw resources of one Omni, before its clusters: created and updated as declared; pruned only when nothing is
 * missing anywhere in the input. */
#include "agent/run.h"
#include "agent/status_files.h"
#include "agent/settings/target.h"
#include "agent/told.h"

/* What all sources declare, by the snapshots that the loop judged. */
static void hold_snapshots(struct run *run)
{
	struct agent *agent = run->agent;
	run->held = ARENA_ARRAY(&run->arena, struct snapshot *, agent->feed_count + 1);
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++)
		run->held[run->held_count++] = snapshot_ref(agent->feeds[i].taken);
	pthread_mutex_unlock(&agent->lock);
}

/* Returns false when one of them has faults. *beside: for the same Omni, and applied through another link. */
static bool collect(struct run *run, struct resource_list *out, struct resource_list *beside)
{
	bool is_good = true;
	hold_snapshots(run);
	for (size_t i = 0; i < run->held_count; i++)
		for (size_t j = 0; run->held[i] != NULL && j < run->held[i]->fleet->raw_count; j++) {
			const struct raw_resource *raw = run->held[i]->fleet->raws[j];
			struct connection_name name = link_name(run->held[i], raw->ns, raw->connection);
			if (!link_leads_to(run->unit->link, &name))
				continue;
			is_good = is_good && !raw->has_errors;
			if (!raw->has_errors)
				resource_push(&run->arena, link_serves(run->unit->link, &name) ? out : beside, raw->resource);
		}
	return is_good;
}

static bool is_expected(const struct resource_list *expected, const struct resource *resource)
{
	for (size_t i = 0; i < expected->count; i++)
		if (expected->items[i]->type == resource->type && span_eq(expected->items[i]->id, resource->id))
			return true;
	return false;
}

static bool has_type(const struct resource_list *list, const struct omni_type *type)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type == type)
			return true;
	return false;
}

/* With `all` also what may have to go: every type that may be declared raw. */
static bool read_raws(struct run *run, const struct resource_list *expected, const struct resource_list *beside, bool all,
		      struct resource_list *actual, struct resource_list *in_use, struct fail *fail)
{
	struct omni_store *store = run->unit->link->store;
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		const struct omni_type *type = omni_type_at(i);
		struct resource_list list = {0};
		if (!has_type(expected, type) && !(all && type == OMNI_MACHINE_CLASS))
			continue;
		if (!store->ops->list(store, &run->arena, type, NULL, run_deadline(run), &list, fail))
			return false;
		for (size_t j = 0; j < list.count; j++)
			if (is_expected(expected, list.items[j]) || (all && !is_expected(beside, list.items[j])))
				resource_push(&run->arena, actual, list.items[j]);
	}
	return !all || store->ops->list(store, &run->arena, OMNI_MACHINE_SET, NULL, run_deadline(run), in_use, fail);
}

/* Approval of a prune stands on the resources that would go. */
static const struct resource *carrier_of(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->ops[i].actual != NULL && mark_value(plan->ops[i].actual, ANNOTATION_APPROVE).len > 0)
			return plan->ops[i].actual;
	return NULL;
}

enum queue_result reconcile_raws(struct run *run)
{
	struct resource_list expected = {0}, beside = {0}, actual = {0}, in_use = {0};
	struct fail fail;
	bool is_certain = collect(run, &expected, &beside) && !run->is_frozen;
	if (expected.count == 0 && !is_certain) {
		told(run->unit, UNIT_FROZEN, NULL, "nothing is pruned: a source is at fault or was not read yet");
		return QUEUE_DONE;
	}
	if (is_certain && known_raws(run, &expected))
		return run_act(run);
	if (!read_raws(run, &expected, &beside, is_certain, &actual, &in_use, &fail))
		return told_failure(run->unit, &fail);
	struct plan_options options = {.gate = run_gate(run)};
	plan_raws(&run->arena, &expected, &actual, &in_use, run_owner(run->agent), &options, &run->plan);
	run_judge(run, carrier_of(&run->plan));
	return run_act(run);
}

/* --- what follows ---------------------------------------------------------------------------------------------------- */

/* Clusters of ours in Omni that nobody declares any more, perhaps since before this process started. False: not known yet. */
static bool scan(struct run *run)
{
	struct agent *agent = run->agent;
	struct link *link = run->unit->link;
	struct resource_list list = {0};
	struct fail fail;
	pthread_mutex_lock(&agent->lock);
	bool may_scan = !link->is_scanned;
	pthread_mutex_unlock(&agent->lock);
	if (!may_scan)
		return true;
	if (!known_clusters(run, &list, &fail)) {
		log_warn(agent->log, "omni", "clusters cannot be listed", log_string("omni", link->url), log_fail(&fail));
		return false;
	}
	mirror_all_left(link->mirror, &run->arena, &list); /* of some, our record is all that is left */
	pthread_mutex_lock(&agent->lock);
	/* Units made here are judged by the loop, as every absence: when the input is not complete they are frozen. */
	for (size_t i = 0; i < list.count; i++)
		if (run_is_ours(run, list.items[i]) && unit_find_beside(link, list.items[i]->id) == NULL)
			unit_make(link, list.items[i]->id)->state.is_declared = true;
	link->is_scanned = true;
	agent->has_doubtful_absence = true;
	pthread_mutex_unlock(&agent->lock);
	loop_post(agent->loop, desired_update_in_loop, agent);
	return true;
}

/* The clusters that waited for the raw resources of this content; whether those could be applied is not their matter. */
static void wake_clusters(struct run *run)
{
	struct agent *agent = run->agent;
	struct unit *raws = run->unit;
	pthread_mutex_lock(&agent->lock);
	bool is_current = strcmp(raws->content, run->content) == 0;
	raws->waits_for_raws = raws->waits_for_raws && !is_current;
	for (size_t i = 0; i < agent->unit_count && is_current; i++) {
		struct unit *unit = agent->units[i];
		if (unit->link != raws->link || !unit->waits_for_raws || unit == raws)
			continue;
		unit->waits_for_raws = false;
		queue_add(agent->queue, &unit->item, 0);
	}
	pthread_mutex_unlock(&agent->lock);
}

bool raws_done(struct run *run)
{
	bool is_scanned = scan(run);
	wake_clusters(run);
	status_files_sweep(run->agent);
	return is_scanned;
}
