/* A borrowed piece of text: pointer and length, passed by value, not NUL-terminated. The zero span is the empty text;
 * code that must tell "absent" from "empty" looks at ptr. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *ptr;
	size_t len;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
/* For "%.*s". */
#define SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct span span_of(const char *string)
{
	return (struct span){string, string == NULL ? 0 : strlen(string)};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Most names differ in their first letter: so those are looked at before anything is called. */
static inline bool span_is(struct span a, const char *string)
{
	return (a.len == 0 || *a.ptr == *string) && span_eq(a, span_of(string));
}

int span_cmp(struct span a, struct span b); /* bytewise, a prefix first */
bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);
bool span_contains(struct span s, const char *part);
struct span span_trim(struct span s); /* ASCII white space on both ends */

/* Everything before / behind the first `c`; without a `c`: the whole text / an absent span. */
struct span span_before(struct span s, char c);
struct span span_behind(struct span s, char c);

/* Cut the next piece off the front of *rest, up to `c` (dropped); false when *rest is absent. */
bool span_next(struct span *rest, char c, struct span *out_piece);

/* Decimal numbers, nothing else: no '+', no blanks, no trailing bytes, within [min, max]. */
bool span_int(struct span s, int64_t min, int64_t max, int64_t *out);

/* Edit distance for "did you mean"; stops counting at `limit`. */
size_t span_distance(struct span a, struct span b, size_t limit);

#endif
