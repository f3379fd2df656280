#include "crds/explain.h"

#include "base/cleanup.h"

enum { WIDTH = 96, INDENT = 4 };

static const struct field top_rows[] = {
	{.name = "apiVersion", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .doc = "Always `" CRD_GROUP "/" CRD_VERSION "`."},
	{.name = "kind", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .doc = "The kind of the object."},
	{.name = "metadata", .type = FIELD_FREE_OBJECT, .flags = FIELD_REQUIRED,
	 .doc = "Name, namespace, labels and annotations of the object, as everywhere in Kubernetes."},
};

/* --- lines -------------------------------------------------------------------------------------------------------- */

static size_t columns_of(struct span word)
{
	size_t count = 0;
	for (size_t i = 0; i < word.len; i++)
		count += ((unsigned char)word.ptr[i] & 0xC0) != 0x80;
	return count;
}

/* Words filled into lines; what is said in back quotes loses them on a terminal. */
static void put_paragraph(struct text *out, unsigned indent, const char *paragraph)
{
	struct span rest = span_of(paragraph), word;
	size_t column = 0;
	while (span_next(&rest, ' ', &word)) {
		size_t width = columns_of(word);
		if (column > 0 && indent + column + 1 + width > WIDTH) {
			text_addc(out, '\n');
			column = 0;
		}
		if (column == 0)
			text_pad(out, ' ', indent);
		else
			text_addc(out, ' ');
		column += width + (column > 0);
		for (size_t i = 0; i < word.len; i++)
			if (word.ptr[i] != '`')
				text_addc(out, word.ptr[i]);
	}
	text_addc(out, '\n');
}

static void put_limit(void *out, const char *sentence)
{
	put_paragraph(out, INDENT, sentence);
}

static const char *type_of(const struct field *field)
{
	return field->type == FIELD_STRING && field->choices != NULL ? "choice" : field_type_name(field);
}

static void put_rows(struct text *out, const struct field *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_needed = (rows[i].flags & FIELD_REQUIRED) != 0 && rows[i].dflt == NULL;
		text_addf(out, "  %s  <%s>%s\n", rows[i].name, type_of(&rows[i]), is_needed ? "  required" : "");
		put_paragraph(out, INDENT + 2, rows[i].doc);
	}
}

static void put_rules(struct text *out, const struct rule *rules)
{
	for (const struct rule *rule = rules; rule != NULL && rule->message != NULL; rule++) {
		text_adds(out, "    Rule: ");
		text_adds(out, rule->message);
		text_adds(out, ".\n");
	}
}

static void put_children(struct text *out, const struct schema *schema)
{
	if (schema == NULL)
		return;
	put_rules(out, schema->rules);
	text_adds(out, "\nFIELDS\n");
	put_rows(out, schema->fields, schema->count);
}

/* --- finding a field ---------------------------------------------------------------------------------------------- */

/* "spec" and "status" are no rows of a table: they are made in *storage. */
static const struct field *top_field(const struct kind *kind, struct span name, struct field *storage)
{
	for (size_t i = 0; i < COUNT_OF(top_rows); i++)
		if (span_is(name, top_rows[i].name))
			return &top_rows[i];
	bool is_spec = span_is(name, "spec");
	if (!is_spec && !span_is(name, "status"))
		return NULL;
	*storage = (struct field){
		.name = is_spec ? "spec" : "status",
		.type = FIELD_OBJECT,
		.flags = is_spec ? FIELD_REQUIRED : 0,
		.sub = is_spec ? kind->spec : kind->status,
		.doc = is_spec ? "What is wanted." : "What was found; written by the agent, not by people.",
	};
	return storage;
}

/* A step without the index of a list item. */
static struct span step_name(struct span step)
{
	return span_before(step, '[');
}

static bool no_field(const struct kind *kind, const struct schema *schema, struct span name, struct fail *fail)
{
	const char *near = schema == NULL ? NULL : schema_nearest(schema, name);
	if (near != NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "%s has no field \"%.*s\" here; did you mean \"%s\"?", kind->name,
				SPAN_ARG(name), near);
	if (schema == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "there is nothing below: \"%.*s\" is no field of %s", SPAN_ARG(name),
				kind->name);
	return fail_set(fail, FAIL_NOT_FOUND, "%s has no field \"%.*s\" here", kind->name, SPAN_ARG(name));
}

static const struct schema *schema_below(const struct field *field)
{
	return field->type == FIELD_OBJECT || (field->type == FIELD_LIST && field->item == FIELD_OBJECT) ? field->sub : NULL;
}

/* The field, and in *out_path how it is reached from the top. */
static const struct field *find_field(const struct kind *kind, struct span path, struct field *storage,
				      struct text *out_path, struct fail *fail)
{
	struct span step;
	const struct schema *schema = kind->spec;
	const struct field *field = top_field(kind, step_name(span_before(path, '.')), storage);
	if (field != NULL) {
		schema = field->sub;
		path = span_behind(path, '.');
		text_adds(out_path, field->name);
	} else {
		text_adds(out_path, "spec");
	}
	while (span_next(&path, '.', &step)) {
		struct span name = step_name(step);
		field = schema == NULL ? NULL : schema_field(schema, name);
		if (field == NULL) {
			no_field(kind, schema, name, fail);
			return NULL;
		}
		schema = schema_below(field);
		text_addf(out_path, ".%s%s", field->name, field->type == FIELD_LIST && schema != NULL ? "[]" : "");
	}
	return field;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static void put_kind(struct text *out, const struct kind *kind)
{
	text_addf(out, "KIND     %s  (%s/%s)\nNAMES    %s, %s", kind->name, CRD_GROUP, CRD_VERSION, kind->plural,
		  kind->singular);
	for (const char *const *name = kind->short_names; *name != NULL; name++)
		text_addf(out, ", %s", *name);
	text_addc(out, '\n');
}

static void put_whole_kind(struct text *out, const struct kind *kind)
{
	put_kind(out, kind);
	text_addc(out, '\n');
	put_paragraph(out, INDENT, kind->doc);
	put_rules(out, kind->rules);
	text_adds(out, "\nFIELDS\n");
	put_rows(out, top_rows, COUNT_OF(top_rows));
	text_adds(out, "  spec  <object>  required\n");
	put_rules(out, kind->spec->rules);
	for (size_t i = 0; i < kind->spec->count; i++) {
		const struct field *field = &kind->spec->fields[i];
		bool is_needed = (field->flags & FIELD_REQUIRED) != 0 && field->dflt == NULL;
		text_addf(out, "    %s  <%s>%s\n", field->name, type_of(field), is_needed ? "  required" : "");
		put_paragraph(out, INDENT + 4, field->doc);
	}
	text_adds(out, "\nEXAMPLE\n");
	struct span rest = span_of(kind->example), line;
	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			text_addf(out, "    %.*s\n", SPAN_ARG(line));
}

static void done_text(struct text *text)
{
	text_done(text);
}

bool explain_print(struct text *out, const struct kind *kind, struct span field_path, struct fail *fail)
{
	if (field_path.len == 0) {
		put_whole_kind(out, kind);
		return true;
	}
	struct field storage;
	CLEANUP(done_text) struct text path;
	text_init(&path, 4096);
	const struct field *field = find_field(kind, field_path, &storage, &path, fail);
	if (field == NULL)
		return false;
	put_kind(out, kind);
	text_addf(out, "FIELD    %.*s  <%s>%s\n\n", (int)path.len, path.ptr, type_of(field),
		  (field->flags & FIELD_REQUIRED) != 0 && field->dflt == NULL ? "  required" : "");
	put_paragraph(out, INDENT, field->doc);
	explain_limits(field, put_limit, out);
	put_children(out, schema_below(field));
	return true;
}
