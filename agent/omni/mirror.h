/* What an Omni holds, in a few bytes per resource: enough to know whether anything of a cluster was written since it was
 * looked at last. Kept up by the events of watches; every cluster has a mark, the sum over its resources of a hash of
 * type, ID, version and date of creation. Equal marks: nothing was written in between, so a plan that was empty is still
 * empty, and nobody has to ask Omni.
 *
 * Resources belong to the cluster that their label names; KernelArgs and InstallDisks, which have none, to that of the
 * MachineSetNode with their ID; everything else (machine classes) to "", the raw resources. Any thread may ask. */
#ifndef AGENT_OMNI_MIRROR_H
#define AGENT_OMNI_MIRROR_H

#include "agent/omni/store.h"

struct mirror;

struct mirror_mark {
	uint64_t low, high;
};

/* Of Omni's ClusterStatus. */
struct mirror_status {
	bool is_known, is_ready;
	unsigned phase; /* Omni's number */
};

struct mirror *mirror_new(void);
void mirror_free(struct mirror *mirror); /* NULL is fine */

/* Which types have to be watched. */
bool mirror_wants(const struct omni_type *type);

/* A watch of a type begins to tell all there is, and is through with it: what it did not name is gone. mirror_lost: it
 * broke off, nothing is certain until it lives again. */
void mirror_begin(struct mirror *mirror, const struct omni_type *type);
void mirror_end(struct mirror *mirror, const struct omni_type *type);
void mirror_live(struct mirror *mirror, const struct omni_type *type); /* resumed: nothing was missed */
void mirror_lost(struct mirror *mirror, const struct omni_type *type);

/* Created or updated; destroyed. True: that was news, and *out_cluster (valid as long as the mirror) is whose mark
 * changed. */
bool mirror_put(struct mirror *mirror, const struct resource *resource, struct span *out_cluster);
bool mirror_drop(struct mirror *mirror, const struct resource *resource, struct span *out_cluster);

/* Every watch lives. */
bool mirror_is_live(struct mirror *mirror);
/* False: not every watch lives, so there is no telling. A cluster that nothing belongs to has the mark zero. */
bool mirror_mark(struct mirror *mirror, struct span cluster, struct mirror_mark *out);
void mirror_status(struct mirror *mirror, struct span cluster, struct mirror_status *out);

/* For metrics. */
size_t mirror_count(struct mirror *mirror);

static inline bool mirror_mark_equal(struct mirror_mark a, struct mirror_mark b)
{
	return a.low == b.low && a.high == b.high;
}

#endif
