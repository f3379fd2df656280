/* Shared by the files of this room; nobody else includes it. */
#ifndef AGENT_EXPORT_INTERNAL_H
#define AGENT_EXPORT_INTERNAL_H

#include "agent/export/export.h"
#include "base/map.h"
#include "render/template_schema.h"

#define RESERVED_PREFIX "omni.sidero.dev/"
#define LABEL_DISABLED "omni.sidero.dev/disabled"

/* What hangs below the cluster, a machine set or a machine. */
struct owner {
	struct span prefix; /* of the IDs that templates make: "cluster-prod", "prod-workers", "cm-UUID" */
	unsigned weight;    /* of the first patch */
	const char *label;  /* that names it on what it owns, with `value`; NULL: the cluster itself */
	struct span value;
	struct resource_list patches;
	const struct resource *extensions; /* NULL: not defined */
};

struct machine {
	const struct resource *node;
	struct owner below;
	struct span disk;	     /* of install.disk; empty: not said */
	const struct resource *args; /* kernel arguments that came from a template; NULL: none */
};

struct set {
	const struct resource *resource;
	struct span name; /* "control-planes", "workers" */
	bool is_control_plane;
	struct owner below;
	struct machine **machines; /* sorted by ID; empty for a machine class */
	size_t count, cap;
	const struct resource *args; /* those of every machine, which are said once for the set */
};

struct exporter {
	struct arena *arena;
	struct span cluster;
	const struct plan_actual *actual;
	const struct export_options *options;
	struct exported *out;
	const struct resource *head; /* the Cluster */
	struct owner below;
	struct resource_list manifests, checks;
	struct set **sets; /* control plane first, then by name */
	size_t set_count, set_cap;
	struct map machines;	     /* ID to struct machine */
	const struct resource *args; /* those of every machine of the cluster */
	struct node *docs;
	size_t doc_count, doc_cap;
};

/* gather.c: what belongs where; what has no place is remarked upon. */
void export_gather(struct exporter *x);

/* documents.c, items.c */
void export_documents(struct exporter *x);
void export_put_patches(struct exporter *x, struct node *map, const struct owner *owner);
void export_put_manifests(struct exporter *x, struct node *map);
void export_put_checks(struct exporter *x, struct node *map);

/* items.c: does a document say exactly this patch? `why` when not. */
bool export_can_say(struct exporter *x, const struct owner *owner, const struct resource *patch, const char **why);
bool export_can_say_labels(const struct owner *owner, const struct resource *resource, const char **why);

/* descriptors.c: labels and annotations of the user; `except` may be NULL. False: there are none. */
bool export_descriptors(struct arena *arena, const struct labels *labels, const char *except, struct node *out);
void export_put_descriptors(struct arena *arena, struct node *map, const struct resource *resource);
bool export_is_reserved(struct span key);
/* A name that Kubernetes takes: `text` where it does, else one made from it. */
struct span export_object_name(struct arena *arena, struct span text);

/* content.c: a content as the value of `inline` or `job`. */
struct node export_content(struct exporter *x, struct span text);
/* The list of a manifest in a custom resource, which takes no text; ABSENT when it is none. */
struct node export_objects(struct exporter *x, const struct resource *resource, struct span text);
/* A document as it is written, and as it is read. */
void export_emit(struct text *out, const struct node *document);
bool export_read_back(struct arena *arena, const struct node *document, enum export_form form, struct node *out);

/* descriptors.c: {seconds, nanos} as "1h30m"; false: there is none, or it is not positive. */
bool export_duration(struct arena *arena, const struct node *duration, struct span *out);

/* verify.c: reads out->text, plans it and remarks upon what is not as it was. */
void export_verify(struct exporter *x);

/* remarks.c: `resource` NULL: of the documents as a whole. What is remarked upon twice has both texts. */
void export_remark(struct exporter *x, enum export_weight weight, const struct omni_type *type, struct span id,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
struct export_remark *export_find_remark(struct exporter *x, const struct omni_type *type, struct span id);

static inline struct span export_label(const struct labels *labels, const char *key)
{
	const struct label *label = labels_get(labels, key);
	return label == NULL ? (struct span){NULL, 0} : label->value;
}

#endif
