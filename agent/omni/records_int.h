/* The record of a cluster: its marks as annotations. Those of the Cluster stand under their own key, those of another
 * resource under "KEY:TYPE/ID". Private to records*.c. */
#ifndef AGENT_OMNI_RECORDS_INT_H
#define AGENT_OMNI_RECORDS_INT_H

#include <pthread.h>

#include "agent/omni/records.h"

enum { RECORDS_CACHED = 16, RECORDS_FRESH_MS = 2000, RECORDS_LEAVING = 64 };

struct records_cached {
	struct arena arena;
	struct span cluster;
	struct labels marks;
	int64_t read_ms; /* 0: nothing */
};

struct records_store {
	struct omni_store store; /* first */
	struct omni_store *inner;
	pthread_mutex_t lock;
	/* One plan asks for the resources of a cluster type by type; the record is read once for it. */
	struct records_cached cached[RECORDS_CACHED];
	unsigned next_cached;
	char *leaving[RECORDS_LEAVING]; /* clusters whose teardown we asked for: their records go with them */
};

/* Of which cluster a resource is: empty for what has no marks here. */
struct span records_cluster_of(const struct resource *resource);
/* The part of `marks` that concerns the resource, as annotations of it. */
struct labels records_of(struct arena *arena, const struct labels *marks, const struct resource *resource);
/* Also notes what was shown: who writes other marks than were read is told (CONFLICT), and takes nobody's approval away. */
void records_show(struct arena *arena, const struct labels *marks, struct resource *resource);
/* The annotations of ours, and the resource without them. */
struct labels records_ours(struct arena *arena, const struct resource *resource);
struct resource *records_strip(struct arena *arena, const struct resource *resource);
bool records_is_record(const struct resource *resource);

/* `may_be_old`: what was read a moment ago will do. */
bool records_read(struct records_store *self, struct arena *arena, struct span cluster, bool may_be_old, int64_t deadline_ms,
		  struct labels *out, struct fail *fail);
/* Writes the marks of one resource; of a Cluster with `is_new` nothing older stays. */
bool records_write(struct records_store *self, struct arena *arena, const struct resource *resource, const struct labels *ours,
		   bool is_new, int64_t deadline_ms, struct fail *fail);
void records_drop(struct records_store *self, struct span cluster, int64_t deadline_ms);
void records_forget(struct records_store *self, struct span cluster);
void records_remember(struct records_store *self, struct span cluster, const struct labels *marks, int64_t read_ms);
struct omni_op records_ask(struct arena *arena, struct span cluster); /* a GET of the record */

/* records.c: the clusters whose teardown was asked for. */
void records_note_leaving(struct records_store *self, struct span cluster);
bool records_take_leaving(struct records_store *self, struct span cluster);
struct span records_asked_for(const struct omni_query *query); /* the one cluster whose resources are wanted; or empty */
/* What was listed gets its marks; cluster empty: of many. */
bool records_show_list(struct records_store *self, struct arena *arena, const struct omni_type *type, struct span cluster,
		       int64_t deadline_ms, struct resource_list *list, struct fail *fail);

/* records_batch.c */
void records_batch(struct records_store *self, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms);

#endif
