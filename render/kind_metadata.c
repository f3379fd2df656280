/* metadata of a manifest: names, labels, annotations, as Kubernetes wants them. */
#include <ctype.h>

#include "base/cleanup.h"
#include "render/kind_internal.h"

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63, ANNOTATIONS_MAX_BYTES = 256 * 1024 };

static const struct field rows[] = {
	{.name = "name"},
	{.name = "namespace"},
	{.name = "labels"},
	{.name = "annotations"},
	{.name = "finalizers"},
	{.name = "ownerReferences"},
	{.name = "generateName"},
	/* What a server writes; people commit it after `kubectl get -o yaml`. */
	{.name = "uid"},
	{.name = "resourceVersion"},
	{.name = "generation"},
	{.name = "creationTimestamp"},
	{.name = "deletionTimestamp"},
	{.name = "deletionGracePeriodSeconds"},
	{.name = "managedFields"},
	{.name = "selfLink"},
};
static const struct schema schema = {rows, COUNT_OF(rows), NULL, NULL};

/* --- forms -------------------------------------------------------------------------------------------------------- */

/* Labels of lower-case letters, digits and '-', joined by dots. */
static bool is_dns_name(struct span name)
{
	struct span rest = name, label;
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return false;
	while (span_next(&rest, '.', &label))
		if (!PATTERN_DNS_LABEL.matches(label))
			return false;
	return true;
}

/* Letters and digits at both ends, in between also '-', '_' and '.'. */
static bool is_word(struct span s)
{
	if (s.len == 0 || s.len > LABEL_MAX_LEN || !isalnum((unsigned char)s.ptr[0]) ||
	    !isalnum((unsigned char)s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.')
			return false;
	return true;
}

/* Kubernetes looks at the prefix of an annotation in lower case. */
static bool is_key(struct span key, bool fold_case)
{
	struct span name = span_behind(key, '/'), prefix = span_before(key, '/');
	char lower[NAME_MAX_LEN];
	if (name.ptr == NULL)
		return is_word(key);
	if (prefix.len > sizeof lower)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		lower[i] = (char)(fold_case ? tolower((unsigned char)prefix.ptr[i]) : prefix.ptr[i]);
	return is_dns_name((struct span){lower, prefix.len}) && is_word(name);
}

/* --- labels, annotations ------------------------------------------------------------------------------------------ */

static size_t check_texts(const struct kind_walk *walk, const struct field_path *path, const struct node *map,
			  bool are_labels)
{
	size_t bytes = 0;
	if (map->kind != NODE_MAP) {
		kind_wrong_type(walk, path, map, "a map of texts", false);
		return 0;
	}
	for (size_t i = 0; i < map->len; i++) {
		const struct pair *pair = &map->pairs[i];
		struct field_path here = path_span(path, node_text(&pair->key));
		bytes += pair->key.len + node_text(&pair->value).len;
		if (!is_key(node_text(&pair->key), !are_labels))
			diag_error(walk->at, "InvalidFormat", &pair->key, PATH_TEXT(&here),
				   "the key is not of the form prefix.example.com/name or name");
		if (pair->value.kind == NODE_NULL)
			continue;
		if (pair->value.kind != NODE_STRING)
			kind_wrong_type(walk, &here, &pair->value, "text", true);
		else if (are_labels && pair->value.len > 0 && !is_word(node_text(&pair->value)))
			diag_error(walk->at, "InvalidFormat", &pair->value, PATH_TEXT(&here),
				   "a label value has at most 63 letters, digits, '-', '_' and '.', with a letter or digit "
				   "at both ends");
	}
	return bytes;
}

static void check_maps(const struct kind_walk *walk, const struct field_path *metadata, const struct node *node)
{
	const struct node *labels = kind_value(node, "labels"), *annotations = kind_value(node, "annotations");
	struct field_path labels_path = path_key(metadata, "labels"),
			  annotations_path = path_key(metadata, "annotations");
	if (labels != NULL)
		check_texts(walk, &labels_path, labels, true);
	if (annotations != NULL && check_texts(walk, &annotations_path, annotations, false) > ANNOTATIONS_MAX_BYTES)
		diag_error(walk->at, "InvalidLength", annotations, PATH_TEXT(&annotations_path),
			   "annotations together are limited to 256 KiB");
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static void check_name(const struct kind_walk *walk, const struct field_path *metadata, const struct node *node)
{
	const struct node *name = kind_value(node, "name");
	struct field_path path = path_key(metadata, "name");
	if (name == NULL || (name->kind == NODE_STRING && name->len == 0)) {
		struct diag *diag = diag_error(walk->at, "MissingField", node != NULL ? node : walk->root, PATH_TEXT(&path),
					       "%s needs a name", walk->kind->name);
		if (kind_value(node, "generateName") != NULL)
			diag_hint(walk->at, diag, "generateName is for single objects made by hand: what is kept in Git "
						  "needs a fixed name");
	} else if (name->kind != NODE_STRING) {
		kind_wrong_type(walk, &path, name, "text", true);
	} else if (!is_dns_name(node_text(name))) {
		diag_error(walk->at, "InvalidName", name, PATH_TEXT(&path),
			   "a name has at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at both "
			   "ends of every part");
	}
}

static void check_namespace(const struct kind_walk *walk, const struct field_path *metadata, const struct node *node)
{
	const struct node *ns = kind_value(node, "namespace");
	struct field_path path = path_key(metadata, "namespace");
	if (ns == NULL || (ns->kind == NODE_STRING && ns->len == 0))
		return;
	if (ns->kind != NODE_STRING)
		kind_wrong_type(walk, &path, ns, "text", true);
	else if (ns->len > LABEL_MAX_LEN || !PATTERN_DNS_LABEL.matches(node_text(ns)))
		diag_error(walk->at, "InvalidName", ns, PATH_TEXT(&path),
			   "a namespace has at most 63 lower-case letters, digits and '-', with a letter or digit at both "
			   "ends");
}

void kind_check_metadata(const struct kind_walk *walk)
{
	const struct field_path path = path_key(NULL, "metadata");
	const struct node *node = kind_value(walk->root, "metadata");
	if (node != NULL && node->kind != NODE_MAP) {
		kind_wrong_type(walk, &path, node, "an object", false);
		return;
	}
	for (size_t i = 0; node != NULL && i < node->len; i++)
		if (schema_field(&schema, node_text(&node->pairs[i].key)) == NULL)
			kind_unknown_field(walk, &path, &schema, &node->pairs[i].key);
	check_name(walk, &path, node);
	check_namespace(walk, &path, node);
	check_maps(walk, &path, node);
}
