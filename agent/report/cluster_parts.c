#include "agent/report/cluster_parts.h"

#include <stddef.h>

#include "base/cleanup.h"

#define OMNI(name) name ".omni.sidero.dev"
#define PART(name, has_cluster_id, is_live, field) {OMNI(name), has_cluster_id, is_live, offsetof(struct cluster_parts, field)}

static const struct part parts_table[] = {
	PART("Clusters", true, true, cluster),
	PART("ClusterStatuses", true, true, status),
	PART("KubernetesUpgradeStatuses", true, true, kubernetes), /* these two have no label of the cluster, or not always */
	PART("TalosUpgradeStatuses", true, true, talos),
	PART("MachineSets", false, true, sets),
	PART("MachineSetStatuses", false, true, set_statuses),
	PART("MachineSetNodes", false, true, nodes),
	PART("ClusterMachineStatuses", false, true, machines),
	PART("LoadBalancerStatuses", false, true, load_balancers),
	PART("ControlPlaneStatuses", false, true, control_planes),
	PART("ConfigPatches", false, false, patches),
	PART("KubernetesManifestGroups", false, false, manifests),
	PART("KubernetesHealthChecks", false, false, checks),
	PART("ExtensionsConfigurations", false, false, extensions),
};
enum { PARTS = COUNT_OF(parts_table) };

const struct part *part_at(size_t index)
{
	return index < PARTS ? &parts_table[index] : NULL;
}

struct resource_list *part_list(struct cluster_parts *parts, const struct part *part)
{
	return (struct resource_list *)((char *)parts + part->offset);
}

bool part_concerns(const struct part *part, const struct resource *resource, struct span cluster)
{
	const struct label *label = labels_get(&resource->labels, OMNI_LABEL_CLUSTER);
	return part->has_cluster_id ? span_eq(resource->id, cluster) : label != NULL && span_eq(label->value, cluster);
}

bool cluster_parts_check(const struct cluster_parts *parts, struct span cluster, const char *store, struct fail *fail)
{
	if (parts->cluster.count > 0 || parts->status.count > 0)
		return true;
	return fail_set(fail, FAIL_NOT_FOUND, "%s has no cluster %.*s", store, SPAN_ARG(cluster));
}

/* An Omni that does not know a type, or an account that may not see it, has nothing of it to show; without the cluster
 * itself there is nothing at all. */
bool part_may_hide(const struct part *part)
{
	return part != &parts_table[0];
}

static bool is_fatal(const struct part *part, const struct omni_op *op)
{
	bool is_hidden = op->code == FAIL_DENIED && part_may_hide(part);
	return op->code != FAIL_NONE && op->code != FAIL_NOT_FOUND && !is_hidden;
}

bool cluster_parts_read(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms,
			struct cluster_parts *out, struct fail *fail)
{
	struct omni_op ops[PARTS];
	struct omni_query query = {0};
	omni_query_equal(arena, &query, OMNI_LABEL_CLUSTER, cluster);
	for (size_t i = 0; i < PARTS; i++) {
		const struct part *part = &parts_table[i];
		ops[i] = (struct omni_op){.kind = part->has_cluster_id ? OMNI_GET : OMNI_LIST, .type = omni_type_find(span_of(part->type)),
					  .id = cluster, .query = part->has_cluster_id ? NULL : &query};
	}
	omni_batch(store, arena, ops, PARTS, deadline_ms);
	*out = (struct cluster_parts){0};
	for (size_t i = 0; i < PARTS; i++) {
		const struct part *part = &parts_table[i];
		if (is_fatal(part, &ops[i]))
			return omni_op_failure(&ops[i], fail);
		if (ops[i].code != FAIL_NONE)
			continue;
		if (part->has_cluster_id)
			resource_push(arena, part_list(out, part), ops[i].found);
		else
			*part_list(out, part) = ops[i].list;
	}
	return cluster_parts_check(out, cluster, store->name, fail);
}
