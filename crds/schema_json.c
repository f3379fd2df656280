/* JSON schemas of manifests, for editors. Draft 7, which every YAML language server reads. */
#include <stdio.h>

#include "crds/crd.h"

enum { DEPTH_MAX = 16 };

static void put_object(struct text *out, const struct schema *schema, int depth);

static void put_member(struct text *out, const char *name, const char *value)
{
	text_addf(out, ",\"%s\":", name);
	text_add_json(out, span_of(value));
}

static void put_number(struct text *out, const char *name, int64_t value)
{
	text_addf(out, ",\"%s\":%lld", name, (long long)value);
}

static void put_choices(struct text *out, const struct field *field)
{
	text_adds(out, ",\"enum\":[");
	for (const char *const *choice = field->choices; *choice != NULL; choice++) {
		if (choice != field->choices)
			text_addc(out, ',');
		text_add_json(out, span_of(*choice));
	}
	text_addc(out, ']');
}

static void put_limits(struct text *out, const struct field *field)
{
	static const char *const least[] = {[FIELD_STRING] = "minLength", [FIELD_INT32] = "minimum",
					    [FIELD_INT64] = "minimum",	  [FIELD_LIST] = "minItems"};
	static const char *const most[] = {[FIELD_STRING] = "maxLength", [FIELD_INT32] = "maximum",
					   [FIELD_INT64] = "maximum",	 [FIELD_LIST] = "maxItems"};
	bool has_limits = field->type == FIELD_STRING || field->type == FIELD_LIST || field->type == FIELD_INT32 ||
			  field->type == FIELD_INT64;
	if (has_limits && (field->min != 0 || field->max != 0))
		put_number(out, least[field->type], field->min);
	if (has_limits && field->max != 0 && field->max != INT64_MAX)
		put_number(out, most[field->type], field->max);
	if (field->type == FIELD_STRING && field->pattern != NULL)
		put_member(out, "pattern", field->pattern->regex);
	if (field->type == FIELD_DURATION)
		put_member(out, "pattern", PATTERN_DURATION.regex);
	if (field->choices != NULL)
		put_choices(out, field);
	if (field->dflt != NULL)
		put_member(out, "default", field->dflt);
}

static void put_items(struct text *out, const struct field *field, int depth)
{
	text_adds(out, ",\"items\":");
	if (field->item == FIELD_OBJECT) {
		text_adds(out, "{\"type\":\"object\"");
		put_object(out, field->sub, depth + 1);
		text_addc(out, '}');
	} else if (field->item == FIELD_STRING) {
		text_adds(out, "{\"type\":\"string\"");
		if (field->pattern != NULL)
			put_member(out, "pattern", field->pattern->regex);
		text_addc(out, '}');
	} else {
		text_adds(out, "{}");
	}
}

static void put_field(struct text *out, const struct field *field, int depth)
{
	static const char *const types[] = {
		[FIELD_STRING] = "\"string\"",	 [FIELD_BOOL] = "\"boolean\"",	  [FIELD_INT32] = "\"integer\"",
		[FIELD_INT64] = "\"integer\"",	 [FIELD_DURATION] = "\"string\"", [FIELD_TIME] = "\"string\"",
		[FIELD_OBJECT] = "\"object\"",	 [FIELD_LIST] = "\"array\"",	  [FIELD_MAP] = "\"object\"",
		[FIELD_FREE_OBJECT] = "\"object\"", [FIELD_INT_OR_STRING] = "[\"integer\",\"string\"]", [FIELD_ANY] = NULL,
	};
	text_add_json(out, span_of(field->name));
	text_adds(out, ":{\"description\":");
	text_add_json(out, span_of(field->doc));
	if (types[field->type] != NULL)
		text_addf(out, ",\"type\":%s", types[field->type]);
	put_limits(out, field);
	if (field->type == FIELD_MAP)
		text_adds(out, ",\"additionalProperties\":{\"type\":\"string\"}");
	if (field->type == FIELD_LIST)
		put_items(out, field, depth);
	if (field->type == FIELD_OBJECT)
		put_object(out, field->sub, depth + 1);
	text_addc(out, '}');
}

static void put_object(struct text *out, const struct schema *schema, int depth)
{
	bool is_first = true;
	if (depth > DEPTH_MAX)
		return;
	text_adds(out, ",\"additionalProperties\":false,\"required\":[");
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		if ((field->flags & FIELD_REQUIRED) == 0 || field->dflt != NULL)
			continue;
		if (!is_first)
			text_addc(out, ',');
		is_first = false;
		text_add_json(out, span_of(field->name));
	}
	text_adds(out, "],\"properties\":{");
	for (size_t i = 0; i < schema->count; i++) {
		if (i > 0)
			text_addc(out, ',');
		put_field(out, &schema->fields[i], depth);
	}
	text_addc(out, '}');
}

void schema_json_print(struct text *out, const struct kind *kind)
{
	text_adds(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":");
	text_add_json(out, span_of(kind->name));
	text_adds(out, ",\"description\":");
	text_add_json(out, span_of(kind->doc));
	text_adds(out, ",\"type\":\"object\",\"required\":[\"apiVersion\",\"kind\",\"metadata\",\"spec\"],\"properties\":{");
	text_addf(out, "\"apiVersion\":{\"const\":\"%s/%s\"},\"kind\":{\"const\":\"%s\"},", CRD_GROUP, CRD_VERSION, kind->name);
	text_adds(out, "\"metadata\":{\"type\":\"object\"},\"status\":{\"type\":\"object\"},\"spec\":{\"type\":\"object\"");
	put_object(out, kind->spec, 0);
	text_adds(out, "}},\"additionalProperties\":false}\n");
}
