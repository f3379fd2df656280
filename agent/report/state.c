#include "agent/report/state.h"

#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"

static const char *const phases[] = {
#define PHASE_NAME(id, name) name,
	UNIT_PHASES(PHASE_NAME)
#undef PHASE_NAME
};

const char *unit_phase_name(enum unit_phase phase)
{
	return phases[phase];
}

bool unit_is_ready(const struct unit_state *state)
{
	return state->phase == UNIT_IN_SYNC && state->is_confirmed && state->is_declared && state->omni.health == HEALTH_READY &&
	       memcmp(state->template_hash, state->applied_hash, sizeof state->template_hash) == 0;
}

static bool is_upgrading(const struct health_upgrade *upgrade)
{
	return upgrade->is_known && upgrade->phase != UPGRADE_DONE;
}

void unit_health_take(const struct health_facts *facts, struct arena *arena, struct unit_health *out)
{
	struct health_reasons reasons;
	memset(out, 0, sizeof *out); /* compared as a whole */
	if (!facts->has_status)
		return;
	out->health = health_judge(arena, facts, &reasons);
	snprintf(out->phase, sizeof out->phase, "%s", health_cluster_phase(facts->phase));
	if (reasons.count > 0) {
		snprintf(out->code, sizeof out->code, "%s", reasons.items[0].code);
		snprintf(out->reason, sizeof out->reason, "%.*s", SPAN_ARG(reasons.items[0].message));
	}
	out->is_locked = facts->is_locked;
	out->kubernetes_upgrading = is_upgrading(&facts->kubernetes_upgrade);
	out->talos_upgrading = is_upgrading(&facts->talos_upgrade);
	out->machines = (uint32_t)facts->total;
	out->machines_healthy = (uint32_t)facts->healthy;
	out->machines_connected = (uint32_t)facts->connected;
	for (size_t i = 0; i < facts->set_count; i++) {
		out->sets++;
		out->sets_ready += facts->sets[i].is_ready && facts->sets[i].phase == SET_RUNNING;
		out->machines_wanted += (uint32_t)facts->sets[i].wanted;
	}
}

static void member(struct text *out, const char *name, const char *value, bool *is_first)
{
	if (value[0] == '\0')
		return;
	text_addf(out, "%s\"%s\": ", *is_first ? "" : ", ", name);
	text_add_json(out, span_of(value));
	*is_first = false;
}

static void member_time(struct text *out, const char *name, int64_t wall_ms, bool *is_first)
{
	char time[TIMESTAMP_SIZE];
	if (wall_ms == 0)
		return;
	timestamp_format(wall_ms, TIMESTAMP_SECONDS, time);
	member(out, name, time, is_first);
}

static void print_health(struct text *out, const struct unit_state *state)
{
	const struct unit_health *omni = &state->omni;
	bool is_first = true;
	text_addf(out, ", \"ready\": %s, \"health\": \"%s\"", unit_is_ready(state) ? "true" : "false", health_name(omni->health));
	if (omni->phase[0] == '\0')
		return;
	text_adds(out, ", \"omniStatus\": {");
	member(out, "phase", omni->phase, &is_first);
	text_addf(out, ", \"ready\": %s", omni->health == HEALTH_READY ? "true" : "false");
	member(out, "code", omni->code, &is_first);
	member(out, "reason", omni->reason, &is_first);
	text_addf(out, ", \"locked\": %s, \"kubernetesUpgrading\": %s, \"talosUpgrading\": %s", omni->is_locked ? "true" : "false",
		  omni->kubernetes_upgrading ? "true" : "false", omni->talos_upgrading ? "true" : "false");
	text_addf(out, ", \"machines\": {\"wanted\": %u, \"total\": %u, \"healthy\": %u, \"connected\": %u}",
		  omni->machines_wanted, omni->machines, omni->machines_healthy, omni->machines_connected);
	text_addf(out, ", \"machineSets\": {\"total\": %u, \"ready\": %u}}", omni->sets, omni->sets_ready);
}

static void unit_object(struct text *out, const struct unit_report *unit)
{
	const struct unit_state *state = &unit->state;
	bool is_first = true;
	text_addc(out, '{');
	member(out, "kind", unit->is_raws ? "RawResources" : "Cluster", &is_first);
	member(out, "name", unit->name, &is_first);
	member(out, "connection", unit->connection, &is_first);
	member(out, "omni", unit->url, &is_first);
	member(out, "source", unit->source_name, &is_first);
	member(out, "sourceError", unit->source_error, &is_first);
	member(out, "state", unit_phase_name(state->phase), &is_first);
	if (unit->errors != NULL)
		text_addf(out, ", \"errors\": %s", unit->errors);
	member(out, "message", state->message, &is_first);
	member(out, "revision", state->revision, &is_first);
	member(out, "templateHash", state->template_hash, &is_first);
	member(out, "appliedHash", state->applied_hash, &is_first);
	member(out, "appliedRevision", state->applied_revision, &is_first);
	member_time(out, "appliedAt", state->applied_wall_ms, &is_first);
	member_time(out, "changedAt", state->changed_wall_ms, &is_first);
	text_addf(out, ", \"declared\": %s", state->is_declared ? "true" : "false");
	text_addf(out, ", \"plan\": {\"hash\": \"%s\", \"risk\": \"%s\", \"create\": %zu, \"update\": %zu, \"destroy\": %zu}",
		  state->plan_hash, state->risk, state->creates, state->updates, state->destroys);
	if (!unit->is_raws)
		print_health(out, state);
	if (state->waiting > 0) {
		is_first = true;
		text_adds(out, ", \"waiting\": {");
		member(out, "for", state->waits_for, &is_first);
		member(out, "heldBy", state->holders, &is_first);
		member_time(out, "since", state->waiting_since_wall_ms, &is_first);
		text_addf(out, "%s\"resources\": %zu}", is_first ? "" : ", ", state->waiting);
	}
	text_addc(out, '}');
}

void report_unit_json(struct text *out, const struct unit_report *unit)
{
	unit_object(out, unit);
	text_addc(out, '\n');
}

static void source_object(struct text *out, const struct source_state *source)
{
	bool is_first = true;
	text_addc(out, '{');
	member(out, "name", source->name, &is_first);
	member(out, "revision", source->revision, &is_first);
	member(out, "error", source->error, &is_first);
	member(out, "firstError", source->first_error, &is_first);
	member_time(out, "polledAt", source->polled_wall_ms, &is_first);
	member_time(out, "changedAt", source->changed_wall_ms, &is_first);
	text_addf(out, "%s\"clusters\": %zu, \"documents\": %zu, \"errors\": %zu, \"warnings\": %zu, \"complete\": %s}",
		  is_first ? "" : ", ", source->clusters, source->documents, source->errors, source->warnings,
		  source->is_loaded && !source->is_incomplete ? "true" : "false");
}

static void omni_object(struct text *out, const struct omni_report *omni)
{
	bool is_first = true;
	text_addc(out, '{');
	member(out, "url", omni->url, &is_first);
	member(out, "connection", omni->connection, &is_first);
	member(out, "error", omni->error, &is_first);
	member(out, "trouble", omni->trouble, &is_first);
	member(out, "version", omni->version, &is_first);
	member(out, "instance", omni->instance, &is_first);
	member(out, "identity", omni->identity, &is_first);
	member_time(out, "keyExpiresAt", omni->key_expires_s * 1000, &is_first);
	member_time(out, "since", omni->since_wall_ms, &is_first);
	text_addf(out, "%s\"up\": %s, ", is_first ? "" : ", ", omni->is_up ? "true" : "false");
	text_addf(out, "\"watched\": %s, \"resources\": %zu, \"readCalls\": %llu, \"writeCalls\": %llu}",
		  omni->is_watched ? "true" : "false", omni->resources, (unsigned long long)omni->read_calls,
		  (unsigned long long)omni->write_calls);
}

static void unmanaged_object(struct text *out, const struct agent_report *report, const struct unmanaged_report *one)
{
	bool is_first = true;
	text_addc(out, '{');
	member(out, "type", one->type, &is_first);
	member(out, "id", one->id, &is_first);
	member(out, "keptBy", one->kept_by, &is_first);
	member(out, "omni", report->omnis[one->omni].url, &is_first);
	text_addc(out, '}');
}

void report_json(struct text *out, const struct agent_report *report)
{
	text_adds(out, "{\"apiVersion\": \"omniops/state/v1\", \"sources\": [");
	for (size_t i = 0; i < report->source_count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		source_object(out, &report->sources[i]);
	}
	text_adds(out, "\n], \"omnis\": [");
	for (size_t i = 0; i < report->omni_count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		omni_object(out, &report->omnis[i]);
	}
	text_adds(out, "\n], \"unmanaged\": [");
	for (size_t i = 0; i < report->unmanaged_count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		unmanaged_object(out, report, &report->unmanaged[i]);
	}
	text_adds(out, "\n], \"clusters\": [");
	for (size_t i = 0; i < report->unit_count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		unit_object(out, &report->units[i]);
	}
	text_adds(out, "\n]}\n");
}
