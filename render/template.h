/* One cluster template while it is checked and translated: its documents decoded as far as both need it. The same for
 * custom resources, whose template was made by assemble_template.c, and for plain templates. */
#ifndef RENDER_TEMPLATE_H
#define RENDER_TEMPLATE_H

#include "render/field_path.h"
#include "render/fleet_build.h"
#include "render/semver.h"
#include "render/template_schema.h"

/* A patch, manifest or health check. */
struct template_item {
	const struct node *node; /* the mapping */
	size_t index;		 /* in the list as written; the weight counts without the nulls */
	struct span name, id_override, file;
	bool has_content;	     /* text or meaning is usable */
	struct span text;	     /* what goes to Omni */
	struct span file_path;	     /* where the file was found in the tree */
	const struct node *meaning; /* where it was written as a mapping or list */
};

struct template_items {
	struct template_item *items;
	size_t count;
};

struct template_doc {
	enum template_kind kind;
	const struct document *document;
	const struct node *node; /* in template form */
	struct diag_at at;
	struct field_path spec; /* "spec" of a custom resource */
	const struct field_path *root; /* &spec, or NULL for a plain template */
	struct template_items patches, manifests, healthchecks;
	struct span set_name, set_id; /* of machine sets: "workers", "prod-workers" */
};

struct template {
	struct build *build;
	struct cluster *cluster;
	bool is_plain; /* from omnictl's form; custom resources have been checked against their kind before */
	enum omni_rules rules;
	struct template_doc *docs;
	size_t count;
	const struct template_doc *head; /* the first Cluster document; NULL: none */
	struct span cluster_name, omni;
	bool has_talos;
	struct semver talos; /* valid when has_talos */
};

/* The cluster's documents, ready for the checks. */
void template_open(struct build *build, struct unit *unit, struct template *out);

/* Text of a scalar field as it was written; empty when it is not there or is no scalar. */
struct span template_text(const struct node *map, const char *key);
/* A list that was given, even an empty one; NULL when absent or null. */
const struct node *template_list(const struct node *map, const char *key);

/* template_file.c: a file that the template names; reports and returns false when it cannot be had. */
bool template_read_file(struct template *template, const struct template_doc *doc, const struct node *node,
			const struct field_path *path, struct span file, struct span *out_path,
			struct span *out_bytes);

/* The bytes of an input file again; empty when it cannot be read a second time. */
struct span template_source(struct template *template, struct span file);

/* template_content.c: the content of an item below `key` ("inline", "job") or in its file; faults are reported. */
bool template_read_content(struct template *template, const struct template_doc *doc, struct template_item *item,
			   const struct field_path *path, const char *key);

/* A mapping or a list of documents as the text that goes to Omni. */
struct span template_written(struct build *build, const struct node *node);

/* template_check.c: every rule; faults go to the diagnostics. */
void template_check(struct template *template);
/* Parts of it. */
void template_check_cluster(struct template *template, struct template_doc *doc);
void template_check_set(struct template *template, struct template_doc *doc);
void template_check_machine(struct template *template, struct template_doc *doc);
void template_check_across(struct template *template);
void template_check_patches(struct template *template, struct template_doc *doc);
void template_check_manifests(struct template *template, struct template_doc *doc);
void template_check_healthchecks(struct template *template, struct template_doc *doc);
void template_check_descriptors(const struct template_doc *doc, const struct node *owner,
				const struct field_path *path);

/* translate.c: the expected resources, into cluster->resources. Needs a template without faults. */
void template_translate(struct template *template);
/* translate_ids.c: hashes of the IDs that those would have, into build->ids_taken. */
void template_take_ids(struct template *template);

#endif
