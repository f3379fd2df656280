#include <stdarg.h>
#include <stdio.h>

#include "render/patch_int.h"

static struct span line_of(struct span bytes, uint32_t number)
{
	struct span rest = bytes, line = {0};

	for (uint32_t i = 0; i < number; i++)
		if (!span_next(&rest, '\n', &line))
			return (struct span){0};
	return line;
}

static size_t leading_blanks(struct span line)
{
	size_t count = 0;

	while (count < line.len && line.ptr[count] == ' ')
		count++;
	return count;
}

/* How far the block is indented: its first line that is not blank, in the file and in the text. */
static uint32_t block_indent(struct span source, struct span text, uint32_t first_line)
{
	struct span rest = text, line;

	for (uint32_t i = 0; span_next(&rest, '\n', &line); i++) {
		size_t inner = leading_blanks(line);
		struct span outer_line;

		if (inner == line.len)
			continue;
		outer_line = line_of(source, first_line + i);
		if (outer_line.ptr == NULL || leading_blanks(outer_line) < inner)
			return COLUMNS_UNKNOWN;
		return (uint32_t)(leading_blanks(outer_line) - inner);
	}
	return COLUMNS_UNKNOWN;
}

/* The place in the file is looked for when the first fault needs it: most patches have none, and files may be long. */
static uint32_t columns_to_add(struct patch_walk *walk)
{
	if (walk->columns == COLUMNS_NOT_LOOKED_FOR)
		walk->columns = block_indent(walk->check->source, node_text(walk->holder), walk->holder->line + 1);
	return walk->columns;
}

static struct node place_of(struct patch_walk *walk, const struct node *node)
{
	struct node at = {0};
	uint32_t columns;

	if (walk->positions == POSITIONS_FIXED || (node == NULL && walk->holder != NULL))
		node = walk->holder;
	if (node == NULL)
		return at;
	at.line = node->line;
	at.column = node->column;
	if (walk->positions != POSITIONS_SHIFT || node == walk->holder || node->line == 0)
		return at;
	at.line = NODE_LINE(at.line + walk->lines);
	columns = columns_to_add(walk);
	if (columns == COLUMNS_UNKNOWN || at.column == 0 || at.column + columns > NODE_COLUMN_MAX)
		at.column = 0;
	else
		at.column = NODE_COLUMN(at.column + columns);
	return at;
}

struct diag *patch_report(struct patch_walk *walk, enum diag_severity severity, const char *code,
			  const struct node *node, const struct field_path *path, const char *format, ...)
{
	struct node at = place_of(walk, node);
	char text[1024];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	walk->errors += severity == DIAG_ERROR;
	return diag_add(walk->check->at, severity, code, &at, PATH_TEXT(path), "%s", text);
}

void patch_hint(struct patch_walk *walk, struct diag *diag, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	diag_hint(walk->check->at, diag, "%s", text);
}

void patch_take_faults(struct patch_walk *walk, const struct diag_list *list, const struct field_path *path)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *from = &list->items[i];
		struct node node = {.line = NODE_LINE(from->line),
				    .column = NODE_COLUMN(from->column)};
		struct diag *diag = patch_report(walk, from->severity, from->code, node.line != 0 ? &node : NULL, path,
						 "%.*s", SPAN_ARG(from->message));

		if (from->hint.len > 0)
			patch_hint(walk, diag, "%.*s", SPAN_ARG(from->hint));
	}
}

void patch_locate(struct patch_walk *walk, const struct node *holder)
{
	walk->holder = holder;
	if (holder == NULL) {
		walk->positions = POSITIONS_OWN;
		return;
	}
	walk->positions = POSITIONS_FIXED;
	if (holder->style != NODE_LITERAL || holder->line == 0)
		return;
	walk->positions = POSITIONS_SHIFT;
	walk->lines = holder->line;
	walk->columns = walk->check->source.len > 0 ? COLUMNS_NOT_LOOKED_FOR : COLUMNS_UNKNOWN;
}
