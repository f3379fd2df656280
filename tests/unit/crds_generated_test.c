/* What is checked in is what the tables give now; `make gen` writes it again. Run in the root of the checkout. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "crds/crd.h"
#include "tests/unit/test.h"

static void assert_fresh(const char *folder, const char *suffix, void (*print)(struct text *out, const struct kind *kind))
{
	size_t stale = 0;
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		struct arena arena;
		struct text now;
		struct span kept = {0};
		char path[256];
		arena_init(&arena, ARENA_NO_LIMIT);
		text_init(&now, TEXT_NO_LIMIT);
		print(&now, kind_at(i));
		snprintf(path, sizeof path, "%s/%s.%s", folder, kind_at(i)->singular, suffix);
		if (!files_read(&arena, path, 1 << 20, &kept, NULL) || !span_eq(kept, text_span(&now))) {
			print_message("%s is stale: run make gen\n", path);
			stale++;
		}
		text_done(&now);
		arena_done(&arena);
	}
	assert_int_equal(stale, 0);
}

static size_t count_files(const char *folder)
{
	size_t count = 0;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void definitions_are_fresh(void **state)
{
	(void)state;
	assert_fresh("crds/yaml", "yaml", crd_print);
	assert_int_equal(count_files("crds/yaml"), 9);
}

static void editor_schemas_are_fresh(void **state)
{
	(void)state;
	assert_fresh("crds/json", "json", schema_json_print);
}

static void reference_pages_are_fresh(void **state)
{
	(void)state;
	assert_fresh("docs/reference", "md", reference_print);
}

static bool has_line(const struct text *text, const char *line)
{
	return span_contains(text_span(text), line);
}

static void a_definition_has_what_people_use(void **state)
{
	(void)state;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	crd_print(&out, kind_find(SPAN("OmniSecretSync")));
	assert_true(has_line(&out, "name: omnisecretsyncs.omni.texashpc.com\n"));
	assert_true(has_line(&out, "      - oss\n"));
	assert_true(has_line(&out, "categories:\n      - omni\n"));
	assert_true(has_line(&out, "status: {}\n"));
	assert_true(has_line(&out, "additionalPrinterColumns:\n"));
	assert_true(has_line(&out, "- rule: 'self == oldSelf'\n                          message: key is immutable\n"));
	assert_true(has_line(&out, "default: kubeconfig\n"));
	text_done(&out);
}

/* Unknown fields may stay only in inline patches and manifests, Helm values and provider data. */
static void unknown_fields_are_kept_only_where_they_must_be(void **state)
{
	(void)state;
	static const struct {
		const char *kind;
		size_t count;
	} expected[] = {{"OmniConnection", 0}, {"OmniCluster", 3},	{"OmniControlPlane", 1},     {"OmniWorkers", 1},
			{"OmniMachine", 1},    {"OmniMachineClass", 1}, {"OmniHelmRelease", 1}, {"OmniKubeconfigExport", 0},
			{"OmniSecretSync", 0}};
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		struct text out;
		size_t count = 0;
		text_init(&out, TEXT_NO_LIMIT);
		crd_print(&out, kind_find(span_of(expected[i].kind)));
		for (const char *at = out.ptr; (at = strstr(at, "preserve-unknown-fields")) != NULL; at++)
			count++;
		text_done(&out);
		assert_int_equal(count, expected[i].count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definitions_are_fresh),
		cmocka_unit_test(editor_schemas_are_fresh),
		cmocka_unit_test(reference_pages_are_fresh),
		cmocka_unit_test(a_definition_has_what_people_use),
		cmocka_unit_test(unknown_fields_are_kept_only_where_they_must_be),
	};
	return RUN_TESTS(tests);
}
