/* Specs in Omni's YAML: checked against the table of fields, and brought into the one form in which equal specs are equal
 * nodes. */
#include "base/base64.h"
#include "render/resource_int.h"

static struct diag *wrong_type(const struct spec_reader *reader, const struct node *node, const struct field_path *path,
			       const char *wanted)
{
	static const char *const kinds[] = {"nothing", "null", "a boolean", "a number", "a number",
					    "a date",  "a text", "a list",   "a mapping"};
	((struct spec_reader *)(uintptr_t)reader)->has_errors = true;
	return diag_error(reader->at, "WrongType", node, PATH_TEXT(path), "%s is wanted here, not %s", wanted,
			  kinds[node->kind]);
}

/* --- one value; NODE_ABSENT stands for the zero value --------------------------------------------------------------- */

static struct node read_string(struct spec_reader *reader, const struct node *node, const struct field_path *path)
{
	if (!node_is_scalar(node)) {
		wrong_type(reader, node, path, "a text");
		return (struct node){0};
	}
	struct span text = node_source_text(node);
	if (text.len == 0)
		return (struct node){0};
	struct node out = node_string(text);
	out.line = node->line;
	out.column = node->column;
	return out;
}

static struct node read_bool(struct spec_reader *reader, const struct node *node, const struct field_path *path)
{
	if (!node_is(node, NODE_BOOL)) {
		wrong_type(reader, node, path, "true or false");
		return (struct node){0};
	}
	return span_is(node_text(node), "true") ? node_bool(true) : (struct node){0};
}

static const struct {
	const char *name;
	int64_t min, max;
} ranges[] = {
	[SPEC_INT32] = {"a number of 32 bits", INT32_MIN, INT32_MAX},
	[SPEC_UINT32] = {"a number from 0 to 4294967295", 0, UINT32_MAX},
	[SPEC_INT64] = {"a whole number", INT64_MIN, INT64_MAX},
	[SPEC_UINT64] = {"a whole number from 0", 0, INT64_MAX},
	[SPEC_ENUM] = {"a number (Omni's resources hold the numbers of named values)", 0, INT32_MAX},
};

static struct node read_number(struct spec_reader *reader, enum spec_kind kind, const struct node *node,
			       const struct field_path *path)
{
	int64_t value = 0;
	if (!node_is(node, NODE_INT)) {
		wrong_type(reader, node, path, ranges[kind].name);
		return (struct node){0};
	}
	if (!span_int(node_text(node), ranges[kind].min, ranges[kind].max, &value)) {
		reader->has_errors = true;
		diag_error(reader->at, "OutOfRange", node, PATH_TEXT(path), "%.*s is not %s", SPAN_ARG(node_text(node)),
			   ranges[kind].name);
		return (struct node){0};
	}
	return value == 0 ? (struct node){0} : node_int(reader->arena, value);
}

/* Text stands for bytes as base64. What is no base64 is the bytes themselves: so they are in memory. */
static struct node from_base64(struct arena *arena, const struct node *node)
{
	char *bytes = arena_alloc(arena, node->len);
	size_t len = 0, bad;
	bool is_base64 = base64_decode(node_text(node), true, bytes, &len, &bad);
	return is_base64 && len > 0 ? node_string((struct span){bytes, len}) : *node;
}

static struct node read_bytes(struct spec_reader *reader, const struct node *node, const struct field_path *path)
{
	int64_t value = 0;
	if (node_is(node, NODE_STRING))
		return node->len == 0 ? (struct node){0} : from_base64(reader->arena, node);
	if (!node_is(node, NODE_SEQ)) {
		wrong_type(reader, node, path, "a list of bytes, or base64");
		return (struct node){0};
	}
	char *bytes = arena_alloc(reader->arena, (size_t)node->len + 1);
	for (uint32_t i = 0; i < node->len; i++) {
		if (!node_is(&node->items[i], NODE_INT) || !span_int(node_text(&node->items[i]), 0, UINT8_MAX, &value)) {
			wrong_type(reader, &node->items[i], path, "a number from 0 to 255");
			return (struct node){0};
		}
		bytes[i] = (char)value;
	}
	return node->len == 0 ? (struct node){0} : node_string((struct span){bytes, node->len});
}

static struct node read_map(struct spec_reader *reader, const struct node *node, const struct field_path *path)
{
	struct labels labels = {0};
	if (!node_is(node, NODE_MAP)) {
		wrong_type(reader, node, path, "a mapping");
		return (struct node){0};
	}
	for (uint32_t i = 0; i < node->len; i++) {
		struct field_path inside = path_span(path, node_text(&node->pairs[i].key));
		const struct node *value = &node->pairs[i].value;
		if (node_is_set(value) && !node_is_scalar(value))
			wrong_type(reader, value, &inside, "a text");
		labels_set(reader->arena, &labels, node_source_text(&node->pairs[i].key), node_source_text(value));
	}
	struct node out = node_map(reader->arena, labels.count);
	for (size_t i = 0; i < labels.count; i++)
		node_put_span(&out, labels.items[i].key, node_string(labels.items[i].value));
	return labels.count == 0 ? (struct node){0} : out;
}

static struct node read_one(struct spec_reader *reader, const struct spec_field *field, const struct node *node,
			    const struct field_path *path)
{
	switch (field->kind) {
	case SPEC_STRING: return read_string(reader, node, path);
	case SPEC_BOOL: return read_bool(reader, node, path);
	case SPEC_BYTES: return read_bytes(reader, node, path);
	case SPEC_MAP: return read_map(reader, node, path);
	case SPEC_MESSAGE: return spec_read_message(reader, field->message, node, path);
	default: return read_number(reader, field->kind, node, path);
	}
}

/* Items that are zero stay: a list of one empty text is not an empty list. */
static struct node read_list(struct spec_reader *reader, const struct spec_field *field, const struct node *node,
			     const struct field_path *path)
{
	if (!node_is(node, NODE_SEQ)) {
		wrong_type(reader, node, path, "a list");
		return (struct node){0};
	}
	struct node out = node_seq(reader->arena, node->len);
	for (uint32_t i = 0; i < node->len; i++) {
		struct field_path inside = path_index(path, i);
		struct node item = {0};
		if (node_is_set(&node->items[i]))
			item = read_one(reader, field, &node->items[i], &inside);
		if (item.kind == NODE_ABSENT)
			item = field->kind == SPEC_MESSAGE ? (struct node){.kind = NODE_MAP} : node_string(SPAN(""));
		node_push(&out, item);
	}
	return out.len == 0 ? (struct node){0} : out;
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

static bool is_spelled_alike(struct span written, const char *key)
{
	size_t at = 0, len = strlen(key);
	for (size_t i = 0; i < written.len; i++) {
		char c = written.ptr[i];
		if (c == '_' || c == '-')
			continue;
		c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		if (at >= len || key[at++] != c)
			return false;
	}
	return at == len;
}

static const char *likely_key(const struct spec_message *message, struct span written)
{
	enum { FAR = 3 };
	const char *best = NULL;
	size_t best_distance = FAR;
	for (size_t i = 0; i < message->field_count; i++) {
		const char *key = message->fields[i].key;
		size_t distance = is_spelled_alike(written, key) ? 0 : span_distance(written, span_of(key), FAR);
		if (distance < best_distance) {
			best = key;
			best_distance = distance;
		}
	}
	return best;
}

static void report_unknown(const struct spec_reader *reader, const struct spec_message *message, const struct node *key,
			   const struct field_path *path)
{
	struct span written = node_source_text(key);
	struct field_path inside = path_span(path, written);
	const char *likely = likely_key(message, written);
	struct diag *diag = diag_warn(reader->at, "UnknownField", key, PATH_TEXT(&inside),
				      "Omni does not know the field \"%.*s\" here and would ignore it", SPAN_ARG(written));
	if (likely != NULL)
		diag_hint(reader->at, diag, "the field is spelled \"%s\" in Omni's resources", likely);
	else
		diag_hint(reader->at, diag, "remove it");
}

static const struct spec_field *field_of(const struct spec_message *message, const struct node *key)
{
	for (size_t i = 0; i < message->field_count; i++)
		if (span_is(node_text(key), message->fields[i].key))
			return &message->fields[i];
	return NULL;
}

/* As deep as the tables are. */
struct node spec_read_message(struct spec_reader *reader, const struct spec_message *message, const struct node *map,
			      const struct field_path *path)
{
	if (!node_is(map, NODE_MAP)) {
		wrong_type(reader, map, path, "a mapping");
		return (struct node){0};
	}
	for (uint32_t i = 0; i < map->len; i++)
		if (field_of(message, &map->pairs[i].key) == NULL)
			report_unknown(reader, message, &map->pairs[i].key, path);
	struct node out = node_map(reader->arena, message->field_count);
	for (size_t i = 0; i < message->field_count; i++) {
		const struct spec_field *field = &message->fields[i];
		const struct node *value = node_get(map, field->key);
		if (!node_is_set(value))
			continue;
		struct field_path inside = path_key(path, field->key);
		struct node read = field->is_repeated ? read_list(reader, field, value, &inside)
						      : read_one(reader, field, value, &inside);
		if (read.kind != NODE_ABSENT)
			node_put(&out, field->key, read);
	}
	return out;
}

/* --- compressed content --------------------------------------------------------------------------------------------- */

static void report_compressed(struct spec_reader *reader, const struct node *spec, const char *why)
{
	const struct node *node = node_get(spec, "compresseddata");
	reader->has_errors = true;
	struct diag *diag = diag_error(reader->at, "Compressed", node, "spec.compresseddata",
				       "the compressed content cannot be read: %s", why);
	diag_hint(reader->at, diag, "write the plain text into \"data\" and leave out \"compresseddata\"");
}

/* `compresseddata`, where it is set, is the content; the text takes the place of `data`. */
struct node spec_expand(struct spec_reader *reader, const struct node *written, struct node spec)
{
	const struct node *compressed = node_get(&spec, "compresseddata");
	struct span text = {"", 0};
	struct fail fail = {.text = "only plain text is read here"};
	if (compressed == NULL)
		return spec;
	const struct resource_expander *expander = reader->expander;
	if (expander == NULL || !expander->expand(expander->ctx, reader->arena, node_text(compressed), &text, &fail)) {
		report_compressed(reader, written, fail.text);
		return spec;
	}
	struct node out = node_map(reader->arena, (size_t)spec.len + 1);
	bool is_put = text.len == 0;
	for (uint32_t i = 0; i < spec.len; i++) {
		struct span key = node_text(&spec.pairs[i].key);
		bool is_content = span_is(key, "data") || span_is(key, "compresseddata");
		if (is_content && !is_put)
			node_put(&out, "data", node_string(text));
		else if (!is_content)
			node_put_span(&out, key, spec.pairs[i].value);
		is_put |= is_content;
	}
	return out;
}
