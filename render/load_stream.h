/* A YAML or JSON text that is too large to become nodes, event by event, with what load_yaml looks at first: that it is UTF-8
 * without what YAML does not allow. Tags, anchors and what scalars mean are the caller's business. */
#ifndef RENDER_LOAD_STREAM_H
#define RENDER_LOAD_STREAM_H

#include "base/fail.h"
#include "render/load_events.h"

struct load_stream;

/* The text has to stay; it is copied once. max_depth: of lists and maps in each other. */
struct load_stream *load_stream_open(struct span text, size_t max_depth);
void load_stream_close(struct load_stream *stream); /* NULL is fine */

/* The next event, whose text lives until the one behind it; behind the last one EVENT_STREAM_END for ever. False: what is wrong,
 * with line and column. */
bool load_stream_next(struct load_stream *stream, struct event *out, struct fail *fail) __attribute__((warn_unused_result));

/* Over the whole value whose first event is given. */
bool load_stream_skip(struct load_stream *stream, const struct event *first, struct fail *fail) __attribute__((warn_unused_result));

#endif
