/* Looks at a release when something fails, or somebody else was there. */
#include "tests/unit/release_look.h"

static void a_failure_is_told_and_tried_again(void **state)
{
	struct place *place = *state;
	look_through(place);
	world.deed = HELM_FAILS;
	set_values(place, "{\"a\":2}");
	look_through(place);
	expect(place, false, "ReconcileFailed", "Helm upgrade failed for release \"web\": the hook failed");
	assert_true(place->out.has_failed);
	assert_int_equal(number(place, "failures"), 1);
	assert_int_equal(number(place, "releaseRevision"), 2);
	assert_string_equal(field(place, "releaseStatus"), "failed");
	json_t *before = json_deep_copy(place->status);
	for (size_t i = 0; i < 5; i++)
		look_through(place);
	assert_int_equal(world.runs, 2); /* not due yet */
	expect(place, false, "ReconcileFailed", "Helm upgrade failed for release \"web\": the hook failed");
	assert_true(json_equal(before, place->status));
	json_decref(before);
	world.now_s += 60;
	look_through(place);
	assert_int_equal(world.runs, 3);
	assert_int_equal(number(place, "failures"), 2);
	world.deed = HELM_SUCCEEDS;
	set_values(place, "{\"a\":3}"); /* waits for nothing */
	look_through(place);
	expect(place, true, "HelmUpgraded", "revision 4");
	assert_int_equal(number(place, "failures"), 0);
	assert_string_equal(field(place, "lastError"), "");
}

static void no_more_retries_than_allowed(void **state)
{
	struct place *place = *state;
	json_object_set_new(place->spec, "retries", json_integer(1));
	world.deed = HELM_FAILS_UNSEEN; /* as a failed install that Helm takes back */
	for (size_t i = 0; i < 5; i++) {
		look_through(place);
		world.now_s += 3600;
	}
	assert_int_equal(world.runs, 2);
	expect(place, false, "RetriesExceeded", "no retry is left: Helm install failed for release \"web\": the hook failed");
	assert_false(place->out.has_failed);
	json_object_set_new(place->annotations, "omni.texashpc.com/requested-at", json_string("now"));
	look_through(place);
	assert_int_equal(world.runs, 3); /* a person asks */
	look_through(place);
	assert_int_equal(world.runs, 3);
}

static void rolled_back_is_no_success(void **state)
{
	struct place *place = *state;
	look_through(place);
	world.deed = HELM_ROLLS_BACK;
	set_values(place, "{\"a\":2}");
	look_through(place);
	expect(place, false, "ReconcileFailed", "the hook failed");
	assert_int_equal(world.count, 3);
	look_through(place);
	assert_int_equal(world.runs, 2);
	assert_string_equal(field(place, "lastError"), "the hook failed");
	set_values(place, "{\"a\":1}"); /* back to what it was rolled back to */
	look_through(place);
	expect(place, true, "HelmUpgraded", "revision 3");
	assert_int_equal(world.runs, 2);
}

static void a_dead_helm_leaves_nothing_pending(void **state)
{
	struct place *place = *state;
	look_through(place);
	world.deed = HELM_DIES;
	set_values(place, "{\"a\":2}");
	look_through(place);
	expect(place, false, "ReconcileFailed", "Helm was killed");
	assert_int_equal(world.records[1].status, RELEASE_FAILED);
	world.deed = HELM_SUCCEEDS;
	world.now_s += 60;
	look_through(place);
	expect(place, true, "HelmUpgraded", "revision 3");
}

static void an_exit_status_of_zero_proves_nothing(void **state)
{
	struct place *place = *state;
	world.deed = HELM_LIES;
	look_through(place);
	expect(place, false, "ReconcileFailed", "Helm install failed");
	assert_int_equal(world.records[0].status, RELEASE_FAILED);
}

/* Our own from before a restart: it is over when its lock is free. */
static void a_pending_action_of_a_killed_agent(void **state)
{
	struct place *place = *state;
	char name[INSTANCE_SIZE];
	struct fail fail = {0};
	assert_true(helm_instance(place->dir, name, &fail));
	struct kept_record *record = add_record(RELEASE_PENDING_INSTALL);
	snprintf(record->action, sizeof record->action, "%s.1", name);
	snprintf(record->version, sizeof record->version, "1.2.0");
	world.is_locked = true;
	look_once(place);
	expect(place, false, "HelmBusy", "a Helm action is under way");
	assert_int_equal(world.puts, 0);
	world.is_locked = false;
	look_through(place);
	assert_int_equal(world.puts, 1);
	expect(place, true, "HelmUpgraded", "revision 2");
}

static void a_pending_action_of_somebody_else(void **state)
{
	struct place *place = *state;
	struct kept_record *record = add_record(RELEASE_PENDING_UPGRADE);
	snprintf(record->version, sizeof record->version, "1.2.0");
	world.now_s = 1799999000; /* 2027-01-15T07:43:20Z */
	record->began_s = 43 * 60;
	look_through(place);
	expect(place, false, "HelmBusy", "somebody else's Helm action may be under way");
	assert_int_equal(world.puts + world.runs, 0);
	world.now_s += 3600;
	look_through(place);
	assert_int_equal(world.puts, 1);
	expect(place, true, "HelmUpgraded", "revision 2");
}

static void what_cannot_be_known_is_not_acted_upon(void **state)
{
	struct place *place = *state;
	fail_set(&world.unreachable, FAIL_UNAVAILABLE, "no connection");
	look_through(place);
	expect(place, false, "ReconcileFailed", "no connection");
	assert_true(place->out.has_failed);
	assert_int_equal(world.runs, 0);
	world.unreachable.code = FAIL_NONE;
	fail_set(&world.chart_fault, FAIL_NOT_FOUND, "no such chart");
	look_through(place);
	expect(place, false, "ReconcileFailed", "no such chart");
	assert_int_equal(world.runs, 0);
	world.chart_fault.code = FAIL_NONE;
	world.expires_s = NOW + 10;
	look_through(place);
	expect(place, false, "ReconcileFailed", "the kubeconfig ends in 10 s");
	assert_int_equal(world.runs, 0);
}

static void a_repository_that_is_down_harms_nobody(void **state)
{
	struct place *place = *state;
	look_through(place);
	HANDLER_RELEASE.forget(place->memory);
	place->memory = NULL;
	fail_set(&world.chart_fault, FAIL_UNAVAILABLE, "no connection");
	look_through(place);
	expect(place, true, "HelmInstalled", "the chart cannot be looked up now: no connection");
	assert_int_equal(world.runs, 1);
	assert_string_equal(field(place, "resolvedVersion"), "1.2.0");
}

static void faults_of_the_declaration(void **state)
{
	static const struct {
		const char *path, *value, *message;
	} rows[] = {
		{"releaseName", "Web", "is no name that Helm takes"}, {"releaseName", "-web", "is no name that Helm takes"},
		{"timeout", "-1s", "timeout must be greater than zero"},
	};
	struct place *place = *state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *old = json_deep_copy(place->spec);
		json_object_set_new(place->spec, rows[i].path, json_string(rows[i].value));
		look_through(place);
		expect(place, false, "ValidationFailed", rows[i].message);
		json_decref(place->spec);
		place->spec = old;
	}
	set_values(place, "[1]");
	look_through(place);
	expect(place, false, "ValidationFailed", "helm release values must be a JSON object");
	assert_false(place->out.has_failed);
	assert_int_equal(world.runs, 0);
}

static void a_release_is_not_left_behind(void **state)
{
	struct place *place = *state;
	look_through(place);
	json_object_set_new(place->spec, "namespace", json_string("elsewhere"));
	look_through(place);
	expect(place, false, "TargetChanged", "is in the namespace \"apps\" of OmniCluster \"prod\"");
	assert_int_equal(world.runs, 1);
	assert_string_equal(field(place, "namespace"), "apps");
}

static void nothing_is_installed_beside_a_half_uninstalled_one(void **state)
{
	struct place *place = *state;
	struct kept_record *record = add_record(RELEASE_UNINSTALLING);
	snprintf(record->version, sizeof record->version, "1.2.0");
	look_through(place);
	assert_int_equal(world.runs, 2);
	expect(place, true, "HelmInstalled", "revision 1");
}

int main(void)
{
#define LOOK(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		LOOK(a_failure_is_told_and_tried_again),
		LOOK(no_more_retries_than_allowed),
		LOOK(rolled_back_is_no_success),
		LOOK(a_dead_helm_leaves_nothing_pending),
		LOOK(an_exit_status_of_zero_proves_nothing),
		LOOK(a_pending_action_of_a_killed_agent),
		LOOK(a_pending_action_of_somebody_else),
		LOOK(what_cannot_be_known_is_not_acted_upon),
		LOOK(a_repository_that_is_down_harms_nobody),
		LOOK(faults_of_the_declaration),
		LOOK(a_release_is_not_left_behind),
		LOOK(nothing_is_installed_beside_a_half_uninstalled_one),
	};
	return RUN_TESTS(tests);
}
