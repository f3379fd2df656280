/* UTF-8, one code point at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define UTF8_BAD 0xFFFFFFFFu

/* The first code point of a non-empty text; returns the bytes it takes. Malformed, overlong, surrogate or beyond
 * U+10FFFF: *out is UTF8_BAD and one byte is taken. */
size_t utf8_decode(struct span s, uint32_t *out);

/* Offset of the first malformed byte, or s.len when the whole text is UTF-8. */
size_t utf8_valid_prefix(struct span s);

/* UTF-8, and no control character in it. */
bool utf8_is_clean(struct span s);

/* Bytes written to out (1 to 4). */
size_t utf8_encode(uint32_t c, char out[4]);

#endif
