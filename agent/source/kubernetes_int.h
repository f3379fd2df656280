/* What the files of the source kubernetes: share. */
#ifndef AGENT_SOURCE_KUBERNETES_INT_H
#define AGENT_SOURCE_KUBERNETES_INT_H

#include <pthread.h>

#include "agent/kube/cache.h"
#include "agent/source/internal.h"
#include "agent/source/kubernetes_listing.h"
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

/* What happened since the last poll: objects that say something else, or anything that may change which of them count. */
struct news {
	bool is_any_other; /* everything has to be looked at */
	struct arena arena;
	struct span *changed; /* paths; some may be there more than once */
	size_t count, cap;
};

struct kubernetes_source {
	struct source base;
	struct kube_cache *cache;
	int event_fd; /* something moved */
	/* only whoever polls */
	bool has_last, was_synced;
	int64_t synced_ms; /* what was seen until then was there before */
	int64_t again_ms;  /* when what is declared may be something else although nothing moves */
	struct listing *last; /* of the last tree; NULL: there was none */
	/* guarded by lock, which is held for moments */
	pthread_mutex_t lock;
	struct gone *first, *last_gone;
	struct news news;
};

struct seen {
	struct span path;
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
	size_t hint;		      /* into the last listing */
	const struct seen **declared; /* sorted by path; NULL: nothing but what some objects say is other than before */
	size_t declared_count;
	struct listing *listing; /* what is declared */
	struct change *changes;	 /* what changed objects say */
	size_t change_count;
	int64_t now_ms, wall_s, again_ms;
};

/* An object of the listing that says something else than at the last poll. */
struct change {
	size_t index;
	struct span bytes;
};

/* kubernetes_look.c: what there is, and what of it is declared. The arena of the look is open. */
void look_around(struct look *look);
/* The role of a kind; false: it is none of ours. */
bool look_role(const struct kind *kind, enum settle_role *out);
struct span look_path(struct arena *arena, const struct kind *kind, struct span ns, struct span name);
struct span look_belongs_to(struct arena *arena, const struct kube_object *object, enum settle_role role);

/* kubernetes_tree.c, false or NULL on failure; CONFLICT: something went while it was read. What is declared is what it was, but
 * these objects may say something else. */
bool look_at_changed(struct look *look, const struct news *news, struct fail *fail);
/* A tree of the listing, which may name other ids afterwards: what is read is taken as it is by then. */
struct source_tree *look_tree(struct look *look, struct fail *fail);

#endif
