/* Patches and the whole report about them: tests/golden/patches. */
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "render/patch_check.h"

#define GOLDEN "tests/golden/patches"

static struct span read_file(struct arena *arena, const char *name)
{
	char *bytes = arena_alloc(arena, 1 << 16);
	FILE *file = fopen(name, "rb");
	size_t size = 0;

	if (file != NULL) {
		size = fread(bytes, 1, 1 << 16, file);
		fclose(file);
	}
	return (struct span){bytes, size};
}

/* The text behind "# NAME: " in the comments at the head. */
static struct span setting(struct span bytes, const char *name)
{
	struct span rest = bytes, line;

	while (span_next(&rest, '\n', &line) && span_starts(line, "# ")) {
		struct span key = span_before((struct span){line.ptr + 2, line.len - 2}, ':');

		if (span_is(key, name))
			return span_trim(span_behind(line, ':'));
	}
	return (struct span){0};
}

static void report(struct text *out, const struct diag_list *list)
{
	static const char *const SEVERITY[] = {"error", "warning", "note"};

	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];

		text_addf(out, "%u:%u %s %s %.*s\n    %.*s\n", diag->line, diag->column, SEVERITY[diag->severity], diag->code,
			  SPAN_ARG(diag->path), SPAN_ARG(diag->message));
		if (diag->hint.len > 0)
			text_addf(out, "    %.*s\n", SPAN_ARG(diag->hint));
	}
}

static bool check_one(struct arena *arena, const char *name)
{
	const char *yaml = arena_spanf(arena, GOLDEN "/%s.yaml", name).ptr, *want = arena_spanf(arena, GOLDEN "/%s.want", name).ptr;
	struct span bytes = read_file(arena, yaml);
	struct diag_list list;
	struct diag_at at = {.list = &list, .file = span_of(yaml)};
	struct patch_check check = {
		.at = &at,
		.talos_version = setting(bytes, "talos"),
		.rules = span_is(setting(bytes, "omni"), "1.9") ? OMNI_RULES_1_9 : OMNI_RULES_1_10,
	};
	struct text out;
	bool is_same;

	diag_list_init(&list, arena);
	text_init(&out, TEXT_NO_LIMIT);
	is_same = patch_check_file(&check, bytes) == (list.error_count == 0);
	diag_sort(&list);
	report(&out, &list);
	if (getenv("UPDATE_GOLDEN") != NULL) {
		FILE *file = fopen(want, "wb");

		assert_non_null(file);
		fwrite(out.ptr, 1, out.len, file);
		fclose(file);
	}
	is_same = is_same && span_eq(text_span(&out), read_file(arena, want));
	if (!is_same)
		print_message("# %s differs:\n%s", name, out.ptr);
	text_done(&out);
	return is_same;
}

static void golden(void **state)
{
	struct dirent **entries;
	struct arena arena = {0};
	int count = scandir(GOLDEN, &entries, NULL, alphasort), cases = 0, wrong = 0;
	(void)state;

	assert_true(count > 0);
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < count; i++) {
		struct span name = span_of(entries[i]->d_name);

		if (span_ends(name, ".yaml")) {
			name.len -= 5;
			cases++;
			wrong += !check_one(&arena, arena_string(&arena, name));
		}
		free(entries[i]);
	}
	free(entries);
	arena_done(&arena);
	assert_true(cases >= 25);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};

	return RUN_TESTS(tests);
}
