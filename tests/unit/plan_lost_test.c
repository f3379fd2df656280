/* Which machines hold up a teardown, and who is told to be removed. */
#include "tests/unit/test.h"

#include "agent/plan/internal.h"
#include "agent/plan/lost.h"
#include "tests/unit/memory_store.h"

enum { DESTROYING = 5, RUNNING = 4 };

struct bench {
	struct arena arena;
	struct memory_store *store;
	struct plan plan;
};

static void begin(struct bench *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->store = memory_store_new();
}

static void end(struct bench *b)
{
	memory_store_free(b->store);
	arena_done(&b->arena);
}

static void put_machine(struct bench *b, const char *id, const char *cluster, const char *node, bool is_connected, int stage)
{
	const struct omni_type *type = omni_type_find(SPAN("ClusterMachineStatuses.omni.sidero.dev"));
	struct resource *machine = resource_new(&b->arena, type, span_of(id));
	labels_set(&b->arena, &machine->labels, SPAN(OMNI_LABEL_CLUSTER), span_of(cluster));
	if (node != NULL)
		labels_set(&b->arena, &machine->labels, SPAN("omni.sidero.dev/hostname"), span_of(node));
	if (is_connected)
		labels_set(&b->arena, &machine->labels, SPAN("omni.sidero.dev/connected"), SPAN(""));
	machine->spec = node_map(&b->arena, 1);
	node_put(&machine->spec, "stage", node_int(&b->arena, stage));
	memory_store_put(b->store, machine);
}

static struct plan_left look(struct bench *b)
{
	return plan_left_machines(&b->store->base, &b->arena, SPAN("demo"), 0);
}

static void those_whose_turn_it_is_are_named(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	put_machine(&b, "control-plane", "demo", "talos-a", true, RUNNING);
	put_machine(&b, "elsewhere", "other", "talos-x", false, DESTROYING);
	struct plan_left left = look(&b);
	assert_int_equal(left.machines.count, 0);
	assert_int_equal(left.all, 1);
	put_machine(&b, "worker", "demo", "talos-b", true, DESTROYING);
	left = look(&b);
	assert_false(left.is_lost);
	assert_span(plan_left_names(&b.arena, &left), "worker (talos-b)");
	assert_false(plan_has_lost_more(&b.plan, &left));
	end(&b);
}

static void lost_ones_come_first(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	put_machine(&b, "m1", "demo", "talos-b", true, DESTROYING);
	put_machine(&b, "m2", "demo", NULL, false, RUNNING);
	struct plan_left left = look(&b);
	assert_true(left.is_lost);
	assert_span(plan_left_names(&b.arena, &left), "m2");
	assert_true(plan_has_lost_more(&b.plan, &left));
	struct plan_op op = {.kind = PLAN_DESTROY, .type = OMNI_LINK, .id = SPAN("m2")};
	b.plan = (struct plan){.ops = &op, .count = 1};
	assert_false(plan_has_lost_more(&b.plan, &left));
	op.id = SPAN("m3");
	assert_true(plan_has_lost_more(&b.plan, &left));
	end(&b);
}

static void many_are_counted(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	static const char *const ids[] = {"m1", "m2", "m3", "m4", "m5", "m6"};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		put_machine(&b, ids[i], "demo", NULL, false, DESTROYING);
	struct plan_left left = look(&b);
	assert_span(plan_left_names(&b.arena, &left), "m1, m2, m3, m4 and 2 more");
	end(&b);
}

static void what_cannot_be_read_is_no_failure(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	put_machine(&b, "m1", "demo", NULL, false, DESTROYING);
	memory_store_fail(b.store, (struct memory_faults){.at = 1});
	struct plan_left left = look(&b);
	assert_int_equal(left.machines.count, 0);
	assert_int_equal(left.all, 0);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_whose_turn_it_is_are_named),
		cmocka_unit_test(lost_ones_come_first),
		cmocka_unit_test(many_are_counted),
		cmocka_unit_test(what_cannot_be_read_is_no_failure),
	};
	return RUN_TESTS(tests);
}
