#include "agent/source/wire.h"

void wire_put_int(struct text *out, uint64_t value)
{
	for (; value > 127; value >>= 7)
		text_addc(out, (char)(value | 128));
	text_addc(out, (char)value);
}

void wire_put_bool(struct text *out, bool value)
{
	text_addc(out, value ? 1 : 0);
}

void wire_put_span(struct text *out, struct span text)
{
	wire_put_int(out, text.ptr == NULL ? 0 : (uint64_t)text.len + 1);
	if (text.ptr == NULL)
		return;
	text_add(out, text);
	text_addc(out, '\0');
}

void wire_put_string(struct text *out, const char *text)
{
	wire_put_span(out, span_of(text));
}

/* The written text, where it differs, stands behind the NUL of the canonical one: both go as one. */
static void put_scalar(struct text *out, const struct node *node)
{
	size_t len = node->text == NULL ? 0 : node->len;
	if (node->has_source && node->text != NULL)
		len += 1 + strlen(node->text + len + 1);
	wire_put_span(out, (struct span){node->text, len});
}

static void put_node(struct text *out, const struct node *node, unsigned depth)
{
	if (depth > WIRE_DEPTH) {
		out->failed = true;
		return;
	}
	wire_put_int(out, (unsigned)(node->kind | node->style << 4 | (node->has_source ? 128 : 0)));
	wire_put_int(out, node->line);
	wire_put_int(out, node->column);
	if (node->kind < NODE_SEQ) {
		put_scalar(out, node);
		return;
	}
	wire_put_int(out, node->len);
	for (uint32_t i = 0; i < node->len; i++) {
		if (node->kind == NODE_MAP)
			put_node(out, &node->pairs[i].key, depth + 1);
		put_node(out, node->kind == NODE_MAP ? &node->pairs[i].value : &node->items[i], depth + 1);
	}
}

void wire_put_node(struct text *out, const struct node *node)
{
	static const struct node absent;
	put_node(out, node == NULL ? &absent : node, 0);
}

void wire_put_diags(struct text *out, const struct diag_list *list)
{
	wire_put_int(out, list->count);
	wire_put_bool(out, list->is_full);
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		wire_put_int(out, diag->severity);
		wire_put_span(out, diag->file);
		wire_put_int(out, diag->line);
		wire_put_int(out, diag->column);
		wire_put_span(out, diag->object);
		wire_put_span(out, diag->path);
		wire_put_string(out, diag->code);
		wire_put_span(out, diag->message);
		wire_put_span(out, diag->hint);
	}
}

void wire_put_fail(struct text *out, const struct fail *fail)
{
	wire_put_int(out, fail->code);
	wire_put_string(out, fail->text);
}
