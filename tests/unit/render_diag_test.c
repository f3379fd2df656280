/* Diagnostics: order, repetitions, the limit, and the four forms they are printed in. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "render/diag.h"

struct fixture {
	struct arena arena;
	struct diag_list list;
	struct diag_at at;
	struct text out;
};

static void begin(struct fixture *f)
{
	arena_init(&f->arena, ARENA_NO_LIMIT);
	diag_list_init(&f->list, &f->arena);
	f->at = (struct diag_at){&f->list, SPAN("b.yaml"), SPAN("OmniCluster/edge")};
	text_init(&f->out, TEXT_NO_LIMIT);
}

static void end(struct fixture *f)
{
	text_done(&f->out);
	arena_done(&f->arena);
}

static struct node node_at(uint32_t line, uint16_t column)
{
	return (struct node){.kind = NODE_NULL, .line = NODE_LINE(line), .column = NODE_COLUMN(column)};
}

static bool read_source(void *ctx, struct span file, struct span *out_bytes)
{
	(void)ctx;
	*out_bytes = SPAN("spec:\n  f\xC3\xB6\xC3\xB6: bar\n\tx\x1b: 1\n");
	return span_is(file, "b.yaml");
}

static void sorted_without_repetitions(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct node one = node_at(2, 3), two = node_at(2, 1);
	diag_error(&f.at, "B", &one, "spec", "second");
	diag_error(&f.at, "A", &two, "spec", "first");
	diag_error(&f.at, "B", &one, "spec", "second");
	diag_warn(&f.at, "C", &one, "spec", "third");
	struct diag_at elsewhere = {&f.list, SPAN("a.yaml"), {0}}, nowhere = {&f.list, {0}, {0}};
	diag_error(&nowhere, "N", NULL, NULL, "last");
	diag_error(&elsewhere, "D", &one, NULL, "zeroth");
	diag_sort(&f.list);
	static const char *const codes[] = {"D", "A", "B", "C", "N"};
	assert_int_equal(f.list.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(f.list.items[i].code, codes[i]);
	assert_int_equal(f.list.error_count, 4);
	assert_int_equal(f.list.warning_count, 1);
	end(&f);
}

static void the_list_has_an_end(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	for (int i = 0; i < DIAG_MAX + 10; i++)
		diag_hint(&f.at, diag_error(&f.at, "X", NULL, NULL, "%d", i), "hint %d", i);
	assert_int_equal(f.list.count, DIAG_MAX);
	assert_true(f.list.is_full);
	assert_string_equal(f.list.items[DIAG_MAX - 1].code, "TooManyFaults");
	assert_span(f.list.items[DIAG_MAX - 2].hint, "hint 1998");
	end(&f);
}

static void text_form(void **state)
{
	(void)state;
	struct fixture f;
	struct diag_source source = {read_source, NULL};
	struct node node = node_at(2, 10), evil = node_at(3, 2);
	begin(&f);
	struct diag *diag = diag_error(&f.at, "UnknownField", &node, "spec.foo", "unknown field \"%s\"", "foo");
	diag_hint(&f.at, diag, "did you mean bar?");
	diag_warn(&f.at, "Odd", &evil, NULL, "odd \x1b");
	diag_print(&f.out, &f.list, DIAG_TEXT, &source, false);
	assert_string_equal(f.out.ptr, "b.yaml:2:10: error: OmniCluster/edge: spec.foo: unknown field \"foo\" [UnknownField]\n"
				       "      f\xC3\xB6\xC3\xB6: bar\n"
				       "           ^\n"
				       "  hint: did you mean bar?\n"
				       "b.yaml:3:2: warning: OmniCluster/edge: odd ? [Odd]\n"
				       "     x?: 1\n"
				       "     ^\n");
	text_reset(&f.out);
	diag_print(&f.out, &f.list, DIAG_TEXT, &source, true);
	assert_non_null(strstr(f.out.ptr, "\033[1;31merror:\033[0m"));
	end(&f);
}

static void lines_too_long_are_cut(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct node node = node_at(9, 1);
	struct diag_source source = {read_source, NULL};
	diag_error(&f.at, "Gone", &node, NULL, "line is not there");
	diag_print(&f.out, &f.list, DIAG_TEXT, &source, false);
	assert_string_equal(f.out.ptr, "b.yaml:9:1: error: OmniCluster/edge: line is not there [Gone]\n");
	end(&f);
}

static void json_form(void **state)
{
	(void)state;
	struct fixture f;
	struct node node = node_at(2, 10);
	begin(&f);
	diag_print(&f.out, &f.list, DIAG_JSON, NULL, false);
	assert_string_equal(f.out.ptr, "[]\n");
	text_reset(&f.out);
	diag_hint(&f.at, diag_error(&f.at, "X", &node, "spec.a", "say \"no\""), "h");
	diag_print(&f.out, &f.list, DIAG_JSON, NULL, false);
	assert_string_equal(f.out.ptr, "[\n  {\"severity\": \"error\", \"file\": \"b.yaml\", \"line\": 2, \"column\": 10, "
				       "\"object\": \"OmniCluster/edge\", \"path\": \"spec.a\", \"code\": \"X\", "
				       "\"message\": \"say \\\"no\\\"\", \"hint\": \"h\"}\n]\n");
	end(&f);
}

static void sarif_form(void **state)
{
	(void)state;
	struct fixture f;
	struct node node = node_at(2, 10);
	begin(&f);
	f.at.file = SPAN("a b%/\xC3\xB6.yaml");
	diag_error(&f.at, "X", &node, "spec.a", "m");
	diag_warn(&f.at, "X", NULL, NULL, "n");
	diag_print(&f.out, &f.list, DIAG_SARIF, NULL, false);
	assert_non_null(strstr(f.out.ptr, "\"version\": \"2.1.0\""));
	assert_non_null(strstr(f.out.ptr, "\"uri\": \"a%20b%25/%C3%B6.yaml\"}, \"region\": {\"startLine\": 2}"));
	assert_non_null(strstr(f.out.ptr, "\"level\": \"warning\""));
	assert_non_null(strstr(f.out.ptr, "{\"id\": \"X\"}\n          ]"));
	end(&f);
}

static bool read_wide(void *ctx, struct span file, struct span *out_bytes)
{
	int *count = ctx;
	(*count)++;
	*out_bytes = SPAN("\xC3\xB6\xF0\x9F\x98\x80: x\r\nb\n\xE2\x82\xAC: y");
	return span_starts(file, "w");
}

static void sarif_columns_are_utf16(void **state)
{
	(void)state;
	struct fixture f;
	int count = 0;
	struct diag_source source = {read_wide, &count};
	struct node nodes[] = {node_at(1, 3), node_at(1, 7), node_at(3, 4), node_at(3, 40), node_at(9, 1), node_at(2, 2)};
	begin(&f);
	f.at.file = SPAN("w.yaml");
	for (size_t i = 0; i < 6; i++)
		diag_error(&f.at, "X", &nodes[i], NULL, "m");
	f.at.file = SPAN("gone.yaml");
	diag_error(&f.at, "X", &nodes[0], NULL, "m");
	diag_print(&f.out, &f.list, DIAG_SARIF, &source, false);
	static const char *const regions[] = {"1, \"startColumn\": 2}", "1, \"startColumn\": 4}", "3, \"startColumn\": 2}",
					      "3}", "9}", "2, \"startColumn\": 2}", "1}"};
	const char *at = f.out.ptr;
	for (size_t i = 0; i < 7; i++) {
		at = strstr(at, "\"startLine\": ");
		assert_non_null(at);
		at += strlen("\"startLine\": ");
		assert_span(((struct span){at, strlen(regions[i])}), regions[i]);
	}
	assert_int_equal(count, 3); /* in order it is read once; behind its end, again */
	end(&f);
}

static void github_form(void **state)
{
	(void)state;
	struct fixture f;
	struct node node = node_at(2, 10);
	begin(&f);
	f.at.file = SPAN("a,b:c.yaml");
	diag_hint(&f.at, diag_error(&f.at, "X", &node, NULL, "50%% more\nlines"), "h");
	diag_print(&f.out, &f.list, DIAG_GITHUB, NULL, false);
	assert_string_equal(f.out.ptr, "::error file=a%2Cb%3Ac.yaml,line=2,col=10,title=X::OmniCluster/edge: 50%25 "
				       "more%0Alines%0Ah\n");
	enum diag_format format;
	assert_true(diag_format_parse(SPAN("sarif"), &format));
	assert_int_equal(format, DIAG_SARIF);
	assert_false(diag_format_parse(SPAN("xml"), &format));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorted_without_repetitions), cmocka_unit_test(the_list_has_an_end),
		cmocka_unit_test(text_form),		      cmocka_unit_test(lines_too_long_are_cut),
		cmocka_unit_test(json_form),		      cmocka_unit_test(sarif_form),
		cmocka_unit_test(sarif_columns_are_utf16),
		cmocka_unit_test(github_form),
	};
	return RUN_TESTS(tests);
}
