/* A machine class as a document. */
#include "agent/export/internal.h"
#include "render/load.h"

enum { CLASS_FIELDS = 8 };

static void put_text(struct node *map, const char *key, const struct node *from, const char *field)
{
	struct span text = node_text(node_get(from, field));
	if (text.len > 0)
		node_put(map, key, node_string(text));
}

static struct node meta_values(struct arena *arena, const struct node *list)
{
	struct node out = node_seq(arena, list->len);
	for (uint32_t i = 0; i < list->len; i++) {
		struct node item = node_map(arena, 2);
		const struct node *key = node_get(&list->items[i], "key"), *value = node_get(&list->items[i], "value");
		node_put(&item, "key", key == NULL ? node_int(arena, 0) : *key);
		node_put(&item, "value", value == NULL ? node_string(SPAN("")) : *value);
		node_push(&out, item);
	}
	return out;
}

/* `as_object`: the provider's settings as a mapping, not as the text that holds it. */
static struct node provision(struct arena *arena, const struct node *held, bool as_object)
{
	static const char *const tunnels[] = {"unset", "enabled", "disabled"};
	struct node out = node_map(arena, CLASS_FIELDS), content;
	struct span data = node_text(node_get(held, "providerdata"));
	const struct node *args = node_get(held, "kernelargs"), *meta = node_get(held, "metavalues");
	int64_t tunnel = 0;
	put_text(&out, "providerID", held, "providerid");
	if (as_object && load_one(arena, data, LOAD_OMNI, &content, NULL) && content.kind == NODE_MAP)
		node_put(&out, "providerData", content);
	else
		put_text(&out, "providerData", held, "providerdata");
	if (node_is(args, NODE_SEQ))
		node_put(&out, "kernelArgs", *args);
	if (span_int(node_text(node_get(held, "grpctunnel")), 1, 2, &tunnel))
		node_put(&out, "grpcTunnel", node_string(span_of(tunnels[tunnel])));
	if (node_is(meta, NODE_SEQ))
		node_put(&out, "metaValues", meta_values(arena, meta));
	return out;
}

static struct node object_of(struct arena *arena, const struct resource *class, const struct export_options *options, bool as_object)
{
	struct node root = node_map(arena, 4), metadata = node_map(arena, 2), spec = node_map(arena, CLASS_FIELDS), ref = node_map(arena, 1);
	const struct node *match = node_get(&class->spec, "matchlabels"), *made = node_get(&class->spec, "autoprovision");
	node_put(&metadata, "name", node_string(class->id));
	if (options->ns.len > 0)
		node_put(&metadata, "namespace", node_string(options->ns));
	node_put(&ref, "name", node_string(options->connection));
	node_put(&spec, "connectionRef", ref);
	export_put_descriptors(arena, &spec, class);
	if (node_is(match, NODE_SEQ))
		node_put(&spec, "matchLabels", *match);
	if (node_is(made, NODE_MAP))
		node_put(&spec, "autoProvision", provision(arena, made, as_object));
	node_put(&root, "apiVersion", node_string(SPAN(GROUP_VERSION)));
	node_put(&root, "kind", node_string(SPAN("OmniMachineClass")));
	node_put(&root, "metadata", metadata);
	node_put(&root, "spec", spec);
	return root;
}

static struct node labels_of(struct arena *arena, const struct labels *labels)
{
	struct node map = node_map(arena, labels->count);
	for (size_t i = 0; i < labels->count; i++)
		if (!span_starts(labels->items[i].key, ANNOTATION_OURS))
			node_put_span(&map, labels->items[i].key, node_string(labels->items[i].value));
	return map;
}

static struct node resource_of(struct arena *arena, const struct resource *class)
{
	struct node root = node_map(arena, 2), metadata = node_map(arena, 5);
	struct node labels = labels_of(arena, &class->labels), annotations = labels_of(arena, &class->annotations);
	node_put(&metadata, "namespace", node_string(span_of(class->type->ns)));
	node_put(&metadata, "type", node_string(span_of(class->type->name)));
	node_put(&metadata, "id", node_string(class->id));
	if (labels.len > 0)
		node_put(&metadata, "labels", labels);
	if (annotations.len > 0)
		node_put(&metadata, "annotations", annotations);
	node_put(&root, "metadata", metadata);
	node_put(&root, "spec", class->spec);
	return root;
}

/* Does the document, read again, come to this class? */
static bool says(struct arena *arena, const struct node *document, const struct resource *class)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fleet fleet;
	struct tree tree;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	export_emit(&text, document);
	fleet_init(&fleet, arena, &options);
	tree_init(&tree, arena);
	tree_add_input(&tree, SPAN("exported.yaml"), arena_copy(arena, text_span(&text)));
	text_done(&text);
	return fleet_load(&fleet, &tree, NULL) && fleet.diags.error_count == 0 && fleet.raw_count == 1 &&
	       span_eq(fleet.raws[0]->resource->id, class->id) && plan_same(fleet.raws[0]->resource, class);
}

void export_class(struct text *out, const struct resource *class, const struct export_options *options)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct node document = resource_of(&arena, class);
	for (int as_object = 1; as_object >= 0 && options->form == EXPORT_OBJECTS; as_object--) {
		struct node object = object_of(&arena, class, options, as_object != 0);
		if (!says(&arena, &object, class))
			continue;
		document = object;
		break;
	}
	export_emit(out, &document);
	arena_done(&arena);
}
