/* Secrets in a directory: each change whole, by uid and version, and seen. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/workload/secret_store.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/unit/test.h"

struct world {
	char dir[32];
	struct secret_store *store;
	struct arena arena;
	struct fail fail;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	snprintf(world->dir, sizeof world->dir, "/tmp/secrets.XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	arena_init_wiping(&world->arena, ARENA_NO_LIMIT);
	world->store = secret_store_directory(world->dir);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	char command[100];
	secret_store_free(world->store);
	arena_done(&world->arena);
	snprintf(command, sizeof command, "rm -rf %s", world->dir);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

static const char *path(struct world *world, const char *name)
{
	return arena_spanf(&world->arena, "%s/%s", world->dir, name).ptr;
}

static void put_file(struct world *world, const char *name, const char *text)
{
	assert_true(files_write(path(world, name), span_of(text), 0644, NULL));
}

static bool read_it(struct world *world, const char *name, struct stored_secret *out)
{
	world->fail = (struct fail){0};
	if (!secret_store_read(world->store, SPAN("apps"), span_of(name), 0, &world->arena, out, &world->fail))
		return false;
	stored_secret_drop(out);
	return true;
}

static bool write_it(struct world *world, struct stored_secret *secret)
{
	world->fail = (struct fail){0};
	return secret_store_write(world->store, secret, clock_monotonic_ms() + 1000, &world->arena, &world->fail);
}

static struct secret_entry two[] = {{SPAN("a"), SPAN("1\n")}, {SPAN(".b"), SPAN("")}}, one[] = {{SPAN("c"), SPAN("\xff")}};

static struct stored_secret fresh(const char *name)
{
	return (struct stored_secret){.ns = SPAN("apps"), .name = span_of(name), .entries = two, .entry_count = 2};
}

static void assert_mode(struct world *world, const char *name, mode_t mode)
{
	struct stat info;
	assert_int_equal(stat(path(world, name), &info), 0);
	assert_int_equal(info.st_mode & 0777, mode);
}

static size_t files_in(struct world *world, const char *name)
{
	DIR *dir = opendir(path(world, name));
	size_t count = 0;
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void what_is_written_is_read(void **state)
{
	struct world *world = *state;
	struct stored_secret secret = fresh("s"), back;
	secret.type = SPAN("t");
	secret.labels = json_pack("{s:s}", "l", "1");
	secret.annotations = json_pack("{s:s}", "n", "2");
	assert_true(write_it(world, &secret));
	assert_true(secret_store_read(world->store, SPAN("apps"), SPAN("s"), 0, &world->arena, &back, NULL));
	assert_span(back.type, "t");
	assert_true(json_equal(back.labels, secret.labels) && json_equal(back.annotations, secret.annotations));
	assert_int_equal(back.entry_count, 2);
	assert_span(back.entries[0].key, ".b");
	assert_span(back.entries[0].value, "");
	assert_span(stored_secret_value(&back, SPAN("a")), "1\n");
	assert_true(span_eq(back.uid, secret.uid) && span_eq(back.resource_version, secret.resource_version));
	assert_int_equal(back.uid.len, 32);
	assert_mode(world, "apps", 0700);
	assert_mode(world, "apps/s", 0700);
	assert_mode(world, "apps/s/a", 0600);
	assert_int_equal(files_in(world, "apps/s"), 3);
	assert_int_equal(files_in(world, "apps"), 1);
	stored_secret_drop(&back);
	stored_secret_drop(&secret);
}

static void it_is_replaced_as_a_whole(void **state)
{
	struct world *world = *state;
	struct stored_secret secret = fresh("s"), back;
	assert_true(write_it(world, &secret));
	struct stored_secret stale = secret;
	secret.entries = one;
	secret.entry_count = 1;
	assert_true(write_it(world, &secret));
	assert_false(span_eq(secret.resource_version, stale.resource_version));
	assert_true(span_eq(secret.uid, stale.uid));
	assert_true(read_it(world, "s", &back));
	assert_int_equal(back.entry_count, 1);
	assert_int_equal(files_in(world, "apps"), 1);
	assert_false(write_it(world, &stale));
	assert_int_equal(world->fail.code, FAIL_CONFLICT);
	struct stored_secret again = fresh("s");
	assert_false(write_it(world, &again));
	assert_int_equal(world->fail.code, FAIL_EXISTS);
	struct stored_secret gone = fresh("none");
	gone.resource_version = SPAN("x");
	assert_false(write_it(world, &gone));
	assert_int_equal(world->fail.code, FAIL_NOT_FOUND);
	assert_true(read_it(world, "s", &back));
	assert_span(stored_secret_value(&back, SPAN("c")), "\xff");
}

static void trying_changes_nothing(void **state)
{
	struct world *world = *state;
	struct stored_secret secret = fresh("s"), back;
	assert_true(secret_store_try(world->store, &secret, 0, &world->fail));
	assert_false(read_it(world, "s", &back));
	assert_int_equal(world->fail.code, FAIL_NOT_FOUND);
	assert_int_equal(files_in(world, "apps"), 0);
	struct secret_entry bad = {SPAN("../x"), SPAN("1")};
	secret.entries = &bad;
	secret.entry_count = 1;
	assert_false(secret_store_try(world->store, &secret, 0, &world->fail));
	assert_non_null(strstr(world->fail.text, "\"../x\" cannot be a key"));
	assert_false(write_it(world, &secret));
	assert_int_equal(files_in(world, "apps"), 0);
}

static void only_the_one_with_the_uid_is_removed(void **state)
{
	struct world *world = *state;
	struct stored_secret secret = fresh("s"), back;
	assert_true(write_it(world, &secret));
	assert_false(secret_store_remove(world->store, SPAN("apps"), SPAN("s"), SPAN("other"), 0, &world->fail));
	assert_int_equal(world->fail.code, FAIL_CONFLICT);
	assert_true(read_it(world, "s", &back));
	assert_true(secret_store_remove(world->store, SPAN("apps"), SPAN("s"), secret.uid, 0, &world->fail));
	assert_false(read_it(world, "s", &back));
	assert_true(secret_store_remove(world->store, SPAN("apps"), SPAN("s"), secret.uid, 0, &world->fail));
	assert_true(secret_store_remove(world->store, SPAN("nowhere"), SPAN("s"), secret.uid, 0, &world->fail));
	assert_int_equal(files_in(world, "apps"), 0);
}

static void what_people_made_is_read(void **state)
{
	struct world *world = *state;
	struct stored_secret back;
	assert_int_equal(mkdir(path(world, "flat"), 0755), 0);
	assert_int_equal(mkdir(path(world, "flat/..data"), 0755), 0);
	assert_int_equal(mkdir(path(world, "flat/folder"), 0755), 0);
	put_file(world, "flat/..data/k", "v");
	assert_int_equal(symlink("..data/k", path(world, "flat/k")), 0); /* as a volume has it */
	assert_int_equal(symlink("nowhere", path(world, "flat/broken")), 0);
	put_file(world, "flat/.x.tmp", "half");
	put_file(world, "flat/odd key", "x");
	assert_true(secret_store_read(world->store, SPAN(""), SPAN("flat"), 0, &world->arena, &back, NULL));
	assert_int_equal(back.entry_count, 1);
	assert_span(stored_secret_value(&back, SPAN("k")), "v");
	assert_true(back.uid.len > 0 && back.labels == NULL);
	struct stored_secret changed = back;
	changed.entries = one;
	changed.entry_count = 1;
	changed.labels = json_pack("{s:s}", "l", "1");
	assert_false(write_it(world, &changed)); /* whose folders they are is not known */
	assert_int_equal(world->fail.code, FAIL_INVALID);
	assert_false(secret_store_remove(world->store, SPAN(""), SPAN("flat"), back.uid, 0, &world->fail));
	assert_int_equal(files_in(world, "flat"), 6);
	assert_int_equal(unlink(path(world, "flat/..data/k")), 0);
	assert_int_equal(rmdir(path(world, "flat/..data")), 0);
	assert_int_equal(rmdir(path(world, "flat/folder")), 0);
	assert_true(secret_store_read(world->store, SPAN(""), SPAN("flat"), 0, &world->arena, &back, NULL));
	changed.resource_version = back.resource_version;
	assert_true(write_it(world, &changed));
	stored_secret_drop(&changed);
	assert_int_equal(files_in(world, "flat"), 2);
}

static void what_is_too_large_is_refused(void **state)
{
	struct world *world = *state;
	struct stored_secret back;
	char *large = calloc(1, (1 << 20) + 2);
	memset(large, 'x', (1 << 20) + 1);
	assert_int_equal(mkdir(path(world, "apps"), 0755), 0);
	assert_int_equal(mkdir(path(world, "apps/s"), 0755), 0);
	put_file(world, "apps/s/k", large);
	assert_false(read_it(world, "s", &back));
	assert_int_equal(world->fail.code, FAIL_TOO_BIG);
	put_file(world, "apps/s/k", "v");
	put_file(world, "apps/s/..secret.json", "no JSON");
	assert_false(read_it(world, "s", &back));
	assert_int_equal(world->fail.code, FAIL_PROTOCOL);
	free(large);
}

static void what_a_killed_writer_left_goes(void **state)
{
	struct world *world = *state;
	struct stored_secret secret = fresh("s");
	assert_int_equal(mkdir(path(world, "apps"), 0755), 0);
	assert_int_equal(mkdir(path(world, "apps/.s.0123456789abcdef.tmp"), 0755), 0);
	put_file(world, "apps/.s.0123456789abcdef.tmp/k", "half");
	assert_int_equal(mkdir(path(world, "apps/.s.t.0123456789abcdef.tmp"), 0755), 0); /* of the Secret "s.t" */
	assert_true(write_it(world, &secret));
	assert_int_equal(files_in(world, "apps"), 2);
}

/* --- at the same time ------------------------------------------------------------------------------------------------------------ */

struct crowd {
	struct world *world;
	_Atomic bool is_over;
	_Atomic int wrong;
};

/* Both values are always of one writing. */
static void *read_always(void *ctx)
{
	struct crowd *crowd = ctx;
	struct arena arena;
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	while (!crowd->is_over) {
		struct stored_secret secret = {0};
		struct fail fail = {0};
		if (secret_store_read(crowd->world->store, SPAN("apps"), SPAN("s"), 0, &arena, &secret, &fail)) {
			crowd->wrong += secret.entry_count != 2 || !span_eq(secret.entries[0].value, secret.entries[1].value);
			stored_secret_drop(&secret);
		} else {
			crowd->wrong += fail.code != FAIL_CONFLICT;
		}
		arena_reset(&arena);
	}
	arena_done(&arena);
	return NULL;
}

static void nobody_reads_half_of_it(void **state)
{
	struct world *world = *state;
	struct crowd crowd = {.world = world};
	struct secret_entry entries[] = {{SPAN("a"), SPAN("0")}, {SPAN("b"), SPAN("0")}};
	struct stored_secret secret = fresh("s");
	pthread_t reader;
	secret.entries = entries;
	assert_true(write_it(world, &secret));
	assert_int_equal(pthread_create(&reader, NULL, read_always, &crowd), 0);
	for (int i = 0; i < 20; i++) {
		entries[0].value = entries[1].value = arena_spanf(&world->arena, "%d", i);
		assert_true(write_it(world, &secret));
	}
	crowd.is_over = true;
	pthread_join(reader, NULL);
	assert_int_equal(crowd.wrong, 0);
}

/* --- watching --------------------------------------------------------------------------------------------------------------------- */

static void count(void *ctx, struct span ns, struct span name)
{
	assert_span(ns, "apps");
	assert_span(name, "s");
	++*(_Atomic int *)ctx;
}

static void wait_for(_Atomic int *counted, int at_least)
{
	for (int tries = 0; *counted < at_least && tries < 5000; tries++)
		usleep(1000);
	assert_true(*counted >= at_least);
}

static void changes_are_seen(void **state)
{
	struct world *world = *state;
	_Atomic int counted = 0, other = 0;
	struct stored_secret secret = fresh("s");
	struct span version;
	secret_store_watch(world->store, SPAN("apps"), SPAN("s"), count, &counted);
	secret_store_watch(world->store, SPAN("apps"), SPAN("s"), count, &counted);
	secret_store_watch(world->store, SPAN("apps"), SPAN("s"), count, &other);
	assert_false(secret_store_seen(world->store, SPAN("apps"), SPAN("s"), &world->arena, &version));
	assert_true(write_it(world, &secret));
	wait_for(&counted, 1);
	wait_for(&other, 1);
	put_file(world, "apps/s/a", "by hand");
	wait_for(&counted, 2);
	secret_store_unwatch(world->store, SPAN("apps"), SPAN("s"), count, &other);
	int then = other;
	struct stored_secret back;
	assert_true(read_it(world, "s", &back));
	assert_true(secret_store_remove(world->store, SPAN("apps"), SPAN("s"), back.uid, 0, NULL));
	wait_for(&counted, 3);
	assert_int_equal(other, then);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(what_is_written_is_read),
		CASE(it_is_replaced_as_a_whole),
		CASE(trying_changes_nothing),
		CASE(only_the_one_with_the_uid_is_removed),
		CASE(what_people_made_is_read),
		CASE(what_is_too_large_is_refused),
		CASE(what_a_killed_writer_left_goes),
		CASE(nobody_reads_half_of_it),
		CASE(changes_are_seen),
	};
	return RUN_TESTS(tests);
}
