/* Trees to clusters: tests/golden/render/valid/<case>/ (template bytes, resources, warnings) and
 * tests/golden/render/invalid/<case>/ (faults, verbatim). A folder may hold a file `options` with the word 1.9. */
#include <stdio.h>
#include <unistd.h>

#include "render/fleet.h"
#include "tests/unit/golden.h"
#include "tests/unit/test.h"

struct golden_case {
	const char *folder;
	bool is_valid;
};

static void load(struct fleet *fleet, struct arena *arena, const char *folder)
{
	static const char *const paths[] = {"."};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct tree tree;
	struct fail fail = {0};
	char option_file[512];
	snprintf(option_file, sizeof option_file, "%s/options", folder);
	if (access(option_file, R_OK) == 0)
		options.rules = OMNI_RULES_1_9;
	fleet_init(fleet, arena, &options);
	tree_init(&tree, arena);
	if (!tree_from_paths(&tree, folder, paths, 1, &fleet->diags, &fail) || !fleet_load(fleet, &tree, &fail))
		fail_msg("%s: %s", folder, fail.text);
}

static void print_templates(struct text *out, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->cluster_count; i++) {
		const struct cluster *cluster = fleet->clusters[i];
		if (cluster->is_template)
			continue; /* its own bytes */
		text_addf(out, "=== %.*s %s\n", SPAN_ARG(cluster->name), cluster->template_hash);
		text_add(out, cluster->template_text);
	}
}

static void print_origin(struct text *out, const struct resource *resource)
{
	text_addf(out, "# %.*s:%u:%u %.*s %.*s\n", SPAN_ARG(resource->file), resource->line, resource->column,
		  SPAN_ARG(resource->object), SPAN_ARG(resource->path));
	resource_print(out, resource, false);
}

static void print_resources(struct text *out, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->raw_count; i++)
		print_origin(out, fleet->raws[i]->resource);
	for (size_t i = 0; i < fleet->cluster_count; i++)
		for (size_t j = 0; j < fleet->clusters[i]->resources.count; j++)
			print_origin(out, fleet->clusters[i]->resources.items[j]);
}

static void print_verdicts(struct text *out, const struct fleet *fleet)
{
	if (fleet->is_incomplete)
		text_adds(out, "(incomplete)\n");
	for (size_t i = 0; i < fleet->cluster_count; i++)
		text_addf(out, "(cluster %.*s: %s)\n", SPAN_ARG(fleet->clusters[i]->name),
			  fleet->clusters[i]->has_errors ? "has errors" : "good");
}

static void compare(const char *folder, const char *file, const struct fleet *fleet,
		    void (*print)(struct text *, const struct fleet *))
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	print(&out, fleet);
	golden_compare(folder, file, text_span(&out));
	text_done(&out);
}

static void print_diags(struct text *out, const struct fleet *fleet)
{
	golden_diags(out, &fleet->diags);
}

static void print_faults(struct text *out, const struct fleet *fleet)
{
	print_diags(out, fleet);
	print_verdicts(out, fleet);
}

static void run_case(void **state)
{
	const struct golden_case *golden = *state;
	struct arena arena;
	struct fleet fleet;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&fleet, &arena, golden->folder);
	if (golden->is_valid) {
		compare(golden->folder, "expected-diags.txt", &fleet, print_diags);
		compare(golden->folder, "expected-template.txt", &fleet, print_templates);
		compare(golden->folder, "expected-resources.txt", &fleet, print_resources);
		assert_int_equal(fleet.diags.error_count, 0);
	} else {
		compare(golden->folder, "expected.txt", &fleet, print_faults);
		assert_true(fleet.diags.count > 0);
	}
	arena_done(&arena);
}

static void add_cases(struct arena *arena, const char *root, bool is_valid, struct CMUnitTest *tests, size_t *count)
{
	char **names = NULL;
	size_t found = golden_cases(arena, root, &names);
	for (size_t i = 0; i < found; i++) {
		struct golden_case *golden = ARENA_NEW(arena, struct golden_case);
		golden->folder = arena_spanf(arena, "%s/%s", root, names[i]).ptr;
		golden->is_valid = is_valid;
		tests[(*count)++] = (struct CMUnitTest){names[i], run_case, NULL, NULL, golden};
	}
}

int main(void)
{
	enum { CASES_MAX = 400 };
	static struct CMUnitTest tests[CASES_MAX];
	size_t count = 0;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	add_cases(&arena, "tests/golden/render/valid", true, tests, &count);
	add_cases(&arena, "tests/golden/render/invalid", false, tests, &count);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = _cmocka_run_group_tests("render", tests, count, NULL, NULL);
	arena_done(&arena);
	return failed != 0 || count == 0;
}
