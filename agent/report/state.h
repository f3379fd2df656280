/* What the agent knows about its sources and clusters, as plain values: copied under a lock, printed without one. */
#ifndef AGENT_REPORT_STATE_H
#define AGENT_REPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/omni/health.h"
#include "agent/omni/store.h"
#include "base/digest.h"
#include "base/text.h"

/* id, name as printed, good */
#define UNIT_PHASES(X)                                                                                                 \
	X(PENDING, "Pending")	       /* nothing was tried yet */                                                         \
	X(IN_SYNC, "InSync")	       /* Omni is what is declared */                                                      \
	X(PROGRESSING, "Progressing") /* applied, Omni is still working on it */                                          \
	X(OUT_OF_SYNC, "OutOfSync")  /* differs, and drift is only reported */                                            \
	X(HELD, "Held")		       /* the plan waits for approval */                                                   \
	X(FROZEN, "Frozen")	       /* the declaration is broken or incomplete: the last good state stays */            \
	X(FAILED, "Failed")	       /* Omni refused or could not be reached; tried again */                             \
	X(SUSPENDED, "Suspended")

enum unit_phase {
#define UNIT_PHASE_ENUM(id, name) UNIT_##id,
	UNIT_PHASES(UNIT_PHASE_ENUM)
#undef UNIT_PHASE_ENUM
		UNIT_PHASE_COUNT
};

/* What Omni says of a cluster, held against what is declared there (agent/omni/health.h); all zero: nothing. */
struct unit_health {
	enum health health;
	char phase[24]; /* of ClusterStatus; empty: there is none */
	char code[32], reason[320]; /* the first thing that it lacks; empty: it is ready */
	bool is_locked, kubernetes_upgrading, talos_upgrading;
	uint32_t machines_wanted, machines, machines_healthy, machines_connected;
	uint32_t sets, sets_ready;
};

struct unit_state {
	enum unit_phase phase;
	char template_hash[DIGEST_HEX_SIZE], applied_hash[DIGEST_HEX_SIZE], plan_hash[DIGEST_HEX_SIZE];
	char risk[16];
	size_t creates, updates, destroys; /* of the last plan */
	int64_t applied_wall_ms, changed_wall_ms;
	uint64_t attempts, failures;
	bool is_final; /* FAILED, and trying again will not help by itself */
	unsigned source;
	bool is_declared;
	bool is_confirmed; /* IN_SYNC, and seen so after the last write */
	struct unit_health omni;
	/* PROGRESSING, and Omni does not let go of something that is being torn down */
	size_t waiting; /* resources; 0: nothing of the kind */
	int64_t waiting_since_wall_ms; /* the last change of the first of them */
};

enum { UNIT_MESSAGE_MAX = 1024, UNIT_OUTPUT_MAX = 1024, UNIT_REVISION_MAX = 320, UNIT_WAIT_MAX = 320 };
struct unit_texts {
	char message[UNIT_MESSAGE_MAX]; /* one line for people; no secrets */
	char revision[UNIT_REVISION_MAX], applied_revision[UNIT_REVISION_MAX]; /* what is declared, and what was applied last */
	char applied_output[UNIT_OUTPUT_MAX]; /* what that changed, "* updating Type(id)" in lines; empty: not known */
	/* of the first resource that Omni does not let go of */
	char waits_for[UNIT_WAIT_MAX]; /* "MachineSets.omni.sidero.dev(demo-workers)" */
	char holders[UNIT_WAIT_MAX]; /* its finalizers: "A, B" */
};

struct source_state {
	char name[256];
	char revision[320];
	char error[FAIL_TEXT_MAX]; /* why the last poll or rendering failed; empty: it did not */
	int64_t polled_wall_ms, changed_wall_ms;
	uint64_t polls, changes, failures;
	size_t clusters, documents, errors, warnings;
	char first_error[512]; /* located: "file:line:col: …" */
	bool is_loaded, is_incomplete;
};

struct agent_counters {
	_Atomic uint64_t renders, render_errors, plans, applies, operations[3], held, webhook_hits, http_requests;
	_Atomic uint64_t reconcile_results[3]; /* done, retry, again */
	_Atomic uint64_t apply_ms_total;
};

struct unit_report {
	char connection[256], name[256], url[256];
	bool is_raws;
	struct unit_state state;
	struct unit_texts texts;
	char source_name[256];
	char source_error[FAIL_TEXT_MAX]; /* why its source cannot be read now: what is declared may have changed; empty: it can */
	char *errors; /* what Omni refused, and where: a JSON array of diagnostics; NULL: nothing. Of the heap */
};

/* What the way to an API server cost so far, and what is held of it. */
struct kubernetes_report {
	bool is_used, is_synced; /* synced: everything was listed and is watched */
	size_t objects, bytes, queued;
	uint64_t lists, watches, events, relists;
	uint64_t requests[6]; /* GET, POST, PUT, PATCH, DELETE, watches */
	uint64_t failures, retries, throttled, connections;
	uint64_t writes[4]; /* of statuses, annotations, finalizers, Events */
	uint64_t conflicts, write_failures;
};

enum { LEASES_REPORTED = 64 };
struct lease_report {
	char name[254];
	bool is_held; /* by this agent */
};

struct handlers_report;

/* A copy of everything, for the status page, the API and the metrics. Free with report_done. */
struct agent_report {
	struct unit_report *units;
	size_t unit_count;
	struct source_state *sources;
	size_t source_count;
	struct agent_counters *counters; /* of the running agent, not a copy */
	struct omni_report {
		char url[256], connection[256];
		char error[600]; /* why it cannot be opened; empty: it is */
		bool is_watched; /* every watch lives: changes are seen when they happen, what is unchanged costs no call */
		size_t resources, watches; /* watches: that live */
		uint64_t read_calls, write_calls;
		bool is_up;	    /* open, and the last that is known of the way to it is good */
		char trouble[FAIL_TEXT_MAX]; /* not up although open: why */
		char version[64], instance[128], identity[256]; /* as the server says; empty: not known, or a directory */
		int64_t since_wall_ms; /* up or down */
		int64_t key_expires_s; /* 0: never, or not known */
		struct omni_counts counts;
		size_t unmanaged_clusters, unmanaged_resources; /* that no source declares, and that are not ours */
	} *omnis;
	size_t omni_count;
	struct unmanaged_report {
		size_t omni; /* which of them */
		char type[64], id[256], kept_by[128]; /* kept_by: the owner that it names; empty: none */
	} *unmanaged;
	size_t unmanaged_count;
	struct kubernetes_report kubernetes;
	struct handlers_report *handlers; /* agent/report/handlers_report.h, of the heap; NULL: nothing is looked after */
	struct lease_report leases[LEASES_REPORTED];
	size_t lease_count; /* 0: this agent is alone */
	size_t queue_depth, queue_running;
	uint64_t queue_adds, queue_retries;
	int64_t started_wall_ms, now_wall_ms;
	bool is_ready;
};

const char *unit_phase_name(enum unit_phase phase);
/* What is declared was applied, was seen in Omni, and Omni says that the cluster is ready. */
bool unit_is_ready(const struct unit_state *state);
void unit_health_take(const struct health_facts *facts, struct arena *arena, struct unit_health *out);

/* JSON of one cluster, of everything; both end in a newline. */
void report_unit_json(struct text *out, const struct unit_report *unit);
void report_json(struct text *out, const struct agent_report *report);
/* Prometheus text format 0.0.4. */
void report_metrics(struct text *out, const struct agent_report *report);
/* One page of HTML without scripts or foreign content. */
void report_page(struct text *out, const struct agent_report *report);

#endif
