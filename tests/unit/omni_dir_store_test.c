/* The directory store: the suite of every store, and what is particular to files. */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/omni_store_suite.h"
#include "tests/unit/test.h"

#include "base/clock.h"
#include "base/files.h"

static char place[64];

static int remove_item(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

static void clean(void)
{
	if (place[0] != '\0')
		nftw(place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
	place[0] = '\0';
}

static struct omni_store *again(void *ctx)
{
	struct omni_store *store = NULL;
	struct fail fail;
	(void)ctx;
	if (!dir_store_open(place, &store, &fail))
		fail_msg("%s", fail.text);
	return store;
}

static struct omni_store *make(void *ctx)
{
	clean();
	snprintf(place, sizeof place, "/tmp/omni-dir-XXXXXX");
	assert_non_null(mkdtemp(place));
	return again(ctx);
}

static struct store_maker maker = {make, again, NULL};

static const struct omni_type *machine_labels(void)
{
	return omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
}

static void write_file(const char *name, const char *content)
{
	char path[256];
	struct fail fail;
	snprintf(path, sizeof path, "%s/MachineLabels.omni.sidero.dev/%s", place, name);
	if (!files_write(path, span_of(content), 0644, &fail))
		fail_msg("%s", fail.text);
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

static void test_edits_by_hand(void **state)
{
	struct omni_store *store = make(*state);
	struct arena arena;
	struct resource *held, *now;
	struct resource_list list;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->create(store, &arena, resource_new(&arena, machine_labels(), SPAN("m")), 0, &held, &fail));
	write_file("m.yaml", "metadata:\n  type: MachineLabels.omni.sidero.dev\n  id: m\n  labels: {rack: 7}\nspec: {}\n");
	assert_true(store->ops->get(store, &arena, machine_labels(), SPAN("m"), 0, &now, &fail));
	assert_span(labels_get(&now->labels, "rack")->value, "7");
	assert_false(store->ops->update(store, &arena, held, 0, NULL, &fail)); /* the edit would be lost */
	assert_int_equal(fail.code, FAIL_CONFLICT);
	write_file("n.yaml", "metadata: {type: MachineLabels.omni.sidero.dev, id: n}\nspec: {}\n");
	assert_true(store->ops->list(store, &arena, machine_labels(), NULL, 0, &list, &fail));
	assert_int_equal(list.count, 2);
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

static void test_broken_files(void **state)
{
	static const char *const broken[] = {
		"metadata: {type: MachineLabels.omni.sidero.dev, id: m}\nspec: [\n", "", "- 1\n",
		"metadata: {type: MachineLabels.omni.sidero.dev, id: other}\nspec: {}\n",
		"metadata: {type: Clusters.omni.sidero.dev, id: m}\nspec: {}\n",
		"metadata: {type: MachineLabels.omni.sidero.dev, id: m}\n",
		"metadata: {type: MachineLabels.omni.sidero.dev, id: m}\nspec: {}\n---\na: b\n",
	};
	struct omni_store *store = make(*state);
	struct arena arena;
	struct resource *held;
	struct resource_list list;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *wanted = resource_new(&arena, machine_labels(), SPAN("m"));
	assert_true(store->ops->create(store, &arena, wanted, 0, &held, &fail));
	assert_true(store->ops->create(store, &arena, resource_new(&arena, machine_labels(), SPAN("n")), 0, NULL, &fail));
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		write_file("m.yaml", broken[i]);
		assert_false(store->ops->get(store, &arena, machine_labels(), SPAN("m"), 0, &held, &fail));
		assert_int_equal(fail.code, FAIL_IO);
		assert_true(span_contains(span_of(fail.text), "m.yaml"));
		assert_false(store->ops->list(store, &arena, machine_labels(), NULL, 0, &list, &fail));
		assert_false(store->ops->create(store, &arena, wanted, 0, NULL, &fail));
		assert_int_equal(fail.code, FAIL_IO);
		assert_true(store->ops->get(store, &arena, machine_labels(), SPAN("n"), 0, &held, &fail));
	}
	write_file("m.yaml", "metadata: {type: MachineLabels.omni.sidero.dev, id: m}\nspec: {}\n");
	assert_true(store->ops->list(store, &arena, machine_labels(), NULL, 0, &list, &fail));
	assert_int_equal(list.count, 2);
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

/* A disk that takes nothing more: the write fails, what was there stays. */
static void test_full_disk(void **state)
{
	struct omni_store *store = make(*state);
	struct arena arena;
	struct resource *held, *now;
	struct fail fail;
	struct rlimit before, none;
	bool ready;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->create(store, &arena, resource_new(&arena, machine_labels(), SPAN("m")), 0, &held, &fail));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	labels_set(&arena, &held->labels, SPAN("a"), SPAN("b"));
	bool is_updated = store->ops->update(store, &arena, held, 0, NULL, &fail);
	bool is_torn = store->ops->teardown(store, machine_labels(), SPAN("m"), 0, &ready, &fail);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(is_updated);
	assert_false(is_torn);
	assert_true(store->ops->get(store, &arena, machine_labels(), SPAN("m"), 0, &now, &fail));
	assert_int_equal(now->version, 1);
	assert_int_equal(now->labels.count, 0);
	assert_true(store->ops->update(store, &arena, held, 0, NULL, &fail));
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

static void count_up(struct omni_store *store, struct arena *arena)
{
	struct resource *held;
	struct fail fail;
	int64_t value = 0;
	for (;;) {
		arena_reset(arena);
		if (!store->ops->get(store, arena, machine_labels(), SPAN("m"), 0, &held, &fail))
			_exit(2);
		const struct label *label = labels_get(&held->labels, "count");
		if (label != NULL && !span_int(label->value, 0, INT64_MAX, &value))
			_exit(3);
		labels_set(arena, &held->labels, SPAN("count"), arena_spanf(arena, "%lld", (long long)value + 1));
		if (store->ops->update(store, arena, held, 0, NULL, &fail))
			return;
		if (fail.code != FAIL_CONFLICT)
			_exit(4);
	}
}

/* --- threads ------------------------------------------------------------------------------------------------------------ */

static void *read_for_a_while(void *ctx)
{
	struct omni_store *store = ctx;
	struct arena arena;
	struct resource_list list;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < 300; i++) {
		if (!store->ops->list(store, &arena, machine_labels(), NULL, 0, &list, NULL))
			return store; /* anything but NULL */
		arena_reset(&arena);
	}
	arena_done(&arena);
	return NULL;
}

static void *write_for_a_while(void *ctx)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < 20; i++)
		count_up(ctx, &arena);
	arena_done(&arena);
	return NULL;
}

/* Two writers, a reader and a watch on one handle: nothing is lost, the watch sees the last version. */
static void test_threads(void **state)
{
	struct omni_store *store = make(*state);
	struct arena arena;
	struct omni_watch *watch;
	struct fail fail;
	pthread_t threads[3];
	void *result;
	uint64_t last = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->create(store, &arena, resource_new(&arena, machine_labels(), SPAN("m")), 0, NULL, &fail));
	assert_true(store->ops->watch(store, machine_labels(), (struct span){0}, &watch, &fail));
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, i == 2 ? read_for_a_while : write_for_a_while, store);
	while (last < 41) {
		struct omni_event event = {0};
		bool has;
		assert_int_equal(poll(&(struct pollfd){watch->ops->fd(watch), POLLIN, 0}, 1, 20000), 1);
		assert_true(watch->ops->next(watch, &arena, &event, &has, &fail));
		if (has && event.resource != NULL) {
			assert_true(event.resource->version > last);
			last = event.resource->version;
		}
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	watch->ops->close(watch);
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

/* --- other processes ---------------------------------------------------------------------------------------------------- */

static pid_t start(void (*work)(struct omni_store *store, struct arena *arena, size_t round), size_t rounds)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	struct omni_store *store = NULL;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!dir_store_open(place, &store, NULL))
		_exit(1);
	for (size_t i = 0; i < rounds; i++)
		work(store, &arena, i);
	_exit(0);
}

static void count_once(struct omni_store *store, struct arena *arena, size_t round)
{
	(void)round;
	count_up(store, arena);
}

static void test_no_lost_update(void **state)
{
	enum { CHILDREN = 2, ROUNDS = 100 };
	struct omni_store *store = make(*state);
	struct arena arena;
	struct resource *held;
	struct fail fail;
	pid_t children[CHILDREN];
	int status;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->create(store, &arena, resource_new(&arena, machine_labels(), SPAN("m")), 0, NULL, &fail));
	for (int i = 0; i < CHILDREN; i++)
		children[i] = start(count_once, ROUNDS);
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_true(store->ops->get(store, &arena, machine_labels(), SPAN("m"), 0, &held, &fail));
	assert_span(labels_get(&held->labels, "count")->value, "200");
	assert_int_equal(held->version, 1 + CHILDREN * ROUNDS);
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

/* What a child was told is done, in memory that outlives it. */
enum { MACHINES = 8 };
static _Atomic uint64_t *acknowledged;

static void write_once(struct omni_store *store, struct arena *arena, size_t round)
{
	struct resource *held;
	size_t machine = round % MACHINES;
	arena_reset(arena);
	struct span id = arena_spanf(arena, "m%zu", machine);
	if (!store->ops->get(store, arena, machine_labels(), id, 0, &held, NULL)) {
		if (!store->ops->create(store, arena, resource_new(arena, machine_labels(), id), 0, &held, NULL))
			_exit(1);
	} else {
		labels_set(arena, &held->labels, SPAN("round"), arena_spanf(arena, "%zu", round));
		if (!store->ops->update(store, arena, held, 0, &held, NULL))
			_exit(1);
	}
	acknowledged[machine] = held->version;
}

static int find_litter(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind;
	return files_is_temporary(path + walk->base);
}

static void test_killed_anywhere(void **state)
{
	enum { KILLS = 150, MAX_MS = 12 };
	struct arena arena;
	struct fail fail;
	int status;
	omni_store_close(make(*state));
	acknowledged = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < KILLS; i++) {
		pid_t child = start(write_once, SIZE_MAX);
		clock_sleep_ms(1 + (i * 7) % MAX_MS);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		struct omni_store *store = again(NULL);
		struct resource_list list;
		if (!store->ops->list(store, &arena, machine_labels(), NULL, 0, &list, &fail))
			fail_msg("%s", fail.text);
		for (size_t j = 0; j < list.count; j++)
			assert_true(list.items[j]->version >= acknowledged[list.items[j]->id.ptr[1] - '0']);
		for (size_t j = list.count; j < MACHINES; j++)
			assert_int_equal(acknowledged[j], 0);
		assert_int_equal(nftw(place, find_litter, 16, FTW_PHYS), 0);
		omni_store_close(store);
		arena_reset(&arena);
	}
	assert_true(acknowledged[0] > 1);
	arena_done(&arena);
	munmap((void *)(uintptr_t)acknowledged, 4096);
	clean();
}

/* A cluster that was torn down by somebody who was killed before its children went. */
static void test_cascade_goes_on(void **state)
{
	struct omni_store *store = make(*state);
	struct arena arena;
	struct resource *held;
	struct resource_list list;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *patch = resource_new(&arena, OMNI_CONFIG_PATCH, SPAN("p"));
	labels_set(&arena, &patch->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("one"));
	patch->spec = node_map(&arena, 1);
	node_put(&patch->spec, "data", node_string(SPAN("machine: {}\n")));
	assert_true(store->ops->create(store, &arena, patch, 0, NULL, &fail));
	char path[256];
	snprintf(path, sizeof path, "%s/Clusters.omni.sidero.dev", place);
	assert_true(files_make_dirs(path, 0755, &fail));
	snprintf(path, sizeof path, "%s/Clusters.omni.sidero.dev/one.yaml", place);
	assert_true(files_write(path, SPAN("metadata: {type: Clusters.omni.sidero.dev, id: one, phase: tearingDown}\nspec: {}\n"),
				0644, &fail));
	assert_false(store->ops->get(store, &arena, OMNI_CLUSTER, SPAN("one"), 0, &held, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	assert_true(store->ops->list(store, &arena, OMNI_CONFIG_PATCH, NULL, 0, &list, &fail));
	assert_int_equal(list.count, 0);
	arena_done(&arena);
	omni_store_close(store);
	clean();
}

#define SUITE_TEST(name) cmocka_unit_test_prestate(name, &maker),

int main(void)
{
	const struct CMUnitTest tests[] = {
		OMNI_STORE_SUITE(SUITE_TEST) OMNI_SERVER_SUITE(SUITE_TEST) cmocka_unit_test(test_edits_by_hand),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_cascade_goes_on),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_no_lost_update),
		cmocka_unit_test(test_killed_anywhere),
	};
	int failed = RUN_TESTS(tests);
	clean();
	return failed;
}
