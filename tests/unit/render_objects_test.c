/* Trees to what a host applies: tests/golden/objects/<case>/ with objects.txt (pass-through), render-only.txt, added.txt and
 * faults.txt, for the default namespace "apps". */
#include <stdio.h>

#include "render/objects.h"
#include "render/objects_protect.h"
#include "tests/unit/golden.h"
#include "tests/unit/test.h"

#define ROOT "tests/golden/objects"

static const char version[] = "v1.4.0-7-gabc1234";

struct fixture {
	struct arena arena;
	struct fleet fleet;
	struct tree tree;
};

static void load(struct fixture *fixture, const char *folder)
{
	static const char *const paths[] = {"."};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail = {0};
	options.translate = false;
	options.default_ns = SPAN("apps");
	arena_init(&fixture->arena, ARENA_NO_LIMIT);
	fleet_init(&fixture->fleet, &fixture->arena, &options);
	tree_init(&fixture->tree, &fixture->arena);
	if (!tree_from_paths(&fixture->tree, folder, paths, 1, &fixture->fleet.diags, &fail) ||
	    !fleet_load(&fixture->fleet, &fixture->tree, &fail))
		fail_msg("%s: %s", folder, fail.text);
}

static size_t print(struct text *out, const char *folder, enum objects_mode mode, struct text *faults)
{
	struct fixture fixture;
	struct objects objects;
	struct objects_options options = {.mode = mode, .ns = SPAN("apps"), .version = version, .ask_before_delete = mode == OBJECTS_PASS_THROUGH};
	load(&fixture, folder);
	objects_make(&fixture.arena, &fixture.fleet, &options, &objects);
	if (fixture.fleet.diags.error_count == 0)
		objects_print(out, &objects);
	golden_diags(faults, &fixture.fleet.diags);
	size_t known = objects.known_count;
	arena_done(&fixture.arena);
	return known;
}

/* Secrets of the cases have this in them; v1 Secrets are passed through, ConfigMaps must not show it. */
static void check_hidden(const char *folder, const char *file, struct span configmaps)
{
	if (span_contains(configmaps, "hunter2") || span_contains(configmaps, "0123456789abcdef\n"))
		fail_msg("%s/%s shows a secret", folder, file);
}

static void golden_case(const char *folder)
{
	static const struct {
		enum objects_mode mode;
		const char *file;
	} outputs[] = {{OBJECTS_PASS_THROUGH, "objects.txt"}, {OBJECTS_RENDER_ONLY, "render-only.txt"}, {OBJECTS_ADDED, "added.txt"}};
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
		struct text out, faults;
		text_init(&out, TEXT_NO_LIMIT);
		text_init(&faults, TEXT_NO_LIMIT);
		assert_true(print(&out, folder, outputs[i].mode, &faults) > 0);
		golden_compare(folder, outputs[i].file, text_span(&out));
		if (outputs[i].mode == OBJECTS_PASS_THROUGH)
			golden_compare(folder, "faults.txt", text_span(&faults));
		else
			check_hidden(folder, outputs[i].file, text_span(&out));
		text_done(&out);
		text_done(&faults);
	}
}

static void golden_cases_hold(void **state)
{
	(void)state;
	struct arena arena;
	char **names;
	arena_init(&arena, ARENA_NO_LIMIT);
	size_t count = golden_cases(&arena, ROOT, &names);
	assert_true(count >= 10);
	for (size_t i = 0; i < count; i++)
		golden_case(arena_spanf(&arena, "%s/%s", ROOT, names[i]).ptr);
	arena_done(&arena);
}

/* What was printed, printed again: nothing changes, so a tree may hold it. */
static void printed_objects_print_the_same(void **state)
{
	(void)state;
	static const char *const cases[] = {"order", "server-fields", "sync-options", "scalars", "lists"};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct text first, second, faults;
		struct fixture fixture;
		struct objects objects;
		struct objects_options options = {.mode = OBJECTS_PASS_THROUGH, .ns = SPAN("apps"), .version = version, .ask_before_delete = true};
		struct fail fail;
		char folder[128];
		snprintf(folder, sizeof folder, "%s/%s", ROOT, cases[i]);
		text_init(&first, TEXT_NO_LIMIT);
		text_init(&second, TEXT_NO_LIMIT);
		text_init(&faults, TEXT_NO_LIMIT);
		print(&first, folder, OBJECTS_PASS_THROUGH, &faults);
		arena_init(&fixture.arena, ARENA_NO_LIMIT);
		fleet_init(&fixture.fleet, &fixture.arena, &FLEET_OPTIONS_DEFAULT);
		tree_init(&fixture.tree, &fixture.arena);
		tree_add_input(&fixture.tree, SPAN("all.yaml"), text_span(&first));
		assert_true(fleet_load(&fixture.fleet, &fixture.tree, &fail));
		objects_make(&fixture.arena, &fixture.fleet, &options, &objects);
		assert_int_equal(fixture.fleet.diags.error_count, 0);
		objects_print(&second, &objects);
		assert_string_equal(first.ptr, second.ptr);
		arena_done(&fixture.arena);
		text_done(&first);
		text_done(&second);
		text_done(&faults);
	}
}

static void modes_have_names(void **state)
{
	(void)state;
	enum objects_mode mode;
	assert_true(objects_mode_parse(SPAN("pass-through"), &mode) && mode == OBJECTS_PASS_THROUGH);
	assert_true(objects_mode_parse(SPAN("render-only"), &mode) && mode == OBJECTS_RENDER_ONLY);
	assert_false(objects_mode_parse(SPAN("render"), &mode));
	assert_false(objects_mode_parse(SPAN(""), &mode));
}

static void metadata_that_is_no_map_is_left_alone(void **state)
{
	(void)state;
	struct arena arena;
	struct node root;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	static const char *const texts[] = {"{apiVersion: v1, kind: Secret}", "{apiVersion: v1, kind: Secret, metadata: x}",
					    "{apiVersion: v1, kind: Secret, metadata: {annotations: [a]}}",
					    "{apiVersion: v1, kind: Other, metadata: {name: a}}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_true(load_one(&arena, span_of(texts[i]), LOAD_KUBERNETES, &root, &fail));
		struct node same = objects_protect(&arena, &root);
		assert_true(node_equal(&same, &root));
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_cases_hold),
		cmocka_unit_test(printed_objects_print_the_same),
		cmocka_unit_test(modes_have_names),
		cmocka_unit_test(metadata_that_is_no_map_is_left_alone),
	};
	return RUN_TESTS(tests);
}
