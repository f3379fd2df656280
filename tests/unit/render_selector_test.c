#include "render/selector.h"
#include "tests/unit/test.h"

static void takes_every_kind_of_term(void **state)
{
	static const char *const good[] = {
		"", " ", "a", "!a", "! a", "a=b", "a == b", "a != b", "a < 1", "a<=1", "a > 1", "a >= 1", "a =", "a=,b",
		"a in (b, c)", "a notin (b)", "a in ()", "a in (,)", "a in (b,)", "a in (in, notin)", "in = a",
		"b = c d, a = a b, z, c = f e", "\"a,b\" = \"c \\\" d\"", "omni.sidero.dev/arch = amd64, x >= 8",
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct fail fail = {0};
		if (!selector_check(span_of(good[i]), &fail))
			fail_msg("«%s»: %s", good[i], fail.text);
	}
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"a b", "\"b\" stands where an operator should be"},
		{"in in (a)", "\"in \" stands where an operator should be"},
		{"a,", "it ends where a label should be"},
		{",a", "\",\" stands where a label should be"},
		{"= a", "\"=\" stands where a label should be"},
		{"!a = b", "\"=\" stands where \",\" or the end should be"},
		{"a in b", "\"b\" stands where \"(\" should be"},
		{"a in (b", "it ends where \",\" or \")\" should be"},
		{"a in (b) c", "\"c\" stands where \",\" or the end should be"},
		{"a = b = c", "\"=\" stands where \",\" or the end should be"},
		{"a = (", "\"(\" stands where a value should be"},
		{"a = \"b", "a quoted text has no closing quote"},
		{"a = b)", "\")\" stands where \",\" or the end should be"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fail fail = {0};
		if (selector_check(span_of(bad[i].text), &fail))
			fail_msg("«%s» is taken", bad[i].text);
		assert_string_equal(fail.text, bad[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_kind_of_term),
		cmocka_unit_test(says_what_is_wrong),
	};
	return RUN_TESTS(tests);
}
