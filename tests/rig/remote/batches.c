/* Operations that go out together: what they cost on a slow network, and what happens when some of them meet faults. */
#include <stdlib.h>

#include "tests/unit/remote_cosi.h"
#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

#include "agent/omni/store.h"
#include "base/clock.h"

enum { MANY = 60, DELAY_MS = 100 };

static void begin(struct cosi *c)
{
	rig_clear();
	cosi_begin(c);
}

static struct omni_op *make_creates(struct cosi *c, size_t count)
{
	struct omni_op *ops = ARENA_ARRAY(&c->arena, struct omni_op, count);
	for (size_t i = 0; i < count; i++)
		ops[i] = (struct omni_op){.kind = OMNI_CREATE, .resource = cosi_new(c, arena_spanf(&c->arena, "b%02zu", i).ptr)};
	return ops;
}

static struct omni_op *make_others(struct cosi *c, enum omni_op_kind kind, size_t count)
{
	struct omni_op *ops = ARENA_ARRAY(&c->arena, struct omni_op, count);
	for (size_t i = 0; i < count; i++)
		ops[i] = (struct omni_op){.kind = kind, .type = c->type, .id = arena_spanf(&c->arena, "b%02zu", i)};
	return ops;
}

static size_t count_of(const struct omni_op *ops, size_t count, enum fail_code code)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		found += ops[i].code == code;
	return found;
}

static size_t held(struct cosi *c)
{
	struct resource_list list;
	if (!c->store->ops->list(c->store, &c->arena, c->type, NULL, 0, &list, &c->fail))
		fail_msg("%s", c->fail.text);
	return list.count;
}

static void run_all(struct cosi *c, struct omni_op *ops, size_t count)
{
	omni_batch(c->store, &c->arena, ops, count, 0);
	for (size_t i = 0; i < count; i++)
		if (ops[i].code != FAIL_NONE)
			fail_msg("%s: %.*s", fail_name(ops[i].code), SPAN_ARG(ops[i].text));
}

static void test_round_trips_are_shared(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	(void)held(&c); /* connected */
	rig_order("delay?method=*&ms=%d", DELAY_MS);
	int64_t begun_ms = clock_monotonic_ms();
	run_all(&c, make_creates(&c, MANY), MANY);
	run_all(&c, make_others(&c, OMNI_GET, MANY), MANY);
	run_all(&c, make_others(&c, OMNI_TEARDOWN, MANY), MANY);
	run_all(&c, make_others(&c, OMNI_DESTROY, MANY), MANY);
	int64_t took_ms = clock_monotonic_ms() - begun_ms;
	assert_true(took_ms >= 4 * DELAY_MS);
	assert_true(took_ms < MANY * DELAY_MS / 2); /* one by one: four times MANY */
	rig_order("reset");
	assert_int_equal(held(&c), 0);
	assert_int_equal(c.store->write_calls, 3 * MANY);
	cosi_end(&c);
}

/* Some of them were done, and nobody said so. */
static void test_lost_answers(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	struct omni_op *ops = make_creates(&c, MANY);
	rig_order("fault?method=Create&after=1&code=14&times=5&skip=10");
	run_all(&c, ops, MANY);
	assert_int_equal(held(&c), MANY);
	assert_int_equal(rig_count("Create"), MANY + 5);
	struct omni_op *reads = make_others(&c, OMNI_GET, MANY);
	run_all(&c, reads, MANY);
	rig_order("fault?method=Update&after=1&code=14&times=3");
	for (size_t i = 0; i < MANY; i++) {
		labels_set(&c.arena, &reads[i].found->labels, SPAN("z"), SPAN("1"));
		ops[i] = (struct omni_op){.kind = OMNI_UPDATE, .resource = reads[i].found};
	}
	run_all(&c, ops, MANY);
	rig_order("fault?method=Teardown&after=1&code=14&times=3");
	struct omni_op *torn = make_others(&c, OMNI_TEARDOWN, MANY);
	run_all(&c, torn, MANY);
	rig_order("fault?method=Destroy&after=1&code=14&times=3");
	run_all(&c, make_others(&c, OMNI_DESTROY, MANY), MANY);
	assert_int_equal(held(&c), 0);
	cosi_end(&c);
}

static void test_a_connection_breaks(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	rig_order("fault?method=Create&end=break&skip=20&after=1");
	run_all(&c, make_creates(&c, MANY), MANY);
	assert_int_equal(held(&c), MANY);
	rig_order("fault?method=List&end=break");
	struct omni_op lists[2] = {{.kind = OMNI_LIST, .type = c.type}, {.kind = OMNI_LIST, .type = c.type}};
	run_all(&c, lists, 2);
	assert_true(lists[0].list.count == MANY && lists[1].list.count == MANY);
	cosi_end(&c);
}

/* Each has its own failure; who is refused keeps nobody else. */
static void test_some_are_refused(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	rig_order("fault?method=Create&code=3&text=not%%20so&times=7&skip=3");
	struct omni_op *ops = make_creates(&c, MANY);
	ops[30].resource = cosi_new(&c, "");
	omni_batch(c.store, &c.arena, ops, MANY, 0);
	assert_int_equal(count_of(ops, MANY, FAIL_NONE), MANY - 8);
	assert_int_equal(count_of(ops, MANY, FAIL_INVALID), 8);
	assert_int_equal(ops[30].code, FAIL_INVALID);
	assert_int_equal(held(&c), MANY - 8);
	cosi_end(&c);
}

/* An Omni that is away is waited for once, not by every operation. */
static void test_an_omni_that_is_away(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	rig_order("fault?method=Get&times=-1&type=%s&code=14&text=gone", c.type->name);
	struct omni_op *ops = make_others(&c, OMNI_GET, MANY);
	int64_t begun_ms = clock_monotonic_ms();
	omni_batch(c.store, &c.arena, ops, MANY, 0);
	assert_int_equal(count_of(ops, MANY, FAIL_UNAVAILABLE), MANY);
	assert_true(clock_monotonic_ms() - begun_ms < 8000);
	assert_true(rig_count("Get") < 2 * MANY);
	rig_order("delay?method=Get&ms=5000");
	begun_ms = clock_monotonic_ms();
	omni_batch(c.store, &c.arena, ops, MANY, begun_ms + 400);
	assert_int_equal(count_of(ops, MANY, FAIL_TIMEOUT), MANY);
	assert_true(clock_monotonic_ms() - begun_ms < 3000);
	cosi_end(&c);
}

/* A server before Omni 1.8 does not know Teardown. */
static void test_teardown_of_old_servers(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	run_all(&c, make_creates(&c, MANY), MANY);
	rig_order("fault?method=Teardown&times=-1&code=12&text=unknown%%20method%%20Teardown");
	struct omni_op *ops = make_others(&c, OMNI_TEARDOWN, MANY);
	run_all(&c, ops, MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_true(ops[i].is_ready);
	rig_order("reset");
	struct resource *one;
	assert_true(c.store->ops->get(c.store, &c.arena, c.type, SPAN("b07"), 0, &one, &c.fail));
	assert_int_equal(one->phase, RESOURCE_TEARING_DOWN);
	run_all(&c, make_others(&c, OMNI_TEARDOWN, MANY), MANY);
	assert_int_equal(rig_count("Teardown"), 0); /* never asked for again */
	cosi_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips_are_shared),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_a_connection_breaks),
		cmocka_unit_test(test_some_are_refused),
		cmocka_unit_test(test_an_omni_that_is_away),
		cmocka_unit_test(test_teardown_of_old_servers),
	};
	return RUN_TESTS(tests);
}
