/* The name of a plan: SHA-256 of what it does. Independent of versions, dates, finalizers and of our own annotations, so
 * that the same change has the same hash on every run, and an approval of it stays good until the change changes. */
#include "agent/plan/internal.h"
#include <stdio.h>

#include "render/emit.h"

static void add_number(struct digest *digest, unsigned value)
{
	char digits[16];
	int len = snprintf(digits, sizeof digits, "%u", value);
	digest_add(digest, (struct span){digits, (size_t)len});
}

static void add_labels(struct digest *digest, const struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		if (span_starts(labels->items[i].key, ANNOTATION_OURS))
			continue;
		digest_add(digest, labels->items[i].key);
		digest_add(digest, labels->items[i].value);
	}
	digest_add(digest, SPAN("."));
}

static void add_resource(struct digest *digest, const struct resource *resource)
{
	if (resource == NULL) {
		digest_add(digest, SPAN("none"));
		return;
	}
	struct text spec;
	text_init(&spec, TEXT_NO_LIMIT);
	emit_document(&spec, &resource->spec, EMIT_RESOURCE, true);
	add_labels(digest, &resource->labels);
	add_labels(digest, &resource->annotations);
	digest_add(digest, text_span(&spec));
	text_done(&spec);
}

void plan_seal(struct plan *plan)
{
	struct digest *digest = digest_new();
	digest_add(digest, SPAN("omniops plan 1"));
	digest_add(digest, plan->cluster);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		digest_add(digest, span_of(plan_op_name(op->kind)));
		digest_add(digest, span_of(op->type->name));
		digest_add(digest, op->id);
		add_number(digest, op->phase);
		/* What a destroyed resource holds does not matter: it goes. */
		add_resource(digest, op->kind == PLAN_UPDATE ? op->actual : NULL);
		add_resource(digest, op->desired);
	}
	digest_finish(digest, plan->hash);
}
