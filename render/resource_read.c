#include "render/resource_int.h"

#include <stdlib.h>

/* --- metadata ------------------------------------------------------------------------------------------------------- */

static void fault(struct spec_reader *reader, const char *code, const struct node *node, const char *path,
		  const char *message)
{
	reader->has_errors = true;
	diag_error(reader->at, code, node, path, "%s", message);
}

/* Scalars are taken as they are written: `true` and `1` are fine as label values. */
static struct span scalar_at(struct spec_reader *reader, const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);
	struct field_path metadata = path_key(NULL, "metadata"), path = path_key(&metadata, key);
	if (!node_is_set(node))
		return (struct span){"", 0};
	if (!node_is_scalar(node))
		fault(reader, "WrongType", node, PATH_TEXT(&path), "a text is wanted here");
	return node_source_text(node);
}

static void read_labels(struct spec_reader *reader, const struct node *metadata, const char *key, struct labels *out)
{
	const struct node *map = node_get(metadata, key);
	struct field_path root = path_key(NULL, "metadata"), path = path_key(&root, key);
	if (!node_is_set(map))
		return;
	if (map->kind != NODE_MAP) {
		fault(reader, "WrongType", map, PATH_TEXT(&path), "a mapping of texts is wanted here");
		return;
	}
	for (uint32_t i = 0; i < map->len; i++) {
		struct field_path inside = path_span(&path, node_text(&map->pairs[i].key));
		const struct node *value = &map->pairs[i].value;
		if (node_is_set(value) && !node_is_scalar(value))
			fault(reader, "WrongType", value, PATH_TEXT(&inside), "a text is wanted here");
		labels_set(reader->arena, out, node_source_text(&map->pairs[i].key), node_source_text(value));
	}
}

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static void read_finalizers(struct spec_reader *reader, const struct node *metadata, struct resource *resource)
{
	const struct node *list = node_get(metadata, "finalizers");
	if (!node_is_set(list))
		return;
	if (list->kind != NODE_SEQ) {
		fault(reader, "WrongType", list, "metadata.finalizers", "a list of texts is wanted here");
		return;
	}
	struct span *all = ARENA_ARRAY(reader->arena, struct span, list->len);
	for (uint32_t i = 0; i < list->len; i++) {
		if (!node_is_scalar(&list->items[i]))
			fault(reader, "WrongType", &list->items[i], "metadata.finalizers", "a text is wanted here");
		all[i] = node_source_text(&list->items[i]);
	}
	if (list->len > 1)
		qsort(all, list->len, sizeof *all, by_bytes);
	size_t count = 0;
	for (uint32_t i = 0; i < list->len; i++)
		if (count == 0 || !span_eq(all[count - 1], all[i]))
			all[count++] = all[i];
	resource->finalizers = all;
	resource->finalizer_count = count;
}

static void read_version(struct spec_reader *reader, const struct node *metadata, struct resource *resource)
{
	struct span version = scalar_at(reader, metadata, "version");
	int64_t number = 0;
	if (version.len == 0 || span_is(version, "undefined"))
		return;
	if (!span_int(version, 0, INT64_MAX, &number))
		fault(reader, "InvalidValue", node_get(metadata, "version"), "metadata.version",
		      "the version is a number, or \"undefined\"");
	resource->version = (uint64_t)number;
}

static void read_phase(struct spec_reader *reader, const struct node *metadata, struct resource *resource)
{
	struct span phase = scalar_at(reader, metadata, "phase");
	if (span_is(phase, "tearingDown"))
		resource->phase = RESOURCE_TEARING_DOWN;
	else if (phase.len > 0 && !span_is(phase, "running"))
		fault(reader, "InvalidValue", node_get(metadata, "phase"), "metadata.phase",
		      "the phase is \"running\" or \"tearingDown\"");
}

static void read_namespace(struct spec_reader *reader, const struct node *metadata, struct resource *resource)
{
	struct span ns = scalar_at(reader, metadata, "namespace");
	if (ns.len == 0 || span_eq(ns, resource->ns))
		return;
	reader->has_errors = true;
	struct diag *diag = diag_error(reader->at, "InvalidValue", node_get(metadata, "namespace"), "metadata.namespace",
				       "resources of this type live in the namespace \"%.*s\"; in any other Omni never looks "
				       "at them",
				       SPAN_ARG(resource->ns));
	diag_hint(reader->at, diag, "write namespace: %.*s", SPAN_ARG(resource->ns));
}

static void check_metadata_keys(const struct spec_reader *reader, const struct node *metadata)
{
	static const char *const known[] = {"namespace", "type",    "id",      "version", "owner",	"phase",
					    "created",	 "updated", "labels", "annotations", "finalizers"};
	for (uint32_t i = 0; i < metadata->len; i++) {
		struct span key = node_text(&metadata->pairs[i].key);
		bool is_known = false;
		for (size_t j = 0; j < sizeof known / sizeof *known; j++)
			is_known |= span_is(key, known[j]);
		if (is_known)
			continue;
		struct field_path root = path_key(NULL, "metadata"), path = path_span(&root, key);
		struct diag *diag = diag_warn(reader->at, "UnknownField", &metadata->pairs[i].key, PATH_TEXT(&path),
					      "Omni does not know the metadata field \"%.*s\" and would ignore it",
					      SPAN_ARG(key));
		diag_hint(reader->at, diag, span_is(key, "name") ? "the field is called \"id\"" : "remove it");
	}
}

static void read_metadata(struct spec_reader *reader, const struct node *metadata, struct resource *resource)
{
	check_metadata_keys(reader, metadata);
	read_namespace(reader, metadata, resource);
	resource->id = scalar_at(reader, metadata, "id");
	resource->owner = scalar_at(reader, metadata, "owner");
	resource->created = scalar_at(reader, metadata, "created");
	resource->updated = scalar_at(reader, metadata, "updated");
	read_version(reader, metadata, resource);
	read_phase(reader, metadata, resource);
	read_labels(reader, metadata, "labels", &resource->labels);
	read_labels(reader, metadata, "annotations", &resource->annotations);
	read_finalizers(reader, metadata, resource);
}

/* --- the document --------------------------------------------------------------------------------------------------- */

static const struct omni_type *read_type(struct spec_reader *reader, const struct node *metadata)
{
	struct span name = scalar_at(reader, metadata, "type");
	const struct omni_type *type = omni_type_find(name), *likely = omni_type_guess(name);
	if (type != NULL)
		return type;
	const struct node *node = node_get(metadata, "type");
	reader->has_errors = true;
	if (name.len == 0) {
		diag_error(reader->at, "Required", node == NULL ? metadata : node, "metadata.type",
			   "the type of the resource is missing");
		return NULL;
	}
	struct diag *diag = diag_error(reader->at, "UnknownType", node, "metadata.type",
				       "\"%.*s\" is no type of Omni's resources that is known here", SPAN_ARG(name));
	if (likely != NULL)
		diag_hint(reader->at, diag, "did you mean %s?", likely->name);
	else
		diag_hint(reader->at, diag, "a type looks like MachineClasses.omni.sidero.dev");
	return NULL;
}

static bool check_document(struct spec_reader *reader, const struct node *root)
{
	if (!node_is(root, NODE_MAP)) {
		fault(reader, "WrongType", root, "", "a resource is a mapping of metadata and spec");
		return false;
	}
	for (uint32_t i = 0; i < root->len; i++) {
		struct span key = node_text(&root->pairs[i].key);
		if (span_is(key, "metadata") || span_is(key, "spec"))
			continue;
		reader->has_errors = true;
		diag_error(reader->at, "UnknownField", &root->pairs[i].key, "",
			   "a resource has metadata and spec, and no \"%.*s\"", SPAN_ARG(key));
	}
	const struct node *metadata = node_get(root, "metadata"), *spec = node_get(root, "spec");
	if (!node_is(metadata, NODE_MAP)) {
		fault(reader, "Required", metadata == NULL ? root : metadata, "metadata", "the mapping metadata is missing");
		return false;
	}
	if (node_is(spec, NODE_MAP))
		return true;
	reader->has_errors = true;
	struct diag *diag = diag_error(reader->at, "Required", spec == NULL ? root : spec, "spec",
				       "the mapping spec is missing");
	diag_hint(reader->at, diag, "a resource without settings has spec: {}");
	return true;
}

struct node resource_read_spec(struct arena *arena, const struct omni_type *type, const struct node *map,
			       const struct diag_at *at, const struct resource_expander *expander)
{
	struct spec_reader reader = {arena, at, expander, false};
	struct field_path path = path_key(NULL, "spec");
	struct node spec = spec_read_message(&reader, type->spec, map, &path);
	if ((type->flags & OMNI_CONTENT) != 0 && !reader.has_errors)
		spec = spec_expand(&reader, map, spec);
	return reader.has_errors ? (struct node){0} : spec;
}

struct resource *resource_read_with(struct arena *arena, const struct node *root, const struct diag_at *at,
				    const struct resource_expander *expander)
{
	struct spec_reader reader = {arena, at, expander, false};
	if (!check_document(&reader, root))
		return NULL;
	const struct node *metadata = node_get(root, "metadata"), *spec = node_get(root, "spec");
	const struct omni_type *type = read_type(&reader, metadata);
	if (type == NULL)
		return NULL;
	struct resource *resource = resource_new(arena, type, (struct span){"", 0});
	read_metadata(&reader, metadata, resource);
	if (node_is(spec, NODE_MAP)) {
		resource->spec = resource_read_spec(arena, type, spec, at, expander);
		reader.has_errors |= resource->spec.kind == NODE_ABSENT;
	}
	resource->line = root->line;
	resource->column = root->column;
	return reader.has_errors ? NULL : resource;
}

struct resource *resource_read(struct arena *arena, const struct node *root, const struct diag_at *at)
{
	return resource_read_with(arena, root, at, NULL);
}
