/* Behind the walls of base/enclose.h: what still goes, and what does not any more. Every attempt is a process of its own. */
#include "base/enclose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static char room[] = "/tmp/enclose.XXXXXX";

/* --- attempts: true when it went ------------------------------------------------------------------------------------- */

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool read_inside(void)
{
	return opens("inside/file", O_RDONLY) && opens("inside", O_RDONLY | O_DIRECTORY);
}

static bool use_memory(void)
{
	char *block = malloc(8 << 20);
	if (block == NULL)
		return false;
	memset(block, 1, 8 << 20);
	free(block);
	return true;
}

static bool write_out(void)
{
	return fputs("# still writes\n", stdout) >= 0 && fflush(stdout) == 0;
}

static bool read_outside(void)
{
	return opens("outside", O_RDONLY);
}

static bool read_through_link(void)
{
	return opens("inside/link", O_RDONLY);
}

static bool list_outside(void)
{
	return opens(".", O_RDONLY | O_DIRECTORY);
}

static bool write_inside(void)
{
	return opens("inside/file", O_WRONLY) || opens("inside/new", O_RDWR | O_CREAT);
}

static bool remove_inside(void)
{
	return unlink("inside/file") == 0 || mkdir("inside/more", 0700) == 0;
}

static bool connect_somewhere(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool make_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool run_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return false; /* had it gone, the exit status would be that of /bin/true */
}

static bool make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool look_into_parent(void)
{
	return syscall(SYS_ptrace, 16, getppid(), 0, 0) == 0 || kill(getppid(), 0) == 0;
}

/* --- the tests ------------------------------------------------------------------------------------------------------ */

static bool has_both_walls(void)
{
	pid_t pid = fork();
	int status = 0;
	if (pid == 0)
		_exit(enclose_self("inside", ENCLOSE_REQUIRE, NULL) ? 0 : 1);
	waitpid(pid, &status, 0);
	return !HAS_SANITIZER && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Does it go behind the walls? Without them everything here goes. */
static bool goes(bool (*attempt)(void), enum enclose_mode mode)
{
	int status = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(enclose_self("inside", mode, NULL) ? attempt() ? 0 : 1 : 2);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status) == 0;
}

static void test_what_goes(void **state)
{
	(void)state;
	assert_true(goes(read_inside, ENCLOSE_AUTO));
	assert_true(goes(use_memory, ENCLOSE_AUTO));
	assert_true(goes(write_out, ENCLOSE_AUTO));
}

static void test_what_does_not(void **state)
{
	static bool (*const attempts[])(void) = {read_outside, read_through_link, list_outside, write_inside, remove_inside,
						 connect_somewhere, make_process, run_program, make_code, look_into_parent};
	(void)state;
	if (!has_both_walls())
		skip();
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		if (goes(attempts[i], ENCLOSE_AUTO))
			fail_msg("attempt %zu goes", i);
		if (attempts[i] != look_into_parent && attempts[i] != remove_inside && !goes(attempts[i], ENCLOSE_OFF))
			fail_msg("attempt %zu does not even go without walls", i);
	}
}

static void test_modes(void **state)
{
	enum enclose_mode mode = ENCLOSE_OFF;
	struct fail fail;
	(void)state;
	assert_true(enclose_mode_parse(SPAN("auto"), &mode) && mode == ENCLOSE_AUTO);
	assert_true(enclose_mode_parse(SPAN("require"), &mode) && mode == ENCLOSE_REQUIRE);
	assert_true(enclose_mode_parse(SPAN("off"), &mode) && mode == ENCLOSE_OFF);
	assert_false(enclose_mode_parse(SPAN("on"), &mode));
	assert_true(enclose_self("nowhere", ENCLOSE_OFF, &fail));
	if (!HAS_SANITIZER)
		assert_false(enclose_self("nowhere", ENCLOSE_AUTO, &fail));
	setenv("OMNIOPS_SANDBOX", "of", 1);
	assert_false(enclose_by_environment("inside", &fail));
	assert_non_null(strstr(fail.text, "auto, require or off"));
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes),
		cmocka_unit_test(test_what_does_not),
		cmocka_unit_test(test_modes),
	};
	if (mkdtemp(room) == NULL || chdir(room) != 0 || mkdir("inside", 0700) != 0)
		return 1;
	make_file("inside/file");
	make_file("outside");
	if (symlink("../outside", "inside/link") != 0)
		return 1;
	int failed = RUN_TESTS(tests);
	for (const char *const *path = (const char *const[]){"inside/file", "inside/link", "inside/new", "outside", NULL}; *path != NULL;
	     path++)
		unlink(*path);
	return rmdir("inside") != 0 || chdir("/") != 0 || rmdir(room) != 0 ? 1 : failed;
}
