/* A store whose inside can be exchanged while others use it: for a new key of the same Omni. Calls that are under way, and
 * watches, go on with the old one, which is closed when the last of them is through. Any thread may call. */
#ifndef AGENT_OMNI_SWAP_H
#define AGENT_OMNI_SWAP_H

#include "agent/omni/store.h"

/* Takes `inner`. */
struct omni_store *swap_wrap(struct omni_store *inner);
/* `store` is one of swap_wrap; takes `fresh`. */
void swap_replace(struct omni_store *store, struct omni_store *fresh);

#endif
