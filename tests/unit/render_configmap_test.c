/* Names, sizes and masks of the ConfigMaps; what they look like is in tests/golden/objects. */
#include "render/configmap.h"
#include "render/emit.h"
#include "render/mask.h"
#include "tests/unit/test.h"

#define SUFFIX "-omni-template"

static struct span repeat(struct arena *arena, char c, size_t count)
{
	char *text = arena_alloc(arena, count + 1);
	memset(text, c, count);
	return (struct span){text, count};
}

static void names_are_names(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"prod", "prod-omni-template"},
		{"a.b-c.9", "a.b-c.9-omni-template"},
		{"Prod", "prod-5f56359e-omni-template"},
		{"prod_a", "prod-a-c5f5aa96-omni-template"},
		{"_a_", "a-dee5fddd-omni-template"},
		{"a..b", "a--b-f62b4241-omni-template"},
		{"___", "bda25155-omni-template"},
		{"", "e3b0c442-omni-template"},
	};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_span(configmap_name(&arena, span_of(cases[i][0]), SUFFIX), cases[i][1]);
	arena_done(&arena);
}

/* With the number of a part behind it, a name has at most 253 bytes. */
static void long_names_fit_and_differ(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t len = 230; len <= 253; len++) {
		struct span base = repeat(&arena, 'a', len), other = repeat(&arena, 'a', len + 1);
		struct span name = configmap_name(&arena, base, SUFFIX);
		assert_true(name.len <= 253 - 4);
		assert_true(span_ends(name, SUFFIX));
		assert_false(span_eq(name, configmap_name(&arena, other, SUFFIX)));
	}
	assert_int_equal(configmap_name(&arena, repeat(&arena, 'a', 253 - 4 - strlen(SUFFIX)), SUFFIX).len, 249);
	arena_done(&arena);
}

static void label_values_are_label_values(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_span(configmap_label_value(&arena, SPAN("Lab_One.x-1")), "Lab_One.x-1");
	assert_span(configmap_label_value(&arena, SPAN("")), "");
	assert_span(configmap_label_value(&arena, SPAN("a_")), "a-571fb0e3");
	assert_span(configmap_label_value(&arena, SPAN("a b")), "a-b-c8687a08");
	assert_int_equal(configmap_label_value(&arena, repeat(&arena, 'x', 63)).len, 63);
	assert_int_equal(configmap_label_value(&arena, repeat(&arena, 'x', 64)).len, 63);
	arena_done(&arena);
}

static void releases_change_less_often_than_commits(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"v1.4.0", "v1.4.0"},	      {"1.4.0", "1.4.0"},
		{"v1.4.0-12-gabc1234", "v1.4.0"}, {"v1.4.0-12-gabc1234-dirty", "v1.4.0"},
		{"v1.4.0-dirty", "v1.4.0"},   {"v1.4.0-rc.1", "v1.4.0-rc.1"},
		{"v1.4.0-rc.1-3-gabc1234", "v1.4.0-rc.1"}, {"abc1234", "dev"},
		{"1234567-dirty", "dev"},     {"unknown", "dev"},
		{"", "dev"},		      {"v", "dev"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_span(configmap_release(cases[i][0]), cases[i][1]);
}

/* --- templates that do not fit ---------------------------------------------------------------------------------------- */

struct fixture {
	struct arena arena;
	struct cluster cluster;
	struct document head;
	struct node doc;
	const struct document *documents[1];
	struct node_list list;
};

static void add(struct fixture *fixture, struct span text)
{
	fixture->documents[0] = &fixture->head;
	fixture->head = (struct document){.name = SPAN("prod"), .ns = SPAN("omni")};
	fixture->doc = node_map(&fixture->arena, 1);
	fixture->cluster = (struct cluster){
		.name = SPAN("prod"),
		.ns = SPAN("omni"),
		.head = &fixture->head,
		.documents = fixture->documents,
		.document_count = 1,
		.template_docs = &fixture->doc,
		.template_text = text,
		.template_hash = "abc",
	};
	configmap_add_cluster(&fixture->arena, &fixture->cluster, &(struct configmap_options){.version = "v1.0.0"}, &fixture->list);
}

static struct span lines(struct arena *arena, size_t count, size_t length)
{
	char *text = arena_alloc(arena, count * length + 1);
	for (size_t i = 0; i < count; i++) {
		memset(text + i * length, 'a' + (int)(i % 26), length - 1);
		text[i * length + length - 1] = '\n';
	}
	return (struct span){text, count * length};
}

static void check_parts(struct fixture *fixture, struct span text, size_t wanted)
{
	size_t at = 0;
	fixture->list = (struct node_list){0};
	add(fixture, text);
	assert_int_equal(fixture->list.count, wanted);
	for (size_t i = 0; i < wanted; i++) {
		const struct node *map = &fixture->list.items[i], *data = node_get(map, "data");
		struct span piece = node_text(&data->pairs[0].value);
		struct text printed;
		assert_int_equal(data->len, 1);
		assert_true(piece.len <= 900 * 1024);
		assert_memory_equal(piece.ptr, text.ptr + at, piece.len);
		at += piece.len;
		text_init(&printed, TEXT_NO_LIMIT);
		emit_document(&printed, map, EMIT_RESOURCE, false);
		assert_true(configmap_is_ours(map));
		text_done(&printed);
	}
	assert_int_equal(at, text.len);
}

static void long_templates_are_several_objects(void **state)
{
	(void)state;
	struct fixture fixture = {0};
	arena_init(&fixture.arena, ARENA_NO_LIMIT);
	check_parts(&fixture, SPAN(""), 1);
	check_parts(&fixture, lines(&fixture.arena, 900, 1024), 1);
	check_parts(&fixture, lines(&fixture.arena, 901, 1024), 2);
	assert_span(node_text_at(&fixture.list.items[0], "metadata.name"), "prod-omni-template");
	assert_span(node_text_at(&fixture.list.items[1], "metadata.name"), "prod-omni-template-001");
	assert_span(node_text(&node_get(&fixture.list.items[1], "data")->pairs[0].key), "template-001.yaml");
	check_parts(&fixture, lines(&fixture.arena, 1, 2000 * 1024), 3); /* no line ends to cut at */
	char *umlauts = arena_alloc(&fixture.arena, 2000001);
	memset(umlauts, 'x', 1);
	for (size_t i = 1; i < 2000001; i += 2)
		memcpy(umlauts + i, "\303\244", 2);
	check_parts(&fixture, (struct span){umlauts, 2000001}, 3);
	for (size_t i = 0; i < 3; i++) /* no character is cut in two */
		assert_true((node_text(&node_get(&fixture.list.items[i], "data")->pairs[0].value).ptr[0] & '\xC0') != '\x80');
	arena_done(&fixture.arena);
}

static struct span entry_name(const struct fixture *fixture, size_t object, size_t entry)
{
	const struct node *data = node_get(&fixture->list.items[object], "data");
	assert_in_range(entry, 0, data->len - 1);
	return node_text(&data->pairs[entry].key);
}

static void files_stand_beside(void **state)
{
	(void)state;
	struct fixture fixture = {0};
	struct cluster *cluster = &fixture.cluster;
	arena_init(&fixture.arena, ARENA_NO_LIMIT);
	struct span half = lines(&fixture.arena, 500, 1024), whole = lines(&fixture.arena, 901, 1024);
	struct cluster_file files[] = {
		{SPAN("x.yaml"), SPAN("a/x.yaml"), half},  {SPAN("x.yaml"), SPAN("a_x.yaml"), SPAN("b: c\n")},
		{SPAN("y.yaml"), SPAN("y.yaml"), half},	   {SPAN("z.yaml"), SPAN("z.yaml"), whole},
	};
	add(&fixture, SPAN("a: b\n"));
	assert_int_equal(fixture.list.count, 1); /* no file, no object */
	cluster->files = files;
	cluster->file_count = sizeof files / sizeof *files;
	fixture.list.count = 0;
	configmap_add_cluster(&fixture.arena, cluster, &(struct configmap_options){.version = "v1.0.0"}, &fixture.list);
	assert_int_equal(fixture.list.count, 3);
	assert_span(node_text_at(&fixture.list.items[1], "metadata.name"), "prod-omni-files");
	assert_span(node_text_at(&fixture.list.items[2], "metadata.name"), "prod-omni-files-001");
	assert_span(entry_name(&fixture, 1, 0), "a_x.yaml");
	assert_int_equal(node_get(&fixture.list.items[1], "data")->len, 2);
	assert_true(span_ends(entry_name(&fixture, 1, 1), "-a_x.yaml")); /* that of another file */
	assert_span(entry_name(&fixture, 2, 0), "y.yaml");
	struct span large = node_text(&node_get(&fixture.list.items[2], "data")->pairs[1].value);
	assert_true(span_starts(large, "922624 bytes, too many to show; SHA-256 "));
	assert_true(configmap_is_ours(&fixture.list.items[1]));
	arena_done(&fixture.arena);
}

/* --- masks ------------------------------------------------------------------------------------------------------------ */

static void check_mask(const char *given, const char *wanted)
{
	struct arena arena;
	struct node root;
	struct fail fail = {0};
	struct text out;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	if (!load_one(&arena, span_of(given), LOAD_OMNI, &root, &fail))
		fail_msg("%s: %s", given, fail.text);
	struct node masked = mask_node(&arena, &root), twice = mask_node(&arena, &masked);
	emit_document(&out, &masked, EMIT_RESOURCE, false);
	assert_string_equal(out.ptr, wanted);
	assert_true(node_equal(&masked, &twice));
	text_done(&out);
	arena_done(&arena);
}

static void masks_hide_what_is_secret(void **state)
{
	(void)state;
	check_mask("a: b", "a: b\n");
	check_mask("password: x", "password: sha256:2d711642b726\n");
	check_mask("password: 12345", "password: sha256:5994471abb01\n");
	check_mask("password: 012345", "password: sha256:2224512ef44a\n");
	check_mask("password: \"\"", "password: \"\"\n");
	check_mask("password: null", "password: null\n");
	check_mask("hasToken: true", "hasToken: true\n");
	check_mask("secret: {a: {b: [x]}}", "secret:\n  a:\n    b:\n      - sha256:2d711642b726\n");
	check_mask("{name: DB_PASSWORD, value: x}", "name: DB_PASSWORD\nvalue: sha256:2d711642b726\n");
	check_mask("{kind: Secret, stringData: {a: x}}", "kind: Secret\nstringData:\n  a: sha256:2d711642b726\n");
	check_mask("- PASSWORD=x", "- sha256:8d6c2794cf33\n");
	check_mask("text: |\n  a: 1\n  token: x\n", "text: |\n  a: 1\n  token: sha256:2d711642b726\n");
	check_mask("text: |\n  # why\n  a: 1\n", "text: |\n  # why\n  a: 1\n");
	check_mask("text: |\n  # token: x\n  a: 1\n", "text: |\n  a: 1\n");
	check_mask("text: |\n  a\n  token=x\n", "text: sha256:0f1304ad193f\n");
	check_mask("text: |\n  a: |\n    b: |\n      token: x\n      c: d\n",
		   "text: |\n  a: |\n      b: |\n          token: sha256:2d711642b726\n          c: d\n");
}

/* Text in text in text: at some depth it is no longer read, but still not shown. */
static void masks_end(void **state)
{
	(void)state;
	struct arena arena;
	struct text text;
	struct node root;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	for (int i = 0; i < 12; i++) {
		text_pad(&text, ' ', (size_t)i);
		text_adds(&text, "a: |\n");
	}
	text_pad(&text, ' ', 12);
	text_adds(&text, "token: hunter2\n            b: c\n");
	assert_true(load_one(&arena, text_span(&text), LOAD_OMNI, &root, &fail));
	struct node masked = mask_node(&arena, &root);
	text_reset(&text);
	emit_document(&text, &masked, EMIT_RESOURCE, false);
	assert_false(span_contains(text_span(&text), "hunter2"));
	text_done(&text);
	arena_done(&arena);
}

static void only_ours_are_ours(void **state)
{
	(void)state;
	static const char *const others[] = {
		"{apiVersion: v1, kind: ConfigMap}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {labels: {omni.texashpc.com/artifact: template}}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {annotations: {omni.texashpc.com/renderer: omniops/v1}}}",
		"{apiVersion: v1, kind: Secret, metadata: {labels: {omni.texashpc.com/artifact: t}, annotations: "
		"{omni.texashpc.com/renderer: omniops/v1}}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {labels: {omni.texashpc.com/artifact: t}, annotations: "
		"{omni.texashpc.com/renderer: other/v1}}}",
		"[a]",
	};
	struct arena arena;
	struct node root;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_true(load_one(&arena, span_of(others[i]), LOAD_KUBERNETES, &root, NULL));
		assert_false(configmap_is_ours(&root));
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_names),
		cmocka_unit_test(long_names_fit_and_differ),
		cmocka_unit_test(label_values_are_label_values),
		cmocka_unit_test(releases_change_less_often_than_commits),
		cmocka_unit_test(long_templates_are_several_objects),
		cmocka_unit_test(files_stand_beside),
		cmocka_unit_test(masks_hide_what_is_secret),
		cmocka_unit_test(masks_end),
		cmocka_unit_test(only_ours_are_ours),
	};
	return RUN_TESTS(tests);
}
