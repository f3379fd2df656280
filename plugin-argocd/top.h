/* The top of the tree that may be read: files that templates name lie there. */
#ifndef PLUGIN_ARGOCD_TOP_H
#define PLUGIN_ARGOCD_TOP_H

#include "base/arena.h"
#include "base/span.h"

/* For the directory of an application: where Argo CD unpacked the repository (<temporary>/_cmp_server/<uuid>), else the
 * root of the Git work tree around it, else the directory itself. Absolute. */
struct span top_find(struct arena *arena, struct span directory);

#endif
