/* When a cluster is healthy: one rule for `status`, `health` and the agent, and the names of Omni's numbers. A pure function of
 * what Omni's statuses say and of what is declared in Omni, because statuses are late: for a moment after every write the
 * old ones still stand, and a new cluster counts as ready before anybody has looked at its Kubernetes. */
#ifndef AGENT_OMNI_HEALTH_H
#define AGENT_OMNI_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

enum { CLUSTER_UNKNOWN, CLUSTER_SCALING_UP, CLUSTER_SCALING_DOWN, CLUSTER_RUNNING, CLUSTER_DESTROYING };
enum { SET_SCALING_UP = 1, SET_SCALING_DOWN = 2, SET_RUNNING = 3, SET_DESTROYING = 4, SET_FAILED = 5 };
enum { STAGE_RUNNING = 4, STAGE_DESTROYING = 5, STAGE_BEFORE_DESTROY = 9 };
enum { UPGRADE_DONE = 2, UPGRADE_FAILED = 3 };

/* As omnictl prints them; a number that is not known is "unknown" in its table's spelling. */
const char *health_cluster_phase(unsigned phase);
const char *health_set_phase(unsigned phase);
const char *health_stage(unsigned stage);
const char *health_upgrade_phase(unsigned phase);

struct health_set {
	struct span id, class_name; /* class_name: empty: machines by name */
	struct span error;	    /* as Omni says it */
	bool is_declared, is_unlimited, has_status, is_ready;
	unsigned phase;
	size_t wanted;	  /* machines that are declared: of a class, or by name; not counted when unlimited */
	size_t allocated; /* chosen so far */
	size_t total, healthy, connected, locked_updates;
};

struct health_upgrade {
	bool is_known;
	unsigned phase;
	struct span current, last; /* versions: on the way to, arrived at */
	struct span step, status, error;
};

struct health_facts {
	/* declared in Omni */
	struct span name;
	struct span talos, kubernetes;
	bool is_torn_down, is_locked;
	size_t nodes; /* machines chosen for it, by name or from classes */
	/* said by Omni */
	bool has_status, is_ready, is_available, has_api, has_control_plane;
	unsigned phase;
	struct span seen_talos, seen_kubernetes; /* the declared versions that the status speaks of; empty: an older Omni */
	size_t total, healthy, connected;
	struct health_upgrade kubernetes_upgrade, talos_upgrade;
	const struct health_set *sets;
	size_t set_count;
};

enum health { HEALTH_UNKNOWN, HEALTH_NOT_READY, HEALTH_READY, HEALTH_DESTROYING };

/* "Unknown", "NotReady", "Ready", "Destroying" */
const char *health_name(enum health health);

/* One thing that a cluster lacks. */
struct health_reason {
	const char *code;    /* "MachinesMissing": stable */
	struct span object;  /* the ID of what it is about */
	struct span message; /* one line for people */
};

struct health_reasons {
	struct health_reason *items;
	size_t count, cap;
};

/* READY exactly when there are no reasons. They live in the arena, what matters most stands first. */
enum health health_judge(struct arena *arena, const struct health_facts *facts, struct health_reasons *out);

/* Reading the facts of a status off its spec happens in one place, too. */
struct resource;
void health_take_status(struct health_facts *facts, const struct resource *cluster_status);
void health_take_upgrade(struct health_upgrade *upgrade, const struct resource *status);
void health_take_set(struct health_set *set, const struct resource *machine_set);
void health_take_set_status(struct health_set *set, const struct resource *status);

#endif
