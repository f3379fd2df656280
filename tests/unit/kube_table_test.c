#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/kube/table.h"
#include "tests/unit/test.h"

static struct entry *make(const char *ns, const char *name)
{
	size_t ns_len = strlen(ns), name_len = strlen(name), size = sizeof(struct entry) + ns_len + name_len;
	struct entry *entry = calloc(1, size);
	assert_non_null(entry);
	entry->size = (uint32_t)size;
	entry->ns_len = (uint16_t)ns_len;
	entry->name_len = (uint16_t)name_len;
	memcpy(entry->texts, ns, ns_len);
	memcpy(entry->texts + ns_len, name, name_len);
	return entry;
}

enum { NAMES = 3000 };

static void name_of(unsigned number, char ns[16], char name[16])
{
	snprintf(ns, 16, "ns-%u", number % 7);
	snprintf(name, 16, "n%u", number);
}

static struct span span(const char *text)
{
	return span_of(text);
}

/* Everything that should be there is there, once, in order; and nothing else. */
static void check(const struct table *table, const bool *there)
{
	size_t expected = 0, seen = 0, bytes = 0;
	char ns[16], name[16];
	const struct entry *entry, *before = NULL;
	for (unsigned i = 0; i < NAMES; i++) {
		name_of(i, ns, name);
		assert_int_equal(table_find(table, span(ns), span(name)) != NULL, there[i]);
		expected += there[i];
	}
	for (struct table_cursor cursor = {0}; (entry = table_next(table, &cursor)) != NULL; before = entry, seen++) {
		assert_true(before == NULL || entry_compare(before, entry_ns(entry), entry_name(entry)) < 0);
		bytes += entry->size;
	}
	assert_int_equal(seen, expected);
	assert_int_equal(table->count, expected);
	assert_int_equal(table->bytes, bytes);
}

static void whatever_comes_and_goes_it_stays_in_order(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct table table = {0};
		bool there[NAMES] = {false};
		unsigned x = seed;
		char ns[16], name[16];
		for (unsigned i = 0; i < 20000; i++) {
			x = x * 1664525 + 1013904223;
			unsigned number = (x >> 8) % NAMES;
			bool comes = i < 4000 || (i / 4000 % 2 == 0) == ((x >> 4) % 8 != 0);
			name_of(number, ns, name);
			struct entry *old = comes ? table_put(&table, make(ns, name)) : table_take(&table, span(ns), span(name));
			assert_int_equal(old != NULL, there[number]);
			free(old);
			there[number] = comes;
			if (i % 5000 == 0)
				check(&table, there);
		}
		check(&table, there);
		table_done(&table);
	}
}

static void the_last_one_leaves_nothing(void **state)
{
	(void)state;
	struct table table = {0};
	struct table_cursor cursor = {0};
	assert_null(table_next(&table, &cursor));
	assert_null(table_take(&table, SPAN("a"), SPAN("b")));
	assert_null(table_put(&table, make("a", "b")));
	free(table_take(&table, SPAN("a"), SPAN("b")));
	assert_int_equal(table.run_count + table.count + table.bytes, 0);
	cursor = (struct table_cursor){0};
	assert_null(table_next(&table, &cursor));
	table_done(&table);
}

/* Ten times as many take about ten times as long, in either direction; lists in order are packed. */
static double seconds_for(unsigned count, bool descends, struct table *table)
{
	struct timespec from, to;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%08u", descends ? count - i : i);
		assert_null(table_put(table, make("default", name)));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void a_hundred_thousand_are_no_trouble(void **state)
{
	(void)state;
	for (int descends = 0; descends < 2; descends++) {
		struct table table = {0};
		assert_true(seconds_for(100000, descends, &table) < 5);
		assert_int_equal(table.count, 100000);
		if (!descends)
			assert_true(table.run_count <= 100000 / 256 + 1);
		table_done(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_comes_and_goes_it_stays_in_order),
		cmocka_unit_test(the_last_one_leaves_nothing),
		cmocka_unit_test(a_hundred_thousand_are_no_trouble),
	};
	return RUN_TESTS(tests);
}
