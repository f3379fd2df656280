/* Shared by the files that make a plan; nobody else includes it. */
#ifndef AGENT_PLAN_INTERNAL_H
#define AGENT_PLAN_INTERNAL_H

#include "agent/plan/plan.h"
#include "base/map.h"
#include "render/load.h"

#define LABEL_DISABLED "omni.sidero.dev/disabled"
#define ANNOTATION_GITOPS_TOOLS "omni.sidero.dev/managed-by-gitops-tools"

/* merge.c: the resource to write so that `actual` becomes what `expected` says (actual NULL: to create). Version,
 * finalizers, dates, operational fields and spec fields that we do not know come from `actual`. */
struct resource *plan_merge(struct arena *arena, const struct resource *expected, const struct resource *actual,
			    struct span cluster);

/* same.c: an annotation of ours, never compared. */
bool plan_is_ours(struct span key, bool is_label);

/* Is it an annotation or label that a person or Omni sets while the cluster runs, present in `actual` and not the template's? */
bool plan_is_operational(const struct resource *actual, struct span key, bool is_label);

/* The spec key that holds text with a meaning of its own ("data", "job"); NULL: none. */
const char *plan_content_key(const struct omni_type *type);

/* Every document of a content; false when it is no YAML, or when more memory than the arena allows would be needed. */
enum { PLAN_CONTENT_MAX = 256 << 20 };
bool plan_parse(struct arena *arena, struct span text, struct load_document **out_documents, size_t *out_count);

/* diff.c: fills op->diffs from actual to desired. */
void plan_diff_op(struct arena *arena, struct plan_op *op, struct span secret_key);

/* risk.c: fills risk and why of every operation, and the highest in the plan. */
void plan_assess(struct arena *arena, struct plan *plan, const struct plan_actual *actual,
		 const struct plan_options *options);
void plan_assess_raws(struct arena *arena, struct plan *plan, const struct resource_list *in_use);
bool plan_uses_class(const struct resource *machine_set, struct span class);

/* lock.c: marks the operations that a lock in Omni refuses, and notes the locks. */
void plan_find_locks(struct arena *arena, struct plan *plan, const struct plan_actual *actual);

/* hash.c */
void plan_seal(struct plan *plan);
void plan_note_copy(struct arena *arena, struct plan *plan); /* when the hash is not that of the original */

/* plan.c: made by Omni's own controllers, never planned; of machines, which keep it when a template no longer has it. */
bool plan_is_controlled(const struct resource *resource);
bool plan_is_released(const struct omni_type *type);
struct plan_op *plan_add_op(struct arena *arena, struct plan *plan, enum plan_op_kind kind,
			    const struct resource *desired, const struct resource *actual);
struct plan_conflict *plan_add_conflict(struct arena *arena, struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void plan_add_note(struct arena *arena, struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static inline struct span label_value(const struct labels *labels, const char *key)
{
	const struct label *label = labels_get(labels, key);
	return label == NULL ? (struct span){NULL, 0} : label->value;
}

/* The uint of a scalar spec field; 0 when it is not there. */
static inline int64_t spec_int(const struct node *spec, const char *dotted_path)
{
	int64_t value = 0;
	span_int(node_text_at(spec, dotted_path), INT64_MIN, INT64_MAX, &value);
	return value;
}

#endif
