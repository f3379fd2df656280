/* Follows one list of an API server: carries out what reflector.h orders, and says which objects came, changed and went.
 * Everything here happens on the client's thread, but for the counts. */
#ifndef AGENT_KUBE_FOLLOW_H
#define AGENT_KUBE_FOLLOW_H

#include "agent/kube/client.h"
#include "agent/kube/reflector.h"

struct follow_options {
	struct kube_client *client;
	const char *path;	 /* "/apis/…/omniclusters" */
	const char *query;	 /* "labelSelector=…", escaped; empty: all */
	const char *item_accept, *list_accept; /* NULL: whole objects */
	void (*begins)(void *ctx);		     /* a list, which names what is there */
	void (*named)(void *ctx, const json_t *object); /* it is there: listed, created or changed */
	void (*gone)(void *ctx, const json_t *object);  /* deleted: as it was at last */
	void (*completes)(void *ctx);		     /* what was not named since it began is gone */
	/* What reflector_is_synced says has changed, or why not; also when the time decides it. */
	void (*state)(void *ctx, const struct reflector *reflector);
	void *ctx;
};

struct follow_counts {
	_Atomic uint64_t lists, watches, events, relists;
};

struct follower;
/* Begins at once; the texts are copied. */
struct follower *follower_new(const struct follow_options *options, uint64_t seed);
void follower_free(struct follower *follower); /* nothing is called any more; NULL is fine */
const struct follow_counts *follower_counts(const struct follower *follower);

/* fn(ctx) on the client's thread, before this returns. */
void follow_run(struct kube_client *client, void (*fn)(void *ctx), void *ctx);
/* From the system's randomness, one for each. */
uint64_t follow_seed(void);

#endif
