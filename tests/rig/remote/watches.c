/* The checks that every COSI state has to pass, numbered as in the suite of COSI's own runtime: watches. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/remote_cosi.h"
#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

#include "agent/omni/cosi.h"
#include "base/cleanup.h"

#define assert_ok(call)                                                                                                \
	do {                                                                                                           \
		if (!(call))                                                                                           \
			fail_msg("%s: %s", fail_name(c.fail.code), c.fail.text);                                       \
	} while (0)

static void begin(struct cosi *c)
{
	rig_clear();
	cosi_begin(c);
}

static struct cosi_event expect(struct cosi *c, struct cosi_stream *stream, enum cosi_event_kind kind, const char *id,
				uint64_t version)
{
	struct cosi_event event;
	if (!cosi_next(c, stream, &event))
		fail_msg("the watch ended: %s", c->fail.text);
	assert_int_equal(event.kind, kind);
	if (id != NULL) {
		assert_span(event.resource->id, id);
		assert_int_equal(event.resource->version, version);
	}
	return event;
}

static void put(struct cosi *c, const char *id, const char *label)
{
	struct resource *wanted = cosi_new(c, id);
	if (label != NULL)
		labels_set(&c->arena, &wanted->labels, SPAN("app"), arena_copy(&c->arena, span_of(label)));
	if (!cosi_create(c, wanted, NULL))
		fail_msg("%s", c->fail.text);
}

static bool set_label(void *ctx, struct cosi *c, struct resource *resource)
{
	if (ctx == NULL)
		labels_remove(&resource->labels, SPAN("app"));
	else
		labels_set(&c->arena, &resource->labels, SPAN("app"), span_of(ctx));
	return true;
}

static void relabel(struct cosi *c, const char *id, const char *label)
{
	if (!cosi_update_with_conflicts(c, id, COSI_ANY_PHASE, set_label, (void *)(uintptr_t)label, NULL))
		fail_msg("%s", c->fail.text);
}

static void teardown(struct cosi *c, const char *id)
{
	bool ready;
	if (!cosi_teardown(c, id, "", &ready))
		fail_msg("%s", c->fail.text);
}

static void destroy(struct cosi *c, const char *id)
{
	if (!cosi_destroy(c, id, ""))
		fail_msg("%s", c->fail.text);
}

/* Sees one life and checks it: created, updated, torn down, destroyed. */
static void expect_life(struct cosi *c, struct cosi_stream *stream)
{
	expect(c, stream, COSI_CREATED, "a", 1);
	struct cosi_event event = expect(c, stream, COSI_UPDATED, "a", 2);
	assert_non_null(event.old);
	assert_int_equal(event.old->version, 1);
	assert_null(labels_get(&event.old->labels, "app"));
	assert_span(labels_get(&event.resource->labels, "app")->value, "x");
	event = expect(c, stream, COSI_UPDATED, "a", 3);
	assert_int_equal(event.resource->phase, RESOURCE_TEARING_DOWN);
	assert_int_equal(event.old->phase, RESOURCE_RUNNING);
	expect(c, stream, COSI_DESTROYED, "a", 3);
}

static void live(struct cosi *c)
{
	put(c, "a", NULL);
	relabel(c, "a", "x");
	teardown(c, "a");
	destroy(c, "a");
}

/* 11, 12 */
static void test_kinds(void **state)
{
	struct cosi c;
	struct cosi_stream streams[4];
	(void)state;
	begin(&c);
	put(&c, "z", NULL);
	put(&c, "y", NULL);
	for (size_t i = 0; i < COUNT_OF(streams); i++) {
		struct cosi_watch watch = {.aggregated = i & 1, .bootstrap_contents = i >= 2, .bootstrap_bookmark = i < 2};
		cosi_open(&c, &watch, &streams[i]);
		if (watch.bootstrap_contents) {
			expect(&c, &streams[i], COSI_CREATED, "y", 1);
			expect(&c, &streams[i], COSI_CREATED, "z", 1);
			assert_true(expect(&c, &streams[i], COSI_BOOTSTRAPPED, NULL, 0).bookmark.len > 0);
			assert_int_equal(streams[i].messages, watch.aggregated ? 2 : 4); /* the first is empty */
		} else {
			assert_true(expect(&c, &streams[i], COSI_NOOP, NULL, 0).bookmark.len > 0);
		}
	}
	live(&c);
	for (size_t i = 0; i < COUNT_OF(streams); i++) {
		expect_life(&c, &streams[i]);
		cosi_close(&streams[i]);
	}
	cosi_end(&c);
}

/* 13 */
static void test_tails(void **state)
{
	struct cosi c;
	struct cosi_stream kind, one;
	(void)state;
	begin(&c);
	live(&c);
	cosi_open(&c, &(struct cosi_watch){.tail_events = 4}, &kind);
	expect_life(&c, &kind);
	put(&c, "a", NULL);
	expect(&c, &kind, COSI_CREATED, "a", 1);
	cosi_close(&kind);
	cosi_open(&c, &(struct cosi_watch){.scope = COSI_WATCH_ONE, .id = SPAN("a"), .tail_events = 2}, &one);
	expect(&c, &one, COSI_DESTROYED, "a", 3);
	expect(&c, &one, COSI_CREATED, "a", 1);
	cosi_close(&one);
	cosi_end(&c);
}

/* 14 */
static void test_labels(void **state)
{
	struct cosi c;
	struct cosi_stream equal, exists, either;
	struct omni_query queries[3];
	(void)state;
	begin(&c);
	assert_ok(omni_query_parse(&c.arena, SPAN("app=one"), &queries[0], &c.fail) &&
		  omni_query_parse(&c.arena, SPAN("app=two"), &queries[1], &c.fail) &&
		  omni_query_parse(&c.arena, SPAN("app"), &queries[2], &c.fail));
	put(&c, "a", "one");
	put(&c, "b", "two");
	put(&c, "c", NULL);
	cosi_open(&c, &(struct cosi_watch){.filter = {.queries = queries, .query_count = 1}, .bootstrap_contents = true}, &equal);
	cosi_open(&c, &(struct cosi_watch){.filter = {.queries = queries + 2, .query_count = 1}, .bootstrap_contents = true},
		  &exists);
	cosi_open(&c, &(struct cosi_watch){.filter = {.queries = queries, .query_count = 2}, .bootstrap_contents = true}, &either);
	expect(&c, &equal, COSI_CREATED, "a", 1);
	expect(&c, &equal, COSI_BOOTSTRAPPED, NULL, 0);
	for (int i = 0; i < 2; i++) {
		struct cosi_stream *stream = i == 0 ? &exists : &either;
		expect(&c, stream, COSI_CREATED, "a", 1);
		expect(&c, stream, COSI_CREATED, "b", 1);
		expect(&c, stream, COSI_BOOTSTRAPPED, NULL, 0);
	}
	relabel(&c, "a", "two");
	assert_null(expect(&c, &equal, COSI_DESTROYED, "a", 2).old);
	assert_non_null(expect(&c, &exists, COSI_UPDATED, "a", 2).old);
	expect(&c, &either, COSI_UPDATED, "a", 2);
	relabel(&c, "c", "one");
	assert_null(expect(&c, &equal, COSI_CREATED, "c", 2).old);
	expect(&c, &exists, COSI_CREATED, "c", 2);
	relabel(&c, "b", NULL);
	expect(&c, &exists, COSI_DESTROYED, "b", 2);
	cosi_close(&equal);
	cosi_close(&exists);
	cosi_close(&either);
	cosi_end(&c);
}

/* --- one resource ---------------------------------------------------------------------------------------------------- */

struct task {
	pthread_t thread;
	void (*run)(struct cosi *c);
};

static void *run_task(void *ctx)
{
	struct cosi c;
	cosi_begin(&c);
	((struct task *)ctx)->run(&c);
	cosi_end(&c);
	return NULL;
}

/* COSI_UNKNOWN: there it is, new or changed. */
static bool is_wanted(const struct cosi_event *event, enum cosi_event_kind kind, bool without_finalizers, int phase)
{
	bool is_there = event->kind == COSI_CREATED || event->kind == COSI_UPDATED;
	return (kind == COSI_UNKNOWN ? is_there : event->kind == kind) && (!without_finalizers || event->resource->finalizer_count == 0) &&
	       (phase < 0 || event->resource->phase == (enum resource_phase)phase);
}

static struct resource *watch_for(struct cosi *c, const char *id, enum cosi_event_kind kind, bool without_finalizers, int phase)
{
	struct cosi_stream stream;
	struct cosi_event event;
	cosi_open(c, &(struct cosi_watch){.scope = COSI_WATCH_ONE, .id = span_of(id)}, &stream);
	do {
		if (!cosi_next(c, &stream, &event) || event.kind == COSI_ERRORED)
			fail_msg("the watch ended");
	} while (!is_wanted(&event, kind, without_finalizers, phase));
	cosi_close(&stream);
	return event.resource;
}

static void change_later(struct cosi *c)
{
	bool ready;
	struct resource *wanted = cosi_new(c, "a");
	cosi_add_finalizer_to(c, wanted, "f");
	(void)(cosi_create(c, wanted, NULL) && cosi_teardown(c, "a", "", &ready) && cosi_remove_finalizer(c, "a", "f") &&
	       cosi_destroy(c, "a", ""));
}

/* 16: each in its turn, while somebody else lives that life. */
static void test_watch_for(void **state)
{
	static const struct {
		enum cosi_event_kind kind;
		bool without_finalizers;
		int phase;
		uint64_t version;
	} wishes[] = {{COSI_CREATED, false, -1, 1},
		      {COSI_UPDATED, false, RESOURCE_TEARING_DOWN, 2},
		      {COSI_UPDATED, true, -1, 3},
		      {COSI_DESTROYED, false, RESOURCE_TEARING_DOWN, 3}};
	struct cosi c;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wishes); i++) {
		struct cosi_stream first;
		struct cosi_event event;
		begin(&c);
		cosi_open(&c, &(struct cosi_watch){.scope = COSI_WATCH_ONE, .id = SPAN("a")}, &first);
		expect(&c, &first, COSI_DESTROYED, "a", 0); /* the watch stands */
		struct task task = {.run = change_later};
		assert_int_equal(pthread_create(&task.thread, NULL, run_task, &task), 0);
		do
			assert_true(cosi_next(&c, &first, &event));
		while (!is_wanted(&event, wishes[i].kind, wishes[i].without_finalizers, wishes[i].phase));
		assert_int_equal(event.resource->version, wishes[i].version);
		pthread_join(task.thread, NULL);
		cosi_close(&first);
		cosi_end(&c);
	}
	begin(&c);
	put(&c, "b", NULL);
	assert_int_equal(watch_for(&c, "b", COSI_CREATED, true, RESOURCE_RUNNING)->version, 1); /* it is so already */
	cosi_end(&c);
}

/* 17, 18 */
static void test_one(void **state)
{
	struct cosi c;
	struct cosi_stream stream, again;
	struct cosi_event events[5];
	(void)state;
	begin(&c);
	cosi_open(&c, &(struct cosi_watch){.scope = COSI_WATCH_ONE, .id = SPAN("a")}, &stream);
	assert_span((events[0] = expect(&c, &stream, COSI_DESTROYED, "a", 0)).resource->id, "a");
	live(&c);
	events[1] = expect(&c, &stream, COSI_CREATED, "a", 1);
	events[2] = expect(&c, &stream, COSI_UPDATED, "a", 2);
	events[3] = expect(&c, &stream, COSI_UPDATED, "a", 3);
	assert_int_equal(events[3].old->phase, RESOURCE_RUNNING);
	events[4] = expect(&c, &stream, COSI_DESTROYED, "a", 3);
	cosi_close(&stream);
	for (size_t from = 1; from < COUNT_OF(events) - 1; from++) {
		assert_true(events[from].bookmark.len > 0);
		cosi_open(&c, &(struct cosi_watch){.scope = COSI_WATCH_ONE, .id = SPAN("a"), .bookmark = events[from].bookmark},
			  &again);
		for (size_t i = from + 1; i < COUNT_OF(events); i++)
			expect(&c, &again, events[i].kind, "a", events[i].resource->version);
		cosi_close(&again);
	}
	cosi_end(&c);
}

/* 19 */
static void test_bookmarks(void **state)
{
	struct cosi c;
	(void)state;
	for (int bits = 0; bits < 4; bits++) {
		struct cosi_watch watch = {.aggregated = bits & 1, .bootstrap_contents = bits & 2, .bootstrap_bookmark = !(bits & 2)};
		struct cosi_stream stream, again;
		struct cosi_event events[6];
		begin(&c);
		put(&c, "old", NULL);
		cosi_open(&c, &watch, &stream);
		if (watch.bootstrap_contents)
			expect(&c, &stream, COSI_CREATED, "old", 1);
		events[0] = expect(&c, &stream, watch.bootstrap_contents ? COSI_BOOTSTRAPPED : COSI_NOOP, NULL, 0);
		live(&c);
		put(&c, "b", NULL);
		for (size_t i = 1; i < COUNT_OF(events); i++)
			assert_true(cosi_next(&c, &stream, &events[i]));
		cosi_close(&stream);
		for (size_t from = 0; from < COUNT_OF(events); from++) {
			assert_true(events[from].bookmark.len > 0);
			watch.bookmark = events[from].bookmark;
			cosi_open(&c, &watch, &again);
			for (size_t i = from + 1; i < COUNT_OF(events); i++)
				expect(&c, &again, events[i].kind, arena_string(&c.arena, events[i].resource->id),
				       events[i].resource->version);
			put(&c, "later", NULL);
			expect(&c, &again, COSI_CREATED, "later", 1);
			destroy(&c, "later");
			cosi_close(&again);
		}
		cosi_end(&c);
	}
}

/* 20: with code 9, for a watch of the store and for one of its own. */
static void test_bad_bookmarks(void **state)
{
	static const struct span bad[] = {SPAN("x"), SPAN("0123456789abcdef"), SPAN("0123456789abcdef0123456789abcdef")};
	struct cosi c;
	(void)state;
	begin(&c);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct cosi_stream stream;
		struct cosi_event event;
		cosi_open(&c, &(struct cosi_watch){.bookmark = bad[i], .aggregated = true}, &stream);
		assert_false(cosi_next(&c, &stream, &event));
		assert_int_equal(stream.code, GRPC_FAILED_PRECONDITION);
		assert_int_equal(c.fail.code, FAIL_PRECONDITION);
		cosi_close(&stream);
	}
	cosi_end(&c);
}

/* 24, the watch */
static void test_id_query(void **state)
{
	struct cosi c;
	struct cosi_stream stream;
	(void)state;
	begin(&c);
	for (int i = 0; i < 10; i++)
		put(&c, arena_spanf(&c.arena, i % 4 == 1 ? "odd-%d" : "even-%d", i).ptr, NULL);
	cosi_open(&c, &(struct cosi_watch){.filter = {.id_regexp = SPAN("^odd-")}, .bootstrap_contents = true}, &stream);
	for (int i = 1; i < 10; i += 4)
		expect(&c, &stream, COSI_CREATED, arena_spanf(&c.arena, "odd-%d", i).ptr, 1);
	expect(&c, &stream, COSI_BOOTSTRAPPED, NULL, 0);
	for (int i = 0; i < 10; i++)
		destroy(&c, arena_spanf(&c.arena, i % 4 == 1 ? "odd-%d" : "even-%d", i).ptr);
	for (int i = 1; i < 10; i += 4)
		expect(&c, &stream, COSI_DESTROYED, arena_spanf(&c.arena, "odd-%d", i).ptr, 1);
	cosi_close(&stream);
	cosi_end(&c);
}

/* --- those who depend on it -------------------------------------------------------------------------------------------- */

/* Ends when the resource is about to go, or is not there. */
static void wait_for_teardown(struct cosi *c, struct cosi_stream *stream)
{
	struct cosi_event event;
	do
		assert_true(cosi_next(c, stream, &event) && event.kind != COSI_ERRORED);
	while (event.kind != COSI_DESTROYED && event.resource->phase != RESOURCE_TEARING_DOWN);
}

/* 25 */
static void test_dependents(void **state)
{
	struct cosi_watch watch = {.scope = COSI_WATCH_ONE, .id = SPAN("a")};
	struct cosi c;
	struct cosi_stream stream;
	(void)state;
	begin(&c);
	cosi_open(&c, &watch, &stream); /* it is not there */
	wait_for_teardown(&c, &stream);
	cosi_close(&stream);
	put(&c, "a", NULL);
	cosi_open(&c, &watch, &stream);
	expect(&c, &stream, COSI_CREATED, "a", 1);
	relabel(&c, "a", "x");
	teardown(&c, "a");
	wait_for_teardown(&c, &stream);
	cosi_close(&stream);
	destroy(&c, "a");
	put(&c, "a", NULL);
	cosi_open(&c, &watch, &stream);
	expect(&c, &stream, COSI_CREATED, "a", 1);
	destroy(&c, "a");
	wait_for_teardown(&c, &stream);
	cosi_close(&stream);
	cosi_end(&c);
}

static void take_finalizer_off(struct cosi *c)
{
	watch_for(c, "a", COSI_UNKNOWN, false, RESOURCE_TEARING_DOWN);
	(void)cosi_remove_finalizer(c, "a", "f");
}

/* 26: teardown, wait, destroy; with the call, and with a server that does not know it. */
static void test_teardown_and_destroy(void **state)
{
	struct cosi c;
	(void)state;
	for (int old = 0; old < 2; old++) {
		bool ready = true;
		begin(&c);
		if (old)
			rig_order("fault?method=Teardown&code=12&times=-1&text=unknown%%20method");
		struct resource *wanted = cosi_new(&c, "a");
		cosi_add_finalizer_to(&c, wanted, "f");
		assert_ok(cosi_create(&c, wanted, NULL));
		struct task task = {.run = take_finalizer_off};
		assert_int_equal(pthread_create(&task.thread, NULL, run_task, &task), 0);
		assert_ok(c.store->ops->teardown(c.store, c.type, SPAN("a"), 0, &ready, &c.fail));
		assert_false(ready);
		watch_for(&c, "a", COSI_UNKNOWN, true, RESOURCE_TEARING_DOWN);
		assert_ok(c.store->ops->destroy(c.store, c.type, SPAN("a"), 0, &c.fail));
		pthread_join(task.thread, NULL);
		put(&c, "b", NULL);
		assert_ok(c.store->ops->teardown(c.store, c.type, SPAN("b"), 0, &ready, &c.fail));
		assert_true(ready);
		if (old)
			assert_int_equal(rig_count("Teardown"), 1); /* it is remembered */
		cosi_end(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	    cmocka_unit_test(test_tails),
		cmocka_unit_test(test_labels),	    cmocka_unit_test(test_watch_for),
		cmocka_unit_test(test_one),	    cmocka_unit_test(test_bookmarks),
		cmocka_unit_test(test_bad_bookmarks), cmocka_unit_test(test_id_query),
		cmocka_unit_test(test_dependents),  cmocka_unit_test(test_teardown_and_destroy),
	};
	return RUN_TESTS(tests);
}
