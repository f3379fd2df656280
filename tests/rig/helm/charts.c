/* Sources of charts, for scripts: `charts CACHE [CA-FILE [MAX-BYTES]]`, then commands from standard input, one a line, words with
 * blanks between them and "-" for an empty one:
 *
 *   find REPOSITORY CHART VERSION [KEY=VALUE…]     user, password, ca (a file), plain, again, changed, within (ms)
 *                   "OK NAME VERSION DIGEST MANIFEST FROM", a line "NOTE …" when there is one; or "FAIL CODE why"
 *   open            the archive of the last one, by the same request: "OPEN BYTES", or FAIL
 *   counts          "COUNTS LOOKUPS REQUESTS DOWNLOADS FAILURES ARCHIVES" since the last time, archives as they are
 *   twice …         find, by two threads at the same time */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/helm/chart.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { WORDS_MAX = 16 };

struct state {
	struct charts *charts;
	struct arena arena;
	struct chart_request request;
	struct chart chart;
	struct charts_counts before;
};

static struct span word_of(struct state *state, const char *word)
{
	return strcmp(word, "-") == 0 ? SPAN("") : arena_copy(&state->arena, span_of(word));
}

static void take(struct state *state, const char *word)
{
	struct chart_access *access = &state->request.access;
	struct span key = span_before(span_of(word), '='), value = arena_copy(&state->arena, span_behind(span_of(word), '='));
	if (span_is(key, "user"))
		access->user = value;
	else if (span_is(key, "password"))
		access->password = value;
	else if (span_is(key, "ca"))
		(void)!files_read(&state->arena, value.ptr, 1 << 20, &access->ca, NULL);
	else if (span_is(key, "plain"))
		access->plain_http = true;
	else if (span_is(key, "again"))
		state->request.again = true;
	else if (span_is(key, "changed"))
		state->request.take_changed = true;
	else if (span_is(key, "within"))
		state->request.deadline_ms = clock_monotonic_ms() + strtoll(value.ptr, NULL, 10);
}

static void set_request(struct state *state, char **words, size_t count)
{
	state->request = (struct chart_request){.cancel_fd = -1, .deadline_ms = clock_monotonic_ms() + 20000};
	if (count > 3) {
		state->request.repository = word_of(state, words[1]);
		state->request.chart = word_of(state, words[2]);
		state->request.version = word_of(state, words[3]);
	}
	for (size_t i = 4; i < count; i++)
		take(state, words[i]);
}

static void *find(void *ctx)
{
	struct state *state = ctx;
	struct fail fail;
	struct arena arena;
	struct chart chart;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!charts_find(state->charts, &state->request, &arena, &chart, &fail)) {
		printf("FAIL %s %s\n", fail_name(fail.code), fail.text);
	} else {
		printf("OK %.*s %.*s %s %.*s %.*s\n", SPAN_ARG(chart.name), SPAN_ARG(chart.version), chart.digest,
		       chart.manifest.len > 0 ? (int)chart.manifest.len : 1, chart.manifest.len > 0 ? chart.manifest.ptr : "-", SPAN_ARG(chart.from));
		if (chart.note.len > 0)
			printf("NOTE %.*s\n", SPAN_ARG(chart.note));
		state->chart = chart;
	}
	arena_done(&arena);
	return NULL;
}

static void find_twice(struct state *state)
{
	struct state other = *state;
	pthread_t thread;
	if (pthread_create(&thread, NULL, find, &other) != 0)
		abort();
	find(state);
	pthread_join(thread, NULL);
}

static void open_it(struct state *state)
{
	struct fail fail;
	struct stat seen;
	int fd;
	state->request.deadline_ms = clock_monotonic_ms() + 20000;
	if (!charts_open(state->charts, &state->request, &state->chart, &fd, &fail)) {
		printf("FAIL %s %s\n", fail_name(fail.code), fail.text);
		return;
	}
	printf("OPEN %lld\n", fstat(fd, &seen) == 0 ? (long long)seen.st_size : -1);
	close(fd);
}

static void tell_counts(struct state *state)
{
	struct charts_counts now;
	charts_counts(state->charts, &now);
	printf("COUNTS %llu %llu %llu %llu %zu\n", (unsigned long long)(now.lookups - state->before.lookups),
	       (unsigned long long)(now.requests - state->before.requests), (unsigned long long)(now.downloads - state->before.downloads),
	       (unsigned long long)(now.failures - state->before.failures), now.archives);
	state->before = now;
}

static void obey(struct state *state, char *line)
{
	char *words[WORDS_MAX], *rest = NULL;
	size_t count = 0;
	for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < WORDS_MAX; word = strtok_r(NULL, " \n", &rest))
		words[count++] = word;
	if (count == 0)
		return;
	if (strcmp(words[0], "find") == 0 || strcmp(words[0], "twice") == 0)
		set_request(state, words, count);
	if (strcmp(words[0], "find") == 0)
		find(state);
	else if (strcmp(words[0], "twice") == 0)
		find_twice(state);
	else if (strcmp(words[0], "open") == 0)
		open_it(state);
	else if (strcmp(words[0], "counts") == 0)
		tell_counts(state);
}

int main(int argc, char **argv)
{
	struct state state = {0};
	struct fail fail;
	char line[4096];
	if (argc < 2)
		return 2;
	struct charts_options options = {.dir = argv[1], .ca_file = argc > 2 && *argv[2] != '\0' ? argv[2] : NULL,
					 .max_bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 0};
	if (!charts_new(&options, &state.charts, &fail)) {
		printf("FAIL %s %s\n", fail_name(fail.code), fail.text);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	arena_init(&state.arena, ARENA_NO_LIMIT);
	while (fgets(line, sizeof line, stdin) != NULL)
		obey(&state, line);
	arena_done(&state.arena);
	charts_free(state.charts);
	return 0;
}
