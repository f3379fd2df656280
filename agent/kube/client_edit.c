/* The lines of a block-style file, edited. What looks unusual is left to the caller, who writes the file anew. */
#include <stdlib.h>

#include "agent/kube/client_int.h"
#include "render/emit.h"

struct edit {
	size_t begin, end; /* bytes that go */
	struct span text;  /* what comes */
};

struct editor {
	struct arena *arena;
	struct span text;
	size_t *lines; /* where each begins */
	size_t line_count;
	struct edit *edits;
	size_t edit_count, edit_cap;
};

/* --- lines ------------------------------------------------------------------------------------------------------------- */

static void find_lines(struct editor *editor)
{
	size_t cap = 0;
	for (size_t at = 0; at < editor->text.len;) {
		ARENA_PUSH(editor->arena, editor->lines, editor->line_count, cap) = at;
		const char *end = memchr(editor->text.ptr + at, '\n', editor->text.len - at);
		at = end == NULL ? editor->text.len : (size_t)(end - editor->text.ptr) + 1;
	}
}

static size_t line_end(const struct editor *editor, size_t line) /* behind its newline */
{
	return line + 1 < editor->line_count ? editor->lines[line + 1] : editor->text.len;
}

static struct span line_text(const struct editor *editor, size_t line)
{
	size_t begin = editor->lines[line];
	return (struct span){editor->text.ptr + begin, line_end(editor, line) - begin};
}

static size_t indent_of(struct span line)
{
	size_t indent = 0;
	while (indent < line.len && line.ptr[indent] == ' ')
		indent++;
	return indent;
}

static bool says_nothing(struct span line)
{
	struct span words = span_trim(line);
	return words.len == 0 || words.ptr[0] == '#';
}

/* Of a node: from 0. False when it has no place, or one that did not fit. */
static bool place_of(const struct editor *editor, const struct node *node, size_t *out_line, size_t *out_column)
{
	if (node->line == 0 || node->line > editor->line_count || node->line == NODE_LINE_MAX || node->column == 0 ||
	    node->column == NODE_COLUMN_MAX)
		return false;
	*out_line = node->line - 1;
	*out_column = node->column - 1;
	return *out_column < line_text(editor, *out_line).len;
}

/* Where what begins on `line` ends: in front of the first line that is indented no deeper. Blank lines and comments at the
 * end belong to what follows. */
static size_t block_end(const struct editor *editor, size_t line, size_t indent)
{
	size_t last = line;
	for (size_t i = line + 1; i < editor->line_count; i++) {
		struct span text = line_text(editor, i);
		if (says_nothing(text))
			continue;
		if (indent_of(text) <= indent)
			break;
		last = i;
	}
	return line_end(editor, last);
}

static void add_edit(struct editor *editor, size_t begin, size_t end, struct span text)
{
	bool needs_newline = begin == editor->text.len && begin > 0 && editor->text.ptr[begin - 1] != '\n';
	if (needs_newline)
		text = arena_spanf(editor->arena, "\n%.*s", SPAN_ARG(text));
	ARENA_PUSH(editor->arena, editor->edits, editor->edit_count, editor->edit_cap) = (struct edit){begin, end, text};
}

/* --- entries ----------------------------------------------------------------------------------------------------------- */

/* As YAML, every line behind `indent` blanks; the first one behind `head` in place of as many blanks. */
static struct span print_block(struct arena *arena, const struct node *value, size_t indent, const char *head)
{
	struct text plain, out;
	struct span rest, line;
	size_t head_len = strlen(head);
	text_init(&plain, TEXT_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	emit_document(&plain, value, EMIT_RESOURCE, false);
	rest = text_span(&plain);
	for (bool is_first = true; rest.len > 0 && span_next(&rest, '\n', &line); is_first = false) {
		text_pad(&out, ' ', indent);
		if (is_first)
			text_adds(&out, head);
		else if (line.len > 0)
			text_pad(&out, ' ', head_len);
		text_add(&out, line);
		text_addc(&out, '\n');
	}
	struct span copy = arena_copy(arena, text_span(&out));
	text_done(&plain);
	text_done(&out);
	return copy;
}

static struct span print_pair(struct arena *arena, struct span key, const struct node *value, size_t indent)
{
	struct node map = node_map(arena, 1);
	node_put_span(&map, key, *value);
	return print_block(arena, &map, indent, "");
}

/* The dash of an item, which has to stand on the line of its first key. */
static bool find_dash(const struct editor *editor, const struct node *item, size_t *out_line, size_t *out_indent)
{
	size_t column;
	if (!place_of(editor, item, out_line, &column))
		return false;
	struct span line = line_text(editor, *out_line);
	size_t indent = indent_of(line);
	*out_indent = indent;
	if (indent >= column || line.ptr[indent] != '-')
		return false;
	for (size_t i = indent + 1; i < column; i++)
		if (line.ptr[i] != ' ')
			return false;
	return line.ptr[column] != '{';
}

static const struct pair *find_pair(const struct node *map, struct span key)
{
	for (uint32_t i = 0; node_is(map, NODE_MAP) && i < map->len; i++)
		if (span_eq(node_text(&map->pairs[i].key), key))
			return &map->pairs[i];
	return NULL;
}

/* The key of a pair, which has to be the first of its line. */
static bool find_key(const struct editor *editor, const struct pair *pair, size_t *out_line, size_t *out_indent)
{
	return place_of(editor, &pair->key, out_line, out_indent) &&
	       indent_of(line_text(editor, *out_line)) == *out_indent;
}

/* --- lists of {name: …} ------------------------------------------------------------------------------------------------ */

static bool replace_item(struct editor *editor, const struct client_change *change)
{
	size_t line, indent;
	if (!find_dash(editor, change->held, &line, &indent))
		return false;
	add_edit(editor, editor->lines[line], block_end(editor, line, indent),
		 print_block(editor->arena, &change->value, indent, "- "));
	return true;
}

static bool append_item(struct editor *editor, const struct node *list, const struct client_change *change)
{
	size_t line, indent;
	if (!find_dash(editor, &list->items[list->len - 1], &line, &indent))
		return false;
	size_t end = block_end(editor, line, indent);
	add_edit(editor, end, end, print_block(editor->arena, &change->value, indent, "- "));
	return true;
}

/* --- the map of contexts ----------------------------------------------------------------------------------------------- */

static bool replace_pair(struct editor *editor, const struct node *map, const struct client_change *change)
{
	size_t line, indent;
	const struct pair *pair = find_pair(map, change->name);
	if (pair == NULL || !find_key(editor, pair, &line, &indent))
		return false;
	add_edit(editor, editor->lines[line], block_end(editor, line, indent),
		 print_pair(editor->arena, change->name, &change->value, indent));
	return true;
}

static bool append_pair(struct editor *editor, const struct node *map, const struct client_change *change)
{
	size_t line, indent;
	if (!find_key(editor, &map->pairs[map->len - 1], &line, &indent))
		return false;
	size_t end = block_end(editor, line, indent);
	add_edit(editor, end, end, print_pair(editor->arena, change->name, &change->value, indent));
	return true;
}

/* --- keys of the file -------------------------------------------------------------------------------------------------- */

/* A key that is not there, or whose line holds nothing that is kept: `text` takes its place. */
static bool put_key(struct editor *editor, const struct node *root, struct span key, struct span text)
{
	static const char *const nothing[] = {"", "[]", "{}", "null", "~", "\"\""};
	const struct pair *pair = find_pair(root, key);
	size_t line, column;
	if (pair == NULL) {
		add_edit(editor, editor->text.len, editor->text.len, text);
		return true;
	}
	if (!find_key(editor, pair, &line, &column) || column != 0)
		return false;
	struct span value = span_trim(span_behind(line_text(editor, line), ':'));
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		if (!span_is(value, nothing[i]))
			continue;
		add_edit(editor, editor->lines[line], line_end(editor, line), text);
		return true;
	}
	return false;
}

/* A first entry brings the line of its list with it. */
static bool begin_list(struct editor *editor, const struct node *root, const struct client_changes *changes, const char *list,
		       bool is_map)
{
	struct node all = is_map ? node_map(editor->arena, changes->count) : node_seq(editor->arena, changes->count);
	for (size_t i = 0; i < changes->count; i++) {
		if (strcmp(changes->items[i].list, list) != 0)
			continue;
		if (is_map)
			node_put_span(&all, changes->items[i].name, changes->items[i].value);
		else
			node_push(&all, changes->items[i].value);
	}
	return put_key(editor, root, span_of(list), print_pair(editor->arena, span_of(list), &all, 0));
}

/* A plain or quoted word behind its key, on one line; a comment behind it stays. */
static bool set_current(struct editor *editor, const struct node *root, const struct client_changes *changes)
{
	struct span key = span_of(changes->current_key);
	struct node wanted = node_string(changes->current);
	struct span whole = print_pair(editor->arena, key, &wanted, 0);
	const struct pair *pair = find_pair(root, key);
	size_t line, column, key_column;
	if (pair == NULL || node_text(&pair->value).len == 0)
		return put_key(editor, root, key, whole);
	if (!find_key(editor, pair, &line, &key_column) || key_column != 0 || !place_of(editor, &pair->value, &line, &column))
		return false;
	struct span held = line_text(editor, line), written = node_source_text(&pair->value);
	size_t quote = held.ptr[column] == '"' || held.ptr[column] == '\'';
	if (line + 1 != pair->key.line || column + written.len + 2 * quote > held.len ||
	    memcmp(held.ptr + column + quote, written.ptr, written.len) != 0)
		return false;
	size_t begin = editor->lines[line] + column;
	add_edit(editor, begin, begin + written.len + 2 * quote, span_trim(span_behind(whole, ':')));
	return true;
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

static bool is_first_of_list(const struct client_changes *changes, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(changes->items[i].list, changes->items[index].list) == 0)
			return false;
	return true;
}

static bool make_edits(struct editor *editor, const struct node *root, const struct client_changes *changes)
{
	bool is_map = strcmp(changes->current_key, "context") == 0;
	for (size_t i = 0; i < changes->count; i++) {
		const struct client_change *change = &changes->items[i];
		const struct node *list = node_get(root, change->list);
		bool is_empty = !node_is_set(list) || list->len == 0, ok = true;
		if (is_empty)
			ok = !is_first_of_list(changes, i) || begin_list(editor, root, changes, change->list, is_map);
		else if (change->held != NULL)
			ok = is_map ? replace_pair(editor, list, change) : replace_item(editor, change);
		else
			ok = is_map ? append_pair(editor, list, change) : append_item(editor, list, change);
		if (!ok)
			return false;
	}
	return changes->current.len == 0 || set_current(editor, root, changes);
}

/* By their places, those at one place in the order in which they were made. */
static void sort_edits(struct editor *editor)
{
	for (size_t i = 1; i < editor->edit_count; i++) {
		struct edit one = editor->edits[i];
		size_t j = i;
		for (; j > 0 && editor->edits[j - 1].begin > one.begin; j--)
			editor->edits[j] = editor->edits[j - 1];
		editor->edits[j] = one;
	}
}

bool client_edit(struct arena *arena, struct span text, const struct node *root, const struct client_changes *changes,
		 struct span *out)
{
	struct editor editor = {.arena = arena, .text = text};
	struct text result;
	find_lines(&editor);
	if (editor.lines == NULL || !make_edits(&editor, root, changes))
		return false;
	sort_edits(&editor);
	text_init(&result, TEXT_NO_LIMIT);
	size_t at = 0;
	for (size_t i = 0; i < editor.edit_count; i++) {
		const struct edit *edit = &editor.edits[i];
		if (edit->begin < at)
			continue;
		text_add(&result, (struct span){text.ptr + at, edit->begin - at});
		text_add(&result, edit->text);
		at = edit->end;
	}
	text_add(&result, (struct span){text.ptr + at, text.len - at});
	*out = arena_copy(arena, text_span(&result));
	text_done(&result);
	return true;
}
