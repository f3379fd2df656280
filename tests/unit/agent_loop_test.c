/* The main loop: descriptors, timers and posts of other threads run one after the other, in its thread. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/loop.h"
#include "base/clock.h"

struct bench {
	struct loop *loop;
	int fd, reads, posts, ticks;
	struct loop_timer *timer;
	pthread_t thread;
	bool is_elsewhere;
};

static struct bench begin(void)
{
	struct bench bench = {.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	struct fail fail;
	assert_true(loop_new(&bench.loop, &fail));
	return bench;
}

static void end(struct bench *bench)
{
	loop_free(bench->loop);
	close(bench->fd);
}

static void note_thread(struct bench *bench)
{
	bench->is_elsewhere |= !pthread_equal(bench->thread, pthread_self());
}

static void on_readable(void *ctx)
{
	struct bench *bench = ctx;
	uint64_t value;
	note_thread(bench);
	assert_int_equal(read(bench->fd, &value, sizeof value), sizeof value);
	if (++bench->reads == 3)
		loop_stop(bench->loop);
}

static void *write_three(void *ctx)
{
	struct bench *bench = ctx;
	uint64_t one = 1;
	for (int i = 0; i < 3; i++) {
		if (write(bench->fd, &one, sizeof one) != sizeof one)
			return ctx;
		clock_sleep_ms(20);
	}
	return NULL;
}

static void descriptors(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct fail fail;
	pthread_t writer;
	void *result;
	bench.thread = pthread_self();
	assert_true(loop_add_fd(bench.loop, bench.fd, on_readable, &bench, &fail));
	pthread_create(&writer, NULL, write_three, &bench);
	loop_run(bench.loop);
	pthread_join(writer, &result);
	assert_null(result);
	assert_int_equal(bench.reads, 3);
	assert_false(bench.is_elsewhere);
	end(&bench);
}

static void on_removed(void *ctx)
{
	(void)ctx;
	fail_msg("a descriptor that was removed is not called");
}

static void remove_it(void *ctx)
{
	struct bench *bench = ctx;
	loop_remove_fd(bench->loop, bench->fd);
	uint64_t one = 1;
	assert_int_equal(write(bench->fd, &one, sizeof one), sizeof one);
	bench->posts++;
}

static void stop(void *ctx)
{
	loop_stop(((struct bench *)ctx)->loop);
}

static void a_removed_descriptor_is_quiet(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct fail fail;
	assert_true(loop_add_fd(bench.loop, bench.fd, on_removed, &bench, &fail));
	loop_post(bench.loop, remove_it, &bench);
	loop_timer_set(loop_timer_new(bench.loop, stop, &bench), clock_monotonic_ms() + 50);
	loop_run(bench.loop);
	assert_int_equal(bench.posts, 1);
	end(&bench);
}

static void on_tick(void *ctx)
{
	struct bench *bench = ctx;
	if (++bench->ticks == 3)
		loop_stop(bench->loop);
	else
		loop_timer_set(bench->timer, clock_monotonic_ms() + 20);
}

static void timers_run_when_due_and_not_when_stopped(void **state)
{
	(void)state;
	struct bench bench = begin();
	int64_t start = clock_monotonic_ms();
	struct loop_timer *never = loop_timer_new(bench.loop, on_removed, &bench);
	bench.timer = loop_timer_new(bench.loop, on_tick, &bench);
	loop_timer_set(never, start + 10);
	loop_timer_set(never, INT64_MAX);
	loop_timer_set(bench.timer, start + 20);
	loop_run(bench.loop);
	assert_int_equal(bench.ticks, 3);
	assert_true(clock_monotonic_ms() - start >= 60);
	end(&bench);
}

static void on_post(void *ctx)
{
	struct bench *bench = ctx;
	note_thread(bench);
	if (++bench->posts == 2000)
		loop_stop(bench->loop);
}

static void *post_many(void *ctx)
{
	struct bench *bench = ctx;
	for (int i = 0; i < 1000; i++)
		loop_post(bench->loop, on_post, bench);
	return NULL;
}

static void posts_of_other_threads_run_here(void **state)
{
	(void)state;
	struct bench bench = begin();
	pthread_t threads[2];
	bench.thread = pthread_self();
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, post_many, &bench);
	loop_run(bench.loop);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(bench.posts, 2000);
	assert_false(bench.is_elsewhere);
	assert_true(clock_monotonic_ms() - loop_heartbeat_ms(bench.loop) < 5000);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors),
		cmocka_unit_test(a_removed_descriptor_is_quiet),
		cmocka_unit_test(timers_run_when_due_and_not_when_stopped),
		cmocka_unit_test(posts_of_other_threads_run_here),
	};
	return RUN_TESTS(tests);
}
