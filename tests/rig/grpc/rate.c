/* How fast a channel is, against the server of tests/bench/grpc: rate DIR client CALLERS CALLS, rate DIR list MESSAGES BYTES. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/grpc/grpc.h"
#include "base/clock.h"

static struct grpc_channel *channel;
static int calls;

static int64_t cpu_us(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void *call_again(void *ctx)
{
	struct arena arena;
	char message[60] = {0};
	(void)ctx;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < calls; i++) {
		struct grpc_request request = {.method = "/rig.Rig/Echo", .message = {message, sizeof message}};
		struct span answer;
		struct grpc_status status;
		if (!grpc_call(channel, &arena, &request, &answer, &status)) {
			fprintf(stderr, "%.*s\n", SPAN_ARG(status.text));
			exit(1);
		}
		arena_rewind(&arena);
	}
	arena_done(&arena);
	return NULL;
}

static bool count_message(void *ctx, struct span message)
{
	(void)message;
	++*(int *)ctx;
	return true;
}

static int list(const char *count, const char *bytes)
{
	struct arena arena;
	struct grpc_status status;
	char method[64];
	int found = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	snprintf(method, sizeof method, "/rig.Rig/List-%s-%s", count, bytes);
	struct grpc_request request = {.method = method};
	if (!grpc_call_many(channel, &arena, &request, count_message, &found, &status)) {
		fprintf(stderr, "%.*s\n", SPAN_ARG(status.text));
		exit(1);
	}
	arena_done(&arena);
	return found;
}

static void open_channel(const char *dir)
{
	struct arena arena;
	struct grpc_options options = {.max_calls = 128};
	struct fail fail;
	char path[4096], ca_file[4096], url[64];
	int port = 0;
	snprintf(path, sizeof path, "%s/port", dir);
	snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
	FILE *file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%d", &port) != 1)
		exit(1);
	fclose(file);
	snprintf(url, sizeof url, "https://127.0.0.1:%d", port);
	arena_init(&arena, ARENA_NO_LIMIT);
	options.ca_file = ca_file;
	if (!endpoint_read(&arena, span_of(url), &options.endpoint, &fail) || !grpc_open(&options, &channel, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		exit(1);
	}
	arena_done(&arena);
}

int main(int argc, char **argv)
{
	pthread_t threads[256];
	if (argc < 5)
		return 2;
	open_channel(argv[1]);
	calls = 1;
	call_again(NULL);
	bool is_list = strcmp(argv[2], "list") == 0;
	int64_t start_ms = clock_monotonic_ms(), used_us = cpu_us();
	int callers = atoi(argv[3]), count;
	calls = atoi(argv[4]);
	if (is_list) {
		count = list(argv[3], argv[4]);
	} else {
		for (int i = 0; i < callers && i < 256; i++)
			pthread_create(&threads[i], NULL, call_again, NULL);
		for (int i = 0; i < callers && i < 256; i++)
			pthread_join(threads[i], NULL);
		count = callers * calls;
	}
	int64_t took_ms = clock_monotonic_ms() - start_ms;
	printf("%s%s ours %d %.0f/s %.1f us of CPU each\n", is_list ? "list" : argv[3], is_list ? "" : " callers", count,
	       count * 1000.0 / (double)(took_ms > 0 ? took_ms : 1), (double)(cpu_us() - used_us) / count);
	grpc_close(channel);
	return 0;
}
