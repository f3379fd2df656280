/* Where in a document a check is: a chain of keys and indexes on the stack of the checks, written out only when there is
 * something to report. */
#ifndef RENDER_FIELD_PATH_H
#define RENDER_FIELD_PATH_H

#include <stddef.h>

#include "base/span.h"

struct field_path {
	const struct field_path *up; /* NULL: top */
	struct span key;	     /* ptr NULL: an index */
	size_t index;
};

enum { FIELD_PATH_MAX = 512 };

static inline struct field_path path_key(const struct field_path *up, const char *key)
{
	return (struct field_path){up, span_of(key), 0};
}

static inline struct field_path path_span(const struct field_path *up, struct span key)
{
	return (struct field_path){up, key, 0};
}

static inline struct field_path path_index(const struct field_path *up, size_t index)
{
	return (struct field_path){up, {NULL, 0}, index};
}

/* "spec.patches[1].labels[\"a.b/c\"]"; cut at the size of the buffer. NULL is the empty path. */
const char *path_text(const struct field_path *path, char buffer[FIELD_PATH_MAX]);
/* The same in a buffer that lives until the end of the enclosing block. */
#define PATH_TEXT(path) path_text((path), (char[FIELD_PATH_MAX]){0})

#endif
