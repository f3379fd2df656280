/* Carrying out a plan on a store that behaves like Omni, and misbehaves on demand. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "agent/plan/internal.h"
#include "tests/unit/plan_make.h"

struct bench {
	struct arena arena;
	struct maker m;
	struct memory_store *store;
	struct plan_options options;
	struct apply_options apply;
	struct plan_actual actual;
	struct plan plan;
	struct apply_result result;
};

static void begin(struct bench *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->store = memory_store_new();
	b->m = make_cluster(&b->arena, "demo", "1.13.5", "1.35.0");
	make_patch(&b->m, 200, "a", "machine:\n  x: 1\n");
	make_set(&b->m, "control-planes", -1);
	make_node(&b->m, "control-planes", 1);
	make_set(&b->m, "workers", -1);
	make_node(&b->m, "workers", 5);
	make_node(&b->m, "workers", 6);
}

static void end(struct bench *b)
{
	memory_store_free(b->store);
	arena_done(&b->arena);
}

static void plan(struct bench *b)
{
	struct fail fail = {0};
	const struct cluster *cluster = b->options.is_delete ? NULL : b->m.cluster;
	assert_true(plan_read_actual(&b->store->base, &b->arena, cluster, SPAN("demo"), 0, &b->actual, &fail));
	plan_cluster(&b->arena, cluster, SPAN("demo"), &b->actual, &b->options, &b->plan);
}

static enum apply_state step(struct bench *b)
{
	apply_step(&b->store->base, &b->arena, &b->plan, &b->apply, &b->result);
	return b->result.state;
}

/* Steps and ticks until the plan is through. */
static enum apply_state run(struct bench *b)
{
	enum apply_state state = step(b);
	for (int i = 0; state == APPLY_WAITING && i < 50; i++) {
		memory_store_tick(b->store);
		state = step(b);
	}
	return state;
}

static void applied(struct bench *b)
{
	begin(b);
	plan(b);
	assert_int_equal(run(b), APPLY_DONE);
	memory_store_clear_log(b->store);
}

static struct resource *there(struct bench *b, const struct omni_type *type, const char *id)
{
	return memory_store_find(b->store, type, span_of(id));
}

#define WORKER "00000000-0000-4000-8000-000000000006"

static void an_empty_omni_becomes_the_template(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	assert_int_equal(b.store->resources.count, 7);
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	end(&b);
}

static void an_unchanged_cluster_costs_few_reads_and_no_write(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->base.read_calls = b.store->base.write_calls = 0;
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->base.write_calls, 0);
	assert_int_equal(b.store->base.read_calls, 7 + 3); /* and the kernel arguments of three machines */
	end(&b);
}

static void teardown_is_observed_not_awaited(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->slow_ticks = 3;
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	plan(&b);
	assert_int_equal(step(&b), APPLY_WAITING);
	assert_int_equal(b.result.waiting, 1);
	assert_int_equal(step(&b), APPLY_WAITING);
	assert_int_equal(memory_store_count(b.store, "teardown"), 1);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_null(there(&b, OMNI_MACHINE_SET_NODE, WORKER));
	end(&b);
}

static void a_server_that_waits_for_destroy_gets_it(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->keeps_torn = true;
	b.store->slow_ticks = 2;
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(memory_store_count(b.store, "destroy"), 1);
	end(&b);
}

static void a_deletion_takes_everything_along(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->slow_ticks = 2;
	b.options.is_delete = true;
	plan(&b);
	assert_int_equal(b.plan.count, 1);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->resources.count, 0);
	end(&b);
}

static void the_phases_of_destruction_follow_each_other(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->slow_ticks = 2;
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_absent(&b.m.cluster->resources, OMNI_CONFIG_PATCH, SPAN("200-cluster-demo-a"));
	plan(&b);
	assert_int_equal(step(&b), APPLY_WAITING);
	assert_int_equal(there(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a")->phase, RESOURCE_RUNNING);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_null(there(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a"));
	end(&b);
}

static void a_version_that_moved_without_a_change_is_written_over(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	struct resource *cluster = there(&b, OMNI_CLUSTER, "demo");
	cluster->version += 13; /* controllers added their finalizers */
	assert_int_equal(run(&b), APPLY_DONE);
	assert_span(labels_get(&there(&b, OMNI_CLUSTER, "demo")->labels, "env")->value, "prod");
	assert_int_equal(there(&b, OMNI_CLUSTER, "demo")->finalizer_count, 1);
	end(&b);
}

static void a_change_by_somebody_else_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	struct resource changed = *there(&b, OMNI_CLUSTER, "demo");
	make_label(&b.arena, &changed, "by", SPAN("somebody"));
	memory_store_put(b.store, &changed);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.result.fail.code, FAIL_CONFLICT);
	assert_true(fail_is_retryable(b.result.fail.code));
	assert_ptr_equal(b.result.failed_op, &b.plan.ops[0]);
	end(&b);
}

static void a_lost_answer_is_no_conflict(void **state)
{
	(void)state;
	for (size_t at = 1; at <= 7; at++) {
		struct bench b;
		begin(&b);
		plan(&b);
		memory_store_fail(b.store, (struct memory_faults){.at = at, .is_late = true, .call = "create"});
		assert_int_equal(step(&b), APPLY_FAILED);
		memory_store_fail(b.store, (struct memory_faults){0});
		assert_int_equal(run(&b), APPLY_DONE); /* the same plan once more */
		assert_int_equal(memory_store_count(b.store, "create"), 7);
		end(&b);
	}
	struct bench b;
	applied(&b);
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	memory_store_fail(b.store, (struct memory_faults){.at = 1, .is_late = true, .call = "update"});
	assert_int_equal(step(&b), APPLY_FAILED);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(memory_store_count(b.store, "update"), 1);
	end(&b);
}

static void a_resource_made_by_somebody_else_meanwhile_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	plan(&b);
	struct resource *other = resource_new(&b.arena, OMNI_CONFIG_PATCH, SPAN("200-cluster-demo-a"));
	make_label(&b.arena, other, OMNI_LABEL_CLUSTER, SPAN("other"));
	other->spec = node_map(&b.arena, 1);
	memory_store_put(b.store, other);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.result.fail.code, FAIL_CONFLICT);
	end(&b);
}

static void a_machine_that_moved_meanwhile_is_not_destroyed(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	plan(&b);
	struct resource moved = *there(&b, OMNI_MACHINE_SET_NODE, WORKER);
	moved.labels = (struct labels){0};
	make_label(&b.arena, &moved, OMNI_LABEL_CLUSTER, SPAN("other"));
	memory_store_put(b.store, &moved);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(there(&b, OMNI_MACHINE_SET_NODE, WORKER)->phase, RESOURCE_RUNNING);
	end(&b);
}

static void nothing_is_destroyed_after_a_failed_write(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	b.store->denied = OMNI_CONFIG_PATCH;
	make_patch(&b.m, 201, "b", "machine: {}\n");
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	plan(&b);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.result.fail.code, FAIL_DENIED);
	assert_true(span_contains(span_of(b.result.fail.text), "201-cluster-demo-b"));
	assert_int_equal(there(&b, OMNI_MACHINE_SET_NODE, WORKER)->phase, RESOURCE_RUNNING);
	end(&b);
}

static void one_failed_destroy_does_not_hold_back_its_phase(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN("00000000-0000-4000-8000-000000000005"));
	make_absent(&b.m.cluster->resources, OMNI_CONFIG_PATCH, SPAN("200-cluster-demo-a"));
	plan(&b);
	memory_store_fail(b.store, (struct memory_faults){.at = 1, .call = "teardown"});
	assert_int_equal(step(&b), APPLY_FAILED);
	bool is_first = b.result.ops[0].state == APPLY_OP_BROKEN; /* of those that go together it may be any */
	assert_int_equal(b.result.ops[is_first ? 0 : 1].state, APPLY_OP_BROKEN);
	assert_int_equal(b.result.ops[is_first ? 1 : 0].state, APPLY_OP_DONE);
	assert_int_equal(b.result.ops[2].state, APPLY_OP_PENDING);
	end(&b);
}

static size_t count_ops(const struct bench *b, enum apply_op_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < b->plan.count; i++)
		count += b->result.ops[i].state == state;
	return count;
}

static void everything_of_a_refused_group_is_told(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	b.store->denied = OMNI_MACHINE_SET_NODE;
	plan(&b);
	assert_int_equal(step(&b), APPLY_FAILED);
	assert_int_equal(count_ops(&b, APPLY_OP_BROKEN), 3);
	assert_int_equal(b.result.fail.code, FAIL_DENIED);
	assert_ptr_equal(b.result.failed_op->type, OMNI_MACHINE_SET_NODE);
	end(&b);
}

/* Then one message says it, and the rest of the group is as if it had not been begun. */
static void an_omni_that_goes_away_is_told_once(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	plan(&b);
	memory_store_fail(b.store, (struct memory_faults){.at = 4, .is_dead = true, .call = "create"});
	assert_int_equal(step(&b), APPLY_FAILED);
	assert_int_equal(count_ops(&b, APPLY_OP_BROKEN), 1);
	assert_int_equal(b.result.done, 3);
	assert_int_equal(b.result.fail.code, FAIL_UNAVAILABLE);
	memory_store_fail(b.store, (struct memory_faults){0});
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->resources.count, 7);
	end(&b);
}

static void what_needs_nothing_from_each_other_goes_together(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	plan(&b);
	assert_int_equal(b.store->batches, 2); /* what carries the cluster's name, and the rest */
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->batches, 4); /* two sets, three machines */
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN("00000000-0000-4000-8000-000000000005"));
	plan(&b);
	assert_int_equal(b.store->batches, 6);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->batches, 9); /* looked at, torn down, destroyed */
	end(&b);
}

static void locks_in_omni_are_respected_and_told(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_note(&b.store->arena, there(&b, OMNI_MACHINE_SET_NODE, WORKER), OMNI_ANNOTATION_LOCKED, "");
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN("00000000-0000-4000-8000-000000000005"));
	plan(&b);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.result.locked, 1);
	assert_int_equal(b.result.fail.code, FAIL_PRECONDITION);
	assert_true(span_contains(span_of(b.result.fail.text), "locked"));
	assert_int_equal(there(&b, OMNI_MACHINE_SET_NODE, WORKER)->phase, RESOURCE_RUNNING);
	assert_int_equal(memory_store_count(b.store, "teardown"), 1);
	end(&b);
}

static void a_locked_cluster_keeps_its_lock_and_its_machines(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_note(&b.store->arena, there(&b, OMNI_CLUSTER, "demo"), OMNI_ANNOTATION_CLUSTER_LOCKED, "");
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_patch(&b.m, 201, "b", "machine: {}\n");
	plan(&b);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.result.locked, 2);
	assert_non_null(there(&b, OMNI_CONFIG_PATCH, "201-cluster-demo-b"));
	assert_null(labels_get(&there(&b, OMNI_CLUSTER, "demo")->labels, "env"));
	assert_non_null(labels_get(&there(&b, OMNI_CLUSTER, "demo")->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED));
	end(&b);
}

static void a_resource_on_its_way_out_is_awaited_then_made_again(void **state)
{
	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		struct bench b;
		applied(&b);
		b.store->keeps_torn = keeps;
		b.store->slow_ticks = 2;
		bool ready;
		assert_true(b.store->base.ops->teardown(&b.store->base, OMNI_MACHINE_SET_NODE, SPAN(WORKER), 0, &ready, NULL));
		plan(&b);
		assert_true(b.plan.is_waiting);
		assert_int_equal(step(&b), APPLY_WAITING);
		assert_int_equal(run(&b), APPLY_DONE);
		assert_int_equal(there(&b, OMNI_MACHINE_SET_NODE, WORKER)->phase, RESOURCE_RUNNING);
		end(&b);
	}
}

static void what_was_applied_is_recorded_once(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	b.apply.owner = SPAN("git");
	b.apply.template_hash = SPAN("h1");
	b.apply.revision = SPAN("r1");
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	struct resource *cluster = there(&b, OMNI_CLUSTER, "demo");
	assert_span(labels_get(&cluster->annotations, ANNOTATION_APPLIED_HASH)->value, "h1");
	assert_int_equal(memory_store_count(b.store, "update"), 0);
	b.apply.revision = SPAN("r2"); /* another commit, the same template */
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(memory_store_count(b.store, "update"), 0);
	b.apply.template_hash = SPAN("h2");
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(memory_store_count(b.store, "update"), 1);
	assert_span(labels_get(&there(&b, OMNI_CLUSTER, "demo")->annotations, ANNOTATION_APPLIED_REVISION)->value, "r2");
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	end(&b);
}

static void a_rehearsal_writes_nothing(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	b.apply.dry_run = true;
	plan(&b);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(b.store->base.write_calls, 0);
	assert_int_equal(b.result.done, 7);
	end(&b);
}

static void a_plan_with_a_conflict_is_not_applied(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	struct resource *other = resource_new(&b.arena, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_label(&b.arena, other, OMNI_LABEL_CLUSTER, SPAN("other"));
	other->spec = node_map(&b.arena, 1);
	memory_store_put(b.store, other);
	plan(&b);
	assert_int_equal(b.plan.conflict_count, 1);
	assert_int_equal(run(&b), APPLY_FAILED);
	assert_int_equal(b.store->base.write_calls, 0);
	end(&b);
}

static void put_machine(struct bench *b, const char *id, bool is_disconnected)
{
	struct resource *status = resource_new(&b->arena, OMNI_MACHINE_STATUS, span_of(id));
	struct resource *link = resource_new(&b->arena, OMNI_LINK, span_of(id));
	make_label(&b->arena, status, OMNI_LABEL_CLUSTER, SPAN("demo"));
	if (is_disconnected)
		make_label(&b->arena, status, OMNI_LABEL_DISCONNECTED, SPAN(""));
	status->spec = node_map(&b->arena, 1);
	link->spec = node_map(&b->arena, 1);
	memory_store_put(b->store, status);
	memory_store_put(b->store, link);
	struct resource *patch = resource_new(&b->arena, OMNI_CONFIG_PATCH, arena_spanf(&b->arena, "500-%s", id));
	make_label(&b->arena, patch, OMNI_LABEL_MACHINE, span_of(id));
	patch->spec = node_map(&b->arena, 1);
	memory_store_put(b->store, patch);
}

static void disconnected_machines_go_with_the_cluster_when_asked(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	put_machine(&b, WORKER, true);
	put_machine(&b, "00000000-0000-4000-8000-000000000005", false);
	struct resource *extensions = resource_new(&b.arena, OMNI_EXTENSIONS, SPAN("schematic-demo"));
	make_label(&b.arena, extensions, OMNI_LABEL_CLUSTER, SPAN("demo"));
	extensions->spec = node_map(&b.arena, 1);
	memory_store_put(b.store, extensions);
	b.options.is_delete = b.options.destroy_machines = true;
	plan(&b);
	assert_int_equal(b.plan.count, 4);
	assert_ptr_equal(b.plan.ops[0].type, OMNI_EXTENSIONS);
	assert_ptr_equal(b.plan.ops[1].type, OMNI_LINK);
	assert_ptr_equal(b.plan.ops[2].type, OMNI_CONFIG_PATCH);
	assert_int_equal(b.plan.ops[3].phase, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(b.plan.ops[i].risk, RISK_CRITICAL);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_null(there(&b, OMNI_LINK, WORKER));
	assert_non_null(there(&b, OMNI_LINK, "00000000-0000-4000-8000-000000000005"));
	assert_null(there(&b, OMNI_CLUSTER, "demo"));
	end(&b);
}

static void a_failed_read_plans_nothing(void **state)
{
	(void)state;
	struct bench b;
	applied(&b);
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	plan(&b);
	size_t reads = b.store->base.read_calls;
	plan(&b);
	reads = b.store->base.read_calls - reads;
	for (size_t at = 1; at <= reads; at++) {
		struct plan_actual actual;
		struct fail fail = {0};
		memory_store_fail(b.store, (struct memory_faults){.at = at});
		assert_false(plan_read_actual(&b.store->base, &b.arena, b.m.cluster, SPAN("demo"), 0, &actual, &fail));
		assert_int_equal(fail.code, FAIL_UNAVAILABLE);
		assert_true(span_starts(span_of(fail.text), "cannot "));
	}
	memory_store_fail(b.store, (struct memory_faults){0});
	b.store->hidden = OMNI_CONFIG_PATCH;
	struct fail fail = {0};
	assert_false(plan_read_actual(&b.store->base, &b.arena, b.m.cluster, SPAN("demo"), 0, &b.actual, &fail));
	assert_int_equal(fail.code, FAIL_DENIED);
	end(&b);
}

struct counts {
	size_t started, written, torn, destroyed, failed;
};

static void count_event(void *ctx, const struct apply_event *event)
{
	struct counts *counts = ctx;
	size_t *const fields[] = {&counts->started, &counts->written, &counts->torn, &counts->destroyed, &counts->failed};
	++*fields[event->what];
}

static void every_event_is_told_once_when_progress_is_kept(void **state)
{
	(void)state;
	struct bench b;
	struct counts counts = {0};
	applied(&b);
	b.store->slow_ticks = 4;
	make_patch(&b.m, 201, "b", "machine: {}\n");
	make_absent(&b.m.cluster->resources, OMNI_MACHINE_SET_NODE, SPAN(WORKER));
	make_absent(&b.m.cluster->resources, OMNI_CONFIG_PATCH, SPAN("200-cluster-demo-a"));
	plan(&b);
	b.apply.on_event = count_event;
	b.apply.ctx = &counts;
	b.apply.progress = ARENA_ARRAY(&b.arena, unsigned char, b.plan.count);
	assert_int_equal(run(&b), APPLY_DONE);
	assert_int_equal(counts.started, 3);
	assert_int_equal(counts.written, 1);
	assert_int_equal(counts.torn, 2);
	assert_int_equal(counts.destroyed, 2);
	assert_int_equal(counts.failed, 0);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_STORE_BOTH(an_empty_omni_becomes_the_template),
		MEMORY_STORE_BOTH(an_unchanged_cluster_costs_few_reads_and_no_write),
		MEMORY_STORE_BOTH(teardown_is_observed_not_awaited),
		MEMORY_STORE_BOTH(a_server_that_waits_for_destroy_gets_it),
		MEMORY_STORE_BOTH(a_deletion_takes_everything_along),
		MEMORY_STORE_BOTH(the_phases_of_destruction_follow_each_other),
		MEMORY_STORE_BOTH(a_version_that_moved_without_a_change_is_written_over),
		MEMORY_STORE_BOTH(a_change_by_somebody_else_is_a_conflict),
		MEMORY_STORE_BOTH(a_lost_answer_is_no_conflict),
		MEMORY_STORE_BOTH(a_resource_made_by_somebody_else_meanwhile_is_a_conflict),
		MEMORY_STORE_BOTH(a_machine_that_moved_meanwhile_is_not_destroyed),
		MEMORY_STORE_BOTH(nothing_is_destroyed_after_a_failed_write),
		MEMORY_STORE_BOTH(one_failed_destroy_does_not_hold_back_its_phase),
		MEMORY_STORE_BOTH(everything_of_a_refused_group_is_told),
		MEMORY_STORE_BOTH(an_omni_that_goes_away_is_told_once),
		cmocka_unit_test_setup_teardown(what_needs_nothing_from_each_other_goes_together, memory_store_begin_shuffle,
						memory_store_end_shuffle),
		MEMORY_STORE_BOTH(locks_in_omni_are_respected_and_told),
		MEMORY_STORE_BOTH(a_locked_cluster_keeps_its_lock_and_its_machines),
		MEMORY_STORE_BOTH(a_resource_on_its_way_out_is_awaited_then_made_again),
		MEMORY_STORE_BOTH(what_was_applied_is_recorded_once),
		MEMORY_STORE_BOTH(a_rehearsal_writes_nothing),
		MEMORY_STORE_BOTH(a_plan_with_a_conflict_is_not_applied),
		MEMORY_STORE_BOTH(disconnected_machines_go_with_the_cluster_when_asked),
		MEMORY_STORE_BOTH(a_failed_read_plans_nothing),
		MEMORY_STORE_BOTH(every_event_is_told_once_when_progress_is_kept),
	};
	return RUN_TESTS(tests);
}
