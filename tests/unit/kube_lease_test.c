/* Replicas that compete for a Lease, with an API server and clocks of the test: whatever is lost, late or stopped, never do two
 * of them act at once, and soon one of them does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/lease.h"
#include "agent/kube/lease_rules.h"
#include "agent/kube/replicas.h"
#include "tests/unit/fake_clock.h"

enum { DURATION_MS = 10000, EVENTS_MAX = 4096 };

/* --- the rules ------------------------------------------------------------------------------------------------------ */

static enum lease_step next(const struct lease_view *view, bool is_preferred, int64_t now_ms, int64_t *again_ms)
{
	struct lease_times times = lease_times_of(DURATION_MS);
	return lease_next(view, &times, "me", is_preferred, 0, now_ms, again_ms);
}

static void test_rules(void **state)
{
	(void)state;
	int64_t again_ms;
	struct lease_view view = {0};
	assert_int_equal(next(&view, true, 0, &again_ms), LEASE_CREATE);
	assert_int_equal(next(&view, false, 0, &again_ms), LEASE_WAIT);
	assert_int_equal(again_ms, 2000);
	assert_int_equal(next(&view, false, DURATION_MS / 2, &again_ms), LEASE_CREATE);

	view = (struct lease_view){.exists = true, .holder = "other", .duration_ms = 15000, .seen_ms = 1000};
	assert_int_equal(next(&view, true, 1000, &again_ms), LEASE_ASK);
	snprintf(view.wanted_by, sizeof view.wanted_by, "me");
	assert_int_equal(next(&view, true, 15500, &again_ms), LEASE_WAIT);
	assert_int_equal(again_ms, 16000); /* not later than its end */
	assert_int_equal(next(&view, true, 16000, &again_ms), LEASE_TAKE);
	assert_int_equal(next(&view, false, 16000, &again_ms), LEASE_WAIT);
	assert_int_equal(next(&view, false, 21000, &again_ms), LEASE_TAKE);

	view = (struct lease_view){.exists = true, .holder = "me", .duration_ms = DURATION_MS, .seen_ms = 0};
	assert_int_equal(next(&view, false, 99999, &again_ms), LEASE_RENEW);
	snprintf(view.wanted_by, sizeof view.wanted_by, "other");
	assert_int_equal(next(&view, false, 100, &again_ms), LEASE_YIELD);
	assert_int_equal(next(&view, true, 100, &again_ms), LEASE_RENEW);

	view = (struct lease_view){.exists = true, .holder = "", .duration_ms = 1000, .seen_ms = 500};
	assert_int_equal(next(&view, true, 500, &again_ms), LEASE_TAKE);
}

static void test_shards(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "1", "/3", "3/3", "-1/3", "0/0", "0/65", "0/99999999999", "0/3/4", "a/3", "0/3 "};
	unsigned shard = 7, shards = 7;
	struct fail fail;
	assert_true(replicas_parse_shard(SPAN("2/3"), &shard, &shards, &fail));
	assert_int_equal(shard, 2);
	assert_int_equal(shards, 3);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(replicas_parse_shard(span_of(wrong[i]), &shard, &shards, &fail));
		assert_int_equal(fail.code, FAIL_INVALID);
	}
	assert_int_equal(shard, 2);
	assert_true(replicas_until_ms(NULL, SPAN("demo")) == INT64_MAX);
}

/* --- an API server and a timetable ---------------------------------------------------------------------------------- */

/* What kube_post or an answer will run. */
struct event {
	int64_t at_ms;
	struct kube_client *client;
	void (*fn)(void *ctx);
	void (*done)(void *ctx, json_t *answer, const struct fail *fail);
	void *ctx;
	json_t *answer;
	struct fail fail;
};

struct kube_client { /* one per replica */
	struct lease *lease;
	int64_t frozen_until_ms; /* runs nothing: the process is stopped */
	bool is_dead;
	bool is_cut_off;
	uint64_t changes;
};

static struct event events[EVENTS_MAX];
static size_t event_count;
static json_t *stored;
static json_int_t stored_version;
static uint64_t random_state;
static unsigned loss_percent;

static unsigned chance(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % below;
}

static void add(struct event event)
{
	assert_true(event_count < EVENTS_MAX);
	events[event_count++] = event;
}

void kube_post(struct kube_client *client, int64_t delay_ms, void (*fn)(void *ctx), void *ctx)
{
	add((struct event){.at_ms = fake_monotonic_ms + delay_ms, .client = client, .fn = fn, .ctx = ctx});
}

static void store_record(json_t *record)
{
	char version[32];
	snprintf(version, sizeof version, "%lld", (long long)++stored_version);
	json_object_set_new(json_object_get(record, "metadata"), "resourceVersion", json_string(version));
	json_decref(stored);
	stored = record;
}

static const char *version_of(const json_t *record)
{
	const char *version = json_string_value(json_object_get(json_object_get(record, "metadata"), "resourceVersion"));
	return version == NULL ? "" : version;
}

/* As the API server: a new reference, or NULL and why. */
static json_t *serve(const struct kube_request *request, struct fail *fail)
{
	bool is_post = strcmp(request->method, "POST") == 0, is_get = strcmp(request->method, "GET") == 0;
	if (stored == NULL && !is_post) {
		fail_set(fail, FAIL_NOT_FOUND, "there is none");
		return NULL;
	}
	if (stored != NULL && is_post) {
		fail_set(fail, FAIL_EXISTS, "there is one");
		return NULL;
	}
	if (!is_get && !is_post && strcmp(version_of(request->body), version_of(stored)) != 0) {
		fail_set(fail, FAIL_CONFLICT, "changed");
		return NULL;
	}
	if (strcmp(request->method, "PATCH") == 0) {
		json_t *record = json_deep_copy(stored);
		json_object_update_recursive(record, request->body);
		store_record(record);
	} else if (!is_get) {
		store_record(json_deep_copy(request->body));
	}
	return json_deep_copy(stored);
}

/* The request arrives now or never, the answer later or never. */
void kube_start(struct kube_client *client, const struct kube_request *request,
		void (*done)(void *ctx, json_t *answer, const struct fail *fail), void *ctx)
{
	struct event event = {.at_ms = fake_monotonic_ms + 1 + chance(300), .client = client, .done = done, .ctx = ctx};
	bool is_lost = client->is_cut_off || chance(100) < loss_percent;
	if (!is_lost)
		event.answer = serve(request, &event.fail);
	bool is_answer_lost = is_lost || chance(100) < loss_percent;
	if (is_answer_lost) {
		json_decref(event.answer);
		event.answer = NULL;
		event.at_ms = request->deadline_ms;
		fail_set(&event.fail, FAIL_TIMEOUT, "no answer");
	}
	add(event);
}

bool kube_call(struct kube_client *client, const struct kube_request *request, json_t **out, struct fail *fail)
{
	(void)client;
	json_t *answer = serve(request, fail);
	if (out != NULL)
		*out = answer;
	else
		json_decref(answer);
	return answer != NULL;
}

static void run_event(size_t index)
{
	struct event event = events[index];
	events[index] = events[--event_count];
	if (event.client->is_dead) {
		json_decref(event.answer);
		return;
	}
	if (event.client->frozen_until_ms > fake_monotonic_ms) { /* comes when the process goes on */
		event.at_ms = event.client->frozen_until_ms;
		add(event);
		return;
	}
	if (event.fn != NULL)
		event.fn(event.ctx);
	else
		event.done(event.ctx, event.answer, &event.fail);
	json_decref(event.answer);
}

static unsigned acting(struct kube_client *clients, size_t count)
{
	unsigned found = 0;
	for (size_t i = 0; i < count; i++)
		found += !clients[i].is_dead && lease_until_ms(clients[i].lease) > fake_monotonic_ms;
	return found;
}

/* Until the time; after every event nobody acts beside somebody else. */
static void run_until(int64_t end_ms, struct kube_client *clients, size_t count)
{
	for (;;) {
		size_t first = event_count;
		for (size_t i = 0; i < event_count; i++)
			if (events[i].at_ms <= end_ms && (first == event_count || events[i].at_ms < events[first].at_ms))
				first = i;
		if (first == event_count)
			break;
		if (events[first].at_ms > fake_monotonic_ms)
			fake_monotonic_ms = events[first].at_ms;
		run_event(first);
		assert_true(acting(clients, count) <= 1);
	}
	fake_monotonic_ms = end_ms;
}

static void on_change(void *ctx)
{
	((struct kube_client *)ctx)->changes++;
}

static void start(struct kube_client *client, const char *identity, bool is_preferred)
{
	*client = (struct kube_client){0};
	struct lease_options options = {.ns = "ns", .name = "lease", .identity = identity, .duration_ms = DURATION_MS,
					.is_preferred = is_preferred, .changed = on_change, .ctx = client};
	client->lease = lease_new(client, &options);
}

static void begin(uint64_t seed, unsigned lost)
{
	random_state = seed;
	loss_percent = lost;
	fake_monotonic_ms = 1000;
	event_count = 0;
	stored_version = 0;
}

static void finish(struct kube_client *clients, size_t count)
{
	for (size_t i = 0; i < event_count; i++)
		json_decref(events[i].answer);
	event_count = 0;
	for (size_t i = 0; i < count; i++)
		lease_free(clients[i].lease);
	json_decref(stored);
	stored = NULL;
}

static bool acts(const struct kube_client *client)
{
	return lease_until_ms(client->lease) > fake_monotonic_ms;
}

/* --- scenarios ------------------------------------------------------------------------------------------------------ */

static void test_takes_over_after_a_crash(void **state)
{
	(void)state;
	struct kube_client clients[2];
	begin(1, 0);
	start(&clients[0], "a", true);
	run_until(fake_monotonic_ms + 1000, clients, 1);
	assert_true(acts(&clients[0]));
	start(&clients[1], "b", true);
	run_until(fake_monotonic_ms + 60000, clients, 2);
	assert_true(acts(&clients[0]));
	clients[0].is_dead = true;
	int64_t crashed_ms = fake_monotonic_ms;
	while (!acts(&clients[1]))
		run_until(fake_monotonic_ms + 100, clients, 2);
	assert_true(fake_monotonic_ms - crashed_ms <= 13000);
	assert_int_equal(clients[1].changes, 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(stored, "spec"), "leaseTransitions")), 1);
	finish(clients, 2);
}

static void test_is_given_back(void **state)
{
	(void)state;
	struct kube_client clients[2];
	struct fail fail;
	begin(2, 0);
	start(&clients[0], "a", true);
	run_until(fake_monotonic_ms + 1000, clients, 1);
	start(&clients[1], "b", true);
	run_until(fake_monotonic_ms + 5000, clients, 2);
	lease_stop(clients[0].lease);
	assert_true(lease_release(clients[0].lease, fake_monotonic_ms + 1000, &fail));
	assert_false(acts(&clients[0]));
	run_until(fake_monotonic_ms + 3000, clients, 2);
	assert_true(acts(&clients[1]));
	finish(clients, 2);
}

static void test_stopped_process_is_silent(void **state)
{
	(void)state;
	struct kube_client clients[2];
	begin(3, 0);
	start(&clients[0], "a", true);
	run_until(fake_monotonic_ms + 1000, clients, 1);
	start(&clients[1], "b", true);
	run_until(fake_monotonic_ms + 20000, clients, 2);
	clients[0].frozen_until_ms = fake_monotonic_ms + 40000;
	run_until(fake_monotonic_ms + 39000, clients, 2);
	assert_true(acts(&clients[1]));
	run_until(fake_monotonic_ms + 30000, clients, 2); /* it goes on, and finds out */
	assert_false(acts(&clients[0]));
	assert_true(acts(&clients[1]));
	finish(clients, 2);
}

static void test_cut_off_replica_ceases(void **state)
{
	(void)state;
	struct kube_client clients[2];
	begin(4, 0);
	start(&clients[0], "a", true);
	run_until(fake_monotonic_ms + 1000, clients, 1);
	clients[0].is_cut_off = true;
	run_until(fake_monotonic_ms + DURATION_MS, clients, 1);
	assert_false(acts(&clients[0]));
	assert_int_equal(clients[0].changes, 2); /* it was told */
	clients[0].is_cut_off = false;
	run_until(fake_monotonic_ms + 3000, clients, 1);
	assert_true(acts(&clients[0]));
	finish(clients, 1);
}

static void test_preferred_replica_gets_its_own(void **state)
{
	(void)state;
	struct kube_client clients[2];
	begin(5, 0);
	start(&clients[0], "helper", false);
	run_until(fake_monotonic_ms + 4000, clients, 1);
	assert_false(acts(&clients[0])); /* not at once: whose it is may be starting */
	run_until(fake_monotonic_ms + 4000, clients, 1);
	assert_true(acts(&clients[0]));
	start(&clients[1], "owner", true);
	run_until(fake_monotonic_ms + 15000, clients, 2);
	assert_true(acts(&clients[1]));
	run_until(fake_monotonic_ms + 60000, clients, 2);
	assert_true(acts(&clients[1]));
	assert_int_equal(clients[1].changes, 1); /* and keeps it */
	finish(clients, 2);
}

/* Everything at random; run_until looks at every moment. In the end, left alone, somebody acts. */
static void test_never_two(void **state)
{
	(void)state;
	enum { REPLICAS = 3, ROUNDS = 60, STEPS = 60 };
	static const char *const names[REPLICAS] = {"a", "b", "c"};
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct kube_client clients[REPLICAS];
		begin(100 + round, 20);
		for (size_t i = 0; i < REPLICAS; i++)
			start(&clients[i], names[i], i == round % REPLICAS);
		for (int step = 0; step < STEPS; step++) {
			struct kube_client *client = &clients[chance(REPLICAS)];
			if (chance(3) == 0)
				client->frozen_until_ms = fake_monotonic_ms + chance(30000);
			client->is_cut_off = chance(4) == 0;
			run_until(fake_monotonic_ms + chance(5000), clients, REPLICAS);
		}
		loss_percent = 0;
		for (size_t i = 0; i < REPLICAS; i++)
			clients[i].is_cut_off = false;
		run_until(fake_monotonic_ms + 90000, clients, REPLICAS);
		assert_int_equal(acting(clients, REPLICAS), 1);
		assert_true(acts(&clients[round % REPLICAS]));
		finish(clients, REPLICAS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_shards),
		cmocka_unit_test(test_takes_over_after_a_crash),
		cmocka_unit_test(test_is_given_back),
		cmocka_unit_test(test_stopped_process_is_silent),
		cmocka_unit_test(test_cut_off_replica_ceases),
		cmocka_unit_test(test_preferred_replica_gets_its_own),
		cmocka_unit_test(test_never_two),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
