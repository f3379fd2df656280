/* What of a document the controller itself has to know; texts in one piece of memory. */
#ifndef AGENT_CONTROLLER_FACTS_H
#define AGENT_CONTROLLER_FACTS_H

#include "agent/kube/cache.h"

struct facts {
	unsigned char content_id[KUBE_CONTENT_ID]; /* of the document */
	struct span name;	/* in Omni: of the cluster, the worker set, the machine; of other objects their own */
	struct span connection; /* of a cluster: its OmniConnection */
	struct span endpoint, secret; /* of a connection */
	bool orphan; /* deletePolicy.orphan, or deletionPolicy: Orphan */
	bool destroy_machines, suspends;
	char texts[];
};

/* free() ends it; never NULL: what cannot be read is absent. */
struct facts *facts_read(const struct kube_object *object);

#endif
