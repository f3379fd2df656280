/* An object as it is now: as the cache has it, or as the server's answer to our last write of it says, until the cache has caught
 * up. Without that, every write would be decided on once more before its echo arrives. */
#ifndef AGENT_CONTROLLER_SEEN_H
#define AGENT_CONTROLLER_SEEN_H

#include <jansson.h>

#include "agent/kube/cache.h"

struct seen {
	json_t *status, *annotations, *finalizers; /* references of its own; never NULL */
	struct span uid, version;		   /* texts of where it was taken from */
	int64_t generation;
	bool is_deleted, has_finalizer; /* one of ours */
};

void seen_take_cached(struct seen *seen, const struct kube_object *object);
void seen_take_answer(struct seen *seen, const json_t *answer);
void seen_done(struct seen *seen);

/* What our own writes made of an object, and which of them the cache has not shown yet. */
struct echo;

/* An answer came. `shown`: digests (digest_local) of the versions that the cache has shown since the write began. Returns what
 * is to be kept: NULL when the cache is as far as the answer. */
struct echo *echo_take(struct echo *echo, const json_t *answer, const uint64_t *shown, size_t shown_count, int64_t now_ms);
/* The cache shows another version: NULL when it has caught up, or somebody else wrote. */
struct echo *echo_see(struct echo *echo, struct span version);
/* Was this version made by us? */
bool echo_is_own(const struct echo *echo, struct span version);
/* The answer; NULL: there is none, or the cache has had its time. */
const json_t *echo_object(const struct echo *echo, int64_t now_ms);
void echo_free(struct echo *echo); /* NULL is fine */

enum { ECHO_MS = 30000 };

#endif
