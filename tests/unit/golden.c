#include "tests/unit/golden.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "render/codes.h"
#include "tests/unit/test.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t golden_cases(struct arena *arena, const char *root, char ***out_names)
{
	char **names = NULL;
	size_t count = 0, cap = 0;
	DIR *dir = opendir(root);
	if (dir == NULL)
		return 0;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			ARENA_PUSH(arena, names, count, cap) = arena_string(arena, span_of(entry->d_name));
	closedir(dir);
	qsort(names, count, sizeof *names, compare_names);
	*out_names = names;
	return count;
}

static void accept(const char *path, struct span actual)
{
	if (actual.len == 0) {
		unlink(path);
		return;
	}
	FILE *file = fopen(path, "w");
	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	fwrite(actual.ptr, 1, actual.len, file);
	fclose(file);
}

static void read_text(struct text *out, const char *path)
{
	char buffer[4096];
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return;
	for (size_t got = fread(buffer, 1, sizeof buffer, file); got > 0; got = fread(buffer, 1, sizeof buffer, file))
		text_add(out, (struct span){buffer, got});
	fclose(file);
}

static struct span line_at(struct span text, size_t number)
{
	struct span line = {"", 0};
	for (size_t i = 0; i <= number; i++)
		if (!span_next(&text, '\n', &line))
			return (struct span){"(end)", 5};
	return line;
}

static size_t first_difference(struct span a, struct span b)
{
	size_t line = 0;
	for (size_t i = 0; i < a.len && i < b.len && a.ptr[i] == b.ptr[i]; i++)
		line += a.ptr[i] == '\n';
	return line;
}

void golden_compare(const char *folder, const char *file, struct span actual)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, file);
	if (getenv("ACCEPT") != NULL) {
		accept(path, actual);
		return;
	}
	struct text expected;
	text_init(&expected, TEXT_NO_LIMIT);
	read_text(&expected, path);
	struct span want = text_span(&expected);
	if (!span_eq(want, actual)) {
		size_t line = first_difference(want, actual);
		struct span is = line_at(actual, line), should = line_at(want, line);
		print_error("%s:%zu: is\n  %.*s\nshould be\n  %.*s\n", path, line + 1, SPAN_ARG(is), SPAN_ARG(should));
		text_done(&expected);
		fail();
	}
	text_done(&expected);
}

void golden_diags(struct text *out, const struct diag_list *list)
{
	static const char *const severities[] = {"error", "warning", "note"};
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		if (diag_code_find(diag->code) == NULL)
			fail_msg("the code %s is not in render/codes.h", diag->code);
		text_addf(out, "%.*s:%u:%u: %s: %.*s: %.*s: %s: %.*s\n", SPAN_ARG(diag->file), diag->line, diag->column,
			  severities[diag->severity], SPAN_ARG(diag->object), SPAN_ARG(diag->path), diag->code,
			  SPAN_ARG(diag->message));
		if (diag->hint.len > 0)
			text_addf(out, "    %.*s\n", SPAN_ARG(diag->hint));
	}
}
