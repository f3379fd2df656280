/* What is exported and planned again changes nothing: for every example and golden tree, in both forms; and of clusters that
 * were made by chance or by hand, whatever cannot be said is told. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "agent/export/export.h"
#include "tests/unit/plan_random.h"

static const struct export_options objects = {.form = EXPORT_OBJECTS, .rules = OMNI_RULES_1_10, .connection = SPAN("omni"), .ns = SPAN("omni-system")};
static const struct export_options template = {.form = EXPORT_TEMPLATE, .rules = OMNI_RULES_1_10};

static void load(struct fleet *fleet, struct arena *arena, struct tree *tree)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail = {0};
	fleet_init(fleet, arena, &options);
	if (!fleet_load(fleet, tree, &fail))
		fail_msg("%s", fail.text);
}

static void load_folder(struct fleet *fleet, struct arena *arena, const char *folder)
{
	static const char *const paths[] = {"."};
	struct diag_list faults;
	struct tree tree;
	struct fail fail = {0};
	diag_list_init(&faults, arena);
	tree_init(&tree, arena);
	if (!tree_from_paths(&tree, folder, paths, 1, &faults, &fail))
		fail_msg("%s: %s", folder, fail.text);
	load(fleet, arena, &tree);
}

static void show(const struct exported *exported)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	export_print_remarks(&out, &exported->remarks);
	text_add(&out, exported->text);
	print_message("%s", out.ptr);
	text_done(&out);
}

/* The plan of the documents as somebody else would make it; false: they are refused. */
static bool plan_again(struct arena *arena, const struct exported *exported, const struct plan_actual *actual, struct plan *out)
{
	struct fleet fleet;
	struct tree tree;
	tree_init(&tree, arena);
	tree_add_input(&tree, SPAN("c.yaml"), exported->text);
	load(&fleet, arena, &tree);
	assert_int_equal(fleet.cluster_count, 1);
	plan_cluster(arena, fleet.clusters[0], exported->cluster, actual, &(struct plan_options){0}, out);
	return fleet.diags.error_count == 0;
}

static void check_same_bytes(struct arena *arena, const struct plan_actual *actual, const struct export_options *options,
			     const struct exported *exported)
{
	struct exported again;
	assert_true(export_cluster(arena, exported->cluster, actual, options, &again, NULL));
	assert_true(span_eq(again.text, exported->text));
	assert_int_equal(again.remarks.count, exported->remarks.count);
}

static void check_empty(struct arena *arena, const struct cluster *cluster, const struct export_options *options)
{
	struct plan_actual actual;
	struct exported exported;
	struct plan plan;
	struct fail fail = {0};
	make_actual(arena, cluster, &actual);
	if (!export_cluster(arena, cluster->name, &actual, options, &exported, &fail))
		fail_msg("%s", fail.text);
	bool is_same = plan_again(arena, &exported, &actual, &plan) && plan_is_empty(&plan) && plan.unmanaged.count == 0;
	if (!is_same || export_count(&exported.remarks, EXPORT_LOST) > 0) {
		show(&exported);
		fail_msg("%.*s: %zu operations, first %s(%.*s)", SPAN_ARG(cluster->name), plan.count,
			 plan.count > 0 ? plan.ops[0].type->name : "none", SPAN_ARG(plan.ops[0].id));
	}
	check_same_bytes(arena, &actual, options, &exported);
}

static bool has_type(const struct cluster *cluster, const struct omni_type *type)
{
	for (size_t i = 0; i < cluster->resources.count; i++)
		if (cluster->resources.items[i]->type == type)
			return true;
	return false;
}

static size_t check_folder(const char *folder)
{
	struct arena arena;
	struct fleet fleet;
	size_t checked = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	load_folder(&fleet, &arena, folder);
	for (size_t i = 0; i < fleet.cluster_count; i++) {
		if (fleet.clusters[i]->has_errors)
			continue;
		check_empty(&arena, fleet.clusters[i], &template);
		if (!fleet.clusters[i]->is_template)
			check_empty(&arena, fleet.clusters[i], &objects);
		checked += 1 + has_type(fleet.clusters[i], OMNI_CLUSTER);
	}
	arena_done(&arena);
	return checked;
}

static void the_plan_of_an_export_is_empty(void **state)
{
	(void)state;
	static const char *const folders[] = {
		"examples/edge", "examples/fleet", "examples/omnictl", "examples/homelab/plan", "examples/homelab/kubernetes",
		"tests/golden/render/valid/handler-of-a-template", "tests/golden/render/valid/objects-all-fields/root",
		"tests/golden/render/valid/objects-all-fields", "tests/golden/render/valid/objects-in-a-list",
		"tests/golden/render/valid/objects-values", "tests/golden/render/valid/same-machines-other-omni",
		"tests/golden/render/valid/template-all", "tests/golden/render/valid/template-bytes-1",
		"tests/golden/render/valid/template-kernel-args", "tests/golden/render/valid/two-templates",
		"tests/golden/plan/templates/everything/before", "tests/golden/plan/templates/everything/after",
		"tests/golden/plan/templates/removal/before", "tests/golden/plan/templates/scale/after",
	};
	size_t checked = 0;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		checked += check_folder(folders[i]);
	assert_true(checked >= 20);
}

static bool is_told(const struct exported *exported, const struct plan_op *op)
{
	for (size_t i = 0; i < exported->remarks.count; i++) {
		const struct export_remark *remark = &exported->remarks.items[i];
		if (remark->weight == EXPORT_LOST && remark->type == op->type && span_eq(remark->id, op->id))
			return true;
	}
	return false;
}

static void what_documents_cannot_say_is_told(void **state)
{
	(void)state;
	enum { SEEDS = 200 };
	size_t told = 0, empty = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		for (int form = 0; form < 2; form++) {
			struct arena arena;
			struct plan_actual actual;
			struct exported exported;
			struct plan plan;
			arena_init(&arena, ARENA_NO_LIMIT);
			struct cluster *cluster = random_cluster(&arena, "demo", seed);
			make_actual(&arena, cluster, &actual);
			const struct export_options *options = form == 0 ? &objects : &template;
			assert_true(export_cluster(&arena, SPAN("demo"), &actual, options, &exported, NULL));
			check_same_bytes(&arena, &actual, options, &exported);
			if (!plan_again(&arena, &exported, &actual, &plan)) { /* no control plane that a custom resource could say */
				assert_int_equal(options->form, EXPORT_OBJECTS);
				assert_true(export_count(&exported.remarks, EXPORT_LOST) > 0);
				arena_done(&arena);
				continue;
			}
			for (size_t i = 0; i < plan.count; i++)
				if (!is_told(&exported, &plan.ops[i])) {
					show(&exported);
					fail_msg("seed %d: %s(%.*s) is not told", (int)seed, plan.ops[i].type->name, SPAN_ARG(plan.ops[i].id));
				}
			told += plan.count;
			empty += plan.count == 0;
			assert_int_equal(export_count(&exported.remarks, EXPORT_LOST), plan.count);
			arena_done(&arena);
		}
	assert_true(told > 0 && empty > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_of_an_export_is_empty),
		cmocka_unit_test(what_documents_cannot_say_is_told),
	};
	return RUN_TESTS(tests);
}
