/* The plan for raw resources (MachineClasses and other types that a user may own): created and updated as declared,
 * destroyed only when they are recorded as ours and nobody uses them. */
#include "agent/plan/internal.h"

#include <stdlib.h>

static const struct resource *find(const struct resource_list *list, const struct resource *like)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type == like->type && span_eq(list->items[i]->id, like->id))
			return list->items[i];
	return NULL;
}

static int compare_resources(const void *left, const void *right)
{
	const struct resource *a = *(struct resource *const *)left, *b = *(struct resource *const *)right;
	int order = span_cmp(a->type_name, b->type_name);
	return order != 0 ? order : span_cmp(a->id, b->id);
}

static struct resource_list sorted(struct arena *arena, const struct resource_list *list)
{
	struct resource_list copy = {0};
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type != NULL)
			resource_push(arena, &copy, list->items[i]);
	if (copy.count > 1)
		qsort(copy.items, copy.count, sizeof *copy.items, compare_resources);
	return copy;
}

/* Omni's server fails on a class that changes between choosing and making machines. */
static bool switches_mode(const struct resource *expected, const struct resource *held)
{
	if (held->type != OMNI_MACHINE_CLASS)
		return false;
	bool made = node_is(node_get(&held->spec, "autoprovision"), NODE_MAP);
	bool makes = node_is(node_get(&expected->spec, "autoprovision"), NODE_MAP);
	return made != makes;
}

static bool is_blocked(struct arena *arena, struct plan *plan, const struct resource *expected,
		       const struct resource *held, struct span owner)
{
	struct span other = label_value(&held->annotations, ANNOTATION_OWNER);
	if (held->owner.len > 0) {
		plan_add_conflict(arena, plan, "%s(%.*s) is managed by Omni itself (%.*s)", held->type->name,
				  SPAN_ARG(held->id), SPAN_ARG(held->owner));
		return true;
	}
	if (owner.len > 0 && other.len > 0 && !span_eq(owner, other)) {
		plan_add_conflict(arena, plan,
				  "%s(%.*s) is managed by \"%.*s\", not by \"%.*s\": remove its annotation %s to take it over",
				  held->type->name, SPAN_ARG(held->id), SPAN_ARG(other), SPAN_ARG(owner), ANNOTATION_OWNER);
		return true;
	}
	if (switches_mode(expected, held)) {
		plan_add_conflict(arena, plan,
				  "%s(%.*s) changes between matchlabels and autoprovision: Omni cannot do this to an existing "
				  "class. Declare the new one under another name and move the machine sets to it, or destroy "
				  "the old one first (omnictl delete machineclass %.*s)",
				  held->type->name, SPAN_ARG(held->id), SPAN_ARG(held->id));
		return true;
	}
	return false;
}

static void plan_one(struct arena *arena, struct plan *plan, const struct resource *expected,
		     const struct resource *held, struct span owner)
{
	static const struct span no_cluster = {"", 0};
	bool is_leaving = held != NULL && held->phase == RESOURCE_TEARING_DOWN;
	if (held != NULL && is_blocked(arena, plan, expected, held, owner))
		return;
	if (held != NULL && !is_leaving && plan_same(expected, held))
		return;
	struct resource *desired = plan_merge(arena, expected, is_leaving ? NULL : held, no_cluster);
	if (owner.len > 0)
		labels_set(arena, &desired->annotations, span_of(ANNOTATION_OWNER), owner);
	plan->is_waiting |= is_leaving && held->finalizer_count > 0;
	plan_add_op(arena, plan, held == NULL || is_leaving ? PLAN_CREATE : PLAN_UPDATE, desired, held);
}

/* The machine sets that still need the class, as text; empty: none. */
static struct span users_of(struct arena *arena, const struct resource *class, const struct resource_list *in_use)
{
	struct text names;
	text_init(&names, TEXT_NO_LIMIT);
	for (size_t i = 0; class->type == OMNI_MACHINE_CLASS && i < in_use->count; i++) {
		if (!plan_uses_class(in_use->items[i], class->id))
			continue;
		text_adds(&names, names.len > 0 ? ", " : "");
		text_add(&names, in_use->items[i]->id);
	}
	struct span copy = arena_copy(arena, text_span(&names));
	text_done(&names);
	return copy;
}

static void prune(struct arena *arena, struct plan *plan, const struct resource *held,
		  const struct resource_list *in_use, struct span owner)
{
	if (owner.len == 0 || held->owner.len > 0 ||
	    !span_eq(label_value(&held->annotations, ANNOTATION_OWNER), owner))
		return;
	struct span users = users_of(arena, held, in_use);
	if (users.len == 0) {
		plan_add_op(arena, plan, PLAN_DESTROY, NULL, held);
		return;
	}
	plan_add_conflict(arena, plan, "%s(%.*s) is no longer declared but still used by machine sets: %.*s. It stays until they are gone",
			  held->type->name, SPAN_ARG(held->id), SPAN_ARG(users))
		->is_partial = true;
}

static void plan_in_kind(struct arena *arena, struct plan *plan, struct resource_list *expected,
			 const struct resource_list *actual, struct span owner, bool creates)
{
	for (size_t i = 0; i < expected->count; i++) {
		const struct resource *held = find(actual, expected->items[i]);
		bool is_create = held == NULL || held->phase == RESOURCE_TEARING_DOWN;
		if (is_create == creates)
			plan_one(arena, plan, expected->items[i], held, owner);
	}
}

void plan_raws(struct arena *arena, const struct resource_list *expected, const struct resource_list *actual,
	       const struct resource_list *in_use, struct span owner, const struct plan_options *options,
	       struct plan *out)
{
	*out = (struct plan){.cluster = {"", 0}, .hidden = options->hidden};
	struct resource_list wanted = sorted(arena, expected), held = sorted(arena, actual);
	plan_in_kind(arena, out, &wanted, &held, owner, true);
	plan_in_kind(arena, out, &wanted, &held, owner, false);
	for (size_t i = 0; i < held.count; i++)
		if (find(&wanted, held.items[i]) == NULL)
			prune(arena, out, held.items[i], in_use, owner);
	plan_assess_raws(arena, out, in_use);
	for (size_t i = 0; i < out->count; i++)
		plan_diff_op(arena, &out->ops[i], options->secret_key);
	plan_seal(out);
	plan_note_copy(arena, out);
}
