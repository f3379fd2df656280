#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct place {
	struct arena arena;
	char *dir;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	const char *tmp = getenv("TMPDIR");
	arena_init(&place->arena, ARENA_NO_LIMIT);
	place->dir = arena_string(&place->arena, arena_spanf(&place->arena, "%s/files.XXXXXX", tmp ? tmp : "/tmp"));
	*state = place;
	return mkdtemp(place->dir) == NULL;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char command[4200];
	snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
	int status = system(command);
	arena_done(&place->arena);
	free(place);
	return status;
}

static const char *in(struct place *place, const char *name)
{
	return arena_spanf(&place->arena, "%s/%s", place->dir, name).ptr;
}

static size_t entries(const char *path)
{
	size_t count = 0;
	DIR *dir = opendir(path);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void what_is_written_is_read(void **state)
{
	struct place *place = *state;
	struct span content;
	struct fail fail = {0};
	const char *path = in(place, "f");
	static const size_t sizes[] = {0, 1, 4095, 4096, 65536, 65537, 300000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *bytes = arena_alloc(&place->arena, sizes[i] + 1);
		memset(bytes, 'a' + (int)i, sizes[i]);
		assert_true(files_write(path, (struct span){bytes, sizes[i]}, 0640, &fail));
		assert_true(files_read(&place->arena, path, 300000, &content, &fail));
		assert_int_equal(content.len, sizes[i]);
		assert_memory_equal(content.ptr, bytes, sizes[i] + 1);
	}
	assert_int_equal(entries(place->dir), 1);
}

static void the_mode_is_as_asked(void **state)
{
	struct place *place = *state;
	struct stat info;
	const char *path = in(place, "secret");
	mode_t mask = umask(077);
	assert_true(files_write(path, SPAN("x"), 0644, NULL));
	umask(mask);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0644);
	assert_true(files_write(path, SPAN("x"), 0600, NULL));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
}

static void a_link_is_replaced_not_followed(void **state)
{
	struct place *place = *state;
	struct span content;
	struct stat info;
	assert_true(files_write(in(place, "target"), SPAN("old"), 0600, NULL));
	assert_int_equal(symlink("target", in(place, "link")), 0);
	assert_true(files_write(in(place, "link"), SPAN("new"), 0600, NULL));
	assert_int_equal(lstat(in(place, "link"), &info), 0);
	assert_true(S_ISREG(info.st_mode));
	assert_true(files_read(&place->arena, in(place, "target"), 10, &content, NULL));
	assert_span(content, "old");
}

static void the_limit_is_a_failure(void **state)
{
	struct place *place = *state;
	struct span content = SPAN("untouched");
	struct fail fail = {0};
	const char *path = in(place, "f");
	assert_true(files_write(path, SPAN("0123456789"), 0600, NULL));
	assert_true(files_read(&place->arena, path, 10, &content, &fail));
	content = SPAN("untouched");
	assert_false(files_read(&place->arena, path, 9, &content, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	assert_non_null(strstr(fail.text, path));
	assert_span(content, "untouched");
}

static void what_cannot_be_read_is_named(void **state)
{
	struct place *place = *state;
	struct span content;
	struct fail fail = {0};
	assert_false(files_read(&place->arena, in(place, "none"), 10, &content, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	assert_non_null(strstr(fail.text, "none"));
	assert_false(files_read(&place->arena, place->dir, 10, &content, &fail));
	assert_int_equal(fail.code, FAIL_INVALID);
	assert_false(files_write(in(place, "none/f"), SPAN("x"), 0600, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	assert_int_equal(mkdir(in(place, "d"), 0700), 0);
	assert_false(files_write(in(place, "d"), SPAN("x"), 0600, &fail));
	assert_int_equal(entries(place->dir), 1); /* no temporary file is left */
}

static void pipes_are_read_to_their_end(void **state)
{
	struct place *place = *state;
	struct span content;
	struct fail fail = {0};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		char bytes[1000];
		memset(bytes, 'p', sizeof bytes);
		close(ends[0]);
		for (int i = 0; i < 200; i++)
			if (write(ends[1], bytes, sizeof bytes) < 0)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	assert_true(files_read_fd(&place->arena, ends[0], "standard input", 200000, &content, &fail));
	assert_int_equal(content.len, 200000);
	assert_int_equal(content.ptr[199999], 'p');
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static void endless_input_ends_at_the_limit(void **state)
{
	struct place *place = *state;
	struct span content;
	struct fail fail = {0};
	assert_false(files_read(&place->arena, "/dev/zero", 1 << 20, &content, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	struct arena small;
	arena_init(&small, 200 * 1024);
	assert_false(files_read(&small, "/dev/zero", ARENA_NO_LIMIT, &content, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	arena_done(&small);
}

static void files_without_a_size_are_read(void **state)
{
	struct place *place = *state;
	struct span content;
	assert_true(files_read(&place->arena, "/proc/self/status", 1 << 20, &content, NULL));
	assert_true(span_contains(content, "Pid:"));
}

static void writing_into_a_full_disk_fails_cleanly(void **state)
{
	(void)state;
	struct fail fail = {0};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	assert_false(files_write_all(full, SPAN("x"), "/dev/full", &fail));
	assert_int_equal(fail.code, FAIL_IO);
	close(full);
}

static void directories_are_made_with_their_parents(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	assert_true(files_make_dirs(in(place, "a/b//c/"), 0700, &fail));
	assert_true(files_make_dirs(in(place, "a/b/c"), 0700, &fail));
	assert_true(files_make_dirs("/", 0700, &fail));
	assert_true(files_write(in(place, "a/file"), SPAN("x"), 0600, NULL));
	assert_false(files_make_dirs(in(place, "a/file/d"), 0700, &fail));
	assert_non_null(strstr(fail.text, "a/file"));
	assert_false(files_make_dirs("", 0700, &fail));
}

static void removing_twice_is_fine(void **state)
{
	struct place *place = *state;
	int dir = -1;
	assert_true(files_open_dir(AT_FDCWD, place->dir, &dir, NULL));
	assert_true(files_write_at(dir, "f", SPAN("x"), 0600, NULL));
	assert_true(files_remove_at(dir, "f", NULL));
	assert_true(files_remove_at(dir, "f", NULL));
	assert_int_equal(entries(place->dir), 0);
	assert_int_equal(fcntl(dir, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(dir);
	assert_false(files_open_dir(AT_FDCWD, in(place, "none"), &dir, NULL));
}

/* Kill a writer again and again: the file always holds one of the two contents as a whole. */
static void a_killed_writer_leaves_whole_files(void **state)
{
	struct place *place = *state;
	enum { SIZE = 100000 };
	char *one = arena_alloc(&place->arena, SIZE), *two = arena_alloc(&place->arena, SIZE);
	memset(one, '1', SIZE);
	memset(two, '2', SIZE);
	const char *path = in(place, "f");
	assert_true(files_write(path, (struct span){one, SIZE}, 0600, NULL));
	for (int round = 0; round < 30; round++) {
		pid_t child = fork();
		if (child == 0) {
			for (;;)
				if (!files_write(path, (struct span){two, SIZE}, 0600, NULL) ||
				    !files_write(path, (struct span){one, SIZE}, 0600, NULL))
					_exit(1);
		}
		usleep((useconds_t)(500 + round * 170));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		struct span content;
		assert_true(files_read(&place->arena, path, SIZE, &content, NULL));
		assert_int_equal(content.len, SIZE);
		assert_memory_equal(content.ptr, content.ptr[0] == '1' ? one : two, SIZE);
	}
	DIR *dir = opendir(place->dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		assert_true(entry->d_name[0] != '.' || entry->d_name[1] == '.' || entry->d_name[1] == '\0' ||
			    files_is_temporary(entry->d_name));
	closedir(dir);
}

static void temporary_names_are_known(void **state)
{
	(void)state;
	assert_true(files_is_temporary(".f.0123456789abcdef.tmp"));
	assert_false(files_is_temporary("f.tmp"));
	assert_false(files_is_temporary(".gitignore"));
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(what_is_written_is_read),
		IN_A_PLACE(the_mode_is_as_asked),
		IN_A_PLACE(a_link_is_replaced_not_followed),
		IN_A_PLACE(the_limit_is_a_failure),
		IN_A_PLACE(what_cannot_be_read_is_named),
		IN_A_PLACE(pipes_are_read_to_their_end),
		IN_A_PLACE(endless_input_ends_at_the_limit),
		IN_A_PLACE(files_without_a_size_are_read),
		IN_A_PLACE(writing_into_a_full_disk_fails_cleanly),
		IN_A_PLACE(directories_are_made_with_their_parents),
		IN_A_PLACE(removing_twice_is_fine),
		IN_A_PLACE(a_killed_writer_leaves_whole_files),
		cmocka_unit_test(temporary_names_are_known),
	};
	return RUN_TESTS(tests);
}
