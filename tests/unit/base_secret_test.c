#include "base/secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "tests/unit/test.h"

static void a_secret_is_a_copy(void **state)
{
	(void)state;
	struct secret secret = {0};
	char value[] = "hunter2";
	secret_set(&secret, span_of(value));
	memset(value, 'x', sizeof value - 1);
	assert_span(secret_span(&secret), "hunter2");
	assert_int_equal(secret.ptr[secret.len], 0);
	secret_set(&secret, SPAN("other"));
	assert_span(secret_span(&secret), "other");
	secret_set(&secret, secret_span(&secret)); /* itself */
	assert_span(secret_span(&secret), "other");
	secret_done(&secret);
	assert_null(secret.ptr);
	secret_done(&secret);
}

static void comparison_needs_every_byte(void **state)
{
	(void)state;
	struct secret secret = {0};
	assert_true(secret_is(&secret, SPAN("")));
	assert_false(secret_is(&secret, SPAN("x")));
	secret_set(&secret, SPAN("token"));
	assert_true(secret_is(&secret, SPAN("token")));
	assert_false(secret_is(&secret, SPAN("tokem")));
	assert_false(secret_is(&secret, SPAN("Token")));
	assert_false(secret_is(&secret, SPAN("toke")));
	assert_false(secret_is(&secret, SPAN("token ")));
	secret_done(&secret);
}

static void files_lose_their_line_end(void **state)
{
	(void)state;
	char path[] = "/tmp/secret.XXXXXX";
	struct secret secret = {0};
	struct fail fail = {0};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_true(files_write_all(fd, SPAN("key with space \r\n\n"), path, NULL));
	assert_true(secret_read(&secret, AT_FDCWD, path, 100, &fail));
	assert_span(secret_span(&secret), "key with space ");
	assert_false(secret_read(&secret, AT_FDCWD, path, 5, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	assert_null(strstr(fail.text, "key"));
	assert_span(secret_span(&secret), "key with space ");
	close(fd);
	unlink(path);
	assert_false(secret_read(&secret, AT_FDCWD, path, 100, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	secret_done(&secret);
}

/* The environment as other processes see it. */
static bool environ_shows(const char *needle)
{
	static char bytes[1 << 20];
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, bytes, sizeof bytes);
	close(fd);
	return got > 0 && memmem(bytes, (size_t)got, needle, strlen(needle)) != NULL;
}

static void the_environment_forgets(void **state)
{
	(void)state;
	struct secret secret = {0};
	assert_false(secret_take_env(&secret, "BASE_SECRET_NONE"));
	assert_true(environ_shows("do-not-show-me"));
	assert_true(secret_take_env(&secret, "BASE_SECRET_TEST"));
	assert_span(secret_span(&secret), "do-not-show-me");
	assert_null(getenv("BASE_SECRET_TEST"));
	assert_false(environ_shows("do-not-show-me"));
	secret_done(&secret);
}

static void a_forked_child_sees_nothing(void **state)
{
	(void)state;
	struct secret secret = {0};
	secret_set(&secret, SPAN("parent only"));
	pid_t child = fork();
	if (child == 0)
		_exit(secret.ptr[0] == '\0' ? 0 : 1);
	int status = -1;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_span(secret_span(&secret), "parent only");
	secret_done(&secret);
}

#ifdef __x86_64__
enum { REGISTERS_MAX = 16384, VECTOR = 16, VALUE = 1000 };

__attribute__((target("xsave"))) static void save_registers(unsigned char *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

/* A core file holds the registers, too: how many of them hold a part of the value? */
static size_t registers_with(const unsigned char *value)
{
	static _Alignas(64) unsigned char area[REGISTERS_MAX];
	size_t count = 0;
	save_registers(area);
	for (size_t at = 0; at < sizeof area; at += VECTOR)
		count += memmem(value, VALUE, area + at, VECTOR) != NULL;
	return count;
}

static void no_register_keeps_it(void **state)
{
	(void)state;
	static unsigned char value[VALUE], copy[VALUE];
	struct secret secret = {0};
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx")) /* and so XSAVE */
		skip();
	for (volatile size_t i = 0; i < VALUE; i++)
		value[i] = (unsigned char)(i * 7 + i / 256 + 1);
	for (volatile size_t length = VECTOR; length <= VALUE; length += 31) {
		void *(*volatile copier)(void *, const void *, size_t) = memcpy;
		secret_set(&secret, (struct span){(const char *)value, length});
		assert_int_equal(registers_with(value), 0);
		copier(copy, value, length);
		secret_done(&secret);
		assert_int_equal(registers_with(value), 0);
	}
	copy[0] = 0;
}
#else
static void no_register_keeps_it(void **state)
{
	(void)state;
	skip();
}
#endif

int main(int argc, char **argv)
{
	(void)argc;
	/* /proc/self/environ shows what exec handed over: start again with the variable. */
	if (getenv("BASE_SECRET_TEST") == NULL) {
		setenv("BASE_SECRET_TEST", "do-not-show-me", 1);
		execv("/proc/self/exe", argv);
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_a_copy),	   cmocka_unit_test(comparison_needs_every_byte),
		cmocka_unit_test(files_lose_their_line_end), cmocka_unit_test(the_environment_forgets),
		cmocka_unit_test(a_forked_child_sees_nothing), cmocka_unit_test(no_register_keeps_it),
	};
	return RUN_TESTS(tests);
}
