/* Clusters for the tests of plans, put together by hand or by chance: expected resources as a template gives them. */
#ifndef TESTS_UNIT_PLAN_MAKE_H
#define TESTS_UNIT_PLAN_MAKE_H

#include <stdio.h>

#include "agent/plan/plan.h"
#include "tests/unit/memory_store.h"

#define UUID_FORM "00000000-0000-4000-8000-%012u"

struct maker {
	struct arena *arena;
	struct cluster *cluster;
};

static inline struct span make_uuid(struct arena *arena, unsigned number)
{
	return arena_spanf(arena, UUID_FORM, number);
}

static inline void make_label(struct arena *arena, struct resource *resource, const char *key, struct span value)
{
	labels_set(arena, &resource->labels, span_of(key), value);
}

static inline void make_note(struct arena *arena, struct resource *resource, const char *key, const char *value)
{
	labels_set(arena, &resource->annotations, span_of(key), span_of(value));
}

static inline struct resource *make_plain(struct maker *m, const struct omni_type *type, struct span id)
{
	struct resource *resource = resource_new(m->arena, type, id);
	resource->spec = node_map(m->arena, 10);
	if (type != OMNI_CLUSTER && type != OMNI_KERNEL_ARGS)
		make_label(m->arena, resource, OMNI_LABEL_CLUSTER, m->cluster->name);
	resource_push(m->arena, &m->cluster->resources, resource);
	return resource;
}

static inline struct maker make_cluster(struct arena *arena, const char *name, const char *talos, const char *kubernetes)
{
	struct maker m = {arena, ARENA_NEW(arena, struct cluster)};
	m.cluster->name = span_of(name);
	struct resource *cluster = make_plain(&m, OMNI_CLUSTER, span_of(name));
	make_note(arena, cluster, OMNI_ANNOTATION_TEMPLATES, "");
	node_put(&cluster->spec, "kubernetesversion", node_string(span_of(kubernetes)));
	node_put(&cluster->spec, "talosversion", node_string(span_of(talos)));
	node_put(&cluster->spec, "features", node_map(arena, 4));
	return m;
}

/* size < 0: machines are listed; otherwise they come from the class "pool". */
static inline struct resource *make_set(struct maker *m, const char *name, int size)
{
	struct resource *set = make_plain(m, OMNI_MACHINE_SET, arena_spanf(m->arena, "%.*s-%s", SPAN_ARG(m->cluster->name), name));
	bool is_control = strcmp(name, "control-planes") == 0;
	make_label(m->arena, set, is_control ? OMNI_LABEL_CONTROL_PLANE : OMNI_LABEL_WORKER, SPAN(""));
	node_put(&set->spec, "updatestrategy", node_int(m->arena, 1));
	if (size >= 0) {
		struct node allocation = node_map(m->arena, 3);
		node_put(&allocation, "name", node_string(SPAN("pool")));
		if (size > 0)
			node_put(&allocation, "machinecount", node_int(m->arena, size));
		node_put(&set->spec, "machineallocation", allocation);
	}
	return set;
}

static inline struct resource *make_node(struct maker *m, const char *set, unsigned machine)
{
	struct resource *node = make_plain(m, OMNI_MACHINE_SET_NODE, make_uuid(m->arena, machine));
	bool is_control = strcmp(set, "control-planes") == 0;
	make_label(m->arena, node, is_control ? OMNI_LABEL_CONTROL_PLANE : OMNI_LABEL_WORKER, SPAN(""));
	make_label(m->arena, node, OMNI_LABEL_MACHINE_SET, arena_spanf(m->arena, "%.*s-%s", SPAN_ARG(m->cluster->name), set));
	return node;
}

static inline struct resource *make_text(struct maker *m, const struct omni_type *type, struct span id, const char *key,
					 const char *text)
{
	struct resource *resource = make_plain(m, type, id);
	node_put(&resource->spec, key, node_string(span_of(text)));
	return resource;
}

/* A cluster-level patch. */
static inline struct resource *make_patch(struct maker *m, unsigned weight, const char *name, const char *text)
{
	struct span id = arena_spanf(m->arena, "%03u-cluster-%.*s-%s", weight, SPAN_ARG(m->cluster->name), name);
	struct resource *patch = make_text(m, OMNI_CONFIG_PATCH, id, "data", text);
	make_note(m->arena, patch, "name", name);
	return patch;
}

static inline struct resource *make_set_patch(struct maker *m, const char *set, unsigned weight, const char *name,
					      const char *text)
{
	struct span id = arena_spanf(m->arena, "%03u-%.*s-%s-%s", weight, SPAN_ARG(m->cluster->name), set, name);
	struct resource *patch = make_text(m, OMNI_CONFIG_PATCH, id, "data", text);
	make_label(m->arena, patch, OMNI_LABEL_MACHINE_SET, arena_spanf(m->arena, "%.*s-%s", SPAN_ARG(m->cluster->name), set));
	return patch;
}

static inline struct resource *make_machine_patch(struct maker *m, unsigned machine, unsigned weight, const char *name,
						  const char *text)
{
	struct span uuid = make_uuid(m->arena, machine);
	struct span id = arena_spanf(m->arena, "%03u-cm-%.*s-%s", weight, SPAN_ARG(uuid), name);
	struct resource *patch = make_text(m, OMNI_CONFIG_PATCH, id, "data", text);
	make_label(m->arena, patch, OMNI_LABEL_CLUSTER_MACHINE, uuid);
	return patch;
}

static inline struct resource *make_list(struct maker *m, const struct omni_type *type, struct span id, const char *key,
					 const char *item)
{
	struct resource *resource = make_plain(m, type, id);
	struct node list = node_seq(m->arena, 1);
	node_push(&list, node_string(span_of(item)));
	node_put(&resource->spec, key, list);
	if (type == OMNI_KERNEL_ARGS)
		make_note(m->arena, resource, OMNI_ANNOTATION_TEMPLATES, "");
	return resource;
}

/* Everything expected, as if it had been applied. */
static inline void make_actual(struct arena *arena, const struct cluster *cluster, struct plan_actual *out)
{
	*out = (struct plan_actual){0};
	for (size_t i = 0; i < cluster->resources.count; i++) {
		struct resource *copy = resource_copy(arena, cluster->resources.items[i]);
		copy->version = 7;
		copy->content = NULL;
		resource_push(arena, &out->resources, copy);
	}
}

static inline struct resource *make_find(const struct resource_list *list, const struct omni_type *type, struct span id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->type == type && span_eq(list->items[i]->id, id))
			return list->items[i];
	return NULL;
}

static inline void make_absent(struct resource_list *list, const struct omni_type *type, struct span id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->type != type || !span_eq(list->items[i]->id, id))
			continue;
		memmove(list->items + i, list->items + i + 1, (list->count - i - 1) * sizeof *list->items);
		list->count--;
		return;
	}
}

#endif
