/* What Omni holds, for people: one line per cluster, or the tree of one cluster with its machine sets and machines. The
 * status resources of Omni are shown where there are any; otherwise what is declared. */
#ifndef AGENT_REPORT_FLEET_VIEW_H
#define AGENT_REPORT_FLEET_VIEW_H

#include "agent/omni/store.h"
#include "base/text.h"

/* What an agent writes on a Cluster when it holds a plan or only reports a difference. */
#define ANNOTATION_SYNC_STATE "omni.texashpc.com/sync-state"	  /* Held, OutOfSync; absent: all is well */
#define ANNOTATION_SYNC_MESSAGE "omni.texashpc.com/sync-message" /* one line for people */

/* One machine, machine set or check below a cluster; ready for printing. */
struct view_node {
	struct span text;  /* one line without colour: `Workers "demo-workers" Running Ready (2/2)` */
	struct span kind, id, phase;
	bool has_ready, is_ready;
	struct view_node **children;
	size_t child_count, child_cap;
};

struct cluster_view {
	struct span name, talos_version, kubernetes_version, owner, applied_revision, applied_hash, approve;
	struct span sync_state, sync_message; /* what an agent says that it cannot or may not do; empty: nothing */
	struct span phase; /* of ClusterStatus; empty: Omni reports none */
	bool has_status, is_ready, is_locked, is_healthy;
	size_t machine_sets, machines_wanted, machines_total, machines_healthy, patches;
	bool machines_unlimited;
	struct view_node *root;
};

/* NOT_FOUND when there is no such cluster. */
bool view_cluster(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		  struct cluster_view *out, struct fail *fail);
/* All, sorted by name; without trees. */
bool view_fleet(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct cluster_view **out,
		size_t *out_count, struct fail *fail);

void view_print_table(struct text *out, const struct cluster_view *views, size_t count, bool color);
void view_print_tree(struct text *out, const struct cluster_view *view, bool color);
/* `about` may be NULL. */
void view_print_json(struct text *out, const char *url, const struct omni_about *about, const struct cluster_view *views,
		     size_t count);
/* One line: what answers there, who we are to it, until when. */
void view_print_server(struct text *out, const char *url, const struct omni_about *about, int64_t now_s);

#endif
