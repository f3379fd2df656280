/* Files with credentials: who may write them, what others see of it, and what is never lost. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kube/private_file.h"
#include "base/files.h"
#include "tests/unit/fake_clock.h"

struct place {
	struct arena arena;
	char *dir, *config;
	struct fail fail;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	const char *tmp = getenv("TMPDIR");
	arena_init(&place->arena, ARENA_NO_LIMIT);
	place->dir = arena_string(&place->arena, arena_spanf(&place->arena, "%s/private.XXXXXX", tmp ? tmp : "/tmp"));
	*state = place;
	if (mkdtemp(place->dir) == NULL)
		return 1;
	place->config = arena_string(&place->arena, arena_spanf(&place->arena, "%s/config", place->dir));
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	int status = system(arena_spanf(&place->arena, "rm -rf '%s'", place->dir).ptr);
	arena_done(&place->arena);
	free(place);
	return status;
}

static const char *beside(struct place *place, const char *name)
{
	return arena_spanf(&place->arena, "%s/%s", place->dir, name).ptr;
}

static void put(struct place *place, const char *path, const char *content, mode_t mode)
{
	assert_true(files_write(path, span_of(content), mode, &place->fail));
}

static struct span content_of(struct place *place, const char *path)
{
	struct span found = {0};
	assert_true(files_read(&place->arena, path, 1000, &found, &place->fail));
	return found;
}

static void replaced_as_a_whole_and_private(void **state)
{
	struct place *place = *state;
	struct private_file file;
	struct stat info;
	put(place, place->config, "old", 0644);
	assert_true(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_true(file.exists);
	assert_span(file.content, "old");
	assert_int_equal(access(beside(place, "config.lock"), F_OK), 0);
	assert_true(private_file_replace(&file, SPAN("new"), &place->fail));
	private_file_close(&file);
	assert_span(content_of(place, place->config), "new");
	assert_int_equal(stat(place->config, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(access(beside(place, "config.lock"), F_OK), -1);
}

static void made_when_it_is_not_there(void **state)
{
	struct place *place = *state;
	struct private_file file;
	assert_true(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_false(file.exists);
	assert_true(private_file_replace(&file, SPAN("new"), &place->fail));
	private_file_close(&file);
	assert_span(content_of(place, place->config), "new");
	assert_false(private_file_open(&place->arena, beside(place, "nowhere/config"), &file, &place->fail));
	assert_int_equal(place->fail.code, FAIL_NOT_FOUND);
}

static void links_of_ours_are_followed(void **state)
{
	struct place *place = *state;
	struct private_file file;
	struct stat info;
	put(place, beside(place, "real"), "old", 0600);
	assert_int_equal(symlink("real", place->config), 0);
	assert_true(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_true(private_file_replace(&file, SPAN("new"), &place->fail));
	private_file_close(&file);
	assert_span(content_of(place, beside(place, "real")), "new");
	assert_int_equal(lstat(place->config, &info), 0);
	assert_true(S_ISLNK(info.st_mode));
	assert_int_equal(unlink(beside(place, "real")), 0);
	assert_false(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_true(span_contains(span_of(place->fail.text), "leads nowhere"));
}

static void what_is_no_file_of_ours_is_left_alone(void **state)
{
	struct place *place = *state;
	struct private_file file;
	assert_false(private_file_open(&place->arena, "/dev/null", &file, &place->fail));
	assert_int_equal(place->fail.code, FAIL_INVALID);
	assert_false(private_file_open(&place->arena, place->dir, &file, &place->fail));
	assert_int_equal(place->fail.code, FAIL_INVALID);
	assert_int_equal(mkfifo(beside(place, "pipe"), 0600), 0);
	assert_false(private_file_open(&place->arena, beside(place, "pipe"), &file, &place->fail));
	assert_int_equal(access(beside(place, "pipe.lock"), F_OK), -1);
	if (geteuid() != 0)
		return;
	put(place, place->config, "old", 0600);
	assert_int_equal(chown(place->config, 65534, 65534), 0);
	assert_false(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_int_equal(place->fail.code, FAIL_DENIED);
	assert_true(span_contains(span_of(place->fail.text), "belongs to the user 65534"));
	assert_int_equal(symlink("real", beside(place, "theirs")), 0);
	assert_int_equal(lchown(beside(place, "theirs"), 65534, 65534), 0);
	assert_false(private_file_open(&place->arena, beside(place, "theirs"), &file, &place->fail));
	assert_true(span_contains(span_of(place->fail.text), "a link that another user made"));
}

static void a_change_by_others_is_not_lost(void **state)
{
	struct place *place = *state;
	struct private_file file;
	put(place, place->config, "old", 0600);
	assert_true(private_file_open(&place->arena, place->config, &file, &place->fail));
	put(place, place->config, "theirs", 0600);
	assert_false(private_file_replace(&file, SPAN("new"), &place->fail));
	assert_int_equal(place->fail.code, FAIL_CONFLICT);
	private_file_close(&file);
	assert_span(content_of(place, place->config), "theirs");
}

static void a_lock_of_others_is_waited_for(void **state)
{
	struct place *place = *state;
	struct private_file file;
	put(place, beside(place, "config.lock"), "", 0600);
	int64_t begin_ms = fake_monotonic_ms;
	assert_false(private_file_open(&place->arena, place->config, &file, &place->fail));
	assert_int_equal(place->fail.code, FAIL_TIMEOUT);
	assert_true(span_contains(span_of(place->fail.text), "config.lock is there"));
	assert_true(fake_monotonic_ms - begin_ms >= 10000);
	assert_int_equal(access(beside(place, "config.lock"), F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(replaced_as_a_whole_and_private), TEST(made_when_it_is_not_there), TEST(links_of_ours_are_followed),
		TEST(what_is_no_file_of_ours_is_left_alone), TEST(a_change_by_others_is_not_lost), TEST(a_lock_of_others_is_waited_for),
	};
	return RUN_TESTS(tests);
}
