/* Whose turn it is: once each, the urgent first, and what failed not at once again. */
#include "agent/controller/turns.h"
#include "tests/unit/test.h"

static struct turns turns;
static int64_t next_ms;

static int start(void **state)
{
	(void)state;
	turns_init(&turns, 42);
	return 0;
}

static int end(void **state)
{
	(void)state;
	turns_done(&turns);
	return 0;
}

static void each_waits_once_and_the_urgent_go_first(void **state)
{
	struct turn part = {0}, status = {0}, urgent = {0};
	(void)state;
	turns_add(&turns, &part, TURN_PART, 0, 100);
	turns_add(&turns, &part, TURN_PART, 0, 100);
	turns_add(&turns, &status, TURN_STATUS, 0, 100);
	turns_add(&turns, &urgent, TURN_URGENT, 0, 100);
	assert_ptr_equal(turns_take(&turns, 100, &next_ms), &urgent);
	assert_ptr_equal(turns_take(&turns, 100, &next_ms), &status);
	assert_ptr_equal(turns_take(&turns, 100, &next_ms), &part);
	assert_null(turns_take(&turns, 100, &next_ms));
	assert_true(next_ms == INT64_MAX);
	assert_int_equal(turns.busy, 3);
}

static void later_means_later_and_an_earlier_wish_counts(void **state)
{
	struct turn a = {0}, b = {0};
	(void)state;
	turns_add(&turns, &a, TURN_STATUS, 1000, 0);
	turns_add(&turns, &b, TURN_STATUS, 500, 0);
	assert_null(turns_take(&turns, 400, &next_ms));
	assert_int_equal(next_ms, 500);
	turns_add(&turns, &a, TURN_STATUS, 50, 400);
	turns_add(&turns, &a, TURN_STATUS, 5000, 400);
	assert_ptr_equal(turns_take(&turns, 450, &next_ms), &a);
	assert_null(turns_take(&turns, 499, &next_ms));
	assert_ptr_equal(turns_take(&turns, 500, &next_ms), &b);
}

static void what_becomes_urgent_while_it_waits_overtakes(void **state)
{
	struct turn a = {0}, b = {0};
	(void)state;
	turns_add(&turns, &a, TURN_STATUS, 0, 0);
	turns_add(&turns, &b, TURN_PART, 0, 0);
	turns_add(&turns, &b, TURN_URGENT, 0, 0);
	assert_ptr_equal(turns_take(&turns, 0, &next_ms), &b);
	assert_ptr_equal(turns_take(&turns, 0, &next_ms), &a);
}

static void news_while_busy_bring_it_back(void **state)
{
	struct turn a = {0};
	(void)state;
	turns_add(&turns, &a, TURN_STATUS, 0, 0);
	assert_ptr_equal(turns_take(&turns, 0, &next_ms), &a);
	turns_add(&turns, &a, TURN_STATUS, 0, 5);
	assert_null(turns_take(&turns, 5, &next_ms));
	turns_give(&turns, &a, TURN_DONE, 6);
	assert_ptr_equal(turns_take(&turns, 6, &next_ms), &a);
	turns_give(&turns, &a, TURN_DONE, 7);
	assert_null(turns_take(&turns, 7, &next_ms));
	assert_int_equal(a.state, TURN_IDLE);
}

static void failures_take_longer_each_time_and_success_forgets_them(void **state)
{
	struct turn a = {0};
	int64_t now = 0, last = 0;
	(void)state;
	turns_add(&turns, &a, TURN_STATUS, 0, now);
	for (int i = 0; i < 12; i++) {
		assert_ptr_equal(turns_take(&turns, now, &next_ms), &a);
		turns_give(&turns, &a, TURN_FAILED, now);
		assert_null(turns_take(&turns, now, &next_ms));
		if (i > 0 && i < 9)
			assert_true(next_ms - now > last * 5 / 4);
		last = next_ms - now;
		assert_true(last >= 400 && last <= 360000);
		now = next_ms;
	}
	assert_true(last >= 240000);
	assert_ptr_equal(turns_take(&turns, now, &next_ms), &a);
	turns_give(&turns, &a, TURN_AGAIN, now);
	assert_ptr_equal(turns_take(&turns, now, &next_ms), &a);
	turns_give(&turns, &a, TURN_FAILED, now);
	turns_take(&turns, now, &next_ms);
	assert_true(next_ms - now <= 600);
}

/* Somebody changes the object a thousand times a second, and each of our writes fails. */
static void a_storm_of_news_does_not_make_failures_spin(void **state)
{
	struct turn a = {0};
	int tries = 0;
	(void)state;
	for (int64_t now = 0; now < 60000; now++) {
		turns_add(&turns, &a, TURN_STATUS, 0, now);
		if (turns_take(&turns, now, &next_ms) == NULL)
			continue;
		tries++;
		turns_give(&turns, &a, TURN_FAILED, now);
	}
	assert_in_range(tries, 50, 70);
}

static void many_come_in_the_order_of_their_times(void **state)
{
	static struct turn many[1000];
	int64_t last = -1;
	(void)state;
	for (size_t i = 0; i < 1000; i++)
		turns_add(&turns, &many[i], TURN_STATUS, (int64_t)(i * 7919 % 1000) + 1, 0);
	for (size_t i = 0; i < 1000; i += 3)
		turns_drop(&turns, &many[i]);
	for (size_t count = 0; count < 666; count++) {
		turns_take(&turns, 0, &next_ms);
		struct turn *turn = turns_take(&turns, next_ms, &(int64_t){0});
		assert_non_null(turn);
		assert_true(turn->due_ms > last && turn->due_ms == next_ms);
		last = turn->due_ms;
	}
	assert_null(turns_take(&turns, INT64_MAX, &next_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_waits_once_and_the_urgent_go_first, start, end),
		cmocka_unit_test_setup_teardown(later_means_later_and_an_earlier_wish_counts, start, end),
		cmocka_unit_test_setup_teardown(what_becomes_urgent_while_it_waits_overtakes, start, end),
		cmocka_unit_test_setup_teardown(news_while_busy_bring_it_back, start, end),
		cmocka_unit_test_setup_teardown(failures_take_longer_each_time_and_success_forgets_them, start, end),
		cmocka_unit_test_setup_teardown(a_storm_of_news_does_not_make_failures_spin, start, end),
		cmocka_unit_test_setup_teardown(many_come_in_the_order_of_their_times, start, end),
	};
	return RUN_TESTS(tests);
}
