/* What Omni would refuse is said before anything is written, at no cost for what does not change; and what was begun
 * before a refusal is finished by the next pass. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "agent/plan/foresee.h"
#include "agent/plan/gate.h"
#include "base/cleanup.h"
#include "tests/unit/plan_bench.h"

struct bench {
	struct arena arena;
	struct memory_store *store;
	struct maker m;
	struct resource_list declared;
	struct plan plan;
	struct diag_list faults;
};

static void begin(struct bench *b, const char *talos, const char *kubernetes)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->store = memory_store_new();
	b->m = make_cluster(&b->arena, "demo", talos, kubernetes);
}

static void end(struct bench *b)
{
	memory_store_free(b->store);
	arena_done(&b->arena);
}

/* Omni offers a Talos with one Kubernetes. */
static void offer(struct bench *b, const char *talos, const char *kubernetes, const char *flag)
{
	struct resource *version = resource_new(&b->arena, omni_type_find(SPAN("TalosVersions.omni.sidero.dev")), span_of(talos));
	struct node list = node_seq(&b->arena, 1);
	version->spec = node_map(&b->arena, 3);
	node_push(&list, node_string(span_of(kubernetes)));
	node_put(&version->spec, "compatiblekubernetesversions", list);
	if (flag != NULL)
		node_put(&version->spec, flag, node_bool(true));
	memory_store_put(b->store, version);
}

static struct resource *make_class(struct bench *b, const char *id, bool provisions)
{
	struct resource *class = resource_new(&b->arena, OMNI_MACHINE_CLASS, span_of(id));
	class->spec = node_map(&b->arena, 1);
	node_put(&class->spec, provisions ? "autoprovision" : "matchlabels", node_map(&b->arena, 1));
	return class;
}

static void look(struct bench *b)
{
	struct plan_actual actual;
	struct plan_options options = {.secret_key = SPAN("test")};
	struct foresee foresee = {&b->store->base, 0, &b->declared};
	assert_true(plan_read_actual(&b->store->base, &b->arena, b->m.cluster, SPAN("demo"), 0, &actual, NULL));
	plan_cluster(&b->arena, b->m.cluster, SPAN("demo"), &actual, &options, &b->plan);
	diag_list_init(&b->faults, &b->arena);
	plan_foresee(&b->arena, &b->plan, &foresee, &b->faults);
}

static void apply(struct bench *b, enum apply_state expected)
{
	struct apply_result result = {.state = APPLY_WAITING};
	for (int i = 0; i < 10 && result.state == APPLY_WAITING; i++)
		apply_step(&b->store->base, &b->arena, &b->plan, &(struct apply_options){0}, &result);
	assert_int_equal(result.state, expected);
}

/* Nothing of the plan may be done, and one fault says why. */
static void expect_fault(struct bench *b, const char *code, const char *hint)
{
	struct gate gate = {.limit = RISK_DISRUPTIVE};
	struct span reason;
	look(b);
	assert_int_equal(b->faults.count, 1);
	assert_string_equal(b->faults.items[0].code, code);
	if (!span_contains(b->faults.items[0].hint, hint))
		fail_msg("hint: %.*s", SPAN_ARG(b->faults.items[0].hint));
	assert_int_equal(gate_check(&b->plan, &gate, &reason, &b->arena), GATE_BLOCKED);
	assert_true(span_contains(reason, b->faults.items[0].message.ptr));
	apply(b, APPLY_FAILED);
	assert_int_equal(memory_store_count(b->store, "create"), 0);
}

static void a_talos_that_is_not_offered(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.9", "1.35.0");
	offer(&b, "1.12.4", "1.35.0", NULL);
	offer(&b, "1.13.2", "1.35.0", NULL);
	offer(&b, "1.13.5", "1.35.0", NULL);
	offer(&b, "1.14.0-alpha.1", "1.35.0", NULL);
	offer(&b, "1.14.0", "1.35.0", NULL);
	expect_fault(&b, "VersionNotOffered", "it offers 1.13.5");
	end(&b);
}

static void a_talos_that_is_no_longer_supported(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.5", "1.35.0");
	offer(&b, "1.13.5", "1.35.0", "unsupported");
	expect_fault(&b, "VersionNotOffered", "");
	end(&b);
	begin(&b, "1.13.5", "1.35.0");
	offer(&b, "1.13.5", "1.35.0", "deprecated");
	expect_fault(&b, "VersionDeprecated", "");
	end(&b);
}

static void a_kubernetes_that_does_not_go_with_it(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.5", "1.99.0");
	offer(&b, "1.13.5", "1.35.0", NULL);
	expect_fault(&b, "IncompatibleVersions", "Kubernetes 1.35.0");
	end(&b);
}

static void a_class_that_is_nowhere(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.5", "1.35.0");
	make_set(&b.m, "control-planes", 3);
	memory_store_put(b.store, make_class(&b, "pol", false));
	expect_fault(&b, "MachineClassNotFound", "did you mean \"pol\"?");
	resource_push(&b.arena, &b.declared, make_class(&b, "pool", false)); /* is made before the cluster */
	look(&b);
	assert_int_equal(b.faults.count, 0);
	assert_int_equal(b.plan.conflict_count, 0);
	end(&b);
}

static void machines_without_limit(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.5", "1.35.0");
	struct resource *set = make_set(&b.m, "workers", 0);
	struct node *allocation = &set->spec.pairs[1].value;
	node_put(allocation, "allocationtype", node_int(&b.arena, 1));
	memory_store_put(b.store, make_class(&b, "pool", true));
	expect_fault(&b, "UnlimitedProvision", "size");
	end(&b);
}

static void what_is_not_known_is_left_to_the_server(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "9.9.9", "1.99.0"); /* no list of versions, as in a directory */
	look(&b);
	assert_int_equal(b.faults.count, 0);
	end(&b);
	begin(&b, "1.13.5", "1.35.0");
	make_set(&b.m, "control-planes", 3);
	b.store->hidden = OMNI_MACHINE_CLASS; /* classes may not be read */
	look(&b);
	assert_int_equal(b.faults.count, 0);
	end(&b);
}

static void what_does_not_change_costs_no_call(void **state)
{
	(void)state;
	struct bench b;
	struct plan_actual actual;
	begin(&b, "1.13.5", "1.35.0");
	make_set(&b.m, "control-planes", 3);
	memory_store_put(b.store, make_class(&b, "pool", false));
	look(&b);
	apply(&b, APPLY_DONE);
	assert_true(plan_read_actual(&b.store->base, &b.arena, b.m.cluster, SPAN("demo"), 0, &actual, NULL));
	plan_cluster(&b.arena, b.m.cluster, SPAN("demo"), &actual, &(struct plan_options){0}, &b.plan);
	uint64_t before = b.store->base.read_calls;
	plan_foresee(&b.arena, &b.plan, &(struct foresee){&b.store->base, 0, NULL}, &b.faults);
	assert_int_equal(b.store->base.read_calls, before);
	memory_store_drop(b.store, OMNI_MACHINE_CLASS, SPAN("pool")); /* gone: no reason to touch the set */
	look(&b);
	assert_int_equal(b.faults.count, 0);
	end(&b);
}

/* The server takes a change to a class that is not there; the set waits for ever. Said, but not forbidden. */
static void a_change_to_a_missing_class_is_a_warning(void **state)
{
	(void)state;
	struct bench b;
	begin(&b, "1.13.5", "1.35.0");
	struct resource *set = make_set(&b.m, "workers", 2);
	memory_store_put(b.store, make_class(&b, "pool", false));
	look(&b);
	apply(&b, APPLY_DONE);
	set->spec.pairs[1].value.pairs[0].value = node_string(SPAN("lake"));
	look(&b);
	assert_int_equal(b.faults.warning_count, 1);
	assert_int_equal(b.plan.conflict_count, 0);
	end(&b);
}

/* Whichever write is refused: the next pass does the rest, and does nothing twice. */
static void the_next_pass_finishes_what_was_begun(void **state)
{
	(void)state;
	size_t refusals = 0;
	for (size_t at = 1; refusals + 1 == at; at++) {
		struct bench b;
		begin(&b, "1.13.5", "1.35.0");
		make_set(&b.m, "control-planes", -1);
		make_node(&b.m, "control-planes", 1);
		make_patch(&b.m, 200, "a", "machine: {}\n");
		memory_store_fail(b.store, (struct memory_faults){.at = at, .call = "create", .code = FAIL_INVALID});
		look(&b);
		struct apply_result result;
		apply_step(&b.store->base, &b.arena, &b.plan, &(struct apply_options){0}, &result);
		refusals += result.state == APPLY_FAILED;
		memory_store_fail(b.store, (struct memory_faults){0});
		look(&b);
		apply(&b, APPLY_DONE);
		look(&b);
		assert_true(plan_is_empty(&b.plan));
		assert_int_equal(memory_store_count(b.store, "create"), b.m.cluster->resources.count);
		assert_int_equal(memory_store_count(b.store, "update"), 0);
		end(&b);
	}
	assert_int_equal(refusals, 4); /* each of the four creates was refused once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_talos_that_is_not_offered),
		cmocka_unit_test(a_talos_that_is_no_longer_supported),
		cmocka_unit_test(a_kubernetes_that_does_not_go_with_it),
		cmocka_unit_test(a_class_that_is_nowhere),
		cmocka_unit_test(machines_without_limit),
		cmocka_unit_test(what_is_not_known_is_left_to_the_server),
		cmocka_unit_test(what_does_not_change_costs_no_call),
		cmocka_unit_test(a_change_to_a_missing_class_is_a_warning),
		cmocka_unit_test(the_next_pass_finishes_what_was_begun),
	};
	return RUN_TESTS(tests);
}
