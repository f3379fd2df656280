/* What a source declared at one revision, kept small: what a cluster shall come to is compressed until somebody plans. A
 * snapshot is immutable and reference counted; any thread may read it.
 *
 * It also knows which files it came from and how they hang together, so that of the next revision only what changed has to
 * be read and rendered (agent/snapshot_splice.c). What comes out is what rendering the whole tree would have given. */
#ifndef AGENT_SNAPSHOT_H
#define AGENT_SNAPSHOT_H

#include "agent/omni/mirror.h"
#include "agent/settings/settings.h"
#include "agent/source/sandbox.h"
#include "base/digest.h"
#include "render/fleet.h"

/* What a cluster shall come to, as it is kept until somebody plans: compressed. */
struct piece {
	char content[DIGEST_HEX_SIZE]; /* same content, same work (content.c) */
	struct mirror_expectation expected; /* what Omni holds when it is as declared */
	uint64_t resources; /* digest of what it declares, the same in every process */
	uint64_t sent;	    /* digest of the bytes that the renderer sent */
	bool is_compressed;
	struct span packed;
	/* Digests, of this process: */
	uint64_t *documents; /* the class, kind, namespace and name of each */
	uint64_t *ids;	     /* the type and ID of every resource */
	size_t document_count, id_count;
	uint32_t *files; /* numbers of the files that its documents stand in */
	size_t file_count;
};

/* A file that the snapshot depends on. */
struct snapshot_file {
	const char *texts;  /* its path, and the id of its bytes */
	uint32_t bytes, documents;
	uint32_t group;	    /* files of one group are judged together: they hold parts of one cluster, name it, … */
	unsigned path_len : 24;
	unsigned id_len : 7;	 /* 0: there is no such file, and one would matter */
	unsigned is_for_all : 1; /* declares connections, by which all clusters are judged */
};

static inline struct span snapshot_path(const struct snapshot_file *file)
{
	return (struct span){file->texts, file->path_len};
}

static inline struct span snapshot_id(const struct snapshot_file *file)
{
	return (struct span){file->texts + file->path_len, file->id_len};
}

/* What the clusters of one file come to depends on another. Numbers of files. */
struct snapshot_read {
	uint32_t reader, file;
};

/* One of those that a handler looks after: what it declares. */
struct snapshot_handled {
	const struct kind *kind;
	struct span ns, name;
	struct span json; /* {"spec": …, "annotations": …}, the spec with its defaults; empty: it has faults */
};

/* A custom resource that belongs to no cluster. */
struct snapshot_object {
	uint64_t digest;
	uint32_t file;
	const struct snapshot_handled *handled; /* NULL: nothing of the kind, or of an API server, where it is known otherwise */
};

/* The clusters of the fleet have no resources: snapshot_cluster makes them. Of its documents only those with faults and
 * the heads of clusters are there. */
struct snapshot {
	_Atomic unsigned references;
	struct arena arena;
	struct fleet *fleet;
	struct piece *pieces; /* of every cluster of the fleet */
	size_t piece_count, piece_cap;
	unsigned source;
	bool is_certain; /* of an API server: what is not there does not exist, whatever else is at fault */
	char revision[SOURCE_REVISION_MAX];
	size_t document_count; /* of the whole tree */
	size_t rendered_files; /* so many were rendered for it; the others came out as before */

	/* For the next one: */
	bool is_exact; /* no faults, and every file known by its id: what does not change may be kept */
	struct snapshot_file *files; /* the inputs of the tree and behind them those that are only named, each sorted by path */
	size_t input_count, file_count;
	struct snapshot_read *reads;
	size_t read_count;
	struct snapshot_object *objects;
	size_t object_count;
	struct diag_list found; /* without what the source itself found */
	uint32_t group_count;
};

/* A cluster within a snapshot that is held. */
struct declared {
	struct snapshot *snapshot;
	const struct cluster *cluster;
	size_t index; /* of the cluster in the fleet */
};

/* Who renders a tree: a confined child (feed.c), or a test. */
struct renderer {
	bool (*render)(void *ctx, struct tree *tree, const struct fleet_options *options, const struct fleet_taker *taker,
		       struct arena *arena, struct fleet **out, struct fail *fail);
	void *ctx;
};

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */
/* Holds one reference. What is the same in `before` (NULL: none) is only copied; with may_splice it is not even rendered,
 * where that is certain to make no difference. */
bool snapshot_render(const struct renderer *renderer, const struct fleet_options *options, struct source_tree *tree,
		     const struct snapshot *before, bool may_splice, struct snapshot **out, struct fail *fail);
/* What a poll need not read again, in the arena; NULL: everything has to be read. */
const struct source_known *snapshot_known(const struct snapshot *snapshot, struct arena *arena);
/* Both declare the same, whatever their revisions: a rendering of everything must not tell another story. */
bool snapshot_same(const struct snapshot *a, const struct snapshot *b);
/* A copy of the cluster, with its resources, in the arena. */
bool snapshot_cluster(const struct declared *declared, struct arena *arena, const struct cluster **out, struct fail *fail);
/* The digest by which a piece names a document. */
uint64_t snapshot_document(struct text *scratch, const struct document *document);

#endif
