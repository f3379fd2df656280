/* Nodes: looking up, making, comparing by meaning, copying. */
#include "tests/unit/test.h"

#include "render/load.h"
#include "render/node.h"

static struct node load(struct arena *arena, const char *yaml)
{
	struct node root;
	struct fail fail = {0};
	if (!load_one(arena, span_of(yaml), LOAD_OMNI, &root, &fail))
		fail_msg("%s: %s", yaml, fail.text);
	return root;
}

static void lookup(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node root = load(&arena, "spec: {talos: {version: v1.13.2}, empty: }\n");
	assert_span(node_text_at(&root, "spec.talos.version"), "v1.13.2");
	assert_span(node_text_at(&root, "spec.talos"), "");
	assert_null(node_path(&root, "spec.talos.version.x"));
	assert_null(node_get(&root, "spe"));
	assert_null(node_get(NULL, "spec"));
	assert_false(node_is_set(node_path(&root, "spec.empty")));
	assert_true(node_is(node_path(&root, "spec.empty"), NODE_NULL));
	arena_done(&arena);
}

static void making(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node map = node_map(&arena, 3), seq = node_seq(&arena, 2);
	node_push(&seq, node_int(&arena, INT64_MIN));
	node_push(&seq, node_bool(false));
	node_put(&map, "a", seq);
	node_put_span(&map, SPAN("b"), node_string(SPAN("x")));
	node_put(&map, "c", node_null());
	struct node same = load(&arena, "c: ~\nb: x\na: [-9223372036854775808, false]\n");
	assert_true(node_equal(&map, &same));
	struct node copy = node_copy(&arena, &map);
	assert_true(node_equal(&copy, &same));
	assert_ptr_not_equal(copy.pairs, map.pairs);
	arena_done(&arena);
}

static bool same_canonical(const struct node *a, const struct node *b)
{
	struct text x, y;
	text_init(&x, TEXT_NO_LIMIT);
	text_init(&y, TEXT_NO_LIMIT);
	node_canonical(&x, a);
	node_canonical(&y, b);
	bool same = span_eq(text_span(&x), text_span(&y));
	text_done(&x);
	text_done(&y);
	return same;
}

static void comparing(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"1", "1.0", true}, {"1000000", "1e6", true}, {"0x10", "16", true}, {"1", "'1'", false}, {"1", "2", false},
		{"-0.0", "0", true}, {".inf", ".inf", true}, {".inf", "1", false}, {"true", "'true'", false},
		{"~", "''", false}, {"[1, 2]", "[2, 1]", false}, {"[1]", "[1, 1]", false}, {"{a: 1, b: 2}", "{b: 2, a: 1}", true},
		{"{a: 1}", "{a: 1, b: 2}", false}, {"{a: 1}", "{b: 1}", false}, {"{}", "[]", false}, {"a", "a", true},
		{"9007199254740993", "9007199254740992", false},
		{"{a: {b: 1}, c: 2}", "{a: {b: 1, c: 2}}", false}, {"[[1], 2]", "[[1, 2]]", false}, {"0.5", "5e-1", true},
	};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct node a = load(&arena, cases[i].a), b = load(&arena, cases[i].b);
		if (node_equal(&a, &b) != cases[i].equal || node_equal(&b, &a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		if (same_canonical(&a, &b) != cases[i].equal)
			fail_msg("%s and %s, as bytes", cases[i].a, cases[i].b);
	}
	arena_done(&arena);
}

static void comparing_large_maps(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node a = node_map(&arena, 300), b = node_map(&arena, 300);
	for (int i = 0; i < 300; i++) {
		node_put_span(&a, arena_spanf(&arena, "%d", i), node_int(&arena, i));
		node_put_span(&b, arena_spanf(&arena, "%d", 299 - i), node_int(&arena, 299 - i));
	}
	assert_true(node_equal(&a, &b));
	assert_true(same_canonical(&a, &b));
	b.pairs[150].value = node_int(&arena, -1);
	assert_false(node_equal(&a, &b));
	assert_false(same_canonical(&a, &b));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup),
		cmocka_unit_test(making),
		cmocka_unit_test(comparing),
		cmocka_unit_test(comparing_large_maps),
	};
	return RUN_TESTS(tests);
}
