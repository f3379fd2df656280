/* The spec as the API server would store it. */
#include "render/kind_internal.h"

static struct node object_default(struct arena *arena, const struct schema *schema, const struct node *node);

static struct node default_value(struct arena *arena, const struct field *field)
{
	int64_t number;
	struct span text = span_of(field->dflt);
	if (field->type == FIELD_BOOL)
		return node_bool(span_is(text, "true"));
	if ((field->type == FIELD_INT32 || field->type == FIELD_INT64) && span_int(text, INT64_MIN, INT64_MAX, &number))
		return node_int(arena, number);
	return node_string(text);
}

/* A map of texts without its nulls. */
static struct node texts(struct arena *arena, const struct node *node)
{
	struct node out = node_map(arena, node->len);
	for (size_t i = 0; i < node->len; i++)
		if (node->pairs[i].value.kind == NODE_STRING)
			node_put_span(&out, node_text(&node->pairs[i].key), node->pairs[i].value);
	out.line = node->line;
	out.column = node->column;
	return out;
}

static struct node list_default(struct arena *arena, const struct field *field, const struct node *node)
{
	if (field->item != FIELD_OBJECT)
		return *node;
	struct node out = node_seq(arena, node->len);
	for (size_t i = 0; i < node->len; i++)
		node_push(&out, object_default(arena, field->sub, &node->items[i]));
	out.line = node->line;
	out.column = node->column;
	return out;
}

static bool has_type(const struct field *field, const struct node *node)
{
	int64_t number;
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_DURATION:
	case FIELD_TIME: return node->kind == NODE_STRING;
	case FIELD_BOOL: return node->kind == NODE_BOOL;
	case FIELD_INT32:
	case FIELD_INT64: return kind_integer(node, &number);
	case FIELD_INT_OR_STRING: return node->kind == NODE_STRING || kind_integer(node, &number);
	case FIELD_LIST: return node->kind == NODE_SEQ;
	case FIELD_OBJECT:
	case FIELD_FREE_OBJECT:
	case FIELD_MAP: return node->kind == NODE_MAP;
	case FIELD_ANY: break;
	}
	return true;
}

static struct node field_default(struct arena *arena, const struct field *field, const struct node *node)
{
	switch (field->type) {
	case FIELD_OBJECT: return object_default(arena, field->sub, node);
	case FIELD_LIST: return list_default(arena, field, node);
	case FIELD_MAP: return texts(arena, node);
	default: return *node;
	}
}

static struct node object_default(struct arena *arena, const struct schema *schema, const struct node *node)
{
	struct node out = node_map(arena, schema->count);
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		const struct node *value = kind_value(node, field->name);
		if (value != NULL && has_type(field, value))
			node_put(&out, field->name, field_default(arena, field, value));
		else if (field->dflt != NULL)
			node_put(&out, field->name, default_value(arena, field));
	}
	out.line = node->line;
	out.column = node->column;
	return out;
}

struct node kind_default(struct arena *arena, const struct kind *kind, const struct node *spec)
{
	static const struct node nothing = {.kind = NODE_MAP};
	return object_default(arena, kind->spec, node_is(spec, NODE_MAP) ? spec : &nothing);
}
