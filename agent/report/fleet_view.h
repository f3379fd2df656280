/* What Omni holds, for people: one line per cluster, or one cluster as a tree with its machine sets and machines, what it
 * lacks and why. The tree is that of `omnictl cluster status`, with a line for Talos; where Omni reports no status (a
 * directory), what is declared is shown. docs/status.md describes the JSON. */
#ifndef AGENT_REPORT_FLEET_VIEW_H
#define AGENT_REPORT_FLEET_VIEW_H

#include "agent/omni/health.h"
#include "agent/report/cluster_parts.h"
#include "base/text.h"

/* What an agent writes on a Cluster when it holds a plan or only reports a difference. */
#define ANNOTATION_SYNC_STATE "omni.texashpc.com/sync-state"	  /* Held, OutOfSync; absent: all is well */
#define ANNOTATION_SYNC_MESSAGE "omni.texashpc.com/sync-message" /* one line for people */

struct view_machine {
	struct span id, node_name, config_error;
	unsigned stage;
	bool has_status; /* false: chosen, and nothing is said of it yet */
	bool is_ready, is_connected, is_locked, is_config_current, has_pending_update, has_config_failed;
	bool is_declared_locked; /* by its MachineSetNode */
};

struct view_check {
	struct span id, type, status, reason; /* "Etcd", "NotReady" */
};

struct view_set {
	struct health_set set;
	const char *words; /* "Control Plane", "Workers", "Additional Workers" */
	bool is_control_plane;
	struct view_machine *machines;
	size_t machine_count, machine_cap;
};

/* Something that is torn down and that Omni does not let go of. */
struct view_wait {
	const struct omni_type *type;
	struct span id, holders, since, way_out;
};

/* One line of the tree, without colour: `Workers "demo-workers" Running Ready (2/2)`. */
struct view_node {
	struct span text;
	struct view_node **children;
	size_t child_count, child_cap;
};

struct cluster_view {
	struct span name, talos_version, kubernetes_version, owner, applied_revision, applied_hash;
	struct span sync_state, sync_message; /* what an agent says that it cannot or may not do; empty: nothing */
	struct span phase; /* of ClusterStatus; empty: Omni reports none */
	bool has_status, is_ready, is_locked; /* is_ready: as ClusterStatus says, which is less than healthy */
	size_t machine_sets, machines_wanted, machines_total, machines_healthy;
	bool machines_unlimited;
	struct health_facts facts;
	enum health health;
	struct health_reasons reasons; /* why it is not ready */
	/* of one cluster only */
	struct view_set *sets;
	struct view_check *checks;
	size_t check_count, check_cap;
	bool has_load_balancer, is_load_balancer_healthy, is_load_balancer_stopped;
	struct health_reasons notes; /* worth a look, ready or not */
	struct view_wait *waits;
	size_t wait_count, wait_cap;
	struct view_node *root; /* NULL in a fleet */
};

/* A resource that nobody's omniops keeps. */
struct view_unmanaged {
	struct span type, id;
};

struct fleet_view {
	struct cluster_view *clusters; /* sorted by name; without trees */
	size_t count;
	struct view_unmanaged *unmanaged;
	size_t unmanaged_count, unmanaged_cap;
};

/* NOT_FOUND when there is no such cluster, and no status of one. */
bool view_cluster(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		  struct cluster_view *out, struct fail *fail);
/* The same of parts that were read before: a pure function. */
void view_parts(struct arena *arena, struct span name, const struct cluster_parts *parts, struct cluster_view *out);
bool view_fleet(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct fleet_view *out, struct fail *fail);

void view_print_table(struct text *out, const struct fleet_view *fleet, bool color);
void view_print_tree(struct text *out, const struct cluster_view *view, bool color);
/* `about` may be NULL. `fleet` NULL: one cluster. */
void view_print_json(struct text *out, const char *url, const struct omni_about *about, const struct cluster_view *views,
		     size_t count, const struct fleet_view *fleet);
/* One line: what answers there, who we are to it, until when. */
void view_print_server(struct text *out, const char *url, const struct omni_about *about, int64_t now_s);

/* --- between the files of this room */
void view_take(struct arena *arena, struct span name, const struct cluster_parts *parts, struct cluster_view *view); /* view_take.c */
void view_make_tree(struct arena *arena, struct cluster_view *view); /* view_tree.c */
void view_make_notes(struct arena *arena, struct cluster_view *view, const struct cluster_parts *parts); /* view_notes.c */

#endif
