/* What is told of what Helm wrote. */
#include "agent/helm/run.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tests/unit/test.h"

static const struct {
	const char *written, *told;
} rows[] = {
	{"Error: INSTALLATION FAILED: cannot reuse a name that is still in use\n", "cannot reuse a name that is still in use"},
	{"Error: UPGRADE FAILED: \"web\" has no deployed releases", "\"web\" has no deployed releases"},
	{"Error: first\nError: second\nand more of it\n\n", "second\nand more of it"},
	{"level=WARN msg=\"upgrade failed\" name=web error=\"boom\"\nError: UPGRADE FAILED: boom\n", "boom"},
	{"I1121 06:57:57.856066 7 warnings.go:107] \"Warning: unknown field\"\nError: boom\nW1121 06:57:58.000001 7 x.go:1] y\n", "boom"},
	{"Error: 1 error occurred:\n\t* a\n\t* b\n", "1 error occurred:\n\t* a\n\t* b"},
	{"panic: oh\n\ngoroutine 1 [running]:\nmain.main()\n", "panic: oh\ngoroutine 1 [running]:\nmain.main()"},
	{"WARNING: only this\n", "WARNING: only this"},
	{"", ""},
	{"\n\n  \n", ""},
	{"no Error: here", "no Error: here"},
	{"Error: failed to parse /proc/self/fd/4: yaml", "failed to parse the values: yaml"},
	{"Error: chart /proc/self/fd/6, config /proc/self/fd/3", "chart the chart, config the kubeconfig"},
	{"Error: got https://me:pass@host/x and https://host/a@b", "got https://***@host/x and https://host/a@b"},
	{"Error: Authorization: Bearer abc.def-ghi refused", "Authorization: Bearer *** refused"},
	{"Error: password: \"hunter22\", token=t0k3n&x=1", "password: ***\", token=***&x=1"},
	{"Error: the value Sup3rS3cret!! and Sup3rS3cret!!more", "the value *** and ***"},
	{"Error: short ones like abc stay", "short ones like abc stay"},
	{"Error: a\x01" "b\xff" "c\r\nd", "a b c \nd"},
};

static void test_told(void **state)
{
	(void)state;
	const struct span secrets[] = {SPAN("Sup3rS3cret!!"), SPAN("abc"), SPAN("Sup3rS3cret!!more"), SPAN("")};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		assert_span(helm_error_text(span_of(rows[i].written), secrets, COUNT_OF(secrets), &arena), rows[i].told);
		arena_done(&arena);
	}
}

static void test_long_ones_are_cut_between_characters(void **state)
{
	(void)state;
	struct arena arena;
	struct text text;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t shift = 0; shift < 4; shift++) {
		text_init(&text, TEXT_NO_LIMIT);
		text_adds(&text, "Error: ");
		text_pad(&text, 'x', shift);
		while (text.len < 40000)
			text_adds(&text, "\xF0\x9F\x98\x80");
		struct span told = helm_error_text(text_span(&text), NULL, 0, &arena);
		assert_true(told.len <= HELM_ERROR_MAX && told.len > HELM_ERROR_MAX - 8);
		assert_int_equal(utf8_valid_prefix(told), told.len);
		assert_true(span_ends(told, "..."));
		text_done(&text);
	}
	arena_done(&arena);
}

static void test_of_much_the_end_is_looked_at(void **state)
{
	(void)state;
	struct arena arena;
	struct text text;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, "Error: of the beginning\n");
	text_pad(&text, '\n', 100000);
	text_adds(&text, "Error: of the end\n");
	assert_span(helm_error_text(text_span(&text), NULL, 0, &arena), "of the end");
	text_done(&text);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_long_ones_are_cut_between_characters),
		cmocka_unit_test(test_of_much_the_end_is_looked_at),
	};
	return RUN_TESTS(tests);
}
