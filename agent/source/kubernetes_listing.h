/* What a tree of an API server names: its files by path, each with the digest of what it says. A listing is shared by the source
 * and the trees that were made of it and does not change any more; the next one of the same objects shares its paths, and only
 * what changed is digested again. */
#ifndef AGENT_SOURCE_KUBERNETES_LISTING_H
#define AGENT_SOURCE_KUBERNETES_LISTING_H

#include <stddef.h>

#include "agent/kube/cache.h"

struct listed {
	struct span path;
	unsigned char id[KUBE_CONTENT_ID];
};

struct listing {
	struct listed *items; /* sorted by path */
	size_t count;
	char content_id[65];  /* same id, same objects that say the same */
	char (*parts)[65];    /* digests of so many items each, by which it is told */
	struct listing_paths *paths;
	unsigned references;  /* atomic */
};

/* Of paths that are sorted, with their ids; the paths are copied. To be digested. */
struct listing *listing_new(const struct listed *items, size_t count);
/* The same objects, so far with the same ids. To be changed by listing_set, and digested. */
struct listing *listing_copy(const struct listing *before);
/* Before it is shared: an item says something else. */
void listing_set(struct listing *listing, size_t index, const unsigned char id[KUBE_CONTENT_ID]);
void listing_digest(struct listing *listing); /* of what was not digested yet */

struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing); /* NULL is fine */

/* SIZE_MAX: it is not there. *hint (0 at first) makes it cheap to ask for one path after the other in their order. */
size_t listing_find(const struct listing *listing, struct span path, size_t *hint);

static inline struct span listed_id(const struct listed *item)
{
	return (struct span){(const char *)item->id, sizeof item->id};
}

#endif
