/* How close reading and writing come to the limit: the time in which libyaml alone goes through the same bytes.
 *
 *   yaml_limit FILE…          the best of ROUNDS, CPU time of this process:
 *                             drain  libyaml's events, thrown away
 *                             load   load_yaml
 *                             emit   load_yaml and emit_document, keys sorted
 *   yaml_limit drain FILE…    drains once, one file after the other: to be measured from outside */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <yaml.h>

#include "base/files.h"
#include "base/text.h"
#include "render/diag.h"
#include "render/emit.h"
#include "render/load.h"

enum { ROUNDS = 5 };

static double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void drain(struct span bytes)
{
	yaml_parser_t parser;
	yaml_event_type_t type = YAML_NO_EVENT;
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes.ptr, bytes.len);
	while (type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event))
			abort();
		type = event.type;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static void load(struct span bytes, struct arena *arena, struct text *out)
{
	struct diag_list diags;
	struct load_document *documents = NULL;
	size_t count = 0;
	diag_list_init(&diags, arena);
	struct diag_at at = {.list = &diags};
	if (!load_yaml(arena, bytes, LOAD_AUTO, NULL, &at, &documents, &count) || diags.count > 0)
		abort();
	for (size_t i = 0; out != NULL && i < count; i++) {
		text_reset(out);
		emit_document(out, &documents[i].root, EMIT_TEMPLATE, true);
	}
}

static double run(const struct span *files, int count, int mode, size_t *nodes_bytes)
{
	struct arena arena;
	struct text out;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	double begin = now();
	for (int i = 0; i < count; i++) {
		if (mode == 0)
			drain(files[i]);
		else
			load(files[i], &arena, mode == 2 ? &out : NULL);
	}
	double taken = now() - begin;
	if (mode == 2)
		*nodes_bytes = arena.used_bytes;
	text_done(&out);
	arena_done(&arena);
	return taken;
}

static struct span read_file(struct arena *arena, const char *path)
{
	struct fail fail;
	struct span bytes;
	if (!files_read(arena, path, SIZE_MAX / 2, &bytes, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		exit(1);
	}
	return bytes;
}

static void drain_files(int count, char **names)
{
	for (int i = 0; i < count; i++) {
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		drain(read_file(&arena, names[i]));
		arena_done(&arena);
	}
}

static void compare(int count, char **names)
{
	static const char *const modes[] = {"drain", "load", "emit"};
	double best[3] = {1e9, 1e9, 1e9};
	size_t nodes_bytes = 0;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span *files = ARENA_ARRAY(&arena, struct span, (size_t)count);
	for (int i = 0; i < count; i++)
		files[i] = read_file(&arena, names[i]);
	for (int round = 0; round < ROUNDS; round++) {
		for (int mode = 0; mode < 3; mode++) {
			double taken = run(files, count, mode, &nodes_bytes);
			best[mode] = taken < best[mode] ? taken : best[mode];
		}
	}
	for (int mode = 0; mode < 3; mode++)
		printf("%-8s %.3f s  %.2f of the drain\n", modes[mode], best[mode], best[mode] / best[0]);
	printf("memory   %.1f MB of nodes\n", (double)nodes_bytes / 1e6);
	arena_done(&arena);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: yaml_limit [drain] FILE…\n");
		return 2;
	}
	if (strcmp(argv[1], "drain") == 0)
		drain_files(argc - 2, argv + 2);
	else
		compare(argc - 1, argv + 1);
	return 0;
}
