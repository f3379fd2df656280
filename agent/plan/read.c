/* What Omni holds for one cluster. */
#include "agent/plan/apply.h"
#include "agent/plan/internal.h"

struct reader {
	struct omni_store *store;
	struct arena *arena;
	int64_t deadline_ms;
	struct span cluster;
	struct map seen; /* "TYPE/ID" */
	struct plan_actual *out;
	struct fail *fail;
};

static void remember(struct reader *r, struct resource *resource)
{
	*map_at(&r->seen, arena_spanf(r->arena, "%s/%.*s", resource->type->name, SPAN_ARG(resource->id))) = resource;
}

static const struct resource *recall(struct reader *r, const struct omni_type *type, struct span id)
{
	return map_get(&r->seen, arena_spanf(r->arena, "%s/%.*s", type->name, SPAN_ARG(id)));
}

static void keep(struct reader *r, struct resource *resource)
{
	remember(r, resource);
	resource_push(r->arena, &r->out->resources, resource);
}

/* *out is NULL when there is none. */
static bool get(struct reader *r, const struct omni_type *type, struct span id, struct resource **out)
{
	struct fail local = {0};
	*out = NULL;
	if (r->store->ops->get(r->store, r->arena, type, id, r->deadline_ms, out, &local) ||
	    local.code == FAIL_NOT_FOUND)
		return true;
	*out = NULL;
	if (r->fail != NULL)
		*r->fail = local;
	return fail_wrap(r->fail, "cannot read %s(%.*s)", type->name, SPAN_ARG(id));
}

static bool list(struct reader *r, const struct omni_type *type, const struct omni_query *query,
		 struct resource_list *out)
{
	*out = (struct resource_list){0};
	return r->store->ops->list(r->store, r->arena, type, query, r->deadline_ms, out, r->fail) ||
	       fail_wrap(r->fail, "cannot list %s", type->name);
}

static bool read_cluster(struct reader *r)
{
	struct resource *held;
	if (!get(r, OMNI_CLUSTER, r->cluster, &held))
		return false;
	if (held != NULL)
		keep(r, held);
	return true;
}

static bool read_labelled(struct reader *r)
{
	const struct omni_type *const types[] = {OMNI_MACHINE_SET, OMNI_MACHINE_SET_NODE, OMNI_CONFIG_PATCH,
						 OMNI_EXTENSIONS,  OMNI_MANIFEST_GROUP,	  OMNI_HEALTH_CHECK};
	struct omni_query query = {0};
	omni_query_equal(r->arena, &query, OMNI_LABEL_CLUSTER, r->cluster);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct resource_list found;
		if (!list(r, types[i], &query, &found))
			return false;
		for (size_t j = 0; j < found.count; j++)
			keep(r, found.items[j]);
	}
	return true;
}

/* IDs under which resources without a cluster label are wanted: of machines held, and expected ones. */
static struct map wanted_ids(struct reader *r, const struct omni_type *type, const struct cluster *cluster)
{
	struct map ids;
	map_init(&ids, r->arena);
	for (size_t i = 0; i < r->out->resources.count; i++) {
		struct resource *node = r->out->resources.items[i];
		if (node->type == OMNI_MACHINE_SET_NODE && node->owner.len == 0 &&
		    labels_get(&node->labels, OMNI_LABEL_NODE_CONTROLLER) == NULL)
			*map_at(&ids, node->id) = node;
	}
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++)
		if (cluster->resources.items[i]->type == type)
			*map_at(&ids, cluster->resources.items[i]->id) = cluster->resources.items[i];
	return ids;
}

/* A few are fetched one by one; for many, one list is cheaper. */
static bool read_unlabelled(struct reader *r, const struct omni_type *type, const struct cluster *cluster)
{
	enum { GETS_MAX = 8 };
	struct map ids = wanted_ids(r, type, cluster);
	struct resource_list found = {0};
	if (ids.count > GETS_MAX) {
		if (!list(r, type, NULL, &found))
			return false;
	} else {
		for (size_t i = 0; i < ids.count; i++) {
			struct resource *held;
			if (!get(r, type, ids.entries[i].key, &held))
				return false;
			if (held != NULL)
				resource_push(r->arena, &found, held);
		}
	}
	for (size_t i = 0; i < found.count; i++)
		if (map_get(&ids, found.items[i]->id) != NULL)
			keep(r, found.items[i]);
	return true;
}

static bool expects(const struct cluster *cluster, const struct omni_type *type)
{
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++)
		if (cluster->resources.items[i]->type == type)
			return true;
	return false;
}

/* Expected IDs that were not found by label: not there, without the label, or somebody else's. */
static bool read_expected(struct reader *r, const struct cluster *cluster)
{
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++) {
		const struct resource *expected = cluster->resources.items[i];
		struct resource *held;
		bool is_known = expected->type == OMNI_CLUSTER || expected->type == OMNI_KERNEL_ARGS ||
				expected->type == OMNI_INSTALL_DISK || recall(r, expected->type, expected->id) != NULL;
		if (is_known)
			continue;
		if (!get(r, expected->type, expected->id, &held))
			return false;
		if (held == NULL)
			continue;
		remember(r, held);
		struct span other = label_value(&held->labels, OMNI_LABEL_CLUSTER);
		bool is_foreign = held->owner.len > 0 || (other.len > 0 && !span_eq(other, r->cluster));
		resource_push(r->arena, is_foreign ? &r->out->foreign : &r->out->resources, held);
	}
	return true;
}

/* Is a control plane machine about to leave? Then it matters which of the others are alive. */
static bool loses_control_plane(struct reader *r, const struct cluster *cluster)
{
	struct map expected;
	map_init(&expected, r->arena);
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++)
		if (cluster->resources.items[i]->type == OMNI_MACHINE_SET_NODE)
			*map_at(&expected, cluster->resources.items[i]->id) = cluster->resources.items[i];
	for (size_t i = 0; cluster != NULL && i < r->out->resources.count; i++) {
		const struct resource *node = r->out->resources.items[i];
		if (node->type == OMNI_MACHINE_SET_NODE && map_get(&expected, node->id) == NULL &&
		    labels_get(&node->labels, OMNI_LABEL_CONTROL_PLANE) != NULL)
			return true;
	}
	return false;
}

/* Links of machines that Omni lists as disconnected, and the patches for those machines. */
static bool read_disconnected(struct reader *r)
{
	size_t count = 0;
	struct span *machines = ARENA_ARRAY(r->arena, struct span, r->out->status.count + 1);
	for (size_t i = 0; i < r->out->status.count; i++) {
		struct resource *status = r->out->status.items[i], *link;
		if (labels_get(&status->labels, OMNI_LABEL_DISCONNECTED) == NULL)
			continue;
		if (!get(r, OMNI_LINK, status->id, &link))
			return false;
		machines[count++] = status->id;
		if (link != NULL)
			resource_push(r->arena, &r->out->disconnected, link);
	}
	if (count == 0)
		return true;
	struct omni_term term = {.key = SPAN(OMNI_LABEL_MACHINE), .op = OMNI_TERM_IN, .values = machines, .value_count = count};
	struct omni_query query = {&term, 1, 1};
	struct resource_list patches;
	if (!list(r, OMNI_CONFIG_PATCH, &query, &patches))
		return false;
	for (size_t i = 0; i < patches.count; i++)
		resource_push(r->arena, &r->out->disconnected, patches.items[i]);
	return true;
}

static bool read_machines(struct reader *r, const struct cluster *cluster)
{
	bool destroys = cluster == NULL || cluster->destroy_machines;
	struct omni_query query = {0};
	if (!destroys && !loses_control_plane(r, cluster))
		return true;
	omni_query_equal(r->arena, &query, OMNI_LABEL_CLUSTER, r->cluster);
	return list(r, OMNI_MACHINE_STATUS, &query, &r->out->status) && (!destroys || read_disconnected(r));
}

bool plan_read_actual(struct omni_store *store, struct arena *arena, const struct cluster *cluster, struct span name,
		      int64_t deadline_ms, struct plan_actual *out, struct fail *fail)
{
	struct plan_actual actual = {0};
	struct reader r = {store, arena, deadline_ms, cluster != NULL ? cluster->name : name, {0}, &actual, fail};
	map_init(&r.seen, arena);
	if (!read_cluster(&r) || !read_labelled(&r) || !read_unlabelled(&r, OMNI_KERNEL_ARGS, cluster))
		return false;
	/* Older servers do not know the type: asked for only where the template has it. */
	if (expects(cluster, OMNI_INSTALL_DISK) && !read_unlabelled(&r, OMNI_INSTALL_DISK, cluster))
		return false;
	if (!read_expected(&r, cluster) || !read_machines(&r, cluster))
		return false;
	*out = actual;
	return true;
}
