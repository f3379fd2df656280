/* What has to change in Omni so that it becomes what the tree says: a pure function of expected and actual state.
 * Operations and order equal the reference's (omni-template.md 5.2 to 5.4), with two deliberate differences: only what
 * was made from a template or is recorded as ours is destroyed, and operational fields (locks) are left alone. */
#ifndef AGENT_PLAN_PLAN_H
#define AGENT_PLAN_PLAN_H

#include "base/digest.h"
#include "render/fleet.h"
#include "render/resource.h"

#define ANNOTATION_OWNER "omni.texashpc.com/owner"
#define ANNOTATION_APPLIED_HASH "omni.texashpc.com/applied-hash"
#define ANNOTATION_APPLIED_REVISION "omni.texashpc.com/applied-revision"
#define ANNOTATION_OURS "omni.texashpc.com/" /* prefix of every annotation of ours; never compared */

enum plan_op_kind { PLAN_CREATE, PLAN_UPDATE, PLAN_DESTROY };
enum plan_risk { RISK_SAFE, RISK_DISRUPTIVE, RISK_DESTRUCTIVE, RISK_CRITICAL };

/* One changed place: the path inside the resource ("spec.talosversion", "metadata.labels.env", "data: machine.sysctls"),
 * old and new as text; empty old: added, empty new: removed. Values that may be secret are replaced by a short keyed
 * hash ("(secret 3f2a…)"). */
struct plan_diff {
	struct span path, old_text, new_text;
	bool had_old, has_new;
};

struct plan_op {
	enum plan_op_kind kind;
	const struct omni_type *type;
	struct span id;
	unsigned phase; /* destroy steps from 0; 0 for create and update */
	enum plan_risk risk;
	const char *why; /* why this risk: "control plane would lose quorum" */
	const struct resource *desired; /* NULL for destroy */
	const struct resource *actual;	/* NULL for create */
	struct plan_diff *diffs;
	size_t diff_count, diff_cap;
};

/* What Omni holds for one cluster: gathered from a store or the mirror. */
struct plan_actual {
	struct resource_list resources; /* Cluster, everything with the cluster's label, KernelArgs of its machines, … */
	/* Resources under IDs that the template expects but that belong to somebody else (by id lookup, 5.1 step 5). */
	struct resource_list foreign;
	/* ClusterStatus, MachineStatuses… where present: used for risk only. */
	struct resource_list status;
};

struct plan_options {
	bool prune_unmanaged; /* destroy also what was not made from a template (as the reference does) */
	bool is_delete;	      /* the cluster has to go: expected is empty */
	bool destroy_machines;
	enum plan_risk gate;  /* highest risk that passes without approval */
	struct span secret_key; /* for hashing secrets in diffs; empty: a fixed per-process key */
};

struct plan {
	struct span cluster; /* name; empty for the plan of raw resources */
	struct plan_op *ops; /* in order of execution */
	size_t count, cap;
	size_t creates, updates, destroys;
	struct resource_list unmanaged; /* carries the cluster's label but is not ours: left alone */
	struct {
		struct span text;
	} *conflicts; /* why it cannot be applied at all: belongs to another cluster, expected resource is tearing down */
	size_t conflict_count, conflict_cap;
	enum plan_risk risk; /* the highest of all operations */
	bool is_waiting; /* an expected resource is tearing down: try again later */
	char hash[DIGEST_HEX_SIZE]; /* of the canonical form; of an empty plan too */
};

/* `cluster` may be NULL only with options->is_delete, then `name` counts. Everything in the plan lives in `arena` or
 * points into cluster and actual. */
void plan_cluster(struct arena *arena, const struct cluster *cluster, struct span name,
		  const struct plan_actual *actual, const struct plan_options *options, struct plan *out);

/* Raw resources of one connection. `owned` lists what the store has that is recorded as ours (annotation owner =
 * `owner`); `in_use` lists the MachineSets of all clusters, so that a class in use is never pruned. */
void plan_raws(struct arena *arena, const struct resource_list *expected, const struct resource_list *actual,
	       const struct resource_list *in_use, struct span owner, const struct plan_options *options,
	       struct plan *out);

static inline bool plan_is_empty(const struct plan *plan)
{
	return plan->count == 0 && plan->conflict_count == 0;
}

const char *plan_risk_name(enum plan_risk risk); /* safe disruptive destructive critical */
bool plan_risk_parse(struct span name, enum plan_risk *out);
const char *plan_op_name(enum plan_op_kind kind); /* create update destroy */

#endif
