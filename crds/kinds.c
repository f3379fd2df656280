#include "crds/kinds.h"

#include <strings.h>

#include "base/cleanup.h"

/* In the order of the documentation: what is needed first comes first. */
static const struct kind *const kinds[] = {
	&KIND_CONNECTION,    &KIND_CLUSTER,	  &KIND_CONTROL_PLANE,	   &KIND_WORKERS,     &KIND_MACHINE,
	&KIND_MACHINE_CLASS, &KIND_HELM_RELEASE, &KIND_KUBECONFIG_EXPORT, &KIND_SECRET_SYNC,
};

/* A word this far from what is known is another word, not a slip of the pen. */
static size_t near_limit(struct span name)
{
	return name.len <= 3 ? 2 : name.len <= 7 ? 3 : 4;
}

const struct kind *kind_at(size_t index)
{
	return index < COUNT_OF(kinds) ? kinds[index] : NULL;
}

const struct kind *kind_find(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (span_is(name, kinds[i]->name))
			return kinds[i];
	return NULL;
}

static bool same_word(struct span name, const char *word)
{
	return name.len == strlen(word) && strncasecmp(name.ptr, word, name.len) == 0;
}

static bool is_called(const struct kind *kind, struct span name)
{
	static const size_t prefix = sizeof("omni") - 1;
	if (same_word(name, kind->name) || same_word(name, kind->plural))
		return true;
	if (same_word(name, kind->name + prefix) || same_word(name, kind->plural + prefix))
		return true;
	for (const char *const *word = kind->short_names; *word != NULL; word++)
		if (same_word(name, *word))
			return true;
	return false;
}

const struct kind *kind_guess(struct span name)
{
	struct span group = span_behind(name, '.');
	if (group.ptr != NULL && !span_is(group, CRD_GROUP))
		return NULL;
	name = span_before(name, '.');
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (is_called(kinds[i], name))
			return kinds[i];
	return NULL;
}

const char *kind_nearest(struct span name)
{
	const char *nearest = NULL;
	size_t best = near_limit(name);
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		size_t distance = span_distance(name, span_of(kinds[i]->name), best);
		size_t bare = span_distance(name, span_of(kinds[i]->name + 4), best);
		distance = bare < distance ? bare : distance;
		if (distance < best) {
			best = distance;
			nearest = kinds[i]->name;
		}
	}
	return nearest;
}

const struct field *schema_field(const struct schema *schema, struct span name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (span_is(name, schema->fields[i].name))
			return &schema->fields[i];
	return NULL;
}

const char *schema_nearest(const struct schema *schema, struct span name)
{
	const char *nearest = NULL;
	size_t best = near_limit(name);
	for (size_t i = 0; i < schema->count; i++) {
		size_t distance = span_distance(name, span_of(schema->fields[i].name), best);
		if (distance < best) {
			best = distance;
			nearest = schema->fields[i].name;
		}
	}
	return nearest;
}

static const char *const type_names[] = {
	[FIELD_STRING] = "text",
	[FIELD_BOOL] = "true or false",
	[FIELD_INT32] = "number",
	[FIELD_INT64] = "number",
	[FIELD_DURATION] = "duration",
	[FIELD_TIME] = "time",
	[FIELD_INT_OR_STRING] = "number or text",
	[FIELD_OBJECT] = "object",
	[FIELD_LIST] = "list",
	[FIELD_MAP] = "map of texts",
	[FIELD_ANY] = "anything",
	[FIELD_FREE_OBJECT] = "object of any content",
};

const char *field_type_name(const struct field *field)
{
	if (field->type != FIELD_LIST)
		return type_names[field->type];
	switch (field->item) {
	case FIELD_STRING: return "list of texts";
	case FIELD_OBJECT: return "list of objects";
	default: return "list of anything";
	}
}
