/* Documents of any cluster: the input is a stream of resources as an Omni may hold them. Whatever they are, exporting them
 * crashes nothing, what the comment says stays a comment, and what a plan of the documents would change has been told. */
#include <assert.h>
#include <stdint.h>

#include "agent/export/export.h"
#include "render/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_resources(struct arena *arena, struct span bytes, struct resource_list *out)
{
	struct load_limits limits = {50, 32, 20000, 1 << 18};
	struct load_document *documents = NULL;
	struct diag_list faults;
	size_t count = 0;
	diag_list_init(&faults, arena);
	struct diag_at at = {.list = &faults};
	load_yaml(arena, bytes, LOAD_OMNI, &limits, &at, &documents, &count);
	for (size_t i = 0; i < count; i++) {
		struct resource *resource = resource_read(arena, &documents[i].root, &at);
		bool is_read = resource != NULL && resource->type != NULL && (resource->type->flags & OMNI_TEMPLATE) != 0;
		for (size_t j = 0; is_read && j < out->count; j++) /* no store holds two of them */
			is_read = out->items[j]->type != resource->type || !span_eq(out->items[j]->id, resource->id);
		if (is_read)
			resource_push(arena, out, resource);
	}
}

static bool is_told(const struct exported *exported, const struct plan_op *op)
{
	for (size_t i = 0; i < exported->remarks.count; i++) {
		const struct export_remark *remark = &exported->remarks.items[i];
		bool is_it = remark->type == op->type && span_eq(remark->id, op->id);
		if (is_it && (remark->weight == EXPORT_LOST || plan_op_is_formal(op)))
			return true;
	}
	return false;
}

static void check_plan(struct arena *arena, const struct exported *exported, const struct plan_actual *actual)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fleet fleet;
	struct tree tree;
	struct plan plan;
	fleet_init(&fleet, arena, &options);
	tree_init(&tree, arena);
	tree_add_input(&tree, SPAN("c.yaml"), exported->text);
	if (!fleet_load(&fleet, &tree, NULL) || fleet.diags.error_count > 0) {
		assert(export_count(&exported->remarks, EXPORT_LOST) > 0);
		return;
	}
	plan_cluster(arena, fleet_find(&fleet, exported->cluster), exported->cluster, actual, &(struct plan_options){0}, &plan);
	for (size_t i = 0; i < plan.count; i++)
		assert(is_told(exported, &plan.ops[i]));
}

static void check_comment(const struct exported *exported)
{
	struct text out;
	struct span rest, line;
	text_init(&out, TEXT_NO_LIMIT);
	export_print_remarks(&out, &exported->remarks);
	rest = text_span(&out);
	while (rest.len > 0 && span_next(&rest, '\n', &line))
		assert(line.len == 0 || line.ptr[0] == '#');
	text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct plan_actual actual = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	read_resources(&arena, (struct span){(const char *)data, size}, &actual.resources);
	for (size_t i = 0; i < actual.resources.count; i++) {
		if (actual.resources.items[i]->type != OMNI_CLUSTER)
			continue;
		for (int form = EXPORT_OBJECTS; form <= EXPORT_TEMPLATE; form++) {
			struct export_options options = {.form = (enum export_form)form, .rules = OMNI_RULES_1_10, .connection = SPAN("omni")};
			struct exported exported;
			if (!export_cluster(&arena, actual.resources.items[i]->id, &actual, &options, &exported, NULL))
				continue;
			check_comment(&exported);
			check_plan(&arena, &exported, &actual);
		}
		break;
	}
	arena_done(&arena);
	return 0;
}
