/* Looks at a release when all goes well: what is done, and that nothing is done when nothing is to do. */
#include "tests/unit/release_look.h"

static void installed_once_and_never_touched(void **state)
{
	struct place *place = *state;
	look_once(place);
	expect(place, false, "Progressing", "Helm install of release \"web\" is under way");
	assert_true(place->out.is_progressing);
	assert_int_equal(world.runs, 0); /* it is told before it is begun */
	look_through(place);
	expect(place, true, "HelmInstalled", "installed Helm release \"web\" revision 1");
	assert_int_equal(world.runs, 1);
	assert_int_equal(world.last_action.verb, HELM_INSTALL);
	assert_string_equal(world.last_values, "{\"a\":1}");
	assert_string_equal(field(place, "lastAction"), "Install");
	assert_string_equal(field(place, "releaseStatus"), "deployed");
	assert_int_equal(number(place, "releaseRevision"), 1);
	look_through(place); /* Helm's own writes were seen by the watch */
	unsigned requests = world.lists + world.gets + world.others, finds = world.finds;
	json_t *before = json_deep_copy(place->status);
	for (size_t i = 0; i < 100; i++)
		look_once(place);
	expect(place, true, "HelmInstalled", "revision 1");
	assert_int_equal(world.runs, 1);
	assert_int_equal(world.lists + world.gets + world.others, requests);
	assert_int_equal(world.finds, finds);
	assert_true(json_equal(before, place->status));
	json_decref(before);
}

static void without_a_watch_one_request(void **state)
{
	struct place *place = *state;
	world.may_watch = false;
	look_through(place);
	unsigned requests = world.lists + world.gets + world.others, watches = world.watches;
	look_once(place);
	assert_int_equal(world.lists + world.gets + world.others, requests + 1);
	assert_int_equal(world.watches, watches); /* not tried at every look */
	assert_int_equal(world.runs, 1);
}

static void after_a_restart_one_list(void **state)
{
	struct place *place = *state;
	look_through(place);
	HANDLER_RELEASE.forget(place->memory);
	place->memory = NULL;
	unsigned requests = world.lists + world.gets;
	look_through(place);
	expect(place, true, "HelmInstalled", "revision 1");
	assert_int_equal(world.lists + world.gets, requests + 1);
	assert_int_equal(world.runs, 1);
}

static void a_release_of_others_is_taken_as_it_is(void **state)
{
	struct place *place = *state;
	struct kept_record *record = add_record(RELEASE_DEPLOYED);
	snprintf(record->values, sizeof record->values, "{\"a\":1.0}");
	snprintf(record->version, sizeof record->version, "1.2.0");
	look_through(place);
	expect(place, true, "HelmInstalled", "revision 1");
	assert_int_equal(world.runs, 0);
	look_once(place);
	assert_int_equal(world.gets, 1); /* its content is read once */
}

static void what_changes_is_upgraded(void **state)
{
	struct place *place = *state;
	look_through(place);
	set_values(place, "{\"a\":2}");
	look_through(place);
	expect(place, true, "HelmUpgraded", "upgraded Helm release \"web\" to revision 2");
	assert_int_equal(world.last_action.verb, HELM_UPGRADE);
	set_values(place, "{}"); /* emptied values take effect */
	look_through(place);
	assert_int_equal(world.count, 3);
	assert_string_equal(world.last_values, "{}");
	world.chart_digest = "d2"; /* other content under the same version */
	place->object.generation++;
	look_through(place);
	assert_int_equal(world.count, 4);
	json_object_set_new(place->spec, "timeout", json_string("9m"));
	json_object_set_new(place->spec, "atomic", json_true());
	json_object_set_new(place->spec, "maxHistory", json_integer(3));
	place->object.generation++;
	look_through(place);
	assert_int_equal(world.count, 4); /* how is not what */
}

static void what_others_did_is_undone(void **state)
{
	struct place *place = *state;
	look_through(place);
	struct kept_record first = world.records[0];
	supersede();
	struct kept_record *record = add_record(RELEASE_DEPLOYED); /* helm upgrade by hand: it hands the labels on */
	snprintf(record->hash, sizeof record->hash, "%s", first.hash);
	snprintf(record->action, sizeof record->action, "%s", first.action);
	snprintf(record->values, sizeof record->values, "{\"a\":5}");
	snprintf(record->version, sizeof record->version, "1.2.0");
	say_changed();
	assert_true(world.wakes > 0);
	look_through(place);
	assert_int_equal(world.count, 3);
	expect(place, true, "HelmUpgraded", "revision 3");
}

static void values_of_a_secret_come_first(void **state)
{
	struct place *place = *state;
	json_object_set_new(place->spec, "valuesFrom", json_pack("[{s:s, s:s}]", "kind", "Secret", "name", "more"));
	look_through(place);
	expect(place, false, "MissingSource", "valuesFrom: the Secret \"more\": there is none");
	world.secret_values = "a: 7\nb: {c: d}\n";
	look_through(place);
	expect(place, true, "HelmInstalled", "revision 1");
	assert_string_equal(world.last_values, "{\"a\":1,\"b\":{\"c\":\"d\"}}");
	world.secret_values = "[";
	place->object.generation++;
	look_through(place);
	expect(place, false, "ValidationFailed", "does not hold an object of values");
}

static void others_go_first(void **state)
{
	struct place *place = *state;
	json_object_set_new(place->spec, "dependsOn", json_pack("[{s:s}]", "name", "database"));
	look_through(place);
	expect(place, false, "DependencyNotReady", "waits for OmniHelmRelease \"database\", which does not exist");
	world.has_other = true;
	look_through(place);
	expect(place, false, "DependencyNotReady", "which is not Ready");
	world.is_ready_other = true;
	look_through(place);
	expect(place, true, "HelmInstalled", "revision 1");
}

static void deleted_and_uninstalled(void **state)
{
	struct place *place = *state;
	look_through(place);
	place->object.is_deleted = true;
	world.deed = HELM_FAILS;
	look_through(place);
	expect(place, false, "ReconcileFailed", "Helm uninstall failed for release \"web\": the hook failed");
	assert_false(place->out.is_gone);
	world.deed = HELM_SUCCEEDS;
	world.now_s += 60;
	look_through(place);
	assert_true(place->out.is_gone);
	assert_int_equal(world.last_action.verb, HELM_UNINSTALL);
	assert_string_equal(place->out.events[0].reason, "HelmUninstalled");
}

static void deleted_without_leave_to_look(void **state)
{
	struct place *place = *state;
	look_through(place);
	place->object.is_deleted = true;
	fail_set(&world.unreachable, FAIL_DENIED, "secrets is forbidden");
	HANDLER_RELEASE.forget(place->memory);
	place->memory = NULL;
	look_through(place);
	assert_false(place->out.is_gone);
	expect(place, false, "ReconcileFailed", "secrets is forbidden");
}

static void deleted_before_anything_was_done(void **state)
{
	struct place *place = *state;
	place->object.is_deleted = true;
	fail_set(&world.way_fault, FAIL_NOT_FOUND, "no Secret");
	look_through(place);
	assert_true(place->out.is_gone);
}

static void deleted_and_left(void **state)
{
	struct place *place = *state;
	look_through(place);
	unsigned requests = world.lists + world.gets;
	json_object_set_new(place->spec, "deletionPolicy", json_string("Orphan"));
	place->object.is_deleted = true;
	look_through(place);
	assert_true(place->out.is_gone);
	assert_int_equal(world.lists + world.gets, requests);
	assert_int_equal(world.runs, 1);
}

int main(void)
{
#define LOOK(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		LOOK(installed_once_and_never_touched),
		LOOK(without_a_watch_one_request),
		LOOK(after_a_restart_one_list),
		LOOK(a_release_of_others_is_taken_as_it_is),
		LOOK(what_changes_is_upgraded),
		LOOK(what_others_did_is_undone),
		LOOK(values_of_a_secret_come_first),
		LOOK(others_go_first),
		LOOK(deleted_and_uninstalled),
		LOOK(deleted_without_leave_to_look),
		LOOK(deleted_before_anything_was_done),
		LOOK(deleted_and_left),
	};
	return RUN_TESTS(tests);
}
