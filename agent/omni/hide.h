/* Expected resources in the form in which they compare with what a store holds: themselves, unless its secrets are hidden
 * (render/hide.h). What stands behind the marks goes into the book, so that a plan can be known by what it writes. */
#ifndef AGENT_OMNI_HIDE_H
#define AGENT_OMNI_HIDE_H

#include "agent/omni/store.h"
#include "render/fleet.h"
#include "render/hide.h"

const struct cluster *hide_cluster_for(const struct omni_store *store, struct arena *arena, const struct cluster *cluster,
				       struct hide_book *book);
struct resource *hide_resource_for(const struct omni_store *store, struct arena *arena, struct resource *resource,
				   struct hide_book *book);

#endif
