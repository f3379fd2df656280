/* The table of reason codes, the page that is printed from it (ACCEPT=1 writes it), and the sources that use them. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "render/codes.h"
#include "tests/unit/golden.h"
#include "tests/unit/test.h"

static void page_is_fresh(void **state)
{
	(void)state;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	text_adds(&out, "# Diagnostics\n\nEvery fault has a stable code. It stands in the text form behind the message, in the JSON "
			"and SARIF forms as the rule.\n");
	const char *group = "";
	for (size_t i = 0; diag_code_at(i) != NULL; i++) {
		const struct diag_code *code = diag_code_at(i);
		if (strcmp(group, code->group) != 0)
			text_addf(&out, "\n## %s\n\n| Code | Meaning | What to do |\n|---|---|---|\n", code->group);
		group = code->group;
		text_addf(&out, "| `%s` | %s | %s |\n", code->code, code->meaning, code->advice);
	}
	golden_compare("docs", "diagnostics.md", text_span(&out));
	text_done(&out);
}

static void codes_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; diag_code_at(i) != NULL; i++)
		assert_ptr_equal(diag_code_find(diag_code_at(i)->code), diag_code_at(i));
}

/* The code is the second or third argument of these, on the same line or the next: the first CamelCase literal. */
static size_t check_call(const char *at, const char *file)
{
	const char *end = strchr(at, ';');
	for (const char *quote = strchr(at, '"'); quote != NULL && end != NULL && quote < end; quote = strchr(quote + 1, '"')) {
		char word[64];
		int used = 0;
		if (sscanf(quote, "\"%63[A-Za-z]\"%n", word, &used) != 1 || used == 0)
			return 0;
		if (diag_code_find(word) == NULL)
			fail_msg("%s: the code %s is not in render/codes.h", file, word);
		return 1;
	}
	return 0;
}

static size_t check_source(const char *folder, const char *name)
{
	static const char *const calls[] = {"diag_error(&at, ", "diag_warn(&at, ", "diag_error(at, ", "diag_warn(at, ",
					    "diag_error(&doc->at, ", "diag_error(decode->at, ", "diag_error(walk->at, ",
					    "diag_warn(walk->at, ", "diag_error(&loader->at, "};
	static char bytes[1 << 20];
	char path[512];
	size_t found = 0;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
	fclose(file);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (const char *at = strstr(bytes, calls[i]); at != NULL; at = strstr(at + 1, calls[i]))
			found += check_call(at + strlen(calls[i]), path);
	return found;
}

static void sources_use_known_codes(void **state)
{
	(void)state;
	size_t found = 0;
	DIR *dir = opendir("render");
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (strlen(entry->d_name) > 2 && strcmp(entry->d_name + strlen(entry->d_name) - 2, ".c") == 0)
			found += check_source("render", entry->d_name);
	closedir(dir);
	assert_true(found > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_fresh),
		cmocka_unit_test(codes_are_unique),
		cmocka_unit_test(sources_use_known_codes),
	};
	return RUN_TESTS(tests);
}
