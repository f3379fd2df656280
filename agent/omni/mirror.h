/* What an Omni holds, in a few bytes per resource: enough to know whether a cluster is as declared, and whether anything of
 * it changed since it was looked at last, without asking Omni. Kept up by the events of watches. What is kept are digests
 * of meanings, so what controllers write all the time (finalizers, versions, dates) is no change; of what is being torn
 * down the finalizers count, because somebody waits for their end.
 *
 * Of what Omni says of clusters (statuses of clusters, machine sets and upgrades) numbers and short texts are kept; plans do
 * not depend on them.
 *
 * Resources belong to the cluster that their label names; KernelArgs and InstallDisks, which have none, to that of the
 * MachineSetNode with their ID; our records (agent/omni/records.h) to their cluster; everything else (machine classes) to
 * "", the raw resources. Any thread may ask. */
#ifndef AGENT_OMNI_MIRROR_H
#define AGENT_OMNI_MIRROR_H

#include "agent/omni/health.h"
#include "agent/omni/store.h"

struct mirror;

/* What a resource means to a plan; who plans tells. Numbers of this process only: digest_local. */
struct mirror_meaning {
	uint64_t whole; /* 0: no plan is concerned by it */
	uint64_t bytes; /* of its content */
};
typedef void mirror_mean(const struct resource *resource, struct mirror_meaning *out);

/* What a cluster should come to. */
struct mirror_text {
	uint64_t key, bytes;
};
struct mirror_expectation {
	bool is_certain;	   /* false: cannot be told by digests */
	uint64_t whole;		   /* sum over all resources */
	struct mirror_text *texts; /* of those whose content counts byte by byte */
	size_t text_count;
};
uint64_t mirror_key(const struct omni_type *type, struct span id);

/* How often it changed; also counted: what was written while a watch did not live, since nobody knows what it was. */
struct mirror_mark {
	uint64_t changes;
};

struct mirror *mirror_new(mirror_mean *mean);
void mirror_free(struct mirror *mirror); /* NULL is fine */

/* Which types have to be watched. */
bool mirror_wants(const struct omni_type *type);
/* Only what Omni says: without it clusters are kept as well, and nobody knows whether they are ready. */
bool mirror_is_said(const struct omni_type *type);

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

/* Every watch that plans depend on lives. */
bool mirror_is_live(struct mirror *mirror);
/* False: not every watch lives, so there is no telling. */
bool mirror_mark(struct mirror *mirror, struct span cluster, struct mirror_mark *out);
/* For certain: every watch lives, Omni holds what is expected, and nothing else that could concern a plan. */
bool mirror_matches(struct mirror *mirror, struct span cluster, const struct mirror_expectation *expectation);
/* The same, one by one. False: not every watch lives, or Omni holds something else that could concern a plan: then it has to be
 * asked what. True: only those that are `is_other` are not there, or not as expected. */
struct mirror_item {
	uint64_t key, whole, bytes; /* whole 0: cannot be told */
	bool by_bytes;
	bool is_other; /* out */
};
bool mirror_compare(struct mirror *mirror, struct span cluster, struct mirror_item *items, size_t count);
/* What is declared of the cluster and what Omni says of it. */
void mirror_facts(struct mirror *mirror, struct arena *arena, struct span cluster, struct health_facts *out);

/* The Cluster with nothing but its ID and the marks of ours on it; NULL: there is none. */
struct resource *mirror_cluster(struct mirror *mirror, struct arena *arena, struct span name);
/* All; false: not every watch lives. */
bool mirror_clusters(struct mirror *mirror, struct arena *arena, struct resource_list *out);
/* As mirror_cluster and mirror_clusters, of clusters that are not there although a record of ours is. */
struct resource *mirror_left(struct mirror *mirror, struct arena *arena, struct span name);
bool mirror_all_left(struct mirror *mirror, struct arena *arena, struct resource_list *out);

/* The raw resources that people may keep, by type and ID; up to two thousand. */
struct mirror_raw {
	const struct omni_type *type;
	struct span id, kept_by; /* empty: nobody */
};
size_t mirror_raws(struct mirror *mirror, struct arena *arena, struct mirror_raw **out);

/* For metrics. */
size_t mirror_count(struct mirror *mirror);

static inline bool mirror_mark_equal(struct mirror_mark a, struct mirror_mark b)
{
	return a.changes == b.changes;
}

#endif
