/* What the server would refuse, found before anything is written: a machine class that does not exist, versions that
 * Omni does not offer. The server looks at one resource at a time, so it takes the Cluster and then refuses its machine
 * sets: what is known beforehand is not begun.
 *
 * Asked is only what the operations of the plan need: a fleet without changes costs no call. What cannot be read, or is
 * not there (a directory has no list of versions), is left to the server. */
#ifndef AGENT_PLAN_FORESEE_H
#define AGENT_PLAN_FORESEE_H

#include "agent/omni/store.h"
#include "agent/plan/plan.h"

struct foresee {
	struct omni_store *store;
	int64_t deadline_ms;
	const struct resource_list *declared; /* applied before the plan: machine classes among them exist; may be NULL */
};

/* Every fault becomes a diagnostic and a conflict of the plan, which is not applied then. */
void plan_foresee(struct arena *arena, struct plan *plan, const struct foresee *foresee, struct diag_list *out);

#endif
