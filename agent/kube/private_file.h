/* A file that holds credentials and that other programs write, too: read and replaced so that nobody else can read it,
 * no half of it is ever there, and nobody's change is lost.
 *
 * Symbolic links are followed to the file itself when they are ours or root's. A file of another user is refused:
 * replacing it would make it ours. While it is open, FILE.lock stands beside it, as kubectl's does. */
#ifndef AGENT_KUBE_PRIVATE_FILE_H
#define AGENT_KUBE_PRIVATE_FILE_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct private_file {
	const char *path; /* of the file itself, links followed */
	const char *lock; /* NULL: not held */
	bool exists;
	struct span content; /* empty when it does not exist */
	struct stat seen;
};

/* Waits for the lock for some seconds. DENIED: somebody else's; INVALID: no plain file; TIMEOUT: the lock stays. */
bool private_file_open(struct arena *arena, const char *path, struct private_file *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* CONFLICT: it was changed since it was opened. Mode 0600, whatever it was. */
bool private_file_replace(const struct private_file *file, struct span content, struct fail *fail)
	__attribute__((warn_unused_result));
void private_file_close(struct private_file *file); /* of a zeroed one, too */

#endif
