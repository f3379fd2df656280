/* The conditions of an OmniCluster. */
#include "agent/report/conditions.h"

#include <string.h>

#include "agent/report/conditions_fields.h"

#define READY_TEXT "cluster template is synced and status was read from Omni"
#define UNHEALTHY_TEXT "cluster is not healthy"

typedef void (*judge_fn)(struct draft *draft, const struct status_cluster *facts);

static struct span message_of(const struct status_cluster *facts)
{
	return span_of(facts->unit->texts.message);
}

/* --- pieces --------------------------------------------------------------------------------------------------------- */

static void set_error(struct draft *draft, struct span object, struct span message)
{
	draft_value(draft, "lastError", status_error_json(object, message));
}

/* Synced and Ready fail for the same reason. */
static void fail_both(struct draft *draft, const char *reason, struct span message, enum draft_mood mood)
{
	draft_set(draft, "Synced", "False", reason, message);
	draft_ready(draft, "False", reason, message, mood);
}

/* Neither is known before it is done. */
static void go_on(struct draft *draft, struct span message)
{
	draft_set(draft, "Synced", "Unknown", "Progressing", message);
	draft_ready(draft, "Unknown", "Progressing", message, MOOD_WORKING);
}

/* Its declarations hold; what is odd about them is told all the same. */
static void set_valid(struct draft *draft, const struct status_cluster *facts)
{
	struct status_faults warnings;
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, "rendered Omni cluster template is valid");
	status_faults_of_diags(&warnings, facts->diags, facts->diag_count, DIAG_WARNING);
	for (size_t i = 0; i < warnings.count; i++) {
		const struct status_fault *one = &warnings.items[i];
		text_addf(&message, "\n- warning: %.*s: %.*s%s%.*s", SPAN_ARG(one->object), SPAN_ARG(one->path),
			  one->path.len > 0 ? ": " : "", SPAN_ARG(one->message));
	}
	draft_set(draft, "Validated", "True", "Validated", text_span(&message));
	status_faults_done(&warnings);
	text_done(&message);
}

static bool has_one_control_plane(const struct status_cluster *facts)
{
	return facts->control_planes == 1 || facts->control_plane.len > 0;
}

/* --- before it is applied ------------------------------------------------------------------------------------------- */

/* Whoever waits for it must not take it for done; what was found before a restart still holds. */
static void judge_new(struct draft *draft, const struct status_cluster *facts)
{
	(void)facts;
	if (!draft_has(draft, "Ready", NULL))
		draft_ready(draft, "Unknown", "Progressing", SPAN("waiting to be looked at"), MOOD_WORKING);
}

static void judge_no_connection(struct draft *draft, const struct status_cluster *facts)
{
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_addf(&message, "failed to get OmniConnection \"%.*s\": OmniConnection.omni.texashpc.com \"%.*s\" not found",
		  SPAN_ARG(facts->connection), SPAN_ARG(facts->connection));
	fail_both(draft, "MissingConnection", text_span(&message), MOOD_RETRYING);
	set_error(draft, SPAN(""), text_span(&message));
	text_done(&message);
}

/* Which: the only control plane may be on its way here, one too many goes only when somebody takes it away. */
static const char *print_invalid(struct text *out, const struct status_cluster *facts, const struct status_faults *faults)
{
	if (has_one_control_plane(facts)) {
		status_faults_print(out, faults);
		if (faults->count == 0)
			text_add(out, facts->detail.len > 0 ? facts->detail : SPAN("the declaration cannot be rendered"));
		return "ValidationFailed";
	}
	text_addf(out, "expected exactly one OmniControlPlane referencing %.*s/%.*s, found %zu", SPAN_ARG(facts->object.ns),
		  SPAN_ARG(facts->object.name), facts->control_planes);
	if (faults->count > 0)
		text_addc(out, '\n');
	status_faults_print(out, faults);
	return "MissingTemplate";
}

/* Validated alone. */
static void set_invalid(struct draft *draft, const struct status_cluster *facts)
{
	struct status_faults faults;
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	status_faults_of_diags(&faults, facts->diags, facts->diag_count, DIAG_ERROR);
	const char *reason = print_invalid(&message, facts, &faults);
	draft_set(draft, "Validated", "False", reason, text_span(&message));
	draft_value(draft, "lastError", faults.count > 0 ? status_fault_json(&faults)
							 : status_error_json(SPAN(""), text_span(&message)));
	text_done(&message);
	status_faults_done(&faults);
}

static void judge_faults(struct draft *draft, const struct status_cluster *facts)
{
	bool may_come = !has_one_control_plane(facts) && facts->control_planes == 0;
	set_invalid(draft, facts);
	json_t *validated = json_deep_copy(draft_condition(draft, "Validated"));
	draft_ready(draft, "False", json_string_value(json_object_get(validated, "reason")), status_text(validated, "message"),
		    may_come ? MOOD_WORKING : MOOD_STALLED);
	json_decref(validated);
	/* What is in Omni is the last that was good: not what is declared. */
	if (draft_has(draft, "Synced", NULL))
		draft_set(draft, "Synced", "False", "ValidationFailed",
			  SPAN("what is declared has errors and is not applied; the last good state stays in Omni"));
}

/* --- what came of a unit -------------------------------------------------------------------------------------------- */

static void judge_pending(struct draft *draft, const struct status_cluster *facts)
{
	set_valid(draft, facts);
	draft_ready(draft, "Unknown", "Progressing", SPAN("waiting for its turn"), MOOD_WORKING);
}

/* It was ready, and nothing was asked of it since: nobody works on it, it lost its health. */
static bool lost_health(const struct draft *draft, const struct unit_state *state)
{
	const json_t *before = draft->object->observed;
	bool was_ready = draft_has(draft, "Ready", "True") ||
			 (draft_is_because(draft, "Ready", "StatusFailed") && !draft_has(draft, "Reconciling", "True"));
	return was_ready && state->is_confirmed && state->omni.health == HEALTH_NOT_READY &&
	       json_equal(json_object_get(before, "lastSyncTime"), json_object_get(draft->status, "lastSyncTime")) &&
	       json_equal(json_object_get(before, "observedGeneration"), json_object_get(draft->status, "observedGeneration"));
}

static void judge_unhealthy(struct draft *draft, const struct unit_state *state)
{
	const struct unit_health *omni = &state->omni;
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, UNHEALTHY_TEXT ": ");
	if (omni->health == HEALTH_UNKNOWN)
		text_adds(&message, "Omni has not told its status yet");
	else if (omni->code[0] == '\0')
		text_adds(&message, "what was applied has not been seen in Omni yet");
	else
		text_addf(&message, "%s: %s", omni->code, omni->reason);
	enum draft_mood mood = lost_health(draft, state) ? MOOD_SETTLED : MOOD_WORKING;
	draft_ready(draft, "False", "StatusFailed", text_span(&message), mood);
	text_done(&message);
}

static void judge_in_sync(struct draft *draft, const struct status_cluster *facts)
{
	const struct unit_state *state = &facts->unit->state;
	bool was_synced = draft_has(draft, "Synced", "True");
	if (strcmp(state->template_hash, state->applied_hash) != 0) {
		go_on(draft, SPAN("what is declared now has not been applied yet"));
		return;
	}
	draft_set(draft, "Synced", "True", "Synced", SPAN("template synced to Omni"));
	fields_applied(draft, facts, was_synced);
	if (unit_is_ready(state))
		draft_ready(draft, "True", "Synced", SPAN(READY_TEXT), MOOD_SETTLED);
	else
		judge_unhealthy(draft, state);
}

static void judge_progressing(struct draft *draft, const struct status_cluster *facts)
{
	go_on(draft, message_of(facts));
}

static void judge_out_of_sync(struct draft *draft, const struct status_cluster *facts)
{
	fail_both(draft, "OutOfSync", message_of(facts), MOOD_STALLED);
}

/* The message begins with the hash and why; here an annotation on the object approves, too. */
static void judge_held(struct draft *draft, const struct status_cluster *facts)
{
	const struct unit_state *state = &facts->unit->state;
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, facts->unit->texts.message);
	if (state->plan_hash[0] != '\0')
		text_addf(&message, "\nor with: kubectl -n %.*s annotate --overwrite omnicluster %.*s omni.texashpc.com/approve=%.16s",
			  SPAN_ARG(facts->object.ns), SPAN_ARG(facts->object.name), state->plan_hash);
	fail_both(draft, "PlanHeld", text_span(&message), MOOD_STALLED);
	text_done(&message);
}

static void judge_frozen(struct draft *draft, const struct status_cluster *facts)
{
	fail_both(draft, "Frozen", message_of(facts), MOOD_RETRYING);
	set_error(draft, SPAN(""), message_of(facts));
}

static void judge_failed(struct draft *draft, const struct status_cluster *facts)
{
	const struct unit_state *state = &facts->unit->state;
	struct status_faults faults;
	struct text message;
	status_faults_of_json(&faults, facts->unit->errors);
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, "sync failed: ");
	if (faults.count > 0)
		status_faults_print(&message, &faults);
	else
		text_adds(&message, facts->unit->texts.message);
	fail_both(draft, "SyncFailed", text_span(&message), state->is_final ? MOOD_STALLED : MOOD_RETRYING);
	draft_value(draft, "lastError", faults.count > 0 ? status_fault_json(&faults)
							 : status_error_json(SPAN(""), message_of(facts)));
	text_done(&message);
	status_faults_done(&faults);
}

static const judge_fn phases[UNIT_PHASE_COUNT] = {
	[UNIT_PENDING] = judge_pending,	    [UNIT_IN_SYNC] = judge_in_sync, [UNIT_PROGRESSING] = judge_progressing,
	[UNIT_OUT_OF_SYNC] = judge_out_of_sync, [UNIT_HELD] = judge_held,	    [UNIT_FROZEN] = judge_frozen,
	[UNIT_FAILED] = judge_failed,
};

/* After a restart every unit begins anew, and what was found before it still holds: it is told when there is news. */
static bool is_told(const struct draft *draft, const struct status_cluster *facts)
{
	return facts->unit == NULL || (facts->unit->state.phase == UNIT_PENDING && draft_has(draft, "Ready", NULL) &&
				       draft_has(draft, "Validated", "True"));
}

static void judge_unit(struct draft *draft, const struct status_cluster *facts)
{
	set_valid(draft, facts);
	draft_value(draft, "lastError", NULL);
	phases[facts->unit->state.phase](draft, facts);
}

/* --- beside the work ------------------------------------------------------------------------------------------------ */

static void judge_deleting(struct draft *draft, const struct status_cluster *facts)
{
	struct span detail = facts->detail.len > 0 ? facts->detail : SPAN("the cluster is being destroyed in Omni");
	if (facts->is_stuck) {
		draft_ready(draft, "False", "DeleteFailed", detail, MOOD_RETRYING);
		set_error(draft, SPAN(""), detail);
		return;
	}
	draft_ready(draft, "False", "Deleting", detail, MOOD_WORKING);
	draft_value(draft, "lastError", NULL);
}

static bool is_suspended(const struct status_cluster *facts)
{
	bool says_unit = facts->stage == STATUS_UNIT && facts->unit != NULL && facts->unit->state.phase == UNIT_SUSPENDED;
	return facts->stage != STATUS_DELETING && (facts->suspends || says_unit);
}

/* Ready stays what it was, and so does Stalled: a cluster does not become worse by being left alone, nor better. */
static void judge_suspended(struct draft *draft, const struct status_cluster *facts)
{
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	bool is_said = !facts->suspends && span_starts(message_of(facts), "suspended");
	text_addf(&message, "remote Omni sync is %s", is_said ? facts->unit->texts.message : "suspended");
	draft_generation(draft);
	if (facts->stage == STATUS_AT_FAULT) {
		set_invalid(draft, facts);
	} else if (facts->stage == STATUS_UNIT) {
		if (draft_has(draft, "Validated", "False"))
			draft_value(draft, "lastError", NULL);
		set_valid(draft, facts);
	}
	draft_drop(draft, "Reconciling");
	draft_set(draft, "Suspended", "True", "Suspended", text_span(&message));
	if (!draft_has(draft, "Ready", NULL))
		draft_set(draft, "Ready", "Unknown", "Suspended", text_span(&message));
	text_done(&message);
}

static const judge_fn stages[] = {
	[STATUS_NO_CONNECTION] = judge_no_connection,
	[STATUS_AT_FAULT] = judge_faults,
	[STATUS_UNIT] = judge_unit,
	[STATUS_DELETING] = judge_deleting,
};

/* When Omni was last asked; stages that do not ask leave that alone. */
static int64_t attempt_s(const struct status_cluster *facts)
{
	static const bool asks[UNIT_PHASE_COUNT] = {[UNIT_IN_SYNC] = true, [UNIT_PROGRESSING] = true, [UNIT_OUT_OF_SYNC] = true,
						    [UNIT_HELD] = true,	   [UNIT_FAILED] = true};
	bool has_asked = facts->stage == STATUS_UNIT && facts->unit != NULL && asks[facts->unit->state.phase];
	return has_asked ? fields_attempt_s(facts) : 0;
}

json_t *status_of_cluster(const struct status_cluster *facts)
{
	struct draft draft;
	draft_begin(&draft, &facts->object);
	if (facts->cluster.len > 0)
		draft_text(&draft, "clusterName", facts->cluster);
	if (is_suspended(facts)) {
		judge_suspended(&draft, facts);
		return draft_finish(&draft, NULL, 0);
	}
	if (facts->stage == STATUS_NEW || (facts->stage == STATUS_UNIT && is_told(&draft, facts))) {
		judge_new(&draft, facts);
		return draft_finish(&draft, NULL, 0);
	}
	draft_drop(&draft, "Suspended");
	if (facts->stage != STATUS_UNIT || facts->unit->state.phase != UNIT_PENDING)
		draft_generation(&draft);
	fields_rendered(&draft, facts);
	if (facts->unit != NULL) {
		fields_health(&draft, &facts->unit->state);
		fields_work(&draft, facts->unit);
	}
	stages[facts->stage](&draft, facts);
	return draft_finish(&draft, "lastAttemptTime", attempt_s(facts));
}
