/* Objects of a release as its manifest has them, and beside what there is. */
#include "agent/helm/drift.h"

#include <string.h>

#include "agent/helm/api_kinds.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"

static void objects_of_a_manifest(void **state)
{
	static const char manifest[] = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n"
				       "  text: |\n    ---\n    not a document\n---\n# Source: empty\n---\napiVersion: apps/v1\nkind: Deployment\n"
				       "metadata: {name: b, namespace: other}\n---\napiVersion: v1\nkind: List\nitems:\n"
				       "- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n- {apiVersion: v1, kind: Service, metadata: {name: d}}\n";
	static const struct {
		const char *version, *kind, *ns, *name;
	} rows[] = {{"v1", "ConfigMap", "", "a"}, {"apps/v1", "Deployment", "other", "b"}, {"v1", "Secret", "", "c"}, {"v1", "Service", "", "d"}};
	CLEANUP(arena_done) struct arena arena;
	struct manifest_object *objects;
	struct fail fail = {0};
	size_t count;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!manifest_read(&arena, span_of(manifest), &objects, &count, &fail))
		fail_msg("%s", fail.text);
	assert_int_equal(count, COUNT_OF(rows));
	for (size_t i = 0; i < count; i++) {
		assert_span(objects[i].api_version, rows[i].version);
		assert_span(objects[i].kind, rows[i].kind);
		assert_span(objects[i].ns, rows[i].ns);
		assert_span(objects[i].name, rows[i].name);
	}
	assert_true(manifest_read(&arena, SPAN(""), &objects, &count, &fail));
	assert_int_equal(count, 0);
}

static void manifests_that_are_none(void **state)
{
	static const char *const rows[] = {"a: [", "- 1", "kind: Pod\nmetadata: {name: x}", "apiVersion: v1\nkind: Pod", "text"};
	CLEANUP(arena_done) struct arena arena;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct manifest_object *objects;
		struct fail fail = {0};
		size_t count;
		if (manifest_read(&arena, span_of(rows[i]), &objects, &count, &fail))
			fail_msg("it is read: %s", rows[i]);
		assert_int_equal(fail.code, FAIL_INVALID);
	}
}

static void what_differs(void **state)
{
	static const struct {
		const char *live, *wanted, *path; /* NULL: nothing that counts */
	} rows[] = {
		{"{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"a\":\"1\"}}", NULL},
		{"{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"a\":\"2\"}}", "data.a"},
		{"{\"data\":{\"a\":\"1\"}}", "{\"data\":{}}", "data.a"},
		{"{\"data\":{}}", "{\"data\":{\"a\":\"1\"}}", "data.a"},
		{"{}", "{\"data\":{\"a\":\"1\"}}", "data"},
		{"{\"spec\":{\"ports\":[{\"port\":1}]}}", "{\"spec\":{\"ports\":[{\"port\":2}]}}", "spec.ports"},
		{"{\"spec\":{\"replicas\":3}}", "{\"spec\":{\"replicas\":3.0}}", NULL},
		{"{\"status\":{\"a\":1}}", "{\"status\":{\"a\":2}}", NULL},
		{"{\"metadata\":{\"generation\":1,\"uid\":\"x\",\"managedFields\":[1]}}", "{\"metadata\":{\"generation\":2,\"resourceVersion\":\"9\"}}",
		 NULL},
		{"{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"a\":\"2\"}}}", "metadata.labels.a"},
		{"{\"spec\":{\"status\":1,\"generation\":1}}", "{\"spec\":{\"status\":2,\"generation\":1}}", "spec.status"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_done) struct text path;
		json_t *live = kube_json_read(span_of(rows[i].live), NULL), *wanted = kube_json_read(span_of(rows[i].wanted), NULL);
		text_init(&path, 1000);
		bool differs = drift_compare(live, wanted, &path);
		if (differs != (rows[i].path != NULL) || strcmp(path.ptr, differs ? rows[i].path : "") != 0)
			fail_msg("%s and %s: %s", rows[i].live, rows[i].wanted, path.ptr);
		json_decref(live);
		json_decref(wanted);
	}
}

static void names_lead_nowhere_else(void **state)
{
	static const struct {
		const char *version, *ns, *plural, *path;
	} rows[] = {
		{"v1", "apps", "secrets", "/api/v1/namespaces/apps/secrets"},
		{"apps/v1", "", "deployments", "/apis/apps/v1/deployments"},
		{"v1/../../x", "a/b", "..", NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_done) struct text path;
		text_init(&path, TEXT_NO_LIMIT);
		api_add_path(&path, span_of(rows[i].version), span_of(rows[i].ns), rows[i].plural);
		if (rows[i].path != NULL)
			assert_string_equal(path.ptr, rows[i].path);
		else
			assert_null(strstr(path.ptr, ".."));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_a_manifest),
		cmocka_unit_test(manifests_that_are_none),
		cmocka_unit_test(what_differs),
		cmocka_unit_test(names_lead_nowhere_else),
	};
	return RUN_TESTS(tests);
}
