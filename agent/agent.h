/* The agent: sources are polled and rendered, every cluster is planned, gated and applied, Omni is watched, and what
 * happens is reported.
 *
 * Threads. One per source: it polls and renders (in confined children) and posts snapshots to the loop. The main loop:
 * decides what is desired, watches Omni, serves HTTP. Workers: plan and apply, one cluster at a time each. What they share
 * is guarded by agent->lock, which is never held across a call to Omni, Git or the disk. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <pthread.h>

#include "agent/loop.h"
#include "agent/omni/store.h"
#include "agent/plan/gate.h"
#include "agent/queue.h"
#include "agent/report/state.h"
#include "agent/settings.h"
#include "agent/source/sandbox.h"
#include "agent/source/source.h"
#include "base/log.h"
#include "render/fleet.h"

/* What one source declared at one revision; immutable, reference counted. */
struct snapshot {
	_Atomic unsigned references;
	struct arena arena;
	struct fleet *fleet;
	unsigned source;
	char revision[SOURCE_REVISION_MAX];
};

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* A cluster within a snapshot that is held. */
struct declared {
	struct snapshot *snapshot;
	const struct cluster *cluster;
};

/* One Omni. Several connections may lead to it: what it holds is judged against all that is declared for any of them. */
struct link {
	char *connection; /* name of the first OmniConnection that led here; "" is the default */
	char *url;
	struct omni_store *store;
	struct watcher *watcher;
	struct unit *raws; /* its raw resources */
	bool is_scanned;   /* looked for clusters of ours that nobody declares any more */
};

/* What the agent looks after: a cluster, or the raw resources of a connection. Lives as long as the agent. */
struct unit {
	struct queue_item item; /* first: the queue hands it back */
	struct agent *agent;
	struct link *link;
	char *name; /* of the cluster; "" for raw resources */
	/* guarded by agent->lock */
	struct declared desired, good; /* good: the last one without faults */
	bool is_frozen;		       /* must not be acted on */
	char frozen_why[1000];
	bool waits_for_raws;
	bool is_retired; /* neither declared nor in Omni */
	struct unit_state state;
	/* only the worker that has it */
	char applied_hash[DIGEST_HEX_SIZE], told_hash[DIGEST_HEX_SIZE];
	struct run *ongoing; /* its plan waits for Omni */
};

struct feed {
	struct agent *agent;
	struct source *source;
	unsigned index;
	pthread_t thread;
	int cancel_fd, wake_fd; /* eventfd: stop; poll now */
	bool forget;		/* next poll starts from scratch; guarded by agent->lock */
	/* guarded by agent->lock */
	struct snapshot *current;
	uint64_t published, taken; /* snapshots so far; how many of them desired_update has seen */
	struct source_state state;
};

struct agent {
	const struct settings *settings;
	struct arena *arena; /* start-up only */
	struct log *log;
	struct loop *loop;
	struct queue *queue;
	struct sandbox sandbox;
	struct feed *feeds;
	size_t feed_count;
	pthread_mutex_t lock;
	struct link **links;
	size_t link_count, link_cap;
	struct unit **units;
	size_t unit_count, unit_cap;
	struct http *http;
	struct loop_timer *timer;
	enum plan_risk gate;
	bool corrects_drift;
	bool is_stopping;
	bool is_complete; /* guarded by lock: every source delivered, without faults */
	int64_t started_ms;
	struct agent_counters counters;
	int exit_code;
};

/* Runs until a signal (or, with --once, until all is settled). Returns the exit code. */
int agent_run(struct agent *agent);

/* --- feed.c: from source to snapshot --- */
bool feeds_start(struct agent *agent, struct fail *fail);
void feeds_stop(struct agent *agent);
void feed_poll_now(struct feed *feed, bool forget);

/* --- desired.c: from snapshots to what every unit should be (loop thread) --- */
void desired_update(struct agent *agent);
struct unit *unit_find(struct agent *agent, const struct link *link, struct span name); /* lock held; NULL: none */
struct unit *unit_make(struct agent *agent, struct link *link, struct span name);	 /* lock held */
/* Opens it at first sight (loop thread). */
struct link *link_open(struct agent *agent, struct span connection, const struct fleet *fleet, struct fail *fail);
/* Where a connection leads to: --connection NAME=URL, else --omni, else the OmniConnection in the fleet. False: nowhere. */
bool link_url(const struct agent *agent, struct span connection, const struct fleet *fleet, struct span *out_url);

/* --- reconcile.c: one unit, on a worker --- */
enum queue_result reconcile(void *agent, struct queue_item *item);
void run_free(struct run *run); /* NULL is fine */

/* --- watcher.c: changes in Omni wake units (loop thread) --- */
void watcher_start(struct agent *agent, struct link *link);
void watcher_free(struct watcher *watcher);

/* --- http.c --- */
bool http_start(struct agent *agent, struct fail *fail);
void http_stop(struct http *http);

#endif
