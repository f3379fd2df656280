#include "tests/unit/status_judge.h"

#include "base/timestamp.h"
#include "base/utf8.h"
#include "tests/unit/test.h"

const char *member_of(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));
	return value == NULL ? "" : value;
}

const json_t *condition_of(const json_t *status, const char *type)
{
	size_t i;
	const json_t *one;
	json_array_foreach(json_object_get(status, "conditions"), i, one)
		if (strcmp(member_of(one, "type"), type) == 0)
			return one;
	return NULL;
}

bool condition_is(const json_t *status, const char *type, const char *value)
{
	return strcmp(member_of(condition_of(status, type), "status"), value) == 0;
}

/* --- the API server ------------------------------------------------------------------------------------------------- */

static void validate_object(const char *path, const struct schema *schema, const json_t *object);

static size_t points(struct span text)
{
	size_t count = 0;
	for (uint32_t c; text.len > 0; count++) {
		size_t used = utf8_decode(text, &c);
		assert_true(c != UTF8_BAD);
		text = (struct span){text.ptr + used, text.len - used};
	}
	return count;
}

static bool is_choice(const char *const *choices, const char *value)
{
	for (; choices != NULL && *choices != NULL; choices++)
		if (strcmp(*choices, value) == 0)
			return true;
	return choices == NULL;
}

static void validate_text(const char *path, const struct field *field, const json_t *value)
{
	struct span text = {json_string_value(value), json_string_length(value)};
	int64_t ms;
	if (text.ptr == NULL)
		fail_msg("%s is no string", path);
	size_t count = points(text);
	if ((int64_t)count < field->min || (field->max != 0 && (int64_t)count > field->max))
		fail_msg("%s has %zu characters", path, count);
	if (field->pattern != NULL && !field->pattern->matches(text))
		fail_msg("%s: \"%s\" has not the form of %s", path, text.ptr, field->pattern->form);
	if (!is_choice(field->choices, text.ptr) || (field->type == FIELD_TIME && !timestamp_parse(text, &ms)))
		fail_msg("%s: \"%s\"", path, text.ptr);
}

static void validate(const char *path, const struct field *field, enum field_type type, const json_t *value)
{
	size_t i;
	const json_t *item;
	switch (type) {
	case FIELD_STRING:
	case FIELD_TIME: validate_text(path, field, value); return;
	case FIELD_BOOL: assert_true(json_is_boolean(value)); return;
	case FIELD_INT64:
		if (!json_is_integer(value) || (field->max != 0 && json_integer_value(value) < field->min))
			fail_msg("%s is no number, or too small", path);
		return;
	case FIELD_OBJECT: validate_object(path, field->sub, value); return;
	case FIELD_LIST:
		assert_true(json_array_size(value) > 0);
		json_array_foreach(value, i, item)
			validate(path, field, field->item, item);
		return;
	default: fail_msg("%s has a type that statuses do not have", path);
	}
}

static void validate_object(const char *path, const struct schema *schema, const json_t *object)
{
	const char *name;
	json_t *value;
	if (!json_is_object(object))
		fail_msg("%s is no object", path);
	json_object_foreach((json_t *)object, name, value) {
		char here[256];
		const struct field *field = schema_field(schema, span_of(name));
		snprintf(here, sizeof here, "%s.%s", path, name);
		if (field == NULL)
			fail_msg("%s is not in the schema", here);
		validate(here, field, field->type, value);
	}
	for (size_t i = 0; i < schema->count; i++)
		if ((schema->fields[i].flags & FIELD_REQUIRED) != 0 && json_object_get(object, schema->fields[i].name) == NULL)
			fail_msg("%s.%s is missing", path, schema->fields[i].name);
}

void status_validate(const struct kind *kind, const json_t *status)
{
	const json_t *conditions = json_object_get(status, "conditions");
	validate_object("status", kind->status, status);
	for (size_t i = 0; i < json_array_size(conditions); i++) { /* a map by type */
		const json_t *one = json_array_get(conditions, i);
		assert_ptr_equal(condition_of(status, member_of(one, "type")), one);
	}
}

/* --- kstatus -------------------------------------------------------------------------------------------------------- */

static bool is_observed(const json_t *status, int64_t generation)
{
	const json_t *observed = json_object_get(status, "observedGeneration");
	return observed == NULL || json_integer_value(observed) == generation;
}

/* Its rules in their order; an object that is being deleted is Terminating before any of them. */
const char *status_kstatus(const json_t *status, int64_t generation)
{
	size_t i;
	const json_t *one;
	if (!is_observed(status, generation))
		return "InProgress";
	json_array_foreach(json_object_get(status, "conditions"), i, one) {
		bool holds = strcmp(member_of(one, "status"), "True") == 0;
		if (holds && strcmp(member_of(one, "type"), "Reconciling") == 0)
			return "InProgress";
		if (holds && strcmp(member_of(one, "type"), "Stalled") == 0)
			return "Failed";
	}
	return condition_of(status, "Ready") == NULL || condition_is(status, "Ready", "True") ? "Current" : "InProgress";
}

/* --- Argo CD -------------------------------------------------------------------------------------------------------- */

const char *status_argo(const json_t *status, int64_t generation, bool is_suspended)
{
	static const char *const waits[] = {"MissingCluster", "MissingConnection", "MissingSecret", "MissingTemplate", "Deleting"};
	if (is_suspended)
		return "Suspended";
	if (json_array_size(json_object_get(status, "conditions")) == 0 || !is_observed(status, generation))
		return "Progressing";
	if (condition_is(status, "Stalled", "True"))
		return "Degraded";
	if (condition_is(status, "Reconciling", "True"))
		return "Progressing";
	const json_t *ready = condition_of(status, "Ready"), *main = ready != NULL ? ready : condition_of(status, "Accepted");
	if (main == NULL)
		return "Progressing";
	if (strcmp(member_of(main, "status"), "True") == 0)
		return "Healthy";
	if (condition_is(status, "Suspended", "True") || strcmp(member_of(main, "reason"), "Suspended") == 0)
		return "Suspended";
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		if (strcmp(member_of(main, "reason"), waits[i]) == 0)
			return "Progressing";
	return strcmp(member_of(main, "status"), "Unknown") == 0 ? "Progressing" : "Degraded";
}
