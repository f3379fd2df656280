#include "render/patch_int.h"

enum diag_severity patch_severity(const struct patch_walk *walk)
{
	return walk->talos.is_exact ? DIAG_ERROR : DIAG_WARNING;
}

static void walk_value(struct patch_walk *walk, const struct talos_type *type, unsigned root, const struct node *node,
		       const struct field_path *path);

static const char *node_words(const struct node *node)
{
	static const char *const WORDS[] = {
		[NODE_ABSENT] = "nothing",	   [NODE_NULL] = "nothing", [NODE_BOOL] = "true or false",
		[NODE_INT] = "a number",	   [NODE_FLOAT] = "a number", [NODE_TIME] = "a date",
		[NODE_STRING] = "text",		   [NODE_SEQ] = "a list",   [NODE_MAP] = "a mapping",
	};

	return WORDS[node->kind];
}

static void wrong_type(struct patch_walk *walk, const struct talos_type *type, const struct node *node,
		       const struct field_path *path)
{
	char words[PATCH_WORDS_MAX];
	struct diag *diag = patch_report(walk, patch_severity(walk), "WrongPatchType", node, path,
					 "this must be %s, not %s", patch_type_words(type, words), node_words(node));

	if (type->kind == TALOS_LIST && node->kind != NODE_MAP)
		patch_hint(walk, diag, "write it as a list with one item: [...]");
	else if (type->kind == TALOS_STRING && node_is(node, NODE_MAP))
		patch_hint(walk, diag, "quote the text when it contains \": \" or begins with {");
}

static bool may_be_secret(const struct talos_type *type)
{
	return type->kind == TALOS_BASE64 || type->kind == TALOS_BASE64_KEY || type->kind == TALOS_STRING ||
	       type->kind == TALOS_URL;
}

static void bad_value(struct patch_walk *walk, const struct talos_type *type, const struct node *node,
		      struct span text, const struct field_path *path)
{
	char words[PATCH_WORDS_MAX];
	struct span near = type->kind == TALOS_ENUM ? talos_value_near(type, text) : (struct span){0};
	struct diag *diag;

	patch_type_words(type, words);
	if (may_be_secret(type) || text.len > 60)
		diag = patch_report(walk, patch_severity(walk), "BadPatchValue", node, path, "this must be %s", words);
	else
		diag = patch_report(walk, patch_severity(walk), "BadPatchValue", node, path, "\"%.*s\" is not %s",
				    SPAN_ARG(text), words);
	if (near.len > 0)
		patch_hint(walk, diag, "did you mean %.*s?", SPAN_ARG(near));
	else if (type->kind == TALOS_DURATION && node->kind != NODE_STRING)
		patch_hint(walk, diag, "a duration needs its unit: %.*ss", SPAN_ARG(text));
	else if (node->kind == NODE_TIME)
		patch_hint(walk, diag, "put the date in quotes");
	else if (type->kind == TALOS_URL)
		patch_hint(walk, diag, "an address needs its scheme in front: https://...");
	else if (type->kind == TALOS_BOOL && node->kind == NODE_STRING)
		patch_hint(walk, diag, "write true or false without quotes");
}

/* --- unknown names --------------------------------------------------------------------------------------------------- */

static void hint_other_minor(struct patch_walk *walk, struct diag *diag, uint16_t minors)
{
	unsigned first = talos_first_minor(minors), last = talos_last_minor(minors);

	if (first > walk->talos.minor)
		patch_hint(walk, diag, "known since Talos 1.%u; the cluster runs %.*s", first,
			   SPAN_ARG(walk->check->talos_version));
	else
		patch_hint(walk, diag, "removed after Talos 1.%u; the cluster runs %.*s", last,
			   SPAN_ARG(walk->check->talos_version));
}

/* Is there a place for the name, further inside or elsewhere in the document? */
static bool find_place(const struct patch_walk *walk, unsigned structure, unsigned root, struct span name,
		       const struct field_path *path, struct text *out)
{
	unsigned count = talos_field_places(structure, name, walk->talos.mask, PATH_TEXT(path), out);

	if (count == 0 && structure != root)
		count = talos_field_places(root, name, walk->talos.mask, "", out);
	return count > 0 && count <= 3 && text_ok(out);
}

/* A name that is nearly right beats the right name at another place, and that one beats a name that is rather far. */
static void hint_name(struct patch_walk *walk, struct diag *diag, unsigned structure, unsigned root, struct span name,
		      const struct field_path *path)
{
	struct span near = talos_field_near(structure, name, walk->talos.mask);
	bool is_sure = near.len > 0 && span_distance(near, name, 2) < 2;
	struct text place;

	text_init(&place, (size_t)3 * FIELD_PATH_MAX);
	if (!is_sure && find_place(walk, structure, root, name, path, &place))
		patch_hint(walk, diag, "it belongs under %.*s", SPAN_ARG(text_span(&place)));
	else if (near.len > 0)
		patch_hint(walk, diag, "did you mean %.*s?", SPAN_ARG(near));
	text_done(&place);
}

static void unknown_field(struct patch_walk *walk, unsigned structure, unsigned root, const struct pair *pair,
			  const struct field_path *path)
{
	struct span name = node_source_text(&pair->key);
	struct field_path here = path_span(path, name);
	uint16_t minors = talos_field_minors(structure, name);
	struct diag *diag;

	if (walk->talos.is_exact)
		diag = patch_error(walk, "UnknownPatchField", &pair->key, &here, "Talos 1.%u has no field \"%.*s\" here",
				   walk->talos.minor, SPAN_ARG(name));
	else
		diag = patch_report(walk, DIAG_WARNING, "UnknownPatchField", &pair->key, &here,
				    "Talos 1.%u, the nearest that is known here, has no field \"%.*s\" at this place",
				    talos_first_minor(walk->talos.mask), SPAN_ARG(name));
	if (span_is(name, "$patch"))
		patch_hint(walk, diag, "the only directive is $patch: delete");
	else if (minors != 0 && walk->talos.is_exact)
		hint_other_minor(walk, diag, minors);
	else
		hint_name(walk, diag, structure, root, name, path);
}

/* --- the walk -------------------------------------------------------------------------------------------------------- */

static void walk_struct(struct patch_walk *walk, unsigned structure, unsigned root, const struct node *map,
			const struct field_path *path)
{
	for (size_t i = 0; i < map->len; i++) {
		const struct pair *pair = &map->pairs[i];
		struct span name = node_source_text(&pair->key);
		const struct talos_field *field = talos_field_find(structure, name, walk->talos.mask);
		struct field_path here = path_span(path, name);

		if (field == NULL)
			unknown_field(walk, structure, root, pair, path);
		else
			walk_value(walk, &talos_types[field->type], root, &pair->value, &here);
	}
}

static bool null_is_bad(const struct patch_walk *walk, const struct talos_type *type, const struct node *item)
{
	return (type->flags & TALOS_NO_NULL_ITEMS) && item->kind == NODE_NULL &&
	       talos_first_minor(walk->talos.mask) >= 14;
}

static void walk_items(struct patch_walk *walk, const struct talos_type *type, unsigned root, const struct node *node,
		       const struct field_path *path)
{
	const struct talos_type *inner = &talos_types[type->arg];

	for (size_t i = 0; i < node->len; i++) {
		bool is_map = node->kind == NODE_MAP;
		const struct node *item = is_map ? &node->pairs[i].value : &node->items[i];
		struct field_path here = is_map ? path_span(path, node_source_text(&node->pairs[i].key))
						: path_index(path, i);

		if (null_is_bad(walk, type, item))
			patch_report(walk, patch_severity(walk), "WrongPatchType", item, &here,
				     "there may not be an empty entry here");
		else
			walk_value(walk, inner, root, item, &here);
	}
}

static void walk_arg(struct patch_walk *walk, const struct talos_type *type, const struct node *node,
		     const struct field_path *path)
{
	if (walk->check->rules < OMNI_RULES_1_10)
		patch_hint(walk,
			   patch_error(walk, "PatchListNotInOmni", node, path,
				       "Omni 1.9 refuses a list of values for an argument, whatever Talos says"),
			   "write one text, or update Omni");
	for (size_t i = 0; i < node->len; i++) {
		struct field_path here = path_index(path, i);

		if (node->items[i].kind == NODE_SEQ || node->items[i].kind == NODE_MAP)
			wrong_type(walk, type, &node->items[i], &here);
		else if (!patch_value_fits(walk, type, &node->items[i], node_text(&node->items[i])))
			bad_value(walk, type, &node->items[i], node_text(&node->items[i]), &here);
	}
}

static void walk_value(struct patch_walk *walk, const struct talos_type *type, unsigned root, const struct node *node,
		       const struct field_path *path)
{
	struct span text = walk->is_text ? node_source_text(node) : node_text(node);

	if (!node_is_set(node) || type->kind == TALOS_ANY)
		return;
	switch (type->kind) {
	case TALOS_STRUCT:
	case TALOS_MAP:
	case TALOS_MAP_ANY:
		if (node->kind != NODE_MAP)
			wrong_type(walk, type, node, path);
		else if (type->kind == TALOS_STRUCT)
			walk_struct(walk, type->arg, root, node, path);
		else if (type->kind == TALOS_MAP)
			walk_items(walk, type, root, node, path);
		return;
	case TALOS_LIST:
		if (node->kind != NODE_SEQ)
			wrong_type(walk, type, node, path);
		else
			walk_items(walk, type, root, node, path);
		return;
	default: break;
	}
	if (node->kind == NODE_SEQ && type->kind == TALOS_ARG)
		walk_arg(walk, type, node, path);
	else if (node->kind == NODE_SEQ || node->kind == NODE_MAP)
		wrong_type(walk, type, node, path);
	else if (!patch_value_fits(walk, type, node, text))
		bad_value(walk, type, node, text, path);
}

void patch_fields(struct patch_walk *walk, unsigned structure, const struct node *root, const struct field_path *path)
{
	walk_struct(walk, structure, structure, root, path);
}
