/* What Helm releases need beside the cluster: charts and the Helm program, made once of the agent's settings. Without them
 * (nowhere to keep charts) there are no releases, and the log says why. */
#ifndef AGENT_HANDLER_TOOLS_H
#define AGENT_HANDLER_TOOLS_H

#include "agent/handlers/handler.h"
#include "agent/settings/settings.h"
#include "base/log.h"

struct handler_tools {
	struct arena arena; /* of the paths */
	struct charts *charts;
	struct helm *helm;
};

/* Into env, too. Settings and log outlive it. */
void handler_tools_open(struct handler_tools *tools, const struct settings *settings, struct log *log, struct handler_env *env);
void handler_tools_close(struct handler_tools *tools); /* no handler runs any more; safe on zeroed memory */

/* How they are doing, for the metrics; of the heap. */
struct handlers;
struct handlers_report *handler_tools_report(struct handlers *handlers);

#endif
