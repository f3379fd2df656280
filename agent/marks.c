/* Annotations of ours on the Cluster in Omni, so that everybody who looks there sees what the agent knows. Written only
 * when they change, never on a locked cluster, and only where we are recorded as owner. */
#include <string.h>

#include "agent/run.h"
#include "base/cleanup.h"

struct span mark_value(const struct resource *resource, const char *annotation)
{
	const struct label *label = resource == NULL ? NULL : labels_get(&resource->annotations, annotation);
	return label == NULL ? SPAN("") : label->value;
}

struct mark {
	const char *key;
	struct span value; /* empty: has to go */
};

static bool differs(const struct resource *resource, const struct mark *marks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!span_eq(mark_value(resource, marks[i].key), marks[i].value))
			return true;
	return false;
}

static bool may_write(const struct run *run, const struct resource *resource)
{
	return run_owner(run->agent).len > 0 && run_is_ours(run, resource) && resource->phase == RESOURCE_RUNNING &&
	       labels_get(&resource->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) == NULL;
}

/* What a person put there for us may always be taken away. */
static bool may_consume(const struct run *run, const struct resource *resource)
{
	(void)run;
	return resource->phase == RESOURCE_RUNNING;
}

/* Reads the resource again: a version that is a moment old would be refused. */
static void write_marks(struct run *run, const struct omni_type *type, struct span id, bool (*may)(const struct run *, const struct resource *),
			const struct mark *marks, size_t count)
{
	struct omni_store *store = run->unit->link->store;
	struct resource *resource;
	struct fail fail;
	if (!store->ops->get(store, &run->arena, type, id, run_deadline(run), &resource, &fail) ||
	    !may(run, resource) || !differs(resource, marks, count))
		return;
	for (size_t i = 0; i < count; i++)
		if (marks[i].value.len > 0)
			labels_set(&run->arena, &resource->annotations, span_of(marks[i].key), marks[i].value);
		else
			labels_remove(&resource->annotations, span_of(marks[i].key));
	if (!store->ops->update(store, &run->arena, resource, run_deadline(run), NULL, &fail))
		log_debug(run->agent->log, "report", "annotations are written next time", log_string("cluster", run->unit->name),
			  log_fail(&fail));
}

void marks_tell(struct run *run, enum unit_phase phase, const char *message)
{
	struct span drift = SPAN("");
	if (phase == UNIT_OUT_OF_SYNC)
		drift = arena_spanf(&run->arena, "+%zu ~%zu -%zu", run->plan.creates, run->plan.updates, run->plan.destroys);
	const struct mark marks[] = {{ANNOTATION_SYNC_STATE, span_of(unit_phase_name(phase))},
				     {ANNOTATION_SYNC_MESSAGE, span_of(message)},
				     {ANNOTATION_DRIFT, drift}};
	if (run->cluster != NULL && may_write(run, run->cluster) && differs(run->cluster, marks, COUNT_OF(marks)))
		write_marks(run, OMNI_CLUSTER, run->cluster->id, may_write, marks, COUNT_OF(marks));
}

void marks_settled(struct run *run, const struct span values[SETTLING_VALUES])
{
	const struct mark marks[] = {{ANNOTATION_PHASE, values[SETTLING_PHASE]},
				     {ANNOTATION_READY, values[SETTLING_READY]},
				     {ANNOTATION_READY_REASON, values[SETTLING_REASON]}};
	write_marks(run, OMNI_CLUSTER, span_of(run->unit->name), may_write, marks, COUNT_OF(marks));
}

static const struct mark no_approval[] = {{ANNOTATION_APPROVE, {"", 0}}};

/* An approval is for one plan: it goes once that plan was carried out. Of raw resources several may carry it. */
static void clear_raw_approvals(struct run *run)
{
	struct omni_store *store = run->unit->link->store;
	struct resource_list list = {0};
	if (run->carrier_type == NULL ||
	    !store->ops->list(store, &run->arena, run->carrier_type, NULL, run_deadline(run), &list, NULL))
		return;
	for (size_t i = 0; i < list.count; i++)
		if (mark_value(list.items[i], ANNOTATION_APPROVE).len > 0)
			write_marks(run, list.items[i]->type, list.items[i]->id, may_consume, no_approval, 1);
}

struct span marks_policy(const struct cluster *cluster)
{
	return cluster->orphan ? SPAN("orphan") : cluster->destroy_machines ? SPAN("destroyMachines") : SPAN("");
}

/* Everything is as declared: what told otherwise goes, and how it may end is recorded. */
void marks_clear(struct run *run)
{
	const struct cluster *cluster = run->desired.cluster;
	if (run->unit->link->raws == run->unit) {
		clear_raw_approvals(run);
		return;
	}
	if (cluster == NULL)
		return;
	const struct mark marks[] = {{ANNOTATION_SYNC_STATE, {"", 0}},
				     {ANNOTATION_SYNC_MESSAGE, {"", 0}},
				     {ANNOTATION_DRIFT, {"", 0}},
				     {ANNOTATION_DELETE_POLICY, marks_policy(cluster)}};
	/* An approval that no plan used stays: it may have come a moment before its plan. */
	if (run->carrier_type != NULL)
		write_marks(run, OMNI_CLUSTER, cluster->name, may_consume, no_approval, 1);
	if (run->cluster == NULL ? marks_policy(cluster).len > 0 : differs(run->cluster, marks, COUNT_OF(marks)))
		write_marks(run, OMNI_CLUSTER, cluster->name, may_write, marks, COUNT_OF(marks));
}

bool marks_release(struct run *run, struct fail *fail)
{
	struct resource *released = resource_copy(&run->arena, run->cluster);
	struct omni_store *store = run->unit->link->store;
	for (size_t i = released->annotations.count; i > 0; i--)
		if (span_starts(released->annotations.items[i - 1].key, ANNOTATION_OURS))
			labels_remove(&released->annotations, released->annotations.items[i - 1].key);
	return store->ops->update(store, &run->arena, released, run_deadline(run), NULL, fail);
}
