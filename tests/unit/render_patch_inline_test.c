/* Patches inside documents: paths, and the places of faults in the outer file. */
#include "test.h"

#include "render/load.h"
#include "render/patch_check.h"

struct fixture {
	struct arena arena;
	struct diag_list list;
	struct diag_at at;
	bool verdict;
};

/* Checks `inline` of a document of the outer file. */
static void check_inline(struct fixture *fixture, const char *yaml, enum load_dialect dialect, bool with_source)
{
	struct field_path spec = path_key(NULL, "spec"), patches = path_key(&spec, "patches");
	struct field_path item = path_index(&patches, 0), field = path_key(&item, "inline");
	struct patch_check check = {.at = &fixture->at, .talos_version = SPAN("v1.13.2"), .rules = OMNI_RULES_1_10};
	struct load_document *documents = NULL;
	size_t count = 0;

	memset(fixture, 0, sizeof *fixture);
	arena_init(&fixture->arena, ARENA_NO_LIMIT);
	diag_list_init(&fixture->list, &fixture->arena);
	fixture->at = (struct diag_at){.list = &fixture->list, .file = SPAN("outer.yaml")};
	check.source = with_source ? span_of(yaml) : (struct span){0};
	assert_true(load_yaml(&fixture->arena, span_of(yaml), dialect, NULL, &fixture->at, &documents, &count));
	assert_int_equal(count, 1);
	fixture->verdict = patch_check_inline(&check, node_get(&documents[0].root, "inline"), &field);
}

static void assert_place(const struct fixture *fixture, size_t index, unsigned line, unsigned column, const char *path)
{
	assert_true(index < fixture->list.count);
	assert_span(fixture->list.items[index].path, path);
	assert_int_equal(fixture->list.items[index].line, line);
	assert_int_equal(fixture->list.items[index].column, column);
}

static void mapping(void **state)
{
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, "a: 1\ninline:\n  machine:\n    sysctl: {}\n    env: []\n", LOAD_KUBERNETES, true);
	assert_false(fixture.verdict);
	assert_int_equal(fixture.list.count, 2);
	assert_place(&fixture, 0, 4, 5, "spec.patches[0].inline.machine.sysctl");
	assert_place(&fixture, 1, 5, 10, "spec.patches[0].inline.machine.env");
	arena_done(&fixture.arena);
}

static void list_of_mappings(void **state)
{
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, "inline:\n- machine: {}\n- cluster: {x: 1}\n", LOAD_OMNI, true);
	assert_false(fixture.verdict);
	assert_int_equal(fixture.list.count, 2);
	assert_place(&fixture, 0, 3, 3, "spec.patches[0].inline[1]"); /* both are the document without a kind */
	assert_place(&fixture, 1, 3, 13, "spec.patches[0].inline[1].cluster.x");
	arena_done(&fixture.arena);
}

static void literal_block(void **state)
{
	const char *yaml = "list:\n  - a\ninline: |\n\n    machine:\n      sysctl: {}\n    ---\n    cluster: {x: 1}\n    kind: [\n";
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, yaml, LOAD_OMNI, true);
	assert_false(fixture.verdict);
	assert_true(fixture.list.count >= 2);
	/* what the YAML reader found comes first: it is in line 10 of the file */
	assert_int_equal(fixture.list.items[0].line, 10);
	assert_place(&fixture, fixture.list.count - 1, 6, 7, "spec.patches[0].inline.machine.sysctl");
	arena_done(&fixture.arena);

	check_inline(&fixture, "inline: |\n      machine:\n        sysctl: {}\n", LOAD_OMNI, false);
	assert_place(&fixture, 0, 3, 0, "spec.patches[0].inline.machine.sysctl");
	arena_done(&fixture.arena);

	/* an indented first line inside the text, and an indentation indicator */
	check_inline(&fixture, "inline: |2\n    machine:\n      sysctl: {}\n", LOAD_OMNI, true);
	assert_place(&fixture, 0, 3, 7, "spec.patches[0].inline.machine.sysctl");
	arena_done(&fixture.arena);
}

static void quoted_text(void **state)
{
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, "a: 1\ninline: \"machine:\\n  sysctl: {}\\n\"\n", LOAD_OMNI, true);
	assert_false(fixture.verdict);
	assert_place(&fixture, 0, 2, 9, "spec.patches[0].inline.machine.sysctl");
	arena_done(&fixture.arena);
}

static void several_documents(void **state)
{
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, "inline: |\n  machine: {}\n  ---\n  apiVersion: v1alpha1\n  kind: StaticHostConfig\n  nam: a\n",
		     LOAD_OMNI, true);
	assert_int_equal(fixture.list.count, 1);
	assert_place(&fixture, 0, 6, 3, "spec.patches[0].inline[1].nam");
	arena_done(&fixture.arena);
}

static void empty_content(void **state)
{
	static const char *const YAML[] = {"inline: ''\n", "inline: {}\n", "inline: []\n", "inline: '---'\n", "inline: [{}, {}]\n"};
	struct fixture fixture;
	(void)state;

	for (size_t i = 0; i < sizeof YAML / sizeof *YAML; i++) {
		check_inline(&fixture, YAML[i], LOAD_OMNI, true);
		assert_false(fixture.verdict);
		assert_int_equal(fixture.list.count, 1);
		assert_string_equal(fixture.list.items[0].code, "EmptyPatch");
		assert_int_equal(fixture.list.items[0].line, 1);
		arena_done(&fixture.arena);
	}
}

/* Under Kubernetes `yes` is a boolean before the patch is written, in text it is what Talos makes of it. */
static void scalars_by_dialect(void **state)
{
	struct fixture fixture;
	(void)state;

	check_inline(&fixture, "inline: {machine: {install: {wipe: yes}, nodeLabels: {a: 2026-01-31}}}\n", LOAD_KUBERNETES, true);
	assert_true(fixture.verdict);
	arena_done(&fixture.arena);
	check_inline(&fixture, "inline: {machine: {install: {wipe: yes}, nodeLabels: {a: 2026-01-31}}}\n", LOAD_OMNI, true);
	assert_int_equal(fixture.list.count, 1);
	assert_place(&fixture, 0, 1, 58, "spec.patches[0].inline.machine.nodeLabels.a");
	arena_done(&fixture.arena);
}

static void schema_can_be_left_out(void **state)
{
	struct arena arena = {0};
	struct diag_list list;
	struct diag_at at = {.list = &list};
	struct patch_check check = {.at = &at, .talos_version = SPAN("v1.13.2"), .rules = OMNI_RULES_1_10, .skip_schema = true};
	(void)state;

	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	assert_true(patch_check_file(&check, SPAN("machine: {unknown: 1}\n")));
	assert_false(patch_check_file(&check, SPAN("machine: {token: 1}\n")));
	assert_int_equal(list.count, 1);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping),	       cmocka_unit_test(list_of_mappings),
		cmocka_unit_test(literal_block),       cmocka_unit_test(quoted_text),
		cmocka_unit_test(several_documents),   cmocka_unit_test(empty_content),
		cmocka_unit_test(scalars_by_dialect), cmocka_unit_test(schema_can_be_left_out),
	};

	return RUN_TESTS(tests);
}
