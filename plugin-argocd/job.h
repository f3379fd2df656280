/* For clusters of Kubernetes in which no agent runs: a Job that applies to Omni what is declared, as a hook of Argo CD's sync. What
 * it applies lies in Secrets, as it is; the ConfigMaps, in which secrets are masked, are for the diff. */
#ifndef PLUGIN_ARGOCD_JOB_H
#define PLUGIN_ARGOCD_JOB_H

#include "plugin-argocd/parameters.h"
#include "render/configmap.h"
#include "render/fleet.h"

/* Appends, for every Omni, its Secrets and its Job. `application` names them, `ns` is where they are. Failures: no image, a cluster
 * whose Omni is not known, a file larger than a Secret. */
bool job_add(struct arena *arena, const struct fleet *fleet, const struct parameters *parameters, struct span application,
	     struct span ns, struct node_list *list, struct fail *fail);

#endif
