/* The key of a connection that is an object of an API server: what a Secret of its namespace holds. It is read in the
 * background before the link is opened, and again whenever the Secret changes; the loop never waits for it. */
#ifndef AGENT_LINK_KEY_H
#define AGENT_LINK_KEY_H

#include "agent/link.h"

/* NULL: the key of this way comes from elsewhere. Watches the Secret. Loop thread, as all of this. */
struct link_key *link_key_new(struct link *link);
void link_key_free(struct link_key *key); /* wipes; waits for what is being read, at most some seconds. NULL is fine */

/* What was read last; NULL: nothing was yet. */
const struct secret *link_key_value(const struct link_key *key);
/* Reads it now; when it is there or is another one, the link is opened or goes on with it. */
void link_key_read(struct link_key *key);

#endif
