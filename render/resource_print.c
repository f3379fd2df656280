/* Omni's resource document, as omnictl prints it: metadata in a fixed order, every field of the spec in the order of its
 * declaration, enums as numbers, absent messages null, empty lists [], empty texts nothing behind the colon. */
#include <inttypes.h>

#include "render/emit.h"
#include "render/resource.h"

/* --- the spec with its defaults ------------------------------------------------------------------------------------- */

static struct node complete(struct arena *arena, const struct spec_message *message, const struct node *spec);

static struct node zero(const struct spec_field *field)
{
	if (field->is_repeated || field->kind == SPEC_BYTES)
		return (struct node){.kind = NODE_SEQ};
	switch (field->kind) {
	case SPEC_STRING: return node_string(SPAN(""));
	case SPEC_BOOL: return node_bool(false);
	case SPEC_MESSAGE: return node_null();
	case SPEC_MAP: return (struct node){.kind = NODE_MAP};
	default: return (struct node){.kind = NODE_INT, .text = "0", .len = 1};
	}
}

static struct node completed(struct arena *arena, const struct spec_field *field, const struct node *value)
{
	if (value == NULL)
		return zero(field);
	if (field->kind != SPEC_MESSAGE)
		return *value;
	if (!field->is_repeated)
		return complete(arena, field->message, value);
	struct node list = node_seq(arena, value->len);
	for (uint32_t i = 0; i < value->len; i++)
		node_push(&list, complete(arena, field->message, &value->items[i]));
	return list;
}

/* Depth is that of the table: bounded. */
static struct node complete(struct arena *arena, const struct spec_message *message, const struct node *spec)
{
	struct node map = node_map(arena, message->field_count);
	for (size_t i = 0; i < message->field_count; i++)
		node_put(&map, message->fields[i].key, completed(arena, &message->fields[i], node_get(spec, message->fields[i].key)));
	return map;
}

/* --- metadata ------------------------------------------------------------------------------------------------------- */

/* omnictl prints an empty text as nothing; null would be written as a word. */
static void add_line(struct text *out, const char *key, struct span value)
{
	text_addf(out, "  %s:", key);
	if (value.len > 0) {
		struct node node = node_string(value);
		text_addc(out, ' ');
		emit_document(out, &node, EMIT_RESOURCE, false);
	} else {
		text_addc(out, '\n');
	}
}

static void add_labels(struct text *out, struct arena *arena, const char *key, const struct labels *labels)
{
	if (labels->count == 0)
		return;
	struct node inner = node_map(arena, labels->count), outer = node_map(arena, 1);
	for (size_t i = 0; i < labels->count; i++)
		node_put_span(&inner, labels->items[i].key, node_string(labels->items[i].value));
	node_put(&outer, key, inner);
	struct text block;
	text_init(&block, TEXT_NO_LIMIT);
	emit_document(&block, &outer, EMIT_RESOURCE, false);
	struct span rest = text_span(&block), line;
	while (rest.len > 0 && span_next(&rest, '\n', &line))
		text_addf(out, "  %.*s\n", SPAN_ARG(line));
	text_done(&block);
}

static void add_finalizers(struct text *out, const struct resource *resource)
{
	if (resource->finalizer_count == 0)
		return;
	text_adds(out, "  finalizers:\n");
	for (size_t i = 0; i < resource->finalizer_count; i++) {
		struct node node = node_string(resource->finalizers[i]);
		text_adds(out, "    - ");
		emit_document(out, &node, EMIT_RESOURCE, false);
	}
}

static void add_metadata(struct text *out, struct arena *arena, const struct resource *resource, bool is_complete)
{
	text_adds(out, "metadata:\n");
	add_line(out, "namespace", resource->ns);
	add_line(out, "type", resource->type_name);
	add_line(out, "id", resource->id);
	if (resource->version == 0)
		text_adds(out, "  version: undefined\n");
	else
		text_addf(out, "  version: %" PRIu64 "\n", resource->version);
	add_line(out, "owner", resource->owner);
	text_addf(out, "  phase: %s\n", resource->phase == RESOURCE_RUNNING ? "running" : "tearingDown");
	if (is_complete) {
		add_line(out, "created", resource->created.len > 0 ? resource->created : SPAN("1970-01-01T00:00:00Z"));
		add_line(out, "updated", resource->updated.len > 0 ? resource->updated : SPAN("1970-01-01T00:00:00Z"));
	}
	add_labels(out, arena, "labels", &resource->labels);
	add_labels(out, arena, "annotations", &resource->annotations);
	add_finalizers(out, resource);
}

void resource_print(struct text *out, const struct resource *resource, bool is_complete)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	add_metadata(out, &arena, resource, is_complete);
	struct node outer = node_map(&arena, 1);
	node_put(&outer, "spec", resource->type == NULL ? resource->spec : complete(&arena, resource->type->spec, &resource->spec));
	emit_document(out, &outer, EMIT_RESOURCE, false);
	arena_done(&arena);
}
