/* Sources as the agent uses them: polled by threads of their own while the loop drains their descriptors. */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source/source.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/unit/test.h"

enum { SOURCES = 2, ROUNDS = 40 };

struct worker {
	pthread_t thread;
	struct source *source;
	unsigned changed, failed;
};

static char directory[] = "/tmp/omniops-threads.XXXXXX";

static void write_file(unsigned number)
{
	char path[128], text[128];
	snprintf(path, sizeof path, "%s/a.yaml", directory);
	snprintf(text, sizeof text, "kind: Cluster\nname: c%u\n", number);
	assert_true(files_write(path, span_of(text), 0644, NULL));
}

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct source_result result;
		source_poll(worker->source, 0, -1, &result);
		worker->changed += result.verdict == SOURCE_CHANGED;
		worker->failed += result.verdict == SOURCE_FAILED;
		source_tree_unref(result.tree);
	}
	return NULL;
}

static struct source *open_directory(void)
{
	char url[128];
	struct source *source;
	struct fail fail;
	snprintf(url, sizeof url, "dir:%s", directory);
	if (!source_open(url, NULL, &source, &fail))
		fail_msg("%s", fail.text);
	return source;
}

static void polling_and_draining_do_not_meet(void **state)
{
	(void)state;
	struct worker workers[SOURCES] = {0};
	unsigned events = 0;
	write_file(0);
	for (unsigned i = 0; i < SOURCES; i++) {
		workers[i].source = open_directory();
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 1; i < ROUNDS; i++) {
		write_file(i);
		for (unsigned j = 0; j < SOURCES; j++)
			events += source_fd(workers[j].source) >= 0 && source_drain(workers[j].source);
		clock_sleep_ms(2);
	}
	for (unsigned i = 0; i < SOURCES; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_true(workers[i].changed >= 1);
		source_free(workers[i].source);
	}
	assert_true(events >= 1);
}

static void *cancel_soon(void *ctx)
{
	clock_sleep_ms(100);
	assert_int_equal(eventfd_write(*(int *)ctx, 1), 0);
	return NULL;
}

/* A host that does not answer keeps the Git child waiting; the agent does not wait with it. */
static void a_poll_can_be_cancelled(void **state)
{
	(void)state;
	struct source *source;
	struct source_result result;
	struct fail fail;
	pthread_t thread;
	int cancel_fd = eventfd(0, EFD_CLOEXEC);
	const struct source_options options = {.cache_dir = directory};
	/* 192.0.2.1 is for documentation: nobody answers, or the machine says at once that there is no way */
	assert_true(source_open("git+http://192.0.2.1/x.git?insecure=true", &options, &source, &fail));
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel_fd), 0);
	int64_t begin_ms = clock_monotonic_ms();
	source_poll(source, clock_monotonic_ms() + 10000, cancel_fd, &result);
	assert_int_equal(result.verdict, SOURCE_FAILED);
	assert_true(result.fail.code == FAIL_CANCELLED || result.fail.code == FAIL_UNAVAILABLE);
	assert_true(clock_monotonic_ms() - begin_ms < 5000);
	pthread_join(thread, NULL);
	source_free(source);
	close(cancel_fd);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	int status = source_child_main(argc, argv);
	if (status >= 0)
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polling_and_draining_do_not_meet),
		cmocka_unit_test(a_poll_can_be_cancelled),
	};
	if (mkdtemp(directory) == NULL)
		return 1;
	int failed = RUN_TESTS(tests);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return failed;
}
