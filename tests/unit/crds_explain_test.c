#include "crds/explain.h"

#include <stdio.h>

#include "tests/unit/test.h"

static struct text explained;

static const char *explain(const char *kind, const char *field)
{
	struct fail fail = {0};
	text_reset(&explained);
	if (!explain_print(&explained, kind_guess(span_of(kind)), span_of(field), &fail))
		fail_msg("%s", fail.text);
	return explained.ptr;
}

static void assert_says(const char *kind, const char *field, const char *part)
{
	if (strstr(explain(kind, field), part) == NULL)
		fail_msg("%s.%s does not say «%s»:\n%s", kind, field, part, explained.ptr);
}

static void assert_no_field(const char *field, const char *message)
{
	struct fail fail = {0};
	text_reset(&explained);
	assert_false(explain_print(&explained, kind_find(SPAN("OmniCluster")), span_of(field), &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	assert_string_equal(fail.text, message);
	assert_int_equal(explained.len, 0);
}

static void a_kind_is_explained_with_fields_and_example(void **state)
{
	(void)state;
	assert_says("ow", "", "KIND     OmniWorkers  (omni.texashpc.com/v1alpha1)\n");
	assert_says("ow", "", "NAMES    omniworkers, omniworkers, ow\n");
	assert_says("ow", "", "    clusterRef  <object>  required\n");
	assert_says("ow", "", "EXAMPLE\n    apiVersion: omni.texashpc.com/v1alpha1\n");
	assert_says("ow", "", "Rule: exactly one of machines or machineClass is required.\n");
}

static void a_field_is_explained_with_its_limits(void **state)
{
	(void)state;
	assert_says("workers", "spec.machineClass.size", "FIELD    spec.machineClass.size  <number or text>  required\n");
	assert_says("workers", "spec.machineClass.size", "Rule: size must be a number greater than zero");
	assert_says("cluster", "spec.syncInterval", "Default: 5m.\n");
	assert_says("cluster", "spec.syncInterval", "Form: a duration such as 90s, 5m or 1h30m.\n");
	assert_says("kubeconfigexport", "spec.deletionPolicy", "One of: Delete, Orphan.\n");
	assert_says("helmrelease", "spec.namespace", "Cannot be changed.\n");
	assert_says("machineclass", "spec.autoProvision.metaValues.key", "From 0 to 4294967295.\n");
	assert_says("connection", "spec.auth", "FIELDS\n  serviceAccountSecretRef  <object>  required\n");
	assert_says("cluster", "status.conditions", "FIELD    status.conditions[]  <list of objects>\n");
}

static void paths_may_be_written_in_several_ways(void **state)
{
	(void)state;
	assert_says("cluster", "spec", "FIELD    spec  <object>  required\n");
	assert_says("cluster", "metadata", "FIELD    metadata  <object of any content>  required\n");
	assert_says("cluster", "patches", "FIELD    spec.patches[]  <list of objects>\n");
	assert_says("cluster", "spec.patches[2].inline", "FIELD    spec.patches[].inline  <anything>\n");
	assert_says("cluster", "spec.kubernetes.manifests.mode", "FIELD    spec.kubernetes.manifests[].mode  <choice>\n");
}

static void an_unknown_field_names_the_nearest(void **state)
{
	(void)state;
	assert_no_field("spec.talso", "OmniCluster has no field \"talso\" here; did you mean \"talos\"?");
	assert_no_field("spec.nothing.like.it", "OmniCluster has no field \"nothing\" here");
	assert_no_field("spec.talos.version.major", "there is nothing below: \"major\" is no field of OmniCluster");
	assert_no_field("metadata.name", "there is nothing below: \"name\" is no field of OmniCluster");
	assert_no_field(".", "OmniCluster has no field \"\" here");
}

static void every_field_can_be_explained(const struct kind *kind, const char *path, const struct schema *schema, int depth)
{
	for (size_t i = 0; i < schema->count && depth < 8; i++) {
		char here[256];
		snprintf(here, sizeof here, "%s.%s", path, schema->fields[i].name);
		assert_true(strlen(explain(kind->name, here)) > 40);
		if (schema->fields[i].sub != NULL)
			every_field_can_be_explained(kind, here, schema->fields[i].sub, depth + 1);
	}
}

static void all_of_them(void **state)
{
	(void)state;
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		every_field_can_be_explained(kind_at(i), "spec", kind_at(i)->spec, 0);
		every_field_can_be_explained(kind_at(i), "status", kind_at(i)->status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kind_is_explained_with_fields_and_example),
		cmocka_unit_test(a_field_is_explained_with_its_limits),
		cmocka_unit_test(paths_may_be_written_in_several_ways),
		cmocka_unit_test(an_unknown_field_names_the_nearest),
		cmocka_unit_test(all_of_them),
	};
	text_init(&explained, TEXT_NO_LIMIT);
	int failed = RUN_TESTS(tests);
	text_done(&explained);
	return failed;
}
