#include "agent/plan/lost.h"

#include "agent/omni/health.h"
#include "agent/plan/internal.h"

enum { NAMED_MAX = 4 };

static const char label_connected[] = "omni.sidero.dev/connected", label_hostname[] = "omni.sidero.dev/hostname";

static bool is_lost(const struct resource *machine)
{
	return labels_get(&machine->labels, label_connected) == NULL;
}

static bool is_reset(const struct resource *machine)
{
	int64_t stage = 0;
	span_int(node_text_at(&machine->spec, "stage"), 0, INT64_MAX, &stage);
	return stage == STAGE_DESTROYING;
}

static struct resource_list those(struct arena *arena, const struct resource_list *all, bool (*are)(const struct resource *))
{
	struct resource_list out = {0};
	for (size_t i = 0; i < all->count; i++)
		if (are(all->items[i]))
			resource_push(arena, &out, all->items[i]);
	return out;
}

struct plan_left plan_left_machines(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms)
{
	const struct omni_type *type = omni_type_find(SPAN("ClusterMachineStatuses.omni.sidero.dev"));
	struct plan_left left = {0};
	struct resource_list all = {0};
	struct omni_query query = {0};
	omni_query_equal(arena, &query, OMNI_LABEL_CLUSTER, cluster);
	if (!store->ops->list(store, arena, type, &query, deadline_ms, &all, NULL))
		return left;
	left.all = all.count;
	left.machines = those(arena, &all, is_lost);
	left.is_lost = left.machines.count > 0;
	if (!left.is_lost)
		left.machines = those(arena, &all, is_reset);
	return left;
}

struct span plan_left_names(struct arena *arena, const struct plan_left *left)
{
	const struct resource_list *machines = &left->machines;
	struct span names = SPAN("");
	for (size_t i = 0; i < machines->count && i < NAMED_MAX; i++) {
		struct span node = label_value(&machines->items[i]->labels, label_hostname);
		names = arena_spanf(arena, "%.*s%s%.*s%s%.*s%s", SPAN_ARG(names), i > 0 ? ", " : "", SPAN_ARG(machines->items[i]->id),
				    node.len > 0 ? " (" : "", SPAN_ARG(node), node.len > 0 ? ")" : "");
	}
	if (machines->count > NAMED_MAX)
		return arena_spanf(arena, "%.*s and %zu more", SPAN_ARG(names), machines->count - NAMED_MAX);
	return names;
}

bool plan_waits_for_machines(const struct omni_type *type)
{
	return type == OMNI_CLUSTER || type == OMNI_MACHINE_SET || type == OMNI_MACHINE_SET_NODE;
}

void plan_print_way_out(struct text *out, const struct omni_type *type, struct span id, struct span cluster)
{
	if (plan_waits_for_machines(type))
		text_addf(out,
			  "Omni resets its machines first: omnictl get clustermachines -l " OMNI_LABEL_CLUSTER "=%.*s shows which are "
			  "left; one that will never answer again goes with: omnictl delete link MACHINE",
			  SPAN_ARG(cluster));
	else
		text_addf(out, "that is for Omni's controllers to do: see its log, and omnictl get %s %.*s -o yaml", type->name,
			  SPAN_ARG(id));
}

static bool removes(const struct plan *plan, struct span machine)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->ops[i].kind == PLAN_DESTROY && plan->ops[i].type == OMNI_LINK && span_eq(plan->ops[i].id, machine))
			return true;
	return false;
}

bool plan_has_lost_more(const struct plan *plan, const struct plan_left *left)
{
	for (size_t i = 0; left->is_lost && i < left->machines.count; i++)
		if (!removes(plan, left->machines.items[i]->id))
			return true;
	return false;
}
