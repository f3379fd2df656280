/* What Omni's controllers do with resources that are torn down: a resource of a user goes as soon as it has no finalizers,
 * a machine set takes its nodes, patches and extensions along, a cluster its machine sets, patches, manifests, extensions
 * and health checks. Kernel arguments, install disks, machines and links stay.
 *
 * Nothing is remembered: the parent stays torn down until its children are gone, so that after a crash the same steps
 * follow from what the files say. */
#include "agent/omni/dir_int.h"
#include "base/cleanup.h"

struct child {
	const char *parent, *label, *type;
};

#define OMNI(name) name ".omni.sidero.dev"

/* In the order in which the server cleans up. */
static const struct child children[] = {
	{OMNI("MachineSets"), OMNI_LABEL_MACHINE_SET, OMNI("MachineSetNodes")},
	{OMNI("MachineSets"), OMNI_LABEL_MACHINE_SET, OMNI("ExtensionsConfigurations")},
	{OMNI("MachineSets"), OMNI_LABEL_MACHINE_SET, OMNI("ConfigPatches")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("MachineSets")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("MachineSetNodes")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("ConfigPatches")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("KubernetesManifestGroups")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("ExtensionsConfigurations")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("KubernetesHealthChecks")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("MachineSetStatuses")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("ClusterMachineStatuses")},
	{OMNI("Clusters"), OMNI_LABEL_CLUSTER, OMNI("ControlPlaneStatuses")},
};

/* Statuses that have the ID of their cluster. */
static const char *const own_statuses[] = {OMNI("ClusterStatuses"), OMNI("LoadBalancerStatuses"),
					   OMNI("KubernetesUpgradeStatuses"), OMNI("TalosUpgradeStatuses")};

static struct dir_table *table_named(struct dir_store *store, const char *type)
{
	struct dir_table *table = dir_table_of(store, omni_type_find(span_of(type)));
	dir_refresh(store, table);
	return table;
}

static bool is_child(const struct dir_table *table, size_t slot, const char *label, struct span parent)
{
	const struct dir_kept *kept = table->slots[slot].entry->kept;
	struct span found;
	return kept != NULL && dir_kept_label(table, kept, label, &found) && span_eq(found, parent);
}

/* IDs, copied: whatever is written next may move what the tables hold. */
static void collect(struct arena *arena, const struct dir_table *table, const char *label, struct span parent,
		    struct span **out, size_t *out_count)
{
	size_t cap = 0;
	*out = NULL;
	*out_count = 0;
	for (size_t i = 0; i < table->count; i++)
		if (is_child(table, i, label, parent))
			ARENA_PUSH(arena, *out, *out_count, cap) = arena_copy(arena, dir_kept_id(table->slots[i].entry->kept));
}

static bool has_children(struct dir_store *store, const struct resource *resource)
{
	for (size_t i = 0; i < COUNT_OF(children); i++) {
		const struct dir_table *table;
		if (!span_is(resource->type_name, children[i].parent))
			continue;
		table = table_named(store, children[i].type);
		for (size_t j = 0; (table->type->flags & OMNI_USER) != 0 && j < table->count; j++)
			if (is_child(table, j, children[i].label, resource->id))
				return true;
	}
	return false;
}

bool dir_is_held(struct dir_store *store, const struct resource *resource)
{
	return resource->finalizer_count > 0 || has_children(store, resource);
}

static bool mark(struct dir_store *store, struct dir_table *table, struct arena *arena, struct span id, struct fail *fail)
{
	const struct dir_entry *entry = dir_find(table, id);
	if (entry == NULL || entry->kept == NULL || dir_kept_is_tearing(entry->kept))
		return true;
	struct resource *torn = dir_open(table, entry->kept, arena);
	torn->phase = RESOURCE_TEARING_DOWN;
	torn->version++;
	return dir_put(store, table, torn, fail);
}

static bool settle_one(struct dir_store *store, struct dir_table *table, struct arena *arena, struct span id,
		       unsigned depth, struct fail *fail);

/* Children without finalizers go at once, the others are torn down and wait. */
static bool settle_children(struct dir_store *store, struct arena *arena, const struct child *child, struct span parent,
			    unsigned depth, struct fail *fail)
{
	struct span *ids;
	size_t count;
	struct dir_table *table = table_named(store, child->type);
	collect(arena, table, child->label, parent, &ids, &count);
	for (size_t i = 0; i < count; i++) {
		const struct dir_entry *entry = dir_find(table, ids[i]);
		if (entry == NULL || entry->kept == NULL)
			continue;
		bool is_free = dir_kept_is_free(entry->kept);
		if (!is_free && !mark(store, table, arena, ids[i], fail))
			return false;
		if (is_free && !settle_one(store, table, arena, ids[i], depth + 1, fail))
			return false;
	}
	return true;
}

static bool drop_statuses(struct dir_store *store, const struct resource *cluster, struct fail *fail)
{
	for (size_t i = 0; cluster->type == OMNI_CLUSTER && i < COUNT_OF(own_statuses); i++) {
		struct dir_table *table = table_named(store, own_statuses[i]);
		if (dir_find(table, cluster->id) != NULL && !dir_remove(store, table, cluster->id, fail))
			return false;
	}
	return true;
}

/* Clusters hold machine sets, which hold nodes: three levels. */
static bool settle_one(struct dir_store *store, struct dir_table *table, struct arena *arena, struct span id,
		       unsigned depth, struct fail *fail)
{
	enum { LEVELS = 3 };
	const struct dir_entry *entry = dir_find(table, id);
	if (entry == NULL || entry->kept == NULL || depth >= LEVELS)
		return true;
	const struct resource *resource = dir_open(table, entry->kept, arena);
	for (size_t i = 0; i < COUNT_OF(children); i++)
		if (span_is(resource->type_name, children[i].parent) &&
		    !settle_children(store, arena, &children[i], resource->id, depth, fail))
			return false;
	if (!dir_is_held(store, resource))
		return drop_statuses(store, resource, fail) && dir_remove(store, table, id, fail);
	return mark(store, table, arena, id, fail);
}

static bool is_destroyed_by_server(const struct omni_type *type)
{
	return (type->flags & OMNI_USER) != 0 || type == OMNI_LINK;
}

bool dir_settle(struct dir_store *store, struct fail *fail)
{
	struct arena arena;
	bool ok = true;
	store->needs_settling = false;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; ok && i < store->table_count; i++) {
		struct dir_table *table = &store->tables[i];
		struct span *ids = NULL;
		size_t count = 0, cap = 0;
		for (size_t j = 0; is_destroyed_by_server(table->type) && table->tearing_count > 0 && j < table->count; j++) {
			const struct dir_kept *kept = table->slots[j].entry->kept;
			if (kept != NULL && dir_kept_is_tearing(kept) && dir_kept_is_free(kept))
				ARENA_PUSH(&arena, ids, count, cap) = arena_copy(&arena, dir_kept_id(kept));
		}
		for (size_t j = 0; ok && j < count; j++)
			ok = settle_one(store, table, &arena, ids[j], 0, fail);
	}
	arena_done(&arena);
	store->needs_settling = !ok;
	return ok;
}
