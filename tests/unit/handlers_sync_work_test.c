/* In which order a copy is brought in line: what is done to the store, event by event. */
#include <string.h>

#include "agent/handlers/secret_sync_int.h"
#include "tests/unit/fake_secrets.h"
#include "tests/unit/test.h"

static struct world {
	struct fake_secrets store;
	struct arena arena;
	struct sync_world way;
	struct sync_spec spec;
	struct sync_job job;
	struct stored_secret wanted;
	struct secret_entry entry;
	struct sync_result result;
	unsigned acts; /* so many more are allowed */
	bool namespace_fails;
} world;

static bool make_namespace(void *ctx, struct span ns, int64_t deadline_ms, struct fail *fail)
{
	(void)ctx, (void)deadline_ms;
	fake_secrets_note(&world.store, "namespace", ns, SPAN(""));
	if (world.namespace_fails)
		return fail_set(fail, FAIL_DENIED, "forbidden");
	world.store.missing_namespace = NULL;
	return true;
}

static bool may_act(void *ctx)
{
	(void)ctx;
	return world.acts > 0 && world.acts-- > 0;
}

static int set_up(void **state)
{
	static const struct sync_owner owner = {SPAN("mine"), SPAN("omni"), SPAN("pull"), SPAN("harbor")};
	(void)state;
	memset(&world, 0, sizeof world);
	fake_secrets_init(&world.store);
	arena_init_wiping(&world.arena, ARENA_NO_LIMIT);
	world.acts = 100;
	world.way = (struct sync_world){&world.store.base, make_namespace, may_act, NULL};
	world.spec = (struct sync_spec){.target = {SPAN("apps"), SPAN("new")}, .source = SPAN("src")};
	world.entry = (struct secret_entry){SPAN("k"), SPAN("v")};
	const struct stored_secret source = {.type = SPAN("Opaque"), .entries = &world.entry, .entry_count = 1};
	sync_shape(&world.arena, &owner, &world.spec, &source, &world.wanted);
	world.job = (struct sync_job){.world = &world.way, .spec = &world.spec, .owner = owner, .arena = &world.arena, .wanted = &world.wanted};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_secrets_done(&world.store);
	arena_done(&world.arena);
	return 0;
}

static void run(enum sync_end end, const char *log)
{
	world.store.log[0] = '\0';
	sync_carry_out(&world.job, &world.result);
	assert_string_equal(world.store.log, log);
	if (world.result.end != end)
		fail_msg("it ends with %d, not %d: %s", (int)world.result.end, (int)end, world.result.why.text);
}

static struct stored_secret *put_ours(const char *ns, const char *name, const char *value)
{
	struct stored_secret *secret = fake_secrets_put(&world.store, ns, name, value);
	json_object_update(secret->labels, world.wanted.labels);
	json_object_update(secret->annotations, world.wanted.annotations);
	return secret;
}

static void assert_there(const char *ns, const char *name, const char *value)
{
	const struct fake_secret *one = fake_secrets_find(&world.store, span_of(ns), span_of(name));
	if ((one == NULL) != (value == NULL))
		fail_msg("%s/%s is %sthere", ns, name, one == NULL ? "not " : "");
	if (value != NULL)
		assert_span(one->secret.entries[0].value, value);
}

/* --- the usual ------------------------------------------------------------------------------------------------------------------ */

static void it_is_made_and_then_left_alone(void **state)
{
	(void)state;
	run(SYNC_DONE, "get apps/new;create apps/new;");
	assert_int_equal(world.result.done, SYNC_CREATE);
	assert_span(world.result.version, "v1");
	run(SYNC_DONE, "get apps/new;");
	assert_int_equal(world.result.done, SYNC_NOTHING);
	assert_span(world.result.version, "v1");
	assert_span(world.result.uid, "uid-1");
}

static void a_namespace_is_made_when_asked_for(void **state)
{
	(void)state;
	world.store.missing_namespace = "apps";
	run(SYNC_FAILED, "get apps/new;create apps/new;");
	assert_string_equal(world.result.why.text, "create workload Secret \"apps/new\": namespaces \"apps\" not found");
	world.spec.makes_namespace = true;
	world.namespace_fails = true;
	run(SYNC_FAILED, "get apps/new;create apps/new;namespace apps/;");
	assert_string_equal(world.result.why.text, "create workload namespace \"apps\": forbidden");
	world.namespace_fails = false;
	run(SYNC_DONE, "get apps/new;create apps/new;namespace apps/;get apps/new;create apps/new;");
}

static void what_differs_is_changed(void **state)
{
	(void)state;
	struct stored_secret *there = put_ours("apps", "new", "old");
	json_object_set_new(there->labels, "theirs", json_string("x"));
	run(SYNC_DONE, "get apps/new;update apps/new;");
	assert_int_equal(world.result.done, SYNC_UPDATE);
	assert_there("apps", "new", "v");
	const struct fake_secret *now = fake_secrets_find(&world.store, SPAN("apps"), SPAN("new"));
	assert_span(mark_text(now->secret.labels, "theirs"), "x");
	assert_span(world.result.version, "v2");
}

static void somebody_elses_is_not_touched(void **state)
{
	(void)state;
	struct stored_secret *there = fake_secrets_put(&world.store, "apps", "new", "theirs");
	run(SYNC_CONFLICT, "get apps/new;");
	assert_span(world.result.other, "");
	json_object_set_new(there->labels, SYNC_UID, json_string("another"));
	json_object_set_new(there->annotations, SYNC_NAME, json_string("push"));
	world.job.held_uid = there->uid; /* it was ours until somebody put another mark on it */
	run(SYNC_CONFLICT, "get apps/new;");
	assert_span(world.result.other, "push");
	assert_there("apps", "new", "theirs");
	json_object_set_new(there->labels, SYNC_UID, json_string("mine")); /* handed over */
	run(SYNC_DONE, "get apps/new;update apps/new;");
	assert_there("apps", "new", "v");
}

static void one_that_lost_its_marks_is_known_by_its_uid(void **state)
{
	(void)state;
	struct stored_secret *there = fake_secrets_put(&world.store, "apps", "new", "v");
	world.job.held_uid = arena_copy(&world.arena, there->uid);
	run(SYNC_DONE, "get apps/new;update apps/new;");
}

/* --- what cannot be changed ------------------------------------------------------------------------------------------------------ */

static void a_retyped_one_is_replaced(void **state)
{
	(void)state;
	put_ours("apps", "new", "v")->type = SPAN("other");
	run(SYNC_DONE, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;create apps/new;");
	assert_int_equal(world.result.done, SYNC_REPLACE);
	assert_false(world.result.is_removed);
	assert_there("apps", "new", "v");
}

static void an_immutable_one_is_replaced(void **state)
{
	(void)state;
	put_ours("apps", "new", "old")->is_immutable = true;
	run(SYNC_DONE, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;create apps/new;");
	assert_there("apps", "new", "v");
}

static bool refuse_op(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)name;
	return strcmp(op, store->missing_namespace == NULL ? "try" : store->missing_namespace) != 0 || fail_set(fail, FAIL_INVALID, "no such type");
}

static void what_the_cluster_does_not_take_replaces_nothing(void **state)
{
	(void)state;
	put_ours("apps", "new", "v")->type = SPAN("other");
	world.store.before = refuse_op;
	run(SYNC_FAILED, "get apps/new;try apps/new-omniops-probe;");
	assert_there("apps", "new", "v");
	assert_non_null(strstr(world.result.why.text, "the Secret that is there stays"));
	assert_non_null(strstr(world.result.why.text, "no such type"));
}

static void what_could_not_be_made_again_is_made_later(void **state)
{
	(void)state;
	put_ours("apps", "new", "v")->type = SPAN("other");
	world.store.before = refuse_op;
	world.store.missing_namespace = "create";
	run(SYNC_FAILED, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;create apps/new;");
	assert_true(world.result.is_removed);
	world.store.before = NULL;
	run(SYNC_DONE, "get apps/new;create apps/new;");
	assert_there("apps", "new", "v");
}

static void finalizers_are_waited_for(void **state)
{
	(void)state;
	put_ours("apps", "new", "v")->type = SPAN("other");
	fake_secrets_find(&world.store, SPAN("apps"), SPAN("new"))->has_finalizer = true;
	run(SYNC_WAITING, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;");
	run(SYNC_WAITING, "get apps/new;");
	struct fake_secret *there = fake_secrets_find(&world.store, SPAN("apps"), SPAN("new"));
	there->is_there = false;
	stored_secret_drop(&there->secret);
	run(SYNC_DONE, "get apps/new;create apps/new;");
}

/* --- somebody else at the same time ----------------------------------------------------------------------------------------------- */

static unsigned times;

/* Before a write, somebody changes it; so often. */
static bool change_first(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)name, (void)fail;
	if (strcmp(op, "update") != 0 || times-- == 0)
		return true;
	struct fake_secret *there = fake_secrets_find(store, SPAN("apps"), SPAN("new"));
	there->secret.resource_version = arena_spanf(&store->arena, "w%u", times);
	return true;
}

static void who_changes_it_meanwhile_is_noticed(void **state)
{
	(void)state;
	put_ours("apps", "new", "old");
	world.store.before = change_first;
	times = 1;
	run(SYNC_DONE, "get apps/new;update apps/new;get apps/new;update apps/new;");
	assert_there("apps", "new", "v");
}

static void nobody_holds_it_up_for_long(void **state)
{
	(void)state;
	put_ours("apps", "new", "old");
	world.store.before = change_first;
	times = 1000;
	sync_carry_out(&world.job, &world.result);
	assert_int_equal(world.result.end, SYNC_FAILED);
	assert_int_equal(world.result.why.code, FAIL_CONFLICT);
	assert_true(times > 990);
}

/* It comes between the look and the making of it. */
static bool come_first(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)name, (void)fail;
	if (strcmp(op, "create") == 0 && times-- > 0)
		fake_secrets_put(store, "apps", "new", "theirs");
	return true;
}

static void who_made_it_first_keeps_it(void **state)
{
	(void)state;
	world.store.before = come_first;
	times = 1;
	run(SYNC_CONFLICT, "get apps/new;create apps/new;get apps/new;");
	assert_there("apps", "new", "theirs");
}

/* Another one of the same name stands there when it is to be removed. */
static bool exchange_first(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)name, (void)fail;
	if (strcmp(op, "delete") == 0)
		fake_secrets_find(store, SPAN("apps"), SPAN("new"))->secret.uid = SPAN("uid-of-another");
	return true;
}

static void only_the_one_that_was_looked_at_is_removed(void **state)
{
	(void)state;
	struct stored_secret *there = put_ours("apps", "new", "v");
	there->type = SPAN("other");
	world.store.before = exchange_first;
	sync_carry_out(&world.job, &world.result);
	assert_true(strncmp(world.store.log, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;", 60) == 0);
	assert_false(world.result.end == SYNC_DONE && world.result.done == SYNC_NOTHING);
}

/* --- moves ------------------------------------------------------------------------------------------------------------------------ */

static void the_new_one_stands_before_the_old_one_goes(void **state)
{
	(void)state;
	put_ours("apps", "old", "v");
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_DONE, "get apps/new;create apps/new;get apps/old;delete apps/old;");
	assert_true(world.result.is_former_removed);
	assert_there("apps", "old", NULL);
	assert_there("apps", "new", "v");
}

static bool refuse_create(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)store, (void)name;
	return strcmp(op, "create") != 0 || fail_set(fail, FAIL_UNAVAILABLE, "no answer");
}

static void the_old_one_stays_while_the_new_one_does_not_stand(void **state)
{
	(void)state;
	put_ours("apps", "old", "v");
	world.store.before = refuse_create;
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_FAILED, "get apps/new;create apps/new;");
	assert_true(world.result.was_tried);
	assert_there("apps", "old", "v");
}

static void an_old_one_of_somebody_else_stays(void **state)
{
	(void)state;
	fake_secrets_put(&world.store, "apps", "old", "theirs");
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_DONE, "get apps/new;create apps/new;get apps/old;");
	assert_there("apps", "old", "theirs");
}

static void orphans_stay_when_the_target_moves(void **state)
{
	(void)state;
	put_ours("apps", "old", "v");
	world.spec.keeps = true;
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_DONE, "get apps/new;create apps/new;");
	assert_there("apps", "old", "v");
}

static bool refuse_delete(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)store, (void)name;
	return strcmp(op, "delete") != 0 || fail_set(fail, FAIL_DENIED, "forbidden");
}

static void an_old_one_that_cannot_be_removed_is_told(void **state)
{
	(void)state;
	put_ours("apps", "old", "v");
	world.store.before = refuse_delete;
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_LEFT_OVER, "get apps/new;create apps/new;get apps/old;delete apps/old;");
	assert_string_equal(world.result.why.text, "delete workload Secret \"apps/old\": forbidden");
	assert_span(world.result.version, "v2");
}

/* --- another replica --------------------------------------------------------------------------------------------------------------- */

static void who_may_not_act_changes_nothing(void **state)
{
	(void)state;
	world.acts = 0;
	run(SYNC_BARRED, "get apps/new;");
	put_ours("apps", "new", "v")->type = SPAN("other");
	run(SYNC_BARRED, "get apps/new;try apps/new-omniops-probe;");
	world.acts = 1; /* it ends after the removal */
	run(SYNC_BARRED, "get apps/new;try apps/new-omniops-probe;delete apps/new;get apps/new;");
	world.acts = 1;
	put_ours("apps", "old", "v");
	world.job.former = (struct secret_name){SPAN("apps"), SPAN("old")};
	run(SYNC_BARRED, "get apps/new;create apps/new;");
}

/* --- removal ---------------------------------------------------------------------------------------------------------------------- */

static void every_copy_of_it_is_removed(void **state)
{
	(void)state;
	const struct secret_name places[] = {{SPAN("apps"), SPAN("new")}, {SPAN("apps"), SPAN("old")}, {SPAN("apps"), SPAN("none")}};
	put_ours("apps", "new", "v");
	fake_secrets_put(&world.store, "apps", "old", "theirs");
	sync_remove(&world.job, places, 3, &world.result);
	assert_int_equal(world.result.end, SYNC_DONE);
	assert_true(world.result.is_removed);
	assert_string_equal(world.store.log, "get apps/new;delete apps/new;get apps/old;get apps/none;");
	assert_there("apps", "old", "theirs");
	world.store.log[0] = '\0';
	sync_remove(&world.job, places, 3, &world.result);
	assert_int_equal(world.result.end, SYNC_DONE);
	assert_false(world.result.is_removed);
}

static void a_removal_that_fails_is_told(void **state)
{
	(void)state;
	const struct secret_name place = {SPAN("apps"), SPAN("new")};
	put_ours("apps", "new", "v");
	world.store.before = refuse_delete;
	sync_remove(&world.job, &place, 1, &world.result);
	assert_int_equal(world.result.end, SYNC_FAILED);
	assert_string_equal(world.result.why.text, "delete workload Secret \"apps/new\": forbidden");
	world.acts = 0;
	sync_remove(&world.job, &place, 1, &world.result);
	assert_int_equal(world.result.end, SYNC_BARRED);
	assert_there("apps", "new", "v");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(it_is_made_and_then_left_alone),
		CASE(a_namespace_is_made_when_asked_for),
		CASE(what_differs_is_changed),
		CASE(somebody_elses_is_not_touched),
		CASE(one_that_lost_its_marks_is_known_by_its_uid),
		CASE(a_retyped_one_is_replaced),
		CASE(an_immutable_one_is_replaced),
		CASE(what_the_cluster_does_not_take_replaces_nothing),
		CASE(what_could_not_be_made_again_is_made_later),
		CASE(finalizers_are_waited_for),
		CASE(who_changes_it_meanwhile_is_noticed),
		CASE(nobody_holds_it_up_for_long),
		CASE(who_made_it_first_keeps_it),
		CASE(only_the_one_that_was_looked_at_is_removed),
		CASE(the_new_one_stands_before_the_old_one_goes),
		CASE(the_old_one_stays_while_the_new_one_does_not_stand),
		CASE(an_old_one_of_somebody_else_stays),
		CASE(orphans_stay_when_the_target_moves),
		CASE(an_old_one_that_cannot_be_removed_is_told),
		CASE(who_may_not_act_changes_nothing),
		CASE(every_copy_of_it_is_removed),
		CASE(a_removal_that_fails_is_told),
	};
	return RUN_TESTS(tests);
}
