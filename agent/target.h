/* Which Omni a connection leads to, opened once per run. */
#ifndef AGENT_TARGET_H
#define AGENT_TARGET_H

#include "agent/omni/store.h"
#include "agent/settings.h"
#include "render/fleet.h"

struct target {
	struct span connection; /* name of the OmniConnection; empty: the default */
	const char *url;
	struct omni_store *store;
};

struct targets {
	struct arena *arena;
	const struct settings *settings;
	struct target **items;
	size_t count, cap;
};

/* Where a connection leads to: --connection NAME=URL, else --omni, else the OmniConnection in the fleet (may be NULL).
 * False: nowhere. The one rule for commands and the agent. */
bool target_url(const struct settings *settings, const struct fleet *fleet, struct span connection, struct span *out_url);

void targets_init(struct targets *targets, struct arena *arena, const struct settings *settings);
void targets_done(struct targets *targets); /* closes the stores */

/* The store for a connection: --connection NAME=URL, else --omni, else the endpoint of the OmniConnection in the fleet
 * (may be NULL). Fails with what to set when nothing says so. */
bool targets_find(struct targets *targets, const struct fleet *fleet, struct span connection, struct target **out,
		  struct fail *fail);

#endif
