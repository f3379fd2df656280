/* A source for shell scripts: opens the URL given as argument and obeys the lines on standard input.
 *
 *   poll            "changed REVISION" | "unchanged REVISION" | "failed CODE text"
 *   files           "file PATH SIZE" for every document of the last tree, then "end"
 *   notes           "note SEVERITY CODE FILE message", then "end"
 *   read PATH       "bytes SIZE first-line" | "failed CODE text"
 *   render          "fleet clusters=N errors=N incomplete=0|1" | "failed CODE text"
 *   wait MS         "event" | "quiet": something for source_drain
 *   forget          "ok"
 *   id              "id CONTENT-ID"
 *
 * Options come from the environment: PROBE_CACHE, PROBE_TIMEOUT_MS, PROBE_MAX_FETCH, PROBE_MAX_FILE, PROBE_SANDBOX. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/sandbox.h"
#include "agent/source/source.h"
#include "base/clock.h"

struct probe {
	struct source *source;
	struct source_tree *tree;
	struct sandbox sandbox;
};

static void print_failure(const struct fail *fail)
{
	printf("failed %s %s\n", fail_name(fail->code), fail->text);
}

static void do_poll(struct probe *probe)
{
	static const char *const verdicts[] = {"failed", "unchanged", "changed"};
	struct source_result result;
	source_poll(probe->source, 0, -1, &result);
	if (result.verdict == SOURCE_FAILED)
		print_failure(&result.fail);
	else
		printf("%s %s\n", verdicts[result.verdict], result.revision);
	if (result.retry_after_ms > 0)
		printf("retry-after %lld\n", (long long)result.retry_after_ms);
	if (result.tree == NULL)
		return;
	source_tree_unref(probe->tree);
	probe->tree = result.tree;
}

static void do_files(struct probe *probe)
{
	for (size_t i = 0; probe->tree != NULL && i < probe->tree->tree.input_count; i++)
		printf("file %.*s %zu\n", SPAN_ARG(probe->tree->tree.inputs[i].path),
		       probe->tree->tree.inputs[i].bytes.len);
	puts("end");
}

static void do_notes(struct probe *probe)
{
	static const char *const severities[] = {"error", "warning", "note"};
	for (size_t i = 0; probe->tree != NULL && i < probe->tree->diags.count; i++) {
		const struct diag *diag = &probe->tree->diags.items[i];
		printf("note %s %s %.*s %.*s\n", severities[diag->severity], diag->code, SPAN_ARG(diag->file),
		       SPAN_ARG(diag->message));
	}
	puts("end");
}

static void do_read(struct probe *probe, const char *path)
{
	struct span bytes;
	struct fail fail = {0};
	if (probe->tree == NULL || !probe->tree->tree.read(probe->tree->tree.ctx, span_of(path), &bytes, &fail)) {
		print_failure(&fail);
		return;
	}
	struct span line = span_before(bytes, '\n');
	printf("bytes %zu %.*s\n", bytes.len, (int)(line.len > 80 ? 80 : line.len), line.ptr);
}

static void do_render(struct probe *probe)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct arena arena;
	struct fleet *fleet;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	if (probe->tree == NULL || !source_tree_render(&probe->sandbox, probe->tree, &options, NULL, &arena, &fleet, 0, &fail))
		print_failure(&fail);
	else
		printf("fleet clusters=%zu errors=%zu incomplete=%d\n", fleet->cluster_count, fleet->diags.error_count,
		       fleet->is_incomplete);
	arena_done(&arena);
}

static void do_wait(struct probe *probe, int ms)
{
	int64_t deadline_ms = clock_monotonic_ms() + ms;
	bool seen = false;
	while (!seen && clock_monotonic_ms() < deadline_ms) {
		struct pollfd fd = {source_fd(probe->source), POLLIN, 0};
		if (poll(&fd, 1, (int)(deadline_ms - clock_monotonic_ms())) > 0)
			seen = source_drain(probe->source);
	}
	puts(seen ? "event" : "quiet");
}

static void obey(struct probe *probe, const char *line)
{
	if (strcmp(line, "poll") == 0)
		do_poll(probe);
	else if (strcmp(line, "files") == 0)
		do_files(probe);
	else if (strcmp(line, "notes") == 0)
		do_notes(probe);
	else if (strncmp(line, "read ", 5) == 0)
		do_read(probe, line + 5);
	else if (strcmp(line, "render") == 0)
		do_render(probe);
	else if (strncmp(line, "wait ", 5) == 0)
		do_wait(probe, (int)strtol(line + 5, NULL, 10));
	else if (strcmp(line, "id") == 0)
		printf("id %s\n", probe->tree == NULL ? "" : probe->tree->content_id);
	else if (strcmp(line, "forget") == 0)
		source_forget(probe->source), puts("ok");
	else
		printf("unknown command: %s\n", line);
	fflush(stdout);
}

static size_t number_of(const char *variable)
{
	const char *text = getenv(variable);
	return text == NULL ? 0 : (size_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	int status = source_child_main(argc, argv);
	if (status >= 0)
		return status;
	struct probe probe = {0};
	struct fail fail = {0};
	struct source_options options = {.cache_dir = getenv("PROBE_CACHE"),
					 .timeout_ms = (int64_t)number_of("PROBE_TIMEOUT_MS"),
					 .max_fetch_bytes = number_of("PROBE_MAX_FETCH"),
					 .limits = TREE_LIMITS_DEFAULT};
	if (number_of("PROBE_MAX_FILE") > 0)
		options.limits.max_file_bytes = number_of("PROBE_MAX_FILE");
	enum sandbox_mode mode = SANDBOX_AUTO;
	const char *wanted = getenv("PROBE_SANDBOX");
	if ((wanted != NULL && !sandbox_mode_parse(span_of(wanted), &mode)) || argc != 2 ||
	    !sandbox_init(&probe.sandbox, mode, &fail) || !source_open(argv[1], &options, &probe.source, &fail)) {
		print_failure(&fail);
		return 1;
	}
	char line[4200];
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		obey(&probe, line);
	}
	source_tree_unref(probe.tree);
	source_free(probe.source);
	return 0;
}
