/* Machines of a cluster that have no connection to Omni. A teardown resets every machine first and waits for those, perhaps
 * in vain: whoever waits wants to know which they are. */
#ifndef AGENT_PLAN_LOST_H
#define AGENT_PLAN_LOST_H

#include "agent/omni/store.h"

/* "ID (node name), ID (node name) and 3 more"; `first` is the ID of the first one. Empty: none, or it cannot be read
 * now, which is no failure of what is being told. */
struct span plan_lost_machines(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms,
			       struct span *first);

#endif
