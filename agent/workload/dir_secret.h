/* One Secret as a directory: a file for each key, and one beside them for what else it says, whose name no key can have. It is read
 * and changed as a whole: another directory takes its place at once. */
#ifndef AGENT_WORKLOAD_DIR_SECRET_H
#define AGENT_WORKLOAD_DIR_SECRET_H

#include "agent/workload/secret_store.h"

/* parent: an open directory, `name` in it; NOT_FOUND. Somebody may change it at the same time. */
bool dir_secret_read(int parent, struct span name, struct arena *arena, struct stored_secret *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* Makes or replaces it; the caller has looked whether it is there, and holds the lock of the directory. `really`: else it is only
 * tried whether it could be written. */
bool dir_secret_write(int parent, const struct stored_secret *secret, bool replaces, bool really, struct fail *fail)
	__attribute__((warn_unused_result));
bool dir_secret_remove(int parent, struct span name, struct fail *fail) __attribute__((warn_unused_result));

/* Changes whenever it comes, goes or is changed, without being read. 0: there is none. */
uint64_t dir_secret_print(const char *path);

#endif
