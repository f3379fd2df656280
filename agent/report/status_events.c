#include "agent/report/status_events.h"

#include <stdio.h>
#include <string.h>

#include "agent/report/conditions_int.h"

/* What has to be new about a condition. */
enum occasion {
	ON_CHANGE, /* its status, reason or message */
	ON_REASON, /* its status or reason */
	ON_FLIP,   /* its status, from another one that was told before */
	ON_SYNC,   /* something was applied */
	ON_END,    /* the condition is gone */
};

static const struct row {
	const char *kind; /* NULL: every */
	const char *condition, *status, *reason; /* reason NULL: any */
	enum occasion occasion;
	const char *type, *event, *action;
} rows[] = {
	{"OmniCluster", "Synced", "True", NULL, ON_SYNC, "Normal", "Synced", "Apply"},
	{"OmniCluster", "Synced", "False", "SyncFailed", ON_CHANGE, "Warning", "SyncFailed", "Apply"},
	{"OmniCluster", "Synced", "False", "PlanHeld", ON_CHANGE, "Warning", "PlanHeld", "Plan"},
	{"OmniCluster", "Synced", "False", "OutOfSync", ON_CHANGE, "Warning", "OutOfSync", "Compare"},
	{"OmniCluster", "Synced", "False", "Frozen", ON_CHANGE, "Warning", "Frozen", "Render"},
	{"OmniCluster", "Synced", "False", "MissingConnection", ON_CHANGE, "Warning", "MissingConnection", "Connect"},
	{NULL, "Validated", "False", NULL, ON_CHANGE, "Warning", NULL, "Validate"},
	{NULL, "Accepted", "False", NULL, ON_CHANGE, "Warning", NULL, "Attach"},
	{"OmniCluster", "Ready", "True", NULL, ON_REASON, "Normal", "Ready", "Watch"},
	{"OmniCluster", "Ready", "False", "StatusFailed", ON_FLIP, "Warning", "NotReady", "Watch"},
	{NULL, "Ready", "False", "Deleting", ON_CHANGE, "Normal", "Deleting", "Delete"},
	{NULL, "Ready", "False", "DeleteFailed", ON_CHANGE, "Warning", "DeleteFailed", "Delete"},
	{"OmniCluster", "Suspended", "True", NULL, ON_REASON, "Normal", "Suspended", "Suspend"},
	{"OmniCluster", "Suspended", "True", NULL, ON_END, "Normal", "Resumed", "Resume"},
	{"OmniConnection", "Ready", "True", NULL, ON_REASON, "Normal", "ConnectionReady", "Connect"},
	{"OmniConnection", "Ready", "False", "ConnectionFailed", ON_CHANGE, "Warning", "ConnectionFailed", "Connect"},
	{"OmniConnection", "KeyExpiring", "True", NULL, ON_REASON, "Warning", NULL, "Connect"},
	/* What was done tells itself; these stand for what was not. */
	{"OmniKubeconfigExport", "Exported", "False", NULL, ON_CHANGE, "Warning", NULL, "Export"},
	{"OmniSecretSync", "Synced", "False", NULL, ON_CHANGE, "Warning", NULL, "Sync"},
	{"OmniHelmRelease", "Released", "False", NULL, ON_CHANGE, "Warning", NULL, "Release"},
};

/* Nothing went wrong, or another row tells it already. */
static bool is_quiet(const struct row *row, const json_t *condition)
{
	static const char *const reasons[] = {"MissingCluster", "Progressing", "HelmUninstalled", "Deleting", "DeleteFailed"};
	bool is_of_handler = row->event == NULL && row->kind != NULL && row->occasion == ON_CHANGE;
	for (size_t i = 0; is_of_handler && i < sizeof reasons / sizeof *reasons; i++)
		if (span_is(status_text(condition, "reason"), reasons[i]))
			return true;
	return false;
}

static bool same(const json_t *a, const json_t *b, const char *member)
{
	return json_equal(json_object_get(a, member), json_object_get(b, member));
}

static bool is_as(const struct row *row, const json_t *condition)
{
	return condition != NULL && span_is(status_text(condition, "status"), row->status) &&
	       (row->reason == NULL || span_is(status_text(condition, "reason"), row->reason));
}

static bool is_occasion(const struct row *row, const json_t *old, const json_t *now)
{
	const json_t *before = status_condition(old, row->condition), *after = status_condition(now, row->condition);
	if (row->occasion == ON_END)
		return is_as(row, before) && after == NULL;
	if (!is_as(row, after) || is_quiet(row, after))
		return false;
	switch (row->occasion) {
	case ON_CHANGE: return !same(before, after, "status") || !same(before, after, "reason") || !same(before, after, "message");
	case ON_REASON: return !same(before, after, "status") || !same(before, after, "reason");
	case ON_FLIP: return span_is(status_text(before, "status"), "True");
	default: return !same(old, now, "lastSyncTime");
	}
}

static void print_note(struct text *note, const struct row *row, const json_t *old, const json_t *now)
{
	const json_t *condition = status_condition(row->occasion == ON_END ? old : now, row->condition);
	struct span output = status_text(now, "lastSyncOutput");
	if (row->occasion == ON_END) {
		text_adds(note, "work on the cluster goes on");
		return;
	}
	text_add(note, status_text(condition, "message"));
	if (row->occasion == ON_SYNC && output.len > 0)
		text_addf(note, "\n%.*s", SPAN_ARG(output));
}

/* Reasons of conditions that an event takes over. */
static const char *event_reason(const struct row *row, const json_t *now)
{
	static const char *const known[] = {"ValidationFailed",	"MissingTemplate", "MissingCluster",  "KeyExpiresSoon",    "KeyExpired",
					    "MissingConnection", "MissingSecret",   "MissingSource",   "SecretConflict",    "SecretUnreadable",
					    "ExportFailed",	 "SyncFailed",	    "ReconcileFailed", "DependencyNotReady", "RetriesExceeded",
					    "TargetChanged"};
	struct span reason = status_text(status_condition(now, row->condition), "reason");
	for (size_t i = 0; row->event == NULL && i < sizeof known / sizeof *known; i++)
		if (span_is(reason, known[i]))
			return known[i];
	return row->event == NULL ? row->condition : row->event;
}

size_t status_events(const char *kind, const json_t *old, const json_t *now, struct status_event out[STATUS_EVENTS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows && count < STATUS_EVENTS_MAX; i++) {
		const struct row *row = &rows[i];
		struct text note;
		if ((row->kind != NULL && strcmp(row->kind, kind) != 0) || !is_occasion(row, old, now))
			continue;
		text_init(&note, TEXT_NO_LIMIT);
		print_note(&note, row, old, now);
		out[count] = (struct status_event){.type = row->type, .reason = event_reason(row, now), .action = row->action};
		status_copy(out[count++].note, STATUS_EVENT_NOTE, text_span(&note));
		text_done(&note);
	}
	return count;
}

void status_event_gone(struct span cluster, bool is_orphan, struct status_event *out)
{
	struct text note;
	text_init(&note, TEXT_NO_LIMIT);
	text_addf(&note, is_orphan ? "cluster %.*s was left in Omni as it is (deletePolicy.orphan)" : "cluster %.*s was destroyed in Omni",
		  SPAN_ARG(cluster));
	*out = (struct status_event){.type = "Normal", .reason = is_orphan ? "Orphaned" : "Deleted", .action = "Delete"};
	status_copy(out->note, STATUS_EVENT_NOTE, text_span(&note));
	text_done(&note);
}

void status_event_note(struct status_event *event, struct span note)
{
	status_copy(event->note, STATUS_EVENT_NOTE, note);
}
