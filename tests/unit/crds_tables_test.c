/* The tables themselves: what the engines rely on, and what people expect of every row. */
#include <ctype.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "crds/kinds.h"
#include "tests/unit/test.h"

typedef void (*visit_fn)(const struct kind *kind, const struct field *field);

static void visit_schema(const struct kind *kind, const struct schema *schema, visit_fn visit, int depth)
{
	assert_true(depth < 8);
	for (size_t i = 0; i < schema->count; i++) {
		visit(kind, &schema->fields[i]);
		if (schema->fields[i].sub != NULL)
			visit_schema(kind, schema->fields[i].sub, visit, depth + 1);
	}
}

static void visit_all(visit_fn visit)
{
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		visit_schema(kind_at(i), kind_at(i)->spec, visit, 0);
		visit_schema(kind_at(i), kind_at(i)->status, visit, 0);
	}
}

static void is_documented(const struct kind *kind, const struct field *field)
{
	size_t len = field->doc == NULL ? 0 : strlen(field->doc);
	if (len < 8 || field->doc[len - 1] != '.' || (!isupper((unsigned char)field->doc[0]) && field->doc[0] != '`'))
		fail_msg("%s: %s is badly documented", kind->name, field->name);
}

static void every_field_is_documented(void **state)
{
	(void)state;
	visit_all(is_documented);
}

static void is_consistent(const struct kind *kind, const struct field *field)
{
	bool has_items = field->type == FIELD_LIST;
	bool needs_sub = field->type == FIELD_OBJECT || (has_items && field->item == FIELD_OBJECT);
	bool ok = needs_sub == (field->sub != NULL);
	ok &= field->sub == NULL || field->sub->count < 64; /* the checks keep one bit per field */
	ok &= (field->flags & FIELD_SET) == 0 || (has_items && field->rules != NULL);
	ok &= (field->flags & FIELD_IMMUTABLE) == 0 || (field->flags & FIELD_REQUIRED) != 0 || field->dflt != NULL;
	ok &= field->choices == NULL || field->type == FIELD_STRING;
	for (const char *const *choice = field->choices; field->dflt != NULL && choice != NULL; choice++) {
		ok &= *choice != NULL;
		if (*choice == NULL || strcmp(*choice, field->dflt) == 0)
			break;
	}
	if (!ok)
		fail_msg("%s: the row of %s contradicts itself", kind->name, field->name);
}

static void every_row_is_consistent(void **state)
{
	(void)state;
	visit_all(is_consistent);
}

static void kinds_are_found_by_every_name(void **state)
{
	(void)state;
	static const char *const names[] = {"OmniCluster", "omnicluster", "OMNICLUSTERS", "cluster", "Clusters", "ocl",
					    "omniclusters.omni.texashpc.com"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_ptr_equal(kind_guess(span_of(names[i])), &KIND_CLUSTER);
	assert_null(kind_guess(SPAN("clusters.example.com")));
	assert_null(kind_guess(SPAN("omni")));
	assert_null(kind_guess(SPAN("")));
	assert_ptr_equal(kind_find(SPAN("OmniMachineClass")), &KIND_MACHINE_CLASS);
	assert_null(kind_find(SPAN("omnimachineclass")));
}

static void no_two_kinds_share_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		assert_ptr_equal(kind_guess(span_of(kind_at(i)->name)), kind_at(i));
		assert_ptr_equal(kind_guess(span_of(kind_at(i)->plural)), kind_at(i));
		for (const char *const *name = kind_at(i)->short_names; *name != NULL; name++)
			assert_ptr_equal(kind_guess(span_of(*name)), kind_at(i));
	}
	assert_null(kind_at(9));
}

static void a_misspelt_name_has_a_nearest_one(void **state)
{
	(void)state;
	assert_string_equal(kind_nearest(SPAN("OmniClutser")), "OmniCluster");
	assert_string_equal(kind_nearest(SPAN("Machineclas")), "OmniMachineClass");
	assert_null(kind_nearest(SPAN("Deployment")));
	assert_string_equal(schema_nearest(KIND_WORKERS.spec, SPAN("machinClass")), "machineClass");
	assert_string_equal(schema_nearest(KIND_CLUSTER.spec, SPAN("Talos")), "talos");
	assert_null(schema_nearest(KIND_CLUSTER.spec, SPAN("replicas")));
	assert_null(schema_nearest(KIND_CLUSTER.spec, SPAN("")));
}

/* The order in which the Go operator prints a document of a cluster template. */
static void assert_template_order(const struct schema *schema, const char *expected)
{
	char names[512];
	size_t at = 0;
	for (size_t i = 0; i < schema->count; i++)
		if ((schema->fields[i].flags & FIELD_IN_TEMPLATE) != 0)
			at += (size_t)snprintf(names + at, sizeof names - at, "%s ", schema->fields[i].name);
	assert_string_equal(names, expected);
}

static void rows_are_in_the_order_of_the_template(void **state)
{
	(void)state;
	assert_template_order(KIND_CLUSTER.spec,
			      "labels annotations kubernetes talos features patches systemExtensions kernelArgs ");
	assert_template_order(KIND_CONTROL_PLANE.spec, "labels annotations machines machineClass bootstrapSpec patches "
						       "systemExtensions kernelArgs ");
	assert_template_order(KIND_WORKERS.spec, "labels annotations machines machineClass updateStrategy upgradeStrategy "
						 "deleteStrategy patches systemExtensions kernelArgs ");
	assert_template_order(KIND_MACHINE.spec, "labels annotations locked install patches systemExtensions kernelArgs ");
	assert_template_order(schema_field(KIND_CLUSTER.spec, SPAN("patches"))->sub,
			      "file name idOverride labels annotations inline ");
	const struct schema *kubernetes = schema_field(KIND_CLUSTER.spec, SPAN("kubernetes"))->sub;
	assert_template_order(kubernetes, "version manifests ");
	assert_template_order(schema_field(kubernetes, SPAN("manifests"))->sub, "name mode inline file ");
	assert_template_order(schema_field(KIND_CLUSTER.spec, SPAN("features"))->sub,
			      "enableWorkloadProxy useEmbeddedDiscoveryService diskEncryption backupConfiguration ");
	assert_template_order(schema_field(KIND_WORKERS.spec, SPAN("machineClass"))->sub, "name size ");
	assert_template_order(schema_field(KIND_WORKERS.spec, SPAN("updateStrategy"))->sub, "type rolling ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_documented),
		cmocka_unit_test(every_row_is_consistent),
		cmocka_unit_test(kinds_are_found_by_every_name),
		cmocka_unit_test(no_two_kinds_share_a_name),
		cmocka_unit_test(a_misspelt_name_has_a_nearest_one),
		cmocka_unit_test(rows_are_in_the_order_of_the_template),
	};
	return RUN_TESTS(tests);
}
