#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "render/load_int.h"

/* --- what libyaml may see ----------------------------------------------------------------------------------------- */

/* Bytes that a plain ASCII text consists of; others want a closer look. */
static bool is_simple_byte(unsigned char c)
{
	return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' || c == '\r';
}

typedef unsigned char lane __attribute__((vector_size(16)));

/* Whether one of 64 bytes is not simple: a few vector operations, whatever they are. */
static bool stands_out(const char *bytes)
{
	lane found = {0};
	for (size_t i = 0; i < 64; i += sizeof(lane)) {
		lane v;
		memcpy(&v, bytes + i, sizeof v);
		found |= (lane)((v < 0x20) & (v != '\n') & (v != '\t') & (v != '\r')) | (lane)(v >= 0x7F);
	}
	uint64_t halves[2];
	memcpy(halves, &found, sizeof halves);
	return (halves[0] | halves[1]) != 0;
}

static size_t skip_simple(struct span s, size_t at)
{
	while (at < s.len) {
		while (at + 64 <= s.len && !stands_out(s.ptr + at))
			at += 64;
		size_t end = at + 64 < s.len ? at + 64 : s.len;
		for (; at < end; at++)
			if (!is_simple_byte((unsigned char)s.ptr[at]))
				return at;
	}
	return s.len;
}

/* What YAML calls printable, outside of ASCII. */
static bool is_allowed(uint32_t c)
{
	return c == 0x85 || (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF) ||
	       (c >= 0x10000 && c <= 0x10FFFF);
}

/* Offset of the first byte that ends the reading; s.len when there is none. */
static size_t check_bytes(struct input *input, struct span s)
{
	size_t at = skip_simple(s, 0);
	while (at < s.len) {
		uint32_t c;
		size_t used = utf8_decode((struct span){s.ptr + at, s.len - at}, &c);
		if (c == UTF8_BAD)
			input->problem = "bytes that are not UTF-8";
		else if (c < 0x20 || (c == 0x7F && !input->is_json))
			input->problem = "a control character";
		else if (!is_allowed(c) && c != 0xFEFF && !input->is_json)
			input->problem = "a character that YAML does not allow";
		if (input->problem != NULL)
			return at;
		input->is_simple = false;
		at = skip_simple(s, at + used);
	}
	return s.len;
}

static bool is_utf16(struct span s)
{
	if (s.len < 2)
		return false;
	const unsigned char *p = (const unsigned char *)s.ptr;
	bool has_mark = (p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF);
	return has_mark || (s.len % 2 == 0 && (p[0] == 0) != (p[1] == 0));
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static bool hex4(struct span s, size_t at, uint32_t *out)
{
	uint32_t value = 0;
	if (at + 6 > s.len || s.ptr[at] != '\\' || s.ptr[at + 1] != 'u')
		return false;
	for (size_t i = at + 2; i < at + 6; i++) {
		char c = s.ptr[i];
		uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
		if (digit > 15 || (c > '9' && c < 'A'))
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return true;
}

static bool looks_like_json(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (memchr(" \t\r\n", s.ptr[i], 4) == NULL)
			return s.ptr[i] == '{' || s.ptr[i] == '[';
	return false;
}

struct rewriter {
	struct input *input;
	struct arena *scratch;
	struct text out;
};

static size_t replace(struct rewriter *rewriter, size_t at, size_t from, uint32_t c)
{
	struct input *input = rewriter->input;
	text_addf(&rewriter->out, "\\U%08X", c);
	ARENA_PUSH(rewriter->scratch, input->rewrites, input->rewrite_count, input->rewrite_cap) =
		(struct rewrite){at, (uint8_t)from, 10};
	return from;
}

/* A backslash and what it stands in front of, which may be another; a character that YAML does not allow is no escape
 * either, and any other that is none says so as well. */
static size_t copy_escape(struct rewriter *rewriter, struct span s, size_t at)
{
	uint32_t c = 0;
	size_t used = at + 1 < s.len ? utf8_decode((struct span){s.ptr + at + 1, s.len - at - 1}, &c) : 0;
	if (used > 0 && c >= 0x7F && !is_allowed(c))
		text_add(&rewriter->out, SPAN("\\?"));
	else
		text_add(&rewriter->out, (struct span){s.ptr + at, 1 + used});
	return 1 + used;
}

/* An escape: JSON writes characters beyond U+FFFF as two of them, which YAML does not know. Returns the bytes read. */
static size_t rewrite_escape(struct rewriter *rewriter, struct span s, size_t at)
{
	uint32_t high, low;
	if (!hex4(s, at, &high) || high < 0xD800 || high > 0xDFFF) {
		return copy_escape(rewriter, s, at);
	}
	if (high < 0xDC00 && hex4(s, at + 6, &low) && low >= 0xDC00 && low <= 0xDFFF)
		return replace(rewriter, at, 12, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
	text_add(&rewriter->out, SPAN("\\uFFFD"));
	return 6;
}

/* A character as it is, unless YAML allows it only as an escape. */
static size_t rewrite_char(struct rewriter *rewriter, struct span s, size_t at)
{
	uint32_t c;
	size_t used = utf8_decode((struct span){s.ptr + at, s.len - at}, &c);
	/* Line breaks for YAML 1.1, but not for JSON: U+0085, U+2028, U+2029. */
	bool is_break = c == 0x85 || c == 0x2028 || c == 0x2029;
	if (c >= 0x7F && (is_break || !is_allowed(c)))
		return replace(rewriter, at, used, c);
	text_add(&rewriter->out, (struct span){s.ptr + at, used});
	return used;
}

static void cut(struct input *input, size_t at)
{
	input->is_cut = true;
	input->cut_at = input_find(input, at);
	input->yaml.len = at;
}

/* Outside of quotes JSON allows no more than YAML. */
static bool is_stray(struct input *input, size_t at)
{
	uint32_t c;
	if ((unsigned char)input->yaml.ptr[at] < 0x7F)
		return false;
	utf8_decode((struct span){input->yaml.ptr + at, input->yaml.len - at}, &c);
	if (is_allowed(c) || c == 0xFEFF || (c >= 0x80 && c == UTF8_BAD))
		return false;
	input->problem = c == 0x7F ? "a control character" : "a character that YAML does not allow";
	cut(input, at);
	return true;
}

static void rewrite_json(struct input *input, struct arena *scratch)
{
	struct span s = input->yaml;
	if (!input->is_json || (input->is_simple && memmem(s.ptr, s.len, "\\u", 2) == NULL))
		return;
	struct rewriter rewriter = {.input = input, .scratch = scratch};
	text_init(&rewriter.out, TEXT_NO_LIMIT);
	bool is_quoted = false;
	for (size_t i = 0; i < s.len;) {
		if (s.ptr[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && is_stray(input, i))
			break;
		if (!is_quoted)
			text_addc(&rewriter.out, s.ptr[i++]);
		else if (s.ptr[i] == '\\')
			i += rewrite_escape(&rewriter, s, i);
		else
			i += rewrite_char(&rewriter, s, i);
	}
	input->yaml = arena_copy(scratch, text_span(&rewriter.out));
	text_done(&rewriter.out);
	if (input->rewrite_count > 0)
		input->is_simple = false;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static size_t count_chars(struct span s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.len; i++)
		count += (s.ptr[i] & '\xC0') != '\x80';
	return count;
}

static void pad(struct input *input, struct arena *scratch)
{
	struct span s = input->yaml;
	char *copy = arena_bytes(scratch, s.len + TOKENS_PADDING);
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	memset(copy + s.len, 0, TOKENS_PADDING);
	input->yaml.ptr = copy;
	input->chars = input->is_simple ? s.len : count_chars(s);
}

static size_t char_bytes(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

void input_open(struct input *input, struct arena *scratch, struct span bytes)
{
	*input = (struct input){.file = bytes, .is_simple = true, .at = {0, 1, 1}};
	if (span_starts(bytes, "\xEF\xBB\xBF")) {
		input->bom = 3;
		input->file = (struct span){bytes.ptr + 3, bytes.len - 3};
	}
	input->yaml = input->file;
	input->is_json = looks_like_json(input->file);
	size_t good = 0;
	if (is_utf16(input->file))
		input->problem = "UTF-16 text";
	else
		good = check_bytes(input, input->file);
	if (input->problem != NULL)
		cut(input, good);
	rewrite_json(input, scratch);
	pad(input, scratch);
}

struct span input_rest(const struct input *input, size_t *out_chars)
{
	const struct segment *at = &input->segment;
	*out_chars = input->chars - at->index;
	return (struct span){input->yaml.ptr + at->begin, input->yaml.len - at->begin};
}

static bool starts_document(struct span s, size_t at)
{
	return at + 3 <= s.len && memcmp(s.ptr + at, "---", 3) == 0 &&
	       (at + 3 == s.len || memchr(" \t\r\n", s.ptr[at + 3], 4) != NULL);
}

bool input_resume(struct input *input, const yaml_mark_t *fault)
{
	struct span s = input->yaml;
	struct segment at = input->segment;
	size_t wanted = at.index + fault->index;
	bool is_line_start = false; /* it is, but going on there would be going in circles */
	while (at.begin < s.len) {
		if (is_line_start && at.index >= wanted && starts_document(s, at.begin)) {
			input->segment = at;
			return true;
		}
		char c = s.ptr[at.begin];
		at.begin += char_bytes((unsigned char)c);
		at.index++;
		is_line_start = c == '\n' || (c == '\r' && (at.begin >= s.len || s.ptr[at.begin] != '\n'));
		at.line += is_line_start;
	}
	return false;
}

/* --- positions ---------------------------------------------------------------------------------------------------- */

/* Over one character of the rewritten text. */
static void step(struct input *input)
{
	struct place *at = &input->at;
	struct span file = input->file;
	if (input->next_rewrite < input->rewrite_count && at->offset == input->rewrites[input->next_rewrite].offset) {
		const struct rewrite *rewrite = &input->rewrites[input->next_rewrite++];
		input->at_index += rewrite->to;
		at->offset += rewrite->from;
		at->column += rewrite->from;
		return;
	}
	unsigned char c = (unsigned char)file.ptr[at->offset];
	size_t used = char_bytes(c);
	input->at_index++;
	at->offset += used;
	at->column += (uint32_t)used;
	if (c == '\n' || (c == '\r' && (at->offset >= file.len || file.ptr[at->offset] != '\n'))) {
		at->line++;
		at->column = 1;
	}
}

struct place input_place(struct input *input, const yaml_mark_t *mark)
{
	const struct segment *segment = &input->segment;
	size_t index = segment->index + mark->index;
	if (input->is_simple)
		return (struct place){index, (uint32_t)mark->line + 1 + segment->line, (uint32_t)mark->column + 1};
	if (index < input->at_index) {
		input->at_index = 0;
		input->next_rewrite = 0;
		input->at = (struct place){0, 1, 1};
	}
	while (input->at_index < index && input->at.offset < input->file.len)
		step(input);
	return input->at;
}

struct place input_find(const struct input *input, size_t offset)
{
	struct place place = {offset, 1, 1};
	for (size_t i = 0; i < offset; i++) {
		place.column++;
		if (input->file.ptr[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}
