/* The checks that every COSI state has to pass, numbered as in the suite of COSI's own runtime: resources, owners,
 * finalizers, phases, queries, and many at once. */
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
#define assert_fails(call, wanted)                                                                                     \
	do {                                                                                                           \
		assert_false(call);                                                                                    \
		if (c.fail.code != (wanted))                                                                           \
			fail_msg("%s: %s", fail_name(c.fail.code), c.fail.text);                                       \
	} while (0)

static void begin(struct cosi *c)
{
	rig_clear();
	cosi_begin(c);
}

/* 1, 2, 3, 4, 5 */
static void test_life(void **state)
{
	struct cosi c;
	struct resource *held;
	struct resource_list list;
	bool ready = false;
	(void)state;
	begin(&c);
	assert_fails(cosi_get(&c, "b", &held), FAIL_NOT_FOUND);
	assert_ok(cosi_list(&c, NULL, &list));
	assert_int_equal(list.count, 0);
	assert_ok(cosi_create(&c, cosi_new(&c, "b"), NULL));
	assert_ok(cosi_create(&c, cosi_new(&c, "a"), NULL));
	assert_ok(cosi_get(&c, "b", &held));
	assert_int_equal(held->version, 1);
	assert_int_equal(held->phase, RESOURCE_RUNNING);
	assert_span(held->owner, "");
	assert_ok(cosi_list(&c, NULL, &list));
	assert_int_equal(list.count, 2);
	assert_span(list.items[0]->id, "a");
	assert_span(list.items[1]->id, "b");
	assert_fails(cosi_create(&c, cosi_new(&c, "a"), NULL), FAIL_EXISTS);
	assert_ok(cosi_teardown(&c, "b", "", &ready));
	assert_true(ready);
	assert_ok(cosi_destroy(&c, "b", ""));
	assert_fails(cosi_teardown(&c, "b", "", &ready), FAIL_NOT_FOUND);
	assert_fails(cosi_destroy(&c, "b", ""), FAIL_NOT_FOUND);
	assert_fails(cosi_get(&c, "b", &held), FAIL_NOT_FOUND);
	assert_ok(cosi_create(&c, cosi_new(&c, "b"), &held));
	assert_int_equal(held->version, 1);
	cosi_end(&c);
}

static bool label(void *ctx, struct cosi *c, struct resource *resource)
{
	labels_set(&c->arena, &resource->labels, span_of(ctx), SPAN("x"));
	return true;
}

/* 6, 9 */
static void test_updates(void **state)
{
	struct cosi c;
	struct resource *mine, *held, *again;
	char name[] = "app";
	(void)state;
	begin(&c);
	assert_ok(cosi_create(&c, cosi_new(&c, "a"), &mine));
	assert_ok(cosi_update_with_conflicts(&c, "a", COSI_RUNNING, label, name, &held));
	assert_span(labels_get(&held->labels, "app")->value, "x");
	assert_null(labels_get(&mine->labels, "app"));
	assert_int_equal(held->version, 2);
	assert_ok(cosi_update_with_conflicts(&c, "a", COSI_RUNNING, label, name, &again)); /* nothing to do: no call */
	assert_int_equal(again->version, 2);
	assert_int_equal(rig_count("Update"), 1);
	labels_set(&c.arena, &mine->labels, SPAN("late"), SPAN(""));
	assert_fails(cosi_update(&c, mine, COSI_RUNNING, NULL), FAIL_CONFLICT);
	cosi_end(&c);
}

/* 7, 8 */
static void test_owners(void **state)
{
	struct cosi c;
	struct resource *held;
	bool ready;
	(void)state;
	begin(&c);
	struct resource *wanted = cosi_new(&c, "a");
	wanted->owner = SPAN("me");
	assert_ok(cosi_create(&c, wanted, &held));
	assert_span(held->owner, "me");
	held->owner = SPAN("");
	assert_fails(cosi_update(&c, held, COSI_RUNNING, NULL), FAIL_DENIED);
	held->owner = SPAN("other");
	assert_fails(cosi_update(&c, held, COSI_RUNNING, NULL), FAIL_DENIED);
	assert_true(span_contains(span_of(c.fail.text), "is owned by"));
	held->owner = SPAN("me");
	assert_ok(cosi_update(&c, held, COSI_RUNNING, &held));
	assert_fails(cosi_teardown(&c, "a", "", &ready), FAIL_DENIED);
	assert_fails(cosi_teardown(&c, "a", "other", &ready), FAIL_DENIED);
	assert_fails(cosi_destroy(&c, "a", "other"), FAIL_DENIED);
	assert_ok(cosi_add_finalizer(&c, "a", "f")); /* with the owner that is stored */
	assert_ok(cosi_remove_finalizer(&c, "a", "f"));
	assert_fails(cosi_remove_finalizer(&c, "nobody", "f"), FAIL_NOT_FOUND);
	assert_ok(cosi_teardown(&c, "a", "me", &ready));
	assert_ok(cosi_destroy(&c, "a", "me"));
	cosi_end(&c);
}

/* 10 */
static void test_phases(void **state)
{
	struct cosi c;
	struct resource *held;
	bool ready;
	(void)state;
	begin(&c);
	assert_ok(cosi_create(&c, cosi_new(&c, "a"), NULL));
	assert_ok(cosi_add_finalizer(&c, "a", "f"));
	assert_ok(cosi_teardown(&c, "a", "", &ready));
	assert_ok(cosi_get(&c, "a", &held));
	labels_set(&c.arena, &held->labels, SPAN("x"), SPAN("y"));
	assert_fails(cosi_update(&c, held, COSI_RUNNING, NULL), FAIL_PRECONDITION);
	assert_true(span_contains(span_of(c.fail.text), "is not in phase running"));
	assert_ok(cosi_update(&c, held, COSI_TEARING_DOWN, &held));
	assert_int_equal(held->phase, RESOURCE_TEARING_DOWN);
	cosi_end(&c);
}

/* 22 */
static void test_finalizers(void **state)
{
	struct cosi c;
	bool ready = true;
	(void)state;
	begin(&c);
	assert_ok(cosi_create(&c, cosi_new(&c, "a"), NULL));
	assert_ok(cosi_add_finalizer(&c, "a", "f"));
	assert_fails(cosi_destroy(&c, "a", ""), FAIL_PRECONDITION);
	assert_ok(cosi_teardown(&c, "a", "", &ready));
	assert_false(ready);
	assert_ok(cosi_teardown(&c, "a", "", &ready));
	assert_false(ready);
	assert_ok(cosi_remove_finalizer(&c, "a", "f"));
	assert_ok(cosi_teardown(&c, "a", "", &ready));
	assert_true(ready);
	assert_ok(cosi_destroy(&c, "a", ""));
	cosi_end(&c);
}

/* --- at the same time ---------------------------------------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	unsigned number;
	bool ok;
	enum fail_code code;
	struct fail fail;
};

static void *run_finalizers(void *ctx)
{
	struct worker *worker = ctx;
	struct cosi c;
	char name[32];
	cosi_begin(&c);
	if (worker->number < 8) {
		snprintf(name, sizeof name, "new-%u", worker->number);
		worker->ok = cosi_add_finalizer(&c, "a", name);
	} else {
		snprintf(name, sizeof name, "old-%u", worker->number);
		worker->ok = cosi_remove_finalizer(&c, "a", name);
	}
	worker->fail = c.fail;
	cosi_end(&c);
	return NULL;
}

static void run_all(struct worker *workers, size_t count, void *(*run)(void *))
{
	for (size_t i = 0; i < count; i++) {
		workers[i] = (struct worker){.number = (unsigned)i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
}

/* 15 */
static void test_concurrent_finalizers(void **state)
{
	enum { WORKERS = 11 };
	struct worker workers[WORKERS];
	struct cosi c;
	struct resource *held;
	(void)state;
	begin(&c);
	struct resource *wanted = cosi_new(&c, "a");
	cosi_add_finalizer_to(&c, wanted, "old-8");
	cosi_add_finalizer_to(&c, wanted, "old-9");
	cosi_add_finalizer_to(&c, wanted, "old-10");
	cosi_add_finalizer_to(&c, wanted, "stays");
	assert_ok(cosi_create(&c, wanted, NULL));
	run_all(workers, WORKERS, run_finalizers);
	for (size_t i = 0; i < WORKERS; i++)
		if (!workers[i].ok)
			fail_msg("%zu: %s", i, workers[i].fail.text);
	assert_ok(cosi_get(&c, "a", &held));
	assert_int_equal(held->finalizer_count, 9);
	for (size_t i = 0; i < 8; i++)
		assert_span(held->finalizers[i], arena_spanf(&c.arena, "new-%zu", i).ptr);
	assert_span(held->finalizers[8], "stays");
	cosi_end(&c);
}

static void *run_destroy(void *ctx)
{
	struct worker *worker = ctx;
	struct cosi c;
	cosi_begin(&c);
	worker->ok = cosi_destroy(&c, "a", "");
	worker->code = c.fail.code;
	cosi_end(&c);
	return NULL;
}

static void *run_teardown_and_destroy(void *ctx)
{
	struct worker *worker = ctx;
	struct cosi c;
	bool ready;
	cosi_begin(&c);
	worker->ok = c.store->ops->teardown(c.store, c.type, SPAN("a"), 0, &ready, &c.fail) &&
		     c.store->ops->destroy(c.store, c.type, SPAN("a"), 0, &c.fail);
	worker->code = worker->ok ? FAIL_NONE : c.fail.code;
	cosi_end(&c);
	return NULL;
}

/* 21 */
static void test_parallel_destroy(void **state)
{
	enum { WORKERS = 8 };
	void *(*const runs[])(void *) = {run_destroy, run_teardown_and_destroy};
	struct worker workers[WORKERS];
	struct cosi c;
	(void)state;
	begin(&c);
	for (size_t run = 0; run < COUNT_OF(runs); run++) {
		unsigned done = 0;
		assert_ok(cosi_create(&c, cosi_new(&c, "a"), NULL));
		run_all(workers, WORKERS, runs[run]);
		for (size_t i = 0; i < WORKERS; i++) {
			done += workers[i].ok;
			assert_true(workers[i].ok || workers[i].code == FAIL_NOT_FOUND || workers[i].code == FAIL_CONFLICT);
		}
		assert_int_equal(done, 1);
	}
	cosi_end(&c);
}

/* --- queries ---------------------------------------------------------------------------------------------------------- */

static const char *ids_of(struct cosi *c, const struct cosi_filter *filter)
{
	struct resource_list list;
	struct text text;
	if (!cosi_list(c, filter, &list))
		fail_msg("%s", c->fail.text);
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < list.count; i++)
		text_add(&text, list.items[i]->id);
	const char *ids = arena_string(&c->arena, text_span(&text));
	text_done(&text);
	return ids;
}

static const char *matching(struct cosi *c, const char *first, const char *second)
{
	struct omni_query queries[2];
	struct cosi_filter filter = {.queries = queries, .query_count = second == NULL ? 1 : 2};
	if (!omni_query_parse(&c->arena, span_of(first), &queries[0], &c->fail) ||
	    (second != NULL && !omni_query_parse(&c->arena, span_of(second), &queries[1], &c->fail)))
		fail_msg("%s", c->fail.text);
	return ids_of(c, &filter);
}

/* 23 */
static void test_label_queries(void **state)
{
	static const struct {
		const char *id, *app, *size;
	} all[] = {{"a", "app1", "1"}, {"b", "app2", "10"}, {"c", "app3", "2 GiB"}, {"d", NULL, "11"}};
	struct cosi c;
	(void)state;
	begin(&c);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct resource *wanted = cosi_new(&c, all[i].id);
		if (all[i].app != NULL)
			labels_set(&c.arena, &wanted->labels, SPAN("app"), span_of(all[i].app));
		labels_set(&c.arena, &wanted->labels, SPAN("size"), span_of(all[i].size));
		assert_ok(cosi_create(&c, wanted, NULL));
	}
	assert_string_equal(matching(&c, "app", NULL), "abc");
	assert_string_equal(matching(&c, "app=app1", NULL), "a");
	assert_string_equal(matching(&c, "app,size=10", NULL), "b");
	assert_string_equal(matching(&c, "app in (app1,app3)", NULL), "ac");
	assert_string_equal(matching(&c, "size < 11", NULL), "ab");
	assert_string_equal(matching(&c, "size <= 11", NULL), "abd");
	assert_string_equal(matching(&c, "size > 1 GiB", NULL), "c");
	assert_string_equal(matching(&c, "!app", NULL), "d");
	assert_string_equal(matching(&c, "app=app1", "app=app3"), "ac");
	struct span value = SPAN("app2");
	struct omni_term lt = {.key = SPAN("app"), .op = OMNI_TERM_LT, .values = &value, .value_count = 1}, lte = lt;
	lte.op = OMNI_TERM_LTE;
	struct omni_query less = {&lt, 1, 1}, equal = {&lte, 1, 1};
	assert_string_equal(ids_of(&c, &(struct cosi_filter){.queries = &less, .query_count = 1}), "a");
	assert_string_equal(ids_of(&c, &(struct cosi_filter){.queries = &equal, .query_count = 1}), "ab");
	assert_string_equal(ids_of(&c, NULL), "abcd");
	cosi_end(&c);
}

/* 24, the list */
static void test_id_queries(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	for (int i = 0; i < 10; i++)
		assert_ok(cosi_create(&c, cosi_new(&c, arena_spanf(&c.arena, i % 4 == 1 ? "odd-%d" : "even-%d", i).ptr), NULL));
	assert_string_equal(ids_of(&c, &(struct cosi_filter){.id_regexp = SPAN("^odd-")}), "odd-1odd-5odd-9");
	assert_fails(cosi_list(&c, &(struct cosi_filter){.id_regexp = SPAN("(")}, &(struct resource_list){0}), FAIL_INVALID);
	cosi_end(&c);
}

/* --- modify --------------------------------------------------------------------------------------------------------------- */

static bool refuse(void *ctx, struct cosi *c, struct resource *resource)
{
	(void)ctx, (void)c, (void)resource;
	return false;
}

static bool unlabel(void *ctx, struct cosi *c, struct resource *resource)
{
	(void)c;
	labels_remove(&resource->labels, span_of(ctx));
	return true;
}

/* 27 */
static void test_modify(void **state)
{
	struct cosi c;
	struct resource *held;
	bool ready;
	char one[] = "one", two[] = "two";
	(void)state;
	begin(&c);
	assert_ok(cosi_modify(&c, "a", "", COSI_RUNNING, label, one, &held));
	assert_int_equal(held->version, 1);
	assert_ok(cosi_modify(&c, "a", "", COSI_RUNNING, label, two, &held));
	assert_int_equal(held->labels.count, 2);
	assert_ok(cosi_modify(&c, "a", "", COSI_RUNNING, unlabel, one, &held));
	assert_int_equal(held->labels.count, 1);
	assert_int_equal(held->version, 3);
	assert_fails(cosi_modify(&c, "a", "", COSI_RUNNING, refuse, NULL, &held), FAIL_CANCELLED);
	assert_fails(cosi_modify(&c, "b", "", COSI_RUNNING, refuse, NULL, &held), FAIL_CANCELLED);
	assert_fails(cosi_get(&c, "b", &held), FAIL_NOT_FOUND);
	assert_ok(cosi_teardown(&c, "a", "", &ready));
	assert_fails(cosi_modify(&c, "a", "", COSI_RUNNING, label, one, &held), FAIL_PRECONDITION);
	assert_ok(cosi_modify(&c, "a", "", COSI_ANY_PHASE, label, one, &held));
	assert_ok(cosi_modify(&c, "o", "me", COSI_RUNNING, label, one, &held));
	assert_span(held->owner, "me");
	assert_fails(cosi_modify(&c, "o", "other", COSI_RUNNING, label, two, &held), FAIL_DENIED);
	assert_ok(cosi_modify(&c, "o", "me", COSI_RUNNING, label, two, &held));
	cosi_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_finalizers),
		cmocka_unit_test(test_concurrent_finalizers),
		cmocka_unit_test(test_parallel_destroy),
		cmocka_unit_test(test_label_queries),
		cmocka_unit_test(test_id_queries),
		cmocka_unit_test(test_modify),
	};
	return RUN_TESTS(tests);
}
