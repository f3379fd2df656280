/* One cluster followed by watches, in a directory: what concerns it is told once and together, what does not is not. */
#include "tests/unit/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/live_parts.h"
#include "base/clock.h"

enum { SOON_MS = 2000, QUIET_MS = 250 };

struct bench {
	struct arena arena;
	struct omni_store *store;
	struct live_parts *live;
	struct fail fail;
	char place[32];
};

static int remove_item(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void begin(struct bench *bench)
{
	*bench = (struct bench){.place = "/tmp/live-parts-XXXXXX"};
	arena_init(&bench->arena, ARENA_NO_LIMIT);
	assert_non_null(mkdtemp(bench->place));
	if (!dir_store_open(bench->place, &bench->store, &bench->fail))
		fail_msg("%s", bench->fail.text);
	bench->live = live_open(bench->store, SPAN("demo"));
}

static void end(struct bench *bench)
{
	live_close(bench->live);
	omni_store_close(bench->store);
	nftw(bench->place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
	arena_done(&bench->arena);
}

static void create(struct bench *bench, const char *type, const char *id, const char *cluster)
{
	struct resource *resource = resource_new(&bench->arena, omni_type_guess(span_of(type)), span_of(id));
	resource->spec = node_map(&bench->arena, 4);
	if (span_is(span_of(type), "clusters")) {
		node_put(&resource->spec, "kubernetesversion", node_string(SPAN("1.35.1")));
		node_put(&resource->spec, "talosversion", node_string(SPAN("1.13.3")));
	} else {
		labels_set(&bench->arena, &resource->labels, SPAN(OMNI_LABEL_CLUSTER), span_of(cluster));
	}
	if (!bench->store->ops->create(bench->store, &bench->arena, resource, 0, NULL, &bench->fail))
		fail_msg("%s", bench->fail.text);
}

static enum live_news news(struct bench *bench, int64_t within_ms)
{
	return live_wait(bench->live, clock_monotonic_ms() + within_ms, &bench->fail);
}

static void what_changes_is_told(void **state)
{
	(void)state;
	struct bench bench;
	begin(&bench);
	assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED); /* that nothing is there */
	assert_int_equal(live_now(bench.live)->cluster.count, 0);
	assert_int_equal(news(&bench, QUIET_MS), LIVE_SAME);
	create(&bench, "clusters", "demo", NULL);
	create(&bench, "machinesetstatuses", "demo-workers", "demo");
	create(&bench, "machinesetstatuses", "demo-a", "demo");
	assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED);
	assert_int_equal(live_now(bench.live)->cluster.count, 1);
	assert_int_equal(live_now(bench.live)->set_statuses.count, 2);
	assert_span(live_now(bench.live)->set_statuses.items[0]->id, "demo-a"); /* sorted */
	assert_int_equal(news(&bench, QUIET_MS), LIVE_SAME); /* together, so once */
	assert_true(bench.store->ops->destroy(bench.store, omni_type_guess(SPAN("machinesetstatuses")), SPAN("demo-a"), 0, &bench.fail));
	assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED);
	assert_int_equal(live_now(bench.live)->set_statuses.count, 1);
	end(&bench);
}

static void what_concerns_others_is_not(void **state)
{
	(void)state;
	struct bench bench;
	begin(&bench);
	assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED);
	create(&bench, "clusters", "other", NULL);
	create(&bench, "machinesetstatuses", "other-workers", "other");
	assert_int_equal(news(&bench, QUIET_MS), LIVE_SAME);
	assert_int_equal(live_now(bench.live)->set_statuses.count, 0);
	end(&bench);
}

/* Many changes in a row leave no more behind than some megabytes. */
static void a_long_wait_stays_small(void **state)
{
	(void)state;
	enum { CHANGES = 20, NOTES = 24, SIZE = 16000 };
	struct bench bench;
	begin(&bench);
	create(&bench, "clusters", "demo", NULL);
	assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED);
	for (int i = 0; i < CHANGES; i++) {
		struct resource *cluster;
		assert_true(bench.store->ops->get(bench.store, &bench.arena, OMNI_CLUSTER, SPAN("demo"), 0, &cluster, &bench.fail));
		char big[SIZE];
		memset(big, 'a' + i % 26, sizeof big);
		for (int n = 0; n < NOTES; n++)
			labels_set(&bench.arena, &cluster->annotations, arena_spanf(&bench.arena, "note-%02d", n),
				   arena_copy(&bench.arena, (struct span){big, sizeof big}));
		if (!bench.store->ops->update(bench.store, &bench.arena, cluster, 0, NULL, &bench.fail))
			fail_msg("%s", bench.fail.text);
		assert_int_equal(news(&bench, SOON_MS), LIVE_CHANGED);
		const struct label *note = labels_get(&live_now(bench.live)->cluster.items[0]->annotations, "note-23");
		assert_true(note != NULL && note->value.len == SIZE && note->value.ptr[0] == 'a' + i % 26);
	}
	assert_true(live_bytes(bench.live) < 6 << 20);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_is_told),
		cmocka_unit_test(what_concerns_others_is_not),
		cmocka_unit_test(a_long_wait_stays_small),
	};
	return RUN_TESTS(tests);
}
