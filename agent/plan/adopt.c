/* Whose a cluster is, and nothing else: plans that write or take away marks on what is there. */
#include "agent/plan/internal.h"

static const struct resource *find(const struct resource_list *list, const struct resource *like)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type == like->type && span_eq(list->items[i]->id, like->id))
			return list->items[i];
	return NULL;
}

static void add_mark(struct arena *arena, struct resource *resource, const char *key, struct span value, bool *out_changed)
{
	if (labels_get(&resource->annotations, key) != NULL)
		return;
	labels_set(arena, &resource->annotations, span_of(key), value);
	*out_changed = true;
}

/* What the declaration says and Omni holds came from the declaration, from now on: it may be taken away with it. */
static bool add_marks(struct arena *arena, struct resource *resource, const struct resource *expected, struct span cluster)
{
	bool is_changed = false;
	bool is_lock = labels_get(&expected->annotations, OMNI_ANNOTATION_LOCKED) != NULL &&
		       labels_get(&resource->annotations, OMNI_ANNOTATION_LOCKED) != NULL;
	if (resource->type == OMNI_CLUSTER)
		add_mark(arena, resource, OMNI_ANNOTATION_TEMPLATES, SPAN(""), &is_changed);
	if (resource->type == OMNI_MACHINE_SET_NODE && is_lock)
		add_mark(arena, resource, ANNOTATION_LOCK, SPAN("template"), &is_changed);
	if (!plan_is_from_template(resource, cluster))
		add_mark(arena, resource, ANNOTATION_TEMPLATE, cluster, &is_changed);
	return is_changed;
}

bool plan_op_is_formal(const struct plan_op *op)
{
	for (size_t i = 0; i < op->diff_count; i++)
		if (op->diffs[i].had_old || !span_is(op->diffs[i].path, "metadata.annotations." OMNI_ANNOTATION_TEMPLATES))
			return false;
	return op->type == OMNI_CLUSTER && op->kind == PLAN_UPDATE;
}

bool plan_is_formal(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!plan_op_is_formal(&plan->ops[i]))
			return false;
	return plan->conflict_count == 0;
}

void plan_adopt(struct arena *arena, const struct cluster *cluster, const struct plan_actual *actual, struct plan *out)
{
	*out = (struct plan){.cluster = cluster->name};
	for (size_t i = 0; i < cluster->resources.count; i++) {
		const struct resource *expected = cluster->resources.items[i];
		const struct resource *held = find(&actual->resources, expected);
		if (held == NULL)
			continue;
		if (held->type == OMNI_CLUSTER)
			out->actual_cluster = held;
		struct resource *marked = resource_copy(arena, held);
		if (add_marks(arena, marked, expected, cluster->name))
			plan_add_op(arena, out, PLAN_UPDATE, marked, held);
	}
	plan_seal(out);
}

void plan_adopt_raws(struct arena *arena, const struct resource_list *held, struct span owner, struct plan *out)
{
	*out = (struct plan){.cluster = {"", 0}};
	for (size_t i = 0; i < held->count; i++) {
		bool is_changed = false;
		struct resource *marked = resource_copy(arena, held->items[i]);
		add_mark(arena, marked, ANNOTATION_OWNER, owner, &is_changed);
		if (is_changed)
			plan_add_op(arena, out, PLAN_UPDATE, marked, held->items[i]);
	}
	plan_seal(out);
}

static bool take_marks(struct resource *resource)
{
	size_t before = resource->annotations.count;
	for (size_t i = before; i > 0; i--)
		if (plan_is_ours(resource->annotations.items[i - 1].key, false))
			labels_remove(&resource->annotations, resource->annotations.items[i - 1].key);
	return resource->annotations.count < before;
}

/* The Cluster comes last: what was cut short can be found and done again. */
void plan_release(struct arena *arena, struct span cluster, const struct plan_actual *actual, struct plan *out)
{
	*out = (struct plan){.cluster = cluster};
	for (int of_cluster = 0; of_cluster < 2; of_cluster++)
		for (size_t i = 0; i < actual->resources.count; i++) {
			const struct resource *held = actual->resources.items[i];
			if ((held->type == OMNI_CLUSTER) != (of_cluster == 1) || held->owner.len > 0)
				continue;
			struct resource *bare = resource_copy(arena, held);
			if (take_marks(bare))
				plan_add_op(arena, out, PLAN_UPDATE, bare, held);
		}
	plan_seal(out);
}
