/* What is needed only while a fleet is put together: the tree and the indexes of the joins. Private to render/fleet*.c,
 * assemble*.c, template*.c and raw.c. */
#ifndef RENDER_FLEET_BUILD_H
#define RENDER_FLEET_BUILD_H

#include "base/map.h"
#include "render/fleet.h"
#include "render/hash_set.h"

/* What fleet_quick.c keeps of the files that are done. */
enum { QUICK_OBJECTS = 1 << 16 }; /* of a large fleet */
struct quick {
	bool is_on, is_lost;
	struct hash_set taken;
	struct unit **units;
	size_t unit_count, unit_cap;
	size_t document_count; /* their memory is given back */
};

struct build {
	struct fleet *fleet;
	struct arena *arena;
	struct arena *nodes;	      /* of documents: the fleet's, or that of a stream: */
	struct arena node_arena;
	struct quick quick;
	struct hash_set ids_taken;    /* with options.check_ids: the resources that clusters stand for */
	bool compares_ids;	      /* some seem to be the same: all clusters are translated to find out */
	struct tree *tree;
	struct text scratch;	      /* for emitting, before the result goes to the arena */
	struct load_shared load;      /* while files are read */
	uint64_t *objects;	      /* documents by kind, namespace and name: half of the hash, index + 1; 0 is empty */
	size_t object_slots;
	struct map units;	      /* "ns/name" of an OmniCluster → struct unit */
	struct map units_by_ns;	      /* ns → struct unit, chained by next_in_ns */
	struct map template_names;    /* clusters of plain templates, by name */
	struct map connections;	      /* "ns/name" → struct connection */
	struct map connection_ns;     /* namespaces that declare connections */
	struct map names;	      /* name of a cluster in Omni → struct claim */
	struct map machines;	      /* machine ID → struct machine_claim */
	struct map ids;		      /* type of resource → struct map of ID → struct claim */
	struct map tainted;	      /* namespaces in which every cluster has errors */
	struct map broken;	      /* files of which something is missing */
	struct map files;	      /* clean path → struct tree_content */
	struct map disks;	      /* install disk → the patch for it */
	struct map patches_done;      /* "file\ntalos version" → whether the patch file is good */
	struct arena joins;	      /* of the maps; goes when the fleet is there */
	struct arena unit_arena; /* of the units; goes with them, or with the fleet of a stream */
	struct span item_paths[2][16]; /* "patches[3]", "spec.patches[3]": written once */
	struct arena temporary;	      /* of one cluster at a time */
	struct arena *results;	      /* what a cluster comes to: the fleet's arena, or the temporary one of a stream */
	struct unit **order;	      /* as found */
	size_t order_count, order_cap;
	struct unit *last_found;      /* of the children of a cluster, most stand together */
	struct span last_ns, last_name;
	struct unit **sorted;	      /* those of fleet->clusters, for fleet_each */
};

/* One cluster while its parts are collected. */
struct unit {
	struct cluster *cluster;
	struct span omni; /* build_omni of its connection */
	struct unit *next_in_ns;
	struct document *first, **last; /* as found, chained by next_part */
	struct part {
		const struct document *document;
		int rank; /* cluster, control plane, workers, machines */
	} *parts;
	size_t part_count;
	bool is_finished; /* checked and rendered while its file was at hand */
};

/* Where faults of a document are reported. */
struct diag_at build_at(struct build *build, const struct document *document);

/* Something that may be there only once in an Omni (a resource, a cluster, a machine) and who has it. */
struct claim {
	struct claim *next; /* the same in another Omni */
	struct span omni;
	struct cluster *cluster;     /* or */
	struct raw_resource *raw;
	const struct resource *resource; /* may be NULL */
	const struct document *document;
	const struct node *node;
};
/* Takes `key`; NULL, or who has taken it before on the same Omni. */
const struct claim *build_claim(struct build *build, struct map *map, struct span key, const struct claim *wanted);
/* One text for every Omni that is known to be another; empty when it cannot be told, which clashes with all. */
struct span build_omni(struct build *build, struct span ns, struct span connection);
/* The claims of resource IDs of one type. */
struct map *build_ids(struct build *build, struct span type_name);
void build_taint(const struct claim *claim);

/* Something of this file could not be read, or it cannot be told what it belonged to. */
void build_mark_incomplete(struct build *build, struct span file);

/* fleet.c: the rules and, as the options say, the bytes and the resources of one cluster. */
void unit_check(struct build *build, struct unit *unit);
void unit_render(struct build *build, struct cluster *cluster, struct arena *results); /* as the options want it written */
void unit_forget(struct unit *unit); /* what a stream keeps in the temporary arena */

/* fleet_quick.c: nothing of it happens unless the quick way is on. */
struct quick_mark {
	struct arena_mark nodes;
	size_t documents, diags;
};
void quick_finish_file(struct build *build, const struct quick_mark *before, struct span path);
void quick_take(struct build *build, uint64_t hash); /* what is taken twice loses the quick way */
void quick_take_text(struct build *build, const void *what, struct span text);
bool quick_has_cluster(struct build *build, struct span ns, struct span name);
void quick_settle(struct quick *quick); /* before is_lost is trusted */
void quick_done(struct quick *quick);

/* fleet_read.c: files to documents, classified and checked against their kinds. */
bool fleet_read(struct build *build, struct fail *fail);
uint64_t build_object_hash(const struct build *build, const struct kind *kind, struct span ns, struct span name);
/* assemble.c: documents to units; assemble_template.c: template documents of a unit of custom resources. */
void assemble(struct build *build);
struct unit *unit_of_cluster(struct arena *units, struct arena *clusters, struct document *head);
bool unit_takes(const struct document *document); /* is it a part of a cluster of custom resources? */
void unit_add(struct unit *unit, struct document *part);
void assemble_finish(struct build *build, struct unit *unit); /* parts in order, cluster->documents */
void assemble_template(struct build *build, struct unit *unit);
/* assemble_cross.c: rules over the whole input. */
void assemble_cross_check(struct build *build);
/* raw.c: OmniConnection, OmniMachineClass, raw resources. */
void raw_collect(struct build *build);

#endif
