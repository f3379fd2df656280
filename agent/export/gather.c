/* The resources of a cluster, each at the place in the documents where it is said. */
#include <stdlib.h>

#include "agent/export/internal.h"

enum { WEIGHT_CLUSTER = 200, WEIGHT_BELOW = 400 };

#define CONTROL_PLANES "control-planes"

static struct span set_id_behind(struct exporter *x, struct span id)
{
	struct span prefix = arena_spanf(x->arena, "%.*s-", SPAN_ARG(x->cluster));
	if (!span_starts(id, prefix.ptr) || id.len == prefix.len)
		return (struct span){NULL, 0};
	return (struct span){id.ptr + prefix.len, id.len - prefix.len};
}

/* Of Omni's own controllers, or on its way out: nothing to declare. */
static bool is_passed_over(struct exporter *x, const struct resource *resource)
{
	bool is_node = resource->type == OMNI_MACHINE_SET_NODE;
	if (is_node && (resource->owner.len > 0 || labels_get(&resource->labels, OMNI_LABEL_NODE_CONTROLLER) != NULL))
		return true; /* taken from a machine class, which the set names */
	if (resource->owner.len > 0) {
		export_remark(x, EXPORT_NOTE, resource->type, resource->id, "made and kept by Omni itself (%.*s)",
			      SPAN_ARG(resource->owner));
		return true;
	}
	if (resource->phase != RESOURCE_TEARING_DOWN)
		return false;
	export_remark(x, EXPORT_LEFT, resource->type, resource->id, "is being torn down");
	return true;
}

/* --- machine sets and machines ---------------------------------------------------------------------------------------- */

static void add_class(struct exporter *x, const struct node *spec)
{
	const struct node *old = node_get(spec, "machineclass");
	struct span name = node_text(node_get(old != NULL ? old : node_get(spec, "machineallocation"), "name"));
	struct exported *out = x->out;
	for (size_t i = 0; i < out->class_count; i++)
		if (span_eq(out->classes[i], name))
			return;
	if (name.len > 0)
		ARENA_PUSH(x->arena, out->classes, out->class_count, out->class_cap) = name;
}

static void add_set(struct exporter *x, const struct resource *resource)
{
	struct span name = set_id_behind(x, resource->id);
	if (name.len == 0) {
		export_remark(x, EXPORT_LEFT, resource->type, resource->id, "its name does not begin with that of the cluster");
		return;
	}
	struct set *set = ARENA_NEW(x->arena, struct set);
	set->resource = resource;
	set->name = name;
	set->is_control_plane = span_is(name, CONTROL_PLANES);
	set->below = (struct owner){.prefix = resource->id, .weight = WEIGHT_BELOW, .label = OMNI_LABEL_MACHINE_SET,
				    .value = resource->id};
	add_class(x, &resource->spec);
	ARENA_PUSH(x->arena, x->sets, x->set_count, x->set_cap) = set;
}

static int compare_sets(const void *left, const void *right)
{
	const struct set *a = *(struct set *const *)left, *b = *(struct set *const *)right;
	if (a->is_control_plane != b->is_control_plane)
		return a->is_control_plane ? -1 : 1;
	return span_cmp(a->name, b->name);
}

static int compare_classes(const void *left, const void *right)
{
	return span_cmp(*(const struct span *)left, *(const struct span *)right);
}

static struct set *find_set(struct exporter *x, struct span id)
{
	for (size_t i = 0; i < x->set_count; i++)
		if (span_eq(x->sets[i]->resource->id, id))
			return x->sets[i];
	return NULL;
}

static bool has_class(const struct set *set)
{
	return node_is(node_get(&set->resource->spec, "machineallocation"), NODE_MAP) ||
	       node_is(node_get(&set->resource->spec, "machineclass"), NODE_MAP);
}

static void add_node(struct exporter *x, const struct resource *node)
{
	struct set *set = find_set(x, export_label(&node->labels, OMNI_LABEL_MACHINE_SET));
	if (set == NULL || has_class(set)) {
		export_remark(x, EXPORT_LEFT, node->type, node->id, "%s",
			      set == NULL ? "is in no machine set of the cluster"
					  : "was put by hand into a set that takes its machines from a class");
		return;
	}
	struct machine *machine = ARENA_NEW(x->arena, struct machine);
	machine->node = node;
	machine->below = (struct owner){.prefix = arena_spanf(x->arena, "cm-%.*s", SPAN_ARG(node->id)), .weight = WEIGHT_BELOW,
					.label = OMNI_LABEL_CLUSTER_MACHINE, .value = node->id};
	*map_at(&x->machines, node->id) = machine;
	ARENA_PUSH(x->arena, set->machines, set->count, set->cap) = machine;
}

/* --- what hangs below ------------------------------------------------------------------------------------------------- */

/* NULL: below something that documents do not name. */
static struct owner *owner_of(struct exporter *x, const struct resource *resource)
{
	struct span machine_id = export_label(&resource->labels, OMNI_LABEL_CLUSTER_MACHINE);
	struct span set_id = export_label(&resource->labels, OMNI_LABEL_MACHINE_SET);
	if (machine_id.ptr != NULL) {
		struct machine *machine = map_get(&x->machines, machine_id);
		return machine == NULL ? NULL : &machine->below;
	}
	if (set_id.ptr != NULL) {
		struct set *set = find_set(x, set_id);
		return set == NULL ? NULL : &set->below;
	}
	return &x->below;
}

static void remark_ownerless(struct exporter *x, const struct resource *resource)
{
	struct span machine = export_label(&resource->labels, OMNI_LABEL_CLUSTER_MACHINE);
	if (machine.ptr != NULL)
		export_remark(x, EXPORT_LEFT, resource->type, resource->id,
			      "is for machine %.*s, which no document can name: it is not listed in a machine set", SPAN_ARG(machine));
	else
		export_remark(x, EXPORT_LEFT, resource->type, resource->id, "is for a machine set that is not in the documents");
}

/* The one patch that templates write as `install.disk`; anything else in it is a patch as any other. */
static bool is_install_disk(struct exporter *x, const struct owner *owner, const struct resource *patch)
{
	struct machine *machine = map_get(&x->machines, owner->value);
	struct span id = arena_spanf(x->arena, "000-%.*s-install-disk", SPAN_ARG(owner->prefix));
	struct span text = node_text(node_get(&patch->spec, "data"));
	struct node content;
	if (machine == NULL || &machine->below != owner || !span_eq(patch->id, id) || !load_one(x->arena, text, LOAD_OMNI, &content, NULL))
		return false;
	const struct node *inner = node_get(&content, "machine"), *install = node_get(inner, "install");
	const struct node *disk = node_get(install, "disk");
	bool is_alone = node_is(&content, NODE_MAP) && content.len == 1 && inner != NULL && inner->len == 1 &&
			node_is(install, NODE_MAP) && install->len == 1 && node_is(disk, NODE_STRING) && disk->len > 0;
	if (is_alone)
		machine->disk = node_text(disk);
	return is_alone;
}

static void add_patch(struct exporter *x, const struct resource *patch)
{
	struct owner *owner = owner_of(x, patch);
	const char *why;
	if (owner == NULL)
		remark_ownerless(x, patch);
	else if (is_install_disk(x, owner, patch))
		return;
	else if (plan_is_from_template(patch, x->cluster) || export_can_say(x, owner, patch, &why))
		resource_push(x->arena, &owner->patches, (struct resource *)(uintptr_t)patch);
	else
		export_remark(x, EXPORT_LEFT, patch->type, patch->id, "%s", why);
	if (labels_get(&patch->labels, LABEL_DISABLED) != NULL)
		export_remark(x, EXPORT_NOTE, patch->type, patch->id, "is disabled in Omni, and stays so");
}

static void add_extensions(struct exporter *x, const struct resource *extensions)
{
	struct owner *owner = owner_of(x, extensions);
	if (owner == NULL) {
		remark_ownerless(x, extensions);
	} else if (!plan_is_from_template(extensions, x->cluster)) {
		export_remark(x, EXPORT_LEFT, extensions->type, extensions->id, "has another ID than templates give to extensions");
	} else {
		owner->extensions = extensions;
	}
}

static void add_args(struct exporter *x, const struct resource *args)
{
	struct machine *machine = map_get(&x->machines, args->id);
	if (machine == NULL)
		return;
	if (labels_get(&args->annotations, OMNI_ANNOTATION_TEMPLATES) != NULL)
		machine->args = args;
	else
		export_remark(x, EXPORT_LEFT, args->type, args->id, "was set by hand, not by a template");
}

static void add_manifest(struct exporter *x, const struct resource *manifest)
{
	if (plan_is_from_template(manifest, x->cluster))
		resource_push(x->arena, &x->manifests, (struct resource *)(uintptr_t)manifest);
	else
		export_remark(x, EXPORT_LEFT, manifest->type, manifest->id, "has another ID than templates give to manifests");
}

static void add_check(struct exporter *x, const struct resource *check)
{
	const char *why;
	if (plan_is_from_template(check, x->cluster) || export_can_say_labels(&x->below, check, &why))
		resource_push(x->arena, &x->checks, (struct resource *)(uintptr_t)check);
	else
		export_remark(x, EXPORT_LEFT, check->type, check->id, "%s", why);
}

/* --- kernel arguments ------------------------------------------------------------------------------------------------- */

static bool same_args(const struct resource *a, const struct resource *b)
{
	return a == b || (a != NULL && b != NULL && node_equal(&a->spec, &b->spec));
}

/* What all machines of a set have is said once for the set; what all of a cluster have, once for the cluster. */
static void join_args(struct exporter *x)
{
	bool is_joined = true;
	const struct resource *all = NULL;
	for (size_t i = 0; i < x->set_count; i++) {
		struct set *set = x->sets[i];
		set->args = set->count > 0 ? set->machines[0]->args : NULL;
		for (size_t j = 1; j < set->count; j++)
			if (!same_args(set->args, set->machines[j]->args))
				set->args = NULL;
		if (set->count > 0 && all == NULL)
			all = set->args;
		is_joined = is_joined && !has_class(set) && (set->count == 0 || (set->args != NULL && same_args(all, set->args)));
	}
	x->args = is_joined ? all : NULL;
}

/* --- all of it -------------------------------------------------------------------------------------------------------- */

static void gather_type(struct exporter *x, const struct omni_type *type, void (*add)(struct exporter *, const struct resource *))
{
	const struct resource_list *list = &x->actual->resources;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type == type && !is_passed_over(x, list->items[i]))
			add(x, list->items[i]);
}

static void remark_unknown(struct exporter *x)
{
	const struct resource_list *list = &x->actual->resources;
	for (size_t i = 0; x->options->has_unknown != NULL && i < list->count; i++)
		if (list->items[i]->owner.len == 0 && x->options->has_unknown(list->items[i]))
			export_remark(x, EXPORT_LEFT, list->items[i]->type, list->items[i]->id, "has fields of a newer Omni, which are kept as they are");
}

static void remark_machine_patches(struct exporter *x)
{
	const struct resource_list *list = &x->actual->of_machines;
	for (size_t i = 0; i < list->count; i++)
		if (labels_get(&list->items[i]->labels, OMNI_LABEL_CLUSTER) == NULL && list->items[i]->owner.len == 0)
			export_remark(x, EXPORT_NOTE, list->items[i]->type, list->items[i]->id,
				      "is for machine %.*s, whatever cluster it is in: it goes with the machine, not with the cluster",
				      SPAN_ARG(export_label(&list->items[i]->labels, OMNI_LABEL_MACHINE)));
}

void export_gather(struct exporter *x)
{
	map_init(&x->machines, x->arena);
	x->below = (struct owner){.prefix = arena_spanf(x->arena, "cluster-%.*s", SPAN_ARG(x->cluster)), .weight = WEIGHT_CLUSTER};
	remark_unknown(x);
	gather_type(x, OMNI_MACHINE_SET, add_set);
	if (x->set_count > 1)
		qsort(x->sets, x->set_count, sizeof *x->sets, compare_sets);
	if (x->out->class_count > 1)
		qsort(x->out->classes, x->out->class_count, sizeof *x->out->classes, compare_classes);
	gather_type(x, OMNI_MACHINE_SET_NODE, add_node);
	gather_type(x, OMNI_CONFIG_PATCH, add_patch);
	gather_type(x, OMNI_EXTENSIONS, add_extensions);
	gather_type(x, OMNI_MANIFEST_GROUP, add_manifest);
	gather_type(x, OMNI_HEALTH_CHECK, add_check);
	gather_type(x, OMNI_KERNEL_ARGS, add_args);
	remark_machine_patches(x);
	join_args(x);
}
