/* A copy of an Omni at one time, as a directory store that is only read: versions, phases, owners, dates and finalizers
 * are kept, nothing that was torn down goes on. The file snapshot.yaml makes a directory a snapshot:
 *
 *   complete: true        # written last; a snapshot without it is not opened
 *   made: 2026-01-31T10:00:00Z
 *   of: https://…
 *   key: <64 hex digits>  # only when secrets are hidden (render/hide.h)
 */
#ifndef AGENT_OMNI_SNAPSHOT_H
#define AGENT_OMNI_SNAPSHOT_H

#include "agent/omni/store.h"

#define SNAPSHOT_FILE "snapshot.yaml"

struct snapshot;

/* The directory must be empty, or not there. `hidden_key`: of the store that is copied, when its secrets are hidden already. */
bool snapshot_begin(const char *path, struct span of, bool hides, struct span hidden_key, struct snapshot **out,
		    struct fail *fail);
bool snapshot_add(struct snapshot *snapshot, const struct resource *resource, struct fail *fail);
bool snapshot_finish(struct snapshot *snapshot, struct fail *fail); /* durable from here on */
void snapshot_close(struct snapshot *snapshot); /* NULL is fine */

struct snapshot_info {
	bool is_snapshot;
	struct span key; /* empty: nothing is hidden */
};

/* What the directory is; fails for a snapshot that was not finished. */
bool snapshot_look(struct arena *arena, int dir_fd, const char *path, struct snapshot_info *out, struct fail *fail);

#endif
