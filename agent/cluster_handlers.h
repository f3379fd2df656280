/* The handlers beside an API server: its objects, as the cache has them, go to the runner of the handlers with all that these
 * have to know of their clusters; what comes of a look goes to the controller. Nothing is looked at before all kinds are
 * synchronised, and nothing without the finalizer. */
#ifndef AGENT_CLUSTER_HANDLERS_H
#define AGENT_CLUSTER_HANDLERS_H

#include "agent/cluster_api.h"

struct cluster_handlers;

/* After the controller. */
void cluster_handlers_start(struct cluster_api *api);
/* This replica acts from now on, or no longer. */
void cluster_handlers_look(struct cluster_api *api);
struct handlers_report *cluster_handlers_report(const struct cluster_api *api); /* of the heap; NULL: none */
/* At the end, in this order: nothing new begins; what runs has ended by the deadline, or false: nothing may be freed. */
void cluster_handlers_stop(struct cluster_api *api);
bool cluster_handlers_free(struct cluster_api *api, int64_t deadline_ms);

/* For the controller's options. */
bool cluster_handlers_have(const struct kind *kind);

#endif
