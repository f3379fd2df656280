/* Says when records of a release change, so that nobody has to ask. A watch is a convenience: where it may not be opened, or ends,
 * it is not quiet any more, and asking is what is left. */
#ifndef AGENT_HELM_RECORD_WATCH_H
#define AGENT_HELM_RECORD_WATCH_H

#include "agent/kube/client.h"

struct record_watch;

/* path: records_path; from: where the list was taken. changed runs on the client's thread, for every change, and when a watch that
 * had begun ends; it must not block. The client must outlive it. */
struct record_watch *record_watch_new(struct kube_client *client, const char *path, struct span from, void (*changed)(void *ctx),
				      void *ctx);
void record_watch_free(struct record_watch *watch); /* changed does not run any more; NULL is fine */

/* Is it open, and has nothing changed since this was asked last (or since it was opened)? Ask before the list, so that what
 * changes meanwhile is not missed. NULL: no. */
bool record_watch_was_quiet(struct record_watch *watch);
bool record_watch_has_ended(const struct record_watch *watch);

#endif
