/* Diagnostics for people. The forms for programs are in diag_machine.c. */
#include "render/diag_print.h"

#include <string.h>

#include "render/redact.h"

bool diag_format_parse(struct span name, enum diag_format *out)
{
	static const char *const names[] = {"text", "json", "sarif", "github"};
	for (int i = 0; i < 4; i++) {
		if (span_is(name, names[i])) {
			*out = (enum diag_format)i;
			return true;
		}
	}
	return false;
}

const char *diag_severity_name(enum diag_severity severity)
{
	return severity == DIAG_ERROR ? "error" : severity == DIAG_WARNING ? "warning" : "note";
}

/* Terminals get no control characters from files; tabs become one space so that the caret stands right. */
static void add_printable(struct text *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '\t')
			text_addc(out, ' ');
		else if ((c < 0x20 && c != '\n') || c == 0x7F)
			text_addc(out, '?');
		else
			text_addc(out, (char)c);
	}
}

static void add_paint(struct text *out, bool colour, const char *code)
{
	if (colour)
		text_addf(out, "\033[%sm", code);
}

static void add_place(struct text *out, const struct diag *diag)
{
	if (diag->file.len == 0)
		return;
	add_printable(out, diag->file);
	if (diag->line > 0)
		text_addf(out, ":%u", diag->line);
	if (diag->line > 0 && diag->column > 0)
		text_addf(out, ":%u", diag->column);
	text_adds(out, ": ");
}

static bool open_file(struct diag_reader *reader, const struct diag *diag)
{
	const struct diag_source *source = reader->source;
	bool is_same = reader->file.ptr != NULL && span_eq(reader->file, diag->file);
	if (is_same && (!reader->is_read || reader->line <= diag->line))
		return reader->is_read;
	reader->file = diag->file;
	reader->line = 1;
	reader->is_read = source->read(source->ctx, diag->file, &reader->rest);
	return reader->is_read;
}

bool diag_read_line(struct diag_reader *reader, const struct diag *diag, struct span *out_line)
{
	struct span rest, piece;
	if (reader->source == NULL || reader->source->read == NULL || diag->file.len == 0 || diag->line == 0 ||
	    !open_file(reader, diag))
		return false;
	for (; reader->line < diag->line; reader->line++)
		if (!span_next(&reader->rest, '\n', &piece)) {
			reader->file = (struct span){0};
			return false;
		}
	rest = reader->rest;
	if (!span_next(&rest, '\n', &piece))
		return false;
	if (piece.len > 0 && piece.ptr[piece.len - 1] == '\r')
		piece.len--;
	*out_line = piece;
	return true;
}

/* A window of a long line, so that the column is in it. */
static struct span window(struct span line, size_t column, size_t *out_skipped)
{
	enum { WIDTH = 160, BEFORE = 80 };
	size_t skip = column > WIDTH - 20 ? column - BEFORE : 0;
	if (skip > line.len)
		skip = line.len;
	while (skip > 0 && skip < line.len && (line.ptr[skip] & '\xC0') == '\x80')
		skip--;
	struct span cut = {line.ptr + skip, line.len - skip};
	if (cut.len > WIDTH)
		cut.len = WIDTH;
	while (cut.len > 0 && skip + cut.len < line.len && (line.ptr[skip + cut.len] & '\xC0') == '\x80')
		cut.len--;
	*out_skipped = skip;
	return cut;
}

static void add_hidden(struct text *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == ' ' || s.ptr[i] == '\t')
			text_addc(out, ' ');
		else if ((s.ptr[i] & '\xC0') != '\x80')
			text_addc(out, '*');
}

/* Where the value may be a secret, stars stand for it. */
static void add_line(struct text *out, struct span shown, size_t visible)
{
	if (visible > shown.len)
		visible = shown.len;
	add_printable(out, (struct span){shown.ptr, visible});
	add_hidden(out, (struct span){shown.ptr + visible, shown.len - visible});
}

static void add_source(struct text *out, const struct diag *diag, struct span line, bool colour)
{
	size_t skipped, before = diag->column > 0 ? diag->column - 1 : 0, columns = 0;
	if (span_trim(line).len == 0 || before > line.len)
		return;
	struct span shown = window(line, before, &skipped);
	text_adds(out, "    ");
	size_t from = redact_line_from(line, diag->path);
	add_line(out, shown, from > skipped ? from - skipped : 0);
	text_addc(out, '\n');
	if (diag->column == 0)
		return;
	for (size_t i = skipped; i < before; i++)
		columns += (line.ptr[i] & '\xC0') != '\x80';
	text_pad(out, ' ', 4 + columns);
	add_paint(out, colour, "1;32");
	text_addc(out, '^');
	add_paint(out, colour, "0");
	text_addc(out, '\n');
}

static void add_head(struct text *out, const struct diag *diag, bool colour)
{
	static const char *const colours[] = {"1;31", "1;33", "1;36"};
	add_paint(out, colour, "1");
	add_place(out, diag);
	add_paint(out, colour, "0");
	add_paint(out, colour, colours[diag->severity]);
	text_addf(out, "%s:", diag_severity_name(diag->severity));
	add_paint(out, colour, "0");
	if (diag->object.len > 0) {
		text_addc(out, ' ');
		add_printable(out, diag->object);
		text_addc(out, ':');
	}
	if (diag->path.len > 0) {
		text_addc(out, ' ');
		add_printable(out, diag->path);
		text_addc(out, ':');
	}
	text_addc(out, ' ');
	add_printable(out, diag->message);
	text_addf(out, " [%s]\n", diag->code);
}

static void add_hint(struct text *out, const struct diag *diag, bool colour)
{
	struct span rest = diag->hint, line;
	bool is_first = true;
	while (rest.len > 0 && span_next(&rest, '\n', &line)) {
		text_adds(out, "  ");
		if (is_first) {
			add_paint(out, colour, "1;36");
			text_adds(out, "hint:");
			add_paint(out, colour, "0");
			text_addc(out, ' ');
		} else {
			text_adds(out, "      ");
		}
		add_printable(out, line);
		text_addc(out, '\n');
		is_first = false;
	}
}

static void print_text(struct text *out, const struct diag_list *list, const struct diag_source *source, bool colour)
{
	struct diag_reader reader = {.source = source};
	struct span line;
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		add_head(out, diag, colour);
		if (diag_read_line(&reader, diag, &line))
			add_source(out, diag, line, colour);
		add_hint(out, diag, colour);
	}
}

void diag_print(struct text *out, const struct diag_list *list, enum diag_format format,
		const struct diag_source *source, bool colour)
{
	switch (format) {
	case DIAG_TEXT: print_text(out, list, source, colour); break;
	case DIAG_JSON: diag_print_json(out, list); break;
	case DIAG_SARIF: diag_print_sarif(out, list, source); break;
	case DIAG_GITHUB: diag_print_github(out, list); break;
	}
}
