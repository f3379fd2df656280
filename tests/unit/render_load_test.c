/* The loader: what scalars mean in both dialects, merging, duplicates, limits, positions, and what faults say. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "base/text.h"
#include "render/emit.h"
#include "render/load.h"

struct result {
	struct arena arena;
	struct diag_list diags;
	struct load_document *documents;
	size_t count;
	bool is_whole;
};

static void load_span(struct result *result, struct span bytes, enum load_dialect dialect, const struct load_limits *limits)
{
	*result = (struct result){0};
	arena_init(&result->arena, ARENA_NO_LIMIT);
	diag_list_init(&result->diags, &result->arena);
	struct diag_at at = {.list = &result->diags, .file = SPAN("a.yaml")};
	result->is_whole = load_yaml(&result->arena, bytes, dialect, limits, &at, &result->documents, &result->count);
}

static void load(struct result *result, const char *yaml, enum load_dialect dialect)
{
	load_span(result, span_of(yaml), dialect, NULL);
}

static struct span json_of(struct result *result, size_t index)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	emit_json(&out, &result->documents[index].root, 0);
	struct span json = arena_copy(&result->arena, text_span(&out));
	text_done(&out);
	return json;
}

static void check(const char *yaml, enum load_dialect dialect, const char *json)
{
	struct result result;
	load(&result, yaml, dialect);
	if (!result.is_whole || result.diags.error_count > 0)
		fail_msg("%s: %s", yaml, result.diags.count > 0 ? result.diags.items[0].message.ptr : "not whole");
	assert_int_equal(result.count, 1);
	assert_span(json_of(&result, 0), json);
	arena_done(&result.arena);
}

/* The first fault: "line:column Code". */
static void check_fault(struct span yaml, enum load_dialect dialect, const char *expected, bool is_whole)
{
	struct result result;
	load_span(&result, yaml, dialect, NULL);
	if (result.diags.count == 0)
		fail_msg("no fault in %s", yaml.ptr);
	const struct diag *diag = &result.diags.items[0];
	assert_span(arena_spanf(&result.arena, "%u:%u %s", diag->line, diag->column, diag->code), expected);
	assert_int_equal(result.is_whole, is_whole);
	arena_done(&result.arena);
}

static void kubernetes_scalars(void **state)
{
	(void)state;
	check("[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", LOAD_KUBERNETES,
	      "[true,true,true,true,true,true,true,true,true,true,true]");
	check("[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", LOAD_KUBERNETES,
	      "[false,false,false,false,false,false,false,false,false,false,false]");
	check("[yEs, tRUE, oN]", LOAD_KUBERNETES, "[\"yEs\",\"tRUE\",\"oN\"]");
	check("[0755, 0o755, 0x1f, 0b11, 1_000, +5, -0x10, 08, 0]", LOAD_KUBERNETES, "[493,493,31,3,1000,5,-16,8,0]");
	check("[2024-01-01, 2024-01-01T00:00:00Z, 1:20]", LOAD_KUBERNETES,
	      "[\"2024-01-01\",\"2024-01-01T00:00:00Z\",\"1:20\"]");
	check("[-0, -0.0, 1.0, 1.50, .5, 1e3, 1e6, 1e400, 1048576]", LOAD_KUBERNETES,
	      "[0,0,1,1.5,0.5,1000,1e+06,\"1e400\",1048576]");
	check("[~, null, Null, NULL]", LOAD_OMNI, "[null,null,null,null]");
}

static void empty_values(void **state)
{
	(void)state;
	check("{a: , b: c, d: ~}", LOAD_KUBERNETES, "{\"a\":null,\"b\":\"c\",\"d\":null}");
	check("a:\nb: \"\"\n", LOAD_OMNI, "{\"a\":null,\"b\":\"\"}");
}

static void long_integers(void **state)
{
	(void)state;
	check("[9007199254740993, 18446744073709551615, 18446744073709551616, -99999999999999999999]", LOAD_KUBERNETES,
	      "[9007199254740993,18446744073709551615,18446744073709551616,-99999999999999999999]");
	check("[0xffffffffffffffff, 0x1ffffffffffffffff]", LOAD_KUBERNETES, "[18446744073709551615,\"0x1ffffffffffffffff\"]");
}

static void kubernetes_keys(void **state)
{
	(void)state;
	check("{1: a, 0x10: b, on: d2, 1.5: e, 123456789.123: f, -0.0: g}", LOAD_KUBERNETES,
	      "{\"1\":\"a\",\"16\":\"b\",\"true\":\"d2\",\"1.5\":\"e\",\"1.2345679e+08\":\"f\",\"-0\":\"g\"}");
}

static void omni_scalars(void **state)
{
	(void)state;
	check("[yes, on, n, true, 010, 0o17, 0x10, 1_000, 1.0, 1e6, -0]", LOAD_OMNI,
	      "[\"yes\",\"on\",\"n\",true,8,15,16,1000,1,1e+06,-0]");
	check("[2024-01-02, 2024-1-2 3:4:5.60, 2024-01-02T03:04:05+02:00, 2024-02-30, 2024-01-02t03:04:05Z]", LOAD_OMNI,
	      "[\"2024-01-02T00:00:00Z\",\"2024-01-02T03:04:05.6Z\",\"2024-01-02T03:04:05+02:00\",\"2024-02-30\","
	      "\"2024-01-02T03:04:05Z\"]");
	check("[.inf, -.INF, .nan]", LOAD_OMNI, "[\".inf\",\"-.inf\",\".nan\"]");
}

static void tags(void **state)
{
	(void)state;
	check("[!!str 1, !!int \"12\", !!float 3, !!bool yes, !!null ~, !!binary aGk=, !!timestamp 2024-01-02]",
	      LOAD_KUBERNETES, "[\"1\",12,3,true,null,\"hi\",\"2024-01-02\"]");
	check("!!map {a: !!seq [1]}", LOAD_OMNI, "{\"a\":[1]}");
	check_fault(SPAN("a: !!int x\n"), LOAD_OMNI, "1:4 WrongTag", true);
	check_fault(SPAN("a: !Ref x\n"), LOAD_OMNI, "1:4 UnknownTag", true);
	check_fault(SPAN("a: !!binary x\n"), LOAD_OMNI, "1:4 WrongTag", true);
}

static void source_text_stays(void **state)
{
	(void)state;
	struct result result;
	load(&result, "a: 1.30\nb: 0x1f\nc: yes\nd: x\ne: 2024-01-02\nf: 7\n", LOAD_OMNI);
	static const char *const texts[] = {"1.3", "31", "yes", "x", "2024-01-02T00:00:00Z", "7"};
	static const char *const sources[] = {"1.30", "0x1f", "yes", "x", "2024-01-02", "7"};
	for (size_t i = 0; i < 6; i++) {
		const struct node *value = &result.documents[0].root.pairs[i].value;
		assert_span(node_text(value), texts[i]);
		assert_span(node_source_text(value), sources[i]);
		struct node copy = node_copy(&result.arena, value);
		assert_span(node_source_text(&copy), sources[i]);
	}
	arena_done(&result.arena);
}

static void the_dialect_follows_the_document(void **state)
{
	(void)state;
	struct result result;
	load(&result,
	     "kind: Cluster\na: yes\n---\napiVersion: v1\na: yes\n---\na: yes\nl: [on, 2024-01-02, {no: 010}]\nd: 2024-01-02\n"
	     "s: !!str yes\nq: 'no'\n1: x\napiVersion: v1\n",
	     LOAD_AUTO);
	assert_int_equal(result.count, 3);
	assert_span(json_of(&result, 0), "{\"kind\":\"Cluster\",\"a\":\"yes\"}");
	assert_span(json_of(&result, 1), "{\"apiVersion\":\"v1\",\"a\":true}");
	assert_span(json_of(&result, 2), "{\"a\":true,\"l\":[true,\"2024-01-02\",{\"false\":8}],\"d\":\"2024-01-02\","
					 "\"s\":\"yes\",\"q\":\"no\",\"1\":\"x\",\"apiVersion\":\"v1\"}");
	assert_int_equal(result.documents[0].dialect, LOAD_OMNI);
	assert_int_equal(result.documents[1].dialect, LOAD_KUBERNETES);
	assert_int_equal(result.documents[2].dialect, LOAD_KUBERNETES);
	arena_done(&result.arena);
}

static void merging(void **state)
{
	(void)state;
	check("a: &x {q: 1, r: 2}\nb: {<<: *x, q: 5}\n", LOAD_KUBERNETES, "{\"a\":{\"q\":1,\"r\":2},\"b\":{\"q\":5,\"r\":2}}");
	check("a: &x {q: 1, r: 2}\nb:\n  q: 5\n  <<: *x\n", LOAD_OMNI, "{\"a\":{\"q\":1,\"r\":2},\"b\":{\"q\":5,\"r\":2}}");
	check("a: {<<: [{q: 1}, {q: 2, r: 3}], s: 4}", LOAD_OMNI, "{\"a\":{\"s\":4,\"q\":1,\"r\":3}}");
	check("a: {<<: [{q: 1}, {q: 2, r: 3}], s: 4}", LOAD_KUBERNETES, "{\"a\":{\"q\":1,\"r\":3,\"s\":4}}");
	check("a: {\"<<\": 1}", LOAD_OMNI, "{\"a\":{\"<<\":1}}");
	check_fault(SPAN("a: {<<: 1}"), LOAD_OMNI, "1:5 BadMerge", true);
	/* Kubernetes clients let "<<" win over what stands above it */
	struct result result;
	load(&result, "a: &x {q: 1}\nb:\n  q: 5\n  <<: *x\n", LOAD_KUBERNETES);
	assert_span(json_of(&result, 0), "{\"a\":{\"q\":1},\"b\":{\"q\":1}}");
	assert_string_equal(result.diags.items[0].code, "MergeOrder");
	assert_int_equal(result.diags.items[0].line, 3);
	arena_done(&result.arena);
}

static void aliases_and_anchors(void **state)
{
	(void)state;
	check("a: &x [1, {b: 2}]\nc: *x\n", LOAD_OMNI, "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}]}");
	check("a: &x k\n*x : v\n", LOAD_OMNI, "{\"a\":\"k\",\"k\":\"v\"}");
	check_fault(SPAN("a: *x\n"), LOAD_OMNI, "1:4 UnknownAlias", true);
	check_fault(SPAN("a: &x [*x]\n"), LOAD_OMNI, "1:8 UnknownAlias", true);
	check_fault(SPAN("a: &x 1\n---\nb: *x\n"), LOAD_OMNI, "3:4 UnknownAlias", true);
}

static void keys_that_cannot_be(void **state)
{
	(void)state;
	check_fault(SPAN("a: 1\nb: 2\na: 3\n"), LOAD_OMNI, "3:1 DuplicateKey", true);
	check_fault(SPAN("1: a\n'1': b\n"), LOAD_KUBERNETES, "2:1 DuplicateKey", true);
	check_fault(SPAN("? [a]\n: b\n"), LOAD_KUBERNETES, "1:3 ComplexKey", true);
	check_fault(SPAN("a: {{ b }}\n"), LOAD_KUBERNETES, "1:5 ComplexKey", true);
	check_fault(SPAN("~: b\n"), LOAD_KUBERNETES, "1:1 NullKey", true);
	check_fault(SPAN("a: .inf\n"), LOAD_KUBERNETES, "1:4 NotFinite", true);
}

static void duplicates_in_large_maps(void **state)
{
	(void)state;
	struct text yaml;
	struct result result;
	text_init(&yaml, TEXT_NO_LIMIT);
	for (int i = 0; i < 500; i++)
		text_addf(&yaml, "k%d: %d\n", i % 499, i);
	load_span(&result, text_span(&yaml), LOAD_OMNI, NULL);
	assert_int_equal(result.diags.count, 1);
	assert_int_equal(result.diags.items[0].line, 500);
	assert_int_equal(result.documents[0].root.len, 499);
	assert_span(node_text_at(&result.documents[0].root, "k0"), "499");
	arena_done(&result.arena);
	text_done(&yaml);
}

static void faults_name_their_object(void **state)
{
	(void)state;
	struct result result;
	load(&result, "kind: OmniCluster\napiVersion: x\nmetadata: {name: edge}\na: 1\na: 2\n", LOAD_AUTO);
	assert_span(result.diags.items[0].object, "OmniCluster/edge");
	arena_done(&result.arena);
}

static void syntax_faults(void **state)
{
	(void)state;
	check_fault(SPAN("a:\n\t- b\n"), LOAD_AUTO, "2:1 YamlSyntax", false);
	check_fault(SPAN("a: b: c\n"), LOAD_AUTO, "1:5 YamlSyntax", false);
	check_fault(SPAN("a: \"b\n"), LOAD_AUTO, "1:4 YamlSyntax", false);
	check_fault(SPAN("a: [1, 2\nb: 3\n"), LOAD_AUTO, "2:2 YamlSyntax", false);
	check_fault(SPAN("a: @b\n"), LOAD_AUTO, "1:4 YamlSyntax", false);
	check_fault(SPAN("ok: 1\n bad: 2\n"), LOAD_AUTO, "2:5 YamlSyntax", false);
	check_fault(SPAN("a: 1\nnocolon\nb: 2\n"), LOAD_AUTO, "2:1 YamlSyntax", false);
	check_fault(SPAN("%TAG ! x\na"), LOAD_AUTO, "2:1 YamlSyntax", false);
	check_fault(SPAN("a: \x01\n"), LOAD_AUTO, "1:4 YamlSyntax", false);
	check_fault(SPAN("a: b\n\xC3: c\n"), LOAD_AUTO, "2:1 NotUtf8", false);
	check_fault(SPAN("\xFF\xFE" "a\0"), LOAD_AUTO, "1:1 NotUtf8", false);
	check_fault(SPAN("a\0:\0 \0b\0"), LOAD_AUTO, "1:1 NotUtf8", false);
}

static void documents_before_a_fault_stay(void **state)
{
	(void)state;
	struct result result;
	load(&result, "a: 1\n---\nb: 2\n---\nc: [\n", LOAD_AUTO);
	assert_false(result.is_whole);
	assert_int_equal(result.count, 2);
	assert_span(json_of(&result, 1), "{\"b\":2}");
	arena_done(&result.arena);
	load(&result, "a: 1\n---\nb: 2\nc: \xFF\n", LOAD_AUTO);
	assert_false(result.is_whole);
	assert_int_equal(result.count, 1);
	arena_done(&result.arena);
}

static void positions_count_bytes(void **state)
{
	(void)state;
	struct result result;
	load(&result, "\xEF\xBB\xBFk: v\n\xC3\xA9\xC3\xA9: {\"\xE2\x82\xAC\": x, y: z}\r\nw: 1\n", LOAD_AUTO);
	const struct node *root = &result.documents[0].root;
	const struct node *map = &root->pairs[1].value;
	assert_int_equal(root->pairs[0].value.column, 4);
	assert_int_equal(map->line, 2);
	assert_int_equal(map->column, 7);
	assert_int_equal(map->pairs[0].value.column, 15);
	assert_int_equal(map->pairs[1].key.column, 18);
	assert_int_equal(root->pairs[2].key.line, 3);
	assert_int_equal(root->pairs[2].key.column, 1);
	arena_done(&result.arena);
}

/* All faults, "line:column Code" with blanks between, and the JSON of all documents. */
static void check_all(const char *yaml, const char *faults, const char *json)
{
	struct result result;
	struct text all;
	load(&result, yaml, LOAD_AUTO);
	text_init(&all, TEXT_NO_LIMIT);
	for (size_t i = 0; i < result.diags.count; i++) {
		const struct diag *diag = &result.diags.items[i];
		text_addf(&all, "%s%u:%u %s", i == 0 ? "" : " ", diag->line, diag->column, diag->code);
	}
	assert_span(text_span(&all), faults);
	text_reset(&all);
	for (size_t i = 0; i < result.count; i++)
		text_add(&all, json_of(&result, i));
	assert_span(text_span(&all), json);
	assert_int_equal(result.is_whole, faults[0] == '\0');
	text_done(&all);
	arena_done(&result.arena);
}

static void reading_goes_on_behind_a_fault(void **state)
{
	(void)state;
	check_all("a: [1\n---\nb: 2\n---\nc: @\nd: 1\n--- \ne: 3\n--- @\n---\n", "2:1 YamlSyntax 5:4 YamlSyntax 9:5 YamlSyntax",
		  "{\"b\":2}{\"e\":3}null");
	check_all("a: \"x\n---\nb: 2\n", "1:4 YamlSyntax", "{\"b\":2}");
	check_all("\xC3\xA9: \xC3\xA9: x\n---\n\xC3\xA9: \xC3\xA9: y\n", "1:7 YamlSyntax 3:7 YamlSyntax", "");
	check_all("a: @\r\n---\r\nb: @\r---\rc: 1\n", "1:4 YamlSyntax 3:4 YamlSyntax", "{\"c\":1}");
	check_all("a: @\nx---\n ---\n---x\n", "1:4 YamlSyntax", "");
	check_all("a: @\n---\nb: 1\nb: 2\n", "1:4 YamlSyntax 4:1 DuplicateKey", "{\"b\":2}");
}

static void positions_behind_a_fault(void **state)
{
	(void)state;
	struct result result;
	const char *yaml = "\xEF\xBB\xBF" "a: @\n---\n\xC3\xA9: {b: c}\n...\n";
	load(&result, yaml, LOAD_AUTO);
	assert_int_equal(result.count, 1);
	const struct load_document *document = &result.documents[0];
	assert_span(((struct span){yaml + document->begin, document->end - document->begin}), "\xC3\xA9: {b: c}\n");
	const struct node *inner = &document->root.pairs[0].value.pairs[0].value;
	assert_int_equal(inner->line, 3);
	assert_int_equal(inner->column, 9);
	arena_done(&result.arena);
}

/* What the first fault says. */
static void check_message(struct span yaml, const char *place, const char *message)
{
	struct result result;
	load_span(&result, yaml, LOAD_AUTO, NULL);
	assert_true(result.diags.count > 0);
	const struct diag *diag = &result.diags.items[0];
	assert_span(arena_spanf(&result.arena, "%u:%u", diag->line, diag->column), place);
	assert_non_null(strstr(diag->message.ptr, message));
	arena_done(&result.arena);
}

static void keys_that_only_json_knows(void **state)
{
	(void)state;
	char key[1101];
	struct text yaml;
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	text_init(&yaml, TEXT_NO_LIMIT);
	text_addf(&yaml, "{\"a\": 1,\n  \"%s\": 2}", key);
	check_message(text_span(&yaml), "2:3", "longer than 1024 characters");
	text_reset(&yaml);
	text_addf(&yaml, "a: 1\n%s: 2\n", key);
	check_message(text_span(&yaml), "2:1", "longer than 1024 characters");
	text_done(&yaml);
	check_message(SPAN("{\"a\"\n: 1}"), "1:2", "in different lines");
	check_message(SPAN("{\"a\": 1 : 2}"), "1:9", "without \",\"");
	check_message(SPAN("a: 1\nb\nc: 2\n"), "2:1", "this line has no");
}

static void values_of_json_follow_each_other(void **state)
{
	(void)state;
	check_all("{\"a\": 1}\n{\"a\": 2}[3] {\"b\":\n\"\\ud83d\\ude00\"}\n---\n{\"c\": 4}\n", "",
		  "{\"a\":1}{\"a\":2}[3]{\"b\":\"\xF0\x9F\x98\x80\"}{\"c\":4}");
	check_all("{\"a\": 1}\n\"b\"\n", "2:1 YamlSyntax", "{\"a\":1}");
	check_all("a: 1\n{b: 2}\n", "2:1 YamlSyntax", "");
}

static void document_ranges(void **state)
{
	(void)state;
	const char *yaml = "# head\na: 1\n---\nb: 2\n...\n---\nc: 3\n";
	struct result result;
	load(&result, yaml, LOAD_AUTO);
	static const char *const texts[] = {"# head\na: 1\n", "b: 2\n", "c: 3\n"};
	assert_int_equal(result.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct load_document *document = &result.documents[i];
		assert_span(((struct span){yaml + document->begin, document->end - document->begin}), texts[i]);
	}
	arena_done(&result.arena);
}

static void json_files(void **state)
{
	(void)state;
	check("{\"a\": \"\\ud83d\\ude00\\/\\\\u0041\", \"b\":\"\\ud800\"}", LOAD_AUTO,
	      "{\"a\":\"\xF0\x9F\x98\x80/\\\\u0041\",\"b\":\"\xEF\xBF\xBD\"}");
	check("{\n\t\"a\": [\n\t\t1,\n\t\t\"x\x7f\xC2\x80\"\n\t]\n}\n", LOAD_AUTO, "{\"a\":[1,\"x\\u007f\xC2\x80\"]}");
	struct result result;
	load(&result, "{\"a\": \"\\ud83d\\ude00\", \"b\": 1}", LOAD_AUTO);
	assert_int_equal(result.documents[0].root.pairs[1].key.column, 23);
	arena_done(&result.arena);
}

static void check_limit(const char *yaml, struct load_limits limits, const char *code)
{
	struct result result;
	load_span(&result, span_of(yaml), LOAD_AUTO, &limits);
	assert_false(result.is_whole);
	assert_string_equal(result.diags.items[0].code, code);
	arena_done(&result.arena);
}

static void limits(void **state)
{
	(void)state;
	check_limit("a\n---\nb\n---\nc\n", (struct load_limits){2, 64, 100, 0}, "TooManyDocuments");
	check_limit("[[[[1]]]]", (struct load_limits){2, 3, 100, 0}, "TooDeep");
	check_limit("a: &x [[1]]\nb: [[*x]]\n", (struct load_limits){2, 4, 100, 0}, "TooDeep");
	check_limit("[1,2,3,4,5]", (struct load_limits){2, 64, 5, 0}, "TooManyNodes");
	check_limit("a: &a [1,1,1,1]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
		    (struct load_limits){2, 64, 100, 0}, "TooManyNodes");
	check_limit("a: &a xxxxxxxxxxxxxxxxxxxx\nb: [*a,*a,*a]\n", (struct load_limits){2, 64, 100, 50}, "TooBig");
}

static void one_document(void **state)
{
	(void)state;
	struct arena arena;
	struct node root;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(load_one(&arena, SPAN("a: 1"), LOAD_OMNI, &root, &fail));
	assert_span(node_text_at(&root, "a"), "1");
	assert_true(load_one(&arena, SPAN(""), LOAD_OMNI, &root, &fail));
	assert_int_equal(root.kind, NODE_NULL);
	assert_false(load_one(&arena, SPAN("a: 1\n---\nb: 2\n"), LOAD_OMNI, &root, &fail));
	assert_false(load_one(&arena, SPAN("a: [1\n"), LOAD_OMNI, &root, &fail));
	assert_non_null(strstr(fail.text, "line 2"));
	arena_done(&arena);
}

/* Nodes of one stream stay when the next is read; texts that both have are kept once. */
static void streams_share_their_texts(void **state)
{
	(void)state;
	struct load_shared shared = {0};
	struct arena arena;
	struct diag_list diags;
	struct load_document *documents;
	size_t count;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&diags, &arena);
	struct diag_at at = {.list = &diags};
	const char *id = "11111111-2222-4333-8444-555555555555";
	struct span first = arena_spanf(&arena, "id: %s\n---\nb: 1\n", id), second = arena_spanf(&arena, "id: %s\n", id);
	assert_true(load_yaml_shared(&shared, &arena, first, LOAD_OMNI, NULL, &at, &documents, &count));
	assert_int_equal(count, 2);
	struct node before = documents[0].root;
	assert_true(load_yaml_shared(&shared, &arena, second, LOAD_OMNI, NULL, &at, &documents, &count));
	assert_int_equal(count, 1);
	assert_span(node_text_at(&before, "id"), id);
	assert_ptr_equal(node_get(&before, "id")->text, node_get(&documents[0].root, "id")->text);
	assert_ptr_equal(before.pairs[0].key.text, documents[0].root.pairs[0].key.text);
	assert_false(load_yaml_shared(&shared, &arena, SPAN("a: [\n"), LOAD_OMNI, NULL, &at, &documents, &count));
	assert_int_equal(count, 0);
	load_shared_done(&shared);
	assert_span(node_text_at(&before, "id"), id);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kubernetes_scalars),
		cmocka_unit_test(empty_values),
		cmocka_unit_test(long_integers),
		cmocka_unit_test(kubernetes_keys),
		cmocka_unit_test(omni_scalars),
		cmocka_unit_test(tags),
		cmocka_unit_test(source_text_stays),
		cmocka_unit_test(the_dialect_follows_the_document),
		cmocka_unit_test(merging),
		cmocka_unit_test(aliases_and_anchors),
		cmocka_unit_test(keys_that_cannot_be),
		cmocka_unit_test(duplicates_in_large_maps),
		cmocka_unit_test(faults_name_their_object),
		cmocka_unit_test(syntax_faults),
		cmocka_unit_test(documents_before_a_fault_stay),
		cmocka_unit_test(positions_count_bytes),
		cmocka_unit_test(reading_goes_on_behind_a_fault),
		cmocka_unit_test(positions_behind_a_fault),
		cmocka_unit_test(keys_that_only_json_knows),
		cmocka_unit_test(values_of_json_follow_each_other),
		cmocka_unit_test(document_ranges),
		cmocka_unit_test(json_files),
		cmocka_unit_test(limits),
		cmocka_unit_test(one_document),
		cmocka_unit_test(streams_share_their_texts),
	};
	return RUN_TESTS(tests);
}
