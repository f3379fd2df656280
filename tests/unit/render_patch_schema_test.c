/* The table of Talos's fields: well-formed, and looked up rightly. */
#include "test.h"

#include "render/talos_schema.h"

static unsigned legacy(void)
{
	return talos_kind_find(SPAN("v1alpha1"))->structure;
}

static unsigned below(unsigned structure, const char *name, uint16_t mask)
{
	const struct talos_field *field = talos_field_find(structure, span_of(name), mask);

	assert_non_null(field);
	assert_int_equal(talos_types[field->type].kind, TALOS_STRUCT);
	return talos_types[field->type].arg;
}

static void table_is_sorted(void **state)
{
	unsigned all = (1u << talos_counts.minors) - 1;
	(void)state;

	for (unsigned i = 1; i < talos_counts.kinds; i++)
		assert_true(span_cmp(talos_text(talos_kinds[i - 1].name), talos_text(talos_kinds[i].name)) < 0);
	for (unsigned i = 1; i < talos_counts.minors; i++)
		assert_true(talos_minors[i - 1] < talos_minors[i]);
	for (unsigned s = 0; s < talos_counts.structs; s++) {
		const struct talos_field *fields = &talos_fields[talos_structs[s].first];

		for (unsigned i = 0; i < talos_structs[s].count; i++) {
			assert_int_equal(fields[i].minors & ~all, 0);
			assert_true(fields[i].minors != 0);
			if (i == 0)
				continue;
			int order = span_cmp(talos_text(fields[i - 1].name), talos_text(fields[i].name));
			assert_true(order <= 0);
			/* one type at a time */
			assert_true(order < 0 || (fields[i - 1].minors & fields[i].minors) == 0);
		}
	}
}

static void versions(void **state)
{
	struct talos_version version = talos_version_of(SPAN("v1.9.0"));
	(void)state;

	assert_true(version.is_exact);
	assert_int_equal(version.mask, 1);
	assert_int_equal(talos_first_minor(version.mask), 9);
	version = talos_version_of(SPAN("1.13.2"));
	assert_true(version.is_exact);
	assert_int_equal(talos_first_minor(version.mask), 13);
	version = talos_version_of(SPAN("v1.13.0-alpha.1"));
	assert_true(version.is_exact);
	version = talos_version_of(SPAN("v1.7.6"));
	assert_false(version.is_exact);
	assert_int_equal(talos_first_minor(version.mask), 9);
	version = talos_version_of(SPAN("v1.99.0"));
	assert_false(version.is_exact);
	assert_int_equal(talos_first_minor(version.mask), talos_minors[talos_counts.minors - 1]);
	assert_false(talos_version_of(SPAN("")).is_exact);
	assert_false(talos_version_of((struct span){0}).is_exact);
	assert_false(talos_version_of(SPAN("v2.9.0")).is_exact);
	assert_false(talos_version_of(SPAN("latest")).is_exact);
}

static void fields(void **state)
{
	uint16_t oldest = 1, newest = (uint16_t)(1u << (talos_counts.minors - 1));
	unsigned machine = below(legacy(), "machine", newest), kubelet = below(machine, "kubelet", newest);
	(void)state;

	assert_non_null(talos_field_find(machine, SPAN("sysctls"), oldest));
	assert_null(talos_field_find(machine, SPAN("sysctl"), oldest));
	assert_null(talos_field_find(machine, SPAN(""), oldest));
	assert_non_null(talos_field_find(kubelet, SPAN("extraMounts"), newest));
	assert_non_null(talos_kind_find(SPAN("VolumeConfig")));
	assert_null(talos_kind_find(SPAN("Volumeconfig")));
	assert_int_equal(talos_first_minor(talos_kind_find(SPAN("HostnameConfig"))->minors), 12);
	assert_int_equal(talos_first_minor(talos_kind_find(SPAN("KubeletConfig"))->minors), 14);
}

static void neighbours(void **state)
{
	uint16_t mask = talos_version_of(SPAN("v1.13.0")).mask;
	unsigned machine = below(legacy(), "machine", mask);
	struct text places;
	(void)state;

	assert_span(talos_field_near(machine, SPAN("sysctl"), mask), "sysctls");
	assert_span(talos_field_near(machine, SPAN("Kubelet"), mask), "kubelet");
	assert_int_equal(talos_field_near(machine, SPAN("somethingElse"), mask).len, 0);
	assert_span(talos_kind_near(SPAN("HostNameConfig"), mask), "HostnameConfig");
	assert_int_equal(talos_kind_near(SPAN("Deployment"), mask).len, 0);

	text_init(&places, TEXT_NO_LIMIT);
	assert_int_equal(talos_field_places(machine, SPAN("extraMounts"), mask, "machine", &places), 1);
	assert_span(text_span(&places), "machine.kubelet");
	assert_int_equal(talos_field_places(legacy(), SPAN("kubelet"), mask, "", &places), 1);
	assert_span(text_span(&places), "machine");
	assert_int_equal(talos_field_places(legacy(), SPAN("neverHeardOf"), mask, "", &places), 0);
	assert_true(talos_field_places(legacy(), SPAN("image"), mask, "", &places) > 3);
	text_done(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sorted),
		cmocka_unit_test(versions),
		cmocka_unit_test(fields),
		cmocka_unit_test(neighbours),
	};

	return RUN_TESTS(tests);
}
