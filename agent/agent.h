/* The agent: sources are polled and rendered, every cluster is planned, gated and applied, Omni is watched, and what
 * happens is reported.
 *
 * Threads. One per source: it polls and renders (in confined children) and posts snapshots to the loop. The main loop:
 * decides what is desired, watches Omni, serves HTTP. Workers: plan and apply, one cluster at a time each. What they share
 * is guarded by agent->lock, which is never held across a call to Omni, Git or the disk. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/loop.h"
#include "agent/omni/mirror.h"
#include "agent/omni/store.h"
#include "agent/plan/gate.h"
#include "agent/report/state.h"
#include "agent/settings/settings.h"
#include "agent/snapshot.h"
#include "agent/source/sandbox.h"
#include "agent/source/source.h"
#include "agent/unit.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/map.h"
#include "render/fleet.h"

/* One Omni. Several connections may lead to it: what it holds is judged against all that is declared for any of them.
 * Until its store could be opened (link.c tries again and again) its units wait. */
struct link {
	struct agent *agent;
	char *connection; /* name of the first OmniConnection that led here; "" is the default; guarded by agent->lock */
	char *url;	  /* "": nothing says where the connection leads */
	struct omni_store *store; /* NULL: not open yet; set once, before the first unit runs */
	struct mirror *mirror;
	struct watcher *watcher;
	struct link_state *state; /* agent/link.h */
	struct unit *raws; /* its raw resources */
	struct arena arena; /* of the map */
	struct map units;   /* by name, without raws; guarded by agent->lock */
	/* loop only */
	struct loop_timer *timer;
	int64_t delay_ms;
	bool is_ready; /* its units may run */
	/* guarded by agent->lock */
	char error[600];  /* why it could not be opened; empty: it could */
	bool is_scanned; /* looked for clusters of ours that nobody declares any more */
};

struct feed {
	struct agent *agent;
	struct source *source;
	unsigned index;
	pthread_t thread;
	bool is_started;
	int cancel_fd, wake_fd; /* eventfd: stop; poll now */
	bool forget;		/* next poll starts from scratch; guarded by agent->lock */
	/* only its thread */
	struct sandbox_child *child; /* the renderer of what is about to be read; NULL: none was started yet */
	int64_t spliced_ms, whole_ms; /* since when something is kept instead of rendered; when all is rendered again; 0: not */
	/* guarded by agent->lock */
	struct snapshot *current, *taken; /* the newest; the one that desired_update works with */
	int64_t good_poll_ms;		  /* when the last successful poll began */
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
	struct unit **units;
	size_t link_count, link_cap, unit_count, unit_cap;
	struct http *http;
	struct cluster_api *cluster_api; /* agent/cluster_api.h; NULL: no source is one of an API server */
	_Atomic(struct tree_handlers *) tree_handlers; /* agent/tree_handlers.h; NULL: no source declares anything for them */
	struct loop_timer *timer, *resync_timer, *turn_timer, *tidy_timer, *annotate_timer;
	uint64_t update; /* number of the current desired_update */
	_Atomic(const char *) rules; /* --rules auto: of which release; NULL: not known yet */
	enum plan_risk gate;
	bool is_gate_given; /* by a flag or the environment */
	bool corrects_drift;
	_Atomic bool is_stopping;
	/* guarded by lock */
	bool is_complete;	 /* every source delivered, without faults */
	bool has_doubtful_absence, is_asking; /* something disappeared; the other sources are asked first */
	bool has_swept;		 /* see status_files_sweep */
	int64_t started_ms, annotate_ms; /* annotate_ms: when the first unit is due for annotate.c; 0: none is */
	struct agent_counters counters;
	int exit_code;
};

/* Runs until a signal (or, with --once, until all is settled); the exit code is in agent->exit_code. False: it could not begin. */
bool agent_run(struct agent *agent, struct fail *fail);
/* Reads every source again and compares every cluster anew (loop thread). */
void agent_reload(struct agent *agent);

/* --- feed.c: from source to snapshot --- */
bool feeds_start(struct agent *agent, struct fail *fail);
void feeds_cancel(struct agent *agent); /* what they do now ends soon */
void feeds_stop(struct agent *agent);	/* and they are gone; nobody else may use their snapshots any more */
void feed_poll_now(struct feed *feed, bool forget);

/* --- feed_rules.c: by which release's rules sources are rendered --- */
void feeds_settle_rules(struct agent *agent); /* asks the default Omni, for some seconds; feed threads */
void feeds_take_version(struct agent *agent, const char *url, struct span version); /* any thread, without the lock */
void feed_settings(const struct agent *agent, struct settings *out);

/* --- content.c --- */
uint64_t content_of_resources(struct text *scratch, const struct resource_list *resources);
void content_digest(struct text *scratch, const struct cluster *cluster, uint64_t resources, char out[DIGEST_HEX_SIZE]);
void content_add_resource(struct text *out, const struct resource *resource);
void content_mean(const struct resource *actual, struct mirror_meaning *out); /* for mirrors */
void content_expect(struct arena *arena, const struct resource_list *declared, struct mirror_expectation *out);

/* --- desired.c: from snapshots to what every unit should be (loop thread) --- */
void desired_update(struct agent *agent);
void desired_update_in_loop(void *agent); /* for loop_post */
/* Every unit (of a link, NULL: of all) is looked at: really, or only where something changed. */
void desired_look(struct agent *agent, const struct link *link, bool really);
/* Those whose spec.syncInterval is over; where Omni is watched and nothing changed, that costs no call. */
void desired_look_in_turn(struct agent *agent);

/* --- declared.c: one unit; agent->lock is held; true: it has to be looked at --- */
bool unit_freeze(struct unit *unit, const char *why);
bool unit_take_declaration(struct unit *unit, struct snapshot *snapshot, size_t cluster);
bool unit_take_absence(struct unit *unit, bool is_certain, const char *why);
void unit_take_order(struct unit *unit, const struct unit_order *order);
void unit_take_object(struct unit *unit, size_t place, const struct cluster *cluster); /* NULL: none */
/* The first error, located; of `object` where it is not empty and has one. */
void fleet_first_fault(const struct fleet *fleet, struct span object, char *out, size_t size);

/* --- link.c (loop thread, unless it says otherwise) --- */
/* Made at first sight; never NULL. What cannot be opened now is tried again. */
struct connection_name; /* agent/settings/target.h */
struct link *link_get(struct agent *agent, const struct connection_name *name);
/* Does the connection lead to this Omni, and is it worked with through this link? Any thread. */
bool link_leads_to(const struct link *link, const struct connection_name *name);
bool link_serves(const struct link *link, const struct connection_name *name);
/* Both lead to one Omni, with keys of different Secrets: what is there is judged against all that is declared for any. */
bool link_is_beside(const struct link *link, const struct link *other);
struct connection_name link_name(const struct snapshot *snapshot, struct span ns, struct span connection);
void links_tell(struct agent *agent); /* to units of Omnis that are not open why nothing happens to them */
void link_ready(struct link *link);
void link_open_now(struct link *link); /* what could not be opened so far */
void link_free(struct link *link);
struct unit *unit_find(const struct link *link, struct span name); /* any thread, lock held; NULL: none */
struct unit *unit_make(struct link *link, struct span name);	   /* any thread, lock held */
void unit_wake(struct unit *unit);				   /* worked on, after the raw resources; lock held */
/* In any link to the same Omni; lock held. */
struct unit *unit_find_beside(const struct link *link, struct span name);

/* --- reconcile.c: one unit, on a worker --- */
enum queue_result reconcile(void *agent, struct queue_item *item);

/* --- watcher.c: changes in Omni wake units (loop thread) --- */
void watcher_start(struct link *link);
void watcher_free(struct watcher *watcher);
void watcher_hurry(struct watcher *watcher); /* what broke off is opened again now; NULL is fine, here and below */
void watcher_renew(struct watcher *watcher); /* soon everything from the beginning: bookmarks of old are worth nothing */
size_t watcher_live(const struct watcher *watcher);

/* --- unmanaged.c: into a report that has its Omnis (loop thread, lock held) --- */
void unmanaged_report(struct agent *agent, struct agent_report *report);

/* --- http.c --- */
bool http_start(struct agent *agent, struct fail *fail);
void http_stop(struct http *http);

#endif
