/* Does Omni hold what a template says? Asked of two resources, or, with digests, of what is known of them. Both walk
 * over the same things: what is added to one belongs into the other, and tests/unit/plan_same_test.c holds them together. */
#include "agent/plan/internal.h"

enum { PARSED_MAX = 1 << 20 }; /* longer contents are digested by their bytes alone */

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

bool plan_is_ours(struct span key, bool is_label)
{
	return !is_label && span_starts(key, ANNOTATION_OURS);
}

/* Both are sorted, so one walk over the two compares them. */
static bool same_labels(const struct labels *desired, const struct resource *actual, bool is_label)
{
	const struct labels *held = is_label ? &actual->labels : &actual->annotations;
	size_t i = 0, j = 0;
	while (i < desired->count || j < held->count) {
		if (i < desired->count && plan_is_ours(desired->items[i].key, is_label)) {
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
			if (!plan_is_ours(key, is_label) && !plan_is_operational(actual, key, is_label))
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

/* --- digests ------------------------------------------------------------------------------------------------------------ */

/* What a person may set on a running cluster, but for the lock of a machine: whose that is, only the mark tells. */
static bool is_set_by_hand(struct span key, bool is_label)
{
	static const struct resource unmarked;
	return plan_is_operational(&unmarked, key, is_label) && !span_is(key, OMNI_ANNOTATION_LOCKED);
}

static bool has_set_by_hand(const struct labels *labels, bool is_label)
{
	for (size_t i = 0; i < labels->count; i++)
		if (is_set_by_hand(labels->items[i].key, is_label))
			return true;
	return false;
}

static void add_labels(struct text *out, const struct labels *labels, bool is_label)
{
	for (size_t i = 0; i < labels->count; i++) {
		if (plan_is_ours(labels->items[i].key, is_label) || is_set_by_hand(labels->items[i].key, is_label))
			continue;
		text_addc(out, 'l');
		node_canonical_text(out, labels->items[i].key);
		node_canonical_text(out, labels->items[i].value);
	}
	text_addc(out, '.');
}

static void add_message(struct text *out, const struct spec_message *message, const struct node *spec, const char *skip)
{
	for (size_t i = 0; i < message->field_count; i++) {
		const struct spec_field *field = &message->fields[i];
		const struct node *value = node_get(spec, field->key);
		if (value == NULL || (skip != NULL && strcmp(field->key, skip) == 0))
			continue;
		node_canonical_text(out, span_of(field->key));
		if (field->kind == SPEC_MESSAGE && !field->is_repeated && value->kind == NODE_MAP)
			add_message(out, field->message, value, NULL);
		else
			node_canonical(out, value);
	}
	text_addc(out, '.');
}

/* Document by document, as a declared list is compared with a text. */
static void add_content(struct text *out, const struct node *content)
{
	bool is_list = content->kind == NODE_SEQ;
	for (uint32_t i = 0; i < (is_list ? content->len : 1); i++)
		node_canonical(out, is_list ? &content->items[i] : content);
}

static void add_text(struct text *out, struct span text)
{
	struct arena parsed;
	struct load_document *documents;
	size_t count;
	arena_init(&parsed, PLAN_CONTENT_MAX);
	bool is_yaml = text.len <= PARSED_MAX && plan_parse(&parsed, text, &documents, &count);
	for (size_t i = 0; is_yaml && i < count; i++)
		node_canonical(out, &documents[i].root);
	if (!is_yaml) {
		text_addc(out, 't');
		node_canonical_text(out, text);
	}
	arena_done(&parsed);
}

static uint64_t digest_whole(const struct resource *resource, const char *key, struct span content)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	node_canonical_text(&text, span_of(resource->type->name));
	node_canonical_text(&text, resource->id);
	text_addf(&text, "%d%d", resource->phase, resource->owner.len > 0);
	add_labels(&text, &resource->labels, true);
	add_labels(&text, &resource->annotations, false);
	if ((resource->type->flags & OMNI_RAW) != 0) /* nothing else tells whose it is */
		node_canonical_text(&text, label_value(&resource->annotations, ANNOTATION_OWNER));
	add_message(&text, resource->type->spec, &resource->spec, key);
	if (key != NULL && resource->content != NULL)
		add_content(&text, resource->content);
	else if (key != NULL)
		add_text(&text, content);
	uint64_t whole = digest_local(text_span(&text));
	text_done(&text);
	return whole;
}

struct plan_meaning plan_meaning(const struct resource *resource, bool is_declared)
{
	const char *key = plan_content_key(resource->type);
	struct span content = key == NULL ? SPAN("") : node_text(node_get(&resource->spec, key));
	struct plan_meaning meaning = {.by_bytes = is_declared && key != NULL && resource->content == NULL};
	bool is_certain = !is_declared || (!has_set_by_hand(&resource->labels, true) && !has_set_by_hand(&resource->annotations, false));
	if (is_certain)
		meaning.whole = digest_whole(resource, key, content);
	if (key != NULL)
		meaning.bytes = digest_local(content);
	return meaning;
}

bool plan_may_concern(const struct resource *actual)
{
	bool is_claimed = labels_get(&actual->annotations, OMNI_ANNOTATION_TEMPLATES) != NULL;
	if (plan_is_controlled(actual))
		return false;
	if ((actual->type->flags & OMNI_RAW) != 0)
		return label_value(&actual->annotations, ANNOTATION_OWNER).len > 0;
	return (actual->type->flags & OMNI_TEMPLATE) != 0 && (!plan_is_released(actual->type) || is_claimed);
}
