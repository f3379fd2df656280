/* Manifests of our kinds: the checks never crash, and what passes them also passes in the form that the API server would
 * store, which storing again does not change. */
#include <assert.h>
#include <stdint.h>

#include "render/kind_check.h"
#include "render/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stored(struct arena *arena, const struct diag_at *at, const struct node *root, const struct kind *kind,
			 bool was_valid)
{
	struct node stored = kind_default(arena, kind, node_get(root, "spec"));
	struct node again = kind_default(arena, kind, &stored);
	assert(node_equal(&stored, &again));
	struct node copy = node_map(arena, root->len + 1);
	for (size_t i = 0; node_is(root, NODE_MAP) && i < root->len; i++)
		if (!span_is(node_text(&root->pairs[i].key), "spec"))
			node_put_span(&copy, node_text(&root->pairs[i].key), root->pairs[i].value);
	node_put(&copy, "spec", stored);
	assert(kind_check(at, &copy, kind) || !was_valid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct diag_list list;
	struct load_document *documents = NULL;
	size_t count = 0;
	struct load_limits limits = {.max_documents = 100, .max_depth = 32, .max_nodes = 10000};
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	const struct diag_at at = {&list, SPAN("fuzz.yaml"), SPAN("")};
	load_yaml(&arena, (struct span){(const char *)data, size}, LOAD_KUBERNETES, &limits, &at, &documents, &count);
	for (size_t i = 0; i < count; i++) {
		const struct node *root = &documents[i].root;
		const struct kind *named = kind_find(node_text_at(root, "kind"));
		if (named != NULL)
			check_stored(&arena, &at, root, named, kind_check(&at, root, named));
		for (size_t k = 0; named == NULL && kind_at(k) != NULL; k++)
			check_stored(&arena, &at, root, kind_at(k), kind_check(&at, root, kind_at(k)));
	}
	arena_done(&arena);
	return 0;
}
