/* Argo CD's own brakes, on the objects whose deletion destroys clusters. */
#ifndef RENDER_OBJECTS_PROTECT_H
#define RENDER_OBJECTS_PROTECT_H

#include "render/node.h"

/* The object with the annotation argocd.argoproj.io/sync-options: a person has to confirm that an OmniCluster or
 * OmniConnection is pruned or deleted, and connections and Secrets, which deleting a cluster still needs, are pruned last.
 * Options that are there stay as they are. Other objects are returned unchanged. */
struct node objects_protect(struct arena *arena, const struct node *object);

#endif
