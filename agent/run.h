/* One run: what a worker does with one unit, from a look at Omni to a step of its plan. Private to reconcile*.c and
 * marks.c. A run whose plan waits for Omni is kept by its unit and goes on with the same plan: planning again would give
 * what is left another hash, and ask for approval once more. */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include "agent/agent.h"
#include "agent/plan/apply.h"
#include "agent/report/fleet_view.h"

/* On the Cluster in Omni, written by us, only when it changes (docs/operating.md); two more in report/fleet_view.h. */
#define ANNOTATION_DRIFT "omni.texashpc.com/drift"		  /* "+1 ~0 -2": found and only reported */
#define ANNOTATION_DELETE_POLICY "omni.texashpc.com/delete-policy" /* of what is declared, for when it is not: see marks_policy */
#define ANNOTATION_PHASE "omni.texashpc.com/phase"		  /* as Omni calls it: "RUNNING"; these three when they have settled */
#define ANNOTATION_READY "omni.texashpc.com/ready"		  /* "true", "false" */
#define ANNOTATION_READY_REASON "omni.texashpc.com/ready-reason"  /* a code of docs/status.md, or our state: "Held" */

enum { CALL_TIMEOUT_MS = 30000 };

struct run {
	struct agent *agent;
	struct unit *unit;
	struct arena arena;
	/* taken under the lock at the start */
	struct declared desired, good;
	char content[DIGEST_HEX_SIZE];
	bool is_frozen;
	char frozen_why[UNIT_WHY_MAX];
	bool looks_again, is_requested;
	struct unit_order order;
	struct snapshot **held; /* of every source: for raw resources */
	size_t held_count;

	struct mirror_mark mark; /* before the first look at Omni */
	bool has_mark;
	unsigned char *progress;
	const struct omni_type *carrier_type; /* of the resources whose approval this run used */
	struct plan_actual actual;
	const struct resource *cluster; /* the Cluster as it was read; NULL: there is none */
	struct plan plan;
	enum gate_verdict verdict;
	struct span reason;
	struct diag_list faults; /* what Omni would refuse, found when the plan was made */
	bool awaits_machines; /* which may get lost, and nothing that is watched tells of that */
	bool has_lost_more;   /* waits for machines that got lost after the plan was made */
	bool is_kept; /* the plan goes on in the next run */
};

/* When a call that is made now has to end (CLOCK_MONOTONIC): soon, and not behind the time until which this replica acts. */
int64_t run_deadline(const struct run *run); /* cluster_election.c */
/* Empty: nothing is recorded in Omni. */
struct span run_owner(const struct agent *agent);
bool run_is_ours(const struct run *run, const struct resource *resource);
struct span run_content(struct run *run);
/* What passes without approval. What is declared by objects of an API server does, unless --gate says otherwise: whoever may
 * write there may order it. */
enum plan_risk run_gate(const struct run *run);
struct plan_options run_plan_options(const struct run *run);
void run_judge(struct run *run, const struct resource *carrier);
bool run_has_order(const struct run *run);
/* The Cluster among what was read; NULL: there is none. */
const struct resource *run_find_cluster(const struct run *run);
/* Nothing is left to look after. */
enum queue_result run_leave(struct run *run, const char *why);
/* It went while nobody looked after it: what we recorded of it goes, too. */
void run_clear_record(struct run *run);
/* What the verdict says: told, held, or a step of the plan. */
enum queue_result run_act(struct run *run);
enum queue_result run_apply(struct run *run);
/* All is as it should be, or waits for somebody: not looked at again before something changes. */
void run_settle(struct run *run);
void run_free(struct run *run); /* NULL is fine */

/* refused.c: what Omni would refuse, and what it has refused */
void run_foresee(struct run *run);
enum queue_result run_blocked(struct run *run);
enum queue_result run_refused(struct run *run, const struct apply_result *result);

/* reconcile_known.c: without asking Omni, whether it is as declared; then the plan is the one that does nothing. */
bool known_cluster(struct run *run);
/* What Omni holds for the cluster that is desired, so far as it has to be read: where the mirror is certain of all but a
 * few resources, only those. */
bool known_read_actual(struct run *run, struct fail *fail);
bool known_raws(struct run *run, const struct resource_list *expected);
/* Clusters in Omni with our marks. */
bool known_clusters(struct run *run, struct resource_list *out, struct fail *fail);

/* reconcile_order.c: the cluster has to go, or to be let go, as the deletion of its OmniCluster orders */
enum queue_result reconcile_order(struct run *run);

/* reconcile_raws.c */
enum queue_result reconcile_raws(struct run *run);
bool raws_done(struct run *run); /* false: which clusters there are could not be read yet */

/* marks.c: annotations of ours on the Cluster; failures are only logged, the next run tries again */
void marks_tell(struct run *run, enum unit_phase phase, const char *message);
void marks_clear(struct run *run);
void marks_settled(struct run *run, const struct span values[SETTLING_VALUES]);
bool marks_release(struct run *run, struct fail *fail);
struct span mark_value(const struct resource *resource, const char *annotation); /* empty: absent */
/* How the cluster ends with its declaration, as its mark says it: "orphan", "destroyMachines", or empty. */
struct span marks_policy(const struct cluster *cluster);

/* annotate.c: phase and readiness, at the end of every run: written, or looked at again when they may have settled */
void annotate(struct run *run);

#endif
