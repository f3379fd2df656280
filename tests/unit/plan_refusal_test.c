/* What Omni's server refuses, told at the place in the documents that caused it: tests/golden/refusals/tree holds the
 * documents, the rows below a refusal each, and expected.txt what people see. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/plan/refusal_int.h"
#include "base/cleanup.h"
#include "render/codes.h"
#include "render/fleet.h"
#include "render/tree.h"
#include "tests/unit/golden.h"

#define FOLDER "tests/golden/refusals"
#define UUID "430d882a-51a8-48b3-ab00-000000000001"

struct world {
	struct arena arena;
	struct tree tree;
	struct fleet fleet;
};

static int open_world(void **state)
{
	static const char *const paths[] = {"."};
	static struct world world;
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail = {0};
	options.offline_schema = false; /* else the tree has the faults that the server is to find */
	arena_init(&world.arena, ARENA_NO_LIMIT);
	fleet_init(&world.fleet, &world.arena, &options);
	tree_init(&world.tree, &world.arena);
	if (!tree_from_paths(&world.tree, FOLDER "/tree", paths, 1, &world.fleet.diags, &fail) ||
	    !fleet_load(&world.fleet, &world.tree, &fail))
		fail_msg("%s", fail.text);
	for (size_t i = 0; i < world.fleet.diags.count; i++)
		if (world.fleet.diags.items[i].severity == DIAG_ERROR)
			fail_msg("%.*s:%u: %.*s", SPAN_ARG(world.fleet.diags.items[i].file), world.fleet.diags.items[i].line,
				 SPAN_ARG(world.fleet.diags.items[i].message));
	*state = &world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;
	arena_done(&world->arena);
	return 0;
}

/* The expected resource of that type and ID, wherever it is declared. */
static void find(const struct world *world, const char *type, const char *id, struct refusal *out)
{
	*out = (struct refusal){.action = "create", .type = omni_type_guess(span_of(type)), .id = span_of(id)};
	assert_non_null(out->type);
	for (size_t i = 0; i < world->fleet.cluster_count; i++) {
		const struct cluster *cluster = world->fleet.clusters[i];
		for (size_t j = 0; j < cluster->resources.count; j++)
			if (cluster->resources.items[j]->type == out->type && span_is(cluster->resources.items[j]->id, id)) {
				out->desired = cluster->resources.items[j];
				out->cluster = cluster;
			}
	}
	for (size_t i = 0; i < world->fleet.raw_count; i++)
		if (world->fleet.raws[i]->resource->type == out->type && span_is(world->fleet.raws[i]->resource->id, id)) {
			out->desired = world->fleet.raws[i]->resource;
			out->document = &world->fleet.raws[i]->document->root;
		}
	if (out->desired == NULL)
		fail_msg("%s(%s) is not in the tree", type, id);
}

struct row {
	const char *type, *id;
	enum fail_code code;
	const char *text;
	const char *expected; /* "Code file:line:column path", one per diagnostic, joined by "; " */
};

#define ONE(text) "failed to validate: 1 error occurred:\n\t* " text "\n\n"
#define CLUSTER(text, expected) {"cluster", "prod", FAIL_INVALID, ONE(text), expected}
#define CONTROL(text, expected) {"machineset", "prod-control-planes", FAIL_INVALID, ONE(text), expected}
#define POOL(text, expected) {"machineset", "Staging-workers", FAIL_INVALID, ONE(text), expected}
#define NODE(text, expected) {"machinesetnode", UUID, FAIL_INVALID, ONE(text), expected}
#define INLINE(text, expected) {"configpatch", "200-cluster-prod-network", FAIL_INVALID, ONE(text), expected}
#define LISTED(text, expected) {"configpatch", "201-cluster-prod-listed", FAIL_INVALID, ONE(text), expected}
#define FROM_FILE(text, expected) {"configpatch", "202-cluster-prod-patches/text.yaml", FAIL_INVALID, ONE(text), expected}
#define TEXT_PATCH(text, expected) {"configpatch", "200-cluster-Staging-text", FAIL_INVALID, ONE(text), expected}
#define EXTENSIONS(text, expected) {"extensionsconfiguration", "schematic-prod", FAIL_INVALID, ONE(text), expected}
#define ARGS(text, expected) {"kernelargs", UUID, FAIL_INVALID, ONE(text), expected}
#define HEALTH(text, expected) {"kuberneteshealthcheck", "cluster-Staging-Pods", FAIL_INVALID, ONE(text), expected}
#define MANIFEST(text, expected) {"kubernetesmanifestgroup", "200-cluster-prod-storage", FAIL_INVALID, ONE(text), expected}
#define MADE(text, expected) {"machineclass", "made", FAIL_INVALID, ONE(text), expected}
#define CHOSEN(text, expected) {"machineclass", "chosen", FAIL_INVALID, ONE(text), expected}

#define PLACE(name) "Code prod.yaml:1:1 "

static const struct row rows[] = {
#include "tests/unit/plan_refusal_rows.h"
};

static void describe(struct text *out, const struct diag_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		text_addf(out, "%s%s %.*s:%u:%u %.*s", i > 0 ? "; " : "", diag->code, SPAN_ARG(diag->file), diag->line,
			  diag->column, SPAN_ARG(diag->path));
	}
}

static void explain(const struct world *world, const struct row *row, struct diag_list *out)
{
	struct refusal refusal;
	struct fail fail;
	find(world, row->type, row->id, &refusal);
	fail_set(&fail, row->code, "%s", row->text);
	bool is_explained = refusal_explain(&refusal, &fail, out);
	assert_int_equal(is_explained, out->count > 0);
}

static void every_text_has_its_place(void **state)
{
	const struct world *world = *state;
	size_t wrong = 0;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct diag_list list;
		struct text found;
		arena_init(&arena, ARENA_NO_LIMIT);
		diag_list_init(&list, &arena);
		text_init(&found, TEXT_NO_LIMIT);
		explain(world, &rows[i], &list);
		describe(&found, &list);
		bool ok = strcmp(found.ptr, rows[i].expected) == 0;
		if (!ok)
			print_error("%s\n  is        %s\n  should be %s\n", rows[i].text, found.ptr, rows[i].expected);
		wrong += !ok;
		for (size_t j = 0; j < list.count; j++)
			if (diag_code_find(list.items[j].code) == NULL)
				fail_msg("the code %s is not in render/codes.h", list.items[j].code);
		text_done(&found);
		arena_done(&arena);
	}
	assert_int_equal(wrong, 0);
}

/* As people see them. */
static void what_people_see(void **state)
{
	struct world *world = *state;
	struct arena arena;
	struct diag_list list;
	struct text out;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		explain(world, &rows[i], &list);
	golden_diags(&out, &list);
	golden_compare(FOLDER, "expected.txt", text_span(&out));
	text_done(&out);
	arena_done(&arena);
}

/* Nothing that the server said is lost, and no value of a patch is told. */
static void texts_are_complete(void **state)
{
	const struct world *world = *state;
	static const struct row unknown = INLINE("unknown keys found during decoding:\nmachine:\n    tokenn: s3cr3t\n", "");
	static const struct row wrong = INLINE("error decoding document /v1alpha1/ (line 1): yaml: construct errors:\n"
					       "  line 2: cannot construct !!str `s3cr3t` into v1alpha1.KubeletConfig", "");
	static const struct row odd = CLUSTER("some new rule: with\nseveral lines", "");
	struct arena arena;
	struct diag_list list;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	explain(world, &odd, &list);
	assert_int_equal(list.count, 1);
	assert_true(span_contains(list.items[0].message, "some new rule: with\nseveral lines"));
	explain(world, &unknown, &list);
	assert_int_equal(list.count, 2);
	assert_true(span_contains(list.items[1].message, "machine.tokenn"));
	assert_false(span_contains(list.items[1].message, "s3cr3t"));
	explain(world, &wrong, &list);
	assert_int_equal(list.count, 3);
	assert_true(span_contains(list.items[2].message, "cannot construct !!str * into v1alpha1.KubeletConfig"));
	arena_done(&arena);
}

static void a_capital_provider_gets_its_own_hint(void **state)
{
	const struct world *world = *state;
	static const struct row row = MADE("failed to get provider: resource InfraProviderStatuses doesn't exist", "");
	struct arena arena;
	struct diag_list list;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	explain(world, &row, &list);
	assert_true(span_contains(list.items[0].hint, "lower case"));
	arena_done(&arena);
}

/* --- the splitter -------------------------------------------------------------------------------------------------- */

static bool is_line_known(struct span line)
{
	return span_starts(line, "known");
}

static void expect_items(const char *text, const char *expected)
{
	struct arena arena;
	struct text found;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&found, TEXT_NO_LIMIT);
	struct refusal_items *items = ARENA_NEW(&arena, struct refusal_items);
	refusal_split(&arena, span_of(text), is_line_known, items);
	for (size_t i = 0; i < items->count; i++)
		text_addf(&found, "%s<%.*s>", i > 0 ? " " : "", SPAN_ARG(items->items[i]));
	assert_string_equal(found.ptr, expected);
	text_done(&found);
	arena_done(&arena);
}

static void lists_are_taken_apart(void **state)
{
	(void)state;
	expect_items("", "");
	expect_items("a", "<a>");
	expect_items("a\nb", "<a\nb>");
	expect_items("known a\nknown b", "<known a> <known b>");
	expect_items("known a\nb", "<known a\nb>");
	expect_items("failed to validate: 1 error occurred:\n\t* a\n\n", "<a>");
	expect_items("failed to validate: 2 errors occurred:\n\t* a\n\t* b", "<a> <b>");
	expect_items("2 errors occurred:\n\t* a\nmore\n\n\t* b\n\n", "<a\nmore> <b>");
	expect_items("failed to validate: 2 errors occurred:\n\t* bad Talos version: 1 error occurred:\n\t* needed\n\n\n\t* x\n\n",
		     "<bad Talos version: needed> <x>");
	expect_items("p: 2 errors occurred:\n\t* q: 1 error occurred:\n\t* r: 1 error occurred:\n\t* s\n\n\n\n\n\t* t\n\n",
		     "<p: q: r: s> <p: t>");
	expect_items("known a; known b", "<known a> <known b>");
	expect_items("- known a; known b\n- known c", "<known a> <known b> <known c>");
	expect_items("known a; b", "<known a; b>");
	expect_items("your role is too low: failed to validate: 1 error occurred:\n\t* a\n\n", "<a>");
	expect_items("failed to validate: 1 error occurred:\n", "<1 error occurred:>");
	expect_items("failed to validate: errors occurred:\n\t* a", "<errors occurred:\n\t* a>");
	expect_items("failed to validate: 9 errors occurred:\n\t* \n\t* a", "<a>");
}

/* What does not fit stays together in the last item. */
static void many_errors_lose_nothing(void **state)
{
	(void)state;
	struct arena arena;
	struct text text;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, "failed to validate: 600 errors occurred:");
	for (int i = 0; i < 600; i++)
		text_addf(&text, "\n\t* error %d", i);
	struct refusal_items *items = ARENA_NEW(&arena, struct refusal_items);
	refusal_split(&arena, text_span(&text), is_line_known, items);
	assert_int_equal(items->count, REFUSAL_ITEMS_MAX);
	assert_span(items->items[0], "error 0");
	assert_true(span_contains(items->items[REFUSAL_ITEMS_MAX - 1], "error 511"));
	assert_true(span_contains(items->items[REFUSAL_ITEMS_MAX - 1], "error 599"));
	text_done(&text);
	arena_done(&arena);
}

static void trouble_on_the_way_is_no_refusal(void **state)
{
	const struct world *world = *state;
	static const enum fail_code codes[] = {FAIL_UNAVAILABLE, FAIL_TIMEOUT, FAIL_CANCELLED, FAIL_IO, FAIL_PROTOCOL};
	struct arena arena;
	struct diag_list list;
	struct refusal refusal;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	find(world, "cluster", "prod", &refusal);
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		fail_set(&fail, codes[i], "connection refused");
		assert_false(refusal_explain(&refusal, &fail, &list));
	}
	assert_int_equal(list.count, 0);
	arena_done(&arena);
}

static void a_brief_is_one_line(void **state)
{
	const struct world *world = *state;
	static const struct row row = {"cluster", "prod", FAIL_INVALID,
				       "failed to validate: 2 errors occurred:\n\t* invalid talos version \"1.13.5\": no\nsuch\n\t* b\n\n", ""};
	struct arena arena;
	struct diag_list list;
	struct text out;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	text_init(&out, TEXT_NO_LIMIT);
	explain(world, &row, &list);
	refusal_brief(&out, &list);
	assert_string_equal(out.ptr, "prod.yaml:20:14: OmniCluster/prod: spec.talos.version: Omni refuses to create "
				     "Clusters.omni.sidero.dev(prod): invalid talos version \"1.13.5\": no such (and 1 more)");
	text_done(&out);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_has_its_place),
		cmocka_unit_test(what_people_see),
		cmocka_unit_test(texts_are_complete),
		cmocka_unit_test(a_capital_provider_gets_its_own_hint),
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(many_errors_lose_nothing),
		cmocka_unit_test(trouble_on_the_way_is_no_refusal),
		cmocka_unit_test(a_brief_is_one_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, open_world, close_world);
}
