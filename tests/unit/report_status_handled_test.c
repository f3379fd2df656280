/* Statuses of what handlers look after: what is kept, what moves with what, and the conditions of kstatus beside Ready. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/report/status_handled.h"

enum { NOW_S = 1800000000 };

static json_t *status_with(const json_t *observed, const struct status_handled *facts, const char *status, const char *reason)
{
	const struct status_handled_condition conditions[] = {{"Accepted", "True", "Accepted", SPAN("attached")},
							      {"Ready", status, reason, SPAN("first line\nsecond line")}};
	struct status_handled all = *facts;
	all.object.generation = 3;
	all.object.observed = observed;
	all.object.now_s = NOW_S;
	all.conditions = conditions;
	all.count = 2;
	return status_of_handled(&all);
}

static const char *member(const json_t *status, const char *type, const char *name)
{
	const json_t *list = json_object_get(status, "conditions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (strcmp(json_string_value(json_object_get(one, "type")), type) == 0)
			return json_string_value(json_object_get(one, name));
	}
	return "absent";
}

static void moods(void **state)
{
	static const struct {
		const char *status, *reason;
		bool is_progressing, has_failed;
		const char *reconciling, *stalled;
	} rows[] = {
		{"True", "Synced", false, false, "absent", "absent"},
		{"True", "Synced", true, false, "Progressing", "absent"},
		{"True", "Exported", false, true, "absent", "absent"}, /* what is there works, whatever failed */
		{"False", "SyncFailed", false, true, "ProgressingWithRetry", "absent"},
		{"False", "MissingSecret", false, false, "ProgressingWithRetry", "absent"},
		{"False", "MissingCluster", false, false, "ProgressingWithRetry", "absent"},
		{"False", "SecretConflict", false, false, "absent", "SecretConflict"},
		{"False", "ValidationFailed", false, false, "absent", "ValidationFailed"},
		{"Unknown", "Progressing", false, false, "Progressing", "absent"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct status_handled facts = {.is_progressing = rows[i].is_progressing, .has_failed = rows[i].has_failed};
		json_t *status = status_with(NULL, &facts, rows[i].status, rows[i].reason);
		assert_string_equal(member(status, "Reconciling", "reason"), rows[i].reconciling);
		assert_string_equal(member(status, "Stalled", "reason"), rows[i].stalled);
		assert_int_equal(json_integer_value(json_object_get(status, "observedGeneration")), 3);
		assert_int_equal(status_is_ready(status, 3), strcmp(rows[i].status, "True") == 0);
		assert_false(status_is_ready(status, 4));
		json_decref(status);
	}
}

static void hosts_show_one_line(void **state)
{
	const struct status_handled facts = {0};
	(void)state;
	json_t *status = status_with(NULL, &facts, "False", "SecretConflict");
	assert_string_equal(member(status, "Stalled", "message"), "first line");
	assert_string_equal(member(status, "Ready", "message"), "first line\nsecond line");
	json_decref(status);
}

static json_t *before(void)
{
	return json_pack("{s:i,s:s,s:s,s:[{s:s,s:s,s:i,s:s,s:s,s:s},{s:s,s:s,s:i,s:s,s:s,s:s},{s:s,s:s,s:i,s:s,s:s,s:s}]}", "observedGeneration", 3,
			 "lastHandledReconcileAt", "today", "lastError", "of before", "conditions", "type", "Accepted", "status", "True",
			 "observedGeneration", 3, "lastTransitionTime", "2026-01-01T00:00:00Z", "reason", "Accepted", "message", "attached",
			 "type", "Ready", "status", "True", "observedGeneration", 3, "lastTransitionTime", "2026-01-01T00:00:00Z", "reason",
			 "Synced", "message", "first line\nsecond line", "type", "example.org/Mine", "status", "True", "observedGeneration", 1,
			 "lastTransitionTime", "2026-01-01T00:00:00Z", "reason", "Whatever", "message", "");
}

static void nothing_new_is_the_same_status(void **state)
{
	json_t *observed = before(), *fields = json_pack("{s:s}", "lastError", "of before");
	const struct status_handled as_observed = {0}, with_fields = {.fields = fields};
	(void)state;
	json_t *status = status_with(observed, &as_observed, "True", "Synced");
	assert_true(json_equal(status, observed));
	json_decref(status);
	status = status_with(observed, &with_fields, "True", "Synced");
	assert_true(json_equal(status, observed));
	json_decref(status);
	json_decref(fields);
	json_decref(observed);
}

static void fields_are_all_there_are(void **state)
{
	json_t *observed = before(), *fields = json_pack("{s:s,s:[]}", "secretHash", "abc", "conditions");
	const struct status_handled facts = {.fields = fields};
	(void)state;
	json_t *status = status_with(observed, &facts, "False", "SyncFailed");
	assert_null(json_object_get(status, "lastError"));
	assert_string_equal(json_string_value(json_object_get(status, "secretHash")), "abc");
	assert_string_equal(json_string_value(json_object_get(status, "lastHandledReconcileAt")), "today");
	assert_string_equal(member(status, "Accepted", "lastTransitionTime"), "2026-01-01T00:00:00Z");
	assert_string_equal(member(status, "Ready", "lastTransitionTime"), "2027-01-15T08:00:00Z");
	assert_string_equal(member(status, "example.org/Mine", "reason"), "Whatever");
	json_decref(status);
	json_decref(fields);
	json_decref(observed);
}

static void suspended_it_is_neither_better_nor_worse(void **state)
{
	json_t *observed = before();
	const struct status_handled suspended = {.object = {.generation = 3, .observed = observed, .now_s = NOW_S}, .is_suspended = true};
	const struct status_handled facts = {0};
	(void)state;
	json_t *status = status_of_handled(&suspended);
	assert_string_equal(member(status, "Suspended", "status"), "True");
	assert_string_equal(member(status, "Ready", "reason"), "Synced");
	assert_string_equal(json_string_value(json_object_get(status, "lastError")), "of before");
	json_t *after = status_with(status, &facts, "True", "Synced");
	assert_true(json_equal(after, observed));
	json_decref(after);
	json_decref(status);
	json_decref(observed);
}

static void requests(void **state)
{
	uint64_t tokens[2] = {0};
	json_t *none = json_object(), *ours = json_pack("{s:s}", "omni.texashpc.com/requested-at", "one");
	json_t *both = json_pack("{s:s,s:s}", "omni.texashpc.com/requested-at", "one", "reconcile.fluxcd.io/requestedAt", "two");
	json_t *handled = json_pack("{s:s}", "lastHandledReconcileAt", "one");
	(void)state;
	assert_span(status_requested(none, none, tokens), "");
	assert_span(status_requested(ours, none, tokens), "one");
	assert_span(status_requested(ours, handled, tokens), "one");
	assert_span(status_requested(both, handled, tokens), "two"); /* the one that is new */
	memset(tokens, 0, sizeof tokens);
	assert_span(status_requested(both, handled, tokens), "one"); /* after a start: one of them was handled */
	memset(tokens, 0, sizeof tokens);
	assert_span(status_requested(ours, none, tokens), "one");
	json_decref(none);
	json_decref(ours);
	json_decref(both);
	json_decref(handled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moods),
		cmocka_unit_test(hosts_show_one_line),
		cmocka_unit_test(nothing_new_is_the_same_status),
		cmocka_unit_test(fields_are_all_there_are),
		cmocka_unit_test(suspended_it_is_neither_better_nor_worse),
		cmocka_unit_test(requests),
	};
	return RUN_TESTS(tests);
}
