/* The loader: no input crashes it, what it keeps is sound, and what it makes of a document does not depend on how the
 * tree is looked at: every node is within the limits, has a position and canonical text. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "render/diag.h"
#include "render/emit.h"
#include "render/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH = 20, NODES = 2000 };

static size_t check_node(const struct node *node, size_t depth)
{
	size_t count = 1;
	assert(depth <= DEPTH);
	assert(node->kind > NODE_ABSENT && node->kind <= NODE_MAP);
	if (node_is_scalar(node)) {
		assert(node->text[node->len] == '\0');
		assert(node_source_text(node).ptr != NULL);
	}
	for (size_t i = 0; node->kind == NODE_SEQ && i < node->len; i++)
		count += check_node(&node->items[i], depth + 1);
	for (size_t i = 0; node->kind == NODE_MAP && i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		assert(pair->key.kind >= NODE_NULL && pair->key.kind <= NODE_STRING);
		assert(node_get_span(node, (struct span){pair->key.text, pair->key.len}) == &pair->value);
		count += check_node(&pair->value, depth + 1);
	}
	return count;
}

static void check_documents(const struct load_document *documents, size_t count, size_t size, enum load_dialect dialect)
{
	for (size_t i = 0; i < count; i++) {
		assert(documents[i].begin <= documents[i].end && documents[i].end <= size);
		assert(dialect == LOAD_AUTO || documents[i].dialect == dialect);
		if (documents[i].root.kind != NODE_NULL)
			check_node(&documents[i].root, 0);
	}
}

static void load_as(struct span bytes, enum load_dialect dialect)
{
	struct arena arena;
	struct diag_list diags;
	struct load_limits limits = {50, DEPTH, NODES, 0};
	struct load_document *documents = NULL;
	struct text out;
	size_t count = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&diags, &arena);
	struct diag_at at = {.list = &diags, .file = SPAN("f")};
	bool is_whole = load_yaml(&arena, bytes, dialect, &limits, &at, &documents, &count);
	assert(is_whole || diags.error_count > 0);
	check_documents(documents, count, bytes.len, dialect);
	diag_sort(&diags);
	text_init(&out, TEXT_NO_LIMIT);
	for (int format = DIAG_TEXT; format <= DIAG_GITHUB; format++)
		diag_print(&out, &diags, (enum diag_format)format, NULL, false);
	text_done(&out);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = {(const char *)data, size};
	load_as(bytes, LOAD_AUTO);
	load_as(bytes, LOAD_KUBERNETES);
	load_as(bytes, LOAD_OMNI);
	return 0;
}
