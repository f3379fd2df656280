/* What has to be done about one object now: at most one request, decided as a pure function of what is known. After its answer
 * the object is looked at again, until there is nothing left to do. */
#ifndef AGENT_CONTROLLER_STEP_H
#define AGENT_CONTROLLER_STEP_H

#include "agent/controller/controller.h"
#include "agent/controller/facts.h"
#include "agent/controller/patches.h"
#include "agent/report/status_events.h"

enum step_kind {
	STEP_NONE,
	STEP_FINALIZE, /* put our finalizer on it */
	STEP_RELEASE,  /* take it off */
	STEP_STATUS,
	STEP_ANNOTATE,
	STEP_SECRET, /* look whether the connection's Secret is there */
};

struct step {
	enum step_kind kind;
	struct patch patch; /* of those that write */
	int64_t again_ms; /* look again in so long, whatever comes; 0: no need to */
	struct status_event events[STATUS_EVENTS_MAX]; /* told when it is done */
	size_t event_count;
};

/* What is known of an object whatever its kind. */
struct view {
	const struct kind *kind;
	struct span ns, name;
	const struct seen *seen;
	const struct facts *facts;
	uint64_t applied, applied_to; /* patch_digest of what was applied last, and of the status that came of it; 0: nothing was */
	int64_t now_ms, now_s;
};

struct cluster_view {
	struct view object;
	bool has_connection, connection_leaves, names_secret; /* leaves: it is being deleted */
	struct span endpoint;
	size_t control_planes;
	const struct controller_cluster *declared; /* NULL: not declared */
	const struct unit_report *told;		   /* NULL: nothing yet */
	struct span requested;
	/* its deletion */
	bool is_done, is_waiting;
	struct span why;
	int64_t missing_since_ms, secret_asked_ms; /* 0: not */
	bool is_secret_gone;
	int64_t grace_ms;
};

struct part_view {
	struct view object;
	struct span cluster; /* as it refers to it */
	bool has_cluster;
	const struct controller_cluster *declared; /* of the cluster */
};

struct handled_view {
	struct view object;
	const json_t *told; /* the status as it has to be; NULL: nothing told yet */
	bool is_gone;
};

struct connection_view {
	struct view object;
	const struct controller_way *way; /* NULL: nothing told */
	const struct span *users;	  /* names of OmniClusters that need it */
	size_t user_count;
};

/* Is something missing that its deletion needs? For missing_since_ms. */
bool cluster_misses_something(const struct cluster_view *view);

void decide_cluster(const struct cluster_view *view, struct step *out);
void decide_part(const struct part_view *view, struct step *out);
void decide_handled(const struct handled_view *view, struct step *out);
void decide_connection(const struct connection_view *view, struct step *out);
void step_done(struct step *step);

/* Towards a status, with the Events of the change; takes the reference. NONE when it is so already, or when the server made
 * something else of the same before: it would again. */
void step_towards(const struct view *view, json_t *desired, struct step *out);
void step_finalize(const struct view *view, struct step *out);
void step_release(const struct view *view, struct step *out);

#endif
