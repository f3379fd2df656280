/* Between the files of the kind checks. */
#ifndef RENDER_KIND_INTERNAL_H
#define RENDER_KIND_INTERNAL_H

#include "render/field_path.h"
#include "render/kind_check.h"

/* One document that is being checked. */
struct kind_walk {
	const struct diag_at *at;
	const struct kind *kind;
	const struct node *root;
};

/* A field that counts: neither absent nor null, which the API server drops. */
const struct node *kind_value(const struct node *object, const char *name);

/* A whole number; 3.0 is the integer 3, that is what arrives in JSON. */
bool kind_integer(const struct node *node, int64_t *out);

/* An object against its rows, rules included. */
void kind_check_object(const struct kind_walk *walk, const struct field_path *path, const struct schema *schema,
		       const struct node *node);
/* metadata: name, namespace, labels, annotations. */
void kind_check_metadata(const struct kind_walk *walk);
/* The rules that a field, an object or the whole document carries. */
void kind_check_rules(const struct kind_walk *walk, const struct field_path *path, const struct rule *rules,
		      const struct node *node);
/* What is allowed but should be known. */
void kind_check_warnings(const struct kind_walk *walk);

/* An unknown field, with the name that was probably meant. */
void kind_unknown_field(const struct kind_walk *walk, const struct field_path *path, const struct schema *schema,
			const struct node *key);
/* "must be text, not a number", with a hint where one is known. */
void kind_wrong_type(const struct kind_walk *walk, const struct field_path *path, const struct node *node,
		     const char *wanted, bool wants_text);

#endif
