/* What an Omni holds about one cluster, as far as people ask: read at once, or kept up by watches. */
#ifndef AGENT_REPORT_CLUSTER_PARTS_H
#define AGENT_REPORT_CLUSTER_PARTS_H

#include "agent/omni/store.h"

struct cluster_parts {
	struct resource_list cluster, status, kubernetes, talos; /* one each, or none */
	struct resource_list sets, set_statuses, nodes, machines, load_balancers, control_planes;
	struct resource_list patches, manifests, checks, extensions; /* only what waits to go is of interest */
};

/* Which parts there are; NULL past the end. */
struct part {
	const char *type;
	bool has_cluster_id; /* its ID is the cluster's name, and there is one; else its label names the cluster */
	bool is_live;	     /* readiness depends on it, or it is shown */
	size_t offset;	     /* of its list in struct cluster_parts */
};
const struct part *part_at(size_t index);
struct resource_list *part_list(struct cluster_parts *parts, const struct part *part);
bool part_concerns(const struct part *part, const struct resource *resource, struct span cluster);

/* An account that may not see it still sees the cluster. */
bool part_may_hide(const struct part *part);

/* NOT_FOUND: neither the cluster nor a status of it is there. */
bool cluster_parts_read(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms,
			struct cluster_parts *out, struct fail *fail);
bool cluster_parts_check(const struct cluster_parts *parts, struct span cluster, const char *store, struct fail *fail);

/* NULL when the list is empty. */
static inline const struct resource *part_one(const struct resource_list *list)
{
	return list->count > 0 ? list->items[0] : NULL;
}

#endif
