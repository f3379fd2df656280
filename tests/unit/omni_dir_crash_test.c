/* The directory store where things go wrong: every step of every write fails once, writers are killed in the middle of
 * cascades, there is no inotify. The calls of the system that fail are replaced here. */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#include "agent/omni/store.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

/* --- a system that fails -------------------------------------------------------------------------------------------------- */

static struct {
	bool has_no_inotify;
	bool is_armed;
	size_t step, fails_at; /* the step that fails; steps behind it work again, unless it stays broken */
	bool stays_broken;
	int errnum;
} faults;

static bool fails(void)
{
	if (!faults.is_armed)
		return false;
	size_t step = faults.step++;
	bool is_hit = step == faults.fails_at || (faults.stays_broken && step > faults.fails_at);
	if (is_hit)
		errno = faults.errnum;
	return is_hit;
}

/* Defined here, so the linker takes these instead of the C library's. */
ssize_t write(int fd, const void *bytes, size_t count);
ssize_t write(int fd, const void *bytes, size_t count)
{
	struct stat info;
	bool is_file = faults.is_armed && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
	return is_file && fails() ? -1 : syscall(SYS_write, fd, bytes, count);
}

int fsync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fails() ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int unlinkat(int fd, const char *name, int flags)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, fd, name, flags);
}

int mkdirat(int fd, const char *name, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_mkdirat, fd, name, mode);
}

int fchmod(int fd, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int inotify_init1(int flags)
{
	if (faults.has_no_inotify) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_inotify_init1, flags);
}

/* --- a store --------------------------------------------------------------------------------------------------------------- */

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

static struct omni_store *open_store(void)
{
	struct omni_store *store = NULL;
	struct fail fail;
	if (!dir_store_open(place, &store, &fail))
		fail_msg("%s", fail.text);
	return store;
}

static struct omni_store *new_store(void)
{
	clean();
	/* thousands of writes: in memory where there is such a place */
	snprintf(place, sizeof place, "%s/omni-crash-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(place));
	return open_store();
}

static int find_litter(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind;
	return files_is_temporary(path + walk->base);
}

/* Creating what is there already, and ending what is gone, is as good. */
static bool create(struct omni_store *store, const struct resource *resource, struct fail *fail)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = store->ops->create(store, &arena, resource, 0, NULL, fail) || fail->code == FAIL_EXISTS;
	arena_done(&arena);
	return ok;
}

static bool put(struct omni_store *store, const struct omni_type *type, const char *id, const char *cluster, const char *set,
		struct fail *fail)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *made = resource_new(&arena, type, span_of(id));
	made->spec = node_map(&arena, 3);
	if (type == OMNI_CLUSTER) {
		node_put(&made->spec, "kubernetesversion", node_string(SPAN("1.34.1")));
		node_put(&made->spec, "talosversion", node_string(SPAN("1.11.2")));
	} else if (type == OMNI_CONFIG_PATCH) {
		node_put(&made->spec, "data", node_string(SPAN("machine: {network: {hostname: a}}\n")));
	}
	if (cluster != NULL)
		labels_set(&arena, &made->labels, SPAN(OMNI_LABEL_CLUSTER), span_of(cluster));
	if (set != NULL)
		labels_set(&arena, &made->labels, SPAN(OMNI_LABEL_MACHINE_SET), span_of(set));
	if (type == OMNI_MACHINE_SET)
		labels_set(&arena, &made->labels, SPAN(OMNI_LABEL_WORKER), SPAN(""));
	bool ok = create(store, made, fail);
	arena_done(&arena);
	return ok;
}

enum { SETS = 2, NODES = 5, PATCHES = 4 };

static bool put_cluster(struct omni_store *store, const char *cluster, struct fail *fail)
{
	char set[64], id[80];
	bool ok = put(store, OMNI_CLUSTER, cluster, NULL, NULL, fail);
	for (int i = 0; ok && i < SETS; i++) {
		snprintf(set, sizeof set, "%s-workers%d", cluster, i);
		ok = put(store, OMNI_MACHINE_SET, set, cluster, NULL, fail);
		for (int j = 0; ok && j < NODES; j++) {
			snprintf(id, sizeof id, "%s-m%d", set, j);
			ok = put(store, OMNI_MACHINE_SET_NODE, id, cluster, set, fail);
		}
		snprintf(id, sizeof id, "400-%s", set);
		ok = ok && put(store, OMNI_CONFIG_PATCH, id, cluster, set, fail);
	}
	for (int i = 0; ok && i < PATCHES; i++) {
		snprintf(id, sizeof id, "200-cluster-%s-%d", cluster, i);
		ok = put(store, OMNI_CONFIG_PATCH, id, cluster, NULL, fail);
	}
	return ok;
}

enum { CHILD_TYPES = 3, CHILDREN = SETS * (1 + NODES + 1) + PATCHES };

static const struct omni_type *child_type(size_t i)
{
	return i == 0 ? OMNI_MACHINE_SET : i == 1 ? OMNI_MACHINE_SET_NODE : OMNI_CONFIG_PATCH;
}

/* How many resources name the cluster; each list has to work. */
static size_t count_children(struct omni_store *store, const char *cluster)
{
	struct arena arena;
	struct omni_query query = {0};
	struct fail fail;
	size_t count = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	omni_query_equal(&arena, &query, OMNI_LABEL_CLUSTER, span_of(cluster));
	for (size_t i = 0; i < CHILD_TYPES; i++) {
		struct resource_list list;
		if (!store->ops->list(store, &arena, child_type(i), &query, 0, &list, &fail))
			fail_msg("%s", fail.text);
		count += list.count;
	}
	arena_done(&arena);
	return count;
}

static bool exists(struct omni_store *store, const struct omni_type *type, const char *id)
{
	struct arena arena;
	struct resource *held;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = store->ops->get(store, &arena, type, span_of(id), 0, &held, &fail);
	arena_done(&arena);
	if (!ok)
		assert_int_equal(fail.code, FAIL_NOT_FOUND);
	return ok;
}

/* --- every step fails once -------------------------------------------------------------------------------------------------- */

static bool end_cluster(struct omni_store *store, struct fail *fail)
{
	bool ready = false;
	return store->ops->teardown(store, OMNI_CLUSTER, SPAN("one"), 0, &ready, fail) || fail->code == FAIL_NOT_FOUND;
}

static bool make_cluster(struct omni_store *store, struct fail *fail)
{
	return put_cluster(store, "one", fail);
}

static bool change_cluster(struct omni_store *store, struct fail *fail)
{
	struct arena arena;
	struct resource *held;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = store->ops->get(store, &arena, OMNI_CLUSTER, SPAN("one"), 0, &held, fail);
	if (ok && labels_get(&held->labels, "changed") == NULL) {
		labels_set(&arena, &held->labels, SPAN("changed"), SPAN("yes"));
		ok = store->ops->update(store, &arena, held, 0, NULL, fail);
	}
	arena_done(&arena);
	return ok;
}

static bool destroy_set(struct omni_store *store, struct fail *fail)
{
	bool ready;
	return store->ops->teardown(store, OMNI_MACHINE_SET, SPAN("one-workers0"), 0, &ready, fail) ||
	       fail->code == FAIL_NOT_FOUND;
}

static bool is_made(struct omni_store *store)
{
	return exists(store, OMNI_CLUSTER, "one") && count_children(store, "one") == CHILDREN;
}

static bool is_changed(struct omni_store *store)
{
	struct arena arena;
	struct resource *held;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = store->ops->get(store, &arena, OMNI_CLUSTER, SPAN("one"), 0, &held, NULL) &&
		  labels_get(&held->labels, "changed") != NULL;
	arena_done(&arena);
	return ok;
}

static bool is_ended(struct omni_store *store)
{
	return !exists(store, OMNI_CLUSTER, "one") && count_children(store, "one") == 0;
}

static bool is_without_set(struct omni_store *store)
{
	return !exists(store, OMNI_MACHINE_SET, "one-workers0") && count_children(store, "one") == CHILDREN - NODES - 2;
}

struct action {
	const char *name;
	bool needs_cluster;
	bool (*run)(struct omni_store *store, struct fail *fail);
	bool (*is_done)(struct omni_store *store);
};

/* Returns how many steps there were. */
static size_t fail_at(const struct action *action, size_t step, int errnum, bool stays_broken)
{
	struct omni_store *store = new_store();
	struct fail fail = {0};
	if (action->needs_cluster && !put_cluster(store, "one", &fail))
		fail_msg("%s", fail.text);
	faults.step = 0;
	faults.fails_at = step;
	faults.errnum = errnum;
	faults.stays_broken = stays_broken;
	faults.is_armed = true;
	bool ok = action->run(store, &fail);
	faults.is_armed = false;
	size_t steps = faults.step;
	if (!ok && fail.text[0] == '\0')
		fail_msg("%s: step %zu fails without a reason", action->name, step);
	bool is_hit = steps > step;
	if (ok && !is_hit && !action->is_done(store))
		fail_msg("%s: is done, but nothing is so", action->name);
	/* whoever opens the store next sees good files only, and can finish the work */
	struct omni_store *other = open_store();
	assert_int_equal(nftw(place, find_litter, 16, FTW_PHYS), 0);
	count_children(other, "one");
	if (ok && !action->is_done(other))
		fail_msg("%s: step %zu is reported as done, but is not after a while", action->name, step);
	fail = (struct fail){0};
	if (!action->run(other, &fail))
		fail_msg("%s again after step %zu: %s", action->name, step, fail.text);
	if (!action->is_done(other) || !action->is_done(store))
		fail_msg("%s after step %zu: done again, but it is not so", action->name, step);
	omni_store_close(other);
	omni_store_close(store);
	return steps;
}

static void test_every_step_fails(void **state)
{
	static const struct action actions[] = {
		{"create", false, make_cluster, is_made},
		{"update", true, change_cluster, is_changed},
		{"teardown of a machine set", true, destroy_set, is_without_set},
		{"teardown of a cluster", true, end_cluster, is_ended},
	};
	static const int errors[] = {EIO, ENOSPC, EROFS};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		size_t step = 0; /* until the action ends before the step comes */
		while (fail_at(&actions[i], step, errors[step % COUNT_OF(errors)], step % 2 == 1) > step)
			step++;
		assert_true(step >= 4); /* write, make durable, rename, make durable */
	}
	clean();
}

/* --- killed in the middle ---------------------------------------------------------------------------------------------------- */

/* Rounds of a child: what was told to be done last. */
static _Atomic uint64_t *made, *ended;

static void live_and_die(void)
{
	struct omni_store *store;
	struct fail fail;
	char name[32];
	bool ready;
	if (!dir_store_open(place, &store, &fail))
		_exit(1);
	for (uint64_t round = *made + 1;; round++) {
		snprintf(name, sizeof name, "c%llu", (unsigned long long)round);
		if (!put_cluster(store, name, &fail))
			_exit(2);
		*made = round;
		if (!store->ops->teardown(store, OMNI_CLUSTER, span_of(name), 0, &ready, &fail))
			_exit(3);
		*ended = round;
	}
}

static void check_after_kill(uint64_t last)
{
	struct omni_store *store = open_store();
	struct arena arena;
	struct resource_list list;
	struct fail fail;
	char name[32];
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!store->ops->list(store, &arena, OMNI_CLUSTER, NULL, 0, &list, &fail))
		fail_msg("%s", fail.text);
	assert_int_equal(nftw(place, find_litter, 16, FTW_PHYS), 0);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.items[i]->phase, RESOURCE_RUNNING); /* nothing stays half torn down */
	for (uint64_t round = last; round <= last + 2; round++) {
		snprintf(name, sizeof name, "c%llu", (unsigned long long)round);
		size_t children = count_children(store, name);
		bool is_there = exists(store, OMNI_CLUSTER, name);
		if (!is_there && children > 0)
			fail_msg("%s is gone, %zu children are not", name, children);
		if (is_there && round == *made && children != CHILDREN)
			fail_msg("%s was made, but has %zu children", name, children);
		if (is_there && round <= *ended)
			fail_msg("%s was torn down, but is there", name);
		if (!is_there && round == *made && round > *ended)
			continue; /* torn down, killed before the answer */
	}
	/* what was begun is finished, so that the next round begins with nothing */
	for (size_t i = 0; i < list.count; i++) {
		bool ready;
		if (!store->ops->teardown(store, OMNI_CLUSTER, list.items[i]->id, 0, &ready, &fail))
			fail_msg("%s", fail.text);
	}
	assert_int_equal(count_children(store, name), 0);
	*ended = *made = last + 2;
	arena_done(&arena);
	omni_store_close(store);
}

static void test_killed_in_cascades(void **state)
{
	enum { KILLS = 120, PAGE = 4096, SPREAD_MS = 40 };
	unsigned seed = 1;
	int status;
	(void)state;
	omni_store_close(new_store());
	made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ended = made + 1;
	for (int i = 0; i < KILLS; i++) {
		uint64_t last = *made;
		pid_t child = fork();
		if (child == 0)
			live_and_die();
		clock_sleep_ms(2 + rand_r(&seed) % SPREAD_MS);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status))
			fail_msg("the child ended by itself: %d", WEXITSTATUS(status));
		check_after_kill(*made > last ? *made : last);
	}
	munmap((void *)(uintptr_t)made, PAGE);
	clean();
}

/* --- without inotify --------------------------------------------------------------------------------------------------------- */

static void expect(struct omni_watch *watch, struct arena *arena, enum omni_event_kind kind, struct omni_event *out)
{
	struct pollfd poll_fd = {watch->ops->fd(watch), POLLIN, 0};
	struct fail fail;
	bool has = false;
	for (int i = 0; i < 20 && !has; i++) {
		assert_int_equal(poll(&poll_fd, 1, 5000), 1);
		if (!watch->ops->next(watch, arena, out, &has, &fail))
			fail_msg("%s", fail.text);
	}
	assert_true(has);
	assert_int_equal(out->kind, kind);
}

static void test_without_inotify(void **state)
{
	struct arena arena;
	struct omni_watch *watch;
	struct omni_event event;
	struct fail fail = {0};
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	faults.has_no_inotify = true;
	struct omni_store *store = new_store(), *other = open_store();
	faults.has_no_inotify = false;
	assert_true(put(store, OMNI_CONFIG_PATCH, "p", "one", NULL, &fail));
	assert_true(exists(other, OMNI_CONFIG_PATCH, "p"));
	assert_true(store->ops->watch(store, OMNI_CONFIG_PATCH, (struct span){0}, &watch, &fail));
	expect(watch, &arena, OMNI_CREATED, &event);
	expect(watch, &arena, OMNI_BOOTSTRAPPED, &event);
	assert_true(put(other, OMNI_CONFIG_PATCH, "q", "one", NULL, &fail));
	expect(watch, &arena, OMNI_CREATED, &event);
	assert_span(event.resource->id, "q");
	assert_true(other->ops->destroy(other, OMNI_CONFIG_PATCH, SPAN("p"), 0, &fail));
	expect(watch, &arena, OMNI_DESTROYED, &event);
	assert_span(event.resource->id, "p");
	assert_false(exists(store, OMNI_CONFIG_PATCH, "p"));
	watch->ops->close(watch);
	omni_store_close(other);
	omni_store_close(store);
	arena_done(&arena);
	clean();
}

/* --- two processes, both watching ---------------------------------------------------------------------------------------------- */

static void watch_and_answer(void)
{
	enum { ROUNDS = 20 };
	struct arena arena;
	struct omni_store *store;
	struct omni_watch *watch;
	struct fail fail;
	char id[32];
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!dir_store_open(place, &store, &fail) ||
	    !store->ops->watch(store, OMNI_CONFIG_PATCH, (struct span){0}, &watch, &fail))
		_exit(1);
	for (int seen = 0; seen < ROUNDS;) {
		struct pollfd poll_fd = {watch->ops->fd(watch), POLLIN, 0};
		struct omni_event event = {0};
		bool has = false;
		if (poll(&poll_fd, 1, 10000) != 1 || !watch->ops->next(watch, &arena, &event, &has, &fail))
			_exit(2);
		if (!has || event.kind != OMNI_CREATED || !span_starts(event.resource->id, "ask-"))
			continue;
		snprintf(id, sizeof id, "answer-%d", seen++);
		if (!put(store, OMNI_CONFIG_PATCH, id, "one", NULL, &fail))
			_exit(3);
	}
	watch->ops->close(watch);
	omni_store_close(store);
	arena_done(&arena);
	_exit(0);
}

static void test_two_watching_processes(void **state)
{
	enum { ROUNDS = 20 };
	struct arena arena;
	struct omni_store *store;
	struct omni_watch *watch;
	struct omni_event event;
	struct fail fail = {0};
	char id[32];
	int status;
	(void)state;
	omni_store_close(new_store());
	pid_t child = fork(); /* before there is anything of ours that it would inherit */
	if (child == 0)
		watch_and_answer();
	store = open_store();
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(store->ops->watch(store, OMNI_CONFIG_PATCH, (struct span){0}, &watch, &fail));
	expect(watch, &arena, OMNI_BOOTSTRAPPED, &event);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(id, sizeof id, "ask-%d", i);
		assert_true(put(store, OMNI_CONFIG_PATCH, id, "one", NULL, &fail));
		expect(watch, &arena, OMNI_CREATED, &event);
		assert_span(event.resource->id, id);
		expect(watch, &arena, OMNI_CREATED, &event);
		snprintf(id, sizeof id, "answer-%d", i);
		assert_span(event.resource->id, id);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	watch->ops->close(watch);
	omni_store_close(store);
	arena_done(&arena);
	clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step_fails),
		cmocka_unit_test(test_killed_in_cascades),
		cmocka_unit_test(test_without_inotify),
		cmocka_unit_test(test_two_watching_processes),
	};
	int failed = RUN_TESTS(tests);
	clean();
	return failed;
}
