/* The views as JSON: docs/status.md lists the fields. Absent is what is not known; false and 0 are said. */
#include "agent/report/fleet_view.h"

#include "base/cleanup.h"
#include "base/timestamp.h"

static void comma(struct text *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
		text_adds(out, ", ");
}

static void key(struct text *out, const char *name)
{
	comma(out);
	text_addf(out, "\"%s\": ", name);
}

static void text_field(struct text *out, const char *name, struct span value)
{
	key(out, name);
	text_add_json(out, value);
}

/* Only when there is something to say. */
static void said(struct text *out, const char *name, struct span value)
{
	if (value.len > 0)
		text_field(out, name, value);
}

static void flag(struct text *out, const char *name, bool value)
{
	key(out, name);
	text_adds(out, value ? "true" : "false");
}

static void number(struct text *out, const char *name, size_t value)
{
	key(out, name);
	text_addf(out, "%zu", value);
}

/* --- parts of a cluster --------------------------------------------------------------------------------------------- */

static void print_reasons(struct text *out, const char *name, const struct health_reasons *list)
{
	key(out, name);
	text_addc(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		comma(out);
		text_addc(out, '{');
		text_field(out, "code", span_of(list->items[i].code));
		text_field(out, "object", list->items[i].object);
		text_field(out, "message", list->items[i].message);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_upgrade(struct text *out, const char *name, const struct health_upgrade *upgrade)
{
	if (!upgrade->is_known)
		return;
	key(out, name);
	text_addc(out, '{');
	text_field(out, "phase", span_of(health_upgrade_phase(upgrade->phase)));
	said(out, "step", upgrade->step);
	said(out, "status", upgrade->status);
	said(out, "error", upgrade->error);
	said(out, "to", upgrade->current);
	said(out, "version", upgrade->last);
	text_addc(out, '}');
}

static void print_machine(struct text *out, const struct view_machine *machine)
{
	comma(out);
	text_addc(out, '{');
	text_field(out, "id", machine->id);
	said(out, "node", machine->node_name);
	flag(out, "joined", machine->has_status);
	flag(out, "locked", machine->is_locked || machine->is_declared_locked);
	if (machine->has_status) {
		text_field(out, "stage", span_of(health_stage(machine->stage)));
		flag(out, "ready", machine->is_ready && machine->stage == STAGE_RUNNING);
		flag(out, "connected", machine->is_connected);
		flag(out, "configUpToDate", machine->is_config_current);
		flag(out, "updatePending", machine->has_pending_update);
		if (machine->has_config_failed)
			text_field(out, "configError", machine->config_error);
	}
	text_addc(out, '}');
}

static void print_set(struct text *out, const struct view_set *shown)
{
	const struct health_set *set = &shown->set;
	comma(out);
	text_addc(out, '{');
	text_field(out, "id", set->id);
	text_field(out, "role", span_of(shown->is_control_plane ? "controlPlane" : "workers"));
	said(out, "class", set->class_name);
	if (set->is_unlimited)
		flag(out, "unlimited", true);
	number(out, "wanted", set->is_unlimited ? set->allocated : set->wanted);
	number(out, "allocated", set->allocated);
	flag(out, "leaving", !set->is_declared);
	if (set->has_status) {
		text_field(out, "phase", span_of(health_set_phase(set->phase)));
		flag(out, "ready", set->is_ready);
		said(out, "error", set->error);
		number(out, "total", set->total);
		number(out, "healthy", set->healthy);
		number(out, "connected", set->connected);
		number(out, "lockedUpdates", set->locked_updates);
	}
	key(out, "machines");
	text_addc(out, '[');
	for (size_t i = 0; i < shown->machine_count; i++)
		print_machine(out, &shown->machines[i]);
	text_adds(out, "]}");
}

static void print_checks(struct text *out, const struct cluster_view *view)
{
	if (view->has_load_balancer) {
		key(out, "loadBalancer");
		text_addc(out, '{');
		flag(out, "healthy", view->is_load_balancer_healthy);
		flag(out, "stopped", view->is_load_balancer_stopped);
		text_addc(out, '}');
	}
	key(out, "checks");
	text_addc(out, '[');
	for (size_t i = 0; i < view->check_count; i++) {
		comma(out);
		text_addc(out, '{');
		text_field(out, "type", view->checks[i].type);
		text_field(out, "status", view->checks[i].status);
		said(out, "reason", view->checks[i].reason);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_waits(struct text *out, const struct cluster_view *view)
{
	key(out, "waiting");
	text_addc(out, '[');
	for (size_t i = 0; i < view->wait_count; i++) {
		const struct view_wait *wait = &view->waits[i];
		comma(out);
		text_addc(out, '{');
		text_field(out, "type", span_of(wait->type->name));
		text_field(out, "id", wait->id);
		text_field(out, "heldBy", wait->holders);
		said(out, "since", wait->since);
		text_field(out, "wayOut", wait->way_out);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_node(struct text *out, const struct view_node *node)
{
	text_addc(out, '{');
	text_field(out, "text", node->text);
	if (node->child_count > 0) {
		key(out, "children");
		text_addc(out, '[');
		for (size_t i = 0; i < node->child_count; i++) { /* three levels at most */
			comma(out);
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
	key(out, "omni");
	text_addc(out, '{');
	flag(out, "ready", facts->is_ready);
	flag(out, "available", facts->is_available);
	flag(out, "controlPlaneReady", facts->has_control_plane);
	flag(out, "kubernetesAPIReady", facts->has_api);
	text_addc(out, '}');
}

static void print_machines(struct text *out, const struct cluster_view *view)
{
	key(out, "machines");
	text_addc(out, '{');
	number(out, "wanted", view->machines_wanted);
	if (view->machines_unlimited)
		flag(out, "unlimited", true);
	number(out, "allocated", view->facts.nodes);
	if (view->has_status) {
		number(out, "total", view->machines_total);
		number(out, "healthy", view->machines_healthy);
		number(out, "connected", view->facts.connected);
	}
	text_addc(out, '}');
}

static void print_upgrades(struct text *out, const struct health_facts *facts)
{
	key(out, "upgrades");
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
	key(out, "sets");
	text_addc(out, '[');
	for (size_t i = 0; i < view->facts.set_count; i++)
		print_set(out, &view->sets[i]);
	text_addc(out, ']');
	key(out, "tree");
	print_node(out, view->root);
}

static void print_cluster(struct text *out, const struct cluster_view *view)
{
	text_addc(out, '{');
	text_field(out, "name", view->name);
	text_field(out, "health", span_of(health_name(view->health)));
	flag(out, "ready", view->health == HEALTH_READY);
	said(out, "phase", view->phase);
	text_field(out, "talosVersion", view->talos_version);
	text_field(out, "kubernetesVersion", view->kubernetes_version);
	flag(out, "locked", view->is_locked);
	flag(out, "managed", view->owner.len > 0);
	print_omni_says(out, view);
	print_machines(out, view);
	number(out, "machineSets", view->machine_sets);
	print_upgrades(out, &view->facts);
	print_reasons(out, "notReady", &view->reasons);
	if (view->root != NULL)
		print_depth(out, view);
	said(out, "owner", view->owner);
	said(out, "appliedRevision", view->applied_revision);
	said(out, "appliedHash", view->applied_hash);
	said(out, "syncState", view->sync_state);
	said(out, "syncMessage", view->sync_message);
	text_addc(out, '}');
}

/* --- all ------------------------------------------------------------------------------------------------------------ */

static void print_server(struct text *out, const char *url, const struct omni_about *about)
{
	char time[TIMESTAMP_SIZE];
	key(out, "omni");
	text_addc(out, '{');
	text_field(out, "url", span_of(url));
	text_field(out, "version", about->version);
	text_field(out, "instance", about->instance);
	text_field(out, "identity", about->identity);
	text_field(out, "fingerprint", about->fingerprint);
	timestamp_format(about->key_expires_s * 1000, TIMESTAMP_SECONDS, time);
	if (about->key_expires_s > 0)
		text_field(out, "keyExpiresAt", span_of(time));
	text_addc(out, '}');
}

static void print_unmanaged(struct text *out, const struct fleet_view *fleet)
{
	key(out, "unmanaged");
	text_addc(out, '[');
	for (size_t i = 0; i < fleet->unmanaged_count; i++) {
		comma(out);
		text_addc(out, '{');
		text_field(out, "type", fleet->unmanaged[i].type);
		text_field(out, "id", fleet->unmanaged[i].id);
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
