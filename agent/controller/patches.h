/* What has to be sent so that an object becomes as it should be: pure functions of how it is and how it should be. No more than
 * that is written, and of what others wrote nothing is touched. */
#ifndef AGENT_CONTROLLER_PATCHES_H
#define AGENT_CONTROLLER_PATCHES_H

#include "agent/controller/seen.h"

struct patch {
	const char *subresource;  /* "", "/status" */
	const char *query;	  /* "?fieldManager=…" */
	const char *content_type;
	json_t *body; /* owned; NULL: there is nothing to do */
};

/* Towards a status: server-side apply while there is something to say; then a merge patch with what is there and should not be,
 * left by somebody who wrote before us. Conditions are compared by their type, in any order; those of types that are not ours
 * are neither written nor removed. */
struct patch patch_status(const struct seen *seen, const struct kind *kind, struct span name, const json_t *desired);
/* `changes`: as status_annotations gives it; empty: nothing to do. */
struct patch patch_annotations(const struct seen *seen, const json_t *changes);
/* Only if the object is still as seen: the list is written whole. */
struct patch patch_finalizers(const struct seen *seen, json_t *list);

bool patch_is_apply(const struct patch *patch);
/* For comparing inside of this process: never 0. */
uint64_t patch_digest(const json_t *json);

#endif
