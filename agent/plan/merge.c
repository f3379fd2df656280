/* Comparing and joining what a template says with what Omni holds. */
#include "agent/plan/internal.h"

/* Keys that people, the web UI or Omni's command line set on a running cluster. A template cannot write them (the prefix
 * is reserved), except for the machine lock, which the annotation ANNOTATION_LOCK tells apart. */
static const struct {
	const char *key;
	bool is_label;
} operational[] = {
	{OMNI_ANNOTATION_CLUSTER_LOCKED, false},
	{OMNI_ANNOTATION_LOCKED, false},
	{ANNOTATION_GITOPS_TOOLS, false},
	{LABEL_DISABLED, true},
};

bool plan_is_operational(const struct resource *actual, struct span key, bool is_label)
{
	for (size_t i = 0; i < sizeof operational / sizeof *operational; i++) {
		if (operational[i].is_label != is_label || !span_is(key, operational[i].key))
			continue;
		return !span_is(key, OMNI_ANNOTATION_LOCKED) ||
		       labels_get(&actual->annotations, ANNOTATION_LOCK) == NULL;
	}
	return false;
}

static bool is_ours(struct span key, bool is_label)
{
	return !is_label && span_starts(key, ANNOTATION_OURS);
}

/* Both are sorted, so one walk over the two compares them. */
static bool same_labels(const struct labels *desired, const struct resource *actual, bool is_label)
{
	const struct labels *held = is_label ? &actual->labels : &actual->annotations;
	size_t i = 0, j = 0;
	while (i < desired->count || j < held->count) {
		if (i < desired->count && is_ours(desired->items[i].key, is_label)) {
			i++;
			continue;
		}
		int order = i == desired->count ? 1
			    : j == held->count	? -1
						: span_cmp(desired->items[i].key, held->items[j].key);
		if (order < 0)
			return false;
		if (order > 0) {
			struct span key = held->items[j++].key;
			if (!is_ours(key, is_label) && !plan_is_operational(actual, key, is_label))
				return false;
			continue;
		}
		if (!span_eq(desired->items[i].value, held->items[j].value))
			return false;
		i++, j++;
	}
	return true;
}

const char *plan_content_key(const struct omni_type *type)
{
	if (type == NULL)
		return NULL;
	return type == OMNI_HEALTH_CHECK ? "job" : (type->flags & OMNI_CONTENT) ? "data" : NULL;
}

bool plan_parse(struct arena *arena, struct span text, struct load_document **out_documents, size_t *out_count)
{
	struct arena notes;
	struct diag_list faults;
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	arena_init(&notes, ARENA_NO_LIMIT);
	diag_list_init(&faults, &notes);
	struct diag_at at = {.list = &faults};
	*out_documents = NULL;
	*out_count = 0;
	bool is_good = load_yaml(arena, text, LOAD_OMNI, &limits, &at, out_documents, out_count) && faults.error_count == 0;
	arena_done(&notes);
	return is_good;
}

static bool same_meaning(const struct node *content, struct span text)
{
	struct arena parsed;
	struct load_document *documents;
	size_t count;
	arena_init(&parsed, PLAN_CONTENT_MAX);
	bool same = plan_parse(&parsed, text, &documents, &count);
	if (same && content->kind == NODE_SEQ) {
		same = count == content->len;
		for (size_t i = 0; same && i < count; i++)
			same = node_equal(&content->items[i], &documents[i].root);
	} else if (same) {
		same = count == 1 && node_equal(content, &documents[0].root);
	}
	arena_done(&parsed);
	return same;
}

static bool same_content(const struct resource *desired, const struct resource *actual, const char *key)
{
	struct span wanted = node_text(node_get(&desired->spec, key));
	struct span held = node_text(node_get(&actual->spec, key));
	return span_eq(wanted, held) || (desired->content != NULL && same_meaning(desired->content, held));
}

/* Fields that are not in our table belong to a newer Omni: not compared. The depth is that of the table. */
static bool same_message(const struct spec_message *message, const struct node *a, const struct node *b,
			 const char *skip)
{
	for (size_t i = 0; i < message->field_count; i++) {
		const struct spec_field *field = &message->fields[i];
		if (skip != NULL && strcmp(field->key, skip) == 0)
			continue;
		const struct node *x = node_get(a, field->key), *y = node_get(b, field->key);
		if (x == NULL && y == NULL)
			continue;
		if (x == NULL || y == NULL)
			return false;
		bool is_nested = field->kind == SPEC_MESSAGE && !field->is_repeated && x->kind == NODE_MAP &&
				 y->kind == NODE_MAP;
		if (is_nested ? !same_message(field->message, x, y, NULL) : !node_equal(x, y))
			return false;
	}
	return true;
}

static bool same_spec(const struct resource *desired, const struct resource *actual)
{
	const char *key = plan_content_key(desired->type);
	if (key != NULL && !same_content(desired, actual, key))
		return false;
	if (desired->type == NULL || desired->type->spec == NULL)
		return node_equal(&desired->spec, &actual->spec);
	return same_message(desired->type->spec, &desired->spec, &actual->spec, key);
}

bool plan_same(const struct resource *desired, const struct resource *actual)
{
	return actual->phase == RESOURCE_RUNNING && actual->owner.len == 0 &&
	       same_labels(&desired->labels, actual, true) && same_labels(&desired->annotations, actual, false) &&
	       same_spec(desired, actual);
}

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
		bool is_kept = is_ours(key, is_label) || plan_is_operational(actual, key, is_label);
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
