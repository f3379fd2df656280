#include "agent/report/state.h"

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
	if (state->has_status)
		text_addf(out, ", \"omniStatus\": {\"phase\": \"%s\", \"ready\": %s}", state->omni_phase,
			  state->is_ready ? "true" : "false");
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
	text_adds(out, "\n], \"clusters\": [");
	for (size_t i = 0; i < report->unit_count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		unit_object(out, &report->units[i]);
	}
	text_adds(out, "\n]}\n");
}
