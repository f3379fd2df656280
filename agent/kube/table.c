#include "agent/kube/table.h"

#include <stdlib.h>

enum { RUN_MAX = 256 };

struct table_run {
	size_t count;
	struct entry *entries[RUN_MAX];
};

/* Where it is, or belongs. A run is named by its first entry; the place may be behind the last entry of a run. */
struct place {
	size_t run, at;
	bool is_there;
};

size_t table_bytes(const struct table *table)
{
	return table->bytes + table->run_count * sizeof(struct table_run);
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->run_count; i++) {
		for (size_t k = 0; k < table->runs[i]->count; k++)
			free(table->runs[i]->entries[k]);
		free(table->runs[i]);
	}
	free(table->runs);
	*table = (struct table){0};
}

/* The number of runs whose first entry is not behind the name. */
static size_t runs_before(const struct table *table, struct span ns, struct span name)
{
	size_t low = 0, high = table->run_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (entry_compare(table->runs[middle]->entries[0], ns, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct place place_of(const struct table *table, struct span ns, struct span name)
{
	size_t before = runs_before(table, ns, name), run = before == 0 ? 0 : before - 1;
	size_t low = 0, high = run < table->run_count ? table->runs[run]->count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = entry_compare(table->runs[run]->entries[middle], ns, name);
		if (order == 0)
			return (struct place){run, middle, true};
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct place){run, low, false};
}

struct entry *table_find(const struct table *table, struct span ns, struct span name)
{
	struct place place = place_of(table, ns, name);
	return place.is_there ? table->runs[place.run]->entries[place.at] : NULL;
}

static struct table_run *add_run(struct table *table, size_t at)
{
	if (table->run_count == table->run_cap) {
		table->run_cap = table->run_cap == 0 ? 8 : table->run_cap * 2;
		table->runs = realloc(table->runs, table->run_cap * sizeof *table->runs);
		if (table->runs == NULL)
			abort();
	}
	struct table_run *run = calloc(1, sizeof *run);
	if (run == NULL)
		abort();
	memmove(table->runs + at + 1, table->runs + at, (table->run_count - at) * sizeof *table->runs);
	table->runs[at] = run;
	table->run_count++;
	return run;
}

/* A full run gives its second half to a new one behind it. Lists come in order: then the last one stays full instead. */
static struct place make_room(struct table *table, struct place place)
{
	struct table_run *full = table->run_count == 0 ? add_run(table, 0) : table->runs[place.run];
	if (full->count < RUN_MAX)
		return place;
	bool is_end = place.run + 1 == table->run_count && place.at == RUN_MAX;
	size_t stay = is_end ? RUN_MAX : RUN_MAX / 2;
	struct table_run *behind = add_run(table, place.run + 1);
	memcpy(behind->entries, full->entries + stay, (RUN_MAX - stay) * sizeof *full->entries);
	behind->count = RUN_MAX - stay;
	full->count = stay;
	return place.at < stay || (place.at == stay && !is_end) ? place : (struct place){place.run + 1, place.at - stay, false};
}

struct entry *table_put(struct table *table, struct entry *entry)
{
	struct place place = place_of(table, entry_ns(entry), entry_name(entry));
	table->bytes += entry->size;
	if (place.is_there) {
		struct entry **slot = &table->runs[place.run]->entries[place.at], *old = *slot;
		*slot = entry;
		table->bytes -= old->size;
		return old;
	}
	place = make_room(table, place);
	struct table_run *run = table->runs[place.run];
	memmove(run->entries + place.at + 1, run->entries + place.at, (run->count - place.at) * sizeof *run->entries);
	run->entries[place.at] = entry;
	run->count++;
	table->count++;
	return NULL;
}

struct entry *table_take(struct table *table, struct span ns, struct span name)
{
	struct place place = place_of(table, ns, name);
	if (!place.is_there)
		return NULL;
	struct table_run *run = table->runs[place.run];
	struct entry *entry = run->entries[place.at];
	run->count--;
	memmove(run->entries + place.at, run->entries + place.at + 1, (run->count - place.at) * sizeof *run->entries);
	table->count--;
	table->bytes -= entry->size;
	if (run->count == 0) {
		free(run);
		table->run_count--;
		memmove(table->runs + place.run, table->runs + place.run + 1, (table->run_count - place.run) * sizeof *table->runs);
	}
	return entry;
}

struct entry *table_next(const struct table *table, struct table_cursor *cursor)
{
	if (cursor->run < table->run_count && cursor->at == table->runs[cursor->run]->count)
		*cursor = (struct table_cursor){cursor->run + 1, 0};
	return cursor->run < table->run_count ? table->runs[cursor->run]->entries[cursor->at++] : NULL;
}
