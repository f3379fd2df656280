/* What is told of a Secret sync: each end of a look, and that the same again is no news. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/secret_sync_told.h"
#include "tests/unit/fake_secrets.h"
#include "tests/unit/test.h"

#define OLD "2026-01-01T00:00:00Z"
#define NOW "2026-01-02T00:00:00Z"

static struct world {
	struct arena arena;
	struct fake_secrets secrets;
	struct handler_env env;
	struct handler_object object;
	struct handler_call call;
	struct handler_outcome out;
	struct sync_spec spec;
	struct sync_tale tale;
	struct stored_secret wanted;
	struct sync_job job;
	void *memory;
	bool is_barred;
} world;

static int64_t now_s(void *ctx)
{
	(void)ctx;
	return 1767312000; /* NOW */
}

static bool may_act(void *ctx, const struct handler_object *object)
{
	(void)ctx, (void)object;
	return !world.is_barred;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return mark_keep(&world.arena, value);
}

#define SPEC(policy)                                                                                                   \
	"{\"clusterRef\": {\"name\": \"demo\"}, \"kubeconfigSecretRef\": {\"name\": \"way\", \"key\": \"kubeconfig\"}, \"sourceSecretRef\":" \
	" {\"name\": \"src\"}, \"targetSecretRef\": {\"name\": \"new\", \"namespace\": \"apps\"}, \"deletionPolicy\": \"" policy "\"}"

static int set_up(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	arena_init_wiping(&world.arena, ARENA_NO_LIMIT);
	fake_secrets_init(&world.secrets);
	world.env = (struct handler_env){.secrets = &world.secrets.base, .workloads = workloads_new(NULL), .may_act = may_act, .now_s = now_s};
	world.object = (struct handler_object){
		.ns = SPAN("fleet"), .name = SPAN("pull"), .uid = SPAN("mine"), .spec = parse(SPEC("Delete")), .status = parse("{}"),
		.annotations = parse("{}"), .cluster = {.exists = true, .is_ready = true, .object = SPAN("demo"), .name = SPAN("demo")}};
	world.call = (struct handler_call){.env = &world.env, .object = &world.object, .memory = &world.memory, .arena = &world.arena};
	assert_null(sync_spec_read(&world.object, &world.spec));
	world.tale = (struct sync_tale){&world.call, &world.out, &world.spec, {SPAN("mine"), SPAN("fleet"), SPAN("pull"), SPAN("demo")}};
	const struct stored_secret source = {.type = SPAN("Opaque")};
	sync_shape(&world.arena, &world.tale.owner, &world.spec, &source, &world.wanted);
	world.job = (struct sync_job){.spec = &world.spec, .wanted = &world.wanted};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	HANDLER_SYNC.forget(world.memory);
	workloads_free(world.env.workloads);
	json_decref(world.out.fields);
	fake_secrets_done(&world.secrets);
	arena_done(&world.arena);
	return 0;
}

/* --- what is told --------------------------------------------------------------------------------------------------------------- */

static void assert_condition(const char *type, bool is_true, const char *reason, const char *text)
{
	for (size_t i = 0; i < world.out.condition_count; i++) {
		const struct handler_condition *one = &world.out.conditions[i];
		if (strcmp(one->type, type) != 0)
			continue;
		assert_int_equal(one->value, is_true ? CONDITION_TRUE : CONDITION_FALSE);
		assert_string_equal(one->reason, reason);
		if (strstr(one->message, text) == NULL)
			fail_msg("«%s» does not say «%s»", one->message, text);
		return;
	}
	fail_msg("there is no %s", type);
}

static void assert_both(const char *reason, const char *text)
{
	assert_condition("Synced", false, reason, text);
	assert_condition("Ready", false, reason, text);
}

static void assert_field(const char *key, const char *value)
{
	assert_span(mark_text(world.out.fields, key), value);
}

/* As the next look sees it. */
static void observe(void)
{
	world.object.status = mark_keep(&world.arena, world.out.fields);
	world.out = (struct handler_outcome){0};
}

static void tell(struct sync_result result)
{
	sync_tell_result(&world.tale, &world.job, &result, 0);
}

#define HELD "\"targetSecretRef\": \"old\", \"targetNamespace\": \"apps\", \"secretHash\": \"h\", \"secretType\": \"t\", \"lastSyncTime\": \"" OLD "\""

static void success(void **state)
{
	(void)state;
	tell((struct sync_result){.end = SYNC_DONE, .done = SYNC_CREATE});
	assert_condition("Synced", true, "Synced", "synced Secret \"src\" to workload Secret \"apps/new\"");
	assert_condition("Ready", true, "Synced", "synced Secret \"src\" to workload Secret \"apps/new\"");
	static const char *const fields[][2] = {
		{"clusterRef", "demo"}, {"kubeconfigSecretRef", "way"}, {"kubeconfigSecretKey", "kubeconfig"}, {"sourceSecretRef", "src"},
		{"targetSecretRef", "new"}, {"targetNamespace", "apps"}, {"secretType", "Opaque"}, {"lastAttemptTime", NOW}, {"lastSyncTime", NOW},
		{"secretHash", "0414b13f5c6a6aaa228e7a59a8c43dbb12c1d698b8dfa2621883e4de82bbb867"}, {"lastError", ""},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		assert_field(fields[i][0], fields[i][1]);
	assert_string_equal(world.out.events[0].reason, "Created");
	assert_false(world.out.has_failed || world.out.is_progressing);
	observe();
	world.object.status = parse("{\"targetSecretRef\": \"new\", \"targetNamespace\": \"apps\", \"lastSyncTime\": \"" OLD
				    "\", \"lastAttemptTime\": \"" OLD "\"}");
	tell((struct sync_result){.end = SYNC_DONE, .done = SYNC_NOTHING});
	assert_field("lastSyncTime", OLD);
	assert_field("lastAttemptTime", OLD);
	assert_int_equal(world.out.event_count, 0);
}

static void the_same_again_is_no_news(void **state)
{
	(void)state;
	tell((struct sync_result){.end = SYNC_DONE, .done = SYNC_UPDATE});
	observe();
	tell((struct sync_result){.end = SYNC_DONE, .done = SYNC_NOTHING});
	assert_true(json_equal(world.out.fields, world.object.status));
	observe();
	sync_tell_trouble(&world.tale, "SyncFailed", "no");
	assert_false(json_equal(world.out.fields, world.object.status));
	json_t *first = json_deep_copy(world.out.fields);
	json_object_set_new(first, "lastAttemptTime", json_string(OLD));
	observe();
	world.object.status = mark_keep(&world.arena, first);
	sync_tell_trouble(&world.tale, "SyncFailed", "no");
	assert_true(json_equal(world.out.fields, world.object.status));
}

static void trouble_keeps_what_there_is(void **state)
{
	(void)state;
	struct sync_result result = {.end = SYNC_FAILED, .was_tried = true, .why = {FAIL_DENIED, "forbidden"}};
	world.object.status = parse("{" HELD "}");
	tell(result);
	assert_both("SyncFailed", "forbidden");
	assert_true(world.out.has_failed && !world.out.is_progressing);
	assert_field("targetSecretRef", "old");
	assert_field("secretHash", "h");
	assert_field("lastSyncTime", OLD);
	assert_field("lastError", "forbidden");
	assert_field("lastAttemptTime", NOW);
	result.is_removed = true;
	tell(result);
	assert_both("SyncFailed", "the new one is not there yet: forbidden");
}

static void where_it_may_be_is_told(void **state)
{
	(void)state;
	struct sync_result result = {.end = SYNC_FAILED, .why = {FAIL_TIMEOUT, "no answer"}};
	world.object.cluster.is_ready = false;
	tell(result);
	assert_field("targetSecretRef", "");
	assert_true(world.out.is_progressing); /* a cluster that is not there yet does not answer */
	result.was_tried = true;
	tell(result);
	assert_field("targetSecretRef", "new");
	assert_field("targetNamespace", "apps");
	assert_field("secretHash", "");
}

static void ended_credentials_are_told(void **state)
{
	(void)state;
	const struct sync_result result = {.end = SYNC_FAILED, .why = {FAIL_UNAUTHENTICATED, "401"}};
	sync_tell_result(&world.tale, &world.job, &result, 1767225600);
	assert_both("SyncFailed", "401; the credentials of the kubeconfig ended at " OLD);
	sync_tell_result(&world.tale, &world.job, &result, 1767312001);
	assert_null(strstr(world.out.conditions[0].message, "ended"));
}

static void the_other_ends(void **state)
{
	(void)state;
	world.object.status = parse("{" HELD "}");
	tell((struct sync_result){.end = SYNC_WAITING});
	assert_both("Replacing", "waits for its finalizers");
	assert_true(world.out.is_progressing && !world.out.has_failed);
	tell((struct sync_result){.end = SYNC_CONFLICT, .other = SPAN("push")});
	assert_both("SecretConflict", "is not this object's (of an OmniSecretSync \"push\")");
	assert_both("SecretConflict", "kubectl -n apps label secret new --overwrite omni.texashpc.com/secret-sync-uid=mine");
	assert_field("targetSecretRef", "old");
	world.tale.owner.uid = SPAN("");
	tell((struct sync_result){.end = SYNC_CONFLICT});
	assert_both("SecretConflict", "kubectl -n apps annotate secret new --overwrite omni.texashpc.com/secret-sync-name=pull");
	tell((struct sync_result){.end = SYNC_LEFT_OVER, .done = SYNC_CREATE, .why = {FAIL_DENIED, "forbidden"}});
	assert_condition("Synced", true, "Synced", "apps/new");
	assert_condition("Ready", false, "DeleteFailed", "the former one could not be removed: forbidden");
	assert_field("targetSecretRef", "old");
	assert_true(world.out.has_failed);
	tell((struct sync_result){.end = SYNC_BARRED});
	assert_int_equal(world.out.condition_count, 0);
	assert_null(world.out.fields);
}

static void removal(void **state)
{
	(void)state;
	sync_tell_removed(&world.tale, &(struct sync_result){.end = SYNC_FAILED, .why = {FAIL_DENIED, "forbidden"}});
	assert_both("DeleteFailed", "forbidden; to leave it there, set deletionPolicy: Orphan");
	assert_true(world.out.has_failed && !world.out.is_gone);
	sync_tell_removed(&world.tale, &(struct sync_result){.end = SYNC_BARRED});
	assert_false(world.out.is_gone);
	sync_tell_removed(&world.tale, &(struct sync_result){.end = SYNC_DONE, .is_removed = true});
	assert_true(world.out.is_gone);
	assert_string_equal(world.out.events[0].reason, "Removed");
}

/* --- looks that end before anything is asked of a workload cluster ------------------------------------------------------------------ */

static void look(void)
{
	json_decref(world.out.fields);
	world.out = (struct handler_outcome){0};
	world.secrets.log[0] = '\0';
	HANDLER_SYNC.look(&world.call, &world.out);
}

static void faults_are_told(void **state)
{
	(void)state;
	world.object.spec = parse("{\"clusterRef\": {\"name\": \"demo\"}}");
	look();
	assert_both("ValidationFailed", "kubeconfigSecretRef.name is required");
	assert_false(world.out.has_failed);
	assert_string_equal(world.secrets.log, "");
}

static void without_a_cluster_nothing_is_done(void **state)
{
	(void)state;
	world.object.cluster.exists = false;
	look();
	assert_condition("Accepted", false, "MissingCluster", "OmniCluster \"demo\" does not exist");
	assert_both("MissingCluster", "OmniCluster \"demo\" does not exist");
	world.object.cluster.exists = world.object.cluster.is_deleted = true;
	look();
	assert_condition("Accepted", true, "Accepted", "attached to OmniCluster \"demo\"");
	assert_both("ClusterDeleting", "nothing is written into it any more");
	assert_true(world.out.is_progressing);
	assert_string_equal(world.secrets.log, "");
}

static bool deny(struct fake_secrets *store, const char *op, struct span name, struct fail *fail)
{
	(void)store, (void)op, (void)name;
	return fail_set(fail, FAIL_DENIED, "forbidden");
}

static void what_is_missing_is_watched(void **state)
{
	(void)state;
	look();
	assert_both("MissingSecret", "source Secret \"fleet/src\" does not exist");
	assert_int_equal(world.out.watch_count, 1);
	assert_span(world.out.watches[0].name, "src");
	world.secrets.before = deny;
	look();
	assert_both("SyncFailed", "get source Secret \"fleet/src\": forbidden");
	assert_true(world.out.has_failed);
	world.secrets.before = NULL;
	fake_secrets_put(&world.secrets, "fleet", "src", "v");
	look();
	assert_both("MissingSecret", "kubeconfig Secret \"fleet/way\" does not exist");
	assert_field("lastError", "kubeconfig Secret \"fleet/way\" does not exist");
	assert_int_equal(world.out.watch_count, 2);
	struct stored_secret *way = fake_secrets_put(&world.secrets, "fleet", "way", "no kubeconfig");
	look();
	assert_both("MissingSecret", "kubeconfig Secret \"fleet/way\" does not contain key \"kubeconfig\"");
	way->entries[0].key = SPAN("kubeconfig");
	look();
	assert_both("ValidationFailed", "kubeconfig Secret \"fleet/way\" key \"kubeconfig\" is invalid: the kubeconfig: this is no kubeconfig");
	assert_false(world.out.has_failed);
}

static void deletion_needs_a_way_unless_it_orphans(void **state)
{
	(void)state;
	world.object.is_deleted = true;
	look();
	assert_both("MissingSecret", "kubeconfig Secret \"fleet/way\" does not exist");
	assert_false(world.out.is_gone);
	assert_string_equal(world.secrets.log, "get fleet/way;"); /* the source is not needed */
	world.object.spec = parse(SPEC("Orphan"));
	look();
	assert_true(world.out.is_gone);
	assert_string_equal(world.secrets.log, "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(success),
		CASE(the_same_again_is_no_news),
		CASE(trouble_keeps_what_there_is),
		CASE(where_it_may_be_is_told),
		CASE(ended_credentials_are_told),
		CASE(the_other_ends),
		CASE(removal),
		CASE(faults_are_told),
		CASE(without_a_cluster_nothing_is_done),
		CASE(what_is_missing_is_watched),
		CASE(deletion_needs_a_way_unless_it_orphans),
	};
	return RUN_TESTS(tests);
}
