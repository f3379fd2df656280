/* A kubeconfig of what is left when everything doubtful is gone. */
#ifndef AGENT_WORKLOAD_KUBECONFIG_H
#define AGENT_WORKLOAD_KUBECONFIG_H

#include "agent/kube/config.h"

/* One cluster, one user, one context, all named "agent", with this namespace: JSON, in the arena, which should be one that
 * wipes. The configuration is one of kube_config_foreign. */
bool kubeconfig_write(const struct kube_config *config, struct span ns, struct arena *arena, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
