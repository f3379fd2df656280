#include "agent/report/fleet_view.h"

#include "agent/plan/plan.h"
#include "base/cleanup.h"
#include "base/map.h"

void view_parts(struct arena *arena, struct span name, const struct cluster_parts *parts, struct cluster_view *out)
{
	view_take(arena, name, parts, out);
	view_make_tree(arena, out);
	view_make_notes(arena, out, parts);
}

bool view_cluster(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		  struct cluster_view *out, struct fail *fail)
{
	struct cluster_parts parts;
	if (!cluster_parts_read(store, arena, name, deadline_ms, &parts, fail))
		return false;
	view_parts(arena, name, &parts, out);
	return true;
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

/* What readiness depends on, and what people own beside clusters. */
static const char *const fleet_types[] = {
	"Clusters.omni.sidero.dev",		 "ClusterStatuses.omni.sidero.dev",
	"KubernetesUpgradeStatuses.omni.sidero.dev", "TalosUpgradeStatuses.omni.sidero.dev",
	"MachineSets.omni.sidero.dev",		 "MachineSetStatuses.omni.sidero.dev",
	"MachineSetNodes.omni.sidero.dev",	 "MachineClasses.omni.sidero.dev",
	"MachineRequestSets.omni.sidero.dev",	 "MachineLabels.omni.sidero.dev",
};
enum { FLEET_TYPES = COUNT_OF(fleet_types), RAW_TYPES = 3, CLUSTER_TYPES = FLEET_TYPES - RAW_TYPES };

static const struct part *part_of(const struct omni_type *type)
{
	const struct part *part = NULL;
	for (size_t i = 0; (part = part_at(i)) != NULL && !span_is(span_of(part->type), type->name);)
		i++;
	return part;
}

/* Everything of one type goes to the cluster that it belongs to; what belongs to none that is there is left out. */
static void deal(struct arena *arena, const struct map *by_name, const struct omni_op *op)
{
	const struct part *part = part_of(op->type);
	for (size_t i = 0; part != NULL && i < op->list.count; i++) {
		struct resource *resource = op->list.items[i];
		const struct label *label = labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
		struct cluster_parts *parts = part->has_cluster_id ? map_get(by_name, resource->id)
					      : label != NULL	   ? map_get(by_name, label->value)
								   : NULL;
		if (parts != NULL)
			resource_push(arena, part_list(parts, part), resource);
	}
}

/* What Omni's controllers made is nobody's to declare. */
static void add_unmanaged(struct arena *arena, struct fleet_view *out, const struct resource_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct resource *resource = list->items[i];
		if (resource->owner.len == 0 && labels_get(&resource->annotations, ANNOTATION_OWNER) == NULL)
			ARENA_PUSH(arena, out->unmanaged, out->unmanaged_count, out->unmanaged_cap) =
				(struct view_unmanaged){resource->type_name, resource->id};
	}
}

static bool read_fleet(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct omni_op *ops, struct fail *fail)
{
	for (size_t i = 0; i < FLEET_TYPES; i++)
		ops[i] = (struct omni_op){.kind = OMNI_LIST, .type = omni_type_find(span_of(fleet_types[i]))};
	omni_batch(store, arena, ops, FLEET_TYPES, deadline_ms);
	for (size_t i = 0; i < FLEET_TYPES; i++)
		if (ops[i].code != FAIL_NONE && (i == 0 || ops[i].code != FAIL_DENIED)) /* what may not be seen is not shown */
			return omni_op_failure(&ops[i], fail);
	return true;
}

bool view_fleet(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct fleet_view *out, struct fail *fail)
{
	struct omni_op ops[FLEET_TYPES];
	struct map by_name;
	*out = (struct fleet_view){0};
	if (!read_fleet(store, arena, deadline_ms, ops, fail))
		return false;
	const struct resource_list *clusters = &ops[0].list;
	map_init(&by_name, arena);
	for (size_t i = 0; i < clusters->count; i++)
		*map_at(&by_name, clusters->items[i]->id) = ARENA_NEW(arena, struct cluster_parts);
	for (size_t i = 0; i < CLUSTER_TYPES; i++)
		deal(arena, &by_name, &ops[i]);
	out->clusters = ARENA_ARRAY(arena, struct cluster_view, clusters->count + 1);
	for (size_t i = 0; i < clusters->count; i++)
		view_take(arena, clusters->items[i]->id, by_name.entries[i].value, &out->clusters[out->count++]);
	add_unmanaged(arena, out, clusters);
	for (size_t i = CLUSTER_TYPES; i < FLEET_TYPES; i++)
		add_unmanaged(arena, out, &ops[i].list);
	return true;
}
