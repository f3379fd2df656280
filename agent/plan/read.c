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

/* --- questions ---------------------------------------------------------------------------------------------------------- */

/* What does not need each other's answers is asked at once: over a slow network the round trips count. */
struct wave {
	struct omni_op *ops;
	size_t count, cap;
};

static void ask_for(struct reader *r, struct wave *wave, const struct omni_type *type, struct span id)
{
	ARENA_PUSH(r->arena, wave->ops, wave->count, wave->cap) = (struct omni_op){.kind = OMNI_GET, .type = type, .id = id};
}

static void ask_list(struct reader *r, struct wave *wave, const struct omni_type *type, const struct omni_query *query)
{
	ARENA_PUSH(r->arena, wave->ops, wave->count, wave->cap) =
		(struct omni_op){.kind = OMNI_LIST, .type = type, .query = query};
}

static bool is_missing(const struct omni_op *op)
{
	return op->kind == OMNI_GET && op->code == FAIL_NOT_FOUND;
}

/* True: every answer is there; of a GET without a resource `found` is NULL. */
static bool ask(struct reader *r, struct wave *wave)
{
	omni_batch(r->store, r->arena, wave->ops, wave->count, r->deadline_ms);
	for (size_t i = 0; i < wave->count; i++) {
		const struct omni_op *op = &wave->ops[i];
		if (op->code == FAIL_NONE || is_missing(op))
			continue;
		omni_op_failure(op, r->fail);
		return op->kind == OMNI_LIST ? fail_wrap(r->fail, "cannot list %s", op->type->name)
					     : fail_wrap(r->fail, "cannot read %s(%.*s)", op->type->name, SPAN_ARG(op->id));
	}
	return true;
}

/* --- what carries the cluster's name --------------------------------------------------------------------------------------- */

static bool read_labelled(struct reader *r)
{
	const struct omni_type *const types[] = {OMNI_MACHINE_SET, OMNI_MACHINE_SET_NODE, OMNI_CONFIG_PATCH,
						 OMNI_EXTENSIONS,  OMNI_MANIFEST_GROUP,	  OMNI_HEALTH_CHECK};
	struct omni_query query = {0};
	struct wave wave = {0};
	omni_query_equal(r->arena, &query, OMNI_LABEL_CLUSTER, r->cluster);
	ask_for(r, &wave, OMNI_CLUSTER, r->cluster);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		ask_list(r, &wave, types[i], &query);
	if (!ask(r, &wave))
		return false;
	for (size_t i = 0; i < wave.count; i++) {
		if (wave.ops[i].found != NULL)
			keep(r, wave.ops[i].found);
		for (size_t j = 0; j < wave.ops[i].list.count; j++)
			keep(r, wave.ops[i].list.items[j]);
	}
	return true;
}

/* --- what does not --------------------------------------------------------------------------------------------------------- */

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
static void ask_unlabelled(struct reader *r, struct wave *wave, const struct omni_type *type, const struct map *ids)
{
	enum { GETS_MAX = 8 };
	if (ids->count > GETS_MAX) {
		ask_list(r, wave, type, NULL);
		return;
	}
	for (size_t i = 0; i < ids->count; i++)
		ask_for(r, wave, type, ids->entries[i].key);
}

static void keep_unlabelled(struct reader *r, const struct wave *wave, const struct omni_type *type, const struct map *ids)
{
	for (size_t i = 0; i < wave->count; i++) {
		const struct omni_op *op = &wave->ops[i];
		if (op->type != type)
			continue;
		if (op->found != NULL)
			keep(r, op->found);
		for (size_t j = 0; j < op->list.count; j++)
			if (map_get(ids, op->list.items[j]->id) != NULL)
				keep(r, op->list.items[j]);
	}
}

static bool expects(const struct cluster *cluster, const struct omni_type *type)
{
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++)
		if (cluster->resources.items[i]->type == type)
			return true;
	return false;
}

static bool has_no_label(const struct omni_type *type)
{
	return type == OMNI_KERNEL_ARGS || type == OMNI_INSTALL_DISK;
}

/* Expected IDs that were not found by label: not there, without the label, or somebody else's. */
static void ask_expected(struct reader *r, struct wave *wave, const struct cluster *cluster)
{
	for (size_t i = 0; cluster != NULL && i < cluster->resources.count; i++) {
		const struct resource *expected = cluster->resources.items[i];
		bool is_known = expected->type == OMNI_CLUSTER || has_no_label(expected->type) ||
				recall(r, expected->type, expected->id) != NULL;
		if (!is_known)
			ask_for(r, wave, expected->type, expected->id);
	}
}

static void keep_one(struct reader *r, struct resource *held)
{
	struct span other = label_value(&held->labels, OMNI_LABEL_CLUSTER);
	bool is_foreign = held->owner.len > 0 || (other.len > 0 && !span_eq(other, r->cluster));
	remember(r, held);
	resource_push(r->arena, is_foreign ? &r->out->foreign : &r->out->resources, held);
}

static void keep_expected(struct reader *r, const struct wave *wave)
{
	for (size_t i = 0; i < wave->count; i++)
		if (wave->ops[i].found != NULL && !has_no_label(wave->ops[i].found->type))
			keep_one(r, wave->ops[i].found);
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
	struct wave wave = {0};
	struct span *machines = ARENA_ARRAY(r->arena, struct span, r->out->status.count + 1);
	for (size_t i = 0; i < r->out->status.count; i++) {
		const struct resource *status = r->out->status.items[i];
		if (labels_get(&status->labels, OMNI_LABEL_DISCONNECTED) == NULL)
			continue;
		ask_for(r, &wave, OMNI_LINK, status->id);
		machines[count++] = status->id;
	}
	if (count == 0)
		return true;
	struct omni_term term = {.key = SPAN(OMNI_LABEL_MACHINE), .op = OMNI_TERM_IN, .values = machines, .value_count = count};
	struct omni_query query = {&term, 1, 1};
	ask_list(r, &wave, OMNI_CONFIG_PATCH, &query);
	if (!ask(r, &wave))
		return false;
	for (size_t i = 0; i < count; i++)
		if (wave.ops[i].found != NULL)
			resource_push(r->arena, &r->out->disconnected, wave.ops[i].found);
	const struct resource_list *patches = &wave.ops[count].list;
	for (size_t i = 0; i < patches->count; i++)
		resource_push(r->arena, &r->out->disconnected, patches->items[i]);
	return true;
}

/* Everything that could not be asked for before it was known what the cluster has. */
static bool read_others(struct reader *r, const struct cluster *cluster)
{
	bool destroys = cluster == NULL || cluster->destroy_machines;
	bool has_status = destroys || loses_control_plane(r, cluster);
	/* Older servers do not know the type: asked for only where the template has it. */
	bool has_disks = expects(cluster, OMNI_INSTALL_DISK);
	struct map arguments = wanted_ids(r, OMNI_KERNEL_ARGS, cluster), disks = wanted_ids(r, OMNI_INSTALL_DISK, cluster);
	struct omni_query query = {0};
	struct wave wave = {0};
	omni_query_equal(r->arena, &query, OMNI_LABEL_CLUSTER, r->cluster);
	ask_unlabelled(r, &wave, OMNI_KERNEL_ARGS, &arguments);
	if (has_disks)
		ask_unlabelled(r, &wave, OMNI_INSTALL_DISK, &disks);
	ask_expected(r, &wave, cluster);
	if (has_status)
		ask_list(r, &wave, OMNI_MACHINE_STATUS, &query);
	if (!ask(r, &wave))
		return false;
	keep_unlabelled(r, &wave, OMNI_KERNEL_ARGS, &arguments);
	keep_unlabelled(r, &wave, OMNI_INSTALL_DISK, &disks);
	keep_expected(r, &wave);
	if (has_status)
		r->out->status = wave.ops[wave.count - 1].list;
	return !destroys || read_disconnected(r);
}

/* Patches for machines of the cluster that stay with them whatever cluster they are in: those have no cluster's label. */
static bool ask_machine_patches(struct reader *r, struct wave *wave)
{
	const struct resource_list *held = &r->out->resources;
	struct omni_query *query = ARENA_NEW(r->arena, struct omni_query);
	struct omni_term *term = ARENA_NEW(r->arena, struct omni_term);
	*term = (struct omni_term){.key = SPAN(OMNI_LABEL_MACHINE), .op = OMNI_TERM_IN};
	term->values = ARENA_ARRAY(r->arena, struct span, held->count + 1);
	for (size_t i = 0; i < held->count; i++)
		if (held->items[i]->type == OMNI_MACHINE_SET_NODE)
			term->values[term->value_count++] = held->items[i]->id;
	*query = (struct omni_query){term, 1, 1};
	if (term->value_count > 0)
		ask_list(r, wave, OMNI_CONFIG_PATCH, query);
	return term->value_count > 0;
}

/* Everything that the cluster has, but nothing that somebody else may have under an ID of its own. */
bool plan_read_held(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		    struct plan_actual *out, struct fail *fail)
{
	struct plan_actual actual = {0};
	struct reader r = {store, arena, deadline_ms, name, {0}, &actual, fail};
	struct wave wave = {0};
	map_init(&r.seen, arena);
	if (!read_labelled(&r))
		return false;
	struct map arguments = wanted_ids(&r, OMNI_KERNEL_ARGS, NULL);
	ask_unlabelled(&r, &wave, OMNI_KERNEL_ARGS, &arguments);
	bool has_machines = ask_machine_patches(&r, &wave);
	if (!ask(&r, &wave))
		return false;
	keep_unlabelled(&r, &wave, OMNI_KERNEL_ARGS, &arguments);
	if (has_machines)
		actual.of_machines = wave.ops[wave.count - 1].list;
	*out = actual;
	return true;
}

bool plan_read_actual(struct omni_store *store, struct arena *arena, const struct cluster *cluster, struct span name,
		      int64_t deadline_ms, struct plan_actual *out, struct fail *fail)
{
	struct plan_actual actual = {0};
	struct reader r = {store, arena, deadline_ms, cluster != NULL ? cluster->name : name, {0}, &actual, fail};
	map_init(&r.seen, arena);
	if (!read_labelled(&r) || !read_others(&r, cluster))
		return false;
	*out = actual;
	return true;
}

/* In the place of what is as declared stands the declaration; the Cluster, which carries marks, is always read. */
bool plan_read_rest(struct omni_store *store, struct arena *arena, const struct cluster *cluster, const bool *is_same, int64_t deadline_ms,
		    struct plan_actual *out, struct fail *fail)
{
	struct plan_actual actual = {0};
	struct reader r = {store, arena, deadline_ms, cluster->name, {0}, &actual, fail};
	struct wave wave = {0};
	map_init(&r.seen, arena);
	ask_for(&r, &wave, OMNI_CLUSTER, cluster->name);
	for (size_t i = 0; i < cluster->resources.count; i++) {
		struct resource *expected = cluster->resources.items[i];
		if (expected->type == OMNI_CLUSTER)
			continue;
		if (is_same[i])
			keep(&r, expected);
		else
			ask_for(&r, &wave, expected->type, expected->id);
	}
	if (!ask(&r, &wave))
		return false;
	for (size_t i = 0; i < wave.count; i++) {
		struct resource *held = wave.ops[i].found;
		if (held != NULL && (held->type == OMNI_CLUSTER || has_no_label(held->type)))
			keep(&r, held);
		else if (held != NULL)
			keep_one(&r, held);
	}
	*out = actual;
	return true;
}
