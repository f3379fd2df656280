/* JSON writing. */
#include "render/emit.h"

static void newline(struct text *out, unsigned indent, unsigned level)
{
	if (indent == 0)
		return;
	text_addc(out, '\n');
	text_pad(out, ' ', (size_t)indent * level);
}

static void add_node(struct text *out, const struct node *node, unsigned indent, unsigned level);

static void add_scalar(struct text *out, const struct node *node)
{
	bool is_number = node->kind == NODE_INT || node->kind == NODE_FLOAT;
	bool is_infinite = node->kind == NODE_FLOAT && node->len >= 4 && (span_ends(node_text(node), "inf") ||
									     span_ends(node_text(node), "nan"));
	if (node->kind == NODE_BOOL || (is_number && !is_infinite))
		text_add(out, node_text(node));
	else if (node->kind <= NODE_NULL)
		text_adds(out, "null");
	else
		text_add_json(out, node_text(node));
}

static void add_map(struct text *out, const struct node *node, unsigned indent, unsigned level)
{
	text_addc(out, '{');
	for (size_t i = 0; i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		if (i > 0)
			text_addc(out, ',');
		newline(out, indent, level + 1);
		text_add_json(out, (struct span){pair->key.text, pair->key.len});
		text_adds(out, indent == 0 ? ":" : ": ");
		add_node(out, &pair->value, indent, level + 1);
	}
	if (node->len > 0)
		newline(out, indent, level);
	text_addc(out, '}');
}

static void add_seq(struct text *out, const struct node *node, unsigned indent, unsigned level)
{
	text_addc(out, '[');
	for (size_t i = 0; i < node->len; i++) {
		if (i > 0)
			text_addc(out, ',');
		newline(out, indent, level + 1);
		add_node(out, &node->items[i], indent, level + 1);
	}
	if (node->len > 0)
		newline(out, indent, level);
	text_addc(out, ']');
}

/* Depth is bounded by the loader's limit. */
static void add_node(struct text *out, const struct node *node, unsigned indent, unsigned level)
{
	if (node->kind == NODE_MAP)
		add_map(out, node, indent, level);
	else if (node->kind == NODE_SEQ)
		add_seq(out, node, indent, level);
	else
		add_scalar(out, node);
}

void emit_json(struct text *out, const struct node *root, unsigned indent)
{
	add_node(out, root, indent, 0);
}
