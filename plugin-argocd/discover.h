/* Is this directory for the plugin? Argo CD asks it of every Application without a declared type, so the answer comes from
 * a look at lines, file by file, and ends at the first find; nothing is parsed. */
#ifndef PLUGIN_ARGOCD_DISCOVER_H
#define PLUGIN_ARGOCD_DISCOVER_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

/* Does a document of these bytes look like a custom resource of ours, a cluster template or a raw Omni resource? */
bool discover_is_ours(struct span bytes);

/* The first file below `path` that does; empty: none, or the directory is one for kustomize or Helm. */
bool discover_find(struct arena *arena, const char *path, struct span *out_file, struct fail *fail);

#endif
