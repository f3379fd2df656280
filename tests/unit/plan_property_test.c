/* What must hold for every pair of states: random clusters, applied, changed, killed at every call. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "agent/plan/gate.h"
#include "agent/plan/internal.h"
#include "tests/unit/plan_random.h"

enum { SEEDS = 150, KILL_SEEDS = 12, ROUNDS_MAX = 60 };

struct world {
	struct arena arena;
	struct memory_store *store;
	struct cluster *before, *after;
};

static void plan(struct world *w, const struct cluster *cluster, struct plan *out)
{
	struct plan_actual actual;
	struct plan_options options = {.gate = RISK_SAFE};
	struct fail fail = {0};
	if (!plan_read_actual(&w->store->base, &w->arena, cluster, cluster->name, 0, &actual, &fail))
		fail_msg("%s", fail.text);
	plan_cluster(&w->arena, cluster, cluster->name, &actual, &options, out);
}

/* A person unlocks the machines that have to leave. */
static bool unlock(struct world *w, const struct plan *plan)
{
	bool has_unlocked = false;
	for (size_t i = 0; i < plan->count; i++) {
		struct resource *node = memory_store_find(w->store, plan->ops[i].type, plan->ops[i].id);
		if (plan->ops[i].locked == NULL || node == NULL)
			continue;
		labels_remove(&node->annotations, SPAN(OMNI_ANNOTATION_LOCKED));
		node->version++;
		has_unlocked = true;
	}
	return has_unlocked;
}

/* Plans and applies until nothing is left to do; returns the rounds. */
static int converge(struct world *w, const struct cluster *cluster)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct plan now;
		struct apply_options options = {.owner = SPAN("test"), .template_hash = SPAN("h")};
		struct apply_result result;
		plan(w, cluster, &now);
		if (now.conflict_count > 0)
			fail_msg("%.*s", SPAN_ARG(now.conflicts[0].text));
		if (plan_is_empty(&now))
			return round;
		if (unlock(w, &now))
			continue;
		apply_step(&w->store->base, &w->arena, &now, &options, &result);
		if (result.state == APPLY_FAILED && result.fail.code != FAIL_UNAVAILABLE)
			fail_msg("%s", result.fail.text);
		memory_store_tick(w->store);
	}
	fail_msg("does not converge");
	return ROUNDS_MAX;
}

static struct resource *stranger(struct world *w, const struct omni_type *type, const char *id, const char *cluster)
{
	struct resource *resource = resource_new(&w->arena, type, span_of(id));
	resource->spec = node_map(&w->arena, 1);
	make_label(&w->arena, resource, OMNI_LABEL_CLUSTER, span_of(cluster));
	memory_store_put(w->store, resource);
	return resource;
}

/* What never changes, whatever is planned for the cluster demo. */
static void add_strangers(struct world *w)
{
	stranger(w, OMNI_CONFIG_PATCH, "500-of-a-person", "demo");
	stranger(w, OMNI_CONFIG_PATCH, "200-cluster-other-a", "other");
	stranger(w, OMNI_MACHINE_SET, "other-workers", "other");
	struct resource *owned = stranger(w, OMNI_CONFIG_PATCH, "000-cluster-demo-controlled", "demo");
	owned->owner = SPAN("Controller");
	memory_store_put(w->store, owned);
	struct resource *args = resource_new(&w->arena, OMNI_KERNEL_ARGS, SPAN("00000000-0000-4000-8000-000000000099"));
	args->spec = node_map(&w->arena, 1);
	make_note(&w->arena, args, OMNI_ANNOTATION_TEMPLATES, "");
	memory_store_put(w->store, args);
}

enum { STRANGERS = 5 };

static void check_strangers(struct world *w)
{
	static const char *const ids[] = {"500-of-a-person", "200-cluster-other-a", "000-cluster-demo-controlled"};
	for (size_t i = 0; i < 3; i++) {
		const struct resource *held = memory_store_find(w->store, OMNI_CONFIG_PATCH, span_of(ids[i]));
		assert_non_null(held);
		assert_int_equal(held->phase, RESOURCE_RUNNING);
		assert_true(held->version <= 2);
	}
	assert_non_null(memory_store_find(w->store, OMNI_MACHINE_SET, SPAN("other-workers")));
	const struct resource *args =
		memory_store_find(w->store, OMNI_KERNEL_ARGS, SPAN("00000000-0000-4000-8000-000000000099"));
	assert_int_equal(args->version, 1);
}

/* The store holds exactly what is expected, the strangers, and kernel arguments that were released. */
static void check_state(struct world *w, const struct cluster *expected)
{
	size_t released = 0;
	for (size_t i = 0; i < expected->resources.count; i++) {
		const struct resource *wanted = expected->resources.items[i];
		const struct resource *held = memory_store_find(w->store, wanted->type, wanted->id);
		if (held == NULL)
			fail_msg("%s(%.*s) is missing", wanted->type->name, SPAN_ARG(wanted->id));
		assert_int_equal(held->phase, RESOURCE_RUNNING);
		if (!node_equal(&held->spec, &wanted->spec))
			fail_msg("%s(%.*s) has another spec", wanted->type->name, SPAN_ARG(wanted->id));
		assert_true(labels_equal(&held->labels, &wanted->labels));
	}
	for (size_t i = 0; i < w->store->resources.count; i++) {
		const struct resource *held = w->store->resources.items[i];
		released += held->type == OMNI_KERNEL_ARGS && labels_get(&held->annotations, OMNI_ANNOTATION_TEMPLATES) == NULL;
	}
	assert_int_equal(w->store->resources.count, expected->resources.count + STRANGERS + released);
	check_strangers(w);
}

static void begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	arena_init(&w->arena, ARENA_NO_LIMIT);
	memory_store_shuffle = memory_store_shuffle > 0 ? seed : 0;
	w->store = memory_store_new();
	w->store->slow_ticks = (unsigned)(seed % 3);
	w->store->keeps_torn = seed % 2;
	w->before = random_cluster(&w->arena, "demo", seed);
	w->after = random_cluster(&w->arena, "demo", seed + 7919);
	add_strangers(w);
}

static void end(struct world *w)
{
	memory_store_free(w->store);
	arena_done(&w->arena);
}

static void a_plan_leads_to_exactly_the_expected_state(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		begin(&w, seed);
		converge(&w, w.before);
		check_state(&w, w.before);
		converge(&w, w.after);
		check_state(&w, w.after);
		end(&w);
	}
}

static void planning_twice_gives_the_same_hash(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		struct plan first, second;
		begin(&w, seed);
		converge(&w, w.before);
		plan(&w, w.after, &first);
		for (size_t i = 0; i < w.store->resources.count; i++)
			w.store->resources.items[i]->version += 5;
		plan(&w, w.after, &second);
		assert_string_equal(first.hash, second.hash);
		end(&w);
	}
}

/* Gone by our hand, and expected all the same. */
static void check_no_extra_destroy(struct world *w, const struct cluster *expected, size_t from)
{
	for (size_t i = from; i < w->store->log_count; i++) {
		const struct memory_log *entry = &w->store->log[i];
		if (entry->code != FAIL_NONE || (strcmp(entry->call, "teardown") != 0 && strcmp(entry->call, "destroy") != 0))
			continue;
		if (make_find(&expected->resources, entry->type, entry->id) != NULL)
			fail_msg("%s(%.*s) was destroyed though it is expected", entry->type->name, SPAN_ARG(entry->id));
	}
}

/* The process dies at its n-th call, with or without that call taking effect; the next one finishes the work. */
static bool kill_at(uint64_t seed, size_t at, bool is_late)
{
	struct world w;
	struct plan now;
	struct apply_result result = {.state = APPLY_WAITING};
	struct apply_options options = {.owner = SPAN("test"), .template_hash = SPAN("h")};
	begin(&w, seed);
	converge(&w, w.before);
	size_t from = w.store->log_count;
	plan(&w, w.after, &now);
	unlock(&w, &now);
	plan(&w, w.after, &now);
	memory_store_fail(w.store, (struct memory_faults){.at = at, .is_dead = true, .is_late = is_late});
	for (int i = 0; i < ROUNDS_MAX && result.state == APPLY_WAITING; i++) {
		apply_step(&w.store->base, &w.arena, &now, &options, &result);
		memory_store_tick(w.store);
	}
	bool was_killed = w.store->calls >= at;
	memory_store_fail(w.store, (struct memory_faults){0});
	converge(&w, w.after);
	check_state(&w, w.after);
	check_no_extra_destroy(&w, w.after, from);
	end(&w);
	return was_killed;
}

static void killed_at_any_call_the_next_run_converges(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= KILL_SEEDS; seed++)
		for (int late = 0; late < 2; late++)
			for (size_t at = 1; kill_at(seed, at, late); at++)
				assert_true(at < 500);
}

static void a_failed_read_destroys_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= KILL_SEEDS; seed++) {
		struct world w;
		begin(&w, seed);
		converge(&w, w.before);
		memory_store_clear_log(w.store);
		bool is_read = false;
		for (size_t at = 1; !is_read; at++) {
			struct plan_actual actual;
			struct fail fail = {0};
			memory_store_fail(w.store, (struct memory_faults){.at = at, .code = at % 2 ? FAIL_DENIED : FAIL_TIMEOUT});
			is_read = plan_read_actual(&w.store->base, &w.arena, w.after, w.after->name, 0, &actual, &fail);
			assert_true(is_read ? w.store->calls < at : fail.code != FAIL_NONE);
		}
		assert_int_equal(memory_store_count(w.store, "teardown") + memory_store_count(w.store, "destroy"), 0);
		end(&w);
	}
}

/* As the mirror tells it. */
static size_t find_same(struct world *w, bool *is_same)
{
	const struct resource_list *expected = &w->after->resources;
	size_t count = 0;
	for (size_t i = 0; i < expected->count; i++) {
		const struct resource *held = memory_store_find(w->store, expected->items[i]->type, expected->items[i]->id);
		struct plan_meaning wanted = plan_meaning(expected->items[i], true), found = {0};
		if (held != NULL)
			found = plan_meaning(held, false);
		is_same[i] = wanted.whole != 0 && wanted.whole == found.whole && (!wanted.by_bytes || wanted.bytes == found.bytes);
		count += is_same[i];
	}
	return count;
}

static void check_rest(struct world *w)
{
	struct plan whole, rest;
	struct plan_actual actual;
	const struct plan_options options = {.gate = RISK_SAFE};
	bool *is_same = ARENA_ARRAY(&w->arena, bool, w->after->resources.count + 1);
	size_t same = find_same(w, is_same);
	plan(w, w->after, &whole);
	size_t calls = w->store->calls;
	assert_true(plan_read_rest(&w->store->base, &w->arena, w->after, is_same, 0, &actual, NULL));
	assert_true(w->store->calls - calls <= w->after->resources.count - same + 1);
	plan_cluster(&w->arena, w->after, w->after->name, &actual, &options, &rest);
	assert_string_equal(rest.hash, whole.hash);
	assert_int_equal(rest.count, whole.count);
	assert_int_equal(rest.risk, whole.risk);
	assert_int_equal(rest.conflict_count, whole.conflict_count);
}

/* Somebody changes this and that, locks a machine, destroys, takes over: what is left as it was makes no difference. */
static void what_is_as_declared_need_not_be_read(void **state)
{
	(void)state;
	size_t changed = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		begin(&w, seed);
		converge(&w, w.after);
		size_t count = w.after->resources.count;
		for (size_t i = 0; i < 4 && !w.after->destroy_machines; i++) {
			const struct resource *one = w.after->resources.items[(seed * 7 + i * 5) % count];
			struct resource *held = memory_store_find(w.store, one->type, one->id);
			if (i == 1)
				labels_set(&w.arena, &held->annotations, SPAN(OMNI_ANNOTATION_LOCKED), SPAN(""));
			else if (i == 2)
				labels_set(&w.arena, &held->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("other"));
			else
				labels_set(&w.arena, &held->labels, SPAN("site"), SPAN("elsewhere"));
			held->version++;
			check_rest(&w);
			changed++;
		}
		end(&w);
	}
	assert_true(changed > SEEDS);
}

static void the_server_failing_now_and_then_only_delays(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= KILL_SEEDS; seed++) {
		struct world w;
		begin(&w, seed);
		converge(&w, w.before);
		for (size_t at = 1; at < 30; at += 3) {
			struct plan now;
			struct apply_result result;
			struct apply_options options = {0};
			plan(&w, at % 2 ? w.after : w.before, &now);
			memory_store_fail(w.store, (struct memory_faults){.at = at, .code = FAIL_TIMEOUT, .is_late = at % 4 == 0});
			apply_step(&w.store->base, &w.arena, &now, &options, &result);
			memory_store_fail(w.store, (struct memory_faults){0});
			memory_store_tick(w.store);
		}
		converge(&w, w.after);
		check_state(&w, w.after);
		end(&w);
	}
}

/* What the gate lets through without anybody's approval. */
static void check_open(const struct plan *plan, enum plan_risk limit)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		bool has_machines = op->type == OMNI_CLUSTER || op->type == OMNI_MACHINE_SET || op->type == OMNI_MACHINE_SET_NODE;
		if (op->kind == PLAN_DESTROY && (has_machines || limit == RISK_SAFE))
			fail_msg("%s(%.*s) would be destroyed unasked", op->type->name, SPAN_ARG(op->id));
		if (op->kind == PLAN_UPDATE && op->type == OMNI_MACHINE_SET)
			assert_true(spec_int(&op->desired->spec, "machineallocation.machinecount") >=
				    spec_int(&op->actual->spec, "machineallocation.machinecount"));
	}
}

static void nothing_is_destroyed_without_approval(void **state)
{
	(void)state;
	size_t opened = 0, held = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		struct plan now;
		begin(&w, seed);
		converge(&w, w.before);
		plan(&w, w.after, &now);
		for (int limit = RISK_SAFE; limit <= RISK_DISRUPTIVE; limit++) {
			struct span reason, wrong = SPAN("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
			struct gate gate = {.limit = (enum plan_risk)limit, .approvals = &wrong, .approval_count = 1,
					    .allow_destroy = SPAN("demo")};
			bool is_open = gate_check(&now, &gate, &reason, &w.arena) == GATE_OPEN;
			*(is_open ? &opened : &held) += 1;
			if (is_open)
				check_open(&now, gate.limit);
		}
		end(&w);
	}
	assert_true(opened > 0 && held > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_STORE_BOTH(a_plan_leads_to_exactly_the_expected_state),
		MEMORY_STORE_BOTH(planning_twice_gives_the_same_hash),
		MEMORY_STORE_BOTH(nothing_is_destroyed_without_approval),
		MEMORY_STORE_BOTH(killed_at_any_call_the_next_run_converges),
		MEMORY_STORE_BOTH(a_failed_read_destroys_nothing),
		MEMORY_STORE_BOTH(what_is_as_declared_need_not_be_read),
		MEMORY_STORE_BOTH(the_server_failing_now_and_then_only_delays),
	};
	return RUN_TESTS(tests);
}
