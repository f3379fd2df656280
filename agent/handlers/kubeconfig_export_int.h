/* Between the files of the kubeconfig export. What is declared, what a Secret says of itself and what follows from both are pure
 * functions here (_spec, _rules, _shape); asking Omni, the cluster and the Secret store is done by the others. */
#ifndef AGENT_HANDLERS_KUBECONFIG_EXPORT_INT_H
#define AGENT_HANDLERS_KUBECONFIG_EXPORT_INT_H

#include "agent/handlers/handler.h"
#include "base/digest.h"
#include "base/secret.h"
#include "base/timestamp.h"

/* --- what is declared (kubeconfig_export_spec.c) --------------------------------------------------------------------------- */

struct export_place {
	struct span ns, name, key; /* name empty: there is none */
};

enum export_form { EXPORT_ARGOCD, EXPORT_FLUX, EXPORT_FORMS };

struct export_output {
	enum export_form form;
	struct export_place place;
	struct span cluster_name, server, project; /* of Argo CD; may be empty */
	const json_t *labels;			   /* may be NULL */
};

struct export_spec {
	struct export_place target;
	struct span user, context_ns;
	const struct span *groups;
	size_t group_count;
	int64_t ttl_ns, renew_ns; /* renew 0: not said */
	bool keeps;		  /* deletionPolicy Orphan */
	struct export_output outputs[EXPORT_FORMS];
	size_t output_count;
	char hash[DIGEST_HEX_SIZE]; /* what the credentials depend on, as the Go operator sums it up */
};

/* INVALID: the first fault. */
bool export_spec_read(struct arena *arena, const struct handler_object *object, struct export_spec *out, struct fail *fail)
	__attribute__((warn_unused_result));
const char *export_form_name(enum export_form form); /* the field of spec.outputs */

/* --- what a Secret says of itself (kubeconfig_export_shape.c) --------------------------------------------------------------- */

#define EXPORT_MANAGED_BY "app.kubernetes.io/managed-by"
#define EXPORT_LABEL_UID "omni.texashpc.com/kubeconfig-export-uid"
#define EXPORT_LABEL_CLUSTER "omni.texashpc.com/cluster"
#define EXPORT_NAME "omni.texashpc.com/kubeconfig-export-name"
#define EXPORT_NAMESPACE "omni.texashpc.com/kubeconfig-export-namespace"
#define EXPORT_SPEC_HASH "omni.texashpc.com/kubeconfig-export-spec-hash"
#define EXPORT_HASH "omni.texashpc.com/kubeconfig-hash"
#define EXPORT_EXPIRES "omni.texashpc.com/kubeconfig-expiration-time"
#define EXPORT_ROTATED "omni.texashpc.com/kubeconfig-last-rotation-time"

struct export_owner {
	struct span uid, ns, name, cluster;
};

struct export_state {
	bool exists, is_ours, has_labels; /* has_labels: those that say whose it is, as they should be */
	bool is_deleted, is_immutable;
	struct span kubeconfig;
	bool is_whole; /* it is what was written */
	bool has_times; /* both are there and can be read */
	int64_t expires_s, rotated_s;
	struct span spec_hash;
	char hash[DIGEST_HEX_SIZE]; /* of the kubeconfig */
};

/* secret NULL: there is none. */
void export_state_read(struct arena *arena, const struct export_owner *owner, const struct stored_secret *secret, struct span key,
		       struct export_state *out);
bool export_is_ours(const struct export_owner *owner, const struct stored_secret *secret);

struct export_content {
	struct span kubeconfig;
	int64_t expires_s, rotated_s;
};
/* `before`, with what is ours in it; NULL: a new one. Its references live as long as the arena. */
void export_shape(struct arena *arena, const struct export_owner *owner, const struct export_spec *spec,
		  const struct export_content *content, const struct stored_secret *before, struct span former_key, struct stored_secret *out);
void export_shape_labels(struct arena *arena, const struct export_owner *owner, const struct stored_secret *before, struct stored_secret *out);
bool export_shape_output(struct arena *arena, const struct export_owner *owner, const struct export_output *output,
			 const struct export_content *content, const struct stored_secret *before, struct stored_secret *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* Nothing of `wanted` is missing in `held`. */
bool export_shape_holds(const struct stored_secret *held, const struct stored_secret *wanted);

/* --- what follows (kubeconfig_export_rules.c) ------------------------------------------------------------------------------- */

/* Why new credentials are needed. */
enum export_why {
	EXPORT_FRESH, /* they are not */
	EXPORT_NO_SECRET,
	EXPORT_NO_KEY,
	EXPORT_DECLARED, /* the declaration changed */
	EXPORT_DAMAGED,
	EXPORT_NO_TIMES,
	EXPORT_CLOCK, /* its times lie in the future */
	EXPORT_ENDPOINT,
	EXPORT_CLUSTER, /* another OmniCluster of the same name */
	EXPORT_DUE,
	EXPORT_REFUSED, /* by the cluster */
	EXPORT_UNUSABLE,
	EXPORT_WHYS
};
const char *export_why_text(enum export_why why);

struct export_facts {
	int64_t now_s;
	struct span endpoint, cluster_uid;	     /* now; empty: not known */
	struct span made_endpoint, made_cluster_uid; /* of the credentials; empty: not known */
};
enum export_why export_decide(const struct export_spec *spec, const struct export_state *state, const struct export_owner *owner,
			      const struct export_facts *facts);

struct export_times {
	int64_t next_s;	 /* new credentials are made */
	int64_t alarm_s; /* when they still were not, somebody should know */
};
void export_times(const struct export_spec *spec, const struct export_owner *owner, int64_t rotated_s, int64_t expires_s,
		  struct export_times *out);

/* At most so often: 0, or how many milliseconds are to be waited. */
struct export_pace {
	int64_t debt_ms;    /* when, by the monotonic clock, everything that was asked for is paid for */
	int64_t last_ms;    /* 0: never */
	unsigned in_vain;   /* new credentials in a row that were refused as the old ones */
};
int64_t export_pace_wait_ms(const struct export_pace *pace, enum export_why why, int64_t now_ms);
void export_pace_count(struct export_pace *pace, int64_t now_ms);

/* --- one look ----------------------------------------------------------------------------------------------------------------- */

enum export_seen { SEEN_NOT_YET, SEEN_ACCEPTED, SEEN_REFUSED, SEEN_UNUSABLE, SEEN_SILENT };

struct export_memory {
	struct secret pending;	     /* credentials that could not be written yet */
	char pending_hash[DIGEST_HEX_SIZE];
	uint64_t pending_for;	     /* what else they depend on */
	int64_t pending_s;	     /* when they were asked for, wall clock */
	struct export_pace pace;
	enum export_seen seen;
	uint64_t seen_of;	     /* what was asked about, in which circumstances */
	int64_t seen_ms;
	char warned[DIGEST_HEX_SIZE]; /* whose end has been told of */
};

struct export {
	const struct handler_call *call;
	struct handler_outcome *out;
	struct export_memory *memory;
	struct arena *arena;
	struct export_owner owner;
	struct export_spec spec;
	struct export_facts facts;
	struct export_place held; /* where it is, as far as the status says; name empty: nowhere */
	struct stored_secret stored, former;
	struct export_state state, former_state; /* former: at `held`, when that is another Secret */
	bool is_read;		/* state is known */
	bool is_moving;		/* the former Secret has not gone yet */
	bool is_current;	/* the Secret is what is declared */
	bool is_barred, is_unanswered; /* another replica acts; Omni gave nothing */
	bool was_ready;
	enum export_why why;
	json_t *outputs;	/* of the status */
	int64_t wait_ms;	/* 0: none */
};

/* Is the kubeconfig accepted by the cluster? Blocks for at most ten seconds. (kubeconfig_export_probe.c) */
enum export_seen export_probe(const struct handler_call *call, struct span kubeconfig, struct span user, struct fail *fail);

/* kubeconfig_export_issue.c: new credentials into the Secret. */
bool export_renew(struct export *export, struct fail *fail);
bool export_copy(struct export *export, struct fail *fail); /* what is there: to the new place, with its labels */
bool export_relabel(struct export *export, struct fail *fail);
bool export_may_act(struct export *export, struct fail *fail);

/* --- more Secrets (kubeconfig_export_outputs.c) --- */
bool export_outputs(struct export *export, struct fail *fail); /* EXISTS: one of them is somebody else's */
/* Removes those of the status and of the declaration. */
bool export_outputs_remove(struct export *export, struct fail *fail);
/* NOT_FOUND: there is none. What it refers to lives as long as the arena. */
bool export_read(struct export *export, struct export_place place, struct stored_secret *out, struct fail *fail);
/* Removes what is ours there. is_known: something is; else it may well be that nobody lets us look. */
bool export_remove(struct export *export, struct export_place place, bool is_known, struct fail *fail);

/* --- what is told (kubeconfig_export_told.c) --- */
struct span export_shown(struct arena *arena, struct export_place place); /* Secret "ns/name" key "key" */
void export_tell_ready(struct export *export);
void export_tell_trouble(struct export *export, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
void export_tell_rotated(struct export *export, enum export_why why);
void export_tell_ending(struct export *export, const char *trouble);
void export_tell_fields(struct export *export);

void export_delete(struct export *export); /* kubeconfig_export_delete.c */

#endif
