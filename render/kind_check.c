#include "render/kind_check.h"

#include "render/kind_internal.h"

const struct node *kind_value(const struct node *object, const char *name)
{
	const struct node *value = node_get(object, name);
	return node_is_set(value) ? value : NULL;
}

/* --- what is said about wrong fields ------------------------------------------------------------------------------ */

static const char *type_in_words(const struct node *node)
{
	switch (node->kind) {
	case NODE_NULL: return "null";
	case NODE_BOOL: return "a boolean";
	case NODE_INT:
	case NODE_FLOAT: return "a number";
	case NODE_SEQ: return "a list";
	case NODE_MAP: return "an object";
	default: return "text";
	}
}

void kind_wrong_type(const struct kind_walk *walk, const struct field_path *path, const struct node *node,
		     const char *wanted, bool wants_text)
{
	struct diag *diag = diag_error(walk->at, "WrongType", node, PATH_TEXT(path), "must be %s, not %s", wanted,
				       type_in_words(node));
	if (wants_text && node->kind == NODE_BOOL)
		diag_hint(walk->at, diag,
			  "without quotes YAML reads true, yes, on, y and their opposites as booleans: write it in quotes");
	else if (wants_text && node->kind == NODE_INT)
		diag_hint(walk->at, diag, "write it in quotes: \"%.*s\"", SPAN_ARG(node_text(node)));
	else if (wants_text && node->kind == NODE_FLOAT) /* its text may have lost a zero: 1.10 */
		diag_hint(walk->at, diag, "write it in quotes");
	else if (!wants_text && node->kind == NODE_STRING && node->style != NODE_PLAIN && node->len < 40)
		diag_hint(walk->at, diag, "write it without quotes: %.*s", SPAN_ARG(node_text(node)));
}

void kind_unknown_field(const struct kind_walk *walk, const struct field_path *path, const struct schema *schema,
			const struct node *key)
{
	struct span name = node_text(key);
	struct field_path here = path_span(path, name);
	struct diag *diag = diag_error(walk->at, "UnknownField", key, PATH_TEXT(&here), "%s has no field \"%.*s\" here",
				       walk->kind->name, SPAN_ARG(name));
	const char *near = schema_nearest(schema, name);
	if (near != NULL)
		diag_hint(walk->at, diag, "did you mean \"%s\"?", near);
	else if (schema != walk->kind->spec && schema_field(walk->kind->spec, name) != NULL)
		diag_hint(walk->at, diag, "there is a field spec.%.*s: is the indentation right?", SPAN_ARG(name));
}

/* --- the document ------------------------------------------------------------------------------------------------- */

static const struct field top_rows[] = {
	{.name = "apiVersion"}, {.name = "kind"}, {.name = "metadata"}, {.name = "spec"}, {.name = "status"},
};
static const struct schema top = {top_rows, sizeof top_rows / sizeof *top_rows, NULL, NULL};

static void check_top_level(const struct kind_walk *walk)
{
	for (size_t i = 0; i < walk->root->len; i++)
		if (schema_field(&top, node_text(&walk->root->pairs[i].key)) == NULL)
			kind_unknown_field(walk, NULL, &top, &walk->root->pairs[i].key);
}

static void check_spec(const struct kind_walk *walk)
{
	const struct field_path path = path_key(NULL, "spec");
	const struct node *spec = kind_value(walk->root, "spec");
	if (spec == NULL)
		diag_error(walk->at, "MissingField", walk->root, "spec", "%s needs a spec", walk->kind->name);
	else if (spec->kind != NODE_MAP)
		kind_wrong_type(walk, &path, spec, "an object", false);
	else
		kind_check_object(walk, &path, walk->kind->spec, spec);
}

bool kind_check(const struct diag_at *at, const struct node *root, const struct kind *kind)
{
	const struct kind_walk walk = {at, kind, root};
	size_t before = at->list->error_count;
	if (!node_is(root, NODE_MAP)) {
		diag_error(at, "WrongType", root, "", "a manifest is a mapping with apiVersion, kind, metadata and spec");
		return false;
	}
	check_top_level(&walk);
	kind_check_metadata(&walk);
	check_spec(&walk);
	kind_check_rules(&walk, NULL, kind->rules, root);
	kind_check_warnings(&walk);
	return at->list->error_count == before;
}
