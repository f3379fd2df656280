/* Custom resources to the documents of a cluster template, field by field as the tables of the kinds say, so that the
 * bytes are those of the Go operator. Plain templates are taken as they are. */
#include "render/fleet_build.h"

#include <stdlib.h>

#include "render/kind_check.h"

static struct node convert_object(struct arena *arena, const struct node *node, const struct schema *schema,
				  size_t extra);

static bool is_text_type(enum field_type type)
{
	return type == FIELD_STRING || type == FIELD_DURATION || type == FIELD_TIME;
}

static bool has_right_type(const struct node *node, enum field_type type)
{
	switch (type) {
	case FIELD_BOOL:
		return node->kind == NODE_BOOL;
	case FIELD_INT32:
	case FIELD_INT64:
		return node->kind == NODE_INT;
	case FIELD_INT_OR_STRING:
		return node->kind == NODE_INT || node->kind == NODE_STRING;
	case FIELD_OBJECT:
	case FIELD_MAP:
		return node->kind == NODE_MAP;
	case FIELD_LIST:
		return node->kind == NODE_SEQ;
	default:
		return !is_text_type(type) || node->kind == NODE_STRING;
	}
}

/* What the Go operator leaves out: the zero value, but not an object that is there. */
static bool is_empty(const struct node *node, enum field_type type)
{
	if (node->kind <= NODE_NULL)
		return true;
	if (type == FIELD_BOOL)
		return node_text(node).len == 5; /* false */
	return (is_text_type(type) || type == FIELD_LIST || type == FIELD_MAP) && node->len == 0;
}

static struct node placed(struct node made, const struct node *from)
{
	made.line = from->line;
	made.column = from->column;
	return made;
}

/* The API server drops nulls of labels and annotations. */
static struct node convert_map(struct arena *arena, const struct node *node)
{
	struct node map = placed(node_map(arena, node->len), node);
	for (uint32_t i = 0; i < node->len; i++)
		if (node->pairs[i].value.kind == NODE_STRING)
			map.pairs[map.len++] = node->pairs[i];
	return map;
}

static struct node convert_list(struct arena *arena, const struct node *node, const struct field *field)
{
	struct node list = placed(node_seq(arena, node->len), node);
	for (uint32_t i = 0; i < node->len; i++) {
		const struct node *item = &node->items[i];
		if (field->item == FIELD_ANY)
			node_push(&list, node_is_set(item) ? *item : placed(node_map(arena, 0), item));
		else if (field->item == FIELD_OBJECT && item->kind == NODE_MAP)
			node_push(&list, convert_object(arena, item, field->sub, 0));
		else if (field->item == FIELD_STRING && item->kind == NODE_STRING)
			node_push(&list, *item);
	}
	return list;
}

static struct node convert_value(struct arena *arena, const struct node *node, const struct field *field)
{
	switch (field->type) {
	case FIELD_OBJECT:
		return convert_object(arena, node, field->sub, 0);
	case FIELD_MAP:
		return convert_map(arena, node);
	case FIELD_LIST:
		return convert_list(arena, node, field);
	default:
		break;
	}
	struct node value = *node;
	if (field->type != FIELD_ANY)
		value.has_source = 0; /* what was written does not matter any more: `0x10` has become 16 */
	return value;
}

/* The value of a field that is always printed and is not there. */
static struct node empty_value(struct arena *arena, const struct field *field)
{
	if (field->type == FIELD_LIST)
		return node_seq(arena, 0);
	if (field->type == FIELD_OBJECT)
		return convert_object(arena, &(struct node){.kind = NODE_MAP}, field->sub, 0);
	if (field->type == FIELD_INT_OR_STRING || field->type == FIELD_INT32 || field->type == FIELD_INT64)
		return node_int(arena, 0);
	return node_string(span_of(field->dflt == NULL ? "" : field->dflt));
}

/* With a file, the content of a manifest comes from there and its list is not printed. */
static bool is_shadowed(const struct field *field, const struct node *node)
{
	return field->type == FIELD_LIST && strcmp(field->name, "inline") == 0 &&
	       node_text(node_get(node, "file")).len > 0;
}

/* Does the field appear, and with which value? `value` NULL: it is not there; *out_value NULL: an empty one. */
static bool is_printed(const struct field *field, const struct node *object, const struct node *value,
		       const struct node **out_value)
{
	*out_value = NULL;
	if ((field->flags & FIELD_IN_TEMPLATE) == 0 || is_shadowed(field, object))
		return false;
	bool is_always = (field->flags & FIELD_ALWAYS) != 0;
	if (node_is_set(value) && has_right_type(value, field->type) && (is_always || !is_empty(value, field->type)))
		*out_value = value;
	return is_always || *out_value != NULL;
}

/* The values of an object by the rows of its table; NULL: not there. */
static void find_values(const struct node *object, const struct schema *schema, const struct node **values)
{
	size_t cursor = 0;
	memset(values, 0, schema->count * sizeof *values);
	for (uint32_t i = 0; i < object->len; i++) {
		const struct pair *pair = &object->pairs[i];
		const struct field *field = kind_next_field(schema, (struct span){pair->key.text, pair->key.len}, &cursor);
		if (field != NULL)
			values[field - schema->fields] = &pair->value;
	}
}

static struct node convert_object(struct arena *arena, const struct node *node, const struct schema *schema,
				  size_t extra)
{
	enum { FIELDS_MAX = 40 }; /* far more than any table of crds/ has */
	static const struct node absent;
	const struct node *values[FIELDS_MAX];
	size_t count = extra;
	if (schema->count > FIELDS_MAX)
		abort();
	find_values(node, schema, values);
	for (size_t i = 0; i < schema->count; i++)
		if (is_printed(&schema->fields[i], node, values[i], &values[i]))
			count++;
		else
			values[i] = &absent;
	struct node map = placed(node_map(arena, count), node);
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		if (values[i] == &absent)
			continue;
		node_put(&map, field->name,
			 values[i] != NULL ? convert_value(arena, values[i], field) : empty_value(arena, field));
	}
	return map;
}

static struct node convert_document(struct arena *arena, const struct part *part)
{
	enum { KIND_AND_NAME = 2 };
	const struct kind *kind = part->document->kind;
	const struct node *spec = node_get(&part->document->root, "spec");
	struct node empty = {.kind = NODE_MAP};
	struct node map = convert_object(arena, node_is(spec, NODE_MAP) ? spec : &empty, kind->spec, KIND_AND_NAME);
	const struct node *name_node = part->document->name_node;
	bool has_name = name_node != NULL;
	size_t extra = has_name ? 2 : 1;
	/* Only these two have another name, or none, in the custom resource: they go in front. */
	memmove(map.pairs + extra, map.pairs, map.len * sizeof *map.pairs);
	uint32_t len = map.len;
	map.len = 0;
	node_put(&map, "kind", node_string(span_of(kind->template_kind)));
	if (has_name) {
		struct node name = *name_node;
		name.has_source = 0;
		node_put(&map, "name", name);
	}
	map.len = NODE_LEN(map.len + len);
	if (map.line == 0)
		map = placed(map, &part->document->root);
	return map;
}

void assemble_template(struct build *build, struct unit *unit)
{
	struct cluster *cluster = unit->cluster;
	struct arena *arena = build->fleet->options.drop_template_docs ? &build->temporary : build->results;
	cluster->template_docs = ARENA_ARRAY(arena, struct node, unit->part_count);
	for (size_t i = 0; i < unit->part_count; i++) {
		const struct part *part = &unit->parts[i];
		cluster->template_docs[i] = cluster->is_template ? part->document->root
								 : convert_document(arena, part);
	}
}
