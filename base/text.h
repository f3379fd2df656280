/* Growing text: always NUL-terminated, never NULL, embedded NUL allowed. Appending beyond `max` bytes sets `failed`,
 * which sticks; emitters append without checking and look at text_ok() once. Running out of memory aborts. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct text {
	char *ptr;
	size_t len, cap, max;
	bool failed;
};

#define TEXT_NO_LIMIT ((size_t)-1 / 4)

void text_init(struct text *text, size_t max_bytes);
void text_done(struct text *text);  /* frees; safe on zeroed memory */
void text_reset(struct text *text); /* empties, keeps the memory */
char *text_take(struct text *text); /* caller frees; the text is empty again */

static inline bool text_ok(const struct text *text)
{
	return !text->failed;
}

static inline struct span text_span(const struct text *text)
{
	return (struct span){text->ptr, text->len};
}

/* Room for `more` bytes and the NUL; false, and `failed` set, when that would pass the limit. */
bool text_grow(struct text *text, size_t more);

static inline bool text_reserve(struct text *text, size_t more)
{
	return more < text->cap - text->len && !text->failed ? true : text_grow(text, more);
}

/* As memcpy; most pieces of a text are shorter than a call is worth. With a sanitizer the compiler sees less, and warns of
 * lengths that cannot be. */
static inline void text_copy(char *to, const char *from, size_t len)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	if (len > 0)
		if (len > 0)
		memcpy(to, from, len);
#else
	if (len > 16) {
		memcpy(to, from, len);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else {
		for (size_t i = 0; i < len; i++)
			to[i] = from[i];
	}
#endif
}

static inline void text_add(struct text *text, struct span part)
{
	if (!text_reserve(text, part.len))
		return;
	text_copy(text->ptr + text->len, part.ptr, part.len);
	text->len += part.len;
	text->ptr[text->len] = '\0';
}

static inline void text_addc(struct text *text, char c)
{
	if (!text_reserve(text, 1))
		return;
	text->ptr[text->len++] = c;
	text->ptr[text->len] = '\0';
}

static inline void text_pad(struct text *text, char c, size_t count)
{
	if (!text_reserve(text, count))
		return;
	memset(text->ptr + text->len, c, count);
	text->len += count;
	text->ptr[text->len] = '\0';
}

void text_adds(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_addv(struct text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *text, struct span part);
/* Lower-case hexadecimal. */
void text_add_hex(struct text *text, const void *bytes, size_t count);

#endif
