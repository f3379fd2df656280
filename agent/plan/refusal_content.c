/* Places inside patches, manifests and jobs. What was written as a mapping has its places already. What was written as
 * text is read once more: its lines are those of the file it stands in, or of the block that it stands in. */
#include "agent/plan/internal.h"
#include "agent/plan/refusal_int.h"

#include "render/patch_check.h"

static void take(const struct node *node, struct refusal_place *out)
{
	if (node == NULL || node->line == 0)
		return;
	out->line = node->line;
	out->column = node->column;
}

/* A line of the text, in the file where it is written. */
static void take_text_line(const struct refusal *refusal, const struct node *data, uint32_t line, uint32_t column,
			   struct refusal_place *out)
{
	if (line == 0)
		return;
	if (refusal->desired->content_file.len > 0) {
		out->file = refusal->desired->content_file;
		out->line = line;
		out->column = column;
	} else if (data->style == NODE_LITERAL && data->line > 0) {
		out->line = data->line + line; /* how far the block is indented is not known: no column */
		out->column = 0;
	}
}

/* The documents of a content; `*is_placed`: their nodes have places in the user's file. */
static size_t documents_of(struct arena *arena, const struct resource *resource, const char *key,
			   const struct node **out, bool *is_placed)
{
	struct load_document *documents = NULL;
	size_t count = 0;
	*is_placed = resource->content != NULL;
	if (node_is(resource->content, NODE_SEQ)) {
		*out = resource->content->items;
		return resource->content->len;
	}
	*out = resource->content;
	if (resource->content != NULL)
		return 1;
	plan_parse(arena, node_text(node_get(&resource->spec, key)), &documents, &count);
	struct node *roots = ARENA_ARRAY(arena, struct node, count + 1);
	for (size_t i = 0; i < count; i++)
		roots[i] = documents[i].root;
	*out = roots;
	return count;
}

/* The key that the path begins with: keys may hold dots. */
static const struct pair *find_step(const struct node *map, struct span *dotted)
{
	for (uint32_t i = 0; i < map->len; i++) {
		struct span key = node_text(&map->pairs[i].key);
		bool fits = key.len > 0 && key.len <= dotted->len && memcmp(key.ptr, dotted->ptr, key.len) == 0;
		if (!fits || (key.len < dotted->len && dotted->ptr[key.len] != '.'))
			continue;
		size_t skip = key.len < dotted->len ? key.len + 1 : key.len;
		*dotted = (struct span){dotted->ptr + skip, dotted->len - skip};
		return &map->pairs[i];
	}
	return NULL;
}

/* How much of the path is there, and the last key of it. In lists the first item that has the key counts. */
static size_t follow(const struct node *node, struct span dotted, const struct node **out_key)
{
	size_t whole = dotted.len;
	while (node != NULL && dotted.len > 0) {
		const struct pair *pair = NULL;
		if (node->kind == NODE_MAP)
			pair = find_step(node, &dotted);
		for (uint32_t i = 0; node->kind == NODE_SEQ && pair == NULL && i < node->len; i++)
			if (node->items[i].kind == NODE_MAP)
				pair = find_step(&node->items[i], &dotted);
		if (pair == NULL)
			break;
		*out_key = &pair->key;
		node = &pair->value;
	}
	return whole - dotted.len;
}

static const struct node *data_of(const struct refusal *refusal, const char *key)
{
	static const struct node absent;
	const struct node *data = node_get(&refusal->desired->spec, key);
	return data == NULL ? &absent : data;
}

static void take_key(const struct refusal *refusal, const char *key, const struct node *found, bool is_placed,
		     struct refusal_place *out)
{
	if (found == NULL)
		return;
	if (is_placed)
		take(found, out);
	else
		take_text_line(refusal, data_of(refusal, key), found->line, found->column, out);
}

/* "[0].machine.x" would be the path of a list item: paths here are those of the document. */
static void add_to_path(struct arena *arena, struct span dotted, struct refusal_place *out)
{
	out->path = arena_spanf(arena, "%.*s.%.*s", SPAN_ARG(out->path), SPAN_ARG(dotted));
}

void refusal_place_keys(struct arena *arena, const struct refusal *refusal, struct span dotted, const char *key,
			struct refusal_place *out)
{
	const struct node *documents, *best = NULL;
	size_t longest = 0;
	bool is_placed;
	size_t count = documents_of(arena, refusal->desired, key, &documents, &is_placed);
	for (size_t i = 0; i < count; i++) {
		const struct node *found = NULL;
		size_t length = follow(&documents[i], dotted, &found);
		if (length <= longest)
			continue;
		longest = length;
		best = found;
	}
	take_key(refusal, key, best, is_placed, out);
	if (refusal->desired->content_file.len == 0)
		add_to_path(arena, dotted, out);
}

static void place_kind(struct arena *arena, const struct refusal *refusal, struct span kind, const char *key,
		       struct refusal_place *out)
{
	const struct node *documents;
	bool is_placed;
	size_t count = documents_of(arena, refusal->desired, key, &documents, &is_placed);
	for (size_t i = 0; i < count; i++) {
		const struct node *value = node_get(&documents[i], "kind");
		if (!span_eq(node_text(value), kind))
			continue;
		take_key(refusal, key, value, is_placed, out);
		return;
	}
}

/* The number behind the last "line "; 0: none. */
static uint32_t line_in(struct span text)
{
	int64_t line = 0;
	for (size_t i = 0; i + 5 < text.len; i++) {
		size_t end = i + 5;
		if (memcmp(text.ptr + i, "line ", 5) != 0)
			continue;
		while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9')
			end++;
		span_int((struct span){text.ptr + i + 5, end - i - 5}, 1, NODE_LINE_MAX, &line);
	}
	return (uint32_t)line;
}

/* Which document of the text a line is in: behind how many "---". */
static size_t document_at(struct span text, uint32_t line)
{
	size_t index = 0;
	struct span piece;
	for (uint32_t i = 1; i < line && text.len > 0 && span_next(&text, '\n', &piece); i++)
		index += span_is(piece, "---");
	return index;
}

static void place_line(struct arena *arena, const struct refusal *refusal, struct span text, const char *key,
		       struct refusal_place *out)
{
	const struct node *documents, *data = data_of(refusal, key);
	uint32_t line = line_in(text);
	bool is_placed;
	if (refusal->desired->content == NULL) {
		take_text_line(refusal, data, line, 0, out);
		return;
	}
	size_t count = documents_of(arena, refusal->desired, key, &documents, &is_placed);
	size_t index = document_at(node_text(data), line);
	if (index < count)
		take(&documents[index], out);
}

static const char *user_key(const struct resource *resource, const char *key)
{
	if (resource->path.len == 0)
		return key;
	return resource->content_file.len > 0 ? "file" : strcmp(key, "job") == 0 ? "job" : "inline";
}

void refusal_place_content(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			   const char *key, struct span text, struct refusal_place *out)
{
	const struct resource *resource = refusal->desired;
	const char *field = match->row->field;
	bool is_made_by_us = labels_get(&resource->labels, OMNI_LABEL_SYSTEM_PATCH) != NULL;
	if (is_made_by_us)
		return;
	out->path = arena_spanf(arena, "%.*s.%s", SPAN_ARG(resource->path.len > 0 ? resource->path : SPAN("spec")),
				user_key(resource, key));
	take(node_get(&resource->spec, key), out);
	if (strncmp(field, "@path", 5) == 0)
		refusal_place_keys(arena, refusal, match->captures[field[5] - '1'], key, out);
	else if (strcmp(field, "@kind1") == 0)
		place_kind(arena, refusal, match->captures[0], key, out);
	else if (strcmp(field, "@line") == 0)
		place_line(arena, refusal, text, key, out);
}

/* --- unknown keys ------------------------------------------------------------------------------------------------------ */

struct keys {
	struct arena *arena;
	struct span *out;
	size_t count;
};

enum { KEYS_DEPTH = 32 };

/* Every innermost key: their values are not looked at. */
static void collect(struct keys *keys, struct span path, const struct node *node, unsigned depth)
{
	bool is_map = node_is(node, NODE_MAP) && node->len > 0, is_list = node_is(node, NODE_SEQ) && node->len > 0;
	if ((!is_map && (!is_list || !node_is(&node->items[0], NODE_MAP))) || depth > KEYS_DEPTH) {
		if (path.len > 0 && keys->count < REFUSAL_KEYS_MAX)
			keys->out[keys->count++] = path;
		return;
	}
	for (uint32_t i = 0; i < node->len; i++) {
		struct span name = is_map ? node_text(&node->pairs[i].key) : (struct span){"", 0};
		struct span inner = name.len == 0 ? path
				  : path.len == 0 ? name
						  : arena_spanf(keys->arena, "%.*s.%.*s", SPAN_ARG(path), SPAN_ARG(name));
		collect(keys, inner, is_map ? &node->pairs[i].value : &node->items[i], depth + 1);
	}
}

/* Those that no Talos that we know has: they are shorter than the innermost ones where a whole mapping is unknown. */
static void ask_schema(struct keys *keys, struct span excerpt)
{
	struct diag_list faults;
	diag_list_init(&faults, keys->arena);
	struct diag_at at = {.list = &faults};
	struct patch_check check = {.at = &at, .rules = OMNI_RULES_1_10};
	patch_check_file(&check, excerpt);
	for (size_t i = 0; i < faults.count && keys->count < REFUSAL_KEYS_MAX; i++)
		if (strcmp(faults.items[i].code, "UnknownPatchField") == 0 && faults.items[i].path.len > 0)
			keys->out[keys->count++] = faults.items[i].path;
}

size_t refusal_unknown_keys(struct arena *arena, struct span text, struct span out[REFUSAL_KEYS_MAX])
{
	static const char begin[] = "unknown keys found during decoding:\n";
	struct keys keys = {arena, out, 0};
	struct load_document *documents = NULL;
	size_t count = 0, at = 0;
	while (at + sizeof begin - 1 < text.len && memcmp(text.ptr + at, begin, sizeof begin - 1) != 0)
		at++;
	if (at + sizeof begin - 1 >= text.len)
		return 0;
	struct span excerpt = {text.ptr + at + sizeof begin - 1, text.len - at - sizeof begin + 1};
	ask_schema(&keys, excerpt);
	if (keys.count > 0)
		return keys.count;
	if (plan_parse(arena, excerpt, &documents, &count))
		for (size_t i = 0; i < count; i++)
			collect(&keys, (struct span){"", 0}, &documents[i].root, 0);
	return keys.count;
}
