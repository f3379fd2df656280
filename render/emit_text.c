/* Writing a text in its style. A text goes on in the next line at a space, once the line is longer than the width. */
#include <string.h>

#include "base/utf8.h"
#include "render/emit_int.h"

static size_t column(const struct writer *writer)
{
	return writer->out->len - writer->line_begin - writer->narrow;
}

static void start_line(struct writer *writer)
{
	writer->line_begin = writer->out->len;
	writer->narrow = 0;
}

void write_newline(struct writer *writer)
{
	/* Behind a literal text the line has ended already. */
	if (writer->out->len > writer->line_begin)
		text_addc(writer->out, '\n');
	start_line(writer);
}

static void fold(struct writer *writer, unsigned indent)
{
	text_addc(writer->out, '\n');
	start_line(writer);
	text_pad(writer->out, ' ', indent);
}

/* One character as it is; returns its bytes. */
static size_t copy_char(struct writer *writer, struct span s, size_t at)
{
	uint32_t c;
	size_t used = utf8_decode((struct span){s.ptr + at, s.len - at}, &c);
	if (c == UTF8_BAD) {
		text_add(writer->out, SPAN("\xEF\xBF\xBD"));
		writer->narrow += 2;
		return used;
	}
	text_add(writer->out, (struct span){s.ptr + at, used});
	writer->narrow += used - 1;
	return used;
}

static bool is_space_at(struct span s, size_t at)
{
	return at < s.len && s.ptr[at] == ' ';
}

static bool is_separator(struct span s, size_t at) /* U+2028, U+2029: line breaks that are printable */
{
	return at + 3 <= s.len && memcmp(s.ptr + at, "\xE2\x80", 2) == 0 && (s.ptr[at + 2] & '\xFE') == '\xA8';
}

/* Nothing to fold or to escape: the usual case. */
static bool fits(const struct writer *writer, struct span s, unsigned facts, const struct scalar_place *place)
{
	if ((facts & (FACT_WIDE | FACT_BREAK)) != 0)
		return false;
	return place->is_key || (facts & FACT_SPACE) == 0 || column(writer) + s.len <= writer->width;
}

static void write_plain(struct writer *writer, struct span s, const struct scalar_place *place)
{
	bool was_space = false;
	for (size_t i = 0; i < s.len;) {
		if (s.ptr[i] != ' ') {
			i += copy_char(writer, s, i);
			was_space = false;
			continue;
		}
		if (!place->is_key && !was_space && column(writer) > writer->width && !is_space_at(s, i + 1))
			fold(writer, place->indent);
		else
			text_addc(writer->out, ' ');
		was_space = true;
		i++;
	}
}

static void write_single_space(struct writer *writer, struct span s, size_t at, bool was_space,
			       const struct scalar_place *place)
{
	bool is_inside = at > 0 && at + 1 < s.len;
	if (!place->is_key && !was_space && column(writer) > writer->width && is_inside && !is_space_at(s, at + 1))
		fold(writer, place->indent);
	else
		text_addc(writer->out, ' ');
}

static void write_single(struct writer *writer, struct span s, const struct scalar_place *place)
{
	bool was_space = false, was_break = false;
	text_addc(writer->out, '\'');
	for (size_t i = 0; i < s.len;) {
		if (s.ptr[i] == ' ') {
			write_single_space(writer, s, i, was_space, place);
			was_space = true;
			i++;
			continue;
		}
		bool breaks = is_separator(s, i);
		if (!breaks && was_break)
			text_pad(writer->out, ' ', place->indent);
		if (s.ptr[i] == '\'')
			text_addc(writer->out, '\'');
		i += copy_char(writer, s, i);
		if (breaks)
			start_line(writer);
		else
			was_space = false;
		was_break = breaks;
	}
	text_addc(writer->out, '\'');
}

static char short_escape(uint32_t c)
{
	switch (c) {
	case 0: return '0';
	case 7: return 'a';
	case 8: return 'b';
	case 9: return 't';
	case 10: return 'n';
	case 11: return 'v';
	case 12: return 'f';
	case 13: return 'r';
	case 27: return 'e';
	case '"': case '\\': return (char)c;
	case 0x85: return 'N';
	case 0xA0: return '_';
	case 0x2028: return 'L';
	case 0x2029: return 'P';
	default: return '\0';
	}
}

static void write_escape(struct writer *writer, uint32_t c)
{
	char name = short_escape(c);
	if (name != '\0') {
		text_addc(writer->out, '\\');
		text_addc(writer->out, name);
		return;
	}
	char digits[11] = {'\\', c <= 0xFF ? 'x' : c <= 0xFFFF ? 'u' : 'U'};
	size_t count = c <= 0xFF ? 2 : c <= 0xFFFF ? 4 : 8;
	for (size_t i = 0; i < count; i++)
		digits[2 + i] = "0123456789ABCDEF"[c >> (4 * (count - 1 - i)) & 15];
	text_add(writer->out, (struct span){digits, 2 + count});
}

static bool wants_escape(uint32_t c)
{
	bool is_printable = (c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD);
	return c != UTF8_BAD &&
	       (!is_printable || c == '"' || c == '\\' || c == 0xFEFF || c == 0x2028 || c == 0x2029);
}

static void write_double(struct writer *writer, struct span s, const struct scalar_place *place)
{
	/* The reference takes a byte order mark in front for a reason to escape everything. */
	bool escape_all = span_starts(s, "\xEF\xBB\xBF"), was_space = false;
	text_addc(writer->out, '"');
	for (size_t i = 0; i < s.len;) {
		uint32_t c;
		size_t used = utf8_decode((struct span){s.ptr + i, s.len - i}, &c);
		bool is_foldable = c == ' ' && !place->is_key && !was_space && i > 0 && i + 1 < s.len;
		was_space = false;
		if (wants_escape(c) || (escape_all && c != UTF8_BAD)) {
			write_escape(writer, c);
		} else if (is_foldable && column(writer) > writer->width) {
			fold(writer, place->indent);
			if (is_space_at(s, i + 1))
				text_addc(writer->out, '\\');
			was_space = true;
		} else {
			copy_char(writer, s, i);
			was_space = c == ' ';
		}
		i += used;
	}
	text_addc(writer->out, '"');
}

/* Length of the line break at `at`, or 0. */
static size_t break_bytes(struct span s, size_t at)
{
	return s.ptr[at] == '\n' ? 1 : is_separator(s, at) ? 3 : 0;
}

/* Where the last character of s[0 … end-1] begins. */
static size_t last_char(struct span s, size_t end)
{
	size_t at = end - 1;
	while (at > 0 && (s.ptr[at] & '\xC0') == '\x80')
		at--;
	return at;
}

static void write_literal_header(struct writer *writer, struct span s)
{
	text_addc(writer->out, '|');
	if (s.ptr[0] == ' ')
		text_addc(writer->out, (char)('0' + writer->best));
	size_t last = last_char(s, s.len);
	if (break_bytes(s, last) == 0)
		text_addc(writer->out, '-');
	else if (last == 0 || break_bytes(s, last_char(s, last)) != 0)
		text_addc(writer->out, '+');
	text_addc(writer->out, '\n');
}

/* Up to the next line break, without it. */
static size_t line_length(struct span s, size_t at, bool is_wide)
{
	if (!is_wide) {
		const char *end = memchr(s.ptr + at, '\n', s.len - at);
		return end == NULL ? s.len - at : (size_t)(end - s.ptr) - at;
	}
	size_t len = 0;
	while (at + len < s.len && break_bytes(s, at + len) == 0)
		len++;
	return len;
}

static void write_literal(struct writer *writer, struct span s, unsigned facts, const struct scalar_place *place)
{
	bool is_wide = (facts & FACT_WIDE) != 0, is_ended = false;
	write_literal_header(writer, s);
	for (size_t i = 0; i < s.len;) {
		size_t len = line_length(s, i, is_wide);
		if (len > 0) {
			text_pad(writer->out, ' ', place->indent);
			text_add(writer->out, (struct span){s.ptr + i, len});
		}
		i += len;
		size_t end = i < s.len ? break_bytes(s, i) : 0;
		text_add(writer->out, (struct span){s.ptr + i, end});
		i += end;
		is_ended = end > 0;
	}
	if (!is_ended)
		text_addc(writer->out, '\n');
	start_line(writer);
}

void write_text(struct writer *writer, struct span s, enum node_style style, unsigned facts,
		const struct scalar_place *place)
{
	switch (style) {
	case NODE_PLAIN:
		if (fits(writer, s, facts, place))
			text_add(writer->out, s);
		else
			write_plain(writer, s, place);
		break;
	case NODE_SINGLE: write_single(writer, s, place); break;
	case NODE_LITERAL: write_literal(writer, s, facts, place); break;
	default: write_double(writer, s, place); break;
	}
}
