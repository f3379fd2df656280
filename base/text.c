#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static char empty[1] = "";

void text_init(struct text *text, size_t max_bytes)
{
	*text = (struct text){.ptr = empty, .max = max_bytes};
}

void text_done(struct text *text)
{
	if (text->cap > 0)
		free(text->ptr);
	*text = (struct text){.ptr = empty, .max = text->max};
}

void text_reset(struct text *text)
{
	text->len = 0;
	text->failed = false;
	if (text->cap > 0)
		text->ptr[0] = '\0';
}

char *text_take(struct text *text)
{
	char *taken = text->cap > 0 ? text->ptr : strdup("");
	if (taken == NULL)
		abort();
	*text = (struct text){.ptr = empty, .max = text->max};
	return taken;
}

bool text_grow(struct text *text, size_t more)
{
	if (text->failed || more > text->max || text->len > text->max - more) {
		text->failed = true;
		return false;
	}
	if (text->len + more < text->cap)
		return true;
	size_t cap = text->cap < 64 ? 64 : text->cap;
	while (cap <= text->len + more)
		cap *= 2;
	if (cap > text->max) /* never room beyond the limit: text_reserve looks at the room only */
		cap = text->max + 1;
	char *ptr = realloc(text->cap > 0 ? text->ptr : NULL, cap);
	if (ptr == NULL)
		abort();
	text->ptr = ptr;
	text->cap = cap;
	return true;
}

void text_adds(struct text *text, const char *string)
{
	text_add(text, span_of(string));
}

void text_addv(struct text *text, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, format, args);
	if (need >= 0 && text_reserve(text, (size_t)need)) {
		vsnprintf(text->ptr + text->len, (size_t)need + 1, format, again);
		text->len += (size_t)need;
	}
	va_end(again);
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_addv(text, format, args);
	va_end(args);
}

static const char *json_short_escape(uint32_t c)
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	case '\b': return "\\b";
	case '\f': return "\\f";
	default: return NULL;
	}
}

void text_add_json(struct text *text, struct span part)
{
	text_addc(text, '"');
	while (part.len > 0) {
		uint32_t c;
		size_t used = utf8_decode(part, &c);
		const char *escape = json_short_escape(c);
		if (escape != NULL)
			text_adds(text, escape);
		else if (c < 0x20 || c == 0x7f)
			text_addf(text, "\\u%04x", c);
		else if (c == UTF8_BAD)
			text_adds(text, "\xef\xbf\xbd");
		else
			text_add(text, (struct span){part.ptr, used});
		part.ptr += used;
		part.len -= used;
	}
	text_addc(text, '"');
}

void text_add_hex(struct text *text, const void *bytes, size_t count)
{
	const unsigned char *byte = bytes;
	for (size_t i = 0; i < count; i++) {
		text_addc(text, "0123456789abcdef"[byte[i] >> 4]);
		text_addc(text, "0123456789abcdef"[byte[i] & 15]);
	}
}
