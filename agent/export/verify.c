/* The proof: the documents are read as anybody's are, and planned against the state that they came from. */
#include "agent/export/internal.h"

static struct span changed_paths(struct arena *arena, const struct plan_op *op)
{
	enum { SHOWN_MAX = 8 };
	struct span paths = SPAN("");
	for (size_t i = 0; i < op->diff_count && i < SHOWN_MAX; i++)
		paths = arena_spanf(arena, "%.*s%s%.*s", SPAN_ARG(paths), i > 0 ? ", " : "", SPAN_ARG(op->diffs[i].path));
	return op->diff_count > SHOWN_MAX ? arena_spanf(arena, "%.*s and more", SPAN_ARG(paths)) : paths;
}

static void remark_op(struct exporter *x, const struct plan_op *op)
{
	if (op->kind == PLAN_CREATE)
		export_remark(x, EXPORT_LOST, op->type, op->id, "a plan would make it");
	else if (op->kind == PLAN_DESTROY)
		export_remark(x, EXPORT_LOST, op->type, op->id, "a plan would destroy it");
	else if (plan_op_is_formal(op))
		export_remark(x, EXPORT_NOTE, op->type, op->id,
			      "was not made from a template: adopting it or applying the documents adds the annotation " OMNI_ANNOTATION_TEMPLATES
			      ", and nothing else");
	else
		export_remark(x, EXPORT_LOST, op->type, op->id, "a plan would change %.*s", SPAN_ARG(changed_paths(x->arena, op)));
}

static void remark_plan(struct exporter *x, const struct plan *plan)
{
	for (size_t i = 0; i < plan->conflict_count; i++)
		export_remark(x, EXPORT_LOST, NULL, SPAN(""), "%.*s", SPAN_ARG(plan->conflicts[i].text));
	for (size_t i = 0; i < plan->count; i++)
		remark_op(x, &plan->ops[i]);
	for (size_t i = 0; i < plan->unmanaged.count; i++) {
		const struct resource *held = plan->unmanaged.items[i];
		if (export_find_remark(x, held->type, held->id) == NULL)
			export_remark(x, EXPORT_LEFT, held->type, held->id, "was made outside of templates");
	}
}

static bool remark_faults(struct exporter *x, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->diags.count; i++) {
		const struct diag *diag = &fleet->diags.items[i];
		if (diag->severity == DIAG_ERROR)
			export_remark(x, EXPORT_LOST, NULL, SPAN(""), "%.*s%s%.*s: the documents are refused: %.*s", SPAN_ARG(diag->object),
				      diag->path.len > 0 ? " " : "", SPAN_ARG(diag->path), SPAN_ARG(diag->message));
	}
	return fleet->diags.error_count > 0;
}

void export_verify(struct exporter *x)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct plan_options plan_options = {.gate = RISK_CRITICAL};
	struct fleet fleet;
	struct tree tree;
	struct plan plan;
	struct fail fail = {0};
	options.rules = x->options->rules;
	options.offline_schema = !x->options->no_schema;
	fleet_init(&fleet, x->arena, &options);
	tree_init(&tree, x->arena);
	tree_add_input(&tree, SPAN("exported.yaml"), x->out->text);
	if (!fleet_load(&fleet, &tree, &fail)) {
		export_remark(x, EXPORT_LOST, NULL, SPAN(""), "the documents cannot be read again: %s", fail.text);
		return;
	}
	if (remark_faults(x, &fleet))
		return;
	plan_cluster(x->arena, fleet_find(&fleet, x->cluster), x->cluster, x->actual, &plan_options, &plan);
	remark_plan(x, &plan);
}
