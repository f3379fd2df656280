/* Joining what a template says with what Omni holds. */
#include "agent/plan/internal.h"

static const struct spec_field *known_field(const struct spec_message *message, struct span key)
{
	for (size_t i = 0; i < message->field_count; i++)
		if (span_is(key, message->fields[i].key))
			return &message->fields[i];
	return NULL;
}

/* `wanted` plus the fields of `held` that our table does not have. */
static struct node keep_unknown(struct arena *arena, const struct spec_message *message, const struct node *wanted,
				const struct node *held)
{
	if (message == NULL || wanted->kind != NODE_MAP || held == NULL || held->kind != NODE_MAP)
		return *wanted;
	struct node joined = node_map(arena, wanted->len + held->len);
	for (uint32_t i = 0; i < wanted->len; i++) {
		const struct pair *pair = &wanted->pairs[i];
		const struct spec_field *field = known_field(message, node_text(&pair->key));
		bool is_nested = field != NULL && field->kind == SPEC_MESSAGE && !field->is_repeated;
		node_put_span(&joined, node_text(&pair->key),
			      is_nested ? keep_unknown(arena, field->message, &pair->value,
						       node_get_span(held, node_text(&pair->key)))
					: pair->value);
	}
	for (uint32_t i = 0; i < held->len; i++) {
		struct span key = node_text(&held->pairs[i].key);
		if (known_field(message, key) == NULL && node_get_span(wanted, key) == NULL)
			node_put_span(&joined, key, held->pairs[i].value);
	}
	return joined;
}

static void copy_labels(struct arena *arena, struct labels *out, const struct labels *from, bool without_ours)
{
	*out = (struct labels){0};
	for (size_t i = 0; i < from->count; i++)
		if (!without_ours || !span_starts(from->items[i].key, ANNOTATION_OURS))
			labels_set(arena, out, from->items[i].key, from->items[i].value);
}

static void keep_labels(struct arena *arena, struct resource *desired, const struct resource *actual, bool is_label)
{
	struct labels *wanted = is_label ? &desired->labels : &desired->annotations;
	const struct labels *held = is_label ? &actual->labels : &actual->annotations;
	for (size_t i = 0; i < held->count; i++) {
		struct span key = held->items[i].key;
		bool is_kept = plan_is_ours(key, is_label) || plan_is_operational(actual, key, is_label);
		if (is_kept && labels_get(wanted, arena_string(arena, key)) == NULL)
			labels_set(arena, wanted, key, held->items[i].value);
	}
}

/* Our marks: who locked the machine, and which template a freely named resource came from. */
static void mark(struct arena *arena, struct resource *desired, const struct resource *expected,
		 const struct resource *actual, struct span cluster)
{
	if (desired->type == OMNI_MACHINE_SET_NODE) {
		bool wants_lock = labels_get(&expected->annotations, OMNI_ANNOTATION_LOCKED) != NULL;
		bool others_lock = actual != NULL && labels_get(&actual->annotations, OMNI_ANNOTATION_LOCKED) != NULL &&
				   labels_get(&actual->annotations, ANNOTATION_LOCK) == NULL;
		labels_remove(&desired->annotations, span_of(ANNOTATION_LOCK));
		if (wants_lock && !others_lock)
			labels_set(arena, &desired->annotations, span_of(ANNOTATION_LOCK), SPAN("template"));
	}
	if (cluster.len > 0 && !plan_is_from_template(desired, cluster))
		labels_set(arena, &desired->annotations, span_of(ANNOTATION_TEMPLATE), cluster);
}

struct resource *plan_merge(struct arena *arena, const struct resource *expected, const struct resource *actual,
			    struct span cluster)
{
	struct resource *desired = ARENA_NEW(arena, struct resource);
	*desired = *expected;
	desired->version = 0;
	desired->owner = (struct span){"", 0};
	desired->phase = RESOURCE_RUNNING;
	desired->created = desired->updated = (struct span){"", 0};
	desired->finalizers = NULL;
	desired->finalizer_count = 0;
	desired->wire = (struct span){0};
	copy_labels(arena, &desired->labels, &expected->labels, false);
	copy_labels(arena, &desired->annotations, &expected->annotations, true);
	if (actual != NULL) {
		desired->version = actual->version;
		desired->marks = actual->marks;
		desired->created = actual->created;
		desired->updated = actual->updated;
		desired->finalizers = actual->finalizers;
		desired->finalizer_count = actual->finalizer_count;
		desired->wire = actual->wire;
		keep_labels(arena, desired, actual, true);
		keep_labels(arena, desired, actual, false);
		if (expected->type != NULL)
			desired->spec = keep_unknown(arena, expected->type->spec, &expected->spec, &actual->spec);
	}
	mark(arena, desired, expected, actual, cluster);
	return desired;
}
