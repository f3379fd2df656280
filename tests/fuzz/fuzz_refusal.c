/* What a server says when it refuses: any text is taken apart and told at a place inside the documents; nothing is lost
 * without a word, and no value of a patch is told. The first byte chooses the resource. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/plan/refusal_int.h"
#include "base/cleanup.h"
#include "render/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct node at(struct node node, uint32_t line)
{
	node.line = NODE_LINE(line);
	node.column = 3;
	node.style = NODE_LITERAL;
	return node;
}

static struct resource *make(struct arena *arena, unsigned choice)
{
	static const struct omni_type *const *const types[] = {&OMNI_CLUSTER, &OMNI_MACHINE_SET, &OMNI_CONFIG_PATCH,
							       &OMNI_CONFIG_PATCH, &OMNI_EXTENSIONS, &OMNI_MACHINE_CLASS};
	struct resource *resource = resource_new(arena, *types[choice % COUNT_OF(types)], SPAN("id"));
	struct node list = at(node_seq(arena, 2), 8), allocation = at(node_map(arena, 1), 4);
	node_push(&list, at(node_string(SPAN("a = b")), 8));
	node_push(&list, at(node_string(SPAN("siderolabs/x")), 9));
	node_put(&allocation, "name", at(node_string(SPAN("pool")), 5));
	resource->file = SPAN("a.yaml");
	resource->line = resource->column = 1;
	resource->object = choice % 2 == 0 ? SPAN("OmniCluster/a") : SPAN("Cluster/a");
	resource->path = resource->type == OMNI_CONFIG_PATCH ? SPAN("patches[0]") : SPAN("");
	resource->content_file = choice % COUNT_OF(types) == 3 ? SPAN("p.yaml") : SPAN("");
	resource->spec = node_map(arena, 5);
	node_put(&resource->spec, "talosversion", at(node_string(SPAN("1.13.5")), 2));
	node_put(&resource->spec, "machineallocation", allocation);
	node_put(&resource->spec, "data", at(node_string(SPAN("machine:\n  env:\n    A: s3cr3t\n---\nkind: X\n")), 10));
	node_put(&resource->spec, "extensions", list);
	node_put(&resource->spec, "matchlabels", list);
	return resource;
}

static bool is_blank(struct span text)
{
	return span_trim(text).len == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct diag_list list;
	struct fail fail;
	if (size == 0)
		return 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	diag_list_init(&list, &arena);
	struct span text = {(const char *)data + 1, size - 1};
	struct refusal_items *items = ARENA_NEW(&arena, struct refusal_items);
	refusal_split(&arena, text, refusal_is_known, items);
	assert(items->count <= REFUSAL_ITEMS_MAX);
	struct resource *resource = make(&arena, data[0]);
	struct refusal refusal = {.action = "create", .type = resource->type, .id = resource->id, .desired = resource};
	fail_set(&fail, FAIL_INVALID, "%.*s", SPAN_ARG(text));
	bool is_explained = refusal_explain(&refusal, &fail, &list);
	assert(is_explained == (list.count > 0));
	assert(list.count > 0 || is_blank(span_of(fail.text)) || span_contains(span_of(fail.text), "failed to validate: ") ||
	       span_contains(span_of(fail.text), " occurred:") || span_starts(span_of(fail.text), "cannot create "));
	for (size_t i = 0; i < list.count; i++) {
		assert(diag_code_find(list.items[i].code) != NULL);
		assert(span_is(list.items[i].file, "a.yaml") || span_is(list.items[i].file, "p.yaml"));
	}
	arena_done(&arena);
	return 0;
}
