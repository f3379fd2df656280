/* What a YAML text consists of: documents, lists, maps, texts, aliases. libyaml cuts the text into tokens; this is the
 * grammar over them, because libyaml's own costs a fifth of the time of reading. Every input must give what libyaml's
 * parser gives, faults and positions included (a fuzz target holds them against each other); the one thing more is
 * that JSON values may follow each other without "---". */
#ifndef RENDER_LOAD_EVENTS_H
#define RENDER_LOAD_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "render/load_tokens.h"

enum event_kind {
	EVENT_STREAM_END,
	EVENT_DOCUMENT_START,
	EVENT_DOCUMENT_END,
	EVENT_ALIAS,
	EVENT_SCALAR,
	EVENT_SEQ_START,
	EVENT_MAP_START,
	EVENT_SEQ_END,
	EVENT_MAP_END,
};

struct event {
	enum event_kind kind;
	yaml_scalar_style_t style; /* of a scalar */
	bool is_implicit;	   /* a document without "---" */
	yaml_mark_t start, end;	   /* `end` only of EVENT_DOCUMENT_START */
	struct span value;	   /* of a scalar, until the next event */
	const char *anchor;	   /* or NULL; of an alias: its name */
	const char *tag;	   /* whole, or NULL */
};

/* `%TAG !e! tag:example.com,2024:` */
struct tag_handle {
	const char *handle, *prefix;
};

/* libyaml's words for what is wrong. */
struct events_fault {
	const char *problem, *context;
	yaml_mark_t problem_mark, context_mark;
};

struct events {
	struct tokens tokens;
	struct arena *scratch;
	bool is_json; /* values may follow each other without "---" */
	uint8_t state;
	uint8_t *states; /* what goes on when a node is over */
	size_t state_count, state_cap;
	yaml_mark_t *marks; /* where the open lists and maps began */
	size_t mark_count, mark_cap;
	struct tag_handle *tags;
	size_t tag_count, tag_cap;
	struct events_fault fault;
};

/* The text as tokens_open wants it. */
void events_open(struct events *events, struct arena *scratch, struct span text, size_t chars);
/* False: events->fault says what is wrong. */
bool events_next(struct events *events, struct event *out);
void events_close(struct events *events);

#endif
