#include "agent/report/state.h"

#include <stdio.h>
#include <string.h>

#include "base/members.h"
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

static void member_time(struct text *out, const char *name, int64_t wall_ms)
{
	char time[TIMESTAMP_SIZE];
	if (wall_ms == 0)
		return;
	timestamp_format(wall_ms, TIMESTAMP_SECONDS, time);
	member_said(out, name, span_of(time));
}

static void print_health(struct text *out, const struct unit_state *state)
{
	const struct unit_health *omni = &state->omni;
	member_flag(out, "ready", unit_is_ready(state));
	member_text(out, "health", span_of(health_name(omni->health)));
	if (omni->phase[0] == '\0')
		return;
	text_adds(out, ", \"omniStatus\": {");
	member_said(out, "phase", span_of(omni->phase));
	member_flag(out, "ready", omni->health == HEALTH_READY);
	member_said(out, "code", span_of(omni->code));
	member_said(out, "reason", span_of(omni->reason));
	member_flag(out, "locked", omni->is_locked);
	member_flag(out, "kubernetesUpgrading", omni->kubernetes_upgrading);
	member_flag(out, "talosUpgrading", omni->talos_upgrading);
	text_addf(out, ", \"machines\": {\"wanted\": %u, \"total\": %u, \"healthy\": %u, \"connected\": %u}",
		  omni->machines_wanted, omni->machines, omni->machines_healthy, omni->machines_connected);
	text_addf(out, ", \"machineSets\": {\"total\": %u, \"ready\": %u}}", omni->sets, omni->sets_ready);
}

static void unit_object(struct text *out, const struct unit_report *unit)
{
	const struct unit_state *state = &unit->state;
	text_addc(out, '{');
	member_said(out, "kind", span_of(unit->is_raws ? "RawResources" : "Cluster"));
	member_said(out, "name", span_of(unit->name));
	member_said(out, "connection", span_of(unit->connection));
	member_said(out, "omni", span_of(unit->url));
	member_said(out, "source", span_of(unit->source_name));
	member_said(out, "sourceError", span_of(unit->source_error));
	member_said(out, "state", span_of(unit_phase_name(state->phase)));
	if (unit->errors != NULL)
		text_addf(out, ", \"errors\": %s", unit->errors);
	member_said(out, "message", span_of(unit->texts.message));
	member_said(out, "revision", span_of(unit->texts.revision));
	member_said(out, "templateHash", span_of(state->template_hash));
	member_said(out, "appliedHash", span_of(state->applied_hash));
	member_said(out, "appliedRevision", span_of(unit->texts.applied_revision));
	member_said(out, "appliedOutput", span_of(unit->texts.applied_output));
	member_time(out, "appliedAt", state->applied_wall_ms);
	member_time(out, "changedAt", state->changed_wall_ms);
	member_flag(out, "declared", state->is_declared);
	text_addf(out, ", \"plan\": {\"hash\": \"%s\", \"risk\": \"%s\", \"create\": %zu, \"update\": %zu, \"destroy\": %zu}",
		  state->plan_hash, state->risk, state->creates, state->updates, state->destroys);
	if (!unit->is_raws)
		print_health(out, state);
	if (state->waiting > 0) {
		text_adds(out, ", \"waiting\": {");
		member_said(out, "for", span_of(unit->texts.waits_for));
		member_said(out, "heldBy", span_of(unit->texts.holders));
		member_time(out, "since", state->waiting_since_wall_ms);
		member_number(out, "resources", state->waiting);
		text_addc(out, '}');
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
	text_addc(out, '{');
	member_said(out, "name", span_of(source->name));
	member_said(out, "revision", span_of(source->revision));
	member_said(out, "error", span_of(source->error));
	member_said(out, "firstError", span_of(source->first_error));
	member_time(out, "polledAt", source->polled_wall_ms);
	member_time(out, "changedAt", source->changed_wall_ms);
	member_number(out, "clusters", source->clusters);
	member_number(out, "documents", source->documents);
	member_number(out, "errors", source->errors);
	member_number(out, "warnings", source->warnings);
	member_flag(out, "complete", source->is_loaded && !source->is_incomplete);
	text_addc(out, '}');
}

static void omni_object(struct text *out, const struct omni_report *omni)
{
	text_addc(out, '{');
	member_said(out, "url", span_of(omni->url));
	member_said(out, "connection", span_of(omni->connection));
	member_said(out, "error", span_of(omni->error));
	member_said(out, "trouble", span_of(omni->trouble));
	member_said(out, "version", span_of(omni->version));
	member_said(out, "instance", span_of(omni->instance));
	member_said(out, "identity", span_of(omni->identity));
	member_time(out, "keyExpiresAt", omni->key_expires_s * 1000);
	member_time(out, "since", omni->since_wall_ms);
	member_flag(out, "up", omni->is_up);
	member_flag(out, "watched", omni->is_watched);
	member_number(out, "resources", omni->resources);
	member_number(out, "readCalls", omni->read_calls);
	member_number(out, "writeCalls", omni->write_calls);
	text_addc(out, '}');
}

static void unmanaged_object(struct text *out, const struct agent_report *report, const struct unmanaged_report *one)
{
	text_addc(out, '{');
	member_said(out, "type", span_of(one->type));
	member_said(out, "id", span_of(one->id));
	member_said(out, "keptBy", span_of(one->kept_by));
	member_said(out, "omni", span_of(report->omnis[one->omni].url));
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
