#include "tests/unit/test.h"

#include "agent/settings/rules.h"

static void releases(void **state)
{
	static const struct {
		const char *version;
		enum omni_rules rules;
	} cases[] = {
		{"v1.9.3", OMNI_RULES_1_9},  {"1.9.3", OMNI_RULES_1_9},		 {"v1.5.0", OMNI_RULES_1_9},
		{"v0.45.0", OMNI_RULES_1_9}, {"v1.9-beta.1", OMNI_RULES_1_9},	 {"v1.10.0", OMNI_RULES_1_10},
		{"v1.10", OMNI_RULES_1_10},  {"v1.11.0-alpha.2", OMNI_RULES_1_10}, {"v2.0.0", OMNI_RULES_1_10},
		{"", OMNI_RULES_1_10},	     {"v", OMNI_RULES_1_10},		 {"dev", OMNI_RULES_1_10},
		{"v1", OMNI_RULES_1_10},     {"v1.x.3", OMNI_RULES_1_10},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (rules_of_version(span_of(cases[i].version)) != cases[i].rules)
			fail_msg("%s", cases[i].version);
}

static void settings_decide(void **state)
{
	(void)state;
	struct settings settings = {0};
	assert_true(rules_are_automatic(&settings));
	settings.rules = "auto";
	assert_true(rules_are_automatic(&settings));
	assert_int_equal(rules_of_settings(&settings), OMNI_RULES_1_10);
	settings.rules = "1.9";
	assert_false(rules_are_automatic(&settings));
	assert_int_equal(rules_of_settings(&settings), OMNI_RULES_1_9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(releases), cmocka_unit_test(settings_decide)};
	return RUN_TESTS(tests);
}
