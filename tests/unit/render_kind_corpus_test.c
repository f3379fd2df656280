/* The manifests of tests/golden/kinds: the faults that are found in each are exactly those named in its first lines.
 *
 * With a file as argument it prints one line per document of that file instead, "ok" or "no CODE…": this is how the
 * API server's verdicts are compared with ours (tests/rig/crds). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "render/kind_check.h"
#include "render/load.h"
#include "tests/unit/test.h"

#define CORPUS "tests/golden/kinds"

struct checked {
	struct arena arena;
	struct diag_list list;
	struct load_document *documents;
	size_t count;
};

static void check_text(struct checked *checked, struct span bytes)
{
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	limits.max_documents = 1000000;
	diag_list_init(&checked->list, &checked->arena);
	const struct diag_at at = {&checked->list, SPAN("input.yaml"), SPAN("")};
	assert_true(load_yaml(&checked->arena, bytes, LOAD_KUBERNETES, &limits, &at, &checked->documents, &checked->count));
}

static bool check_document(struct checked *checked, const struct load_document *document)
{
	const struct diag_at at = {&checked->list, SPAN("input.yaml"), SPAN("")};
	const struct kind *kind = kind_find(node_text_at(&document->root, "kind"));
	return kind != NULL && kind_check(&at, &document->root, kind);
}

/* --- the corpus --------------------------------------------------------------------------------------------------- */

static void write_found(struct text *out, const struct diag_list *list)
{
	static const char *const words[] = {[DIAG_ERROR] = "error", [DIAG_WARNING] = "warning", [DIAG_NOTE] = "note"};
	for (size_t i = 0; i < list->count; i++)
		text_addf(out, "%s %s %.*s\n", words[list->items[i].severity], list->items[i].code,
			  SPAN_ARG(list->items[i].path));
}

static void write_wanted(struct text *out, struct span bytes)
{
	struct span line;
	while (span_next(&bytes, '\n', &line) && span_starts(line, "# ")) {
		line = (struct span){line.ptr + 2, line.len - 2};
		if (span_starts(line, "error ") || span_starts(line, "warning ") || span_starts(line, "note "))
			text_addf(out, "%.*s\n", SPAN_ARG(line));
	}
}

static int by_line(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The order of faults is that of their lines, which is another module's business. */
static struct span sorted_lines(struct arena *arena, struct span text)
{
	struct span lines[64], line;
	size_t count = 0;
	while (span_next(&text, '\n', &line) && count < COUNT_OF(lines))
		if (line.len > 0)
			lines[count++] = line;
	qsort(lines, count, sizeof *lines, by_line);
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < count; i++)
		text_addf(&out, "%.*s\n", SPAN_ARG(lines[i]));
	struct span copy = arena_copy(arena, text_span(&out));
	text_done(&out);
	return copy;
}

static bool check_file(const char *folder, const char *name)
{
	struct checked checked = {0};
	struct span bytes;
	struct fail fail = {0};
	char path[512];
	arena_init(&checked.arena, ARENA_NO_LIMIT);
	snprintf(path, sizeof path, CORPUS "/%s/%s", folder, name);
	if (!files_read(&checked.arena, path, 1 << 20, &bytes, &fail))
		fail_msg("%s", fail.text);
	check_text(&checked, bytes);
	bool all_ok = true;
	for (size_t i = 0; i < checked.count; i++)
		all_ok &= check_document(&checked, &checked.documents[i]);
	struct text found, wanted;
	text_init(&found, TEXT_NO_LIMIT);
	text_init(&wanted, TEXT_NO_LIMIT);
	write_found(&found, &checked.list);
	write_wanted(&wanted, bytes);
	bool same = span_eq(sorted_lines(&checked.arena, text_span(&found)),
			    sorted_lines(&checked.arena, text_span(&wanted)));
	bool positioned = true;
	for (size_t i = 0; i < checked.list.count; i++)
		positioned &= checked.list.items[i].line > 0;
	if (!same)
		print_message("%s: found\n%swanted\n%s", path, found.ptr, wanted.ptr);
	if (!positioned)
		print_message("%s: a fault has no position\n", path);
	bool ok = same && positioned && all_ok == (checked.list.error_count == 0);
	text_done(&found);
	text_done(&wanted);
	arena_done(&checked.arena);
	return ok;
}

static void check_folder(const char *folder, size_t at_least)
{
	char path[256];
	snprintf(path, sizeof path, CORPUS "/%s", folder);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	size_t count = 0, bad = 0;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (!span_ends(span_of(entry->d_name), ".yaml"))
			continue;
		count++;
		bad += !check_file(folder, entry->d_name);
	}
	closedir(dir);
	assert_int_equal(bad, 0);
	assert_true(count >= at_least);
}

static void valid_manifests_have_no_errors(void **state)
{
	(void)state;
	check_folder("valid", 50);
}

static void invalid_manifests_have_the_errors_they_name(void **state)
{
	(void)state;
	check_folder("invalid", 100);
}

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

static int print_verdicts(const char *path)
{
	struct checked checked = {0};
	struct span bytes;
	struct fail fail = {0};
	arena_init(&checked.arena, ARENA_NO_LIMIT);
	if (!files_read(&checked.arena, path, 1u << 30, &bytes, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		return EXIT_FAILURE;
	}
	check_text(&checked, bytes);
	for (size_t i = 0; i < checked.count; i++) {
		diag_list_init(&checked.list, &checked.arena);
		bool ok = check_document(&checked, &checked.documents[i]);
		printf("%s", ok ? "ok" : "no");
		for (size_t j = 0; j < checked.list.count; j++)
			if (checked.list.items[j].severity == DIAG_ERROR)
				printf(" %s:%.*s", checked.list.items[j].code, SPAN_ARG(checked.list.items[j].path));
		printf("\n");
	}
	arena_done(&checked.arena);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return print_verdicts(argv[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_manifests_have_no_errors),
		cmocka_unit_test(invalid_manifests_have_the_errors_they_name),
	};
	return RUN_TESTS(tests);
}
