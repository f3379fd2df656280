/* OmniHelmRelease, for the files of its handler alone. A look goes: what is declared → values and chart → records → decision
 * (agent/helm/decide.h) → at most one action of Helm → status. Every action is announced in status first and done by the look
 * that follows at once, because it may take minutes. */
#ifndef AGENT_HANDLERS_HELM_RELEASE_INT_H
#define AGENT_HANDLERS_HELM_RELEASE_INT_H

#include "agent/handlers/handler.h"
#include "agent/helm/chart.h"
#include "agent/helm/decide.h"
#include "agent/helm/instance.h"
#include "agent/helm/record_watch.h"
#include "agent/helm/run.h"
#include "agent/helm/values.h"

enum { RELEASE_NAME_MAX = 53, RELEASE_CALL_MS = 15 * 1000, RELEASE_REDACTED_MAX = 128 };

enum release_drift { DRIFT_OFF, DRIFT_REPORT, DRIFT_CORRECT };

struct release_spec {
	struct span release, ns, repository, chart, version; /* with a NUL behind */
	int64_t timeout_ns, max_history, retries; /* retries -1: without end */
	bool create_namespace, wait, wait_for_jobs, atomic, disable_hooks, skip_crds, force_conflicts, take_ownership, is_orphan;
	enum release_drift drift;
};

/* What is kept between looks. */
struct release_memory {
	struct workload *workload;
	uint64_t workload_inputs; /* of its Secret as it was seen; 0: it cannot be told */
	struct handler_waker *waker;
	struct record_watch *watch;
	int64_t watched_ms; /* when it was opened */
	struct record_list *known; /* as it was listed last; free */
	/* what is asked for, as long as nothing that it came from has changed */
	uint64_t inputs;
	int64_t asked_until_ms;
	char hash[VALUES_HASH_SIZE], version[64], digest[DIGEST_HEX_SIZE];
	char *note; /* about the chart; NULL: none */
	/* which revision was found to be that */
	char same_hash[VALUES_HASH_SIZE];
	int64_t same_revision;
	char announced[VALUES_HASH_SIZE]; /* the action that the status tells of */
	int announced_step;
	int64_t drift_checked_ms, drift_revision;
	char *drift; /* what was found; NULL: nothing */
	char *drift_trouble; /* why nothing could be found out; NULL: it could */
	uint64_t drift_generations; /* of the objects when they were as they should be */
	uint64_t request; /* of the newest annotation that asks for a look */
	uint64_t random;
};

struct release_look {
	const struct handler_call *call;
	struct handler_outcome *out;
	struct arena *arena;
	struct release_memory *memory;
	struct release_spec spec;
	struct kube_client *client;
	json_t *values; /* goes with the arena */
	struct chart_request request;
	struct chart chart;
	bool has_chart;	  /* otherwise chart_fault tells why not */
	struct fail chart_fault;
	struct span hash, resolved, digest, note;
	struct record_list records;
	struct record latest;
	bool has_latest; /* it was read */
	const char *damage;
	bool is_asked_for;
	struct helm_lock lock; /* of the release, while something is done about it */
	bool is_held;	  /* by somebody else */
	char instance[INSTANCE_SIZE];
	struct span redacted[RELEASE_REDACTED_MAX]; /* texts that came from Secrets */
	size_t redacted_count;
	json_t *fields;	  /* of the status */
};

/* helm_release_spec.c */
/* False: it is at fault, and that is told. */
bool release_read_spec(struct release_look *look);
/* The release is where the status says; another name, namespace or cluster would leave it behind. False: that is told. */
bool release_check_target(struct release_look *look);

/* helm_release_inputs.c */
/* Values, chart and the hash of both. False: that is told. A chart that cannot be found is no reason: has_chart. */
bool release_read_inputs(struct release_look *look);
/* The same when what was remembered is not enough: values and the chart themselves are wanted. */
bool release_need_inputs(struct release_look *look);

/* helm_release_records.c */
bool release_way_in(struct release_look *look);
/* The records, from the list or, where a watch is quiet, from memory. */
bool release_list(struct release_look *look, bool must_ask, struct fail *fail);
/* The latest one with its content, once. False: it cannot be had now; damage is no failure (look->damage). */
bool release_read_latest(struct release_look *look, struct fail *fail);
/* Is the latest record what is asked for? */
bool release_is_same(struct release_look *look, bool *out, struct fail *fail);

/* helm_release.c */
/* What is to be done, by what is known now. False: it cannot be found out. */
bool release_judge(struct release_look *look, struct release_decision *out, struct fail *fail);
/* Nobody else does anything about the release from now on. False: somebody does (is_held), or there are no locks. */
bool release_hold(struct release_look *look, struct fail *fail);

/* helm_release_act.c */
/* Announces the step, or does it when it is announced. */
void release_act(struct release_look *look, const struct release_decision *decision);

/* helm_release_drift.c */
/* Looks at the objects when that is due; look->fields and memory->drift have what was found. */
void release_check_drift(struct release_look *look);
/* Objects that an agent of old put into another namespace than the release's, so that an upgrade would make second ones. False: there
 * are (that is told), or it cannot be found out. */
bool release_check_places(struct release_look *look);

/* helm_release_told.c */
void release_begin_fields(struct release_look *look);
void release_put(struct release_look *look, const char *field, struct span value); /* empty: it goes */
void release_put_number(struct release_look *look, const char *field, int64_t value); /* 0: it goes */
void release_put_time(struct release_look *look, const char *field);
void release_put_records(struct release_look *look); /* revision and status */
struct span release_observed(const struct release_look *look, const char *field);
int64_t release_observed_number(const struct release_look *look, const char *field);
/* Released and Ready. */
void release_tell(struct release_look *look, bool is_good, const char *reason, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void release_tell_fault(struct release_look *look, const char *prefix, const struct fail *fail); /* a passing one */
void release_tell_good(struct release_look *look);
/* That the last action failed, from the status. */
void release_tell_failed(struct release_look *look, const char *reason, const char *prefix);

#endif
