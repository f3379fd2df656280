/* The strict decoder of plain templates: every document against its table. */
#include "render/template_schema.h"

#include <stdlib.h>

#include "base/duration.h"

struct decode {
	const struct diag_at *at;
	enum omni_rules rules;
};

enum { NEAR = 3 };

static bool is_word(struct span s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (span_is(s, *words))
			return true;
	return false;
}

/* The words that YAML 1.1 took for booleans are still accepted where a boolean is wanted. */
static bool read_bool(const struct node *node, bool *out)
{
	static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const no[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", NULL};
	struct span text = node_text(node);
	if (node_is(node, NODE_BOOL)) {
		*out = span_is(text, "true");
		return true;
	}
	*out = node_is(node, NODE_STRING) && is_word(text, yes);
	return *out || (node_is(node, NODE_STRING) && is_word(text, no));
}

bool template_bool(const struct node *node)
{
	bool value;
	return read_bool(node, &value) && value;
}

bool template_uint32(const struct node *node, uint32_t *out)
{
	int64_t value = 0;
	if (node_is(node, NODE_FLOAT)) {
		double number = strtod(node->text, NULL);
		if (!(number >= 0 && number <= UINT32_MAX) || (double)(uint32_t)number != number)
			return false;
		*out = (uint32_t)number;
		return true;
	}
	if (!node_is(node, NODE_INT) || !span_int(node_text(node), 0, UINT32_MAX, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

bool template_duration(const struct node *node, int64_t *out_ns)
{
	*out_ns = 0;
	if (node_is(node, NODE_INT))
		return span_is(node_text(node), "0");
	return node_is(node, NODE_STRING) && duration_parse(node_text(node), out_ns, NULL);
}

static const char *kind_of(const struct node *node)
{
	switch (node->kind) {
	case NODE_SEQ:
		return "a list";
	case NODE_MAP:
		return "a mapping";
	case NODE_BOOL:
		return "a boolean";
	case NODE_INT:
	case NODE_FLOAT:
		return "a number";
	case NODE_TIME:
		return "a date";
	default:
		return "text";
	}
}

static void wrong_type(const struct decode *decode, const struct node *node, const struct field_path *path,
		       const char *wanted)
{
	diag_error(decode->at, "WrongType", node, PATH_TEXT(path), "must be %s, but is %s", wanted, kind_of(node));
}

static void check_object(const struct decode *decode, const struct node *node, const struct schema *schema,
			 const struct field_path *path);

static void check_map(const struct decode *decode, const struct node *node, const struct field_path *path)
{
	if (node->kind != NODE_MAP) {
		wrong_type(decode, node, path, "a mapping of text to text");
		return;
	}
	for (uint32_t i = 0; i < node->len; i++) {
		const struct node *value = &node->pairs[i].value;
		struct field_path at = path_span(path, node_text(&node->pairs[i].key));
		if (value->kind == NODE_SEQ || value->kind == NODE_MAP)
			wrong_type(decode, value, &at, "text");
	}
}

static void check_choice(const struct decode *decode, const struct node *node, const struct field *field,
			 const struct field_path *path)
{
	if (field->choices == NULL || is_word(node_source_text(node), field->choices))
		return;
	struct diag *diag = diag_error(decode->at, "InvalidChoice", node, PATH_TEXT(path), "unknown value \"%.*s\"",
				       SPAN_ARG(node_source_text(node)));
	diag_hint(decode->at, diag, "use %s or %s", field->choices[0], field->choices[1]);
}

static bool is_item_count(struct span text)
{
	static const char *const words[] = {"unlimited", "∞", "infinity", "Unlimited", "Static", NULL};
	int64_t value;
	while (text.len > 1 && text.ptr[0] == '0')
		text = (struct span){text.ptr + 1, text.len - 1};
	return is_word(text, words) || span_int(text, 0, UINT32_MAX, &value);
}

static void check_size(const struct decode *decode, const struct node *node, const struct field_path *path)
{
	if (is_item_count(node_source_text(node)))
		return;
	struct diag *diag = diag_error(decode->at, "InvalidClassSize", node, PATH_TEXT(path),
				       "\"%.*s\" is no number of machines", SPAN_ARG(node_source_text(node)));
	diag_hint(decode->at, diag, "use a number such as 3, or unlimited");
}

static void check_number(const struct decode *decode, const struct node *node, const struct field_path *path)
{
	uint32_t value;
	if (!template_uint32(node, &value))
		diag_error(decode->at, node->kind == NODE_INT || node->kind == NODE_FLOAT ? "OutOfRange" : "WrongType",
			   node, PATH_TEXT(path), "must be a number from 0 to 4294967295, but is \"%.*s\"",
			   SPAN_ARG(node_text(node)));
}

static void check_duration(const struct decode *decode, const struct node *node, const struct field_path *path)
{
	int64_t ns;
	if (template_duration(node, &ns))
		return;
	struct diag *diag = diag_error(decode->at, "InvalidDuration", node, PATH_TEXT(path),
				       "\"%.*s\" is no duration", SPAN_ARG(node_text(node)));
	diag_hint(decode->at, diag, "write a number and a unit, such as 30s, 1h or 1h30m");
}

static void check_scalar(const struct decode *decode, const struct node *node, const struct field *field,
			 const struct field_path *path)
{
	bool truth;
	if (!node_is_scalar(node)) {
		wrong_type(decode, node, path, field->type == FIELD_BOOL ? "true or false" : "a single value");
		return;
	}
	switch (field->type) {
	case FIELD_BOOL:
		if (!read_bool(node, &truth))
			wrong_type(decode, node, path, "true or false");
		return;
	case FIELD_INT32:
		check_number(decode, node, path);
		return;
	case FIELD_DURATION:
		check_duration(decode, node, path);
		return;
	case FIELD_INT_OR_STRING:
		check_size(decode, node, path);
		return;
	default:
		check_choice(decode, node, field, path);
	}
}

static void check_list(const struct decode *decode, const struct node *node, const struct field *field,
		       const struct field_path *path)
{
	if (node->kind != NODE_SEQ) {
		wrong_type(decode, node, path, "a list");
		return;
	}
	for (uint32_t i = 0; i < node->len; i++) {
		const struct node *item = &node->items[i];
		struct field_path at = path_index(path, i);
		if (!node_is_set(item))
			continue; /* dropped, as Omni's client does */
		if (field->item == FIELD_OBJECT)
			check_object(decode, item, field->sub, &at);
		else if (!node_is_scalar(item))
			wrong_type(decode, item, &at, "text");
	}
}

static void check_field(const struct decode *decode, const struct node *node, const struct field *field,
			const struct field_path *path)
{
	if (!node_is_set(node))
		return;
	switch (field->type) {
	case FIELD_OBJECT:
		check_object(decode, node, field->sub, path);
		return;
	case FIELD_LIST:
		check_list(decode, node, field, path);
		return;
	case FIELD_MAP:
		check_map(decode, node, path);
		return;
	case FIELD_ANY:
		return; /* content: checked with its item */
	default:
		check_scalar(decode, node, field, path);
	}
}

static const char *nearest_field(const struct decode *decode, const struct schema *schema, struct span name)
{
	const char *best = NULL;
	size_t best_distance = NEAR;
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		if (!template_field_is_known(field, decode->rules))
			continue;
		size_t distance = span_distance(name, span_of(field->name), NEAR);
		if (distance < best_distance) {
			best = field->name;
			best_distance = distance;
		}
	}
	return best;
}

static const struct field *find_field(const struct schema *schema, struct span name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (span_is(name, schema->fields[i].name))
			return &schema->fields[i];
	return NULL;
}

static void unknown_field(const struct decode *decode, const struct schema *schema, const struct field *field,
			  const struct node *key, const struct field_path *path)
{
	struct diag *diag = diag_error(decode->at, "UnknownField", key, PATH_TEXT(path), "unknown field \"%.*s\"",
				       SPAN_ARG(node_text(key)));
	if (field != NULL) {
		diag_hint(decode->at, diag, "Omni knows this field since 1.10: choose the rules of that release or remove it");
		return;
	}
	const char *near = nearest_field(decode, schema, node_text(key));
	if (near != NULL)
		diag_hint(decode->at, diag, "did you mean \"%s\"?", near);
}

static void check_object(const struct decode *decode, const struct node *node, const struct schema *schema,
			 const struct field_path *path)
{
	if (node->kind != NODE_MAP) {
		wrong_type(decode, node, path, "a mapping");
		return;
	}
	for (uint32_t i = 0; i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		const struct field *field = find_field(schema, node_text(&pair->key));
		struct field_path at = path_span(path, node_text(&pair->key));
		if (field == NULL || !template_field_is_known(field, decode->rules))
			unknown_field(decode, schema, field, &pair->key, &at);
		else
			check_field(decode, &pair->value, field, &at);
	}
}

void template_schema_check(const struct diag_at *at, const struct node *root, enum template_kind kind,
			   enum omni_rules rules)
{
	struct decode decode = {at, rules};
	check_object(&decode, root, template_schema_of(kind), NULL);
}
