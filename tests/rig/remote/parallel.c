/* Large answers that come at once over one connection: each of them has its end, and nothing is asked for twice. */
#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

#include "agent/omni/remote_int.h"
#include "base/clock.h"

enum { CLUSTERS = 10, MACHINES = 20, AT_ONCE = 100, ROUNDS = 3, WAIT_MS = 60000 };

static const char *const types[] = {"ConfigPatches.omni.sidero.dev", "MachineSetNodes.omni.sidero.dev", "MachineSets.omni.sidero.dev"};

struct parallel {
	struct arena arena;
	struct omni_store *store;
	struct fail fail;
};

static void begin(struct parallel *p)
{
	*p = (struct parallel){0};
	arena_init(&p->arena, ARENA_NO_LIMIT);
	rig_clear();
	rig_order("load?clusters=%d&machines=%d", CLUSTERS, MACHINES);
	p->store = rig_open(NULL);
}

static void end(struct parallel *p)
{
	omni_store_close(p->store);
	arena_done(&p->arena);
	rig_clear();
}

static const struct omni_type *type_of(size_t i)
{
	return omni_type_find(span_of(types[i % (sizeof types / sizeof *types)]));
}

static bool count_message(void *ctx, struct span message)
{
	size_t *count = ctx;
	*count += message.len > 0;
	return true;
}

static struct grpc_flight *ask(struct parallel *p, size_t i)
{
	struct remote_call call;
	if (!remote_list_call(&p->arena, type_of(i), NULL, 0, &call, &p->fail))
		fail_msg("%s", p->fail.text);
	struct grpc_request request = {
		.method = call.method, .message = call.message, .deadline_ms = clock_monotonic_ms() + WAIT_MS};
	return grpc_begin_many(remote_of(p->store)->channel, &request);
}

/* By the channel, which repeats nothing that the server has seen. */
static void list_all(struct parallel *p)
{
	struct grpc_flight *flights[AT_ONCE];
	static const size_t expected[] = {CLUSTERS * (MACHINES + 2), CLUSTERS * MACHINES, CLUSTERS * 2};
	for (size_t i = 0; i < AT_ONCE; i++)
		flights[i] = ask(p, i);
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct grpc_status status = {0};
		size_t count = 0;
		if (!grpc_finish_many(flights[i], &p->arena, count_message, &count, &status))
			fail_msg("list %zu, after %zu: %.*s", i, count, SPAN_ARG(status.text));
		assert_int_equal(count, expected[i % (sizeof expected / sizeof *expected)]);
	}
}

static void test_lists_at_once(void **state)
{
	struct parallel p;
	(void)state;
	begin(&p);
	for (int i = 0; i < ROUNDS; i++)
		list_all(&p);
	assert_int_equal(rig_count("List"), ROUNDS * AT_ONCE);
	end(&p);
}

/* Watches begin with all there is, too. */
static void test_lists_beside_watches(void **state)
{
	enum { WATCHES = 12 };
	struct omni_watch *watches[WATCHES];
	struct parallel p;
	(void)state;
	begin(&p);
	for (size_t i = 0; i < WATCHES; i++)
		if (!p.store->ops->watch(p.store, type_of(i), SPAN(""), &watches[i], &p.fail))
			fail_msg("%s", p.fail.text);
	list_all(&p);
	for (size_t i = 0; i < WATCHES; i++)
		watches[i]->ops->close(watches[i]);
	assert_int_equal(rig_count("List"), AT_ONCE);
	end(&p);
}

/* Through the store, where what went wrong on the way would be asked for again. */
static void test_batches(void **state)
{
	struct omni_op ops[AT_ONCE];
	struct parallel p;
	(void)state;
	begin(&p);
	for (size_t i = 0; i < AT_ONCE; i++)
		ops[i] = (struct omni_op){.kind = OMNI_LIST, .type = type_of(i)};
	omni_batch(p.store, &p.arena, ops, AT_ONCE, 0);
	for (size_t i = 0; i < AT_ONCE; i++)
		assert_int_equal(ops[i].code, FAIL_NONE);
	assert_int_equal(rig_count("List"), AT_ONCE);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_at_once),
		cmocka_unit_test(test_lists_beside_watches),
		cmocka_unit_test(test_batches),
	};
	return RUN_TESTS(tests);
}
