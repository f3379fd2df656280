/* The loader's grammar over libyaml's tokens against libyaml's own parser: for every input the same events, at the same
 * places, or the same fault. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/load_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void differ(const char *what)
{
	fprintf(stderr, "different: %s\n", what);
	abort();
}

static void same_mark(const yaml_mark_t *a, const yaml_mark_t *b, const char *what)
{
	if (a->index != b->index || a->line != b->line || a->column != b->column) {
		fprintf(stderr, "ours %zu:%zu, theirs %zu:%zu\n", a->line, a->column, b->line, b->column);
		differ(what);
	}
}

static void same_text(const char *a, const char *b, const char *what)
{
	if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
		fprintf(stderr, "ours \"%s\", theirs \"%s\"\n", a == NULL ? "" : a, b == NULL ? "" : b);
		differ(what);
	}
}

static void same_scalar(const struct event *ours, const yaml_event_t *theirs)
{
	struct span value = {(const char *)theirs->data.scalar.value, theirs->data.scalar.length};
	if (!span_eq(ours->value, value) || ours->style != theirs->data.scalar.style)
		differ("scalar");
	same_text(ours->anchor, (const char *)theirs->data.scalar.anchor, "anchor");
	same_text(ours->tag, (const char *)theirs->data.scalar.tag, "tag");
}

static void same_properties(const struct event *ours, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	same_text(ours->anchor, (const char *)anchor, "anchor");
	same_text(ours->tag, (const char *)tag, "tag");
}

static void same_document_start(const struct event *ours, const yaml_event_t *theirs)
{
	if (ours->is_implicit != theirs->data.document_start.implicit)
		differ("implicit");
	same_mark(&ours->end, &theirs->end_mark, "end of a document's start");
}

static enum event_kind kind_of(yaml_event_type_t type)
{
	switch (type) {
	case YAML_DOCUMENT_START_EVENT: return EVENT_DOCUMENT_START;
	case YAML_DOCUMENT_END_EVENT: return EVENT_DOCUMENT_END;
	case YAML_ALIAS_EVENT: return EVENT_ALIAS;
	case YAML_SCALAR_EVENT: return EVENT_SCALAR;
	case YAML_SEQUENCE_START_EVENT: return EVENT_SEQ_START;
	case YAML_MAPPING_START_EVENT: return EVENT_MAP_START;
	case YAML_SEQUENCE_END_EVENT: return EVENT_SEQ_END;
	case YAML_MAPPING_END_EVENT: return EVENT_MAP_END;
	default: return EVENT_STREAM_END;
	}
}

static void same_event(const struct event *ours, const yaml_event_t *theirs)
{
	if (ours->kind != kind_of(theirs->type)) {
		fprintf(stderr, "ours %d, theirs %d\n", ours->kind, kind_of(theirs->type));
		differ("kind");
	}
	same_mark(&ours->start, &theirs->start_mark, "start");
	switch (ours->kind) {
	case EVENT_DOCUMENT_START: same_document_start(ours, theirs); break;
	case EVENT_ALIAS: same_text(ours->anchor, (const char *)theirs->data.alias.anchor, "alias"); break;
	case EVENT_SCALAR: same_scalar(ours, theirs); break;
	case EVENT_SEQ_START:
		same_properties(ours, theirs->data.sequence_start.anchor, theirs->data.sequence_start.tag);
		break;
	case EVENT_MAP_START:
		same_properties(ours, theirs->data.mapping_start.anchor, theirs->data.mapping_start.tag);
		break;
	default: break;
	}
}

static void same_fault(const struct events_fault *ours, const yaml_parser_t *theirs)
{
	same_text(ours->problem, theirs->problem, "problem");
	same_mark(&ours->problem_mark, &theirs->problem_mark, "place of the problem");
	same_text(ours->context, theirs->context, "context");
	if (ours->context != NULL)
		same_mark(&ours->context_mark, &theirs->context_mark, "place of the context");
}

static void compare(struct events *events, yaml_parser_t *parser)
{
	struct event ours;
	yaml_event_t theirs;
	if (!yaml_parser_parse(parser, &theirs))
		differ("start of the stream");
	yaml_event_delete(&theirs);
	do {
		bool is_good = events_next(events, &ours);
		if (is_good != (yaml_parser_parse(parser, &theirs) != 0))
			differ(is_good ? "only theirs found a fault" : "only ours found a fault");
		if (!is_good) {
			same_fault(&events->fault, parser);
			return;
		}
		same_event(&ours, &theirs);
		yaml_event_delete(&theirs);
	} while (ours.kind != EVENT_STREAM_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena scratch;
	struct input input;
	struct events events;
	yaml_parser_t parser;
	size_t chars;
	arena_init(&scratch, ARENA_NO_LIMIT);
	input_open(&input, &scratch, (struct span){(const char *)data, size});
	struct span rest = input_rest(&input, &chars);
	events_open(&events, &scratch, rest, chars);
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)rest.ptr, rest.len);
	compare(&events, &parser);
	yaml_parser_delete(&parser);
	events_close(&events);
	arena_done(&scratch);
	return 0;
}
