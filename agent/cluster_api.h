/* The agent beside an API server: a client, a cache of custom resources that the source kubernetes: reads, and the controller
 * that writes what came of them. What is declared goes the way of every source; this joins its ends: from units to the objects
 * that declare them, from orders to units, from Omnis to connections.
 *
 * Without such a source, and without others beside this agent (--leader-elect), agent->cluster_api is NULL, and everything here
 * does nothing. */
#ifndef AGENT_CLUSTER_API_H
#define AGENT_CLUSTER_API_H

#include "agent/agent.h"

struct cluster_handlers;
struct controller;
struct kube_cache;
struct kube_client;
struct kube_secrets;
struct replicas;

struct cluster_api {
	struct agent *agent;
	struct kube_client *client;
	struct kube_cache *cache;
	struct kube_secrets *secrets;
	struct controller *controller; /* NULL, as cache and secrets are: there is no such source, and the API server has only Leases */
	struct cluster_handlers *handlers; /* the same */
	struct replicas *replicas;     /* NULL: this one is alone */
	unsigned feed; /* the number of its source */
	char instance[254];
	/* loop only */
	struct snapshot *told; /* what the controller was told last */
	struct cluster_api_told *told_of; /* of every cluster of it */
	uint64_t looks;	       /* at all orders */
	struct snapshot *ways_of; /* the tree that declares the connections below */
	struct arena ways_arena;
	struct cluster_api_way *ways; /* of every OmniConnection */
	size_t way_count;
	_Atomic bool ways_are_due, orders_are_due;
};

/* Before the sources are opened: where there is one of an API server, its client, cache and controller begin. */
bool cluster_api_start(struct agent *agent, struct fail *fail);
void cluster_api_take_options(const struct agent *agent, struct source_options *options);
/* At the end, in this order: reads end, nothing new is begun; sources and workers have ended, those of the handlers end (false:
 * not in time, the process has to end as it is), and the controller writes what is left; nobody uses anything of it any more. */
void cluster_api_wind_down(struct agent *agent, int64_t deadline_ms);
bool cluster_api_end_handlers(struct agent *agent, int64_t deadline_ms);
void cluster_api_finish(struct agent *agent, int64_t deadline_ms);
void cluster_api_free(struct agent *agent);

/* Loop, without the lock: after what is desired was worked out anew. */
void cluster_api_update(struct agent *agent);
/* The state of a unit is another one, or nothing of it is left to look after. Any thread, without the lock. */
void cluster_api_tell(struct unit *unit);
void cluster_api_tell_gone(struct unit *unit);
/* A look that somebody asked for is over. */
void cluster_api_tell_looked(struct unit *unit);
/* What is known of the way to an Omni may be something else. Any thread; with or without the lock. */
void cluster_api_tell_ways(struct agent *agent);

/* --- several replicas (cluster_election.c); any thread --- */
bool cluster_election_is_wanted(const struct settings *settings);
/* Until when this replica may act on it (CLOCK_MONOTONIC); 0: it may not; INT64_MAX: it is alone. */
int64_t cluster_election_until_ms(const struct unit *unit);
void cluster_election_stand_by(struct unit *unit); /* and says so */

/* Whether everything was listed and is watched; *why is the first thing that is not. */
bool cluster_api_is_synced(const struct agent *agent, struct fail *why);
void cluster_api_report(const struct agent *agent, struct agent_report *report);

/* --- between the files of it: loop thread --- */
void cluster_fleet_tell(struct cluster_api *api);  /* cluster_fleet.c */
void cluster_ways_tell(struct cluster_api *api);   /* cluster_ways.c */
void cluster_orders_take(struct cluster_api *api); /* cluster_orders.c */
bool cluster_election_start(struct cluster_api *api, struct fail *fail);
bool cluster_election_may_write(void *api, struct span key);
void cluster_election_report(const struct cluster_api *api, struct agent_report *report);
void cluster_election_finish(struct cluster_api *api, int64_t deadline_ms);

#endif
