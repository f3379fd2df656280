/* What the directory store can do beyond the seam. */
#ifndef AGENT_OMNI_DIR_STORE_H
#define AGENT_OMNI_DIR_STORE_H

#include "agent/omni/store.h"

/* Write a resource as it is, with its version, phase, owner and dates, asking no rule: for snapshots of another Omni. */
bool dir_store_import(struct omni_store *store, const struct resource *resource, struct fail *fail);

#endif
