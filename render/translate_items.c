/* Patches, manifests, health checks, extensions, kernel arguments: what hangs below a cluster, a machine set or a
 * machine. The weight in front of an ID is the place of the item in its list: the order in which Omni applies them. */
#include "render/translate.h"

enum { MODE_FULL = 1, MODE_ONE_TIME = 2 };

/* Where the content of an item stands. */
static const struct node *content_origin(const struct template_item *item, const char *key)
{
	const struct node *file = node_get(item->node, "file");
	return item->file.len > 0 ? file : node_get(item->node, key);
}

static struct node data_spec(struct arena *arena, struct span data, const struct node *origin, int64_t mode)
{
	struct node spec = node_map(arena, mode != 0 ? 2 : 1);
	if (data.len > 0)
		node_put(&spec, "data", node_placed(node_string(data), origin));
	if (mode != 0)
		node_put(&spec, "mode", node_int(arena, mode));
	return spec;
}

static void owner_labels(struct translation *translation, struct resource *resource,
			 const struct translate_owner *owner)
{
	translate_label(translation, resource, OMNI_LABEL_CLUSTER, translation->template->cluster_name);
	if (owner->label != NULL)
		translate_label(translation, resource, owner->label, owner->value);
}

void translate_patches(struct translation *translation, const struct translate_owner *owner)
{
	const struct template_items *patches = &owner->doc->patches;
	struct field_path up = path_key(owner->doc->root, "patches");
	for (size_t i = 0; i < patches->count; i++) {
		const struct template_item *item = &patches->items[i];
		struct field_path path = path_index(&up, item->index);
		struct span name = item->name.len > 0 ? item->name : item->file, id = item->id_override;
		if (id.len == 0)
			id = translate_id(translation->arena, owner->weight + i, owner->prefix, name);
		struct resource *resource = translate_add(translation, owner->doc, OMNI_CONFIG_PATCH, id, item->node, &path);
		translate_reserve(translation, resource, item->node, 2, 1);
		owner_labels(translation, resource, owner);
		translate_annotation(translation, resource, "name", name);
		translate_descriptors(translation, resource, item->node);
		resource->spec = data_spec(translation->arena, item->text, content_origin(item, "inline"), 0);
		resource->content = item->meaning;
		resource->content_file = item->file_path;
	}
}

void translate_manifests(struct translation *translation, const struct translate_owner *owner)
{
	const struct template_items *manifests = &owner->doc->manifests;
	struct field_path kubernetes = path_key(owner->doc->root, "kubernetes"), up = path_key(&kubernetes, "manifests");
	for (size_t i = 0; i < manifests->count; i++) {
		const struct template_item *item = &manifests->items[i];
		struct field_path path = path_index(&up, item->index);
		struct span mode = template_text(item->node, "mode");
		struct span id = translate_id(translation->arena, owner->weight + i, owner->prefix, item->name);
		struct resource *resource = translate_add(translation, owner->doc, OMNI_MANIFEST_GROUP, id, item->node, &path);
		owner_labels(translation, resource, owner);
		translate_annotation(translation, resource, "name", item->name);
		translate_descriptors(translation, resource, item->node);
		resource->spec = data_spec(translation->arena, item->text, content_origin(item, "inline"),
					   span_is(mode, "one-time") ? MODE_ONE_TIME : MODE_FULL);
		resource->content = item->meaning;
		resource->content_file = item->file_path;
	}
}

void translate_healthchecks(struct translation *translation, const struct template_doc *doc)
{
	const struct template_items *checks = &doc->healthchecks;
	struct field_path kubernetes = path_key(doc->root, "kubernetes"), up = path_key(&kubernetes, "healthchecks");
	struct span cluster = translation->template->cluster_name;
	for (size_t i = 0; i < checks->count; i++) {
		const struct template_item *item = &checks->items[i];
		struct field_path path = path_index(&up, item->index);
		struct span id = item->id_override;
		const struct node *interval = node_get(item->node, "interval");
		int64_t ns = 0;
		if (id.len == 0)
			id = arena_spanf(translation->arena, "cluster-%.*s-%.*s", SPAN_ARG(cluster), SPAN_ARG(item->name));
		struct resource *resource = translate_add(translation, doc, OMNI_HEALTH_CHECK, id, item->node, &path);
		translate_label(translation, resource, OMNI_LABEL_CLUSTER, cluster);
		translate_descriptors(translation, resource, item->node);
		resource->spec = node_map(translation->arena, 2);
		if (item->text.len > 0)
			node_put(&resource->spec, "job", node_placed(node_string(item->text), content_origin(item, "job")));
		if (template_duration(interval, &ns) && ns > 0)
			node_put(&resource->spec, "interval",
				 node_placed(translate_interval(translation->arena, ns), interval));
		resource->content = item->meaning;
		resource->content_file = item->file_path;
	}
}

void translate_extensions(struct translation *translation, const struct translate_owner *owner)
{
	const struct node *list = template_list(owner->doc->node, "systemExtensions");
	struct field_path path = path_key(owner->doc->root, "systemExtensions");
	if (list == NULL)
		return;
	struct span id = arena_spanf(translation->arena, "schematic-%.*s", SPAN_ARG(owner->schematic));
	struct resource *resource = translate_add(translation, owner->doc, OMNI_EXTENSIONS, id, list, &path);
	owner_labels(translation, resource, owner);
	resource->spec = node_map(translation->arena, 1);
	struct node texts = translate_texts(translation->arena, list);
	if (texts.len > 0)
		node_put(&resource->spec, "extensions", texts);
}

void translate_kernel_args(struct translation *translation, const struct template_doc *doc, struct span machine,
			   const struct node *args, const struct field_path *path)
{
	if (args == NULL)
		return;
	struct resource *resource = translate_add(translation, doc, OMNI_KERNEL_ARGS, machine, args, path);
	translate_reserve(translation, resource, NULL, 0, 1);
	translate_annotation(translation, resource, OMNI_ANNOTATION_TEMPLATES, SPAN(""));
	resource->spec = node_map(translation->arena, 1);
	struct node texts = translate_texts(translation->arena, args);
	if (texts.len > 0)
		node_put(&resource->spec, "args", texts);
}

/* The patch for a disk: the same for every machine that installs there, and nodes are never changed. */
struct disk_patch {
	struct node content, spec;
};

static const struct disk_patch *disk_patch(struct translation *translation, struct span disk)
{
	struct build *build = translation->template->build;
	struct arena *arena = translation->arena;
	void **place = map_at(&build->disks, disk);
	if (*place != NULL)
		return *place;
	struct disk_patch *patch = ARENA_NEW(arena, struct disk_patch);
	struct node machine = node_map(arena, 1), inner = node_map(arena, 1);
	node_put(&inner, "disk", node_string(disk));
	node_put(&machine, "install", inner);
	patch->content = node_map(arena, 1);
	node_put(&patch->content, "machine", machine);
	patch->spec = data_spec(arena, template_written(build, &patch->content), NULL, 0);
	*place = patch;
	return patch;
}

void translate_install_disk(struct translation *translation, const struct translate_owner *owner)
{
	struct arena *arena = translation->arena;
	const struct node *install = node_get(owner->doc->node, "install"), *disk = node_get(install, "disk");
	struct field_path up = path_key(owner->doc->root, "install"), path = path_key(&up, "disk");
	if (node_source_text(disk).len == 0)
		return;
	struct span id = translate_id(arena, 0, owner->prefix, SPAN("install-disk"));
	struct resource *resource = translate_add(translation, owner->doc, OMNI_CONFIG_PATCH, id, disk, &path);
	translate_reserve(translation, resource, NULL, 3, 1);
	owner_labels(translation, resource, owner);
	translate_label(translation, resource, OMNI_LABEL_SYSTEM_PATCH, SPAN(""));
	translate_annotation(translation, resource, "name", SPAN("install-disk"));
	const struct disk_patch *patch = disk_patch(translation, node_source_text(disk));
	resource->spec = patch->spec;
	resource->content = &patch->content;
}
