#include "render/objects.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "render/emit.h"
#include "render/objects_protect.h"

struct object {
	struct span order[4]; /* apiVersion, kind, namespace, name */
	size_t index;
	struct node node;
	const struct document *document; /* NULL: made here */
};

struct making {
	struct arena *arena;
	struct fleet *fleet;
	const struct objects_options *options;
	struct object *objects;
	size_t count, cap;
};

bool objects_mode_parse(struct span name, enum objects_mode *out)
{
	bool is_pass = span_is(name, "pass-through");
	*out = is_pass ? OBJECTS_PASS_THROUGH : OBJECTS_RENDER_ONLY;
	return is_pass || span_is(name, "render-only");
}

/* --- one object as it is applied -------------------------------------------------------------------------------------- */

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static bool is_one_of(struct span key, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_is(key, names[i]))
			return true;
	return false;
}

static bool is_empty(const struct node *node)
{
	return !node_is_set(node) || (node->kind == NODE_MAP && node->len == 0);
}

/* Empty ones would take away what others add to the live object. */
static void put_descriptors(struct arena *arena, struct node *metadata, const char *key, const struct node *map)
{
	if (is_empty(map))
		return;
	if (map->kind != NODE_MAP || node_get(map, LAST_APPLIED) == NULL) {
		node_put(metadata, key, *map);
		return;
	}
	struct node copy = node_map(arena, map->len);
	for (uint32_t i = 0; i < map->len; i++)
		if (!span_is(node_text(&map->pairs[i].key), LAST_APPLIED))
			node_put_span(&copy, node_text(&map->pairs[i].key), map->pairs[i].value);
	if (copy.len > 0)
		node_put(metadata, key, copy);
}

static struct node metadata_of(struct arena *arena, const struct node *given, struct span ns)
{
	static const char *const ordered[] = {"name", "namespace", "labels", "annotations"};
	static const char *const server_set[] = {"uid",		      "resourceVersion",   "managedFields",
						 "generation",	      "creationTimestamp", "selfLink",
						 "deletionTimestamp", "deletionGracePeriodSeconds"};
	struct node metadata = node_map(arena, given->len + 1);
	const struct node *name = node_get(given, "name"), *own_ns = node_get(given, "namespace");
	if (node_is_set(name))
		node_put(&metadata, "name", *name);
	if (node_text(own_ns).len > 0)
		node_put(&metadata, "namespace", *own_ns);
	else if (ns.len > 0)
		node_put(&metadata, "namespace", node_string(ns));
	put_descriptors(arena, &metadata, "labels", node_get(given, "labels"));
	put_descriptors(arena, &metadata, "annotations", node_get(given, "annotations"));
	for (uint32_t i = 0; i < given->len; i++) {
		struct span key = node_text(&given->pairs[i].key);
		if (!is_one_of(key, ordered, COUNT_OF(ordered)) && !is_one_of(key, server_set, COUNT_OF(server_set)))
			node_put_span(&metadata, key, given->pairs[i].value);
	}
	return metadata;
}

static struct node normalised(const struct making *making, const struct document *document)
{
	static const char *const first[] = {"apiVersion", "kind", "metadata", "status"};
	struct arena *arena = making->arena;
	struct node whole = making->options->ask_before_delete ? objects_protect(arena, &document->root) : document->root;
	const struct node *root = &whole, *metadata = node_get(root, "metadata");
	struct span ns = document->class == DOCUMENT_KIND ? making->options->ns : SPAN("");
	struct node object = node_map(arena, root->len + 1);
	for (size_t i = 0; i < 2; i++)
		node_put(&object, first[i], *node_get(root, first[i]));
	if (node_is(metadata, NODE_MAP))
		node_put(&object, "metadata", metadata_of(arena, metadata, ns));
	else if (node_is_set(metadata))
		node_put(&object, "metadata", *metadata);
	for (uint32_t i = 0; i < root->len; i++)
		if (!is_one_of(node_text(&root->pairs[i].key), first, COUNT_OF(first)))
			node_put_span(&object, node_text(&root->pairs[i].key), root->pairs[i].value);
	return object;
}

/* --- which objects ---------------------------------------------------------------------------------------------------- */

/* Read by tools from the tree, never applied to a cluster. */
static bool is_for_tools(const struct node *root)
{
	struct span version = node_text_at(root, "apiVersion");
	const struct node *annotations = node_path(root, "metadata.annotations");
	return span_starts(version, "kustomize.config.k8s.io/") ||
	       span_is(node_text_at(root, "kind"), "ConfigManagementPlugin") ||
	       node_get(annotations, "config.kubernetes.io/function") != NULL ||
	       span_is(node_text(node_get(annotations, "config.kubernetes.io/local-config")), "true");
}

static bool is_object(const struct document *document)
{
	const struct node *root = &document->root;
	return node_text_at(root, "apiVersion").len > 0 && node_text_at(root, "kind").len > 0 && !is_for_tools(root) &&
	       !configmap_is_ours(root);
}

/* "v1" or "group/version", and no kind: the line was misspelt, and leaving the object out would delete it. */
static void check_kind(struct making *making, const struct document *document)
{
	const struct node *root = &document->root, *version = node_get(root, "apiVersion");
	struct span text = node_text(version);
	bool is_versioned = span_is(text, "v1") || memchr(text.ptr, '/', text.len) != NULL;
	if (!is_versioned || node_text_at(root, "kind").len > 0 || document->has_errors)
		return;
	struct diag_at at = {&making->fleet->diags, document->file, document->object};
	diag_error(&at, "MissingField", version, "kind", "an object with an apiVersion needs a kind");
}

static void add(struct making *making, struct node node, const struct document *document)
{
	struct object object = {
		.order = {node_text_at(&node, "apiVersion"), node_text_at(&node, "kind"),
			  node_text_at(&node, "metadata.namespace"), node_text_at(&node, "metadata.name")},
		.index = making->count,
		.node = node,
		.document = document,
	};
	ARENA_PUSH(making->arena, making->objects, making->count, making->cap) = object;
}

static void add_documents(struct making *making)
{
	const struct fleet *fleet = making->fleet;
	for (size_t i = 0; i < fleet->document_count; i++) {
		if (making->options->mode == OBJECTS_PASS_THROUGH)
			check_kind(making, fleet->documents[i]);
		if (is_object(fleet->documents[i]))
			add(making, normalised(making, fleet->documents[i]), fleet->documents[i]);
	}
}

static void add_configmaps(struct making *making)
{
	const struct objects_options *options = making->options;
	const struct fleet *fleet = making->fleet;
	const struct configmap_options how = {.ns = options->ns, .version = options->version, .mask_key = options->mask_key};
	struct node_list list = {0};
	for (size_t i = 0; i < fleet->cluster_count; i++)
		configmap_add_cluster(making->arena, fleet->clusters[i], &how, &list);
	for (size_t i = 0; i < fleet->raw_count; i++)
		if (options->mode == OBJECTS_RENDER_ONLY || fleet->raws[i]->document->class == DOCUMENT_RESOURCE)
			configmap_add_raw(making->arena, fleet->raws[i], &how, &list);
	for (size_t i = 0; i < list.count; i++)
		add(making, list.items[i], NULL);
}

/* --- together --------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct object *left = a, *right = b;
	for (size_t i = 0; i < COUNT_OF(left->order); i++) {
		int order = span_cmp(left->order[i], right->order[i]);
		if (order != 0)
			return order;
	}
	return left->index < right->index ? -1 : left->index > right->index;
}

static bool is_same(const struct object *a, const struct object *b)
{
	for (size_t i = 0; i < COUNT_OF(a->order); i++)
		if (!span_eq(a->order[i], b->order[i]))
			return false;
	return true;
}

/* Of two objects with one name hosts apply the last, without a word. */
static void report_twice(struct making *making, const struct object *first, const struct object *second)
{
	const struct document *document = second->document != NULL ? second->document : first->document;
	struct diag_at at = {.list = &making->fleet->diags};
	if (document != NULL) {
		at.file = document->file;
		at.object = document->object;
	}
	bool is_shown = first->document == NULL || second->document == NULL;
	struct diag *diag = diag_error(&at, "DuplicateObject", document != NULL ? node_get(&document->root, "metadata") : NULL,
				       "metadata.name", "%.*s %.*s is declared twice%s", SPAN_ARG(first->order[1]),
				       SPAN_ARG(first->order[3]),
				       is_shown ? ": the second is made here, to show what Omni is to be told" : "");
	diag_hint(&at, diag, "rename or remove one of them");
}

static void check_names(struct making *making)
{
	for (size_t i = 1; i < making->count; i++) {
		const struct object *first = &making->objects[i - 1], *second = &making->objects[i];
		bool is_given = first->document != NULL && second->document != NULL;
		bool is_reported = is_given && first->document->class == DOCUMENT_KIND;
		if (is_given && making->options->mode == OBJECTS_ADDED)
			continue; /* whoever applies them says so */
		if (!is_reported && first->order[3].len > 0 && is_same(first, second))
			report_twice(making, first, second);
	}
}

static size_t count_known(const struct fleet *fleet)
{
	size_t count = 0;
	for (size_t i = 0; i < fleet->document_count; i++)
		count += fleet->documents[i]->class != DOCUMENT_OTHER;
	return count;
}

void objects_make(struct arena *arena, struct fleet *fleet, const struct objects_options *options, struct objects *out)
{
	struct making making = {.arena = arena, .fleet = fleet, .options = options};
	*out = (struct objects){.known_count = count_known(fleet)};
	if (options->mode != OBJECTS_RENDER_ONLY)
		add_documents(&making);
	if (fleet->diags.error_count > 0)
		return; /* clusters with errors have no template */
	add_configmaps(&making);
	if (making.count > 1)
		qsort(making.objects, making.count, sizeof *making.objects, by_name);
	check_names(&making);
	out->items = ARENA_ARRAY(arena, struct node, making.count);
	for (size_t i = 0; i < making.count; i++)
		if (making.objects[i].document == NULL || options->mode == OBJECTS_PASS_THROUGH)
			out->items[out->count++] = making.objects[i].node;
}

void objects_print(struct text *out, const struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		text_adds(out, i > 0 ? "---\n" : "");
		emit_document(out, &objects->items[i], EMIT_RESOURCE, false);
	}
}
