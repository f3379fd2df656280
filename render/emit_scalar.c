/* Choosing the style of a text: plain where it reads back as the same text, quoted where it would not. */
#include <string.h>

#include "base/utf8.h"
#include "render/emit_int.h"
#include "render/resolve.h"

enum byte_class {
	BYTE_SPACE = 1,
	BYTE_TAB = 2,
	BYTE_NEWLINE = 4,
	BYTE_RETURN = 8,
	BYTE_COLON = 16,
	BYTE_HASH = 32,
	BYTE_WIDE = 64,
	BYTE_CONTROL = 128,
};

#define ROW4(c) c, c, c, c
#define ROW16(c) ROW4(c), ROW4(c), ROW4(c), ROW4(c)
#define K BYTE_CONTROL
static const unsigned char classes[] = {
	K, K, K, K, K, K, K, K, K, BYTE_TAB, BYTE_NEWLINE, K, K, BYTE_RETURN, K, K, ROW16(K),
	BYTE_SPACE, 0, 0, BYTE_HASH, ROW4(0), ROW4(0), ROW4(0), ROW4(0), ROW4(0), 0, 0, BYTE_COLON, 0, ROW4(0),
	ROW16(0), ROW16(0), ROW16(0), ROW4(0), ROW4(0), ROW4(0), 0, 0, 0, K,
	ROW16(BYTE_WIDE), ROW16(BYTE_WIDE), ROW16(BYTE_WIDE), ROW16(BYTE_WIDE),
	ROW16(BYTE_WIDE), ROW16(BYTE_WIDE), ROW16(BYTE_WIDE), ROW16(BYTE_WIDE),
};
#undef K
_Static_assert(sizeof classes == 256, "one class per byte");

static bool is_printable(uint32_t c)
{
	return c == '\n' || (c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF) ||
	       (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF);
}

static bool is_break(uint32_t c)
{
	return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool is_white(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_blank_at(struct span s, size_t at)
{
	return at >= s.len || s.ptr[at] == ' ' || s.ptr[at] == '\t';
}

static bool starts_with_indicator(struct span s)
{
	switch (s.ptr[0]) {
	case '#': case ',': case '[': case ']': case '{': case '}': case '&': case '*': case '!': case '|': case '>':
	case '\'': case '"': case '%': case '@': case '`': return true;
	case '?': case ':': return is_blank_at(s, 1);
	case '-': return is_blank_at(s, 1) || (s.len >= 3 && s.ptr[1] == '-' && s.ptr[2] == '-');
	case '.': return s.len >= 3 && s.ptr[1] == '.' && s.ptr[2] == '.';
	default: return false;
	}
}

/* A ": " or a " #" inside. */
static bool has_indicator_inside(struct span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == ':' && is_blank_at(s, i + 1))
			return true;
		if (s.ptr[i] == '#' && memchr(" \t\n\r", s.ptr[i - 1], 5) != NULL)
			return true;
	}
	return false;
}

/* One character after the other: for texts with more than one line or more than ASCII. */
static unsigned careful_facts(struct span s)
{
	unsigned facts = 0;
	bool was_space = false, was_break = false;
	for (size_t i = 0, used; i < s.len; i += used) {
		uint32_t c;
		used = utf8_decode((struct span){s.ptr + i, s.len - i}, &c);
		bool is_space = c == ' ', breaks = is_break(c), is_edge = i == 0 || i + used == s.len;
		if (c == '\t')
			facts |= FACT_NO_PLAIN | FACT_NO_SINGLE;
		else if (!is_printable(c))
			facts |= FACT_NO_PLAIN | FACT_NO_SINGLE | FACT_NO_BLOCK;
		if (breaks)
			facts |= FACT_BREAK | FACT_NO_PLAIN | (c == '\n' ? FACT_NEWLINE : 0);
		if (is_edge && is_space)
			facts |= FACT_NO_PLAIN;
		if (is_space && was_break)
			facts |= FACT_NO_PLAIN | FACT_NO_SINGLE;
		if (breaks && was_space)
			facts |= FACT_NO_PLAIN | FACT_NO_SINGLE | FACT_NO_BLOCK;
		if (c == '#' && was_break) /* behind U+0085, U+2028, U+2029 as behind LF */
			facts |= FACT_NO_PLAIN;
		if (!is_white(c))
			facts |= FACT_VISIBLE;
		if (c >= 0x80)
			facts |= FACT_WIDE;
		if (is_space)
			facts |= FACT_SPACE;
		was_space = is_space;
		was_break = breaks;
	}
	if (s.len > 0 && s.ptr[s.len - 1] == ' ')
		facts |= FACT_NO_BLOCK;
	return facts;
}

/* Eight bytes at once: does one of them want a closer look? Those up to space, '#', ':', and from DEL on. A byte may be
 * taken for one of them because of its neighbour; that only costs the closer look. */
static bool stands_out(uint64_t bytes)
{
	const uint64_t ones = 0x0101010101010101u, highs = ones << 7;
	uint64_t hash = bytes ^ ones * '#', colon = bytes ^ ones * ':', del = bytes + ones;
	uint64_t found = (bytes - ones * 0x21) | (hash - ones) | (colon - ones) | bytes | del;
	return (found & highs) != 0;
}

static uint64_t load8(const char *bytes)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof value);
	return value;
}

static uint64_t load4(const char *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return value;
}

/* Only signs that mean nothing inside of a text. */
static bool is_harmless(struct span s)
{
	if (s.len < 4)
		return false;
	if (s.len < 8)
		return !stands_out(load4(s.ptr) | load4(s.ptr + s.len - 4) << 32);
	for (size_t i = 0; i + 8 <= s.len; i += 8)
		if (stands_out(load8(s.ptr + i)))
			return false;
	return !stands_out(load8(s.ptr + s.len - 8));
}

unsigned scalar_facts(struct span s)
{
	unsigned seen = 0, facts = 0;
	if (s.len == 0)
		return 0;
	if (is_harmless(s))
		return starts_with_indicator(s) ? FACT_NO_PLAIN : 0;
	for (size_t i = 0; i < s.len; i++)
		seen |= classes[(unsigned char)s.ptr[i]];
	if ((seen & (BYTE_TAB | BYTE_NEWLINE | BYTE_RETURN | BYTE_WIDE | BYTE_CONTROL)) != 0)
		facts = careful_facts(s);
	else if ((seen & BYTE_SPACE) != 0)
		facts = FACT_SPACE | (s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ' ? FACT_NO_PLAIN : 0);
	if (starts_with_indicator(s) || ((seen & (BYTE_COLON | BYTE_HASH)) != 0 && has_indicator_inside(s)))
		facts |= FACT_NO_PLAIN;
	return facts;
}

/* `1:20`, `12:30:45`: a number to base 60 for old readers. */
static bool is_sexagesimal(struct span s)
{
	size_t i = s.ptr[0] == '-' || s.ptr[0] == '+', parts = 0;
	if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9')
		return false;
	while (i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '_'))
		i++;
	while (i + 1 < s.len && s.ptr[i] == ':') {
		size_t digits = 0;
		for (i++; i < s.len && digits < 2 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
			digits++;
		if (digits == 0 || (digits == 2 && s.ptr[i - 2] > '5'))
			return false;
		parts++;
	}
	if (i < s.len && s.ptr[i] == '.')
		for (i++; i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '_'); i++)
			continue;
	return parts > 0 && i == s.len;
}

static enum node_style quoted_style(struct span s, enum node_style old_words)
{
	struct resolved resolved;
	if (s.len == 0)
		return NODE_DOUBLE;
	if (span_is(s, "<<") || resolve_old_boolean(s) >= 0 || is_sexagesimal(s))
		return old_words;
	resolve_plain(RESOLVE_OMNI, s, &resolved);
	return resolved.kind == NODE_STRING ? NODE_PLAIN : NODE_DOUBLE;
}

/* Literal text that the reference's readers lose or refuse: lines before the first that says something would decide its
 * indentation wrongly, a tab there is taken for indentation, and the number that makes up for leading spaces is wrong
 * inside of list items. */
static bool is_damaged_by_literal(struct span s, bool is_item)
{
	size_t at = 0, used = 0;
	uint32_t c = '\n';
	while (at < s.len && is_break(c)) {
		at += used;
		if (at < s.len)
			used = utf8_decode((struct span){s.ptr + at, s.len - at}, &c);
	}
	return c == '\t' || (c == ' ' && (at > 0 || is_item));
}

enum node_style scalar_style(struct span s, unsigned facts, const struct scalar_place *place, enum node_style old_words)
{
	if ((facts & FACT_NEWLINE) != 0) {
		bool is_literal = s.len >= 2 && (facts & (FACT_VISIBLE | FACT_NO_BLOCK)) == FACT_VISIBLE && !place->is_key &&
				  !is_damaged_by_literal(s, place->is_item);
		return is_literal ? NODE_LITERAL : NODE_DOUBLE;
	}
	enum node_style style = resolve_is_text(s) && s.ptr[0] != '<' ? NODE_PLAIN : quoted_style(s, old_words);
	if (style == NODE_PLAIN && (facts & FACT_NO_PLAIN) != 0)
		style = NODE_SINGLE;
	if (style == NODE_SINGLE && (facts & FACT_NO_SINGLE) != 0)
		style = NODE_DOUBLE;
	return style;
}

void write_scalar(struct writer *writer, const struct node *node, const struct scalar_place *place)
{
	struct span text = {node->text, node->len};
	switch (node->kind) {
	case NODE_ABSENT: return;
	case NODE_NULL: text = SPAN("null"); break;
	case NODE_SEQ: text = SPAN("[]"); break;
	case NODE_MAP: text = SPAN("{}"); break;
	case NODE_STRING: write_string(writer, text, scalar_facts(text), place); return;
	default: break;
	}
	text_add(writer->out, text);
}

void write_string(struct writer *writer, struct span s, unsigned facts, const struct scalar_place *place)
{
	write_text(writer, s, scalar_style(s, facts, place, writer->old_words), facts, place);
}
