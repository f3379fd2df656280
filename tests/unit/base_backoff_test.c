/* Waits grow, end at the longest, and differ. */
#include "base/backoff.h"
#include "tests/unit/test.h"

static void doubles_until_the_longest(void **state)
{
	static const int64_t wanted[] = {500, 500, 1000, 2000, 4000, 4500, 4500};
	uint64_t random = 1;
	(void)state;
	for (unsigned failures = 0; failures < sizeof wanted / sizeof *wanted; failures++)
		for (int i = 0; i < 1000; i++) {
			int64_t wait_ms = backoff_ms(&random, failures, 500, 4500);
			assert_in_range(wait_ms, wanted[failures] * 8 / 10, wanted[failures] * 12 / 10);
		}
	assert_true(backoff_ms(&random, UINT32_MAX, 1, INT64_MAX / 200) > 0);
}

static void differs_by_a_fifth_either_way(void **state)
{
	uint64_t random = 7;
	int64_t least = INT64_MAX, most = 0;
	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t wait_ms = backoff_ms(&random, 1, 1000, 1000);
		least = wait_ms < least ? wait_ms : least;
		most = wait_ms > most ? wait_ms : most;
	}
	assert_int_equal(least, 800);
	assert_int_equal(most, 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_until_the_longest),
		cmocka_unit_test(differs_by_a_fifth_either_way),
	};
	return RUN_TESTS(tests);
}
