#include "agent/export/internal.h"

static const struct resource *find_head(const struct plan_actual *actual, struct span name)
{
	for (size_t i = 0; i < actual->resources.count; i++)
		if (actual->resources.items[i]->type == OMNI_CLUSTER && span_eq(actual->resources.items[i]->id, name))
			return actual->resources.items[i];
	return NULL;
}

static void print(struct exporter *x)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < x->doc_count; i++) {
		text_adds(&text, i > 0 ? "---\n" : "");
		export_emit(&text, &x->docs[i]);
	}
	x->out->text = arena_copy(x->arena, text_span(&text));
	x->out->documents = x->doc_count;
	text_done(&text);
}

bool export_cluster(struct arena *arena, struct span name, const struct plan_actual *actual,
		    const struct export_options *options, struct exported *out, struct fail *fail)
{
	struct exporter x = {.arena = arena, .cluster = name, .actual = actual, .options = options, .out = out,
			     .head = find_head(actual, name)};
	*out = (struct exported){.cluster = name};
	if (x.head == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "there is no cluster \"%.*s\"", SPAN_ARG(name));
	if (x.head->phase == RESOURCE_TEARING_DOWN)
		return fail_set(fail, FAIL_PRECONDITION, "cluster \"%.*s\" is being torn down", SPAN_ARG(name));
	export_gather(&x);
	export_documents(&x);
	print(&x);
	export_verify(&x);
	return true;
}
