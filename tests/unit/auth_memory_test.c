#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/auth/sign.h"
#include "tests/unit/auth_make.h"
#include "tests/unit/test.h"

/* A sanitizer's memory is too large to look through, and freed blocks stay in it on purpose: with one these tests look
 * for leaks only. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
	__has_feature(thread_sanitizer)
enum { CAN_LOOK = 0 };
#else
enum { CAN_LOOK = 1 };
#endif

/* Of the worked example: a part of the seed as it is, and in its armour. */
static const unsigned char seed_part[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
static const char armor_part[] = "AgMEBQYHCAkKCwwNDg8QERIT";

static char key_text[8192]; /* in no memory that is looked at */
static size_t key_text_len;

/* Made by a child, so that this process never had it but here. */
static void make_text(const char *armored)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		struct text text;
		text_init(&text, TEXT_NO_LIMIT);
		auth_text("ci", armored, &text);
		_exit(write(ends[1], text.ptr, text.len) == (ssize_t)text.len ? 0 : 1);
	}
	close(ends[1]);
	ssize_t got;
	for (key_text_len = 0; (got = read(ends[0], key_text + key_text_len, sizeof key_text - key_text_len)) > 0;)
		key_text_len += (size_t)got;
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static bool shows(int memory, unsigned long begin, unsigned long end, const void *part, size_t length)
{
	static char bytes[1 << 16];
	for (; begin < end; begin += sizeof bytes - 64) {
		size_t size = end - begin < sizeof bytes ? end - begin : sizeof bytes;
		ssize_t got = pread(memory, bytes, size, (off_t)begin);
		if (got > 0 && memmem(bytes, (size_t)got, part, length) != NULL)
			return true;
	}
	return false;
}

/* In the heap, or with `everywhere` in every anonymous mapping of ours. */
static bool memory_shows(bool everywhere, const void *part, size_t length)
{
	static char maps[1 << 16];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	for (ssize_t got; (got = read(fd, maps + used, sizeof maps - 1 - used)) > 0;)
		used += (size_t)got;
	struct span rest = {maps, used}, line;
	bool found = false;
	while (span_next(&rest, '\n', &line)) {
		unsigned long begin, end;
		bool is_heap = span_ends(line, "[heap]");
		bool is_anonymous = everywhere && span_contains(line, " rw-p 00000000 00:00 0") && !span_ends(line, "]");
		if ((is_heap || is_anonymous) && sscanf(line.ptr, "%lx-%lx", &begin, &end) == 2 &&
		    !((char *)begin <= key_text && key_text < (char *)end) && !((char *)begin <= maps && maps < (char *)end))
			found = shows(memory, begin, end, part, length) || found;
	}
	close(fd);
	close(memory);
	return found;
}

static void expect_nothing(bool everywhere)
{
	if (!CAN_LOOK)
		return;
	assert_false(memory_shows(everywhere, seed_part, sizeof seed_part));
	assert_false(memory_shows(everywhere, armor_part, sizeof armor_part - 1));
	for (size_t i = 100; i + 24 < key_text_len; i += 100)
		assert_false(memory_shows(everywhere, key_text + i, 24));
}

static void the_search_finds_what_is_there(void **state)
{
	(void)state;
	char *heap = malloc(4096);
	memcpy(heap + 1000, seed_part, sizeof seed_part);
	assert_true(!CAN_LOOK || memory_shows(false, seed_part, sizeof seed_part));
	explicit_bzero(heap, 4096);
	assert_true(!CAN_LOOK || !memory_shows(false, seed_part, sizeof seed_part));
	free(heap);
}

static void nothing_of_a_key_stays_in_ordinary_memory(void **state)
{
	(void)state;
	struct service_key *key = NULL;
	struct signature made;
	struct arena arena;
	make_text(auth_example_armor);
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(service_key_read((struct span){key_text, key_text_len}, &key, NULL));
	expect_nothing(false);
	assert_true(!CAN_LOOK || memory_shows(true, seed_part, 16)); /* in the key's own pages */
	assert_true(sign_request(key, &arena, SPAN("/a/B"), NULL, 0, AUTH_NOW_S, &made, NULL));
	expect_nothing(false);
	service_key_free(key);
	expect_nothing(true);
	arena_done(&arena);
}

static void a_refused_key_stays_nowhere_either(void **state)
{
	(void)state;
	char armored[1024];
	struct service_key *key = NULL;
	struct fail fail;
	snprintf(armored, sizeof armored, "%s", auth_example_armor);
	memcpy(strstr(armored, "=32yY"), "=32yZ", 5);
	make_text(armored);
	assert_false(service_key_read((struct span){key_text, key_text_len}, &key, &fail));
	expect_nothing(true);
	key_text_len -= 8;
	assert_false(service_key_read((struct span){key_text, key_text_len}, &key, &fail));
	expect_nothing(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds_what_is_there),
		cmocka_unit_test(nothing_of_a_key_stays_in_ordinary_memory),
		cmocka_unit_test(a_refused_key_stays_nowhere_either),
	};
	return RUN_TESTS(tests);
}
