/* The Kubernetes objects that a host applies for a tree: the custom resources and other objects, normalised, and the
 * ConfigMaps that show what Omni is to be told (render/configmap.h). Ordered by apiVersion, kind, namespace, name: the
 * order of files does not show. */
#ifndef RENDER_OBJECTS_H
#define RENDER_OBJECTS_H

#include "render/configmap.h"
#include "render/fleet.h"

enum objects_mode {
	OBJECTS_PASS_THROUGH, /* the objects, and ConfigMaps of clusters and of what is no object itself */
	OBJECTS_RENDER_ONLY,  /* only ConfigMaps: of clusters, of raw resources, of what an OmniMachineClass comes to */
	OBJECTS_ADDED,	      /* only the ConfigMaps that pass-through adds to the objects */
};

struct objects_options {
	enum objects_mode mode;
	struct span ns;	     /* of our objects that declare none; as fleet_options.default_ns; may be empty */
	const char *version; /* of this program */
	struct span mask_key; /* of render/mask.h; may be empty */
	bool ask_before_delete; /* Argo CD asks a person before it deletes clusters and connections */
};

struct objects {
	struct node *items;
	size_t count;
	size_t known_count; /* documents that this project is for: custom resources, templates, raw resources */
};

bool objects_mode_parse(struct span name, enum objects_mode *out); /* pass-through, render-only */

/* What an API server sets, `status` and empty labels and annotations are left out; files for kustomize and for Argo CD's
 * plugin, and objects marked as local, are no objects to apply. ConfigMaps of an earlier run are made anew. Objects that
 * no host could apply become diagnostics of the fleet. */
void objects_make(struct arena *arena, struct fleet *fleet, const struct objects_options *options, struct objects *out);

/* As a YAML stream. */
void objects_print(struct text *out, const struct objects *objects);

#endif
