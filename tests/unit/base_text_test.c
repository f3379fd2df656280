#include "base/text.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "tests/unit/test.h"

static void text_grows_and_is_always_terminated(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	assert_string_equal(text.ptr, "");
	for (int i = 0; i < 1000; i++) {
		text_addc(&text, 'x');
		assert_int_equal(text.ptr[text.len], 0);
	}
	text_adds(&text, "end");
	text_pad(&text, ' ', 3);
	text_addf(&text, "%d-%s", 42, "z");
	assert_int_equal(text.len, 1000 + 3 + 3 + 4);
	assert_string_equal(text.ptr + 1000, "end   42-z");
	text_done(&text);
	text_done(&text);
}

static void nul_bytes_are_kept(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 10);
	text_add(&text, (struct span){"a\0b", 3});
	assert_int_equal(text.len, 3);
	assert_memory_equal(text.ptr, "a\0b", 4);
	text_done(&text);
}

static void the_limit_sticks(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 5);
	text_adds(&text, "12345");
	assert_true(text_ok(&text));
	text_addc(&text, '6');
	assert_false(text_ok(&text));
	text_adds(&text, "");
	assert_false(text_ok(&text));
	assert_string_equal(text.ptr, "12345");
	text_addf(&text, "%d", 1);
	text_pad(&text, ' ', 100);
	assert_int_equal(text.len, 5);
	text_reset(&text);
	assert_true(text_ok(&text));
	assert_string_equal(text.ptr, "");
	text_done(&text);
}

static void take_hands_the_memory_over(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 100);
	char *nothing = text_take(&text);
	assert_string_equal(nothing, "");
	free(nothing);
	text_adds(&text, "abc");
	char *taken = text_take(&text);
	text_adds(&text, "def");
	assert_string_equal(taken, "abc");
	assert_string_equal(text.ptr, "def");
	free(taken);
	text_done(&text);
}

static void zeroed_text_can_be_done(void **state)
{
	(void)state;
	struct text text = {0};
	text_done(&text);
	text_add(&text, (struct span){0});
	assert_int_equal(text.len, 0);
	text_done(&text);
}

static void json_strings(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 1000);
	text_add_json(&text, SPAN("q\" b\\ \n\r\t\b\f \x01\0 \x7f \xc3\xa9 \xff \xe2\x82"));
	assert_string_equal(text.ptr, "\"q\\\" b\\\\ \\n\\r\\t\\b\\f \\u0001\\u0000 \\u007f \xc3\xa9 \xef\xbf\xbd "
				      "\xef\xbf\xbd\xef\xbf\xbd\"");
	text_reset(&text);
	text_add_json(&text, (struct span){0});
	assert_string_equal(text.ptr, "\"\"");
	text_done(&text);
}

static void hexadecimal(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 1000);
	text_add_hex(&text, "\x00\x7f\xff", 3);
	assert_string_equal(text.ptr, "007fff");
	text_done(&text);
}

static void utf8_is_decoded_and_encoded(void **state)
{
	(void)state;
	static const uint32_t edges[] = {0,	 0x7f,	 0x80,	  0x7ff,   0x800,   0xd7ff,
					 0xe000, 0xffff, 0x10000, 0x1f600, 0x10ffff};
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		char bytes[4];
		uint32_t back = 1;
		size_t size = utf8_encode(edges[i], bytes);
		assert_int_equal(utf8_decode((struct span){bytes, size}, &back), size);
		assert_int_equal(back, edges[i]);
		if (size > 1) /* cut off: one bad byte */
			assert_int_equal(utf8_decode((struct span){bytes, size - 1}, &back), 1);
	}
}

static void bad_utf8_is_one_bad_byte(void **state)
{
	(void)state;
	static const char *const bad[] = {"\x80",	      "\xbf",		  "\xc0\x80",	      "\xc1\xbf",
					  "\xe0\x80\x80",     "\xe0\x9f\xbf",	  "\xed\xa0\x80",     "\xed\xbf\xbf",
					  "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
					  "\xff",	      "\xc3(",		  "\xe2\x82(",	      "\xf0\x9f\x98("};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint32_t c = 0;
		assert_int_equal(utf8_decode(span_of(bad[i]), &c), 1);
		assert_int_equal(c, UTF8_BAD);
		assert_int_equal(utf8_valid_prefix(span_of(bad[i])), 0);
	}
	assert_int_equal(utf8_valid_prefix(SPAN("a\xc3\xa9\xff z")), 3);
	assert_int_equal(utf8_valid_prefix(SPAN("plain")), 5);
	assert_int_equal(utf8_valid_prefix((struct span){0}), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_and_is_always_terminated),
		cmocka_unit_test(nul_bytes_are_kept),
		cmocka_unit_test(the_limit_sticks),
		cmocka_unit_test(take_hands_the_memory_over),
		cmocka_unit_test(zeroed_text_can_be_done),
		cmocka_unit_test(json_strings),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(utf8_is_decoded_and_encoded),
		cmocka_unit_test(bad_utf8_is_one_bad_byte),
	};
	return RUN_TESTS(tests);
}
