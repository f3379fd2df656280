/* One cluster rendered: template bytes and hash. The documents are those of cluster->template_docs, in order. */
#ifndef RENDER_CLUSTER_H
#define RENDER_CLUSTER_H

#include "render/fleet_build.h"

void cluster_render(struct build *build, struct cluster *cluster, struct arena *results);

#endif
