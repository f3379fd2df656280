/* What a handler is: it looks after the objects of one kind (OmniKubeconfigExport, OmniSecretSync, OmniHelmRelease), each by
 * itself. It is called on a worker, may block until its deadline, and says what came of it; the runner (handlers.h) decides when
 * to call again, writes the status and takes the finalizer off. A call is a whole look: it compares what is with what is
 * declared, and does what is missing; with nothing missing it writes nothing. */
#ifndef AGENT_HANDLERS_HANDLER_H
#define AGENT_HANDLERS_HANDLER_H

#include "agent/omni/management.h"
#include "agent/report/status_events.h"
#include "agent/workload/secret_store.h"
#include "agent/workload/workload.h"
#include "base/log.h"
#include "crds/schema.h"

/* The OmniCluster that the object refers to. */
struct handler_cluster {
	bool exists, is_deleted;
	bool is_ready;	     /* declared, applied, and Omni says that it is */
	struct span object, uid; /* the object's name as referred to; its uid, empty where there is none */
	struct span name;    /* in Omni */
	struct span connection, endpoint; /* the OmniConnection, and its spec.endpoint */
	bool has_connection; /* it exists */
};

/* As it is declared now. Borrowed. */
struct handler_object {
	const struct kind *kind;
	struct span ns, name, uid; /* uid empty: not of an API server */
	int64_t generation;
	bool is_deleted;
	const json_t *spec;	   /* with defaults */
	const json_t *status;	   /* as observed; an empty object when absent */
	const json_t *annotations; /* the same */
	struct handler_cluster cluster;
};

enum { HANDLER_CONDITIONS = 4, HANDLER_WATCHES = 8, HANDLER_MESSAGE = 2048 };

struct handler_condition {
	const char *type; /* "Ready"; static */
	enum { CONDITION_FALSE, CONDITION_TRUE, CONDITION_UNKNOWN } value;
	const char *reason; /* static */
	char message[HANDLER_MESSAGE];
};

struct secret_name {
	struct span ns, name;
};

/* Filled in by the handler; begins as all zero. */
struct handler_outcome {
	json_t *fields; /* of the status, without conditions and observedGeneration: all of them. New reference; NULL: as observed */
	struct handler_condition conditions[HANDLER_CONDITIONS]; /* of Accepted and Ready, and those of its own */
	size_t condition_count;
	struct status_event events[STATUS_EVENTS_MAX]; /* of what happened; changes of conditions are told by themselves */
	size_t event_count;
	struct secret_name watches[HANDLER_WATCHES]; /* Secrets here whose change is a reason to look again; in the arena */
	size_t watch_count;
	bool has_failed;  /* looked at again by back-off, 0.5 s to 5 min */
	bool is_progressing; /* something is under way, no fault: kstatus Reconciling */
	bool is_gone;	  /* of one that is being deleted: nothing is left to do, the finalizer may go */
	int64_t again_ms; /* look again in so long, whatever happens; 0: no need to */
};

/* Where an object's handler may want to be called earlier: a watch in the workload cluster saw a change. Any thread; of an
 * object that is gone it does nothing. */
struct handler_waker;
void handler_wake(struct handler_waker *waker);
struct handler_waker *handler_waker_use(struct handler_waker *waker); /* one more user */
void handler_waker_drop(struct handler_waker *waker);

struct charts;
struct helm;

/* What handlers may ask of the world. */
struct handler_env {
	struct log *log;
	struct secret_store *secrets; /* here: beside the custom resources */
	struct workloads *workloads;
	/* A ConfigMap's data beside the custom resources, {"key": "text"}; new reference. NOT_FOUND. NULL: there is no API server. */
	bool (*config_map)(void *ctx, struct span ns, struct span name, json_t **out, struct fail *fail);
	/* A kubeconfig from the Omni of the object's cluster. The yaml lives in the arena. */
	bool (*kubeconfig)(void *ctx, const struct handler_object *object, const struct omni_kubeconfig_request *request,
			   struct arena *arena, struct span *out_yaml, struct fail *fail);
	/* Status of another object of the same namespace; new reference, NULL: there is none. is_ready: its Ready is True for its
	 * generation. A change of it wakes the object that asked. */
	json_t *(*status_of)(void *ctx, const struct handler_object *asker, const struct kind *kind, struct span name, bool *out_is_ready);
	/* May this replica go on? Before whatever changes something outside. */
	bool (*may_act)(void *ctx, const struct handler_object *object);
	int64_t (*now_s)(void *ctx); /* wall clock, Unix seconds */
	void *ctx;
	const char *cache_dir; /* charts, and what programs need; NULL: none, then there is no Helm */
	const char *helm;      /* --helm: the program; NULL: found in PATH */
	const char *ca_file;   /* --ca-file: of repositories; NULL: the system's */
	struct charts *charts; /* agent/helm/chart.h, agent/helm/run.h, made of these three by whoever makes the env; NULL: there */
	struct helm *programs; /* is no Helm */
	_Atomic bool is_stopping; /* the process ends: nothing new is begun */
	int stop_fd;	       /* readable from then on, for those who wait for something else; 0: there is none */
};

struct handler_call {
	const struct handler_env *env;
	const struct handler_object *object;
	void **memory; /* what it keeps between calls of one object; at first NULL */
	struct handler_waker *waker;
	struct arena *arena; /* of this call, wiped afterwards */
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
};

struct handler {
	const struct kind *kind;
	int64_t deadline_ms; /* of one call: so long */
	void (*look)(const struct handler_call *call, struct handler_outcome *out);
	void (*forget)(void *memory); /* the object is gone, or the process ends */
};

extern const struct handler HANDLER_EXPORT;  /* kubeconfig_export.c */
extern const struct handler HANDLER_SYNC;    /* secret_sync.c */
extern const struct handler HANDLER_RELEASE; /* helm_release.c */

/* --- for handlers (outcome.c) --- */
/* Sets or replaces the condition. */
void outcome_condition(struct handler_outcome *out, const char *type, bool is_true, const char *reason, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void outcome_event(struct handler_outcome *out, const char *type, const char *reason, const char *action, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void outcome_watch(struct handler_outcome *out, struct span ns, struct span name);
/* A field of the spec by its path, "chart.version"; empty, false, fallback when absent. */
struct span spec_text(const struct handler_object *object, const char *path);
bool spec_flag(const struct handler_object *object, const char *path);
/* Nanoseconds of a Go duration; fallback when absent or unreadable. */
int64_t spec_duration_ns(const struct handler_object *object, const char *path, int64_t fallback);

/* The kubeconfig Secret that the object names (spec.kubeconfigSecretRef), watched from now on, as a way into its cluster. On failure
 * the conditions are set (`own`: the kind's own condition, "Synced" or "Released", beside Ready): MissingSecret, ValidationFailed, or
 * a passing failure with has_failed. */
bool handler_way_in(const struct handler_call *call, const char *own, struct workload **out, struct handler_outcome *outcome);

#endif
