/* The rendered template of a cluster as a ConfigMap, for a host that shows differences before it applies. */
#ifndef RENDER_CONFIGMAP_H
#define RENDER_CONFIGMAP_H

#include "render/fleet.h"

/* One document, fixed key order, no date and no revision in it, so that only content changes it. Values in patches that
 * look like secrets are replaced by "sha256:" and the first digits of their hash. Templates above 900 KiB are split into
 * template.yaml, template-001.yaml, … */
struct node configmap_node(struct arena *arena, const struct cluster *cluster, const char *version);
void configmap_print(struct text *out, struct arena *arena, const struct cluster *cluster, const char *version);

#endif
