/* Fields against their rows: type, limits, form, choices. */
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "render/kind_internal.h"

/* --- text --------------------------------------------------------------------------------------------------------- */

static int64_t count_characters(struct span text)
{
	int64_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
	return count;
}

static void check_length(const struct kind_walk *walk, const struct field_path *path, const struct node *node, int64_t min,
			 int64_t max)
{
	if ((int64_t)node->len < min)
		diag_error(walk->at, "InvalidLength", node, PATH_TEXT(path), "must not be empty");
	else if (max > 0 && (int64_t)node->len > max && count_characters(node_text(node)) > max)
		diag_error(walk->at, "InvalidLength", node, PATH_TEXT(path), "is longer than %lld characters",
			   (long long)max);
}

enum { QUOTED_MAX = 60 };

/* A value for a message: short, and without line breaks. */
#define SHORT(text) (int)((text).len > QUOTED_MAX ? QUOTED_MAX : (text).len), (text).ptr

static void check_form(const struct kind_walk *walk, const struct field_path *path, const struct node *node,
		       const struct pattern *pattern)
{
	struct span text = node_text(node);
	if (pattern == NULL || pattern->matches(text))
		return;
	diag_error(walk->at, "InvalidFormat", node, PATH_TEXT(path), "\"%.*s\" is not %s", SHORT(text), pattern->form);
}

static const char *nearest_choice(const char *const *choices, struct span text)
{
	const char *nearest = NULL;
	size_t best = 4;
	for (; *choices != NULL; choices++) {
		size_t distance = span_distance(text, span_of(*choices), best);
		if (distance < best) {
			best = distance;
			nearest = *choices;
		}
	}
	return nearest;
}

static void check_choice(const struct kind_walk *walk, const struct field_path *path, const struct node *node,
			 const char *const *choices)
{
	struct span text = node_text(node);
	char list[200];
	size_t at = 0;
	for (size_t i = 0; choices[i] != NULL; i++) {
		if (span_is(text, choices[i]))
			return;
		if (at < sizeof list)
			at += (size_t)snprintf(list + at, sizeof list - at, "%s%s",
					       i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ", choices[i]);
	}
	const char *near = nearest_choice(choices, text);
	struct diag *diag = diag_error(walk->at, "InvalidChoice", node, PATH_TEXT(path), "\"%.*s\" is not possible",
				       SHORT(text));
	if (near != NULL)
		diag_hint(walk->at, diag, "did you mean \"%s\"? Possible are %s", near, list);
	else
		diag_hint(walk->at, diag, "possible are %s", list);
}

static bool check_string(const struct kind_walk *walk, const struct field_path *path, const struct field *field,
			 const struct node *node)
{
	static const struct pattern *const forms[] = {[FIELD_DURATION] = &PATTERN_DURATION, [FIELD_TIME] = NULL};
	if (node->kind != NODE_STRING) {
		kind_wrong_type(walk, path, node, field->type == FIELD_DURATION ? "a duration such as 5m" : "text", true);
		return false;
	}
	if (field->choices != NULL) {
		check_choice(walk, path, node, field->choices);
		return true;
	}
	check_length(walk, path, node, field->min, field->max);
	if ((int64_t)node->len >= field->min)
		check_form(walk, path, node, field->type == FIELD_STRING ? field->pattern : forms[field->type]);
	return true;
}

/* --- numbers, booleans -------------------------------------------------------------------------------------------- */

bool kind_integer(const struct node *node, int64_t *out)
{
	if (node->kind == NODE_INT)
		return span_int(node_text(node), INT64_MIN, INT64_MAX, out);
	if (node->kind != NODE_FLOAT)
		return false;
	double value = strtod(node->text, NULL);
	if (!(fabs(value) < 9007199254740992.0) || value != floor(value))
		return false;
	*out = (int64_t)value;
	return true;
}

static bool check_integer(const struct kind_walk *walk, const struct field_path *path, const struct field *field,
			  const struct node *node)
{
	int64_t value;
	if (!kind_integer(node, &value)) {
		bool is_number = node->kind == NODE_INT || node->kind == NODE_FLOAT;
		if (is_number)
			diag_error(walk->at, "OutOfRange", node, PATH_TEXT(path), "must be a whole number of 64 bits");
		else
			kind_wrong_type(walk, path, node, "a number", false);
		return false;
	}
	bool has_limits = field->min != 0 || field->max != 0;
	int64_t low = field->type == FIELD_INT32 ? INT32_MIN : INT64_MIN;
	int64_t high = field->type == FIELD_INT32 ? INT32_MAX : INT64_MAX;
	if (has_limits)
		low = field->min;
	if (field->max != 0 && field->max < high)
		high = field->max;
	if (value < low)
		diag_error(walk->at, "OutOfRange", node, PATH_TEXT(path), "must be at least %lld", (long long)low);
	else if (value > high)
		diag_error(walk->at, "OutOfRange", node, PATH_TEXT(path), "must be at most %lld", (long long)high);
	return true;
}

/* --- lists, maps -------------------------------------------------------------------------------------------------- */

static void check_map(const struct kind_walk *walk, const struct field_path *path, const struct node *node)
{
	for (size_t i = 0; i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		if (pair->value.kind == NODE_STRING || pair->value.kind == NODE_NULL)
			continue;
		struct field_path here = path_span(path, node_text(&pair->key));
		kind_wrong_type(walk, &here, &pair->value, "text", true);
	}
}

static void check_item(const struct kind_walk *walk, const struct field_path *path, const struct field *field,
		       const struct node *item)
{
	if (field->item == FIELD_OBJECT && item->kind != NODE_MAP)
		kind_wrong_type(walk, path, item, "an object", false);
	else if (field->item == FIELD_OBJECT)
		kind_check_object(walk, path, field->sub, item);
	else if (field->item == FIELD_STRING && item->kind != NODE_STRING)
		kind_wrong_type(walk, path, item, "text", true);
	else if (field->item == FIELD_STRING) {
		check_length(walk, path, item, 0, (field->flags & FIELD_SERVER_LIMIT) != 0 ? 0 : field->item_max);
		check_form(walk, path, item, field->pattern);
	}
}

static void check_list(const struct kind_walk *walk, const struct field_path *path, const struct field *field,
		       const struct node *node)
{
	if ((int64_t)node->len < field->min)
		diag_error(walk->at, "InvalidLength", node, PATH_TEXT(path), "must have at least %lld item%s",
			   (long long)field->min, field->min == 1 ? "" : "s");
	bool has_limit = field->max > 0 && (field->flags & FIELD_SERVER_LIMIT) == 0;
	if (has_limit && (int64_t)node->len > field->max)
		diag_error(walk->at, "InvalidLength", node, PATH_TEXT(path), "has %u items, more than %lld", node->len,
			   (long long)field->max);
	if (field->item == FIELD_ANY)
		return;
	for (size_t i = 0; i < node->len; i++) {
		struct field_path here = path_index(path, i);
		check_item(walk, &here, field, &node->items[i]);
	}
}

/* --- one field, one object ---------------------------------------------------------------------------------------- */

static bool needs_kind(const struct kind_walk *walk, const struct field_path *path, const struct node *node,
		       enum node_kind kind, const char *wanted)
{
	if (node->kind == kind)
		return true;
	kind_wrong_type(walk, path, node, wanted, false);
	return false;
}

/* False when the type is wrong: then nothing more can be said. */
static bool check_value(const struct kind_walk *walk, const struct field_path *path, const struct field *field,
			const struct node *node)
{
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_DURATION:
	case FIELD_TIME: return check_string(walk, path, field, node);
	case FIELD_INT32:
	case FIELD_INT64: return check_integer(walk, path, field, node);
	case FIELD_BOOL: return needs_kind(walk, path, node, NODE_BOOL, "true or false");
	case FIELD_FREE_OBJECT: return needs_kind(walk, path, node, NODE_MAP, "an object");
	case FIELD_INT_OR_STRING:
		return kind_integer(node, &(int64_t){0}) || needs_kind(walk, path, node, NODE_STRING, "a number or text");
	case FIELD_MAP:
		if (!needs_kind(walk, path, node, NODE_MAP, "a map of texts"))
			return false;
		check_map(walk, path, node);
		return true;
	case FIELD_LIST:
		if (!needs_kind(walk, path, node, NODE_SEQ, "a list"))
			return false;
		check_list(walk, path, field, node);
		return true;
	case FIELD_OBJECT:
		if (!needs_kind(walk, path, node, NODE_MAP, "an object"))
			return false;
		kind_check_object(walk, path, field->sub, node);
		return true;
	case FIELD_ANY: break;
	}
	return true;
}

const struct field *kind_next_field(const struct schema *schema, struct span name, size_t *cursor)
{
	for (size_t n = 0; n < schema->count; n++) {
		const struct field *field = &schema->fields[*cursor];
		*cursor = *cursor + 1 == schema->count ? 0 : *cursor + 1;
		if (span_is(name, field->name))
			return field;
	}
	return NULL;
}

static void check_missing(const struct kind_walk *walk, const struct field_path *path, const struct schema *schema,
			  const struct node *node, uint64_t seen)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		if ((field->flags & FIELD_REQUIRED) == 0 || field->dflt != NULL || (seen >> i & 1) != 0)
			continue;
		struct field_path here = path_key(path, field->name);
		struct diag *diag = diag_error(walk->at, "MissingField", node, PATH_TEXT(&here), "%s is required",
					       field->name);
		diag_hint(walk->at, diag, "%s", field->doc);
	}
}

void kind_check_object(const struct kind_walk *walk, const struct field_path *path, const struct schema *schema,
		       const struct node *node)
{
	uint64_t seen = 0; /* no object has 64 fields: a test looks at the tables */
	size_t cursor = 0;
	for (size_t i = 0; i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		const struct field *field = kind_next_field(schema, node_text(&pair->key), &cursor);
		if (field == NULL) {
			kind_unknown_field(walk, path, schema, &pair->key);
			continue;
		}
		if (pair->value.kind <= NODE_NULL)
			continue;
		seen |= UINT64_C(1) << (field - schema->fields);
		struct field_path here = path_key(path, field->name);
		if (check_value(walk, &here, field, &pair->value) && field->rules != NULL)
			kind_check_rules(walk, &here, field->rules, &pair->value);
	}
	check_missing(walk, path, schema, node, seen);
	kind_check_rules(walk, path, schema->rules, node);
}
