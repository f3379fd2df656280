/* STATUS_DIR/CONNECTION.CLUSTER.json: what is known of each cluster, for whoever looks in from outside. Any thread but the
 * loop, which does not wait for disks; without the lock. Without --status-dir nothing happens. */
#ifndef AGENT_STATUS_FILES_H
#define AGENT_STATUS_FILES_H

#include "agent/agent.h"

/* As the unit is now; of a unit that retired the file goes. */
void status_file_write(struct unit *unit);
/* Its connection had the name `before`. */
void status_file_move(struct unit *unit, const char *before);
/* Once, when all sources and all Omnis are known: files that an agent before this one left, of what is nobody's any more. */
void status_files_sweep(struct agent *agent);

#endif
