/* CustomResourceDefinitions from the tables. */
#include <stdio.h>

#include "base/cleanup.h"
#include "crds/crd.h"
#include "crds/crd_text.h"

/* Deeper than any table; a table that refers to itself would otherwise never end. */
enum { MAX_INDENT = 80 };

static void put_schema(struct text *out, unsigned indent, const struct schema *schema);

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool has_cel(const struct rule *rules)
{
	for (const struct rule *rule = rules; rule != NULL && rule->message != NULL; rule++)
		if (rule->cel != NULL)
			return true;
	return false;
}

static void put_rule(struct text *out, unsigned indent, const char *cel, const char *message)
{
	text_pad(out, ' ', indent);
	text_adds(out, "- rule: ");
	put_scalar(out, cel);
	text_addc(out, '\n');
	put_string(out, indent + 2, "message", message);
}

static void put_rules(struct text *out, unsigned indent, const struct rule *rules)
{
	for (const struct rule *rule = rules; rule != NULL && rule->message != NULL; rule++)
		if (rule->cel != NULL)
			put_rule(out, indent, rule->cel, rule->message);
}

static void put_field_rules(struct text *out, unsigned indent, const struct field *field)
{
	bool is_immutable = (field->flags & FIELD_IMMUTABLE) != 0;
	if (!is_immutable && !has_cel(field->rules))
		return;
	put_key(out, indent, "x-kubernetes-validations");
	put_rules(out, indent + 2, field->rules);
	if (is_immutable) {
		char message[64];
		snprintf(message, sizeof message, "%s is immutable", field->name);
		put_rule(out, indent + 2, "self == oldSelf", message);
	}
}

static void put_schema_rules(struct text *out, unsigned indent, const struct rule *rules)
{
	if (!has_cel(rules))
		return;
	put_key(out, indent, "x-kubernetes-validations");
	put_rules(out, indent + 2, rules);
}

static void put_alternatives(struct text *out, unsigned indent, const struct alternative *alternatives)
{
	put_key(out, indent, "oneOf");
	for (const struct alternative *one = alternatives; one->field != NULL; one++) {
		text_pad(out, ' ', indent + 2);
		text_adds(out, "- required:\n");
		put_item(out, indent + 6, one->field);
		if (one->min == 0)
			continue;
		put_key(out, indent + 4, "properties");
		put_key(out, indent + 6, one->field);
		put_number(out, indent + 8, one->type == FIELD_LIST ? "minItems" : "minLength", one->min);
	}
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* How a type is said in OpenAPI. */
static const struct {
	const char *type, *format;
} open_api[] = {
	[FIELD_STRING] = {"string", NULL},     [FIELD_BOOL] = {"boolean", NULL},    [FIELD_INT32] = {"integer", "int32"},
	[FIELD_INT64] = {"integer", "int64"},  [FIELD_DURATION] = {"string", NULL}, [FIELD_TIME] = {"string", "date-time"},
	[FIELD_INT_OR_STRING] = {NULL, NULL},  [FIELD_OBJECT] = {"object", NULL},   [FIELD_LIST] = {"array", NULL},
	[FIELD_MAP] = {"object", NULL},	       [FIELD_ANY] = {NULL, NULL},	    [FIELD_FREE_OBJECT] = {"object", NULL},
};

static void put_type(struct text *out, unsigned indent, enum field_type type)
{
	if (open_api[type].type != NULL)
		put_string(out, indent, "type", open_api[type].type);
	if (open_api[type].format != NULL)
		put_string(out, indent, "format", open_api[type].format);
	if (type == FIELD_ANY || type == FIELD_FREE_OBJECT)
		put_true(out, indent, "x-kubernetes-preserve-unknown-fields");
	if (type == FIELD_INT_OR_STRING) {
		put_true(out, indent, "x-kubernetes-int-or-string");
		put_key(out, indent, "anyOf");
		text_pad(out, ' ', indent + 2);
		text_adds(out, "- type: integer\n");
		text_pad(out, ' ', indent + 2);
		text_adds(out, "- type: string\n");
	}
}

static void put_range(struct text *out, unsigned indent, const struct field *field, const char *least, const char *most)
{
	if (field->min != 0 || (field->type != FIELD_STRING && field->type != FIELD_LIST && field->max != 0))
		put_number(out, indent, least, field->min);
	if (field->max != 0 && field->max != INT64_MAX)
		put_number(out, indent, most, field->max);
}

static void put_limits(struct text *out, unsigned indent, const struct field *field)
{
	switch (field->type) {
	case FIELD_STRING: put_range(out, indent, field, "minLength", "maxLength"); break;
	case FIELD_LIST: put_range(out, indent, field, "minItems", "maxItems"); break;
	case FIELD_INT32:
	case FIELD_INT64: put_range(out, indent, field, "minimum", "maximum"); break;
	default: break;
	}
	if (field->pattern != NULL && field->type == FIELD_STRING)
		put_string(out, indent, "pattern", field->pattern->regex);
	if (field->type == FIELD_DURATION) {
		put_number(out, indent, "maxLength", 128);
		put_string(out, indent, "pattern", PATTERN_DURATION.regex);
	}
	if (field->choices == NULL)
		return;
	put_key(out, indent, "enum");
	for (const char *const *choice = field->choices; *choice != NULL; choice++)
		put_item(out, indent + 2, *choice);
}

static void put_list(struct text *out, unsigned indent, const struct field *field)
{
	if ((field->flags & FIELD_SET) != 0)
		put_string(out, indent, "x-kubernetes-list-type", "set");
	if ((field->flags & FIELD_MAP_KEYED) != 0) {
		put_string(out, indent, "x-kubernetes-list-type", "map");
		put_key(out, indent, "x-kubernetes-list-map-keys");
		put_item(out, indent + 2, "type");
	}
	if (field->item == FIELD_ANY)
		put_true(out, indent, "x-kubernetes-preserve-unknown-fields");
	put_key(out, indent, "items");
	put_type(out, indent + 2, field->item);
	if (field->item == FIELD_OBJECT)
		put_schema(out, indent + 2, field->sub);
	if (field->item_max > 0)
		put_number(out, indent + 2, "maxLength", field->item_max);
	if (field->item == FIELD_STRING && field->pattern != NULL)
		put_string(out, indent + 2, "pattern", field->pattern->regex);
}

static void put_field(struct text *out, unsigned indent, const struct field *field)
{
	put_key(out, indent, field->name);
	indent += 2;
	put_string(out, indent, "description", field->doc);
	put_type(out, indent, field->type);
	if (field->dflt != NULL)
		put_string(out, indent, "default", field->dflt);
	put_limits(out, indent, field);
	if (field->type == FIELD_LIST)
		put_list(out, indent, field);
	if (field->type == FIELD_MAP) {
		put_key(out, indent, "additionalProperties");
		put_type(out, indent + 2, FIELD_STRING);
	}
	if (field->type == FIELD_OBJECT)
		put_schema(out, indent, field->sub);
	put_field_rules(out, indent, field);
}

/* What an object schema says behind its `type: object`. */
static void put_schema(struct text *out, unsigned indent, const struct schema *schema)
{
	if (indent > MAX_INDENT)
		return;
	bool has_required = false;
	for (size_t i = 0; i < schema->count; i++) {
		if ((schema->fields[i].flags & FIELD_REQUIRED) == 0)
			continue;
		if (!has_required)
			put_key(out, indent, "required");
		has_required = true;
		put_item(out, indent + 2, schema->fields[i].name);
	}
	if (schema->alternatives != NULL)
		put_alternatives(out, indent, schema->alternatives);
	put_schema_rules(out, indent, schema->rules);
	put_key(out, indent, "properties");
	for (size_t i = 0; i < schema->count; i++)
		put_field(out, indent + 2, &schema->fields[i]);
}

/* --- the definition ----------------------------------------------------------------------------------------------- */

static void put_names(struct text *out, const struct kind *kind)
{
	char list_kind[64];
	snprintf(list_kind, sizeof list_kind, "%sList", kind->name);
	put_key(out, 2, "names");
	put_string(out, 4, "kind", kind->name);
	put_string(out, 4, "listKind", list_kind);
	put_string(out, 4, "plural", kind->plural);
	put_string(out, 4, "singular", kind->singular);
	put_key(out, 4, "shortNames");
	for (const char *const *name = kind->short_names; *name != NULL; name++)
		put_item(out, 6, *name);
	put_key(out, 4, "categories");
	put_item(out, 6, CRD_CATEGORY);
}

static void put_columns(struct text *out, const struct kind *kind)
{
	put_key(out, 6, "additionalPrinterColumns");
	for (size_t i = 0; i < kind->column_count; i++) {
		const struct printer_column *column = &kind->columns[i];
		text_addf(out, "        - name: %s\n", column->name);
		put_string(out, 10, "type", column->type);
		put_string(out, 10, "jsonPath", column->json_path);
		put_string(out, 10, "description", column->doc);
		if (column->priority != 0)
			put_number(out, 10, "priority", column->priority);
	}
}

/* The restriction of metadata.name bounds the cost of rules that look at it; every name is within it anyway. */
static void put_top_level(struct text *out, const struct kind *kind)
{
	text_adds(out, "      schema:\n        openAPIV3Schema:\n");
	put_string(out, 10, "description", kind->doc);
	text_adds(out, "          type: object\n          required:\n            - spec\n");
	put_schema_rules(out, 10, kind->rules);
	text_adds(out, "          properties:\n"
		       "            apiVersion:\n              type: string\n"
		       "            kind:\n              type: string\n"
		       "            metadata:\n              type: object\n"
		       "              properties:\n                name:\n                  type: string\n"
		       "                  maxLength: 253\n");
	put_key(out, 12, "spec");
	put_string(out, 14, "type", "object");
	put_schema(out, 14, kind->spec);
	/* Until the agent has seen an object, tools that wait for it must not take it for done. */
	put_key(out, 12, "status");
	put_string(out, 14, "type", "object");
	text_adds(out, "              default:\n                observedGeneration: -1\n");
	put_schema(out, 14, kind->status);
}

void crd_print(struct text *out, const struct kind *kind)
{
	text_adds(out, "# Generated by `omniops crds`; do not edit.\n"
		       "apiVersion: apiextensions.k8s.io/v1\n"
		       "kind: CustomResourceDefinition\n"
		       "metadata:\n");
	text_addf(out, "  name: %s.%s\n", kind->plural, CRD_GROUP);
	put_key(out, 0, "spec");
	put_string(out, 2, "group", CRD_GROUP);
	put_names(out, kind);
	put_string(out, 2, "scope", "Namespaced");
	put_key(out, 2, "versions");
	text_addf(out, "    - name: %s\n", CRD_VERSION);
	text_adds(out, "      served: true\n      storage: true\n      subresources:\n        status: {}\n");
	put_columns(out, kind);
	put_top_level(out, kind);
}
