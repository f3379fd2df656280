/* Events and annotations from changes of status: each thing told once, in texts that the API server takes. */
#include <stdio.h>

#include "agent/report/conditions.h"
#include "agent/report/status_events.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "tests/unit/status_judge.h"
#include "tests/unit/test.h"

#define HASH "5bfe131fa7ac2dfcd121e3ddbf1110e5a5bf4e1d09364103b914220b2386ef47"
#define OTHER "6fbcbab4740187ec6e3477160a1f6f611f4dba2f68df627075d7853595fc8394"
#define NOW 1795274469

#define OURS(name) "omni.texashpc.com/" name

/* --- steps of a cluster's life --------------------------------------------------------------------------------------- */

struct life {
	struct status_cluster facts;
	struct unit_report unit;
	json_t *status;
	char told[1024]; /* "reason (type), reason (type)" of the last step */
	struct status_event events[STATUS_EVENTS_MAX];
	size_t count;
};

static void begin(struct life *life)
{
	struct unit_state *state = &life->unit.state;
	memset(life, 0, sizeof *life);
	life->facts = (struct status_cluster){.object = {.ns = SPAN("omni"), .name = SPAN("harbor"), .generation = 1, .now_s = NOW},
					      .stage = STATUS_UNIT, .unit = &life->unit, .cluster = SPAN("harbor"),
					      .control_plane = SPAN("cp"), .control_planes = 1, .template_hash = SPAN(HASH)};
	state->is_declared = true;
	snprintf(state->template_hash, sizeof state->template_hash, HASH);
}

static void summarise(struct life *life, const char *kind, const json_t *old)
{
	life->told[0] = '\0';
	life->count = status_events(kind, old, life->status, life->events);
	for (size_t i = 0; i < life->count; i++) {
		size_t len = strlen(life->told);
		snprintf(life->told + len, sizeof life->told - len, "%s%s %s", i > 0 ? ", " : "", life->events[i].type,
			 life->events[i].reason);
	}
}

static void step(struct life *life)
{
	json_t *old = life->status;
	life->facts.object.now_s += 60;
	life->facts.object.observed = old;
	life->status = status_of_cluster(&life->facts);
	summarise(life, "OmniCluster", old);
	life->facts.object.observed = life->status;
	json_decref(old);
}

static void become(struct life *life, enum unit_phase phase, const char *message)
{
	struct unit_state *state = &life->unit.state;
	state->phase = phase;
	state->changed_wall_ms = (life->facts.object.now_s + 1) * 1000;
	snprintf(life->unit.texts.message, sizeof life->unit.texts.message, "%s", message);
	step(life);
}

static void apply(struct life *life, const char *hash)
{
	struct unit_state *state = &life->unit.state;
	snprintf(state->template_hash, sizeof state->template_hash, "%s", hash);
	snprintf(state->applied_hash, sizeof state->applied_hash, "%s", hash);
	state->applied_wall_ms = (life->facts.object.now_s + 1) * 1000;
	snprintf(life->unit.texts.applied_output, sizeof life->unit.texts.applied_output, "* creating Clusters.omni.sidero.dev(harbor)");
	state->is_confirmed = false;
	become(life, UNIT_IN_SYNC, "applied: 2 created, 1 updated, 0 destroyed");
}

static void health(struct life *life, enum health health)
{
	struct unit_state *state = &life->unit.state;
	state->is_confirmed = true;
	state->omni = (struct unit_health){.health = health, .phase = "RUNNING", .machines = 3};
	if (health != HEALTH_READY)
		snprintf(state->omni.code, sizeof state->omni.code, "MachinesJoining");
	become(life, UNIT_IN_SYNC, "in sync");
}

static void the_life_of_a_cluster_is_told_once(void **state)
{
	struct life life;
	(void)state;
	begin(&life);
	become(&life, UNIT_PENDING, "");
	assert_string_equal(life.told, "");
	apply(&life, HASH);
	assert_string_equal(life.told, "Normal Synced");
	assert_string_equal(life.events[0].note, "template synced to Omni\n* creating Clusters.omni.sidero.dev(harbor)");
	assert_string_equal(life.events[0].action, "Apply");
	health(&life, HEALTH_NOT_READY);
	assert_string_equal(life.told, ""); /* it is coming up */
	health(&life, HEALTH_READY);
	assert_string_equal(life.told, "Normal Ready");
	step(&life);
	assert_string_equal(life.told, "");
	health(&life, HEALTH_NOT_READY);
	assert_string_equal(life.told, "Warning NotReady");
	health(&life, HEALTH_READY);
	assert_string_equal(life.told, "Normal Ready");
	json_decref(life.status);
}

static void what_goes_wrong_is_told_when_it_changes(void **state)
{
	struct life life;
	(void)state;
	begin(&life);
	apply(&life, HASH);
	become(&life, UNIT_FAILED, "Unavailable: connection refused");
	assert_string_equal(life.told, "Warning SyncFailed");
	become(&life, UNIT_FAILED, "Unavailable: connection refused");
	assert_string_equal(life.told, "");
	become(&life, UNIT_FAILED, "Unavailable: no route to host");
	assert_string_equal(life.told, "Warning SyncFailed");
	snprintf(life.unit.state.plan_hash, sizeof life.unit.state.plan_hash, OTHER);
	become(&life, UNIT_HELD, "plan 6fbcbab474018 is held: it destroys");
	assert_string_equal(life.told, "Warning PlanHeld");
	assert_non_null(strstr(life.events[0].note, "kubectl -n omni annotate --overwrite omnicluster harbor"));
	become(&life, UNIT_OUT_OF_SYNC, "changed in Omni: +0 ~1 -0");
	assert_string_equal(life.told, "Warning OutOfSync");
	apply(&life, OTHER);
	assert_string_equal(life.told, "Normal Synced");
	life.facts.stage = STATUS_NO_CONNECTION;
	step(&life);
	assert_string_equal(life.told, "Warning MissingConnection");
	life.facts.stage = STATUS_AT_FAULT;
	life.facts.control_plane = SPAN("");
	life.facts.control_planes = 2;
	step(&life);
	assert_string_equal(life.told, "Warning MissingTemplate");
	life.facts.detail = SPAN("sync failed");
	life.facts.control_planes = 1;
	step(&life);
	assert_string_equal(life.told, "Warning ValidationFailed");
	json_decref(life.status);
}

static void suspension_and_deletion_are_told(void **state)
{
	struct life life;
	struct status_event gone;
	(void)state;
	begin(&life);
	apply(&life, HASH);
	health(&life, HEALTH_READY);
	life.facts.suspends = true;
	step(&life);
	assert_string_equal(life.told, "Normal Suspended");
	life.facts.suspends = false;
	step(&life);
	assert_string_equal(life.told, "Normal Resumed");
	life.facts.stage = STATUS_DELETING;
	step(&life);
	assert_string_equal(life.told, "Normal Deleting");
	life.facts.is_stuck = true;
	life.facts.detail = SPAN("cannot delete remote Omni cluster without OmniConnection \"lab\"");
	step(&life);
	assert_string_equal(life.told, "Warning DeleteFailed");
	json_decref(life.status);
	status_event_gone(SPAN("harbor"), false, &gone);
	assert_string_equal(gone.reason, "Deleted");
	status_event_gone(SPAN("harbor"), true, &gone);
	assert_string_equal(gone.reason, "Orphaned");
	assert_string_equal(gone.note, "cluster harbor was left in Omni as it is (deletePolicy.orphan)");
}

/* A status that the Go operator wrote is taken over without a word, when all is well. */
static void taking_over_is_no_event(void **state)
{
	json_error_t error;
	json_t *recorded = json_load_file("tests/golden/conditions/cluster-ready/recorded.json", 0, &error);
	struct life life;
	(void)state;
	begin(&life);
	life.status = json_deep_copy(json_object_get(recorded, "after"));
	snprintf(life.unit.state.applied_hash, sizeof life.unit.state.applied_hash, HASH);
	life.facts.object.generation = 3;
	health(&life, HEALTH_READY);
	assert_string_equal(life.told, "");
	json_decref(life.status);
	json_decref(recorded);
}

static void notes_have_a_limit(void **state)
{
	enum { BIG = 4000 };
	struct life life;
	char *big = test_malloc(BIG + 1);
	(void)state;
	for (size_t i = 0; i < BIG; i++)
		big[i] = "\xe2\x82\xac"[i % 3];
	for (size_t len = 1000; len < 1060; len++) {
		begin(&life);
		life.facts.stage = STATUS_DELETING;
		life.facts.detail = (struct span){big, len / 3 * 3};
		step(&life);
		const char *note = life.events[0].note;
		assert_true(strlen(note) <= 1024);
		assert_int_equal(utf8_valid_prefix(span_of(note)), strlen(note));
		assert_int_equal(span_ends(span_of(note), "\xe2\x80\xa6"), len / 3 * 3 > 1024);
		json_decref(life.status);
	}
	test_free(big);
}

/* --- other kinds ---------------------------------------------------------------------------------------------------- */

static void connect(struct life *life, struct status_connection *facts)
{
	json_t *old = life->status;
	facts->object.observed = old;
	facts->object.now_s += 60;
	life->status = status_of_connection(facts);
	status_validate(kind_find(SPAN("OmniConnection")), life->status);
	summarise(life, "OmniConnection", old);
	json_decref(old);
}

static void the_life_of_a_connection(void **state)
{
	struct life life = {0};
	struct span users[] = {SPAN("pier"), SPAN("harbor")};
	struct status_connection facts = {.object = {.ns = SPAN("omni"), .name = SPAN("lab"), .generation = 1, .now_s = NOW},
					  .endpoint = SPAN("https://omni.example.com"), .url = SPAN("https://omni.example.com:443"),
					  .version = SPAN("v1.9.3"), .key_expires_s = NOW + 40 * 86400};
	(void)state;
	connect(&life, &facts);
	assert_string_equal(life.told, "");
	assert_string_equal(status_kstatus(life.status, 1), "InProgress");
	facts.is_tried = facts.is_passing = true;
	facts.trouble = SPAN("connection refused");
	connect(&life, &facts);
	assert_string_equal(life.told, "Warning ConnectionFailed");
	assert_true(condition_is(life.status, "Stalled", "False"));
	facts.is_up = true;
	connect(&life, &facts);
	assert_string_equal(life.told, "Normal ConnectionReady");
	assert_null(condition_of(life.status, "Reconciling"));
	assert_string_equal(member_of(life.status, "serverVersion"), "v1.9.3");
	assert_string_equal(member_of(life.status, "lastCheckTime"), "2026-11-21T15:24:09Z");
	connect(&life, &facts);
	assert_string_equal(member_of(life.status, "lastCheckTime"), "2026-11-21T15:24:09Z"); /* nothing new */
	facts.is_up = false;
	facts.version = SPAN("");
	connect(&life, &facts);
	assert_string_equal(member_of(life.status, "serverVersion"), "v1.9.3"); /* it will be the same when it is back */
	facts.is_up = true;
	facts.key_expires_s = 0;
	connect(&life, &facts); /* it answers, and has not said yet who it is: as after every restart */
	assert_string_equal(member_of(life.status, "serverVersion"), "v1.9.3");
	assert_string_equal(member_of(life.status, "keyExpiresAt"), "2026-12-31T15:21:09Z");
	facts.is_up = false;
	facts.key_expires_s = NOW + 40 * 86400;
	facts.endpoint = SPAN("https://other.example.com");
	connect(&life, &facts);
	assert_null(json_object_get(life.status, "serverVersion"));
	facts.is_up = true;
	facts.version = SPAN("v1.10.0");
	facts.object.now_s += 15 * 86400LL;
	connect(&life, &facts);
	assert_string_equal(life.told, "Normal ConnectionReady, Warning KeyExpiresSoon");
	assert_non_null(strstr(life.events[1].note, "expires at 2026-12-31T15:21:09Z"));
	facts.object.now_s += 30 * 86400LL;
	connect(&life, &facts);
	assert_string_equal(life.told, "Warning KeyExpired");
	facts.key_expires_s = NOW + 400LL * 86400;
	connect(&life, &facts);
	assert_null(condition_of(life.status, "KeyExpiring"));
	facts.key_expires_s = 0;
	connect(&life, &facts);
	assert_null(json_object_get(life.status, "keyExpiresAt"));
	facts.is_deleting = true;
	facts.waits_for = users;
	facts.waits_for_count = COUNT_OF(users);
	connect(&life, &facts);
	assert_string_equal(life.told, "Normal Deleting");
	assert_string_equal(life.events[0].note, "waiting for OmniCluster references to be deleted: harbor, pier");
	json_decref(life.status);
}

static void a_part_tells_of_its_own_faults(void **state)
{
	struct life life = {0};
	struct diag fault = {.object = SPAN("OmniMachine/m"), .path = SPAN("spec.machineID"), .code = "InvalidValue",
			     .message = SPAN("is no UUID")};
	const struct diag *faults[] = {&fault};
	struct status_part facts = {.object = {.ns = SPAN("omni"), .name = SPAN("m"), .generation = 1, .now_s = NOW},
				    .kind = "OmniMachine", .cluster_ref = SPAN("harbor"), .effective_name = SPAN("m"),
				    .has_cluster = true, .diags = faults, .diag_count = 1};
	(void)state;
	life.status = status_of_part(&facts);
	status_validate(kind_find(SPAN("OmniMachine")), life.status);
	summarise(&life, "OmniMachine", NULL);
	assert_string_equal(life.told, "Warning ValidationFailed");
	assert_string_equal(status_kstatus(life.status, 1), "Failed");
	assert_true(condition_is(life.status, "Accepted", "True"));
	facts.object.observed = life.status;
	facts.object.now_s += 60;
	json_t *again = status_of_part(&facts);
	assert_true(json_equal(again, life.status));
	json_decref(again);
	facts.diag_count = 0;
	json_t *well = status_of_part(&facts);
	assert_int_equal(json_array_size(json_object_get(well, "conditions")), 1);
	assert_null(json_object_get(well, "lastError"));
	json_decref(well);
	json_decref(life.status);
}

/* --- annotations ---------------------------------------------------------------------------------------------------- */

/* The patch, and what the annotations are after it. */
static void annotate(struct life *life, json_t *annotations, const char *expected)
{
	const char *name;
	json_t *value, *patch = status_annotations(&life->facts, annotations);
	char *text = json_dumps(patch, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, expected);
	json_object_foreach(patch, name, value) {
		if (json_is_null(value))
			json_object_del(annotations, name);
		else
			json_object_set(annotations, name, value);
	}
	json_decref(patch);
	free(text);
	patch = status_annotations(&life->facts, annotations);
	assert_int_equal(json_object_size(patch), 0);
	json_decref(patch);
}

static void annotations_change_with_what_they_tell(void **state)
{
	struct life life;
	json_t *annotations = json_pack("{s:s}", "example.com/mine", "stays");
	(void)state;
	begin(&life);
	life.unit.state.phase = UNIT_PENDING;
	annotate(&life, annotations, "{}");
	apply(&life, HASH);
	annotate(&life, annotations, "{\"" OURS("applied-at") "\":\"2026-11-21T15:21:10Z\",\"" OURS("applied-hash") "\":\"" HASH
				     "\",\"" OURS("drift") "\":\"none\",\"" OURS("sync-state") "\":\"InSync\"}");
	health(&life, HEALTH_NOT_READY);
	annotate(&life, annotations, "{}"); /* health is the status's business */
	apply(&life, HASH); /* what was changed in Omni was undone: the same is applied */
	annotate(&life, annotations, "{}");
	become(&life, UNIT_FAILED, "Unavailable: connection\nrefused");
	annotate(&life, annotations, "{\"" OURS("sync-message") "\":\"sync failed: Unavailable: connection\",\""
				     OURS("sync-state") "\":\"Failed\"}");
	life.unit.state.destroys = 3;
	life.unit.state.creates = life.unit.state.updates = 0;
	become(&life, UNIT_OUT_OF_SYNC, "changed in Omni");
	annotate(&life, annotations, "{\"" OURS("drift") "\":\"+0 ~0 -3\",\"" OURS("sync-message") "\":\"changed in Omni\",\""
				     OURS("sync-state") "\":\"OutOfSync\"}");
	life.facts.suspends = true;
	annotate(&life, annotations, "{\"" OURS("sync-message") "\":\"remote Omni sync is suspended\",\"" OURS("sync-state")
				     "\":\"Suspended\"}");
	life.facts.suspends = false;
	life.facts.stage = STATUS_DELETING;
	annotate(&life, annotations, "{}");
	assert_string_equal(member_of(annotations, "example.com/mine"), "stays");
	json_decref(life.status);
	json_decref(annotations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_life_of_a_cluster_is_told_once),
		cmocka_unit_test(what_goes_wrong_is_told_when_it_changes),
		cmocka_unit_test(suspension_and_deletion_are_told),
		cmocka_unit_test(taking_over_is_no_event),
		cmocka_unit_test(notes_have_a_limit),
		cmocka_unit_test(the_life_of_a_connection),
		cmocka_unit_test(a_part_tells_of_its_own_faults),
		cmocka_unit_test(annotations_change_with_what_they_tell),
	};
	return RUN_TESTS(tests);
}
