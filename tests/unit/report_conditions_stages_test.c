/* Every stage of an object, as nobody recorded it: what the readers of its status make of it, that nothing is written twice,
 * and that what others wrote stays. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/report/conditions.h"
#include "base/cleanup.h"
#include "crds/kinds.h"
#include "tests/unit/golden.h"
#include "tests/unit/status_judge.h"
#include "tests/unit/test.h"

#define HASH "5bfe131fa7ac2dfcd121e3ddbf1110e5a5bf4e1d09364103b914220b2386ef47"
#define PLAN "a1b2c3d4e5f60718a1b2c3d4e5f60718a1b2c3d4e5f60718a1b2c3d4e5f60718"
#define NOW 1795274469

struct bench {
	struct status_cluster facts;
	struct unit_report unit;
	struct diag fault;
	const struct diag *faults[1];
	struct span workers[1];
};

static void set(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}
#define SET(place, text) set((place), sizeof(place), (text))

static void init(struct bench *bench)
{
	struct unit_state *state = &bench->unit.state;
	memset(bench, 0, sizeof *bench);
	bench->workers[0] = SPAN("deck");
	bench->faults[0] = &bench->fault;
	bench->fault = (struct diag){.object = SPAN("OmniWorkers/deck"), .path = SPAN("spec.machines[0]"), .code = "InvalidValue",
				     .message = SPAN("is no UUID"), .hint = SPAN("copy it from Omni")};
	bench->facts = (struct status_cluster){
		.object = {.ns = SPAN("omni"), .name = SPAN("harbor"), .generation = 3, .now_s = NOW},
		.stage = STATUS_UNIT, .unit = &bench->unit, .cluster = SPAN("harbor"), .connection = SPAN("lab"),
		.endpoint = SPAN("https://omni.example.com"), .template_hash = SPAN(HASH), .control_plane = SPAN("cp"),
		.workers = bench->workers, .worker_count = 1, .control_planes = 1, .diags = bench->faults};
	state->phase = UNIT_IN_SYNC;
	state->is_declared = state->is_confirmed = true;
	SET(state->template_hash, HASH);
	SET(state->applied_hash, HASH);
	SET(bench->unit.texts.applied_revision, "kubernetes@4711");
	SET(state->plan_hash, PLAN); /* of the last plan, whatever came of it */
	state->changed_wall_ms = NOW * 1000LL;
	state->omni = (struct unit_health){.health = HEALTH_READY, .phase = "RUNNING", .machines_wanted = 3, .machines = 3,
					   .machines_healthy = 3, .machines_connected = 3, .sets = 1, .sets_ready = 1};
}

/* --- the stages ----------------------------------------------------------------------------------------------------- */

static void at(struct bench *b, enum unit_phase phase, const char *message)
{
	b->unit.state.phase = phase;
	b->unit.state.is_confirmed = phase == UNIT_IN_SYNC;
	SET(b->unit.texts.message, message);
}

static void unhealthy(struct bench *b)
{
	struct unit_health *omni = &b->unit.state.omni;
	omni->health = HEALTH_NOT_READY;
	omni->machines_healthy = 2;
	SET(omni->code, "MachineSetNotReady");
	SET(omni->reason, "deck runs, and not all of its machines do");
}

static void make_new(struct bench *b) { b->facts.stage = STATUS_NEW, b->facts.unit = NULL; }
static void make_pending(struct bench *b) { at(b, UNIT_PENDING, ""), b->unit.state.omni = (struct unit_health){0}; }
static void make_ready(struct bench *b) { (void)b; }
static void make_unseen(struct bench *b) { b->unit.state.is_confirmed = false; }
static void make_silent(struct bench *b) { b->unit.state.omni = (struct unit_health){0}; }
static void make_unhealthy(struct bench *b) { unhealthy(b); }
static void make_other(struct bench *b) { SET(b->unit.state.template_hash, PLAN); }
static void make_frozen(struct bench *b) { at(b, UNIT_FROZEN, "the API server does not answer"); }
static void make_failed(struct bench *b) { at(b, UNIT_FAILED, "Unavailable: connection refused"); }
static void make_refused(struct bench *b) { make_failed(b), b->unit.state.is_final = true; }
static void make_suspended(struct bench *b) { at(b, UNIT_SUSPENDED, "suspended by the declaration"), b->facts.suspends = true; }
static void make_away(struct bench *b) { b->facts.stage = STATUS_NO_CONNECTION, b->facts.unit = NULL; }
static void make_deleting(struct bench *b) { b->facts.stage = STATUS_DELETING; }

static void make_waiting(struct bench *b)
{
	at(b, UNIT_PROGRESSING, "1 operations done, 2 wait for Omni");
	b->unit.state.waiting = 2;
	b->unit.state.waiting_since_wall_ms = NOW * 1000LL;
	SET(b->unit.texts.waits_for, "MachineSets.omni.sidero.dev(harbor-deck)");
	SET(b->unit.texts.holders, "MachineSetStatusController");
}

static void planned(struct bench *b)
{
	SET(b->unit.state.risk, "critical");
	b->unit.state.destroys = 4;
}

static void make_held(struct bench *b)
{
	at(b, UNIT_HELD, "plan a1b2c3d4e5f60718 is held: it destroys a machine set; approve it with: omniops approve harbor "
			 "a1b2c3d4e5f60718");
	planned(b);
}

static void make_drifted(struct bench *b)
{
	at(b, UNIT_OUT_OF_SYNC, "changed in Omni: +0 ~0 -4; only reported (--drift report)");
	planned(b);
}

static void make_faulty(struct bench *b)
{
	b->facts.stage = STATUS_AT_FAULT;
	b->facts.diag_count = 1;
}

static void make_stuck(struct bench *b)
{
	b->facts.stage = STATUS_DELETING;
	b->facts.is_stuck = true;
	b->facts.detail = SPAN("cannot delete remote Omni cluster without OmniConnection \"lab\"");
}

static const struct stage {
	const char *name;
	void (*make)(struct bench *bench);
	const char *ready, *reason;
	const char *kstatus, *argo;	/* of an object that was not seen before */
	const char *after_ready; /* kstatus when it was ready before */
	bool keeps; /* Ready of before stays */
} stages[] = {
	{"new", make_new, "Unknown", "Progressing", "InProgress", "Progressing", "Current", true},
	{"pending", make_pending, "Unknown", "Progressing", "InProgress", "Progressing", "Current", true},
	{"ready", make_ready, "True", "Synced", "Current", "Healthy", "Current", false},
	{"not yet seen in Omni", make_unseen, "False", "StatusFailed", "InProgress", "Progressing", "InProgress", false},
	{"Omni is silent", make_silent, "False", "StatusFailed", "InProgress", "Progressing", "InProgress", false},
	{"coming up", make_unhealthy, "False", "StatusFailed", "InProgress", "Progressing", "InProgress", false},
	{"declared anew", make_other, "Unknown", "Progressing", "InProgress", "Progressing", "InProgress", false},
	{"waiting for Omni", make_waiting, "Unknown", "Progressing", "InProgress", "Progressing", "InProgress", false},
	{"held", make_held, "False", "PlanHeld", "Failed", "Degraded", "Failed", false},
	{"out of sync", make_drifted, "False", "OutOfSync", "Failed", "Degraded", "Failed", false},
	{"frozen", make_frozen, "False", "Frozen", "InProgress", "Progressing", "InProgress", false},
	{"failed", make_failed, "False", "SyncFailed", "InProgress", "Progressing", "InProgress", false},
	{"refused", make_refused, "False", "SyncFailed", "Failed", "Degraded", "Failed", false},
	{"suspended", make_suspended, "Unknown", "Suspended", "InProgress", "Suspended", "Current", true},
	{"without connection", make_away, "False", "MissingConnection", "InProgress", "Progressing", "InProgress", false},
	{"at fault", make_faulty, "False", "ValidationFailed", "Failed", "Degraded", "Failed", false},
	{"deleting", make_deleting, "False", "Deleting", "InProgress", "Progressing", "InProgress", false},
	{"deletion stuck", make_stuck, "False", "DeleteFailed", "InProgress", "Progressing", "InProgress", false},
};

static json_t *next(const struct stage *stage, const json_t *observed, int64_t now_s)
{
	struct bench bench;
	init(&bench);
	stage->make(&bench);
	bench.facts.object.observed = observed;
	bench.facts.object.now_s = now_s;
	return status_of_cluster(&bench.facts);
}

static const struct stage *stage_named(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(stages); i++)
		if (strcmp(stages[i].name, name) == 0)
			return &stages[i];
	fail_msg("no stage %s", name);
	return NULL;
}

/* As the API server makes it of a new object. */
static json_t *unseen(void)
{
	return json_pack("{s:i}", "observedGeneration", -1);
}

static void is_judged(const struct stage *stage, const json_t *status)
{
	const json_t *ready = condition_of(status, "Ready");
	if (strcmp(member_of(ready, "status"), stage->ready) != 0 || strcmp(member_of(ready, "reason"), stage->reason) != 0)
		fail_msg("%s: Ready is %s because of %s", stage->name, member_of(ready, "status"), member_of(ready, "reason"));
	if (strcmp(status_kstatus(status, 3), stage->kstatus) != 0)
		fail_msg("%s: for kstatus it is %s", stage->name, status_kstatus(status, 3));
	bool is_suspended = stage->make == make_suspended;
	if (strcmp(status_argo(status, 3, is_suspended), stage->argo) != 0)
		fail_msg("%s: for Argo CD it is %s", stage->name, status_argo(status, 3, is_suspended));
}

static void every_stage_reads_as_it_is_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		json_t *before = unseen(), *status = next(&stages[i], before, NOW);
		is_judged(&stages[i], status);
		status_validate(&KIND_CLUSTER, status);
		json_decref(status);
		json_decref(before);
	}
}

/* Objects and verdicts for tests/e2e/argo_health.sh, which runs the script itself. */
static void put_object(struct text *out, const json_t *status, bool is_suspended)
{
	json_t *line = json_pack("{s:s, s:{s:i}, s:{s:b}, s:O}", "verdict", status_argo(status, 3, is_suspended),
				 "metadata", "generation", 3, "spec", "suspend", is_suspended, "status", status);
	char *text = json_dumps(line, JSON_COMPACT);
	text_addf(out, "%s\n", text);
	free(text);
	json_decref(line);
}

static void argo_cd_reads_the_same(void **state)
{
	struct text out;
	json_t *ready = next(stage_named("ready"), NULL, NOW), *before = unseen();
	(void)state;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < 2 * COUNT_OF(stages); i++) {
		const struct stage *stage = &stages[i / 2];
		json_t *status = next(stage, i % 2 == 0 ? before : ready, NOW + 60);
		put_object(&out, status, stage->make == make_suspended);
		if (stage->make == make_suspended) /* by an annotation of the Cluster in Omni */
			put_object(&out, status, false);
		json_decref(status);
	}
	golden_compare("tests/golden/argo-health", "objects.jsonl", text_span(&out));
	text_done(&out);
	json_decref(before);
	json_decref(ready);
}

static void after_a_ready_one_too(void **state)
{
	json_t *ready = next(stage_named("ready"), NULL, NOW);
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		const struct stage *stage = &stages[i];
		json_t *status = next(stage, ready, NOW + 60);
		if (strcmp(status_kstatus(status, 3), stage->after_ready) != 0)
			fail_msg("%s: for kstatus it is %s", stage->name, status_kstatus(status, 3));
		if (stage->keeps && !condition_is(status, "Ready", "True"))
			fail_msg("%s: is not ready any more", stage->name);
		status_validate(&KIND_CLUSTER, status);
		json_decref(status);
	}
	json_decref(ready);
}

/* From every stage to every other one, and once more: nothing changes, whatever the time. */
static void nothing_is_written_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stages) * COUNT_OF(stages); i++) {
		const struct stage *from = &stages[i / COUNT_OF(stages)], *to = &stages[i % COUNT_OF(stages)];
		json_t *first = next(from, NULL, NOW), *second = next(to, first, NOW + 60), *third = next(to, second, NOW + 7200);
		if (!json_equal(second, third))
			fail_msg("from %s to %s: %s then %s", from->name, to->name, json_dumps(second, JSON_INDENT(1)),
				 json_dumps(third, JSON_INDENT(1)));
		assert_true(condition_of(third, "Stalled") == NULL || condition_of(third, "Reconciling") == NULL);
		status_validate(&KIND_CLUSTER, third);
		json_decref(third);
		json_decref(second);
		json_decref(first);
	}
}

/* The way does not matter, but for what lasts: a cluster that was ready comes to the same again. */
static void nothing_of_a_stage_is_left_behind(void **state)
{
	json_t *ready = next(stage_named("ready"), NULL, NOW);
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		json_t *there = next(&stages[i], ready, NOW + 60), *back = next(stage_named("ready"), there, NOW + 120);
		assert_null(json_object_get(back, "lastError"));
		assert_null(json_object_get(back, "plan"));
		assert_null(json_object_get(back, "waiting"));
		assert_int_equal(json_array_size(json_object_get(back, "conditions")), 3);
		assert_true(condition_is(back, "Ready", "True"));
		json_decref(back);
		json_decref(there);
	}
	json_decref(ready);
}

static void what_others_wrote_stays(void **state)
{
	json_t *before = next(stage_named("ready"), NULL, NOW);
	json_t *foreign = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "example.com/Backed", "status", "True", "reason", "Yes",
				    "message", "last night", "lastTransitionTime", "2026-01-01T00:00:00Z");
	(void)state;
	json_array_insert(json_object_get(before, "conditions"), 1, foreign);
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		json_t *status = next(&stages[i], before, NOW + 60);
		assert_true(json_equal(condition_of(status, "example.com/Backed"), foreign));
		json_decref(status);
	}
	json_decref(foreign);
	json_decref(before);
}

/* --- single rules --------------------------------------------------------------------------------------------------- */

static void health_that_was_lost_is_not_work_under_way(void **state)
{
	json_t *ready = next(stage_named("ready"), NULL, NOW), *lost = next(stage_named("coming up"), ready, NOW + 60);
	(void)state;
	assert_null(condition_of(lost, "Reconciling"));
	assert_string_equal(status_argo(lost, 3, false), "Degraded");
	assert_string_equal(member_of(lost, "lastStatusOutput"),
			    "RUNNING, 2 of 3 machines healthy; MachineSetNotReady: deck runs, and not all of its machines do");
	assert_string_equal(member_of(json_object_get(lost, "machines"), "summary"), "2/3");
	/* something was applied since: it is on its way again */
	struct bench bench;
	init(&bench);
	unhealthy(&bench);
	bench.unit.state.applied_wall_ms = bench.unit.state.changed_wall_ms = (NOW + 90) * 1000LL;
	bench.facts.object.observed = lost;
	json_t *again = status_of_cluster(&bench.facts);
	assert_true(condition_is(again, "Reconciling", "True"));
	json_decref(again);
	json_decref(lost);
	json_decref(ready);
}

/* Right after a start, and when it cannot be asked. */
static void what_omni_said_last_stays(void **state)
{
	struct bench bench;
	json_t *ready = next(stage_named("ready"), NULL, NOW);
	(void)state;
	init(&bench);
	make_failed(&bench);
	make_silent(&bench);
	bench.facts.object.observed = ready;
	json_t *failed = status_of_cluster(&bench.facts);
	assert_string_equal(member_of(failed, "phase"), "RUNNING");
	assert_string_equal(member_of(json_object_get(failed, "machines"), "summary"), "3/3");
	json_t *silent = next(stage_named("Omni is silent"), failed, NOW + 60); /* it was asked: there is no status */
	assert_null(json_object_get(silent, "phase"));
	assert_null(json_object_get(silent, "machines"));
	json_decref(silent);
	json_decref(failed);
	json_decref(ready);
}

static void a_held_plan_says_how_to_approve_it(void **state)
{
	json_t *status = next(stage_named("held"), NULL, NOW);
	const char *message = member_of(condition_of(status, "Ready"), "message");
	const json_t *plan = json_object_get(status, "plan");
	(void)state;
	assert_true(span_starts(span_of(message), "plan a1b2c3d4e5f60718 is held: "));
	assert_non_null(strstr(message, "\nor with: kubectl -n omni annotate --overwrite omnicluster harbor "
					"omni.texashpc.com/approve=a1b2c3d4e5f60718"));
	assert_string_equal(member_of(plan, "hash"), PLAN);
	assert_string_equal(member_of(plan, "risk"), "critical");
	assert_int_equal(json_integer_value(json_object_get(plan, "destroys")), 4);
	assert_true(json_is_true(json_object_get(plan, "held")));
	/* hosts that have one line get one */
	assert_null(strchr(member_of(condition_of(status, "Stalled"), "message"), '\n'));
	json_decref(status);
}

static void an_error_has_its_place(void **state)
{
	json_t *status = next(stage_named("at fault"), NULL, NOW);
	const json_t *error = json_object_get(status, "lastError");
	(void)state;
	assert_string_equal(member_of(error, "object"), "OmniWorkers/deck");
	assert_string_equal(member_of(error, "path"), "spec.machines[0]");
	assert_string_equal(member_of(error, "code"), "InvalidValue");
	assert_string_equal(member_of(error, "message"), "is no UUID");
	assert_string_equal(member_of(error, "hint"), "copy it from Omni");
	assert_string_equal(member_of(condition_of(status, "Validated"), "message"),
			    "OmniWorkers/deck: spec.machines[0]: is no UUID\ncopy it from Omni");
	json_decref(status);
}

static void a_request_is_recorded_once(void **state)
{
	struct bench bench;
	(void)state;
	init(&bench);
	bench.facts.object.requested = SPAN("2026-11-21T10:00:00Z");
	json_t *status = status_of_cluster(&bench.facts);
	assert_string_equal(member_of(status, "lastHandledReconcileAt"), "2026-11-21T10:00:00Z");
	bench.facts.object.requested = SPAN("");
	bench.facts.object.observed = status;
	json_t *again = status_of_cluster(&bench.facts);
	assert_true(json_equal(status, again));
	json_decref(again);
	json_decref(status);
}

/* What suspends is taken back: what was found meanwhile is told. */
static void suspension_ends_without_a_trace(void **state)
{
	struct bench bench;
	json_t *ready = next(stage_named("ready"), NULL, NOW);
	(void)state;
	init(&bench);
	make_faulty(&bench);
	bench.facts.suspends = true;
	bench.facts.object.observed = ready;
	json_t *suspended = status_of_cluster(&bench.facts);
	assert_true(condition_is(suspended, "Validated", "False"));
	assert_true(condition_is(suspended, "Ready", "True"));
	assert_null(condition_of(suspended, "Stalled"));
	assert_string_equal(status_kstatus(suspended, 3), "Current");
	json_t *resumed = next(stage_named("at fault"), suspended, NOW + 60);
	assert_null(condition_of(resumed, "Suspended"));
	assert_true(condition_is(resumed, "Stalled", "True"));
	json_decref(resumed);
	json_decref(suspended);
	json_decref(ready);
}

/* --- hostile texts -------------------------------------------------------------------------------------------------- */

static void texts_are_cut_and_clean(void **state)
{
	struct bench bench;
	enum { BIG = 200000 };
	char *big = test_malloc(BIG);
	(void)state;
	for (size_t i = 0; i < BIG; i++)
		big[i] = "\xe2\x82\xac\x1b"[i % 4]; /* a character of three bytes, and one that steers terminals */
	memcpy(big + 1000, "\xff\xfe\x00\xc3", 4);
	init(&bench);
	make_faulty(&bench);
	bench.fault.message = (struct span){big, BIG};
	json_t *status = status_of_cluster(&bench.facts);
	status_validate(&KIND_CLUSTER, status);
	const char *message = member_of(condition_of(status, "Ready"), "message");
	assert_true(span_ends(span_of(message), "\xe2\x80\xa6"));
	assert_null(strchr(message, '\x1b'));
	assert_true(strlen(message) > 32768);
	assert_true(strlen(member_of(condition_of(status, "Stalled"), "message")) < 4 * 1024 + 4);
	json_decref(status);
	test_free(big);
}

static void thousands_of_faults_are_counted(void **state)
{
	enum { MANY = 3000 };
	struct bench bench;
	const struct diag **faults = test_calloc(MANY, sizeof *faults);
	(void)state;
	init(&bench);
	make_faulty(&bench);
	for (size_t i = 0; i < MANY; i++)
		faults[i] = &bench.fault;
	bench.facts.diags = faults;
	bench.facts.diag_count = MANY;
	json_t *status = status_of_cluster(&bench.facts);
	const char *message = member_of(condition_of(status, "Validated"), "message");
	assert_true(span_starts(span_of(message), "3000 errors, the first: OmniWorkers/deck: spec.machines[0]: is no UUID\n- "));
	assert_true(span_ends(span_of(message), "\n- and 2900 more"));
	json_decref(status);
	test_free(faults);
}

static void an_observed_status_may_be_anything(void **state)
{
	static const char *const texts[] = {"[]", "7", "{\"conditions\": 5}", "{\"conditions\": [1, null, {}, {\"type\": 4}]}",
					    "{\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}], \"lastSyncTime\": \"x\"}"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts) * COUNT_OF(stages); i++) {
		json_t *observed = json_loads(texts[i % COUNT_OF(texts)], JSON_DECODE_ANY, NULL);
		json_t *status = next(&stages[i / COUNT_OF(texts)], observed, NOW);
		assert_true(json_is_object(status));
		assert_non_null(condition_of(status, "Ready"));
		json_decref(status);
		json_decref(observed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_reads_as_it_is_meant),
		cmocka_unit_test(argo_cd_reads_the_same),
		cmocka_unit_test(after_a_ready_one_too),
		cmocka_unit_test(nothing_is_written_twice),
		cmocka_unit_test(nothing_of_a_stage_is_left_behind),
		cmocka_unit_test(what_others_wrote_stays),
		cmocka_unit_test(health_that_was_lost_is_not_work_under_way),
		cmocka_unit_test(what_omni_said_last_stays),
		cmocka_unit_test(a_held_plan_says_how_to_approve_it),
		cmocka_unit_test(an_error_has_its_place),
		cmocka_unit_test(a_request_is_recorded_once),
		cmocka_unit_test(suspension_ends_without_a_trace),
		cmocka_unit_test(texts_are_cut_and_clean),
		cmocka_unit_test(thousands_of_faults_are_counted),
		cmocka_unit_test(an_observed_status_may_be_anything),
	};
	return RUN_TESTS(tests);
}
