/* From templates to operations: tests/golden/plan/templates/<case>/{before,after}/ and the plan from one to the other; and
 * every example is applied to an empty Omni, after which nothing is left to do. */
#include "tests/unit/test.h"

#include "agent/plan/apply.h"
#include "agent/plan/report.h"
#include "tests/unit/golden.h"
#include "tests/unit/plan_make.h"

static void load(struct fleet *fleet, struct arena *arena, const char *folder)
{
	static const char *const paths[] = {"."};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct tree tree;
	struct fail fail = {0};
	fleet_init(fleet, arena, &options);
	tree_init(&tree, arena);
	if (!tree_from_paths(&tree, folder, paths, 1, &fleet->diags, &fail) || !fleet_load(fleet, &tree, &fail))
		fail_msg("%s: %s", folder, fail.text);
	for (size_t i = 0; i < fleet->diags.count; i++)
		if (fleet->diags.items[i].severity == DIAG_ERROR)
			fail_msg("%s: %.*s", folder, SPAN_ARG(fleet->diags.items[i].message));
}

static void make_plan(struct arena *arena, struct memory_store *store, const struct cluster *cluster, struct plan *out)
{
	struct plan_actual actual;
	struct plan_options options = {.secret_key = SPAN("test")};
	struct fail fail = {0};
	if (!plan_read_actual(&store->base, arena, cluster, cluster->name, 0, &actual, &fail))
		fail_msg("%s", fail.text);
	plan_cluster(arena, cluster, cluster->name, &actual, &options, out);
}

static void apply(struct arena *arena, struct memory_store *store, const struct cluster *cluster)
{
	struct plan plan;
	struct apply_result result = {.state = APPLY_WAITING};
	struct apply_options options = {0};
	make_plan(arena, store, cluster, &plan);
	for (int i = 0; i < 30 && result.state == APPLY_WAITING; i++) {
		apply_step(&store->base, arena, &plan, &options, &result);
		memory_store_tick(store);
	}
	if (result.state != APPLY_DONE)
		fail_msg("%.*s: %s", SPAN_ARG(cluster->name), result.fail.text);
	make_plan(arena, store, cluster, &plan);
	if (!plan_is_empty(&plan))
		fail_msg("%.*s: %zu operations are left", SPAN_ARG(cluster->name), plan.count);
}

static void run_case(void **state)
{
	const char *folder = *state;
	struct arena arena;
	struct fleet before, after;
	struct plan plan;
	struct text out;
	char path[512];
	arena_init(&arena, ARENA_NO_LIMIT);
	struct memory_store *store = memory_store_new();
	snprintf(path, sizeof path, "%s/before", folder);
	load(&before, &arena, path);
	snprintf(path, sizeof path, "%s/after", folder);
	load(&after, &arena, path);
	apply(&arena, store, before.clusters[0]);
	make_plan(&arena, store, after.clusters[0], &plan);
	struct plan_report report = {.plan = &plan, .verdict = GATE_OPEN};
	text_init(&out, TEXT_NO_LIMIT);
	plan_print(&out, &report, 1, PLAN_TEXT, false);
	golden_compare(folder, "plan.txt", text_span(&out));
	apply(&arena, store, after.clusters[0]);
	text_done(&out);
	memory_store_free(store);
	arena_done(&arena);
}

static void every_example_can_be_applied(void **state)
{
	(void)state;
	static const char *const folders[] = {"examples/edge", "examples/fleet", "examples/omnictl", "examples/homelab/plan"};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct arena arena;
		struct fleet fleet;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct memory_store *store = memory_store_new();
		load(&fleet, &arena, folders[i]);
		for (size_t j = 0; j < fleet.cluster_count; j++)
			apply(&arena, store, fleet.clusters[j]);
		memory_store_free(store);
		arena_done(&arena);
	}
}

int main(void)
{
	static const char root[] = "tests/golden/plan/templates";
	struct arena arena;
	char **names;
	arena_init(&arena, ARENA_NO_LIMIT);
	size_t count = golden_cases(&arena, root, &names);
	struct CMUnitTest *tests = ARENA_ARRAY(&arena, struct CMUnitTest, count + 1);
	for (size_t i = 0; i < count; i++) {
		char *folder = arena_string(&arena, arena_spanf(&arena, "%s/%s", root, names[i]));
		tests[i] = (struct CMUnitTest){names[i], run_case, NULL, NULL, folder};
	}
	tests[count] = (struct CMUnitTest)cmocka_unit_test(every_example_can_be_applied);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = _cmocka_run_group_tests("plan_template", tests, count + 1, NULL, NULL);
	arena_done(&arena);
	return failed;
}
