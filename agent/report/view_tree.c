/* The tree of one cluster, line by line as `omnictl cluster status` has it; one more for Talos. */
#include "agent/report/fleet_view.h"
#include "base/cleanup.h"

static struct view_node *add(struct arena *arena, struct view_node *parent, struct span text)
{
	struct view_node *node = ARENA_NEW(arena, struct view_node);
	node->text = text;
	if (parent != NULL)
		ARENA_PUSH(arena, parent->children, parent->child_count, parent->child_cap) = node;
	return node;
}

static const char *ready_word(bool is_ready)
{
	return is_ready ? "Ready" : "Not Ready";
}

static void add_upgrade(struct arena *arena, struct view_node *root, const char *words, const struct health_upgrade *upgrade)
{
	if (upgrade->is_known)
		add(arena, root,
		    arena_spanf(arena, "%s %s%s%.*s", words, health_upgrade_phase(upgrade->phase), upgrade->step.len > 0 ? " " : "",
				SPAN_ARG(upgrade->step)));
}

static void add_machine(struct arena *arena, struct view_node *parent, const struct view_machine *machine)
{
	const char *config = machine->has_pending_update  ? " Pending Config Update"
			     : machine->has_config_failed ? " Config Apply Failed"
							  : "";
	bool is_running = machine->stage == STAGE_RUNNING, has_name = machine->node_name.len > 0;
	if (!machine->has_status)
		add(arena, parent, arena_spanf(arena, "Machine \"%.*s\"%s", SPAN_ARG(machine->id), machine->is_declared_locked ? " Locked" : ""));
	else
		add(arena, parent,
		    arena_spanf(arena, "Machine \"%.*s\"%s%.*s%s %s%s%s%s%s%s%s", SPAN_ARG(machine->id), has_name ? "(" : "",
				SPAN_ARG(machine->node_name), has_name ? ")" : "", health_stage(machine->stage), is_running ? " " : "",
				is_running ? ready_word(machine->is_ready) : "", machine->is_connected ? "" : " Unreachable",
				machine->is_locked ? " Locked" : "", machine->is_config_current ? "" : " Config Outdated", config));
}

static void add_checks(struct arena *arena, struct view_node *node, const struct cluster_view *view, struct span set)
{
	struct span failing = SPAN("");
	bool has_checks = false;
	if (view->has_load_balancer)
		add(arena, node, arena_spanf(arena, "Load Balancer %s", ready_word(view->is_load_balancer_healthy)));
	for (size_t i = 0; i < view->check_count; i++) {
		const struct view_check *check = &view->checks[i];
		if (!span_eq(check->id, set))
			continue;
		has_checks = true;
		if (span_is(check->status, "NotReady"))
			failing = arena_spanf(arena, "%.*s%s%.*s", SPAN_ARG(failing), failing.len > 0 ? " " : "", SPAN_ARG(check->type));
	}
	if (has_checks)
		add(arena, node, failing.len == 0 ? SPAN("Status Checks OK") : arena_spanf(arena, "Status Checks Failing: [%.*s]", SPAN_ARG(failing)));
}

static struct span declared_text(struct arena *arena, const struct health_set *set)
{
	if (set->is_unlimited)
		return arena_spanf(arena, "every machine of class %.*s", SPAN_ARG(set->class_name));
	if (set->class_name.len > 0)
		return arena_spanf(arena, "%zu machines of class %.*s", set->wanted, SPAN_ARG(set->class_name));
	return arena_spanf(arena, "%zu machines", set->wanted);
}

/* Omni shows what has a status; without any of the cluster, what is declared is all there is to show. */
static void add_set(struct arena *arena, struct cluster_view *view, const struct view_set *shown)
{
	const struct health_set *set = &shown->set;
	struct view_node *node;
	if (set->has_status) {
		node = add(arena, view->root,
			   arena_spanf(arena, "%s \"%.*s\" %s %s (%zu/%zu)", shown->words, SPAN_ARG(set->id), health_set_phase(set->phase),
				       ready_word(set->is_ready), set->healthy, set->total));
	} else if (!view->has_status) {
		struct span declared = declared_text(arena, set);
		node = add(arena, view->root, arena_spanf(arena, "%s \"%.*s\" %.*s%s", shown->words, SPAN_ARG(set->id), SPAN_ARG(declared),
							  set->is_declared ? "" : " (tearing down)"));
	} else {
		return;
	}
	if (shown->is_control_plane)
		add_checks(arena, node, view, set->id);
	for (size_t i = 0; i < shown->machine_count; i++)
		if (shown->machines[i].has_status || !view->has_status)
			add_machine(arena, node, &shown->machines[i]);
}

void view_make_tree(struct arena *arena, struct cluster_view *view)
{
	const struct health_facts *facts = &view->facts;
	if (view->has_status)
		view->root = add(arena, NULL, arena_spanf(arena, "Cluster \"%.*s\" %s %s (%zu/%zu) (healthy/total)", SPAN_ARG(view->name),
							  health_cluster_phase(facts->phase), ready_word(facts->is_ready), facts->healthy,
							  facts->total));
	else
		view->root = add(arena, NULL, arena_spanf(arena, "Cluster \"%.*s\" Talos %.*s, Kubernetes %.*s%s%s (no status in Omni)",
							  SPAN_ARG(view->name), SPAN_ARG(view->talos_version),
							  SPAN_ARG(view->kubernetes_version), facts->is_torn_down ? ", being destroyed" : "",
							  view->is_locked ? ", locked" : ""));
	add_upgrade(arena, view->root, "Kubernetes Upgrade", &facts->kubernetes_upgrade);
	add_upgrade(arena, view->root, "Talos Upgrade", &facts->talos_upgrade);
	for (size_t i = 0; i < facts->set_count; i++)
		add_set(arena, view, &view->sets[i]);
}
