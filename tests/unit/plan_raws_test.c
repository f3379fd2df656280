/* Machine classes and the other resources that people own. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "agent/plan/gate.h"
#include "tests/unit/plan_bench.h"

struct bench {
	struct arena arena;
	struct resource_list expected, actual, in_use;
	struct plan plan;
};

static void begin(struct bench *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
}

static struct resource *class(struct bench *b, struct resource_list *list, const char *id, const char *selector)
{
	struct resource *class = resource_new(&b->arena, OMNI_MACHINE_CLASS, span_of(id));
	class->spec = node_map(&b->arena, 2);
	if (selector != NULL) {
		struct node labels = node_seq(&b->arena, 1);
		node_push(&labels, node_string(span_of(selector)));
		node_put(&class->spec, "matchlabels", labels);
	} else {
		struct node provision = node_map(&b->arena, 2);
		node_put(&provision, "providerid", node_string(SPAN("proxmox")));
		node_put(&provision, "providerdata", node_string(SPAN("cores: 4\n")));
		node_put(&class->spec, "autoprovision", provision);
	}
	resource_push(&b->arena, list, class);
	return class;
}

static void use(struct bench *b, const char *set, const char *class)
{
	struct maker m = make_cluster(&b->arena, "demo", "1.13.5", "1.35.0");
	struct resource *made = make_set(&m, set, 2);
	made->spec.pairs[1].value.pairs[0].value = node_string(span_of(class));
	resource_push(&b->arena, &b->in_use, made);
}

static void plan(struct bench *b)
{
	plan_raws(&b->arena, &b->expected, &b->actual, &b->in_use, SPAN("git"), &(struct plan_options){0}, &b->plan);
}

static void a_new_class_is_created_and_recorded(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "z", "a = b");
	class(&b, &b.expected, "a", NULL);
	plan(&b);
	assert_int_equal(b.plan.creates, 2);
	assert_span(b.plan.ops[0].id, "a");
	assert_span(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_OWNER)->value, "git");
	assert_int_equal(b.plan.risk, RISK_SAFE);
	arena_done(&b.arena);
}

static void the_same_class_is_left_alone(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "a", "x");
	class(&b, &b.actual, "a", "x");
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	arena_done(&b.arena);
}

static void a_changed_class_in_use_is_disruptive(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "a", "x");
	class(&b, &b.actual, "a", "y");
	plan(&b);
	assert_int_equal(b.plan.updates, 1);
	assert_int_equal(b.plan.risk, RISK_SAFE);
	use(&b, "workers", "a");
	plan(&b);
	assert_int_equal(b.plan.risk, RISK_DISRUPTIVE);
	arena_done(&b.arena);
}

static void only_our_own_are_pruned(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.actual, "of-a-person", "x");
	make_note(&b.arena, class(&b, &b.actual, "of-another", "x"), ANNOTATION_OWNER, "other");
	make_note(&b.arena, class(&b, &b.actual, "ours", "x"), ANNOTATION_OWNER, "git");
	plan(&b);
	assert_int_equal(b.plan.count, 1);
	assert_span(b.plan.ops[0].id, "ours");
	assert_int_equal(b.plan.risk, RISK_DESTRUCTIVE);
	plan_raws(&b.arena, &b.expected, &b.actual, &b.in_use, SPAN(""), &(struct plan_options){0}, &b.plan);
	assert_true(plan_is_empty(&b.plan));
	arena_done(&b.arena);
}

static void a_class_in_use_stays(void **state)
{
	(void)state;
	struct bench b;
	struct span reason;
	begin(&b);
	make_note(&b.arena, class(&b, &b.actual, "ours", "x"), ANNOTATION_OWNER, "git");
	class(&b, &b.expected, "new", "x");
	use(&b, "workers", "ours");
	use(&b, "gpu", "ours");
	plan(&b);
	assert_int_equal(b.plan.destroys, 0);
	assert_int_equal(b.plan.conflict_count, 1);
	assert_true(span_contains(b.plan.conflicts[0].text, "demo-workers, demo-gpu"));
	assert_false(b.plan.is_waiting);
	/* The others are not held back. */
	assert_int_equal(gate_check(&b.plan, &(struct gate){0}, &reason, &b.arena), GATE_OPEN);
	arena_done(&b.arena);
}

static void the_kind_of_a_class_cannot_change_in_place(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "a", NULL);
	class(&b, &b.actual, "a", "x");
	plan(&b);
	assert_int_equal(b.plan.count, 0);
	assert_true(span_contains(b.plan.conflicts[0].text, "between matchlabels and autoprovision"));
	arena_done(&b.arena);
}

static void what_others_own_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "a", "x");
	make_note(&b.arena, class(&b, &b.actual, "a", "y"), ANNOTATION_OWNER, "other");
	class(&b, &b.expected, "b", "x");
	class(&b, &b.actual, "b", "y")->owner = SPAN("Controller");
	plan(&b);
	assert_int_equal(b.plan.count, 0);
	assert_int_equal(b.plan.conflict_count, 2);
	arena_done(&b.arena);
}

static void provider_data_is_compared_inside(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	class(&b, &b.expected, "a", NULL);
	struct resource *there = class(&b, &b.actual, "a", NULL);
	there->spec.pairs[0].value.pairs[1].value = node_string(SPAN("cores: 2\n"));
	plan(&b);
	assert_int_equal(b.plan.ops[0].diff_count, 1);
	assert_span(b.plan.ops[0].diffs[0].path, "spec.autoprovision.providerdata: cores");
	assert_span(b.plan.ops[0].diffs[0].old_text, "2");
	assert_span(b.plan.ops[0].diffs[0].new_text, "4");
	arena_done(&b.arena);
}

static void raw_resources_are_applied_and_pruned(void **state)
{
	(void)state;
	struct bench b;
	struct apply_result result;
	struct apply_options options = {0};
	begin(&b);
	struct memory_store *store = memory_store_new();
	class(&b, &b.expected, "a", "x");
	plan(&b);
	apply_step(&store->base, &b.arena, &b.plan, &options, &result);
	assert_int_equal(result.state, APPLY_DONE);
	resource_push(&b.arena, &b.actual, memory_store_find(store, OMNI_MACHINE_CLASS, SPAN("a")));
	b.expected.count = 0;
	plan(&b);
	store->keeps_torn = true;
	apply_step(&store->base, &b.arena, &b.plan, &options, &result);
	assert_int_equal(result.state, APPLY_DONE);
	assert_int_equal(store->resources.count, 0);
	memory_store_free(store);
	arena_done(&b.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_class_is_created_and_recorded),
		cmocka_unit_test(the_same_class_is_left_alone),
		cmocka_unit_test(a_changed_class_in_use_is_disruptive),
		cmocka_unit_test(only_our_own_are_pruned),
		cmocka_unit_test(a_class_in_use_stays),
		cmocka_unit_test(the_kind_of_a_class_cannot_change_in_place),
		cmocka_unit_test(what_others_own_is_a_conflict),
		cmocka_unit_test(provider_data_is_compared_inside),
		cmocka_unit_test(raw_resources_are_applied_and_pruned),
	};
	return RUN_TESTS(tests);
}
