/* What must not be shown. Better too much than too little: names of keys, forms of values, and everything below a key
 * with a secret name. A hidden value is replaced by a short keyed hash, so that "changed" and "same" stay visible. */
#ifndef AGENT_PLAN_REDACT_H
#define AGENT_PLAN_REDACT_H

#include "base/arena.h"
#include "base/span.h"

/* Does the name of a key say that its value is secret ("token", "clientSecret", "acceptedCAs", "tls.key")? */
bool redact_is_secret_key(struct span key);

/* Does the value look secret by itself: PEM, credentials in a URL, NAME_TOKEN=value, long random text? */
bool redact_is_secret_value(struct span value);

/* "(secret 3f2a9c01)". An empty key stands for a random one of this process. */
struct span redact_hash(struct arena *arena, struct span key, struct span value, const char *word);

#endif
