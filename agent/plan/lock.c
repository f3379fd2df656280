/* Locks that people set in Omni: the server refuses some writes while they are there. We say so beforehand, leave those
 * operations out, and never remove a lock that we did not set. */
#include "agent/plan/internal.h"

static const char cluster_locked[] = "the cluster is locked in Omni: unlock it there (annotation " OMNI_ANNOTATION_CLUSTER_LOCKED
				     "), or take the change back";

static bool is_cluster_locked(const struct plan *plan)
{
	return plan->actual_cluster != NULL &&
	       labels_get(&plan->actual_cluster->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL;
}

/* The types that a locked cluster protects; patches and the like may still change. */
static bool is_protected(const struct omni_type *type)
{
	return type == OMNI_CLUSTER || type == OMNI_MACHINE_SET || type == OMNI_MACHINE_SET_NODE;
}

static bool has_machine_lock(const struct resource *node)
{
	return labels_get(&node->annotations, OMNI_ANNOTATION_LOCKED) != NULL;
}

static const char *find_lock(struct arena *arena, const struct plan_op *op, bool is_locked)
{
	if (op->kind == PLAN_DESTROY && op->actual->phase == RESOURCE_TEARING_DOWN)
		return NULL;
	if (is_locked && is_protected(op->type))
		return cluster_locked;
	if (op->kind != PLAN_DESTROY || op->type != OMNI_MACHINE_SET_NODE || !has_machine_lock(op->actual))
		return NULL;
	if (labels_get(&op->actual->annotations, ANNOTATION_LOCK) != NULL)
		return "the machine is locked by its declaration: take the change back, unlock the machine, then remove it";
	return arena_spanf(arena,
				   "the machine is locked in Omni: unlock it there (omnictl cluster machine unlock %.*s), or "
				   "take the change back",
				   SPAN_ARG(op->id))
			.ptr;
}

static void note_locks(struct arena *arena, struct plan *plan, const struct plan_actual *actual)
{
	if (is_cluster_locked(plan))
		plan_add_note(arena, plan, "cluster \"%.*s\" is locked in Omni", SPAN_ARG(plan->cluster));
	for (size_t i = 0; i < actual->resources.count; i++) {
		const struct resource *held = actual->resources.items[i];
		if (held->type == OMNI_MACHINE_SET_NODE && has_machine_lock(held))
			plan_add_note(arena, plan, "machine %.*s is locked in Omni: it gets no updates", SPAN_ARG(held->id));
		if (held->type == OMNI_CONFIG_PATCH && labels_get(&held->labels, LABEL_DISABLED) != NULL)
			plan_add_note(arena, plan, "patch %.*s is disabled in Omni: it has no effect", SPAN_ARG(held->id));
	}
}

void plan_find_locks(struct arena *arena, struct plan *plan, const struct plan_actual *actual)
{
	bool is_locked = is_cluster_locked(plan);
	for (size_t i = 0; i < plan->count; i++)
		plan->ops[i].locked = find_lock(arena, &plan->ops[i], is_locked);
	note_locks(arena, plan, actual);
}
