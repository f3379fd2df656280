#include "render/objects.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "render/configmap.h"
#include "render/emit.h"

struct object {
	struct span order[4]; /* apiVersion, kind, namespace, name */
	struct node node;
};

bool objects_mode_parse(struct span name, enum objects_mode *out)
{
	bool is_pass = span_is(name, "pass-through");
	*out = is_pass ? OBJECTS_PASS_THROUGH : OBJECTS_RENDER_ONLY;
	return is_pass || span_is(name, "render-only");
}

/* --- what an API server sets ---------------------------------------------------------------------------------------- */

static bool is_one_of(struct span key, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_is(key, names[i]))
			return true;
	return false;
}

static struct node without(struct arena *arena, const struct node *map, const char *const *names, size_t count)
{
	struct node copy = node_map(arena, map->len);
	for (uint32_t i = 0; i < map->len; i++) {
		bool is_empty_map = node_is(&map->pairs[i].value, NODE_MAP) && map->pairs[i].value.len == 0;
		bool is_descriptor = span_is(node_text(&map->pairs[i].key), "annotations") ||
				     span_is(node_text(&map->pairs[i].key), "labels");
		if (!is_one_of(node_text(&map->pairs[i].key), names, count) && !(is_descriptor && is_empty_map))
			node_put_span(&copy, node_text(&map->pairs[i].key), map->pairs[i].value);
	}
	return copy;
}

static struct node normalised(struct arena *arena, const struct node *root)
{
	static const char *const first[] = {"apiVersion", "kind", "metadata"};
	static const char *const dropped[] = {"apiVersion", "kind", "metadata", "status"};
	static const char *const server_set[] = {"uid",	      "resourceVersion",   "managedFields",
						 "generation", "creationTimestamp", "selfLink"};
	struct node object = node_map(arena, root->len + 1);
	for (size_t i = 0; i < COUNT_OF(first); i++) {
		const struct node *value = node_get(root, first[i]);
		if (value == NULL)
			continue;
		bool is_metadata = i == 2 && node_is(value, NODE_MAP);
		node_put(&object, first[i], is_metadata ? without(arena, value, server_set, COUNT_OF(server_set)) : *value);
	}
	struct node rest = without(arena, root, dropped, COUNT_OF(dropped));
	for (uint32_t i = 0; i < rest.len; i++)
		node_put_span(&object, node_text(&rest.pairs[i].key), rest.pairs[i].value);
	return object;
}

/* --- all ------------------------------------------------------------------------------------------------------------- */

static struct object make(struct node node)
{
	return (struct object){{node_text_at(&node, "apiVersion"), node_text_at(&node, "kind"),
				node_text_at(&node, "metadata.namespace"), node_text_at(&node, "metadata.name")},
			       node};
}

static int by_order(const void *a, const void *b)
{
	const struct object *left = a, *right = b;
	for (size_t i = 0; i < COUNT_OF(left->order); i++) {
		int order = span_cmp(left->order[i], right->order[i]);
		if (order != 0)
			return order;
	}
	return 0;
}

static bool is_kubernetes(const struct document *document)
{
	return node_text_at(&document->root, "apiVersion").len > 0 && node_text_at(&document->root, "kind").len > 0;
}

static size_t collect(struct arena *arena, const struct fleet *fleet, enum objects_mode mode, const char *version,
		      struct object *objects)
{
	size_t count = 0;
	for (size_t i = 0; mode == OBJECTS_PASS_THROUGH && i < fleet->document_count; i++)
		if (is_kubernetes(fleet->documents[i]))
			objects[count++] = make(normalised(arena, &fleet->documents[i]->root));
	for (size_t i = 0; i < fleet->cluster_count; i++)
		objects[count++] = make(configmap_node(arena, fleet->clusters[i], version));
	return count;
}

size_t objects_print(struct text *out, const struct fleet *fleet, enum objects_mode mode, const char *version)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct object *objects = ARENA_ARRAY(&arena, struct object, fleet->document_count + fleet->cluster_count);
	size_t count = collect(&arena, fleet, mode, version, objects);
	qsort(objects, count, sizeof *objects, by_order);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_adds(out, "---\n");
		emit_document(out, &objects[i].node, EMIT_RESOURCE, false);
	}
	arena_done(&arena);
	return count;
}

size_t objects_configmaps(struct arena *arena, const struct fleet *fleet, const char *version, struct node **out)
{
	struct node *nodes = ARENA_ARRAY(arena, struct node, fleet->cluster_count);
	for (size_t i = 0; i < fleet->cluster_count; i++)
		nodes[i] = configmap_node(arena, fleet->clusters[i], version);
	*out = nodes;
	return fleet->cluster_count;
}
