/* The views as JSON: docs/status.md lists the fields. Absent is what is not known; false and 0 are said. */
#include "agent/report/fleet_view.h"

#include "base/members.h"
#include "base/timestamp.h"

/* --- parts of a cluster --------------------------------------------------------------------------------------------- */

static void print_reasons(struct text *out, const char *name, const struct health_reasons *list)
{
	member(out, name);
	text_addc(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		member_next(out);
		text_addc(out, '{');
		member_text(out, "code", span_of(list->items[i].code));
		member_text(out, "object", list->items[i].object);
		member_text(out, "message", list->items[i].message);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_upgrade(struct text *out, const char *name, const struct health_upgrade *upgrade)
{
	if (!upgrade->is_known)
		return;
	member(out, name);
	text_addc(out, '{');
	member_text(out, "phase", span_of(health_upgrade_phase(upgrade->phase)));
	member_said(out, "step", upgrade->step);
	member_said(out, "status", upgrade->status);
	member_said(out, "error", upgrade->error);
	member_said(out, "to", upgrade->current);
	member_said(out, "version", upgrade->last);
	text_addc(out, '}');
}

static void print_machine(struct text *out, const struct view_machine *machine)
{
	member_next(out);
	text_addc(out, '{');
	member_text(out, "id", machine->id);
	member_said(out, "node", machine->node_name);
	member_flag(out, "joined", machine->has_status);
	member_flag(out, "locked", machine->is_locked || machine->is_declared_locked);
	if (machine->has_status) {
		member_text(out, "stage", span_of(health_stage(machine->stage)));
		member_flag(out, "ready", machine->is_ready && machine->stage == STAGE_RUNNING);
		member_flag(out, "connected", machine->is_connected);
		member_flag(out, "configUpToDate", machine->is_config_current);
		member_flag(out, "updatePending", machine->has_pending_update);
		if (machine->has_config_failed)
			member_text(out, "configError", machine->config_error);
	}
	text_addc(out, '}');
}

static void print_set(struct text *out, const struct view_set *shown)
{
	const struct health_set *set = &shown->set;
	member_next(out);
	text_addc(out, '{');
	member_text(out, "id", set->id);
	member_text(out, "role", span_of(shown->is_control_plane ? "controlPlane" : "workers"));
	member_said(out, "class", set->class_name);
	if (set->is_unlimited)
		member_flag(out, "unlimited", true);
	member_number(out, "wanted", set->is_unlimited ? set->allocated : set->wanted);
	member_number(out, "allocated", set->allocated);
	member_flag(out, "leaving", !set->is_declared);
	if (set->has_status) {
		member_text(out, "phase", span_of(health_set_phase(set->phase)));
		member_flag(out, "ready", set->is_ready);
		member_said(out, "error", set->error);
		member_number(out, "total", set->total);
		member_number(out, "healthy", set->healthy);
		member_number(out, "connected", set->connected);
		member_number(out, "lockedUpdates", set->locked_updates);
	}
	member(out, "machines");
	text_addc(out, '[');
	for (size_t i = 0; i < shown->machine_count; i++)
		print_machine(out, &shown->machines[i]);
	text_adds(out, "]}");
}

static void print_checks(struct text *out, const struct cluster_view *view)
{
	if (view->has_load_balancer) {
		member(out, "loadBalancer");
		text_addc(out, '{');
		member_flag(out, "healthy", view->is_load_balancer_healthy);
		member_flag(out, "stopped", view->is_load_balancer_stopped);
		text_addc(out, '}');
	}
	member(out, "checks");
	text_addc(out, '[');
	for (size_t i = 0; i < view->check_count; i++) {
		member_next(out);
		text_addc(out, '{');
		member_text(out, "type", view->checks[i].type);
		member_text(out, "status", view->checks[i].status);
		member_said(out, "reason", view->checks[i].reason);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_waits(struct text *out, const struct cluster_view *view)
{
	member(out, "waiting");
	text_addc(out, '[');
	for (size_t i = 0; i < view->wait_count; i++) {
		const struct view_wait *wait = &view->waits[i];
		member_next(out);
		text_addc(out, '{');
		member_text(out, "type", span_of(wait->type->name));
		member_text(out, "id", wait->id);
		member_text(out, "heldBy", wait->holders);
		member_said(out, "since", wait->since);
		member_text(out, "wayOut", wait->way_out);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_node(struct text *out, const struct view_node *node)
{
	text_addc(out, '{');
	member_text(out, "text", node->text);
	if (node->child_count > 0) {
		member(out, "children");
		text_addc(out, '[');
		for (size_t i = 0; i < node->child_count; i++) { /* three levels at most */
			member_next(out);
			print_node(out, node->children[i]);
		}
		text_addc(out, ']');
	}
	text_addc(out, '}');
}

/* --- a cluster ------------------------------------------------------------------------------------------------------ */

static void print_omni_says(struct text *out, const struct cluster_view *view)
{
	const struct health_facts *facts = &view->facts;
	if (!view->has_status)
		return;
	member(out, "omni");
	text_addc(out, '{');
	member_flag(out, "ready", facts->is_ready);
	member_flag(out, "available", facts->is_available);
	member_flag(out, "controlPlaneReady", facts->has_control_plane);
	member_flag(out, "kubernetesAPIReady", facts->has_api);
	text_addc(out, '}');
}

static void print_machines(struct text *out, const struct cluster_view *view)
{
	member(out, "machines");
	text_addc(out, '{');
	member_number(out, "wanted", view->machines_wanted);
	if (view->machines_unlimited)
		member_flag(out, "unlimited", true);
	member_number(out, "allocated", view->facts.nodes);
	if (view->has_status) {
		member_number(out, "total", view->machines_total);
		member_number(out, "healthy", view->machines_healthy);
		member_number(out, "connected", view->facts.connected);
	}
	text_addc(out, '}');
}

static void print_upgrades(struct text *out, const struct health_facts *facts)
{
	member(out, "upgrades");
	text_addc(out, '{');
	print_upgrade(out, "kubernetes", &facts->kubernetes_upgrade);
	print_upgrade(out, "talos", &facts->talos_upgrade);
	text_addc(out, '}');
}

static void print_depth(struct text *out, const struct cluster_view *view)
{
	print_reasons(out, "notes", &view->notes);
	print_waits(out, view);
	print_checks(out, view);
	member(out, "sets");
	text_addc(out, '[');
	for (size_t i = 0; i < view->facts.set_count; i++)
		print_set(out, &view->sets[i]);
	text_addc(out, ']');
	member(out, "tree");
	print_node(out, view->root);
}

static void print_cluster(struct text *out, const struct cluster_view *view)
{
	text_addc(out, '{');
	member_text(out, "name", view->name);
	member_text(out, "health", span_of(health_name(view->health)));
	member_flag(out, "ready", view->health == HEALTH_READY);
	member_said(out, "phase", view->phase);
	member_text(out, "talosVersion", view->talos_version);
	member_text(out, "kubernetesVersion", view->kubernetes_version);
	member_flag(out, "locked", view->is_locked);
	member_flag(out, "managed", view->owner.len > 0);
	print_omni_says(out, view);
	print_machines(out, view);
	member_number(out, "machineSets", view->machine_sets);
	print_upgrades(out, &view->facts);
	print_reasons(out, "notReady", &view->reasons);
	if (view->root != NULL)
		print_depth(out, view);
	member_said(out, "owner", view->owner);
	member_said(out, "appliedRevision", view->applied_revision);
	member_said(out, "appliedHash", view->applied_hash);
	member_said(out, "syncState", view->sync_state);
	member_said(out, "syncMessage", view->sync_message);
	text_addc(out, '}');
}

/* --- all ------------------------------------------------------------------------------------------------------------ */

static void print_server(struct text *out, const char *url, const struct omni_about *about)
{
	char time[TIMESTAMP_SIZE];
	member(out, "omni");
	text_addc(out, '{');
	member_text(out, "url", span_of(url));
	member_text(out, "version", about->version);
	member_text(out, "instance", about->instance);
	member_text(out, "identity", about->identity);
	member_text(out, "fingerprint", about->fingerprint);
	timestamp_format(about->key_expires_s * 1000, TIMESTAMP_SECONDS, time);
	if (about->key_expires_s > 0)
		member_text(out, "keyExpiresAt", span_of(time));
	text_addc(out, '}');
}

static void print_unmanaged(struct text *out, const struct fleet_view *fleet)
{
	member(out, "unmanaged");
	text_addc(out, '[');
	for (size_t i = 0; i < fleet->unmanaged_count; i++) {
		member_next(out);
		text_addc(out, '{');
		member_text(out, "type", fleet->unmanaged[i].type);
		member_text(out, "id", fleet->unmanaged[i].id);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

void view_print_json(struct text *out, const char *url, const struct omni_about *about, const struct cluster_view *views,
		     size_t count, const struct fleet_view *fleet)
{
	text_adds(out, "{\"apiVersion\": \"omniops/status/v1\"");
	if (about != NULL)
		print_server(out, url, about);
	text_adds(out, ", \"clusters\": [");
	for (size_t i = 0; i < count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		print_cluster(out, &views[i]);
	}
	text_adds(out, "\n]");
	if (fleet != NULL)
		print_unmanaged(out, fleet);
	text_adds(out, "}\n");
}
