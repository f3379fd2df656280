/* What was read of a buffer goes back to the system, and only that. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/lent.h"
#include "tests/unit/test.h"

enum { ROOM = 1 << 20, HEAD = 16, PIECE = 16 * 1024 };

/* As malloc gives it: something of its own in front. */
static char *make_buffer(void)
{
	char *pages = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	memset(pages, 'x', ROOM);
	return pages;
}

static size_t count(const char *bytes, size_t len, char wanted)
{
	size_t found = 0;
	for (size_t i = 0; i < len; i++)
		found += bytes[i] == wanted;
	return found;
}

static void give_back(struct lent *lent, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += PIECE)
		lent_give_back(lent, (struct span){bytes + at, len - at < PIECE ? len - at : PIECE});
}

static void a_rush_goes_but_for_its_beginning(void **state)
{
	(void)state;
	char *pages = make_buffer();
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = 500 * 1000;
	struct lent lent = {0};
	give_back(&lent, pages + HEAD, len);
	size_t end = (HEAD + len) / page * page;
	assert_int_equal(count(pages, LENT_KEPT, 'x'), LENT_KEPT);
	assert_true(count(pages, end, 0) >= end - LENT_KEPT - HEAD - page);
	assert_int_equal(count(pages + end, ROOM - end, 'x'), ROOM - end);
	munmap(pages, ROOM);
}

static void what_comes_in_small_rushes_costs_nothing(void **state)
{
	(void)state;
	char *pages = make_buffer();
	struct lent lent = {0};
	for (size_t i = 0; i < 100; i++)
		give_back(&lent, pages + HEAD, LENT_KEPT);
	assert_int_equal(count(pages, ROOM, 'x'), ROOM);
	munmap(pages, ROOM);
}

/* The next rush begins at the beginning, with what was not read yet behind it. */
static void what_was_not_read_stays(void **state)
{
	(void)state;
	char *pages = make_buffer();
	struct lent lent = {0};
	give_back(&lent, pages + HEAD, 300 * 1000);
	memset(pages + HEAD, 'y', 200 * 1000);
	give_back(&lent, pages + HEAD, 100 * 1000);
	assert_int_equal(count(pages + HEAD + 100 * 1000, 100 * 1000, 'y'), 100 * 1000);
	assert_int_equal(count(pages, HEAD, 'x'), HEAD);
	munmap(pages, ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rush_goes_but_for_its_beginning),
		cmocka_unit_test(what_comes_in_small_rushes_costs_nothing),
		cmocka_unit_test(what_was_not_read_stays),
	};
	return RUN_TESTS(tests);
}
