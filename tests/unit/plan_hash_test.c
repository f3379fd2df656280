/* The hash of a plan over secrets: the same from what hides them, another for another secret that comes, and nothing of
 * the one that goes. */
#include "tests/unit/test.h"

#include "tests/unit/plan_bench.h"

#define HARMLESS "machine: {sysctls: {a: \"1\"}}\n"
#define OLD "machine: {env: {API_TOKEN: old-one, PLACE: here}}\n"
#define NEW "machine: {env: {API_TOKEN: new-one, PLACE: here}}\n"

enum side { SHOWN, HIDDEN, HIDDEN_UNKNOWN };

static void hide_all(struct resource_list *list, struct arena *arena, const char *key, struct hide_book *book)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = hide_resource(arena, span_of(key), list->items[i], book);
}

/* The hash of the change of one patch; is_of_copy in *out_copy. */
static struct span hash(struct arena *arena, const char *before, const char *after, enum side side, const char *key, bool *out_copy)
{
	struct maker old = make_cluster(arena, "demo", "1.13.3", "1.35.1"), new = make_cluster(arena, "demo", "1.13.3", "1.35.1");
	struct plan_actual actual = {0};
	struct plan_options options = {.gate = RISK_DISRUPTIVE};
	struct hide_book book;
	struct plan plan;
	hide_book_init(&book, arena);
	if (before != NULL)
		make_patch(&old, 200, "a", before);
	make_patch(&new, 200, "a", after);
	actual.resources = old.cluster->resources;
	if (side != SHOWN) {
		hide_all(&actual.resources, arena, key, NULL);
		hide_all(&new.cluster->resources, arena, key, side == HIDDEN ? &book : NULL);
		options.hidden = &book;
	}
	plan_cluster(arena, new.cluster, SPAN("demo"), &actual, &options, &plan);
	assert_int_equal(plan.conflict_count, 0);
	*out_copy = plan.is_of_copy;
	return arena_copy(arena, span_of(plan.hash));
}

static void the_same_from_marks(void **state)
{
	static const char *const texts[] = {NULL, HARMLESS, OLD, NEW, "# password: x\na: b\n", "not: [yaml\ntoken: x\n", "a: \"(secret "
					    "0123456789abcdef0123456789abcdef)\"\n"};
	struct arena arena;
	bool copy;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t j = 1; j < sizeof texts / sizeof *texts; j++) {
			struct span shown = hash(&arena, texts[i], texts[j], SHOWN, "", &copy);
			assert_false(copy);
			assert_span(hash(&arena, texts[i], texts[j], HIDDEN, "one key", &copy), shown.ptr);
			assert_span(hash(&arena, texts[i], texts[j], HIDDEN, "another", &copy), shown.ptr);
		}
	arena_done(&arena);
}

static void what_it_says_of_secrets(void **state)
{
	struct arena arena;
	bool copy;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span changed = hash(&arena, OLD, NEW, SHOWN, "", &copy);
	assert_span(hash(&arena, "machine: {env: {API_TOKEN: older, PLACE: here}}\n", NEW, SHOWN, "", &copy), changed.ptr);
	static const struct {
		const char *before, *after;
	} others[] = {
		{OLD, "machine: {env: {API_TOKEN: newer, PLACE: here}}\n"},
		{OLD, "machine: {env: {API_TOKEN: new-one, PLACE: there}}\n"},
		{"machine: {env: {API_TOKEN: new-one, PLACE: there}}\n", NEW},
		{"machine: {env: {API_TOKEN: old-one, PLACE: there}}\n", NEW},
		{"machine: {env: {B_TOKEN: new-one, API_TOKEN: old-one, PLACE: here}}\n", NEW},
		{NULL, NEW},
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(span_eq(hash(&arena, others[i].before, others[i].after, SHOWN, "", &copy), changed));
	arena_done(&arena);
}

static void marks_that_nobody_knows_are_said(void **state)
{
	struct arena arena;
	bool copy;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span shown = hash(&arena, OLD, NEW, SHOWN, "", &copy);
	assert_false(span_eq(hash(&arena, OLD, NEW, HIDDEN_UNKNOWN, "k", &copy), shown));
	assert_true(copy);
	(void)hash(&arena, OLD, HARMLESS, HIDDEN_UNKNOWN, "k", &copy);
	assert_false(copy);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_from_marks),
		cmocka_unit_test(what_it_says_of_secrets),
		cmocka_unit_test(marks_that_nobody_knows_are_said),
	};
	return RUN_TESTS(tests);
}
