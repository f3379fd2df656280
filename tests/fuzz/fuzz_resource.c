/* Omni's resource documents: no crash, and what is printed reads back as the same resource. */
#include <assert.h>
#include <stdint.h>

#include "render/load.h"
#include "render/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct resource *read_one(struct arena *arena, struct span text)
{
	struct diag_list diags;
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	size_t count = 0;
	diag_list_init(&diags, arena);
	struct diag_at at = {&diags, {"f.yaml", 6}, {"", 0}};
	limits.max_nodes = 10000;
	if (!load_yaml(arena, text, LOAD_OMNI, &limits, &at, &documents, &count) || count == 0)
		return NULL;
	return resource_read(arena, &documents[0].root, &at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct text printed;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&printed, TEXT_NO_LIMIT);
	const struct resource *first = read_one(&arena, (struct span){(const char *)data, size});
	if (first != NULL) {
		resource_print(&printed, first, true);
		const struct resource *again = read_one(&arena, text_span(&printed));
		assert(again != NULL && span_eq(first->id, again->id) && first->version == again->version);
		assert(labels_equal(&first->labels, &again->labels) && labels_equal(&first->annotations, &again->annotations));
		assert(node_equal(&first->spec, &again->spec) && first->finalizer_count == again->finalizer_count);
	}
	text_done(&printed);
	arena_done(&arena);
	return 0;
}
