/* The runner of the handlers: when an object is looked at, what is told of it, and how it goes. Also run with
 * ThreadSanitizer. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/handlers.h"
#include "agent/workload/store_int.h"
#include "base/clock.h"
#include "crds/kinds.h"

/* --- a Secret store that only knows who wants to know ---------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	char watched[8][64];
	void (*changed)(void *ctx, struct span ns, struct span name);
	void *ctx;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void key_of(struct span ns, struct span name, char out[64])
{
	snprintf(out, 64, "%.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(name));
}

static size_t find_watched(const char *key)
{
	size_t i = 0;
	while (i < 8 && strcmp(store.watched[i], key) != 0)
		i++;
	return i;
}

static void watch_secret(struct secret_store *unused, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	char key[64];
	(void)unused;
	key_of(ns, name, key);
	pthread_mutex_lock(&store.lock);
	assert_int_equal(find_watched(key), 8); /* once, however many want to know */
	strcpy(store.watched[find_watched("")], key);
	store.changed = changed;
	store.ctx = ctx;
	pthread_mutex_unlock(&store.lock);
}

static void unwatch_secret(struct secret_store *unused, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	char key[64];
	(void)unused;
	(void)changed;
	(void)ctx;
	key_of(ns, name, key);
	pthread_mutex_lock(&store.lock);
	store.watched[find_watched(key)][0] = '\0';
	pthread_mutex_unlock(&store.lock);
}

static const struct secret_store_ops store_ops = {.watch = watch_secret, .unwatch = unwatch_secret};
static struct secret_store secrets = {&store_ops};

static bool is_watched(const char *key)
{
	pthread_mutex_lock(&store.lock);
	bool is = find_watched(key) < 8;
	pthread_mutex_unlock(&store.lock);
	return is;
}

/* --- a handler that does as it is told ----------------------------------------------------------------------------------------- */

struct script {
	_Atomic int looks, forgets, acts_not, hangs, wakes_itself;
	_Atomic bool fails, is_gone, misses, depends;
	_Atomic int64_t again_ms;
	_Atomic(const char *) secret;
	struct handler_waker *waker;
	pthread_mutex_t lock;
	char *status, *event; /* as told last, of "one" */
	bool was_gone;
	int told;
};
static struct script script = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void look(const struct handler_call *call, struct handler_outcome *out)
{
	bool ready = false;
	*call->memory = &script;
	while (script.hangs > 0 && !call->env->is_stopping)
		clock_sleep_ms(1);
	if (script.depends && span_is(call->object->name, "one"))
		json_decref(call->env->status_of(call->env->ctx, call->object, &KIND_SECRET_SYNC, SPAN("two"), &ready));
	if (script.secret != NULL)
		outcome_watch(out, call->object->ns, span_of(script.secret));
	out->fields = json_pack("{s:s%}", "clusterRef", call->object->cluster.object.ptr, call->object->cluster.object.len);
	out->has_failed = script.fails;
	out->is_gone = call->object->is_deleted && script.is_gone;
	out->again_ms = script.again_ms;
	if (script.misses)
		outcome_condition(out, "Ready", false, "MissingSecret", "Secret \"fleet/way\" does not exist");
	else
		outcome_condition(out, "Ready", !script.fails, script.fails ? "SyncFailed" : "Synced", "ready %d", ready);
	if (span_is(call->object->name, "one"))
		script.looks++;
}

static void forget(void *memory)
{
	assert_ptr_equal(memory, &script);
	script.forgets++;
}

static const struct handler HANDLER = {&KIND_SECRET_SYNC, 5000, look, forget};
static const struct handler *const handlers_of_test[] = {&HANDLER, NULL};

static bool may_act(void *ctx, const struct handler_object *object)
{
	(void)ctx;
	(void)object;
	return script.acts_not == 0;
}

static int64_t now_s(void *ctx)
{
	(void)ctx;
	return 1800000000;
}

static void told(void *ctx, const struct handler_object *object, json_t *status, const struct status_event *events, size_t event_count,
		 bool is_gone)
{
	(void)ctx;
	if (!span_is(object->name, "one"))
		return;
	pthread_mutex_lock(&script.lock);
	free(script.status);
	free(script.event);
	script.status = json_dumps(status, JSON_SORT_KEYS | JSON_COMPACT);
	script.event = event_count == 0 ? NULL : strdup(events[0].note);
	script.was_gone = is_gone;
	script.told++;
	pthread_mutex_unlock(&script.lock);
}

/* --- the bench ------------------------------------------------------------------------------------------------------------------ */

static struct handlers *begin(void)
{
	const struct handlers_options options = {
		.env = {.secrets = &secrets, .may_act = may_act, .now_s = now_s}, .handlers = handlers_of_test, .told = told, .grace_ms = 100};
	free(script.status);
	free(script.event);
	memset(&script, 0, sizeof script);
	pthread_mutex_init(&script.lock, NULL);
	return handlers_new(&options);
}

static void end(struct handlers *handlers)
{
	script.hangs = 0;
	assert_true(handlers_free(handlers, clock_monotonic_ms() + 10000));
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(store.watched[i], "");
}

static struct handler_object object(void)
{
	return (struct handler_object){.kind = &KIND_SECRET_SYNC, .ns = SPAN("fleet"), .name = SPAN("one"), .uid = SPAN("u1"),
				       .generation = 1,
				       .cluster = {.exists = true, .object = SPAN("demo"), .name = SPAN("demo"), .uid = SPAN("c1")}};
}

static void take(struct handlers *handlers, const struct handler_object *one)
{
	handlers_take(handlers, one);
}

static void until(const _Atomic int *counter, int value)
{
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (*counter < value) {
		assert_true(clock_monotonic_ms() < deadline);
		clock_sleep_ms(1);
	}
}

static int told_so_far(void)
{
	pthread_mutex_lock(&script.lock);
	int count = script.told;
	pthread_mutex_unlock(&script.lock);
	return count;
}

static void until_told(int count)
{
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (told_so_far() < count) {
		assert_true(clock_monotonic_ms() < deadline);
		clock_sleep_ms(1);
	}
}

static void says(const char *part)
{
	pthread_mutex_lock(&script.lock);
	if (script.status == NULL || strstr(script.status, part) == NULL)
		fail_msg("%s is not in %s", part, script.status);
	pthread_mutex_unlock(&script.lock);
}

static void rests(int looks)
{
	clock_sleep_ms(60);
	assert_int_equal(script.looks, looks);
}

/* --- when --------------------------------------------------------------------------------------------------------------------------- */

static void what_changes_is_looked_at_and_what_does_not_is_not(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	take(handlers, &one);
	until_told(1);
	says("\"clusterRef\":\"demo\"");
	says("\"observedGeneration\":1");
	take(handlers, &one);
	json_t *echo = json_loads(script.status, 0, NULL); /* as it comes back */
	one.status = echo;
	take(handlers, &one);
	rests(1);
	one.cluster.is_ready = true;
	take(handlers, &one);
	until(&script.looks, 2);
	one.generation = 2;
	take(handlers, &one);
	until(&script.looks, 3);
	json_t *annotations = json_pack("{s:s}", "kubectl.kubernetes.io/last-applied-configuration", "{}");
	one.annotations = annotations;
	take(handlers, &one);
	rests(3);
	json_decref(annotations);
	json_decref(echo);
	end(handlers);
	assert_int_equal(script.forgets, 1);
}

static void a_kind_without_a_handler_is_left_alone(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	struct handlers_counts counts;
	one.kind = &KIND_HELM_RELEASE;
	take(handlers, &one);
	handlers_drop(handlers, &KIND_HELM_RELEASE, one.ns, one.name);
	handlers_counts(handlers, &counts);
	assert_int_equal(counts.objects[2], 0);
	end(handlers);
}

static void a_failure_comes_back_by_itself(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	struct handlers_counts counts;
	script.fails = true;
	take(handlers, &one);
	until_told(1);
	says("\"type\":\"Reconciling\"");
	says("ProgressingWithRetry");
	until(&script.looks, 2);
	script.fails = false;
	until(&script.looks, 3);
	until_told(3);
	says("\"reason\":\"Synced\"");
	handlers_counts(handlers, &counts);
	assert_int_equal(counts.objects[1], 1);
	assert_int_equal(counts.ready[1], 1);
	assert_int_equal(counts.looks[1], 3);
	assert_int_equal(counts.failures[1], 2);
	rests(3);
	end(handlers);
}

static void it_is_looked_at_again_when_it_says(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	script.again_ms = 30;
	take(handlers, &one);
	until(&script.looks, 4);
	end(handlers);
}

static void a_secret_that_it_uses_wakes_it(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object(), two = object();
	two.name = SPAN("two");
	script.secret = "way";
	take(handlers, &two);
	take(handlers, &one);
	until_told(1);
	assert_true(is_watched("fleet/way"));
	store.changed(store.ctx, SPAN("fleet"), SPAN("other"));
	rests(1);
	store.changed(store.ctx, SPAN("fleet"), SPAN("way"));
	until(&script.looks, 2);
	script.secret = NULL;
	handlers_drop(handlers, &KIND_SECRET_SYNC, SPAN("fleet"), SPAN("two"));
	store.changed(store.ctx, SPAN("fleet"), SPAN("way"));
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (is_watched("fleet/way")) {
		assert_true(clock_monotonic_ms() < deadline);
		clock_sleep_ms(1);
	}
	end(handlers);
}

static void another_that_it_asked_about_wakes_it(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object(), two = object();
	two.name = SPAN("two");
	script.depends = true;
	take(handlers, &one);
	until_told(1);
	says("ready 0");
	take(handlers, &two);
	until_told(2);
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (strstr(script.status, "ready 1") == NULL) {
		assert_true(clock_monotonic_ms() < deadline);
		clock_sleep_ms(1);
	}
	end(handlers);
}

/* --- replicas, suspension, requests ---------------------------------------------------------------------------------------------------- */

static void a_replica_that_does_not_act_looks_at_nothing(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	script.acts_not = 1;
	take(handlers, &one);
	rests(0);
	script.acts_not = 0;
	handlers_look(handlers);
	until_told(1);
	script.acts_not = 1;
	handlers_look(handlers);
	until(&script.forgets, 1);
	rests(1);
	/* What the other one writes is what counts from now on. */
	json_t *status = json_pack("{s:s}", "lastError", "of the other one");
	one.status = status;
	take(handlers, &one);
	script.acts_not = 0;
	handlers_look(handlers);
	until_told(2);
	end(handlers);
	json_decref(status);
}

static void one_that_is_suspended_stays_as_it_is(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	take(handlers, &one);
	until_told(1);
	json_t *annotations = json_pack("{s:s}", "omni.texashpc.com/suspend", "true");
	one.annotations = annotations;
	take(handlers, &one);
	until_told(2);
	says("\"type\":\"Suspended\"");
	says("\"message\":\"ready 0\"");
	rests(1);
	one.annotations = NULL;
	take(handlers, &one);
	until_told(3);
	assert_null(strstr(script.status, "Suspended"));
	json_decref(annotations);
	end(handlers);
}

static void a_request_is_handled_once_and_told_of(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	json_t *annotations = json_pack("{s:s}", "omni.texashpc.com/requested-at", "today");
	one.annotations = annotations;
	take(handlers, &one);
	until_told(1);
	says("\"lastHandledReconcileAt\":\"today\"");
	json_object_set_new(annotations, "reconcile.fluxcd.io/requestedAt", json_string("later"));
	take(handlers, &one);
	until_told(2);
	says("\"lastHandledReconcileAt\":\"later\"");
	json_decref(annotations);
	end(handlers);
}

/* --- the end of an object --------------------------------------------------------------------------------------------------------------- */

static void one_that_is_deleted_goes_when_its_handler_says_so(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	take(handlers, &one);
	until_told(1);
	one.is_deleted = true;
	script.fails = true;
	take(handlers, &one);
	until_told(2);
	assert_false(script.was_gone); /* its cluster is there: it is tried again */
	script.fails = false;
	script.is_gone = true;
	until_told(3);
	assert_true(script.was_gone);
	assert_null(script.event);
	handlers_drop(handlers, &KIND_SECRET_SYNC, one.ns, one.name);
	until(&script.forgets, 1);
	end(handlers);
	assert_int_equal(script.forgets, 1);
}

static void without_a_way_into_its_cluster_it_goes_after_the_grace(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	one.is_deleted = true;
	script.misses = true;
	int64_t start = clock_monotonic_ms();
	take(handlers, &one);
	until_told(1);
	says("this object goes in 0 s, and leaves what it made in the cluster as it is");
	assert_false(script.was_gone);
	until_told(2);
	assert_true(clock_monotonic_ms() - start >= 100);
	assert_true(script.was_gone);
	assert_non_null(strstr(script.event, "may be left in cluster \"demo\""));
	assert_non_null(strstr(script.event, "Secret \"fleet/way\" does not exist"));
	end(handlers);
}

static void a_failure_in_a_cluster_that_is_gone_is_no_lock_either(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	script.fails = true;
	one.is_deleted = true;
	one.cluster.exists = false;
	take(handlers, &one);
	until_told(2);
	assert_true(script.was_gone);
	end(handlers);
}

static void another_object_of_the_same_name_begins_anew(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	take(handlers, &one);
	until_told(1);
	one.uid = SPAN("u2");
	take(handlers, &one);
	until_told(2);
	assert_int_equal(script.forgets, 1);
	handlers_drop(handlers, &KIND_SECRET_SYNC, one.ns, one.name);
	take(handlers, &one);
	until_told(3);
	end(handlers);
}

static void what_the_end_of_the_process_breaks_off_is_not_told(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	struct handler_object one = object();
	script.hangs = 1;
	script.fails = true;
	take(handlers, &one);
	clock_sleep_ms(20);
	handlers_stop(handlers);
	assert_true(handlers_free(handlers, clock_monotonic_ms() + 10000));
	assert_int_equal(told_so_far(), 0);
}

static void a_cluster_that_hangs_holds_up_no_other(void **state)
{
	(void)state;
	struct handlers *handlers = begin();
	char names[6][8];
	script.hangs = 1;
	for (size_t i = 0; i < 6; i++) {
		struct handler_object one = object();
		snprintf(names[i], sizeof names[i], "o%zu", i);
		one.name = span_of(names[i]);
		take(handlers, &one);
	}
	struct handlers_counts counts;
	clock_sleep_ms(50);
	handlers_counts(handlers, &counts);
	assert_int_equal(counts.running, 2);
	assert_int_equal(counts.queued, 4);
	struct handler_object other = object();
	other.cluster.object = SPAN("other");
	take(handlers, &other);
	clock_sleep_ms(50);
	handlers_counts(handlers, &counts);
	assert_int_equal(counts.running, 3);
	end(handlers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_is_looked_at_and_what_does_not_is_not),
		cmocka_unit_test(a_kind_without_a_handler_is_left_alone),
		cmocka_unit_test(a_failure_comes_back_by_itself),
		cmocka_unit_test(it_is_looked_at_again_when_it_says),
		cmocka_unit_test(a_secret_that_it_uses_wakes_it),
		cmocka_unit_test(another_that_it_asked_about_wakes_it),
		cmocka_unit_test(a_replica_that_does_not_act_looks_at_nothing),
		cmocka_unit_test(one_that_is_suspended_stays_as_it_is),
		cmocka_unit_test(a_request_is_handled_once_and_told_of),
		cmocka_unit_test(one_that_is_deleted_goes_when_its_handler_says_so),
		cmocka_unit_test(without_a_way_into_its_cluster_it_goes_after_the_grace),
		cmocka_unit_test(a_failure_in_a_cluster_that_is_gone_is_no_lock_either),
		cmocka_unit_test(another_object_of_the_same_name_begins_anew),
		cmocka_unit_test(what_the_end_of_the_process_breaks_off_is_not_told),
		cmocka_unit_test(a_cluster_that_hangs_holds_up_no_other),
	};
	return RUN_TESTS(tests);
}
