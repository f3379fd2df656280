/* Parts of the translation of a template to the resources that Omni shall hold. Private to render/translate*.c. */
#ifndef RENDER_TRANSLATE_H
#define RENDER_TRANSLATE_H

#include "render/template.h"

struct translation {
	struct template *template;
	struct arena *arena;	     /* of the result */
	struct map machine_docs;     /* machine ID → struct machine_doc */
	const struct node *cluster_args; /* the cluster's kernelArgs; NULL: not given */
};

/* What the Machine documents of one machine say together. */
struct machine_doc {
	const struct template_doc *doc; /* the last: its labels and annotations count */
	const struct node *set_args;	/* kernelArgs of the set that lists the machine; NULL: not given */
	bool is_locked;
};

/* A resource that comes from a place in a document; appended to the cluster's resources. */
struct resource *translate_add(struct translation *translation, const struct template_doc *doc,
			       const struct omni_type *type, struct span id, const struct node *origin,
			       const struct field_path *path);
void translate_label(struct translation *translation, struct resource *resource, const char *key, struct span value);
void translate_annotation(struct translation *translation, struct resource *resource, const char *key,
			  struct span value);
/* Labels and annotations of the user. */
void translate_descriptors(struct translation *translation, struct resource *resource, const struct node *owner);
/* Room for that many labels and annotations besides those of the user. */
void translate_reserve(struct translation *translation, struct resource *resource, const struct node *owner,
		       size_t labels, size_t annotations);
enum { TRANSLATE_WEIGHT_CLUSTER = 200, TRANSLATE_WEIGHT_SET = 400, TRANSLATE_WEIGHT_MACHINE = 400 };
/* "400-prod-workers-name" */
struct span translate_id(struct arena *arena, size_t weight, struct span prefix, struct span name);

/* The resources below one owner: `label` (with `value`) says which, NULL for the cluster itself. */
struct translate_owner {
	const struct template_doc *doc;
	struct span prefix; /* "cluster-prod", "prod-workers", "cm-UUID" */
	struct span schematic; /* "prod", "prod-workers", UUID */
	const char *label;
	struct span value;
	unsigned weight; /* of the first patch */
};

void translate_patches(struct translation *translation, const struct translate_owner *owner);
void translate_manifests(struct translation *translation, const struct translate_owner *owner);
void translate_healthchecks(struct translation *translation, const struct template_doc *doc);
void translate_extensions(struct translation *translation, const struct translate_owner *owner);
void translate_install_disk(struct translation *translation, const struct translate_owner *owner);
void translate_kernel_args(struct translation *translation, const struct template_doc *doc, struct span machine,
			   const struct node *args, const struct field_path *path);

/* translate_specs.c */
struct node translate_cluster_spec(struct arena *arena, const struct node *doc);
struct node translate_set_spec(struct arena *arena, const struct node *doc);
struct node translate_interval(struct arena *arena, int64_t ns);
/* A list of text as a new list, without nulls. */
struct node translate_texts(struct arena *arena, const struct node *list);

#endif
