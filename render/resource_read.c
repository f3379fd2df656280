/* Resource documents as omnictl reads and prints them. The spec becomes canonical: fields in the order of the table, what
 * is zero, empty or null left out, messages kept. */
#include "render/resource.h"

#include "base/utf8.h"

struct reader {
	struct arena *arena;
	const struct diag_at *at;
	bool has_errors;
};

static void wrong(struct reader *reader, const struct node *node, const char *path, const char *wanted)
{
	reader->has_errors = true;
	diag_error(reader->at, "WrongType", node, path, "should be %s", wanted);
}

/* --- spec ----------------------------------------------------------------------------------------------------------- */

static struct node read_message(struct reader *reader, const struct spec_message *message, const struct node *node,
				const char *path);

static bool is_zero(const struct node *node)
{
	struct span text = node_text(node);
	switch (node->kind) {
	case NODE_STRING: return node->len == 0;
	case NODE_BOOL: return span_is(text, "false");
	case NODE_INT: return span_is(text, "0");
	case NODE_SEQ: return node->len == 0;
	default: return false;
	}
}

static struct node read_scalar(struct reader *reader, const struct spec_field *field, const struct node *node,
			       const char *path)
{
	static const struct {
		int64_t min, max;
		const char *words;
	} ranges[] = {
		[SPEC_INT32] = {INT32_MIN, INT32_MAX, "a 32-bit whole number"},
		[SPEC_UINT32] = {0, UINT32_MAX, "a whole number from 0 to 4294967295"},
		[SPEC_INT64] = {INT64_MIN, INT64_MAX, "a whole number"},
		[SPEC_UINT64] = {0, INT64_MAX, "a whole number from 0"},
		[SPEC_ENUM] = {0, INT32_MAX, "the number of an enum value (names are not accepted by Omni)"},
	};
	int64_t value;
	struct node read = *node;
	switch (field->kind) {
	case SPEC_STRING:
	case SPEC_BYTES:
		if (!node_is_scalar(node))
			wrong(reader, node, path, "a text");
		read = node_string(arena_copy(reader->arena, node_source_text(node)));
		break;
	case SPEC_BOOL:
		if (node->kind != NODE_BOOL)
			wrong(reader, node, path, "true or false");
		break;
	default:
		if (node->kind != NODE_INT ||
		    !span_int(node_text(node), ranges[field->kind].min, ranges[field->kind].max, &value))
			wrong(reader, node, path, ranges[field->kind].words);
		else
			read = node_int(reader->arena, value);
	}
	return read;
}

/* Omni prints bytes as a list of numbers. */
static struct node read_bytes(struct reader *reader, const struct node *node, const char *path)
{
	if (!node_is(node, NODE_SEQ))
		return node_string(arena_copy(reader->arena, node_text(node)));
	char *bytes = ARENA_ARRAY(reader->arena, char, node->len + 1);
	for (uint32_t i = 0; i < node->len; i++) {
		int64_t value = 0;
		if (!span_int(node_text(&node->items[i]), 0, 255, &value)) {
			wrong(reader, &node->items[i], path, "a list of numbers from 0 to 255");
			break;
		}
		bytes[i] = (char)value;
	}
	return node_string((struct span){bytes, node->len});
}

static struct node read_one(struct reader *reader, const struct spec_field *field, const struct node *node,
			    const char *path)
{
	if (field->kind == SPEC_BYTES)
		return read_bytes(reader, node, path);
	if (field->kind == SPEC_MAP)
		return node_copy(reader->arena, node);
	if (field->kind != SPEC_MESSAGE)
		return read_scalar(reader, field, node, path);
	if (node_is(node, NODE_MAP))
		return read_message(reader, field->message, node, path);
	wrong(reader, node, path, "a mapping");
	return node_null();
}

static struct node read_field(struct reader *reader, const struct spec_field *field, const struct node *node,
			      const char *path)
{
	if (!field->is_repeated)
		return read_one(reader, field, node, path);
	if (!node_is(node, NODE_SEQ)) {
		wrong(reader, node, path, "a list");
		return node_null();
	}
	struct node list = node_seq(reader->arena, node->len);
	for (uint32_t i = 0; i < node->len; i++) {
		const char *item = arena_spanf(reader->arena, "%s[%u]", path, i).ptr;
		if (node_is_set(&node->items[i]))
			node_push(&list, read_one(reader, field, &node->items[i], item));
	}
	return list;
}

static void warn_unknown(struct reader *reader, const struct spec_message *message, const struct pair *pair,
			 const char *path)
{
	struct span key = node_text(&pair->key);
	const char *near = NULL;
	size_t best = 4;
	for (size_t i = 0; i < message->field_count; i++) {
		size_t distance = span_distance(key, span_of(message->fields[i].key), best);
		size_t by_proto = span_distance(key, span_of(message->fields[i].proto_name), best);
		distance = by_proto < distance ? by_proto : distance;
		if (distance < best) {
			best = distance;
			near = message->fields[i].key;
		}
	}
	const char *where = arena_spanf(reader->arena, "%s.%.*s", path, SPAN_ARG(key)).ptr;
	struct diag *diag = diag_warn(reader->at, "UnknownField", &pair->key, where,
				      "Omni does not know the field \"%.*s\" and drops it without a word", SPAN_ARG(key));
	if (near != NULL)
		diag_hint(reader->at, diag, "write it %s", near);
}

static const struct spec_field *field_of(const struct spec_message *message, struct span key)
{
	for (size_t i = 0; i < message->field_count; i++)
		if (span_is(key, message->fields[i].key))
			return &message->fields[i];
	return NULL;
}

/* Depth is that of the table: bounded. */
static struct node read_message(struct reader *reader, const struct spec_message *message, const struct node *node,
				const char *path)
{
	struct node map = node_map(reader->arena, message->field_count);
	for (uint32_t i = 0; i < node->len; i++)
		if (field_of(message, node_text(&node->pairs[i].key)) == NULL)
			warn_unknown(reader, message, &node->pairs[i], path);
	for (size_t i = 0; i < message->field_count; i++) {
		const struct spec_field *field = &message->fields[i];
		const struct node *value = node_get(node, field->key);
		if (!node_is_set(value))
			continue;
		const char *where = arena_spanf(reader->arena, "%s.%s", path, field->key).ptr;
		struct node read = read_field(reader, field, value, where);
		if (node_is_set(&read) && !is_zero(&read))
			node_put(&map, field->key, read);
	}
	map.line = node->line;
	map.column = node->column;
	return map;
}

/* --- metadata ------------------------------------------------------------------------------------------------------- */

static struct span text_of(struct reader *reader, const struct node *metadata, const char *key)
{
	const struct node *node = node_get(metadata, key);
	if (!node_is_set(node))
		return SPAN("");
	if (!node_is_scalar(node)) {
		wrong(reader, node, arena_spanf(reader->arena, "metadata.%s", key).ptr, "a text");
		return SPAN("");
	}
	return arena_copy(reader->arena, node_source_text(node));
}

static struct labels labels_of(struct reader *reader, const struct node *metadata, const char *key)
{
	struct labels labels = {0};
	const struct node *map = node_get(metadata, key);
	const char *path = arena_spanf(reader->arena, "metadata.%s", key).ptr;
	if (!node_is_set(map))
		return labels;
	if (!node_is(map, NODE_MAP)) {
		wrong(reader, map, path, "a mapping");
		return labels;
	}
	for (uint32_t i = 0; i < map->len; i++) {
		const struct node *value = &map->pairs[i].value;
		if (node_is(value, NODE_MAP) || node_is(value, NODE_SEQ))
			wrong(reader, value, path, "a mapping of texts");
		else
			labels_set(reader->arena, &labels, arena_copy(reader->arena, node_text(&map->pairs[i].key)),
				   arena_copy(reader->arena, node_is_scalar(value) ? node_source_text(value) : SPAN("")));
	}
	return labels;
}

static void read_finalizers(struct reader *reader, const struct node *metadata, struct resource *resource)
{
	const struct node *list = node_get(metadata, "finalizers");
	if (!node_is_set(list))
		return;
	if (!node_is(list, NODE_SEQ)) {
		wrong(reader, list, "metadata.finalizers", "a list");
		return;
	}
	struct labels set = {0}; /* sorts and drops repetitions */
	for (uint32_t i = 0; i < list->len; i++)
		labels_set(reader->arena, &set, arena_copy(reader->arena, node_text(&list->items[i])), SPAN(""));
	resource->finalizers = ARENA_ARRAY(reader->arena, struct span, set.count);
	for (size_t i = 0; i < set.count; i++)
		resource->finalizers[resource->finalizer_count++] = set.items[i].key;
}

static void read_version_and_phase(struct reader *reader, const struct node *metadata, struct resource *resource)
{
	struct span version = text_of(reader, metadata, "version"), phase = text_of(reader, metadata, "phase");
	int64_t number = 0;
	if (version.len > 0 && !span_is(version, "undefined") && !span_int(version, 1, INT64_MAX, &number))
		wrong(reader, node_get(metadata, "version"), "metadata.version", "a whole number from 1, or undefined");
	resource->version = (uint64_t)number;
	if (span_is(phase, "tearingDown"))
		resource->phase = RESOURCE_TEARING_DOWN;
	else if (phase.len > 0 && !span_is(phase, "running"))
		wrong(reader, node_get(metadata, "phase"), "metadata.phase", "running or tearingDown");
}

static bool check_shape(struct reader *reader, const struct node *root)
{
	if (!node_is(root, NODE_MAP)) {
		wrong(reader, root, "", "a mapping of metadata and spec");
		return false;
	}
	for (uint32_t i = 0; i < root->len; i++) {
		struct span key = node_text(&root->pairs[i].key);
		if (span_is(key, "metadata") || span_is(key, "spec"))
			continue;
		reader->has_errors = true;
		diag_error(reader->at, "UnknownField", &root->pairs[i].key, "",
			   "a resource of Omni holds metadata and spec, nothing called \"%.*s\"", SPAN_ARG(key));
	}
	if (!node_is(node_get(root, "metadata"), NODE_MAP))
		wrong(reader, root, "metadata", "there, as a mapping");
	if (!node_is(node_get(root, "spec"), NODE_MAP)) {
		struct diag *diag = diag_error(reader->at, "MissingField", root, "spec", "should be there, as a mapping");
		diag_hint(reader->at, diag, "write \"spec: {}\" where there is nothing to say");
		reader->has_errors = true;
	}
	return !reader->has_errors;
}

static const struct omni_type *read_type(struct reader *reader, const struct node *metadata)
{
	struct span name = text_of(reader, metadata, "type");
	const struct omni_type *type = omni_type_find(name);
	if (type != NULL)
		return type;
	reader->has_errors = true;
	struct diag *diag = diag_error(reader->at, "UnknownType", node_get(metadata, "type"), "metadata.type",
				       "no resource type of Omni is called \"%.*s\"", SPAN_ARG(name));
	const struct omni_type *meant = omni_type_guess(name);
	if (meant != NULL)
		diag_hint(reader->at, diag, "write it %s", meant->name);
	return NULL;
}

static void read_id(struct reader *reader, const struct node *metadata, struct resource *resource)
{
	enum { LONGEST = 1024 };
	resource->id = text_of(reader, metadata, "id");
	bool is_clean = utf8_valid_prefix(resource->id) == resource->id.len;
	for (size_t i = 0; i < resource->id.len; i++)
		is_clean = is_clean && (unsigned char)resource->id.ptr[i] >= 0x20 && resource->id.ptr[i] != 0x7f;
	if (resource->id.len > 0 && resource->id.len <= LONGEST && is_clean)
		return;
	reader->has_errors = true;
	diag_error(reader->at, "InvalidID", node_get(metadata, "id"), "metadata.id",
		   "should be 1 to %d bytes of UTF-8 without control characters", LONGEST);
}

struct resource *resource_read(struct arena *arena, const struct node *root, const struct diag_at *at)
{
	struct reader reader = {arena, at, false};
	if (!check_shape(&reader, root))
		return NULL;
	const struct node *metadata = node_get(root, "metadata");
	const struct omni_type *type = read_type(&reader, metadata);
	if (type == NULL)
		return NULL;
	struct resource *resource = resource_new(arena, type, SPAN(""));
	read_id(&reader, metadata, resource);
	struct span ns = text_of(&reader, metadata, "namespace");
	if (ns.len > 0)
		resource->ns = ns;
	resource->owner = text_of(&reader, metadata, "owner");
	resource->created = text_of(&reader, metadata, "created");
	resource->updated = text_of(&reader, metadata, "updated");
	resource->labels = labels_of(&reader, metadata, "labels");
	resource->annotations = labels_of(&reader, metadata, "annotations");
	read_version_and_phase(&reader, metadata, resource);
	read_finalizers(&reader, metadata, resource);
	resource->spec = read_message(&reader, type->spec, node_get(root, "spec"), "spec");
	resource->file = at->file;
	resource->object = at->object;
	return reader.has_errors ? NULL : resource;
}
