/* Taking over and giving up: marks, and nothing else. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "tests/unit/plan_make.h"

struct world {
	struct arena arena;
	struct memory_store *store;
	struct cluster *cluster;
};

static void read_back(struct world *w, struct plan_actual *out)
{
	assert_true(plan_read_actual(&w->store->base, &w->arena, w->cluster, w->cluster->name, 0, out, NULL));
}

static bool is_empty(struct world *w)
{
	struct plan_actual actual;
	struct plan plan;
	read_back(w, &actual);
	plan_cluster(&w->arena, w->cluster, w->cluster->name, &actual, &(struct plan_options){0}, &plan);
	return plan_is_empty(&plan);
}

/* A cluster as omnictl leaves it: without marks of ours. */
static void begin(struct world *w)
{
	arena_init(&w->arena, ARENA_NO_LIMIT);
	w->store = memory_store_new();
	struct maker m = make_cluster(&w->arena, "demo", "1.13.5", "1.35.0");
	make_set(&m, "control-planes", 3);
	make_set(&m, "workers", -1);
	make_note(&w->arena, make_node(&m, "workers", 1), OMNI_ANNOTATION_LOCKED, "");
	make_node(&m, "workers", 2);
	make_patch(&m, 200, "a", "machine: {}\n");
	make_text(&m, OMNI_CONFIG_PATCH, SPAN("500-mine"), "data", "machine: {}\n");
	w->cluster = m.cluster;
	for (size_t i = 0; i < m.cluster->resources.count; i++)
		memory_store_put(w->store, m.cluster->resources.items[i]);
	struct resource *other = resource_new(&w->arena, OMNI_CONFIG_PATCH, SPAN("500-other"));
	other->spec = node_map(&w->arena, 1);
	make_label(&w->arena, other, OMNI_LABEL_CLUSTER, SPAN("demo"));
	memory_store_put(w->store, other);
	/* a person locked this one, and no declaration says so */
	make_note(&w->arena, memory_store_find(w->store, OMNI_MACHINE_SET_NODE, make_uuid(&w->arena, 2)), OMNI_ANNOTATION_LOCKED, "");
	assert_true(is_empty(w));
}

static void end(struct world *w)
{
	memory_store_free(w->store);
	arena_done(&w->arena);
}

static const char *mark_of(struct world *w, const struct omni_type *type, struct span id, const char *key)
{
	const struct label *label = labels_get(&memory_store_find(w->store, type, id)->annotations, key);
	return label == NULL ? "none" : arena_string(&w->arena, label->value);
}

static void carry_out(struct world *w, const struct plan *plan, const char *owner)
{
	struct apply_options options = {.owner = span_of(owner), .template_hash = SPAN("hash")};
	struct apply_result result;
	apply_step(&w->store->base, &w->arena, plan, &options, &result);
	assert_int_equal(result.state, APPLY_DONE);
}

static void adopting_marks_what_is_declared(void **state)
{
	(void)state;
	struct world w;
	struct plan_actual actual;
	struct plan plan;
	begin(&w);
	read_back(&w, &actual);
	plan_adopt(&w.arena, w.cluster, &actual, &plan);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.creates + plan.destroys, 0);
	carry_out(&w, &plan, "me");
	assert_string_equal(mark_of(&w, OMNI_CLUSTER, SPAN("demo"), ANNOTATION_OWNER), "me");
	assert_string_equal(mark_of(&w, OMNI_CLUSTER, SPAN("demo"), ANNOTATION_APPLIED_HASH), "hash");
	assert_string_equal(mark_of(&w, OMNI_CONFIG_PATCH, SPAN("500-mine"), ANNOTATION_TEMPLATE), "demo");
	assert_string_equal(mark_of(&w, OMNI_CONFIG_PATCH, SPAN("200-cluster-demo-a"), ANNOTATION_TEMPLATE), "none");
	assert_string_equal(mark_of(&w, OMNI_CONFIG_PATCH, SPAN("500-other"), ANNOTATION_TEMPLATE), "none");
	assert_string_equal(mark_of(&w, OMNI_MACHINE_SET_NODE, make_uuid(&w.arena, 1), ANNOTATION_LOCK), "template");
	assert_string_equal(mark_of(&w, OMNI_MACHINE_SET_NODE, make_uuid(&w.arena, 2), ANNOTATION_LOCK), "none");
	assert_true(is_empty(&w));
	read_back(&w, &actual);
	plan_adopt(&w.arena, w.cluster, &actual, &plan);
	assert_int_equal(plan.count, 0);
	end(&w);
}

static void releasing_leaves_what_was_there(void **state)
{
	(void)state;
	struct world w;
	struct plan_actual before, after;
	struct plan plan;
	begin(&w);
	read_back(&w, &before);
	plan_adopt(&w.arena, w.cluster, &before, &plan);
	carry_out(&w, &plan, "me");
	read_back(&w, &after);
	plan_release(&w.arena, SPAN("demo"), &after, &plan);
	assert_int_equal(plan.count, 3);
	assert_ptr_equal(plan.ops[2].type, OMNI_CLUSTER); /* last, so that it tells whether there is more to do */
	carry_out(&w, &plan, "");
	read_back(&w, &after);
	assert_int_equal(after.resources.count, before.resources.count);
	for (size_t i = 0; i < before.resources.count; i++) {
		const struct resource *was = before.resources.items[i], *is = make_find(&after.resources, was->type, was->id);
		assert_true(labels_equal(&was->annotations, &is->annotations) && labels_equal(&was->labels, &is->labels));
		assert_true(node_equal(&was->spec, &is->spec));
	}
	end(&w);
}

static void omnis_own_mark_is_a_formality(void **state)
{
	(void)state;
	struct world w;
	struct plan_actual actual;
	struct plan plan;
	begin(&w);
	struct resource *held = memory_store_find(w.store, OMNI_CLUSTER, SPAN("demo"));
	labels_remove(&held->annotations, SPAN(OMNI_ANNOTATION_TEMPLATES));
	read_back(&w, &actual);
	plan_cluster(&w.arena, w.cluster, w.cluster->name, &actual, &(struct plan_options){0}, &plan);
	assert_int_equal(plan.count, 1);
	assert_true(plan_is_formal(&plan));
	plan_adopt(&w.arena, w.cluster, &actual, &plan);
	carry_out(&w, &plan, "me");
	assert_true(is_empty(&w));
	/* with anything else beside it, it is a change */
	held = memory_store_find(w.store, OMNI_CLUSTER, SPAN("demo"));
	labels_remove(&held->annotations, SPAN(OMNI_ANNOTATION_TEMPLATES));
	make_note(&w.arena, held, "other", "x");
	read_back(&w, &actual);
	plan_cluster(&w.arena, w.cluster, w.cluster->name, &actual, &(struct plan_options){0}, &plan);
	assert_int_equal(plan.count, 1);
	assert_false(plan_is_formal(&plan));
	end(&w);
}

static void a_machine_that_is_not_declared_is_a_change(void **state)
{
	(void)state;
	struct world w;
	struct plan_actual actual;
	struct plan plan;
	begin(&w);
	make_absent(&w.cluster->resources, OMNI_MACHINE_SET_NODE, make_uuid(&w.arena, 2));
	read_back(&w, &actual);
	plan_cluster(&w.arena, w.cluster, w.cluster->name, &actual, &(struct plan_options){0}, &plan);
	assert_int_equal(plan.destroys, 1);
	assert_false(plan_is_formal(&plan));
	end(&w);
}

static void raw_resources_get_an_owner_once(void **state)
{
	(void)state;
	struct arena arena;
	struct plan plan;
	struct resource_list held = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < 2; i++) {
		struct resource *class = resource_new(&arena, OMNI_MACHINE_CLASS, i == 0 ? SPAN("a") : SPAN("b"));
		class->spec = node_map(&arena, 1);
		resource_push(&arena, &held, class);
	}
	make_note(&arena, held.items[1], ANNOTATION_OWNER, "me");
	plan_adopt_raws(&arena, &held, SPAN("me"), &plan);
	assert_int_equal(plan.count, 1);
	assert_span(plan.ops[0].id, "a");
	assert_span(labels_get(&plan.ops[0].desired->annotations, ANNOTATION_OWNER)->value, "me");
	assert_null(labels_get(&held.items[0]->annotations, ANNOTATION_OWNER));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_STORE_BOTH(adopting_marks_what_is_declared),
		MEMORY_STORE_BOTH(releasing_leaves_what_was_there),
		MEMORY_STORE_BOTH(omnis_own_mark_is_a_formality),
		cmocka_unit_test(a_machine_that_is_not_declared_is_a_change),
		cmocka_unit_test(raw_resources_get_an_owner_once),
	};
	return RUN_TESTS(tests);
}
