#include "render/semver.h"
#include "tests/unit/test.h"

static void expect(const char *text, uint64_t major, uint64_t minor, uint64_t patch, const char *pre)
{
	struct semver version;
	struct fail fail = {0};
	if (!semver_parse(span_of(text), &version, &fail))
		fail_msg("%s: %s", text, fail.text);
	assert_int_equal(version.major, major);
	assert_int_equal(version.minor, minor);
	assert_int_equal(version.patch, patch);
	assert_span(version.pre, pre);
}

static void tolerates_what_omni_tolerates(void **state)
{
	(void)state;
	expect("v1.13.5", 1, 13, 5, "");
	expect("1.35", 1, 35, 0, "");
	expect(" v2 ", 2, 0, 0, "");
	expect("01.007.0", 1, 7, 0, "");
	expect("1.13.0-alpha.1+b.01", 1, 13, 0, "alpha.1");
	expect("1.2.3-x-y", 1, 2, 3, "x-y");
}

static void expect_refused(const char *text, const char *why)
{
	struct semver version;
	struct fail fail = {0};
	if (semver_parse(span_of(text), &version, &fail))
		fail_msg("%s is taken", text);
	assert_string_equal(fail.text, why);
}

static void refuses_the_rest(void **state)
{
	(void)state;
	expect_refused("", "it is empty");
	expect_refused("v", "it is empty");
	expect_refused("vv1.2.3", "the major number \"v1\" is not made of digits");
	expect_refused("1.2-rc1", "a pre-release or build needs all three numbers before it");
	expect_refused("1..3", "the minor number is missing");
	expect_refused("1.2.3.4", "the patch number \"3.4\" is not made of digits");
	expect_refused("1.2.3-", "the pre-release is empty or has an empty part");
	expect_refused("1.2.3-01", "the pre-release number \"01\" starts with a zero");
	expect_refused("1.2.3-a_b", "the pre-release part \"a_b\" has characters other than letters, digits and dashes");
	expect_refused("1.2.3+", "the build metadata is empty or has an empty part");
	expect_refused("99999999999999999999.0.0", "the major number \"99999999999999999999\" is too big");
}

static void a_pre_release_is_below_its_release(void **state)
{
	static const struct {
		const char *text;
		bool is_below;
	} cases[] = {{"1.4.9", true}, {"1.5.0-alpha.0", true}, {"1.5.0", false}, {"1.5.1-rc.1", false}, {"2.0.0", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct semver version;
		assert_true(semver_parse(span_of(cases[i].text), &version, NULL));
		assert_int_equal(semver_is_below(&version, 1, 5), cases[i].is_below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tolerates_what_omni_tolerates),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(a_pre_release_is_below_its_release),
	};
	return RUN_TESTS(tests);
}
