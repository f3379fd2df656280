/* From templates to operations: tests/golden/plan/templates/<case>/{before,after}/ and the plan from one to the other; and
 * every example is applied to an empty Omni, after which nothing is left to do. */
#include "tests/unit/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

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

/* cluster NULL: the deletion of "demo". */
static void make_plan(struct arena *arena, struct omni_store *store, const struct cluster *cluster, struct plan *out)
{
	struct plan_actual actual;
	struct plan_options options = {.secret_key = SPAN("test"), .is_delete = cluster == NULL};
	struct fail fail = {0};
	if (!plan_read_actual(store, arena, cluster, SPAN("demo"), 0, &actual, &fail))
		fail_msg("%s", fail.text);
	plan_cluster(arena, cluster, SPAN("demo"), &actual, &options, out);
}

/* `memory`: the store in memory, whose controllers have to be turned by hand; NULL: it is another one. */
static void apply(struct arena *arena, struct omni_store *store, struct memory_store *memory,
		  const struct cluster *cluster)
{
	struct plan plan;
	struct apply_result result = {.state = APPLY_WAITING};
	struct apply_options options = {.owner = SPAN("test"), .template_hash = SPAN("hash")};
	make_plan(arena, store, cluster, &plan);
	for (int i = 0; i < 30 && result.state == APPLY_WAITING; i++) {
		apply_step(store, arena, &plan, &options, &result);
		if (memory != NULL)
			memory_store_tick(memory);
	}
	if (result.state != APPLY_DONE)
		fail_msg("%.*s: %s", SPAN_ARG(plan.cluster), result.fail.text);
	make_plan(arena, store, cluster, &plan);
	if (!plan_is_empty(&plan))
		fail_msg("%.*s: %zu operations are left", SPAN_ARG(plan.cluster), plan.count);
}

/* The machine classes of the tree; the second plan finds nothing to do. */
static void apply_raws(struct arena *arena, struct omni_store *store, const struct fleet *fleet)
{
	struct resource_list expected = {0}, actual = {0}, in_use = {0};
	struct plan plan;
	struct apply_result result;
	for (size_t i = 0; i < fleet->raw_count; i++)
		resource_push(arena, &expected, fleet->raws[i]->resource);
	for (int round = 0; round < 2; round++) {
		plan_raws(arena, &expected, &actual, &in_use, SPAN("test"), &(struct plan_options){0}, &plan);
		assert_int_equal(plan.creates, round == 0 ? fleet->raw_count : 0);
		apply_step(store, arena, &plan, &(struct apply_options){0}, &result);
		assert_int_equal(result.state, APPLY_DONE);
		assert_true(store->ops->list(store, arena, OMNI_MACHINE_CLASS, NULL, 0, &actual, NULL));
	}
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
	apply_raws(&arena, &store->base, &before);
	apply(&arena, &store->base, store, before.clusters[0]);
	make_plan(&arena, &store->base, after.clusters[0], &plan);
	struct plan_report report = {.plan = &plan, .verdict = GATE_OPEN};
	text_init(&out, TEXT_NO_LIMIT);
	plan_print(&out, &report, 1, PLAN_TEXT, false);
	golden_compare(folder, "plan.txt", text_span(&out));
	apply(&arena, &store->base, store, after.clusters[0]);
	text_done(&out);
	memory_store_free(store);
	arena_done(&arena);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind, (void)where;
	return remove(path);
}

/* The same through the store of files: there, changed, and gone. */
static void the_directory_store_takes_them_too(void **state)
{
	(void)state;
	static const char *const cases[] = {"everything", "removal", "scale"};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct fleet before, after;
		struct omni_store *store;
		struct resource *cluster;
		struct fail fail = {0};
		char path[512], folder[] = "/tmp/plan-template-XXXXXX";
		arena_init(&arena, ARENA_NO_LIMIT);
		snprintf(path, sizeof path, "tests/golden/plan/templates/%s/before", cases[i]);
		load(&before, &arena, path);
		snprintf(path, sizeof path, "tests/golden/plan/templates/%s/after", cases[i]);
		load(&after, &arena, path);
		assert_non_null(mkdtemp(folder));
		if (!dir_store_open(folder, &store, &fail))
			fail_msg("%s", fail.text);
		apply_raws(&arena, store, &before);
		apply(&arena, store, NULL, before.clusters[0]);
		apply(&arena, store, NULL, after.clusters[0]);
		apply(&arena, store, NULL, NULL);
		assert_false(store->ops->get(store, &arena, OMNI_CLUSTER, SPAN("demo"), 0, &cluster, &fail));
		assert_int_equal(fail.code, FAIL_NOT_FOUND);
		omni_store_close(store);
		nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
		arena_done(&arena);
	}
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
			apply(&arena, &store->base, store, fleet.clusters[j]);
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
	struct CMUnitTest *tests = ARENA_ARRAY(&arena, struct CMUnitTest, count + 2);
	for (size_t i = 0; i < count; i++) {
		char *folder = arena_string(&arena, arena_spanf(&arena, "%s/%s", root, names[i]));
		tests[i] = (struct CMUnitTest){names[i], run_case, NULL, NULL, folder};
	}
	tests[count] = (struct CMUnitTest)cmocka_unit_test(every_example_can_be_applied);
	tests[count + 1] = (struct CMUnitTest)cmocka_unit_test(the_directory_store_takes_them_too);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = _cmocka_run_group_tests("plan_template", tests, count + 2, NULL, NULL);
	arena_done(&arena);
	return failed;
}
