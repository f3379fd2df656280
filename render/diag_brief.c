#include "render/diag_brief.h"

struct brief {
	struct text *out;
	size_t lines_left, left_out;
};

static size_t count_lines(struct span text)
{
	size_t lines = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	return lines;
}

static void add_line(struct text *out, struct span line)
{
	size_t len = line.len;
	if (len > BRIEF_COLUMNS) {
		for (len = BRIEF_COLUMNS; len > 0 && (line.ptr[len] & '\xC0') == '\x80'; len--)
			continue;
	}
	text_add(out, (struct span){line.ptr, len});
	text_adds(out, len < line.len ? "...\n" : "\n");
}

/* One line is kept for what is left out. */
static void add_fault(struct brief *brief, const struct diag *diag)
{
	struct diag copy = *diag;
	struct diag_list one = {.items = &copy, .count = 1};
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	diag_print(&text, &one, DIAG_TEXT, NULL, false);
	size_t lines = count_lines(text_span(&text));
	if (brief->left_out > 0 || lines >= brief->lines_left) {
		brief->left_out++;
	} else {
		struct span rest = text_span(&text), line;
		while (rest.len > 0 && span_next(&rest, '\n', &line))
			add_line(brief->out, line);
		brief->lines_left -= lines;
	}
	text_done(&text);
}

void diag_print_brief(struct text *out, const struct diag_list *list, size_t max_lines)
{
	struct brief brief = {.out = out, .lines_left = max_lines};
	for (enum diag_severity severity = DIAG_ERROR; severity <= DIAG_NOTE; severity++)
		for (size_t i = 0; i < list->count; i++)
			if (list->items[i].severity == severity)
				add_fault(&brief, &list->items[i]);
	if (brief.left_out > 0)
		text_addf(out, "... and %zu more\n", brief.left_out);
}
