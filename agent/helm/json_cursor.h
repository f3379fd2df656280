/* A walk over JSON text that never builds what it passes: to take a few members out of megabytes, and to change one where it
 * stands. Text of others: every step is bounded by the text, nesting by a count. Values are spans of the text. */
#ifndef AGENT_HELM_JSON_CURSOR_H
#define AGENT_HELM_JSON_CURSOR_H

#include <stdbool.h>

#include "base/span.h"

enum { JSON_CURSOR_DEPTH = 512 };

struct json_cursor {
	struct span text;
	size_t at;
	bool is_broken; /* the text is no JSON, or too deep */
	bool has_begun;
};

/* Members of the object that the text is. */
struct json_cursor json_members(struct span object);
/* The next one: its key without quotes, escapes left as they are; its value with everything that belongs to it. False: that was
 * the last, or is_broken. */
bool json_member(struct json_cursor *cursor, struct span *out_key, struct span *out_value);
/* The value of a member of the object; false: there is none, or it is no object that can be read. */
bool json_find(struct span object, const char *key, struct span *out_value);

#endif
