/* The machines that a teardown waits for. Omni resets each of them before it lets go of a cluster or a machine set; one that
 * does not answer holds up the rest, perhaps for ever. That it cannot be reached, Omni notices only after minutes. Machines
 * whose turn has not come (control planes wait for workers) are not among them: removing those would help nothing. */
#ifndef AGENT_PLAN_LOST_H
#define AGENT_PLAN_LOST_H

#include "agent/omni/store.h"
#include "agent/plan/plan.h"

struct plan_left {
	struct resource_list machines; /* ClusterMachineStatuses: those that cannot be reached, else those being reset */
	bool is_lost;		       /* they cannot be reached */
	size_t all;		       /* of the cluster */
};

/* None also where they cannot be read now: that is no failure of what is being told. */
struct plan_left plan_left_machines(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms);

/* "ID (node name), ID (node name) and 3 more" */
struct span plan_left_names(struct arena *arena, const struct plan_left *left);

/* Does a resource of this type wait for machines when it is torn down? The rest waits for a controller of Omni. */
bool plan_waits_for_machines(const struct omni_type *type);
/* What helps a resource that is not let go, where no machine is known to be in the way. */
void plan_print_way_out(struct text *out, const struct omni_type *type, struct span id, struct span cluster);

/* Is there a lost one whose Link the plan leaves as it is? */
bool plan_has_lost_more(const struct plan *plan, const struct plan_left *left);

#endif
