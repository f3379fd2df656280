/* Under which paths a cluster serves kinds: its discovery, asked once for each group and version. */
#ifndef AGENT_HELM_API_KINDS_H
#define AGENT_HELM_API_KINDS_H

#include "agent/kube/client.h"
#include "base/text.h"

enum { API_GROUPS_MAX = 128 };

struct api_group {
	struct span version; /* "apps/v1" */
	json_t *resources;   /* NULL: the cluster does not have it */
};

struct api_kinds {
	struct kube_client *client;
	struct arena *arena;
	int64_t deadline_ms;
	struct api_group groups[API_GROUPS_MAX];
	size_t count;
};

struct api_place {
	const char *plural;
	bool is_namespaced;
};

/* NOT_FOUND: the cluster has no such kind. */
bool api_kinds_find(struct api_kinds *kinds, struct span version, struct span kind, struct api_place *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* "/apis/apps/v1/namespaces/NS/deployments", without namespaces when ns is empty. */
void api_add_path(struct text *out, struct span version, struct span ns, const char *plural);

#endif
