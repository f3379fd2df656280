/* What the files of the source kubernetes: share. */
#ifndef AGENT_SOURCE_KUBERNETES_INT_H
#define AGENT_SOURCE_KUBERNETES_INT_H

#include <pthread.h>

#include "agent/kube/cache.h"
#include "agent/source/internal.h"
#include "agent/source/kubernetes_settle.h"
#include "base/map.h"

/* What an object was when it went. */
struct gone {
	struct gone *next;
	struct arena arena;
	struct span path, belongs_to, bytes;
	enum settle_role role;
	unsigned char id[KUBE_CONTENT_ID];
	bool is_deleting;
	int64_t gone_ms;
};

struct kubernetes_source {
	struct source base;
	struct kube_cache *cache;
	int event_fd; /* something moved */
	/* only whoever polls */
	bool has_last, was_synced;
	int64_t synced_ms; /* what was seen until then was there before */
	char last_id[65];
	struct arena declared_arena;
	struct map declared; /* paths of the last tree */
	/* guarded by lock, which is held for moments */
	pthread_mutex_t lock;
	struct gone *first, *last;
};

struct seen {
	struct span path;
	const struct kind *kind;
	struct span ns, name;
	unsigned char id[KUBE_CONTENT_ID];
	const struct gone *gone; /* NULL: it is there */
	size_t number;		 /* of its judgement */
};

/* One poll. */
struct look {
	struct kubernetes_source *source;
	struct arena arena;
	struct seen *seen;
	struct settle_object *objects; /* of the same numbers */
	size_t count, cap, object_count, object_cap;
	struct map paths;	   /* of what is there */
	const struct seen **declared; /* sorted by path */
	size_t declared_count;
	int64_t now_ms, wall_s, again_ms;
};

/* kubernetes_look.c: what there is, and what of it is declared. The arena of the look is open. */
void look_around(struct look *look);
/* Of what is declared. */
void look_content_id(const struct look *look, char out[65]);
/* The role of a kind; false: it is none of ours. */
bool look_role(const struct kind *kind, enum settle_role *out);
struct span look_path(struct arena *arena, const struct kind *kind, struct span ns, struct span name);
struct span look_belongs_to(struct arena *arena, const struct kube_object *object, enum settle_role role);
/* kubernetes_tree.c: a tree of it; CONFLICT: something went while it was read. NULL on failure. */
struct source_tree *look_tree(struct look *look, struct fail *fail);

#endif
