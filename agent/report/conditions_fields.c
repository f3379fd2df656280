/* What the status of an OmniCluster tells besides its conditions. */
#include <stdio.h>
#include <string.h>

#include "agent/report/conditions_fields.h"

/* --- what was rendered ---------------------------------------------------------------------------------------------- */

static json_t *names(const struct span *items, size_t count)
{
	json_t *list = count == 0 ? NULL : json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, status_string(items[i], STATUS_FIELD_MAX));
	return list;
}

void fields_rendered(struct draft *draft, const struct status_cluster *facts)
{
	if (facts->template_hash.len > 0)
		draft_text(draft, "templateHash", facts->template_hash);
	if (facts->control_plane.len == 0)
		return; /* without one nothing was rendered */
	draft_text(draft, "connectionRef", facts->connection);
	draft_text(draft, "endpoint", facts->endpoint);
	draft_text(draft, "controlPlaneRef", facts->control_plane);
	draft_value(draft, "workersRefs", names(facts->workers, facts->worker_count));
	draft_value(draft, "machineRefs", names(facts->machines, facts->machine_count));
}

/* --- what Omni says ------------------------------------------------------------------------------------------------- */

static json_t *machines(const struct unit_health *omni)
{
	char summary[48];
	snprintf(summary, sizeof summary, "%u/%u", omni->machines_healthy,
		 omni->machines > omni->machines_wanted ? omni->machines : omni->machines_wanted);
	return json_pack("{s:I, s:I, s:I, s:I, s:s}", "wanted", (json_int_t)omni->machines_wanted, "total",
			 (json_int_t)omni->machines, "healthy", (json_int_t)omni->machines_healthy, "connected",
			 (json_int_t)omni->machines_connected, "summary", summary);
}

static json_t *upgrading(const struct unit_health *omni)
{
	if (!omni->talos_upgrading && !omni->kubernetes_upgrading)
		return NULL;
	json_t *list = json_array();
	if (omni->talos_upgrading)
		json_array_append_new(list, json_string("Talos"));
	if (omni->kubernetes_upgrading)
		json_array_append_new(list, json_string("Kubernetes"));
	return list;
}

/* One line. */
static void print_health(struct text *out, const struct unit_health *omni)
{
	text_addf(out, "%s, %u of %u machines healthy", omni->phase, omni->machines_healthy, omni->machines);
	if (omni->code[0] != '\0')
		text_addf(out, "; %s: %s", omni->code, omni->reason);
}

void fields_health(struct draft *draft, const struct unit_state *state)
{
	const struct unit_health *omni = &state->omni;
	bool is_known = omni->phase[0] != '\0';
	struct text said;
	if (!is_known && state->phase != UNIT_IN_SYNC)
		return; /* not asked yet, or it does not answer: what it said last stays */
	text_init(&said, TEXT_NO_LIMIT);
	if (is_known)
		print_health(&said, omni);
	draft_text(draft, "lastStatusOutput", text_span(&said));
	text_done(&said);
	draft_text(draft, "phase", span_of(omni->phase));
	draft_value(draft, "machines", is_known ? machines(omni) : NULL);
	draft_value(draft, "machineSets", is_known ? json_pack("{s:I, s:I}", "total", (json_int_t)omni->sets, "ready",
							       (json_int_t)omni->sets_ready)
						   : NULL);
	draft_value(draft, "upgrading", upgrading(omni));
	draft_value(draft, "locked", omni->is_locked ? json_true() : NULL);
}

/* --- what is to be done, and was done ------------------------------------------------------------------------------- */

static bool has_plan(const struct unit_state *state)
{
	bool is_open = state->phase == UNIT_HELD || state->phase == UNIT_OUT_OF_SYNC || state->phase == UNIT_PROGRESSING;
	return is_open && state->plan_hash[0] != '\0';
}

static json_t *plan(const struct unit_state *state)
{
	json_t *plan = json_pack("{s:I, s:I, s:I, s:b}", "creates", (json_int_t)state->creates, "updates",
				 (json_int_t)state->updates, "destroys", (json_int_t)state->destroys, "held",
				 state->phase == UNIT_HELD);
	json_object_set_new(plan, "hash", status_string(span_of(state->plan_hash), STATUS_FIELD_MAX));
	if (state->risk[0] != '\0')
		json_object_set_new(plan, "risk", status_string(span_of(state->risk), STATUS_FIELD_MAX));
	return plan;
}

static json_t *waiting(const struct unit_report *unit)
{
	struct draft out = {.status = json_pack("{s:I}", "resources", (json_int_t)unit->state.waiting)};
	draft_text(&out, "for", span_of(unit->texts.waits_for));
	draft_text(&out, "heldBy", span_of(unit->texts.holders));
	draft_time(&out, "since", unit->state.waiting_since_wall_ms / 1000);
	return out.status;
}

void fields_work(struct draft *draft, const struct unit_report *unit)
{
	const struct unit_state *state = &unit->state;
	draft_value(draft, "plan", has_plan(state) ? plan(state) : NULL);
	draft_value(draft, "waiting", state->phase == UNIT_PROGRESSING && state->waiting > 0 ? waiting(unit) : NULL);
}

void fields_applied(struct draft *draft, const struct status_cluster *facts, bool was_synced)
{
	const struct unit_state *state = &facts->unit->state;
	int64_t applied_s = state->applied_wall_ms / 1000, last_s = status_time_s(draft->status, "lastSyncTime");
	bool is_other = state->applied_hash[0] != '\0' && !span_is(status_text(draft->status, "appliedHash"), state->applied_hash);
	bool is_news = applied_s > last_s || (applied_s != 0 && applied_s == last_s && is_other);
	if (is_news)
		draft_time(draft, "lastSyncTime", applied_s);
	else if (!was_synced || last_s == 0)
		draft_time(draft, "lastSyncTime", fields_attempt_s(facts));
	if (state->applied_hash[0] != '\0') {
		draft_text(draft, "appliedHash", span_of(state->applied_hash));
		draft_text(draft, "appliedRevision", span_of(facts->unit->texts.applied_revision));
	}
	/* Of the last application, whenever that was. */
	const char *output = facts->unit->texts.applied_output;
	if (is_news || output[0] != '\0')
		draft_text(draft, "lastSyncOutput", span_of(output));
}

int64_t fields_attempt_s(const struct status_cluster *facts)
{
	int64_t changed_s = facts->unit == NULL ? 0 : facts->unit->state.changed_wall_ms / 1000;
	return changed_s != 0 ? changed_s : facts->object.now_s;
}
