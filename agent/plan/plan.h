/* What has to change in Omni so that it becomes what the tree says: a pure function of expected and actual state.
 * Operations and order equal those of `omnictl cluster template sync`, with three deliberate differences:
 *   - destroyed is only what was made from a template (an ID as templates make it for this cluster, or a mark of ours);
 *     the rest is listed as unmanaged;
 *   - operational fields (locks, disabled patches, annotations of ours) are left as they are in Omni;
 *   - a resource under an expected ID that belongs to another cluster is a conflict, never taken over.
 * docs/plan.md has the rules for people. */
#ifndef AGENT_PLAN_PLAN_H
#define AGENT_PLAN_PLAN_H

#include "base/digest.h"
#include "render/fleet.h"
#include "render/hide.h"
#include "render/resource.h"

#define ANNOTATION_OURS "omni.texashpc.com/" /* prefix of every annotation of ours; never compared */
#define ANNOTATION_OWNER "omni.texashpc.com/owner"
#define ANNOTATION_APPLIED_HASH "omni.texashpc.com/applied-hash"
/* Of the resources that the declarations came to, with the contents of files. Only the agent records it. */
#define ANNOTATION_APPLIED_CONTENT "omni.texashpc.com/applied-content"
#define ANNOTATION_APPLIED_REVISION "omni.texashpc.com/applied-revision"
/* On resources whose ID the user chose (idOverride): made from the template of the cluster that is the value. */
#define ANNOTATION_TEMPLATE "omni.texashpc.com/template"
/* On machine set nodes: the lock came from the template, so the template may take it away. */
#define ANNOTATION_LOCK "omni.texashpc.com/lock"

enum plan_op_kind { PLAN_CREATE, PLAN_UPDATE, PLAN_DESTROY };
enum plan_risk { RISK_SAFE, RISK_DISRUPTIVE, RISK_DESTRUCTIVE, RISK_CRITICAL };

/* One changed place: the path inside the resource ("spec.talosversion", "metadata.labels.env", "data: machine.sysctls"),
 * old and new as text; !had_old: added, !has_new: removed. Values that may be secret are replaced by a short keyed
 * hash ("(secret 3f2a9c01)"). */
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
	const char *why; /* why this risk: "control plane would lose quorum"; never NULL */
	const char *locked; /* a lock in Omni that makes it refuse this, and what to do; NULL: none. Apply skips it */
	const struct resource *desired; /* NULL for destroy */
	/* NULL for create, unless the old one is being torn down: apply waits for it, or gives it the last push. */
	const struct resource *actual;
	struct plan_diff *diffs; /* of updates */
	size_t diff_count, diff_cap;
};

/* What Omni holds for one cluster: gathered from a store or the mirror. */
struct plan_actual {
	struct resource_list resources; /* Cluster, everything with the cluster's label, KernelArgs of its machines, … */
	/* Resources under IDs that the template expects but that belong to somebody else. */
	struct resource_list foreign;
	/* ClusterStatus, MachineStatuses… where present: used for risk only. */
	struct resource_list status;
	/* For options->destroy_machines: Links of disconnected machines, and the ConfigPatches of those machines. */
	struct resource_list disconnected;
	/* Of plan_read_held: ConfigPatches for machines of the cluster, which no declaration of a cluster can have. */
	struct resource_list of_machines;
};

struct plan_options {
	bool prune_unmanaged; /* destroy also what was not made from a template (as the reference does) */
	bool is_delete;	      /* the cluster has to go: expected is empty */
	bool destroy_machines; /* with is_delete */
	enum plan_risk gate;  /* highest risk that passes without approval */
	const struct hide_book *hidden; /* the secrets on both sides are hidden, and this is what the expected ones are; NULL: not */
	struct span secret_key; /* for hashing secrets in diffs; empty: a random key of this process */
	struct span owner; /* who we are; a Cluster that records another owner is a conflict. Empty: not checked */
};

struct plan_conflict {
	struct span text;
	bool is_partial; /* concerns only what it names: the rest of the plan may be applied */
};

struct plan_note {
	struct span text;
};

struct plan {
	struct span cluster; /* name; empty for the plan of raw resources */
	struct plan_op *ops; /* in order of execution */
	size_t count, cap;
	size_t creates, updates, destroys;
	struct resource_list unmanaged; /* carries the cluster's label but is not ours: left alone */
	struct plan_conflict *conflicts; /* why it cannot be applied: belongs to another cluster, … */
	size_t conflict_count, conflict_cap;
	struct plan_note *notes; /* worth knowing: locks, disabled patches */
	size_t note_count, note_cap;
	const struct resource *actual_cluster; /* the Cluster as it is; NULL: there is none */
	enum plan_risk risk; /* the highest of all operations */
	bool is_delete;	     /* the plan of a deletion */
	bool is_waiting; /* an expected resource is tearing down and has finalizers: plan again later */
	char hash[DIGEST_HEX_SIZE]; /* of the canonical form; of an empty plan too */
	const struct hide_book *hidden; /* as in the options */
	bool is_of_copy; /* the hash counts hidden values that nobody knows: the same plan of the original has another */
};

/* How many digits of the hash are printed and needed for an approval. */
enum { PLAN_HASH_SHORT = 16 };

/* `cluster` may be NULL only with options->is_delete, then `name` counts. Everything in the plan lives in `arena` or
 * points into cluster and actual. A cluster with errors, or without its expected resources, gives a conflict and no
 * operations. */
void plan_cluster(struct arena *arena, const struct cluster *cluster, struct span name,
		  const struct plan_actual *actual, const struct plan_options *options, struct plan *out);

/* Raw resources of one connection. `actual` holds what the store has under the expected IDs and what is recorded as
 * ours (annotation owner = `owner`; empty: nothing is recorded or pruned); `in_use` lists the MachineSets of all
 * clusters, so that a class in use is never pruned. */
void plan_raws(struct arena *arena, const struct resource_list *expected, const struct resource_list *actual,
	       const struct resource_list *in_use, struct span owner, const struct plan_options *options,
	       struct plan *out);

/* Would writing `desired` over `actual` change nothing that we care about? Content by meaning where desired->content is
 * set, else by bytes; versions, dates, finalizers, operational fields and annotations of ours are not compared. */
bool plan_same(const struct resource *desired, const struct resource *actual);

/* What plan_same compares, as numbers that mean something in this process only. A declared resource is the same as one in
 * Omni when `whole` is equal, and, where the declared one is judged by_bytes, `bytes`. That is certain. Not told are: a
 * machine that a person locked is the same; contents that are no YAML or very long, declared as a mapping. */
struct plan_meaning {
	uint64_t whole; /* with type and ID; of raw resources also with the owner that is recorded on them. 0: cannot be told */
	uint64_t bytes; /* of the content; 0: the type has none */
	bool by_bytes;
};
struct plan_meaning plan_meaning(const struct resource *resource, bool is_declared);

/* Might a plan act upon it, or tell of it, if nobody declared it? A few too many are. */
bool plan_may_concern(const struct resource *actual);

/* Nothing but the mark that omnictl puts on a Cluster that it makes from a template: who takes a cluster over writes it. */
bool plan_op_is_formal(const struct plan_op *op);
bool plan_is_formal(const struct plan *plan); /* an empty one, too */

/* Updates that change marks alone. Of adoption: what is declared and held came from the declaration, from now on; the owner
 * itself is written by apply. Of release: every mark of ours goes. */
void plan_adopt(struct arena *arena, const struct cluster *cluster, const struct plan_actual *actual, struct plan *out);
void plan_adopt_raws(struct arena *arena, const struct resource_list *held, struct span owner, struct plan *out);
void plan_release(struct arena *arena, struct span cluster, const struct plan_actual *actual, struct plan *out);

/* The plan of a cluster that is as declared. */
void plan_nothing(struct span cluster, struct plan *out);

/* Has the resource of this cluster an ID as templates make it, or a mark of ours? */
bool plan_is_from_template(const struct resource *resource, struct span cluster);

static inline bool plan_is_empty(const struct plan *plan)
{
	return plan->count == 0 && plan->conflict_count == 0;
}

const char *plan_risk_name(enum plan_risk risk); /* safe disruptive destructive critical */
bool plan_risk_parse(struct span name, enum plan_risk *out);
const char *plan_op_name(enum plan_op_kind kind); /* create update destroy */

#endif
