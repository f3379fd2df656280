#include "render/resource.h"

#include <stdio.h>

#include "render/emit.h"

/* --- spec ----------------------------------------------------------------------------------------------------------- */

static struct node constant(enum node_kind kind, const char *text)
{
	return (struct node){.kind = kind & 15, .len = NODE_LEN(strlen(text)), .text = text};
}

/* Omni prints bytes as a list of numbers. */
static struct node byte_list(struct arena *arena, const struct node *bytes)
{
	struct node list = node_seq(arena, bytes->len);
	for (uint32_t i = 0; i < bytes->len; i++)
		node_push(&list, node_int(arena, (unsigned char)bytes->text[i]));
	return list;
}

static struct node zero_value(const struct spec_field *field)
{
	if (field->is_repeated || field->kind == SPEC_BYTES)
		return (struct node){.kind = NODE_SEQ};
	switch (field->kind) {
	case SPEC_STRING: return node_string(SPAN(""));
	case SPEC_BOOL: return node_bool(false);
	case SPEC_MESSAGE: return node_null();
	case SPEC_MAP: return (struct node){.kind = NODE_MAP};
	default: return constant(NODE_INT, "0");
	}
}

static struct node whole_message(struct arena *arena, const struct spec_message *message, const struct node *map);

static struct node whole_list(struct arena *arena, const struct spec_message *message, const struct node *list)
{
	struct node out = node_seq(arena, list->len);
	for (uint32_t i = 0; i < list->len; i++)
		node_push(&out, whole_message(arena, message, &list->items[i]));
	return out;
}

/* Every field in the order of the table. As deep as the tables are. */
static struct node whole_message(struct arena *arena, const struct spec_message *message, const struct node *map)
{
	struct node out = node_map(arena, message->field_count);
	for (size_t i = 0; i < message->field_count; i++) {
		const struct spec_field *field = &message->fields[i];
		const struct node *value = node_get(map, field->key);
		if (value == NULL)
			node_put(&out, field->key, zero_value(field));
		else if (field->kind == SPEC_MESSAGE && field->is_repeated)
			node_put(&out, field->key, whole_list(arena, field->message, value));
		else if (field->kind == SPEC_MESSAGE)
			node_put(&out, field->key, whole_message(arena, field->message, value));
		else if (field->kind == SPEC_BYTES && value->kind == NODE_STRING)
			node_put(&out, field->key, byte_list(arena, value));
		else
			node_put(&out, field->key, *value);
	}
	return out;
}

/* --- metadata ------------------------------------------------------------------------------------------------------- */

/* Empty texts are written as nothing behind the colon. */
static void put_text(struct node *map, struct span key, struct span text)
{
	node_put_span(map, key, text.len == 0 ? (struct node){0} : node_string(text));
}

static void put_labels(struct arena *arena, struct node *map, const char *key, const struct labels *labels)
{
	if (labels->count == 0)
		return;
	struct node out = node_map(arena, labels->count);
	for (size_t i = 0; i < labels->count; i++)
		put_text(&out, labels->items[i].key, labels->items[i].value);
	node_put(map, key, out);
}

static void put_finalizers(struct arena *arena, struct node *map, const struct resource *resource)
{
	if (resource->finalizer_count == 0)
		return;
	struct node out = node_seq(arena, resource->finalizer_count);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		node_push(&out, node_string(resource->finalizers[i]));
	node_put(map, "finalizers", out);
}

static void put_time(struct node *map, const char *key, struct span time)
{
	struct node node = {.kind = NODE_TIME, .len = NODE_LEN(time.len), .text = time.ptr};
	node_put(map, key, time.len == 0 ? (struct node){0} : node);
}

static struct node version_node(struct arena *arena, uint64_t version)
{
	if (version == 0)
		return node_string(SPAN("undefined"));
	struct span digits = arena_spanf(arena, "%llu", (unsigned long long)version);
	return (struct node){.kind = NODE_INT, .len = NODE_LEN(digits.len), .text = digits.ptr};
}

static struct node metadata_node(struct arena *arena, const struct resource *resource, bool complete)
{
	enum { KEYS = 11 };
	struct node map = node_map(arena, KEYS);
	put_text(&map, SPAN("namespace"), resource->ns);
	put_text(&map, SPAN("type"), resource->type_name);
	put_text(&map, SPAN("id"), resource->id);
	node_put(&map, "version", version_node(arena, complete ? resource->version : 0));
	put_text(&map, SPAN("owner"), resource->owner);
	put_text(&map, SPAN("phase"), resource->phase == RESOURCE_RUNNING ? SPAN("running") : SPAN("tearingDown"));
	if (complete) {
		put_time(&map, "created", resource->created);
		put_time(&map, "updated", resource->updated);
	}
	put_labels(arena, &map, "labels", &resource->labels);
	put_labels(arena, &map, "annotations", &resource->annotations);
	put_finalizers(arena, &map, resource);
	return map;
}

static struct node resource_node(struct arena *arena, const struct resource *resource, bool complete)
{
	struct node root = node_map(arena, 2);
	node_put(&root, "metadata", metadata_node(arena, resource, complete));
	node_put(&root, "spec", resource->type == NULL ? resource->spec
						       : whole_message(arena, resource->type->spec, &resource->spec));
	return root;
}

void resource_print(struct text *out, const struct resource *resource, bool complete)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node root = resource_node(&arena, resource, complete);
	emit_document(out, &root, complete ? EMIT_CONTENT : EMIT_RESOURCE, false);
	arena_done(&arena);
}

/* Nothing behind the colon is an empty text in JSON. */
static void fill(struct node *map)
{
	for (uint32_t i = 0; i < map->len; i++) {
		struct node *value = &map->pairs[i].value;
		if (value->kind == NODE_ABSENT)
			*value = node_string(SPAN(""));
		else if (value->kind == NODE_MAP)
			fill(value); /* labels and annotations: one level */
	}
}

void resource_print_json(struct text *out, const struct resource *resource)
{
	enum { INDENT = 4 };
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node root = resource_node(&arena, resource, true);
	fill(&root.pairs[0].value);
	emit_json(out, &root, INDENT);
	if (out->len > 0 && out->ptr[out->len - 1] != '\n')
		text_addc(out, '\n');
	arena_done(&arena);
}
