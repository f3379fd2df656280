/* Files to documents: read, parse, expand lists, classify, check against the kind. */
#include "render/fleet_build.h"

#include "crds/kinds.h"
#include "render/kind_check.h"
#include "render/template_schema.h"

enum { LIST_DEPTH_MAX = 4, NEAR = 3 };

struct reading {
	struct build *build;
	struct span file;
	size_t begin, end;
	bool has_template; /* the file holds documents of a cluster template */
};

/* "OmniCluster/prod", "Cluster/prod", "MachineClasses.omni.sidero.dev/big" */
static struct span object_name(struct arena *arena, const struct node *root, enum document_class class, struct span name)
{
	struct span kind = node_text(node_get(root, "kind"));
	if (class == DOCUMENT_RESOURCE) {
		kind = node_text_at(root, "metadata.type");
		name = node_text_at(root, "metadata.id");
	}
	if (kind.len == 0 || name.len == 0)
		return kind;
	char *text = arena_bytes(arena, kind.len + name.len + 2);
	memcpy(text, kind.ptr, kind.len);
	text[kind.len] = '/';
	memcpy(text + kind.len + 1, name.ptr, name.len);
	text[kind.len + 1 + name.len] = '\0';
	return (struct span){text, kind.len + name.len + 1};
}

static struct document *add_document(struct reading *reading, const struct node *root, enum document_class class)
{
	struct fleet *fleet = reading->build->fleet;
	const struct node *metadata = node_get(root, "metadata");
	struct arena *arena = reading->build->nodes;
	struct document *document = ARENA_NEW(arena, struct document);
	*document = (struct document){
		.file = reading->file,
		.root = *root,
		.begin = reading->begin,
		.end = reading->end,
		.class = class,
		.name = node_text(node_get(metadata, "name")),
		.ns = node_text(node_get(metadata, "namespace")),
	};
	if (document->name.len == 0)
		document->name = node_text(node_get(root, "name"));
	document->object = object_name(arena, root, class, document->name);
	ARENA_PUSH(fleet->arena, fleet->documents, fleet->document_count, fleet->document_cap) = document;
	return document;
}

static struct diag *document_error(struct build *build, struct document *document, const char *code,
				   const struct node *node, const char *path, struct span message)
{
	struct diag_at at = build_at(build, document);
	document->has_errors = true;
	return diag_error(&at, code, node, path, "%.*s", SPAN_ARG(message));
}

/* The field that says what Omni calls it, or metadata.name where that is empty; a control plane has no name there. */
static const struct node *name_node(const struct document *document, const struct node *spec)
{
	const char *field = document->kind == &KIND_CLUSTER   ? "clusterName"
			    : document->kind == &KIND_WORKERS ? "workerSetName"
			    : document->kind == &KIND_MACHINE ? "machineID"
							      : NULL;
	if (field == NULL)
		return NULL;
	const struct node *name = node_get(spec, field);
	return node_text(name).len > 0 ? name : node_get(node_get(&document->root, "metadata"), "name");
}

uint64_t build_object_hash(const struct build *build, const struct kind *kind, struct span ns, struct span name)
{
	return map_hash(map_hash((uint64_t)(uintptr_t)build ^ (uint64_t)(uintptr_t)kind, ns), name);
}

/* While the document is at hand: later all of them are gone through, and most of their memory is far away then. */
static void prepare_joins(struct build *build, struct document *document)
{
	document->hash = build_object_hash(build, document->kind, document->ns, document->name);
	const struct node *spec = node_get(&document->root, "spec");
	document->cluster_ref = node_get(node_get(spec, "clusterRef"), "name");
	document->name_node = name_node(document, spec);
	document->machines = node_get(spec, "machines");
}

static void read_kind(struct reading *reading, const struct node *root, const struct node *kind_node)
{
	struct build *build = reading->build;
	struct span name = node_text(kind_node);
	struct document *document = add_document(reading, root, DOCUMENT_OTHER);
	struct diag_at at = build_at(build, document);
	const struct kind *kind = kind_find(name);
	if (kind != NULL) {
		document->class = DOCUMENT_KIND;
		document->kind = kind;
		if (document->ns.len == 0)
			document->ns = build->fleet->options.default_ns;
		prepare_joins(build, document);
		size_t before = build->fleet->diags.error_count;
		kind_check(&at, &document->root, kind);
		document->has_errors = build->fleet->diags.error_count > before;
		return;
	}
	document->has_errors = true;
	struct diag *diag = diag_error(&at, "UnknownKind", kind_node == NULL ? root : kind_node, "kind",
				       "%s has no kind \"%.*s\"", GROUP_VERSION, SPAN_ARG(name));
	const char *near = kind_nearest(name);
	if (near != NULL)
		diag_hint(&at, diag, "did you mean %s?", near);
}

static void read_wrong_version(struct reading *reading, const struct node *root, const struct node *version)
{
	struct document *document = add_document(reading, root, DOCUMENT_OTHER);
	struct diag_at at = build_at(reading->build, document);
	document->has_errors = true;
	struct diag *diag = diag_error(&at, "UnknownVersion", version, "apiVersion", "\"%.*s\" is not known here",
				       SPAN_ARG(node_text(version)));
	diag_hint(&at, diag, "write apiVersion: %s", GROUP_VERSION);
}

static void read_object(struct reading *reading, const struct node *root, unsigned depth);

static bool is_list_kind(struct span kind)
{
	if (!span_ends(kind, "List"))
		return false;
	return kind.len == 4 || kind_find((struct span){kind.ptr, kind.len - 4}) != NULL;
}

static bool read_list(struct reading *reading, const struct node *root, unsigned depth)
{
	const struct node *items = node_get(root, "items");
	if (!is_list_kind(node_text_at(root, "kind")) || !node_is(items, NODE_SEQ) || depth >= LIST_DEPTH_MAX)
		return false;
	for (uint32_t i = 0; i < items->len; i++)
		read_object(reading, &items->items[i], depth + 1);
	return true;
}

/* "omni.texashpc.com" in any version, and the name that the group had before 1.0 of the Go operator. */
static bool is_our_group(struct span api_version)
{
	struct span group = span_before(api_version, '/');
	return span_is(group, CRD_GROUP) || span_is(group, "omni.texas-hpc.org");
}

/* A kind of ours in a group that is nearly ours: overlooked, it would read as an order to remove something. */
static bool is_mistyped_group(const struct node *root, struct span api_version)
{
	return kind_find(node_text_at(root, "kind")) != NULL && span_distance(span_before(api_version, '/'), SPAN(CRD_GROUP), NEAR) < NEAR;
}

static void read_versioned(struct reading *reading, const struct node *root, const struct node *version, unsigned depth)
{
	if (read_list(reading, root, depth))
		return;
	if (!is_our_group(node_text(version)) && !is_mistyped_group(root, node_text(version)))
		add_document(reading, root, DOCUMENT_OTHER);
	else if (!span_is(node_text(version), GROUP_VERSION))
		read_wrong_version(reading, root, version);
	else
		read_kind(reading, root, node_get(root, "kind"));
}

static bool is_near_template_kind(struct span name, const char **out_near)
{
	for (enum template_kind kind = 0; kind < TEMPLATE_KINDS; kind++) {
		*out_near = template_kind_name(kind);
		if (span_distance(name, span_of(*out_near), NEAR) < NEAR)
			return true;
	}
	return false;
}

/* No apiVersion: a template document, a slip of the pen, or none of our business. */
static void read_unversioned(struct reading *reading, const struct node *root, const struct node *kind_node)
{
	struct build *build = reading->build;
	struct span kind = node_text(kind_node);
	struct document *document = add_document(reading, root, DOCUMENT_OTHER);
	const char *near;
	if (template_kind_find(kind) != TEMPLATE_KINDS) {
		document->class = DOCUMENT_TEMPLATE;
		document->name_node = node_get(root, "name");
		document->machines = node_get(root, "machines");
		document->name = node_source_text(document->name_node);
		reading->has_template = true;
	} else if (kind_find(kind) != NULL) {
		struct diag *diag = document_error(build, document, "MissingApiVersion", root, "apiVersion",
						   SPAN("apiVersion is missing"));
		struct diag_at at = build_at(build, document);
		diag_hint(&at, diag, "write apiVersion: %s", GROUP_VERSION);
	} else if (is_near_template_kind(kind, &near)) {
		struct span message = arena_spanf(build->arena, "no document of a cluster template has the kind \"%.*s\"",
						  SPAN_ARG(kind));
		struct diag *diag = document_error(build, document, "UnknownKind", kind_node, "kind", message);
		struct diag_at at = build_at(build, document);
		diag_hint(&at, diag, "did you mean %s?", near);
		build_mark_incomplete(build, reading->file);
	}
}

static void read_object(struct reading *reading, const struct node *root, unsigned depth)
{
	if (!node_is_set(root))
		return;
	const struct node *version = node_get(root, "apiVersion"), *kind = node_get(root, "kind");
	if (root->kind != NODE_MAP)
		add_document(reading, root, DOCUMENT_OTHER);
	else if (node_is_scalar(version))
		read_versioned(reading, root, version, depth);
	else if (node_is_scalar(kind))
		read_unversioned(reading, root, kind);
	else if (node_is_scalar(node_path(root, "metadata.type")))
		add_document(reading, root, DOCUMENT_RESOURCE);
	else
		add_document(reading, root, DOCUMENT_OTHER);
}

/* In a file of template documents every other document was meant to be one. */
static void check_strangers(struct reading *reading, size_t first)
{
	struct fleet *fleet = reading->build->fleet;
	for (size_t i = first; reading->has_template && i < fleet->document_count; i++) {
		struct document *document = fleet->documents[i];
		if (document->class != DOCUMENT_OTHER || document->has_errors || node_get(&document->root, "apiVersion") != NULL)
			continue;
		struct diag_at at = build_at(reading->build, document);
		document->has_errors = true;
		struct diag *diag = diag_error(&at, "UnknownKind", &document->root, "kind",
					       "a document without a known kind stands in a cluster template");
		diag_hint(&at, diag, "the kinds of a template are Cluster, ControlPlane, Workers and Machine");
		build_mark_incomplete(reading->build, reading->file);
	}
}

static bool read_bytes(struct build *build, struct tree_file *file)
{
	struct fail fail = {0};
	if (tree_load(build->tree, file, &fail))
		return true;
	struct diag_at at = {&build->fleet->diags, file->path, SPAN("")};
	diag_error(&at, "Unreadable", NULL, "", "%s", fail.text);
	return false;
}

/* A template is rendered as its own bytes; of all other files the nodes are enough. */
static void keep_or_drop(struct reading *reading, struct tree_file *file, size_t first)
{
	struct fleet *fleet = reading->build->fleet;
	if (!reading->has_template) {
		tree_drop(reading->build->tree, file);
		return;
	}
	for (size_t i = first; i < fleet->document_count; i++)
		fleet->documents[i]->source = file->bytes;
}

static void read_file(struct build *build, struct tree_file *file)
{
	struct fleet *fleet = build->fleet;
	struct reading reading = {.build = build, .file = file->path};
	struct load_document *documents = NULL;
	size_t count = 0, first = fleet->document_count;
	struct diag_at at = {&fleet->diags, file->path, SPAN("")};
	struct quick_mark before = {arena_mark(build->nodes), first, fleet->diags.count};
	if (!read_bytes(build, file)) {
		build_mark_incomplete(build, file->path);
		return;
	}
	if (!load_yaml_shared(&build->load, build->nodes, file->bytes, LOAD_AUTO, &fleet->options.load_limits, &at, &documents,
			      &count))
		build_mark_incomplete(build, file->path);
	for (size_t i = 0; i < count; i++) {
		reading.begin = documents[i].begin;
		reading.end = documents[i].end;
		read_object(&reading, &documents[i].root, 0);
	}
	check_strangers(&reading, first);
	keep_or_drop(&reading, file, first);
	quick_finish_file(build, &before, file->path);
}

bool fleet_read(struct build *build, struct fail *fail)
{
	struct fleet *fleet = build->fleet;
	for (size_t i = 0; i < build->tree->input_count && !build->quick.is_lost; i++) {
		read_file(build, &build->tree->inputs[i]);
		if (fleet->document_count + build->quick.document_count > fleet->options.load_limits.max_documents)
			return fail_set(fail, FAIL_TOO_BIG, "more than %zu documents", fleet->options.load_limits.max_documents);
	}
	fleet->is_incomplete |= build->tree->is_incomplete;
	load_shared_done(&build->load);
	return true;
}
