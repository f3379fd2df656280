/* Statuses of the objects beside an OmniCluster: its parts, and the way to Omni. */
#include <stdlib.h>
#include <string.h>

#include "agent/report/conditions_int.h"
#include "base/timestamp.h"

/* --- OmniControlPlane, OmniWorkers, OmniMachine --------------------------------------------------------------------- */

static const char *name_field(const char *kind)
{
	return strcmp(kind, "OmniWorkers") == 0 ? "workerSetName" : strcmp(kind, "OmniMachine") == 0 ? "machineID" : NULL;
}

/* Attached to its cluster and wrong in itself are two things: the cluster tells of the fault, too. */
static void judge_part(struct draft *draft, const struct status_part *facts, struct span attached)
{
	struct status_faults faults;
	struct text message;
	status_faults_of_diags(&faults, facts->diags, facts->diag_count, DIAG_ERROR);
	text_init(&message, TEXT_NO_LIMIT);
	status_faults_print(&message, &faults);
	draft_value(draft, "lastError", status_fault_json(&faults));
	if (faults.count > 0)
		draft_set(draft, "Validated", "False", "ValidationFailed", text_span(&message));
	else
		draft_drop(draft, "Validated");
	if (faults.count > 0)
		draft_mood(draft, MOOD_STALLED, "ValidationFailed", text_span(&message));
	else
		draft_mood(draft, facts->has_cluster ? MOOD_SETTLED : MOOD_RETRYING, "MissingCluster", attached);
	text_done(&message);
	status_faults_done(&faults);
}

json_t *status_of_part(const struct status_part *facts)
{
	struct draft draft;
	struct text message;
	const char *name = name_field(facts->kind);
	draft_begin(&draft, &facts->object);
	draft_generation(&draft);
	draft_text(&draft, "clusterRef", facts->cluster_ref);
	if (name != NULL)
		draft_text(&draft, name, facts->effective_name);
	text_init(&message, TEXT_NO_LIMIT);
	if (facts->has_cluster)
		text_addf(&message, "attached to OmniCluster \"%.*s\"", SPAN_ARG(facts->cluster_ref));
	else
		text_addf(&message, "OmniCluster \"%.*s\" does not exist", SPAN_ARG(facts->cluster_ref));
	draft_set(&draft, "Accepted", facts->has_cluster ? "True" : "False", facts->has_cluster ? "Accepted" : "MissingCluster",
		  text_span(&message));
	judge_part(&draft, facts, text_span(&message));
	text_done(&message);
	return draft_finish(&draft, NULL, 0);
}

/* --- OmniConnection ------------------------------------------------------------------------------------------------- */

enum { DAY_S = 86400, EXPIRY_DAYS = 30 };

/* The Go operator writes Stalled False where nothing stands still, and so it stays readable for what was made for it. */
static void set_unstalled(struct draft *draft, const char *reason, struct span message)
{
	draft_set(draft, "Stalled", "False", reason, message);
}

static void set_way(struct draft *draft, const char *status, const char *reason, struct span message)
{
	draft_set(draft, "Reachable", status, reason, message);
	draft_set(draft, "Ready", status, reason, message);
}

static void judge_way(struct draft *draft, const struct status_connection *facts)
{
	struct text message;
	const char *reason = facts->is_up ? "ConnectionReady" : "ConnectionFailed";
	bool is_stalled = !facts->is_up && !facts->is_passing;
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, facts->is_up ? "connected to " : "failed to connect to Omni: ");
	text_add(&message, facts->is_up ? facts->url : facts->trouble);
	set_way(draft, facts->is_up ? "True" : "False", reason, text_span(&message));
	if (is_stalled)
		draft_set(draft, "Stalled", "True", reason, text_span(&message));
	else
		set_unstalled(draft, reason, text_span(&message));
	if (!facts->is_up && facts->is_passing)
		draft_set(draft, "Reconciling", "True", "ProgressingWithRetry", text_span(&message));
	else
		draft_drop(draft, "Reconciling");
	text_done(&message);
}

static int compare_spans(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static void judge_waiting(struct draft *draft, const struct status_connection *facts)
{
	struct text message;
	struct span *names = calloc(facts->waits_for_count + 1, sizeof *names);
	if (names == NULL)
		abort();
	for (size_t i = 0; i < facts->waits_for_count; i++)
		names[i] = facts->waits_for[i];
	qsort(names, facts->waits_for_count, sizeof *names, compare_spans);
	text_init(&message, TEXT_NO_LIMIT);
	text_adds(&message, "waiting for OmniCluster references to be deleted: ");
	for (size_t i = 0; i < facts->waits_for_count; i++)
		text_addf(&message, "%s%.*s", i > 0 ? ", " : "", SPAN_ARG(names[i]));
	draft_set(draft, "Ready", "False", "Deleting", text_span(&message));
	draft_set(draft, "Stalled", "True", "Deleting", text_span(&message));
	draft_drop(draft, "Reconciling");
	text_done(&message);
	free(names);
}

static void judge_untried(struct draft *draft)
{
	struct span message = SPAN("waiting to be tried");
	if (draft_has(draft, "Ready", NULL))
		return;
	set_way(draft, "Unknown", "Progressing", message);
	set_unstalled(draft, "Progressing", message);
	draft_set(draft, "Reconciling", "True", "Progressing", message);
}

/* An Omni that answers has not said yet who it is, for a moment: what the same one said last holds until then. */
static bool is_known(const struct status_connection *facts)
{
	return facts->is_up && facts->version.len > 0;
}

/* In a year nobody thinks of the key any more. */
static void judge_key(struct draft *draft, const struct status_connection *facts)
{
	char time[TIMESTAMP_SIZE];
	struct text message;
	int64_t expires_s = status_time_s(draft->status, "keyExpiresAt"), left_s = expires_s - facts->object.now_s;
	if (expires_s == 0 || left_s > (int64_t)EXPIRY_DAYS * DAY_S) {
		draft_drop(draft, "KeyExpiring");
		return;
	}
	timestamp_format(expires_s * 1000, TIMESTAMP_SECONDS, time);
	text_init(&message, TEXT_NO_LIMIT);
	text_addf(&message, "the service account key %s %s: renew it with omnictl serviceaccount renew",
		  left_s <= 0 ? "expired at" : "expires at", time);
	draft_set(draft, "KeyExpiring", "True", left_s <= 0 ? "KeyExpired" : "KeyExpiresSoon", text_span(&message));
	text_done(&message);
}

/* While it is down, what the same Omni said last still tells something. */
static void take_server(struct draft *draft, const struct status_connection *facts)
{
	bool is_other = !span_eq(status_text(draft->object->observed, "endpoint"), facts->endpoint);
	if (is_known(facts) || is_other) {
		draft_text(draft, "serverVersion", facts->version);
		draft_text(draft, "identity", facts->identity);
	}
	if (is_known(facts) || is_other || facts->key_expires_s != 0)
		draft_time(draft, "keyExpiresAt", facts->key_expires_s);
}

json_t *status_of_connection(const struct status_connection *facts)
{
	struct draft draft;
	bool waits = facts->is_deleting && facts->waits_for_count > 0;
	draft_begin(&draft, &facts->object);
	draft_text(&draft, "connectionRef", facts->object.name);
	if (!facts->is_tried && !waits) {
		judge_untried(&draft);
		return draft_finish(&draft, NULL, 0);
	}
	take_server(&draft, facts);
	draft_generation(&draft);
	draft_text(&draft, "endpoint", facts->endpoint);
	if (waits)
		judge_waiting(&draft, facts);
	else
		judge_way(&draft, facts);
	judge_key(&draft, facts);
	return draft_finish(&draft, "lastCheckTime", waits ? 0 : facts->object.now_s);
}
