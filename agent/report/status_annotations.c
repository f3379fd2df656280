/* Annotations of an OmniCluster: for hosts that show and compare annotations, not statuses. */
#include <stdio.h>
#include <string.h>

#include "agent/report/conditions_int.h"
#include "base/timestamp.h"

#define OURS(name) "omni.texashpc.com/" name

enum { SYNC_MESSAGE_SIZE = 1025, DRIFT_SIZE = 80 };

/* Five words for hosts; "": nothing is known yet, and what is there stays. */
static const char *sync_state(const struct status_cluster *facts)
{
	static const char *const names[UNIT_PHASE_COUNT] = {
		[UNIT_PENDING] = "",		  [UNIT_IN_SYNC] = "InSync",   [UNIT_PROGRESSING] = "Progressing",
		[UNIT_OUT_OF_SYNC] = "OutOfSync", [UNIT_HELD] = "OutOfSync",   [UNIT_FROZEN] = "Failed",
		[UNIT_FAILED] = "Failed",	  [UNIT_SUSPENDED] = "Suspended"};
	if (facts->suspends && facts->stage != STATUS_DELETING)
		return "Suspended";
	if (facts->stage == STATUS_NO_CONNECTION || facts->stage == STATUS_AT_FAULT)
		return "Failed";
	if (facts->stage != STATUS_UNIT || facts->unit == NULL)
		return "";
	const struct unit_state *state = &facts->unit->state;
	bool is_old = state->phase == UNIT_IN_SYNC && strcmp(state->template_hash, state->applied_hash) != 0;
	return is_old ? "Progressing" : names[state->phase];
}

/* Puts it into the patch when it is not so already; empty: it has to go. */
static void want(json_t *patch, const json_t *observed, const char *name, struct span value)
{
	struct span now = status_text(observed, name);
	if (span_eq(now, value))
		return;
	json_object_set_new(patch, name, value.len == 0 ? json_null() : status_string(value, STATUS_FIELD_MAX));
}

/* What the status says of it, in one line. */
static void want_message(json_t *patch, const json_t *observed, const struct status_cluster *facts, bool is_well)
{
	char line[SYNC_MESSAGE_SIZE] = "";
	json_t *status = is_well ? NULL : status_of_cluster(facts);
	const json_t *said = status_condition(status, "Suspended");
	said = said == NULL ? status_condition(status, "Ready") : said;
	status_copy(line, sizeof line, status_first_line(status_text(said, "message")));
	want(patch, observed, OURS("sync-message"), span_of(line));
	json_decref(status);
}

static void want_drift(json_t *patch, const json_t *observed, const struct unit_state *state)
{
	char drift[DRIFT_SIZE] = "none";
	if (state->phase == UNIT_OUT_OF_SYNC)
		snprintf(drift, sizeof drift, "+%zu ~%zu -%zu", state->creates, state->updates, state->destroys);
	else if (state->phase != UNIT_IN_SYNC)
		return; /* not looked for, or something else is to be done first */
	want(patch, observed, OURS("drift"), span_of(drift));
}

/* When it was applied is told once for each content: not when the same is restored. */
static void want_applied(json_t *patch, const json_t *observed, const struct unit_report *unit)
{
	const struct unit_state *state = &unit->state;
	char time[TIMESTAMP_SIZE];
	struct span hash = span_of(state->applied_hash);
	if (hash.len == 0)
		return;
	bool is_other = !span_eq(status_text(observed, OURS("applied-hash")), hash);
	want(patch, observed, OURS("applied-hash"), hash);
	want(patch, observed, OURS("applied-revision"), span_of(unit->texts.applied_revision));
	timestamp_format(state->applied_wall_ms, TIMESTAMP_SECONDS, time);
	if (is_other && state->applied_wall_ms != 0)
		want(patch, observed, OURS("applied-at"), span_of(time));
}

json_t *status_annotations(const struct status_cluster *facts, const json_t *observed)
{
	json_t *patch = json_object();
	const char *state = sync_state(facts);
	if (facts->unit != NULL) {
		want_applied(patch, observed, facts->unit);
		if (facts->stage == STATUS_UNIT)
			want_drift(patch, observed, &facts->unit->state);
	}
	if (state[0] == '\0')
		return patch;
	want(patch, observed, OURS("sync-state"), span_of(state));
	want_message(patch, observed, facts, strcmp(state, "InSync") == 0);
	return patch;
}
