/* A template to the resources that Omni shall hold, in the order of the reference client: documents as they stand,
 * within a document owner first. */
#include "render/translate.h"

#include "base/cleanup.h"
#include "render/labels_merge.h"

/* IDs are unique in all of Omni: two places that want the same one would overwrite each other for ever. */
static void check_unique(struct translation *translation, const struct template_doc *doc, const struct resource *resource,
			 const struct node *origin, bool is_override)
{
	struct template *template = translation->template;
	/* What is named by a machine is unique when the machine is, which has been checked. */
	if (!template->is_plain && doc->kind == TEMPLATE_MACHINE && !is_override)
		return;
	struct claim wanted = {.omni = template->omni, .cluster = template->cluster, .resource = resource,
			       .document = doc->document};
	const struct claim *claim = build_claim(template->build, build_ids(template->build, resource->type_name),
						resource->id, &wanted);
	if (claim == NULL)
		return;
	struct diag *diag = diag_error(&doc->at, "DuplicateResource", origin, resource->path.len > 0 ? resource->path.ptr : "",
				       "the resource %.*s(%.*s) comes from two places, first %.*s:%u",
				       SPAN_ARG(resource->type_name), SPAN_ARG(resource->id),
				       SPAN_ARG(claim->resource->file), claim->resource->line);
	if (claim->cluster == template->cluster)
		diag_hint(&doc->at, diag, "give them different names");
	else
		diag_hint(&doc->at, diag, "the other belongs to %.*s: choose other names", SPAN_ARG(claim->document->object));
	build_taint(claim);
	build_taint(&wanted);
}

/* The paths of patches are the same in every document: most are written once. */
static struct span written_path(struct translation *translation, const struct field_path *path)
{
	struct build *build = translation->template->build;
	bool is_patch = path->key.ptr == NULL && path->index < COUNT_OF(*build->item_paths) && path->up != NULL &&
			span_is(path->up->key, "patches");
	struct span *known = is_patch ? &build->item_paths[path->up->up != NULL][path->index] : NULL;
	if (known != NULL && known->len > 0)
		return *known;
	struct span text = arena_copy(translation->arena, span_of(PATH_TEXT(path)));
	if (known != NULL)
		*known = text;
	return text;
}

struct span translate_id(struct arena *arena, size_t weight, struct span prefix, struct span name)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%03zu-", weight);
	char *id = arena_alloc(arena, (size_t)len + prefix.len + name.len + 2), *at = id;
	memcpy(at, digits, (size_t)len);
	at += len;
	memcpy(at, prefix.ptr, prefix.len);
	at += prefix.len;
	*at++ = '-';
	if (name.len > 0)
		memcpy(at, name.ptr, name.len);
	return (struct span){id, (size_t)len + prefix.len + 1 + name.len};
}

static size_t map_size(const struct node *map)
{
	return node_is(map, NODE_MAP) ? map->len : 0;
}

static void reserve(struct arena *arena, struct labels *labels, size_t count)
{
	if (count == 0)
		return;
	labels->items = ARENA_ARRAY(arena, struct label, count);
	labels->cap = count;
}

void translate_reserve(struct translation *translation, struct resource *resource, const struct node *owner,
		       size_t labels, size_t annotations)
{
	reserve(translation->arena, &resource->labels, labels + map_size(node_get(owner, "labels")));
	reserve(translation->arena, &resource->annotations, annotations + map_size(node_get(owner, "annotations")));
}

struct resource *translate_add(struct translation *translation, const struct template_doc *doc,
			       const struct omni_type *type, struct span id, const struct node *origin,
			       const struct field_path *path)
{
	struct resource *resource = resource_new(translation->arena, type, id);
	if (origin == NULL || origin->line == 0)
		origin = &doc->document->root;
	resource->file = doc->document->file;
	resource->line = origin->line;
	resource->column = origin->column;
	resource->object = doc->document->object;
	if (path != NULL)
		resource->path = written_path(translation, path);
	resource->spec = (struct node){.kind = NODE_MAP};
	resource_push(translation->arena, &translation->template->cluster->resources, resource);
	bool is_override = node_is(origin, NODE_MAP) && template_text(origin, "idOverride").len > 0;
	check_unique(translation, doc, resource, origin, is_override);
	return resource;
}

void translate_label(struct translation *translation, struct resource *resource, const char *key, struct span value)
{
	labels_set(translation->arena, &resource->labels, span_of(key), value);
}

void translate_annotation(struct translation *translation, struct resource *resource, const char *key, struct span value)
{
	labels_set(translation->arena, &resource->annotations, span_of(key), value);
}

void translate_descriptors(struct translation *translation, struct resource *resource, const struct node *owner)
{
	labels_merge(translation->arena, &resource->labels, node_get(owner, "labels"));
	labels_merge(translation->arena, &resource->annotations, node_get(owner, "annotations"));
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static void translate_cluster(struct translation *translation, const struct template_doc *doc)
{
	struct span name = translation->template->cluster_name;
	struct resource *resource = translate_add(translation, doc, OMNI_CLUSTER, name, doc->node, NULL);
	translate_annotation(translation, resource, OMNI_ANNOTATION_TEMPLATES, SPAN(""));
	translate_descriptors(translation, resource, doc->node);
	resource->spec = translate_cluster_spec(translation->arena, doc->node);
	struct translate_owner owner = {
		.doc = doc,
		.prefix = arena_spanf(&translation->template->build->temporary, "cluster-%.*s", SPAN_ARG(name)),
		.schematic = name,
		.weight = TRANSLATE_WEIGHT_CLUSTER,
	};
	translate_patches(translation, &owner);
	translate_manifests(translation, &owner);
	translate_healthchecks(translation, doc);
	translate_extensions(translation, &owner);
}

static const char *role_label(const struct template_doc *doc)
{
	return doc->kind == TEMPLATE_CONTROL_PLANE ? OMNI_LABEL_CONTROL_PLANE : OMNI_LABEL_WORKER;
}

static void translate_node(struct translation *translation, const struct template_doc *doc, const struct node *id_node,
			   const struct field_path *path, struct span set_id)
{
	struct span id = node_source_text(id_node);
	const struct machine_doc *machine = map_get(&translation->machine_docs, id);
	struct resource *resource = translate_add(translation, doc, OMNI_MACHINE_SET_NODE, id, id_node, path);
	bool is_described = machine != NULL && machine->doc != NULL;
	translate_reserve(translation, resource, is_described ? machine->doc->node : NULL, 3,
			  is_described && machine->is_locked);
	translate_label(translation, resource, OMNI_LABEL_CLUSTER, translation->template->cluster_name);
	translate_label(translation, resource, role_label(doc), SPAN(""));
	translate_label(translation, resource, OMNI_LABEL_MACHINE_SET, set_id);
	if (is_described) {
		translate_descriptors(translation, resource, machine->doc->node);
		if (machine->is_locked)
			translate_annotation(translation, resource, OMNI_ANNOTATION_LOCKED, SPAN(""));
		return; /* kernel arguments come with the Machine document */
	}
	const struct node *args = template_list(doc->node, "kernelArgs");
	struct field_path args_path = path_key(doc->root, "kernelArgs");
	translate_kernel_args(translation, doc, id, args != NULL ? args : translation->cluster_args, &args_path);
}

static void translate_set(struct translation *translation, const struct template_doc *doc)
{
	const struct node *machines = template_list(doc->node, "machines");
	bool has_class = node_is(node_get(doc->node, "machineClass"), NODE_MAP);
	struct span id = arena_copy(translation->arena, doc->set_id);
	struct resource *resource = translate_add(translation, doc, OMNI_MACHINE_SET, id, doc->node, NULL);
	translate_label(translation, resource, OMNI_LABEL_CLUSTER, translation->template->cluster_name);
	translate_label(translation, resource, role_label(doc), SPAN(""));
	translate_descriptors(translation, resource, doc->node);
	resource->spec = translate_set_spec(translation->arena, doc->node);
	struct field_path up = path_key(doc->root, "machines");
	for (uint32_t i = 0; machines != NULL && !has_class && i < machines->len; i++) {
		struct field_path path = path_index(&up, i);
		if (node_is_scalar(&machines->items[i]))
			translate_node(translation, doc, &machines->items[i], &path, id);
	}
	struct translate_owner owner = {doc, id, id, OMNI_LABEL_MACHINE_SET, id, TRANSLATE_WEIGHT_SET};
	translate_patches(translation, &owner);
	translate_extensions(translation, &owner);
}

static void translate_machine(struct translation *translation, const struct template_doc *doc)
{
	struct span id = template_text(doc->node, "name");
	const struct machine_doc *machine = map_get(&translation->machine_docs, id);
	struct span prefix = arena_spanf(&translation->template->build->temporary, "cm-%.*s", SPAN_ARG(id));
	struct translate_owner owner = {doc, prefix, id, OMNI_LABEL_CLUSTER_MACHINE, id, TRANSLATE_WEIGHT_MACHINE};
	const struct node *args = template_list(doc->node, "kernelArgs");
	struct field_path path = path_key(doc->root, "kernelArgs");
	if (args == NULL && machine != NULL)
		args = machine->set_args;
	if (args == NULL)
		args = translation->cluster_args;
	translate_install_disk(translation, &owner);
	translate_patches(translation, &owner);
	translate_kernel_args(translation, doc, id, args, &path);
	translate_extensions(translation, &owner);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static struct machine_doc *machine_at(struct translation *translation, struct span id)
{
	void **place = map_at(&translation->machine_docs, id);
	if (*place == NULL)
		*place = ARENA_NEW(&translation->template->build->temporary, struct machine_doc);
	return *place;
}

static void collect_machines(struct translation *translation, const struct template_doc *doc)
{
	const struct node *machines = template_list(doc->node, "machines");
	const struct node *args = template_list(doc->node, "kernelArgs");
	if (doc->kind == TEMPLATE_MACHINE) {
		struct machine_doc *machine = machine_at(translation, template_text(doc->node, "name"));
		machine->doc = doc;
		machine->is_locked |= template_bool(node_get(doc->node, "locked"));
	}
	for (uint32_t i = 0; machines != NULL && args != NULL && i < machines->len; i++)
		if (node_is_scalar(&machines->items[i]))
			machine_at(translation, node_source_text(&machines->items[i]))->set_args = args;
}

void template_translate(struct template *template)
{
	static void (*const translate[TEMPLATE_KINDS])(struct translation *, const struct template_doc *) = {
		[TEMPLATE_CLUSTER] = translate_cluster,
		[TEMPLATE_CONTROL_PLANE] = translate_set,
		[TEMPLATE_WORKERS] = translate_set,
		[TEMPLATE_MACHINE] = translate_machine,
	};
	struct translation translation = {.template = template, .arena = template->build->arena};
	map_init(&translation.machine_docs, &template->build->temporary);
	for (size_t i = 0; i < template->count; i++) {
		const struct template_doc *doc = &template->docs[i];
		if (doc->kind == TEMPLATE_CLUSTER)
			translation.cluster_args = template_list(doc->node, "kernelArgs");
		else
			collect_machines(&translation, doc);
	}
	for (size_t i = 0; i < template->count; i++)
		translate[template->docs[i].kind](&translation, &template->docs[i]);
}
