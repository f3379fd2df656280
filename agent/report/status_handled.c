#include "agent/report/status_handled.h"

#include <string.h>

#include "agent/report/conditions_int.h"

/* --- requests ------------------------------------------------------------------------------------------------------------- */

enum { TOKEN_MAX = 1024 };

struct span status_requested(const json_t *annotations, const json_t *observed, uint64_t tokens[2])
{
	static const char *const names[2] = {"reconcile.fluxcd.io/requestedAt", "omni.texashpc.com/requested-at"};
	struct span before = status_text(observed, "lastHandledReconcileAt"), asked = {0};
	bool is_first = tokens[0] == 0 && tokens[1] == 0, is_known = false;
	for (size_t i = 2; i-- > 0;) {
		struct span token = status_text(annotations, names[i]);
		if (token.len > TOKEN_MAX)
			token = (struct span){0};
		uint64_t digest = token.len == 0 ? 0 : digest_local(token);
		if (token.len > 0 && digest != tokens[i])
			asked = token;
		is_known |= token.len > 0 && span_eq(token, before);
		tokens[i] = digest;
	}
	/* After a start: handled by the process before this one, or never. */
	return asked.len == 0 || (is_first && is_known) ? before : asked;
}

/* --- the status -------------------------------------------------------------------------------------------------------------- */

/* Everything but what is ours whatever the kind. */
static void take_fields(struct draft *draft, const json_t *fields)
{
	static const char *const kept[] = {"conditions", "observedGeneration", "lastHandledReconcileAt"};
	json_t *rest = json_object();
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (json_object_get(draft->status, kept[i]) != NULL)
			json_object_set(rest, kept[i], json_object_get(draft->status, kept[i]));
	json_decref(draft->status);
	draft->status = rest;
	json_object_update_missing(draft->status, (json_t *)fields);
}

/* What somebody else is expected to bring: a person who made things in another order has nothing to mend. */
static bool waits_for_another(const struct draft *draft)
{
	static const char *const reasons[] = {"MissingCluster", "MissingConnection", "MissingSecret", "DependencyNotReady"};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (draft_is_because(draft, "Ready", reasons[i]))
			return true;
	return false;
}

static enum draft_mood mood_of(const struct draft *draft, const struct status_handled *facts)
{
	if (facts->is_progressing)
		return MOOD_WORKING;
	if (draft_has(draft, "Ready", "True"))
		return MOOD_SETTLED;
	if (facts->has_failed || waits_for_another(draft))
		return MOOD_RETRYING;
	return draft_has(draft, "Ready", "Unknown") ? MOOD_WORKING : MOOD_STALLED;
}

static void judge(struct draft *draft, const struct status_handled *facts)
{
	for (size_t i = 0; i < facts->count; i++) {
		const struct status_handled_condition *one = &facts->conditions[i];
		draft_set(draft, one->type, one->status, one->reason, one->message);
	}
	if (!draft_has(draft, "Ready", NULL))
		draft_set(draft, "Ready", "Unknown", "Progressing", SPAN("waiting to be looked at"));
	const json_t *ready = draft_condition(draft, "Ready");
	json_t *copy = json_deep_copy(ready);
	draft_mood(draft, mood_of(draft, facts), json_string_value(json_object_get(copy, "reason")), status_text(copy, "message"));
	json_decref(copy);
}

static void judge_suspended(struct draft *draft)
{
	struct span message = SPAN("suspended: nothing is done about it; what is there stays as it is");
	draft_drop(draft, "Reconciling");
	draft_set(draft, "Suspended", "True", "Suspended", message);
	if (!draft_has(draft, "Ready", NULL))
		draft_set(draft, "Ready", "Unknown", "Suspended", message);
}

json_t *status_of_handled(const struct status_handled *facts)
{
	struct draft draft;
	draft_begin(&draft, &facts->object);
	draft_generation(&draft);
	if (facts->is_suspended) {
		judge_suspended(&draft);
		return draft_finish(&draft, NULL, 0);
	}
	draft_drop(&draft, "Suspended");
	if (facts->fields != NULL)
		take_fields(&draft, facts->fields);
	judge(&draft, facts);
	return draft_finish(&draft, NULL, 0);
}

bool status_is_ready(const json_t *status, int64_t generation)
{
	const json_t *ready = status_condition(status, "Ready");
	int64_t observed = json_integer_value(json_object_get(status, "observedGeneration"));
	return span_is(status_text(ready, "status"), "True") && (generation == 0 || observed == generation);
}
