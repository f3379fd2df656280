/* Our reader and writer for a program that holds them against the references: records "MODE LENGTH\nBYTES" on standard
 * input, "LENGTH\nBYTES" on standard output for each.
 *
 *   k   YAML as Kubernetes clients read it, printed as JSON
 *   o   YAML as omnictl reads it, each value with its kind
 *   e   JSON, written as the content of a patch
 *
 * A fault is printed as "!" and its message. */
#include <stdio.h>
#include <stdlib.h>

#include "render/emit.h"
#include "render/load.h"
#include "render/resolve.h"

static void add_typed(struct text *out, const struct node *node);

/* Beyond 64 bits, or 63 with a sign. */
static bool is_long(const struct node *node)
{
	struct span source = node_source_text(node);
	bool is_negative = node->text[0] == '-', has_sign = is_negative || source.ptr[0] == '+';
	const char *most = is_negative ? "-9223372036854775808" : has_sign ? "9223372036854775807" : "18446744073709551615";
	return node->len > strlen(most) || (node->len == strlen(most) && strcmp(node->text, most) > 0);
}

/* Long integers keep their digits here; there they are doubles. */
static void add_integer(struct text *out, const struct node *node)
{
	char space[RESOLVE_TEXT_MAX];
	if (!is_long(node)) {
		text_addf(out, "i%.*s", SPAN_ARG(node_text(node)));
		return;
	}
	text_addc(out, 'f');
	text_add(out, resolve_print_double(strtod(node->text, NULL), space));
}

static void add_children(struct text *out, const struct node *node)
{
	text_addc(out, node->kind == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < node->len; i++) {
		if (node->kind == NODE_MAP) {
			add_typed(out, &node->pairs[i].key);
			text_addc(out, '=');
			add_typed(out, &node->pairs[i].value);
		} else {
			add_typed(out, &node->items[i]);
		}
		text_addc(out, ',');
	}
	text_addc(out, node->kind == NODE_MAP ? '}' : ']');
}

/* Depth is bounded by the loader's limit. */
static void add_typed(struct text *out, const struct node *node)
{
	static const char kinds[] = {'?', 'n', 'b', 'i', 'f', 't', 's'};
	if (node->kind == NODE_SEQ || node->kind == NODE_MAP) {
		add_children(out, node);
	} else if (node->kind == NODE_INT) {
		add_integer(out, node);
	} else {
		text_addc(out, kinds[node->kind]);
		if (node->kind == NODE_STRING)
			text_add_json(out, node_text(node));
		else if (node->kind != NODE_NULL)
			text_add(out, node_text(node));
	}
}

static void answer(struct text *out, char mode, struct span bytes)
{
	struct arena arena;
	struct node root;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!load_one(&arena, bytes, mode == 'o' ? LOAD_OMNI : LOAD_KUBERNETES, &root, &fail))
		text_addf(out, "!%s", fail.text);
	else if (mode == 'k')
		emit_json(out, &root, 0);
	else if (mode == 'o')
		add_typed(out, &root);
	else
		emit_document(out, &root, EMIT_CONTENT, true);
	arena_done(&arena);
}

int main(void)
{
	char mode, *bytes = NULL;
	size_t len;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	while (scanf("%c %zu", &mode, &len) == 2 && getchar() == '\n' && len < (size_t)1 << 24) {
		bytes = realloc(bytes, len + 1);
		if (bytes == NULL || fread(bytes, 1, len, stdin) != len)
			return 1;
		text_reset(&out);
		answer(&out, mode, (struct span){bytes, len});
		printf("%zu\n", out.len);
		fwrite(out.ptr, 1, out.len, stdout);
	}
	free(bytes);
	text_done(&out);
	return 0;
}
