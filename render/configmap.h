/* What Omni is to be told, as ConfigMaps, for a host that shows differences before it applies: one per cluster with its
 * rendered template, one per raw resource. Key order is fixed and there is no date, revision or host name in them, so that
 * only content changes them. Secrets are masked (render/mask.h). Files that a template names are beside it. */
#ifndef RENDER_CONFIGMAP_H
#define RENDER_CONFIGMAP_H

#include "render/fleet.h"

#define LABEL_ARTIFACT "omni.texashpc.com/artifact" /* template, resource */
#define ANNOTATION_RENDERER "omni.texashpc.com/renderer"

struct configmap_options {
	struct span ns;	     /* for what declares no namespace of its own; may be empty */
	const char *version; /* of this program */
	struct span mask_key; /* of render/mask.h; may be empty */
};

struct node_list {
	struct node *items;
	size_t count, cap;
};

/* Appends NAME-omni-template with template.yaml. The API server takes 1 MiB: a longer template goes on in
 * NAME-omni-template-001 with template-001.yaml, and so on; joined they are the template. Files that it names follow in
 * NAME-omni-files (-001, …), one entry each. */
void configmap_add_cluster(struct arena *arena, const struct cluster *cluster, const struct configmap_options *options,
			   struct node_list *list);

/* Appends ID-TYPE-omni-resource with resource.yaml. */
void configmap_add_raw(struct arena *arena, const struct raw_resource *raw, const struct configmap_options *options,
		       struct node_list *list);

/* Is this object one that was made here, by any version? */
bool configmap_is_ours(const struct node *object);

/* The names of Omni have upper case and "_", those of Kubernetes objects have not: such a name, or one too long, is made
 * fit and gets a piece of its hash behind it, so that different names stay different. */
struct span configmap_name(struct arena *arena, struct span base, const char *suffix);
struct span configmap_label_value(struct arena *arena, struct span text);

/* "v1.4.0-12-gabc1234-dirty", which changes with every commit of ours, is "v1.4.0"; without any release it is "dev". */
struct span configmap_release(const char *version);

/* The ConfigMaps of one cluster, as YAML. */
void configmap_print(struct text *out, struct arena *arena, const struct cluster *cluster, const char *version);

#endif
