/* Reference pages in Markdown. */
#include <stdio.h>
#include <string.h>

#include "crds/crd.h"
#include "crds/explain.h"

enum { PATH_MAX_LEN = 256, DEPTH_MAX = 16 };

static void put_cell(struct text *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			text_addc(out, '\\');
		text_addc(out, *text);
	}
}

static void put_limit(void *ctx, const char *sentence)
{
	struct text *out = ctx;
	text_addc(out, ' ');
	put_cell(out, sentence);
}

static const struct schema *schema_below(const struct field *field)
{
	return field->type == FIELD_OBJECT || (field->type == FIELD_LIST && field->item == FIELD_OBJECT) ? field->sub : NULL;
}

static void put_row(struct text *out, const char *path, const struct field *field)
{
	bool is_needed = (field->flags & FIELD_REQUIRED) != 0 && field->dflt == NULL;
	text_addf(out, "| `%s` | %s | %s | ", path, field_type_name(field), is_needed ? "yes" : "");
	put_cell(out, field->doc);
	explain_limits(field, put_limit, out);
	text_adds(out, (field->flags & FIELD_OURS) != 0 ? " (Not of the Go operator.) |\n" : " |\n");
}

static void put_rows(struct text *out, const char *path, const struct schema *schema, int depth)
{
	for (size_t i = 0; i < schema->count && depth < DEPTH_MAX; i++) {
		const struct field *field = &schema->fields[i];
		char here[PATH_MAX_LEN];
		bool is_list = field->type == FIELD_LIST;
		snprintf(here, sizeof here, "%s.%s%s", path, field->name, is_list ? "[]" : "");
		put_row(out, here, field);
		if (schema_below(field) != NULL)
			put_rows(out, here, field->sub, depth + 1);
	}
}

static void put_table(struct text *out, const char *path, const struct schema *schema)
{
	text_adds(out, "| Field | Type | Required | Meaning |\n|---|---|---|---|\n");
	put_rows(out, path, schema, 0);
}

static void put_rule(struct text *out, const char *path, const struct rule *rule, bool only_files)
{
	text_addf(out, "- `%s`: ", path);
	text_adds(out, rule->message);
	text_adds(out, only_files ? ". (Checked in files only.)\n" : ".\n");
}

static void put_rules(struct text *out, const char *path, const struct schema *schema, int depth)
{
	for (const struct rule *rule = schema->rules; rule != NULL && rule->message != NULL; rule++)
		put_rule(out, path, rule, rule->cel == NULL && schema->alternatives == NULL);
	for (size_t i = 0; i < schema->count && depth < DEPTH_MAX; i++) {
		const struct field *field = &schema->fields[i];
		char here[PATH_MAX_LEN];
		snprintf(here, sizeof here, "%s.%s%s", path, field->name, field->type == FIELD_LIST ? "[]" : "");
		if (schema_below(field) != NULL)
			put_rules(out, here, field->sub, depth + 1);
	}
}

void reference_print(struct text *out, const struct kind *kind)
{
	text_addf(out, "<!-- Generated from crds/%s.c by `make gen`; do not edit. -->\n# %s\n\n", kind->singular, kind->name);
	text_adds(out, kind->doc);
	text_addf(out, "\n\n`apiVersion: %s/%s`, plural `%s`, short", CRD_GROUP, CRD_VERSION, kind->plural);
	for (const char *const *name = kind->short_names; *name != NULL; name++)
		text_addf(out, " `%s`", *name);
	text_adds(out, ", category `" CRD_CATEGORY "`.");
	if (kind->is_ours)
		text_adds(out, " The Go operator has no such kind.");
	text_adds(out, "\n\n```yaml\n");
	text_adds(out, kind->example);
	text_adds(out, "```\n\n## Spec\n\n");
	put_table(out, "spec", kind->spec);
	struct text rules;
	text_init(&rules, TEXT_NO_LIMIT);
	for (const struct rule *rule = kind->rules; rule != NULL && rule->message != NULL; rule++)
		put_rule(&rules, kind->name, rule, rule->cel == NULL);
	put_rules(&rules, "spec", kind->spec, 0);
	if (rules.len > 0) {
		text_adds(out, "\n## Rules between fields\n\n");
		text_add(out, text_span(&rules));
	}
	text_done(&rules);
	text_adds(out, "\n## Status\n\n");
	put_table(out, "status", kind->status);
}
