#include "base/fail.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static void a_failure_has_code_and_text(void **state)
{
	(void)state;
	struct fail fail = {0};
	assert_false(fail_set(&fail, FAIL_CONFLICT, "version %d", 3));
	assert_int_equal(fail.code, FAIL_CONFLICT);
	assert_string_equal(fail.text, "version 3");
	assert_string_equal(fail_name(fail.code), "Conflict");
	assert_true(fail_is_retryable(fail.code));
	assert_false(fail_is_retryable(FAIL_INVALID));
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	assert_false(fail_set(NULL, FAIL_IO, "x"));
	assert_false(fail_errno(NULL, ENOENT, "x"));
	assert_false(fail_wrap(NULL, "x"));
}

static void context_goes_in_front(void **state)
{
	(void)state;
	struct fail fail;
	fail_set(&fail, FAIL_NOT_FOUND, "no such cluster");
	assert_false(fail_wrap(&fail, "%s %s", "cluster", "prod"));
	assert_false(fail_wrap(&fail, "plan"));
	assert_string_equal(fail.text, "plan: cluster prod: no such cluster");
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
}

static void errno_gives_code_and_words(void **state)
{
	(void)state;
	static const struct {
		int errnum;
		enum fail_code code;
	} rows[] = {{ENOENT, FAIL_NOT_FOUND}, {EACCES, FAIL_DENIED},	{EEXIST, FAIL_EXISTS},
		    {EIO, FAIL_IO},	      {ETIMEDOUT, FAIL_TIMEOUT}, {ECONNREFUSED, FAIL_UNAVAILABLE}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fail fail;
		assert_false(fail_errno(&fail, rows[i].errnum, "open %s", "f"));
		assert_int_equal(fail.code, rows[i].code);
	}
	struct fail fail;
	fail_errno(&fail, ENOENT, "open %s", "f");
	assert_string_equal(fail.text, "open f: No such file or directory");
}

static void long_texts_are_cut_visibly(void **state)
{
	(void)state;
	struct fail fail;
	char longest[2 * FAIL_TEXT_MAX];
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	fail_set(&fail, FAIL_IO, "%s", longest);
	assert_int_equal(strlen(fail.text), FAIL_TEXT_MAX - 1);
	assert_string_equal(fail.text + FAIL_TEXT_MAX - 4, "...");
	fail_set(&fail, FAIL_IO, "short");
	fail_wrap(&fail, "%s", longest);
	assert_string_equal(fail.text + FAIL_TEXT_MAX - 4, "...");
	fail_errno(&fail, ENOENT, "%s", longest);
	assert_string_equal(fail.text + FAIL_TEXT_MAX - 4, "...");
	longest[FAIL_TEXT_MAX - 1] = '\0'; /* fits exactly: not cut */
	fail_set(&fail, FAIL_IO, "%s", longest);
	assert_string_equal(fail.text, longest);
}

static void names_are_unique(void **state)
{
	(void)state;
	for (int a = FAIL_NONE; a <= FAIL_BUG; a++)
		for (int b = a + 1; b <= FAIL_BUG; b++)
			assert_string_not_equal(fail_name((enum fail_code)a), fail_name((enum fail_code)b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_has_code_and_text), cmocka_unit_test(nobody_has_to_listen),
		cmocka_unit_test(context_goes_in_front),       cmocka_unit_test(errno_gives_code_and_words),
		cmocka_unit_test(long_texts_are_cut_visibly),  cmocka_unit_test(names_are_unique),
	};
	return RUN_TESTS(tests);
}
