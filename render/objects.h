/* The Kubernetes objects that a host applies: the custom resources (and other objects) of a tree, normalised, and one
 * ConfigMap with the rendered template per cluster. */
#ifndef RENDER_OBJECTS_H
#define RENDER_OBJECTS_H

#include "render/fleet.h"

enum objects_mode {
	OBJECTS_PASS_THROUGH, /* the objects and the ConfigMaps */
	OBJECTS_RENDER_ONLY,  /* only the ConfigMaps */
};

bool objects_mode_parse(struct span name, enum objects_mode *out); /* pass-through, render-only */

/* A YAML stream, ordered by apiVersion, kind, namespace, name; fields that an API server sets are left out. Returns how
 * many objects were printed. Plain templates and raw Omni resources are no Kubernetes objects and are left out. */
size_t objects_print(struct text *out, const struct fleet *fleet, enum objects_mode mode, const char *version);

/* Only the ConfigMaps, as nodes, for a host that keeps the objects itself. */
size_t objects_configmaps(struct arena *arena, const struct fleet *fleet, const char *version, struct node **out);

#endif
