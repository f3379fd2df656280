#include "render/load_stream.h"

#include <stdlib.h>

#include "render/load_int.h"

struct load_stream {
	struct arena scratch;
	struct input input;
	struct events events;
	size_t depth, max_depth;
};

struct load_stream *load_stream_open(struct span text, size_t max_depth)
{
	struct load_stream *stream = calloc(1, sizeof *stream);
	size_t chars;
	if (stream == NULL)
		abort();
	stream->max_depth = max_depth;
	arena_init(&stream->scratch, ARENA_NO_LIMIT);
	input_open(&stream->input, &stream->scratch, text);
	struct span rest = input_rest(&stream->input, &chars);
	events_open(&stream->events, &stream->scratch, rest, chars);
	stream->events.is_json = stream->input.is_json;
	return stream;
}

void load_stream_close(struct load_stream *stream)
{
	if (stream == NULL)
		return;
	events_close(&stream->events);
	arena_done(&stream->scratch);
	free(stream);
}

static bool fail_at(struct fail *fail, enum fail_code code, struct place place, const char *what)
{
	return fail_set(fail, code, "line %u, column %u: %s", place.line, place.column, what);
}

/* Where the readable bytes end, the text ends for the grammar: that is not its fault. */
static bool fail_bytes(struct load_stream *stream, struct fail *fail)
{
	return fail_at(fail, FAIL_INVALID, stream->input.cut_at, stream->input.problem);
}

bool load_stream_next(struct load_stream *stream, struct event *out, struct fail *fail)
{
	const struct events_fault *fault = &stream->events.fault;
	if (!events_next(&stream->events, out)) {
		if (stream->input.is_cut)
			return fail_bytes(stream, fail);
		return fail_at(fail, FAIL_INVALID, input_place(&stream->input, &fault->problem_mark),
			       fault->problem == NULL ? "no YAML" : fault->problem);
	}
	if (out->kind == EVENT_STREAM_END && stream->input.is_cut)
		return fail_bytes(stream, fail);
	if (out->kind == EVENT_SEQ_START || out->kind == EVENT_MAP_START)
		stream->depth++;
	if (out->kind == EVENT_SEQ_END || out->kind == EVENT_MAP_END)
		stream->depth--;
	if (stream->depth > stream->max_depth)
		return fail_at(fail, FAIL_TOO_BIG, input_place(&stream->input, &out->start), "lists and maps in each other, too deep");
	return true;
}

bool load_stream_skip(struct load_stream *stream, const struct event *first, struct fail *fail)
{
	if (first->kind != EVENT_SEQ_START && first->kind != EVENT_MAP_START)
		return true;
	size_t outside = stream->depth - 1;
	struct event event;
	while (stream->depth > outside)
		if (!load_stream_next(stream, &event, fail))
			return false;
	return true;
}
