/* Everything that one tree declares: a pure function of its bytes (and the options). Documents are read, checked,
 * grouped into clusters, rendered to template bytes and translated to the Omni resources that they expect.
 *
 * fleet_load does it all, in this order: parse and classify (fleet_read.c), check against the kinds, put clusters
 * together (assemble*.c), and for each of them template bytes and hash (cluster.c), the rules of Omni's client
 * (template_check*.c) and, where nothing is wrong, the resources that Omni shall hold (translate*.c). Connections and
 * resources that stand alone are in raw.c.
 *
 * Nothing here touches network, clock, environment, locale, threads or logs. */
#ifndef RENDER_FLEET_H
#define RENDER_FLEET_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/fail.h"
#include "crds/schema.h"
#include "render/diag.h"
#include "render/load.h"
#include "render/resource.h"
#include "render/tree.h"

#define GROUP_VERSION "omni.texashpc.com/v1alpha1"
#define ANNOTATION_APPROVE "omni.texashpc.com/approve"
#define ANNOTATION_ALLOW_DESTROY "omni.texashpc.com/allow-destroy"
#define ANNOTATION_SUSPEND "omni.texashpc.com/suspend"

/* The Omni release whose rules templates are checked by. Newer releases take those of the newest here. */
enum omni_rules { OMNI_RULES_1_9, OMNI_RULES_1_10 };

struct cluster;

/* A file that a cluster's documents name: as written there, and where it was found. The bytes live as long as the tree. */
struct cluster_file {
	struct span name, path, bytes;
};

struct fleet_options {
	enum omni_rules rules;	      /* default: newest */
	bool offline_schema;	      /* check patches against Talos's schema: on by default */
	bool translate, render;	      /* what to compute for every cluster; both on by default */
	struct load_limits load_limits;
	bool drop_template_docs;      /* cluster->template_docs is not needed: saves a third of the memory */
	bool stream;		      /* of a cluster only its facts are kept; what it comes to is there in fleet_each */
	bool text_only;		      /* of a stream: not its documents, which need not stay until all files are read */
	bool no_hash;		      /* template_hash is not needed */
	bool check_ids;		      /* of a stream: that all resources have IDs of their own, as translating would tell */
	/* Of a stream: what is kept of a cluster as its template_text, in the place of the template; NULL: that. */
	void (*write)(struct text *out, struct arena *arena, const struct cluster *cluster);
	struct span default_ns;	      /* of custom resources that declare none; empty: none */
};

#define FLEET_OPTIONS_DEFAULT                                                                                          \
	((struct fleet_options){OMNI_RULES_1_10, true, true, true, LOAD_LIMITS_DEFAULT, .default_ns = {0}})

enum document_class {
	DOCUMENT_KIND,	   /* one of our custom resources; `kind` is set */
	DOCUMENT_TEMPLATE, /* Cluster, ControlPlane, Workers, Machine without apiVersion */
	DOCUMENT_RESOURCE, /* raw Omni resource */
	DOCUMENT_OTHER,	   /* anything else */
};

struct document {
	struct span file, source; /* its path in the tree; the bytes of that file, kept only of templates */
	struct node root;
	size_t begin, end; /* its bytes in the file */
	enum document_class class;
	bool has_errors;
	bool is_repeated;	 /* not the first of its kind, namespace and name */
	const struct kind *kind; /* crds/schema.h; DOCUMENT_KIND only */
	struct span ns, name;	 /* metadata; of a template document: its name */
	struct span object;	 /* "OmniCluster/prod", for diagnostics; may be empty */
	/* For the joins; NULL where it is not there. */
	const struct node *cluster_ref; /* spec.clusterRef.name of a custom resource */
	const struct node *name_node;	/* its name in Omni: a field of the spec, or its own name */
	const struct node *machines;	/* the list of a set */
	struct document *next_part;	/* of the same cluster, as found */
	uint64_t hash;			/* of kind, namespace and name */
};

/* One Omni cluster: from custom resources, or from a plain template. */
struct cluster {
	struct span name;	/* the ID in Omni */
	struct span object;	/* "OmniCluster/prod" or "Cluster/prod" for diagnostics */
	struct span ns;		/* namespace of the custom resource; empty for templates */
	struct span connection; /* connectionRef.name; empty: the only or default connection */
	bool is_template;	/* from a plain omnictl template */
	bool has_errors;	/* something that belongs to it is wrong: must not be acted on */

	const struct document *head;	  /* OmniCluster, or the Cluster document */
	const struct document **documents; /* all, in rendering order: cluster, control plane, workers, machines */
	size_t document_count, document_cap;
	struct node *template_docs; /* same order, in the form of a cluster template; may be NULL, see the options */

	/* from OmniCluster.spec and annotations */
	bool suspend, orphan, destroy_machines;
	uint32_t sync_interval_s; /* 0: not said, or nonsense */
	struct span approve, allow_destroy; /* annotation values; empty: absent */

	struct span template_text; /* of a plain template: its own bytes */
	char template_hash[DIGEST_HEX_SIZE];
	struct resource_list resources; /* expected, in translation order */
	struct cluster_file *files;	/* each once, in order of the documents; not of a stream */
	size_t file_count, file_cap;
};

/* A raw Omni resource, or the one an OmniMachineClass stands for. */
struct raw_resource {
	struct span connection, ns;
	const struct document *document;
	struct resource *resource;
	bool has_errors;
};

struct connection {
	struct span ns, name, endpoint;
	struct span secret_name, secret_key;
	bool insecure_skip_tls_verify;
	const struct document *document;
	bool has_errors;
};

/* A file that the documents of a cluster name, or might: what the cluster comes to depends on its bytes, or on its absence. */
struct fleet_read {
	struct span reader; /* the file of one of the documents */
	struct span path;
};

struct fleet {
	struct arena *arena; /* owned by the caller */
	struct fleet_options options;
	struct diag_list diags;
	bool is_incomplete; /* a file or a part of one could not be read or parsed: what is missing was perhaps there */
	struct span *broken_files; /* those files */
	size_t broken_count, broken_cap;
	struct document **documents; /* every document, in order of file and position */
	size_t document_count, document_cap;
	struct cluster **clusters; /* sorted by connection, name */
	size_t cluster_count, cluster_cap;
	struct raw_resource **raws; /* sorted by connection, type, id */
	size_t raw_count, raw_cap;
	struct connection **connections; /* sorted by ns, name */
	size_t connection_count, connection_cap;
	struct fleet_read *reads; /* not of a stream */
	size_t read_count, read_cap;
	struct build *build; /* with options.stream: for fleet_each */
};

/* Reads and checks the whole tree. Faults are in fleet->diags (sorted); false only for what ends the run (limits of
 * memory). `diags` given by tree_from_paths are merged in by the caller through fleet->diags before the call:
 * fleet_init, tree_from_paths(…, &fleet->diags, …), fleet_load. */
void fleet_init(struct fleet *fleet, struct arena *arena, const struct fleet_options *options);
bool fleet_load(struct fleet *fleet, struct tree *tree, struct fail *fail);

/* Every cluster in the order of fleet->clusters, until `visit` returns false. With options.stream, which goes without
 * options.translate, template_docs, template_text and template_hash are made here, for one cluster at a time: they are
 * gone when `visit` returns. With options.text_only there may be no documents, and no nodes below cluster->head. */
bool fleet_each(struct fleet *fleet, bool (*visit)(void *ctx, const struct cluster *cluster, struct fail *fail), void *ctx,
		struct fail *fail);

/* The order of fleet->clusters and fleet->raws. */
int fleet_compare_clusters(const struct cluster *a, const struct cluster *b);
int fleet_compare_raws(const struct raw_resource *a, const struct raw_resource *b);

const struct cluster *fleet_find(const struct fleet *fleet, struct span cluster_name); /* NULL: none */

#endif
