/* What a source declared at one revision, kept small: what a cluster shall come to is compressed until somebody plans. A
 * snapshot is immutable and reference counted; any thread may read it. */
#ifndef AGENT_SNAPSHOT_H
#define AGENT_SNAPSHOT_H

#include "agent/omni/mirror.h"
#include "agent/settings.h"
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
};

/* The clusters of the fleet have no resources: snapshot_cluster makes them. */
struct snapshot {
	_Atomic unsigned references;
	struct arena arena;
	struct fleet *fleet;
	struct piece *pieces; /* of every cluster of the fleet */
	size_t piece_count, piece_cap;
	unsigned source;
	char revision[SOURCE_REVISION_MAX];
};

/* A cluster within a snapshot that is held. */
struct declared {
	struct snapshot *snapshot;
	const struct cluster *cluster;
	size_t index; /* of the cluster in the fleet */
};

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */
/* Holds one reference. What is the same in `before` (NULL: none) is only copied, so the work is that of what changed. */
bool snapshot_render(struct sandbox *sandbox, const struct settings *settings, struct source_tree *tree,
		     const struct snapshot *before, struct snapshot **out, struct fail *fail);
/* A copy of the cluster, with its resources, in the arena. */
bool snapshot_cluster(const struct declared *declared, struct arena *arena, const struct cluster **out, struct fail *fail);

#endif
