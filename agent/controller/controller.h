/* The custom resources in Kubernetes as an operator keeps them: finalizers before the first write to Omni, deletion in an order
 * that never locks up, status, annotations and Events, each written only when it changes. What is declared goes from the cache
 * through the source `kubernetes:` into rendering; this room decides nothing about Omni, it says what was ordered and writes
 * what came of it.
 *
 * Threads: everything here may be called from any thread and does not block; a thread of its own writes. */
#ifndef AGENT_CONTROLLER_CONTROLLER_H
#define AGENT_CONTROLLER_CONTROLLER_H

#include "agent/kube/cache.h"
#include "agent/kube/client.h"
#include "agent/report/state.h"
#include "agent/report/status_events.h"
#include "render/diag.h"

struct controller;

struct controller_options {
	struct kube_client *client;
	struct kube_cache *cache;
	struct log *log;
	const char *instance; /* of this replica, for Events: the pod's name */
	/* Does this replica act? Asked before every write; cheap, any thread. Replicas share the work by `key`: for an OmniCluster and
	 * its parts the cluster's name in Omni (spec.clusterName, or the object's own), for other objects their own name. */
	bool (*may_write)(void *ctx, struct span key);
	/* What is ordered (controller_orders) or what may enter the tree (controller_admits) has changed. Any thread. */
	void (*changed)(void *ctx);
	/* Somebody asks for a real look at the Omni of this OmniCluster (a new token in an annotation): one that begins from now on,
	 * then controller_looked. Any thread; NULL: requests count as handled at once. */
	void (*requested)(void *ctx, struct span ns, struct span object);
	/* Is this kind, beside those of templates, looked after by a handler? NULL: none is. */
	bool (*is_handled)(const struct kind *kind);
	void *ctx;
	int64_t grace_ms; /* how long something that a deletion needs may be missing before it goes on without; 0: 30 s */
};

/* Options are copied; client and cache must outlive it. No lock of the controller is held while a callback runs. */
struct controller *controller_new(const struct controller_options *options);
/* Writes what is due until the deadline; nothing calls back afterwards. Not on the client's thread. NULL is fine. */
void controller_free(struct controller *controller, int64_t deadline_ms);
/* This replica began to act, or ceased to: everything is looked at again. */
void controller_look(struct controller *controller);

/* --- what Kubernetes orders ----------------------------------------------------------------------------------------- */

/* An OmniCluster that is being deleted and has our finalizer: its cluster in Omni has to go, or to be let go. Not declared any
 * more: the source leaves it out of its trees. */
struct controller_order {
	struct span ns, object; /* of the OmniCluster */
	struct span uid;
	struct span cluster;	/* its name in Omni */
	struct span connection; /* spec.connectionRef.name, in ns */
	bool orphan, destroy_machines;
};
/* Those that may_write lets this replica carry out. Without a lock; texts live as long as the visit. */
void controller_orders(struct controller *controller, void (*visit)(void *ctx, const struct controller_order *order), void *ctx);
/* It is done (why empty), or fails now (why says how; it goes on being ordered). Repeating it is fine. The finalizer goes when
 * it is done. */
void controller_order_told(struct controller *controller, struct span ns, struct span object, bool is_done, const char *why);
/* It is under way, and waits for something: no fault. */
void controller_order_waits(struct controller *controller, struct span ns, struct span object, const char *what);

/* May this object be acted on: is its finalizer on it, as seen in the cache? */
bool controller_admits(const struct kube_object *object);

/* --- what came of it ------------------------------------------------------------------------------------------------ */

/* What one rendered OmniCluster consists of, and what was found about it. Borrowed. */
struct controller_cluster {
	struct span ns, object, cluster, connection, url;
	struct span control_plane;     /* names of objects; empty: none */
	const struct span *workers, *machines; /* in rendering order */
	size_t worker_count, machine_count;
	int64_t generation;	       /* of the OmniCluster that was rendered */
	const struct diag *const *diags; /* errors and warnings of it and of its parts; object is "OmniWorkers/name" */
	size_t diag_count;
	char template_hash[DIGEST_HEX_SIZE];
	bool has_errors;
};
/* All that the newest tree declares; what is not among them is not declared. */
void controller_take_fleet(struct controller *controller, const struct controller_cluster *clusters, size_t count);
/* After that: what a newer tree declares otherwise, and what it does not declare any more (of these ns and object count). */
void controller_take_changes(struct controller *controller, const struct controller_cluster *changed, size_t changed_count,
			     const struct controller_cluster *gone, size_t gone_count);

/* The state of the unit that a cluster is has changed. */
void controller_told(struct controller *controller, struct span ns, struct span object, const struct unit_report *report);
/* A look that was `requested` is over, whatever it found; after controller_told. */
void controller_looked(struct controller *controller, struct span ns, struct span object);

/* What is known of the way to the Omni of a connection. */
struct controller_way {
	bool is_tried, is_up;
	struct span url;     /* as used: "https://omni.example.com:443" */
	struct span trouble; /* not up: why, without secrets */
	bool is_passing;     /* not up, and tried again: nobody has to do anything */
	struct span version, identity;
	int64_t key_expires_s; /* 0: never, or not known */
};
void controller_told_way(struct controller *controller, struct span ns, struct span connection, const struct controller_way *way);

/* What came of a look at an object that a handler looks after. */
struct controller_handled {
	const struct kind *kind;
	struct span ns, name, uid; /* of another uid by now: nothing is done */
	json_t *status;		   /* the whole of it; borrowed */
	const struct status_event *events;
	size_t event_count;
	bool is_gone; /* it is being deleted, and nothing is left to do: its finalizer goes */
};
void controller_told_handled(struct controller *controller, const struct controller_handled *told);

/* --- for metrics */
struct controller_counts {
	uint64_t status_writes, annotation_writes, finalizer_writes, events, conflicts, failures;
	size_t queued;
};
void controller_counts(struct controller *controller, struct controller_counts *out);

#endif
