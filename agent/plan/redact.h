/* How a value that must not be shown stands in a difference: as a short keyed hash, so that "changed" and "same" stay
 * visible. What is secret is decided in render/redact.h. */
#ifndef AGENT_PLAN_REDACT_H
#define AGENT_PLAN_REDACT_H

#include "base/arena.h"
#include "base/span.h"
#include "render/redact.h"

/* "(secret 3f2a9c01)". An empty key stands for a random one of this process. */
struct span redact_hash(struct arena *arena, struct span key, struct span value, const char *word);

#endif
