/* The directory store holds tens of thousands of resources for months: few bytes for each, and none for what was. */
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/omni/store.h"
#include "tests/unit/test.h"

#include "base/files.h"

static int remove_item(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

/* Bytes in use; with a sanitizer's allocator always 0. */
static size_t used(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static struct omni_store *open_at(const char *place)
{
	struct omni_store *store = NULL;
	struct fail fail;
	if (!dir_store_open(place, &store, &fail))
		fail_msg("%s", fail.text);
	return store;
}

static void write_patch(const char *place, unsigned number)
{
	char path[256], content[512];
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev/p%u.yaml", place, number);
	snprintf(content, sizeof content,
		 "metadata: {type: ConfigPatches.omni.sidero.dev, id: p%u, labels: {omni.sidero.dev/cluster: edge-%u,\n"
		 "  omni.sidero.dev/cluster-machine: 00000000-0000-4111-8111-%012u}}\n"
		 "spec:\n  data: |\n    machine:\n      network:\n        hostname: edge-%u\n",
		 number, number / 50, number, number);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void few_bytes_for_each(void **state)
{
	enum { COUNT = 4000, EACH = 500 };
	char place[] = "/tmp/omni-dir-XXXXXX", path[128];
	struct arena arena;
	struct resource *one;
	struct fail fail;
	(void)state;
	assert_non_null(mkdtemp(place));
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev", place);
	assert_true(files_make_dirs(path, 0755, &fail));
	for (unsigned i = 0; i < COUNT; i++)
		write_patch(place, i);
	arena_init(&arena, ARENA_NO_LIMIT);
	struct omni_store *store = open_at(place);
	size_t before = used();
	assert_true(store->ops->get(store, &arena, OMNI_CONFIG_PATCH, SPAN("p3999"), 0, &one, &fail));
	assert_span(node_text_at(&one->spec, "data"), "machine:\n  network:\n    hostname: edge-3999\n");
	arena_done(&arena);
	size_t taken = used() - before;
	if (taken > COUNT * EACH)
		fail_msg("%zu bytes for each resource", taken / COUNT);
	omni_store_close(store);
	nftw(place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

static void update(struct omni_store *store, struct omni_watch *watch, unsigned round)
{
	struct arena arena;
	struct resource *held;
	struct omni_event event;
	struct fail fail;
	bool has = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	const struct omni_type *type = omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
	assert_true(store->ops->get(store, &arena, type, SPAN("m"), 0, &held, &fail));
	labels_set(&arena, &held->labels, SPAN("round"), arena_spanf(&arena, "%08u", round));
	assert_true(store->ops->update(store, &arena, held, 0, NULL, &fail));
	while (has)
		assert_true(watch->ops->next(watch, &arena, &event, &has, &fail));
	arena_done(&arena);
}

/* A watch reads along, as that of the agent. What grows once, such as a table, is little beside so many updates. */
static void nothing_for_what_was(void **state)
{
	enum { FIRST = 300, MORE = 600, EACH = 16 };
	char place[] = "/tmp/omni-dir-XXXXXX";
	struct arena arena;
	struct omni_watch *watch;
	struct fail fail;
	(void)state;
	assert_non_null(mkdtemp(place));
	struct omni_store *store = open_at(place);
	const struct omni_type *type = omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->create(store, &arena, resource_new(&arena, type, SPAN("m")), 0, NULL, &fail));
	assert_true(store->ops->watch(store, type, SPAN(""), &watch, &fail));
	for (unsigned i = 0; i < FIRST; i++) /* until the log is as long as it gets */
		update(store, watch, i);
	size_t before = used();
	for (unsigned i = 0; i < MORE; i++)
		update(store, watch, FIRST + i);
	size_t after = used();
	if (after > before + MORE * EACH)
		fail_msg("%zu bytes more for each update", (after - before) / MORE);
	watch->ops->close(watch);
	arena_done(&arena);
	omni_store_close(store);
	nftw(place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_bytes_for_each),
		cmocka_unit_test(nothing_for_what_was),
	};
	return RUN_TESTS(tests);
}
