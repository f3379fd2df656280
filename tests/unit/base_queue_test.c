/* The queue: order, repetition while running, delays, limits of groups, fairness, stopping. Also run with ThreadSanitizer. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/queue.h"
#include "base/clock.h"

enum { ITEMS = 64 };

struct bench {
	struct queue *queue;
	struct queue_item items[ITEMS];
	_Atomic int runs[ITEMS], running[ITEMS], overlaps, order_count;
	int order[4 * ITEMS];
	_Atomic int group_running[64], group_most[64];
	enum queue_result (*work)(struct bench *bench, int index);
};

static enum queue_result run(void *ctx, struct queue_item *item)
{
	struct bench *bench = ctx;
	int index = (int)(item - bench->items);
	if (bench->running[index]++ > 0)
		bench->overlaps++;
	unsigned group = item->group;
	int now = ++bench->group_running[group];
	int most = bench->group_most[group];
	while (now > most && !atomic_compare_exchange_weak(&bench->group_most[group], &most, now))
		;
	int place = bench->order_count++;
	if (place < 4 * ITEMS)
		bench->order[place] = index;
	enum queue_result result = bench->work != NULL ? bench->work(bench, index) : QUEUE_DONE;
	bench->group_running[group]--;
	bench->running[index]--;
	bench->runs[index]++;
	return result;
}

static struct bench *begin(unsigned workers, enum queue_result (*work)(struct bench *, int))
{
	struct bench *bench = test_calloc(1, sizeof *bench);
	bench->work = work;
	bench->queue = queue_new(workers, run, bench);
	return bench;
}

static void wait_idle(struct bench *bench)
{
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (queue_busy(bench->queue) > 0) {
		assert_true(clock_monotonic_ms() < deadline);
		clock_sleep_ms(2);
	}
}

static void end(struct bench *bench)
{
	assert_true(queue_free(bench->queue, clock_monotonic_ms() + 10000));
	assert_int_equal(bench->overlaps, 0);
	test_free(bench);
}

static enum queue_result slow(struct bench *bench, int index)
{
	(void)bench;
	(void)index;
	clock_sleep_ms(20);
	return QUEUE_DONE;
}

static void first_come_first_served(void **state)
{
	(void)state;
	struct bench *bench = begin(1, slow);
	for (int i = 0; i < 8; i++)
		queue_add(bench->queue, &bench->items[i], 0);
	wait_idle(bench);
	for (int i = 0; i < 8; i++)
		assert_int_equal(bench->order[i], i);
	end(bench);
}

static void waits_at_most_once(void **state)
{
	(void)state;
	struct bench *bench = begin(1, slow);
	queue_add(bench->queue, &bench->items[0], 0);
	for (int i = 0; i < 100; i++)
		queue_add(bench->queue, &bench->items[1], 0);
	wait_idle(bench);
	assert_int_equal(bench->runs[1], 1);
	end(bench);
}

static void added_while_running_it_runs_again(void **state)
{
	(void)state;
	struct bench *bench = begin(4, slow);
	queue_add(bench->queue, &bench->items[0], 0);
	while (bench->running[0] == 0)
		clock_sleep_ms(1);
	for (int i = 0; i < 10; i++)
		queue_add(bench->queue, &bench->items[0], 0);
	wait_idle(bench);
	assert_int_equal(bench->runs[0], 2);
	end(bench);
}

static void a_delay_is_kept_and_can_be_shortened(void **state)
{
	(void)state;
	struct bench *bench = begin(1, NULL);
	int64_t start = clock_monotonic_ms();
	queue_add(bench->queue, &bench->items[0], 120);
	wait_idle(bench);
	assert_true(clock_monotonic_ms() - start >= 120);
	queue_add(bench->queue, &bench->items[1], 60000);
	queue_add(bench->queue, &bench->items[1], 0);
	wait_idle(bench);
	assert_int_equal(bench->runs[1], 1);
	end(bench);
}

static enum queue_result fail_twice(struct bench *bench, int index)
{
	return bench->runs[index] < 2 ? QUEUE_RETRY : QUEUE_DONE;
}

static void a_failure_comes_back_later_and_later(void **state)
{
	(void)state;
	struct bench *bench = begin(2, fail_twice);
	int64_t start = clock_monotonic_ms();
	queue_add(bench->queue, &bench->items[0], 0);
	wait_idle(bench);
	int64_t took = clock_monotonic_ms() - start;
	assert_int_equal(bench->runs[0], 3);
	assert_true(took >= 400 + 800); /* 0.5 s and 1 s, at most a fifth less */
	assert_int_equal(bench->items[0].failures, 0);
	assert_int_equal((int)queue_metrics(bench->queue).retries, 2);
	end(bench);
}

static enum queue_result makes_news_and_fails(struct bench *bench, int index)
{
	queue_add(bench->queue, &bench->items[index], 0); /* as an event that its own write caused */
	return bench->runs[index] < 3 ? QUEUE_RETRY : QUEUE_DONE;
}

static void a_failure_that_makes_news_does_not_spin(void **state)
{
	(void)state;
	struct bench *bench = begin(1, makes_news_and_fails);
	int64_t start = clock_monotonic_ms();
	queue_add(bench->queue, &bench->items[0], 0);
	while (bench->runs[0] < 3)
		clock_sleep_ms(5);
	assert_true(clock_monotonic_ms() - start >= 2 * 400);
	queue_stop(bench->queue);
	end(bench);
}

static enum queue_result wait_for_it(struct bench *bench, int index)
{
	return index == 0 && bench->runs[0] < 3 ? QUEUE_AGAIN : QUEUE_DONE;
}

static void one_that_waits_does_not_hold_up_others(void **state)
{
	(void)state;
	struct bench *bench = begin(1, wait_for_it);
	queue_add(bench->queue, &bench->items[0], 0);
	for (int i = 1; i < 20; i++)
		queue_add(bench->queue, &bench->items[i], 0);
	int64_t start = clock_monotonic_ms();
	while (bench->runs[19] == 0)
		clock_sleep_ms(1);
	assert_true(clock_monotonic_ms() - start < 150);
	wait_idle(bench);
	assert_int_equal(bench->runs[0], 4);
	end(bench);
}

static enum queue_result is_on_its_way(struct bench *bench, int index)
{
	return bench->runs[index] < 3 ? QUEUE_SOON : QUEUE_DONE;
}

static void what_is_on_its_way_is_looked_for_at_the_same_pace(void **state)
{
	(void)state;
	struct bench *bench = begin(1, is_on_its_way);
	int64_t start = clock_monotonic_ms();
	queue_add(bench->queue, &bench->items[0], 0);
	wait_idle(bench);
	int64_t took = clock_monotonic_ms() - start;
	assert_int_equal(bench->runs[0], 4);
	assert_true(took >= 300); /* three times 0.1 s */
	assert_int_equal((int)queue_metrics(bench->queue).retries, 0);
	end(bench);
}

static enum queue_result all_but_group_0_hang(struct bench *bench, int index)
{
	if (bench->items[index].group != 0)
		clock_sleep_ms(300);
	return QUEUE_DONE;
}

/* Three groups have more slow work than there are workers, again and again; the fourth never waits for them. */
static void slow_groups_leave_a_worker_to_the_others(void **state)
{
	(void)state;
	struct bench *bench = begin(2, all_but_group_0_hang);
	for (int i = 0; i < 24; i++) {
		bench->items[i].group = 1 + (unsigned)i % 3;
		queue_add(bench->queue, &bench->items[i], 0);
	}
	int64_t start = clock_monotonic_ms();
	for (int round = 1; round <= 3; round++) {
		for (int i = 24; i < 56; i++)
			queue_add(bench->queue, &bench->items[i], 0);
		for (int i = 24; i < 56; i++)
			while (bench->runs[i] < round)
				clock_sleep_ms(1);
		clock_sleep_ms(20);
	}
	assert_true(clock_monotonic_ms() - start < 250);
	queue_stop(bench->queue);
	for (int group = 1; group < 4; group++)
		assert_int_equal(bench->group_most[group], 2);
	end(bench);
}

static void one_group_has_all_the_workers(void **state)
{
	(void)state;
	struct bench *bench = begin(3, slow);
	for (int i = 0; i < 12; i++)
		queue_add(bench->queue, &bench->items[i], 0);
	wait_idle(bench);
	assert_int_equal(bench->group_most[0], 3);
	end(bench);
}

static enum queue_result comes_back_when_it_says(struct bench *bench, int index)
{
	bench->items[index].again_ms = 60;
	return bench->runs[index] < 2 ? QUEUE_WAIT : QUEUE_DONE;
}

static void one_that_names_a_time_comes_back_then(void **state)
{
	(void)state;
	struct bench *bench = begin(1, comes_back_when_it_says);
	int64_t start = clock_monotonic_ms();
	queue_add(bench->queue, &bench->items[0], 0);
	wait_idle(bench);
	assert_int_equal(bench->runs[0], 3);
	assert_true(clock_monotonic_ms() - start >= 120);
	end(bench);
}

static enum queue_result goes_away(struct bench *bench, int index)
{
	if (index != 1)
		return QUEUE_DONE;
	queue_add(bench->queue, &bench->items[index], 0);
	queue_remove(bench->queue, &bench->items[index]);
	memset(&bench->items[index], 0xff, sizeof bench->items[index]);
	return QUEUE_GONE;
}

static void one_that_is_removed_is_not_touched_any_more(void **state)
{
	(void)state;
	struct bench *bench = begin(1, goes_away);
	for (int i = 0; i < 3; i++)
		queue_add(bench->queue, &bench->items[i], 0);
	while (bench->runs[2] == 0)
		clock_sleep_ms(1);
	assert_int_equal(queue_busy(bench->queue), 0);
	assert_int_equal(bench->items[1].state, UINT32_MAX);
	queue_add(bench->queue, &bench->items[0], 0);
	wait_idle(bench);
	assert_int_equal(bench->runs[0], 2);
	end(bench);
}

static enum queue_result hang_until_told(struct bench *bench, int index)
{
	while (index < 40 && bench->runs[63] == 0)
		clock_sleep_ms(1);
	return QUEUE_DONE;
}

/* More groups than anybody would keep threads for: nobody waits for the others. */
static void forty_groups_that_hang_hold_up_nobody(void **state)
{
	(void)state;
	struct bench *bench = begin(2, hang_until_told);
	for (int i = 0; i < ITEMS - 1; i++) {
		bench->items[i].group = i < 40 ? (unsigned)i : 60;
		queue_add(bench->queue, &bench->items[i], 0);
	}
	for (int i = 40; i < ITEMS - 1; i++)
		while (bench->runs[i] == 0)
			clock_sleep_ms(1);
	assert_int_equal(bench->runs[0], 0);
	queue_add(bench->queue, &bench->items[63], 0);
	wait_idle(bench);
	end(bench);
}

static void *add_many(void *ctx)
{
	struct bench *bench = ctx;
	for (int i = 0; i < 2000; i++)
		queue_add(bench->queue, &bench->items[i % ITEMS], i % 3);
	return NULL;
}

static void many_threads_add_at_once(void **state)
{
	(void)state;
	struct bench *bench = begin(4, NULL);
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, bench), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	wait_idle(bench);
	for (int i = 0; i < ITEMS; i++)
		assert_true(bench->runs[i] >= 1);
	struct queue_metrics metrics = queue_metrics(bench->queue);
	assert_int_equal((int)metrics.adds, 6000);
	assert_int_equal((int)(metrics.depth + metrics.running), 0);
	end(bench);
}

static enum queue_result hang(struct bench *bench, int index)
{
	(void)index;
	while (bench->runs[1] == 0) /* the test lets it go */
		clock_sleep_ms(5);
	return QUEUE_DONE;
}

static void stopping_starts_nothing_new_and_tells_what_hangs(void **state)
{
	(void)state;
	struct bench *bench = begin(1, hang);
	queue_add(bench->queue, &bench->items[0], 0);
	while (bench->running[0] == 0)
		clock_sleep_ms(1);
	queue_add(bench->queue, &bench->items[2], 0);
	int64_t start = clock_monotonic_ms();
	assert_false(queue_free(bench->queue, start + 100));
	assert_true(clock_monotonic_ms() - start < 1000);
	bench->runs[1] = 1;
	assert_true(queue_free(bench->queue, clock_monotonic_ms() + 10000));
	assert_int_equal(bench->runs[2], 0);
	test_free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(waits_at_most_once),
		cmocka_unit_test(added_while_running_it_runs_again),
		cmocka_unit_test(a_delay_is_kept_and_can_be_shortened),
		cmocka_unit_test(a_failure_comes_back_later_and_later),
		cmocka_unit_test(a_failure_that_makes_news_does_not_spin),
		cmocka_unit_test(one_that_waits_does_not_hold_up_others),
		cmocka_unit_test(what_is_on_its_way_is_looked_for_at_the_same_pace),
		cmocka_unit_test(slow_groups_leave_a_worker_to_the_others),
		cmocka_unit_test(one_group_has_all_the_workers),
		cmocka_unit_test(one_that_names_a_time_comes_back_then),
		cmocka_unit_test(one_that_is_removed_is_not_touched_any_more),
		cmocka_unit_test(forty_groups_that_hang_hold_up_nobody),
		cmocka_unit_test(many_threads_add_at_once),
		cmocka_unit_test(stopping_starts_nothing_new_and_tells_what_hangs),
	};
	return RUN_TESTS(tests);
}
