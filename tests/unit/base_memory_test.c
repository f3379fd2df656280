/* Arenas and maps. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "tests/unit/test.h"

static void memory_is_zeroed_and_aligned(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t size = 0; size < 300; size++) {
		unsigned char *bytes = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)bytes % sizeof(max_align_t) % 8, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xff, size);
	}
	arena_reset(&arena);
	unsigned char *again = arena_alloc(&arena, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(again[i], 0);
	arena_done(&arena);
	arena_done(&arena);
}

static void large_blocks_fit(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	char *small = arena_alloc(&arena, 10);
	char *large = arena_alloc(&arena, 10u << 20);
	memset(large, 'x', 10u << 20);
	char *behind = arena_alloc(&arena, 10);
	memset(behind, 'y', 10);
	assert_int_equal(small[9], 0);
	assert_int_equal(large[(10u << 20) - 1], 'x');
	arena_done(&arena);
}

/* Where memory stays, it can be looked at; a sanitizer has it given back. */
static void what_wipes_leaves_nothing(void **state)
{
	(void)state;
	struct arena arena;
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	const char *text = arena_copy(&arena, SPAN("password")).ptr;
	assert_string_equal(text, "password");
	arena_rewind(&arena);
	assert_true(arena.wipes);
#ifndef __SANITIZE_ADDRESS__
	assert_memory_equal(text, "\0\0\0\0\0\0\0\0", 8);
	struct arena_mark mark = arena_mark(&arena);
	text = arena_copy(&arena, SPAN("password")).ptr;
	arena_release(&arena, mark);
	assert_memory_equal(text, "\0\0\0\0\0\0\0\0", 8);
#endif
	arena_done(&arena);
	assert_true(arena.wipes);
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_false(arena.wipes);
}

static void the_limit_is_kept(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 1u << 20);
	assert_null(arena_try_alloc(&arena, (1u << 20) + 1));
	volatile size_t most = SIZE_MAX; /* volatile: the compiler knows that this cannot be */
	for (size_t less = 0; less < 40; less++)
		assert_null(arena_try_alloc(&arena, most - less));
	size_t total = 0;
	while (arena_try_alloc(&arena, 1000) != NULL)
		total += 1000;
	assert_true(total <= 2u << 20); /* the last block is filled */
	assert_true(total >= (1u << 20) - 1000);
	arena_reset(&arena);
	assert_non_null(arena_try_alloc(&arena, 1000));
	arena_done(&arena);
}

static void copies_end_in_nul(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span copy = arena_copy(&arena, (struct span){"abcdef", 3});
	assert_int_equal(copy.len, 3);
	assert_string_equal(copy.ptr, "abc");
	assert_string_equal(arena_string(&arena, (struct span){0}), "");
	assert_span(arena_spanf(&arena, "%s/%d", "x", 7), "x/7");
	struct span large = arena_spanf(&arena, "%0300000d", 1);
	assert_int_equal(large.len, 300000);
	arena_done(&arena);
}

static char order[4];
static size_t order_count;

static char letters[] = "abc";

static void note(void *ptr)
{
	order[order_count++] = *(const char *)ptr;
}

static void defers_run_in_reverse_once(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	order_count = 0;
	arena_defer(&arena, note, &letters[0]);
	arena_defer(&arena, note, &letters[1]);
	arena_reset(&arena);
	arena_defer(&arena, note, &letters[2]);
	arena_done(&arena);
	assert_int_equal(order_count, 3);
	assert_memory_equal(order, "bac", 3);
}

static void arrays_grow(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	int *items = NULL;
	size_t count = 0, cap = 0;
	for (int i = 0; i < 1000; i++)
		ARENA_PUSH(&arena, items, count, cap) = i;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	assert_int_equal(count, 1000);
	arena_done(&arena);
}

static void what_is_behind_a_mark_is_given_back(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int round = 0; round < 3; round++) { /* at first nothing stands in front */
		struct span kept = round == 0 ? SPAN("") : arena_spanf(&arena, "round %d", round);
		struct arena_mark mark = arena_mark(&arena);
		size_t used = arena.used_bytes;
		for (int i = 0; i < 200; i++)
			memset(arena_alloc(&arena, 1000), 0xAA, 1000);
		arena_string(&arena, SPAN("text"));
		arena_release(&arena, mark);
		assert_int_equal(arena.used_bytes, used);
		const char *again = arena_alloc(&arena, 2000);
		for (int i = 0; i < 2000; i++)
			assert_int_equal(again[i], 0);
		if (round > 0)
			assert_span(kept, round == 1 ? "round 1" : "round 2");
	}
	struct arena_mark none = arena_mark(&arena);
	arena_release(&arena, none);
	arena_done(&arena);
}

static void zeroed_arena_can_be_done(void **state)
{
	(void)state;
	struct arena arena = {0};
	arena_done(&arena);
}

static void maps_find_what_was_put_in(void **state)
{
	(void)state;
	struct arena arena;
	struct map map;
	static int values[5000];
	arena_init(&arena, ARENA_NO_LIMIT);
	map_init(&map, &arena);
	assert_null(map_get(&map, SPAN("x")));
	for (size_t i = 0; i < 5000; i++)
		*map_at(&map, arena_spanf(&arena, "key-%zu", i)) = &values[i];
	for (size_t i = 0; i < 5000; i++)
		assert_ptr_equal(map_get(&map, arena_spanf(&arena, "key-%zu", i)), &values[i]);
	assert_null(map_get(&map, SPAN("key-5000")));
	assert_int_equal(map.count, 5000);
	arena_done(&arena);
}

static void maps_keep_the_order_of_insertion(void **state)
{
	(void)state;
	struct arena arena;
	struct map map;
	arena_init(&arena, ARENA_NO_LIMIT);
	map_init(&map, &arena);
	static const char *const keys[] = {"zebra", "", "ant", "bee"};
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < 4; i++)
			*map_at(&map, span_of(keys[i])) = (void *)(uintptr_t)(i + 10 * round + 1);
	assert_int_equal(map.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_span(map.entries[i].key, keys[i]);
		assert_int_equal((uintptr_t)map.entries[i].value, i + 11);
	}
	assert_ptr_equal(map_get(&map, (struct span){0}), (void *)12);
	arena_done(&arena);
}

static void map_keys_are_bytes(void **state)
{
	(void)state;
	struct arena arena;
	struct map map;
	arena_init(&arena, ARENA_NO_LIMIT);
	map_init(&map, &arena);
	*map_at(&map, (struct span){"a\0b", 3}) = &letters[0];
	*map_at(&map, (struct span){"a\0c", 3}) = &letters[1];
	assert_ptr_equal(map_get(&map, (struct span){"a\0b", 3}), &letters[0]);
	assert_null(map_get(&map, SPAN("a")));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned), cmocka_unit_test(large_blocks_fit),
		cmocka_unit_test(what_wipes_leaves_nothing),
		cmocka_unit_test(the_limit_is_kept),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(defers_run_in_reverse_once),	cmocka_unit_test(arrays_grow),
		cmocka_unit_test(what_is_behind_a_mark_is_given_back),
		cmocka_unit_test(zeroed_arena_can_be_done),	cmocka_unit_test(maps_find_what_was_put_in),
		cmocka_unit_test(maps_keep_the_order_of_insertion), cmocka_unit_test(map_keys_are_bytes),
	};
	return RUN_TESTS(tests);
}
