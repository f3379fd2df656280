/* The handlers without an API server: custom resources of Git and directories, with Secrets in the directory of --secret-dir and
 * statuses in that of --status-dir. What is no longer declared is let be: nothing is taken away because a document is not there
 * any more. Without such documents nothing of it begins. */
#ifndef AGENT_TREE_HANDLERS_H
#define AGENT_TREE_HANDLERS_H

#include "agent/agent.h"

struct tree_handlers;

/* Loop thread, without the lock: after what is desired was worked out anew. */
void tree_handlers_update(struct agent *agent);
/* The state of a unit is another one. Any thread. */
void tree_handlers_changed(struct agent *agent);
/* This replica acts from now on, or no longer. Loop thread. */
void tree_handlers_look(struct agent *agent);
void tree_handlers_report(const struct agent *agent, struct agent_report *report);
/* At the end, in this order; false: something hangs, and nothing may be freed. */
void tree_handlers_stop(struct agent *agent);
bool tree_handlers_free(struct agent *agent, int64_t deadline_ms);

#endif
