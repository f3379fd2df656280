/* Ways into workload clusters. A kubeconfig comes from a Secret, so it is somebody else's: one that names programs or local files,
 * turns off verification or goes through a proxy is refused (agent/kube/config.h, kube_config_foreign). Who uses the same
 * kubeconfig shares one client; a client that nobody used for a minute is closed. A kubeconfig is held in memory only, and
 * wiped. */
#ifndef AGENT_WORKLOAD_WORKLOAD_H
#define AGENT_WORKLOAD_WORKLOAD_H

#include "agent/kube/client.h"
#include "agent/workload/secret_store.h"

struct workloads;
struct workload;

struct workloads *workloads_new(struct log *log);
void workloads_free(struct workloads *workloads); /* nobody uses one any more */

/* Opens nothing yet: an unreachable cluster is found by the first call. INVALID: the kubeconfig is refused; says which field and
 * what to do instead. Any thread. */
bool workload_get(struct workloads *workloads, struct span kubeconfig, struct workload **out, struct fail *fail)
	__attribute__((warn_unused_result));
void workload_put(struct workload *workload); /* NULL is fine */

/* Belong to the workload. Answers are bounded to 16 MiB, calls to 10 s unless they say otherwise. */
struct kube_client *workload_client(struct workload *workload);
struct secret_store *workload_secrets(struct workload *workload);
const char *workload_server(const struct workload *workload);
/* SHA-256 of the kubeconfig, hex: who needs to know whether it is another one. */
const char *workload_id(const struct workload *workload);
/* The one kubeconfig that is left when everything doubtful is gone: one cluster, one user, one context "agent" with this
 * namespace. For programs that take a file. In the arena, which should be one that wipes. */
bool workload_kubeconfig(const struct workload *workload, struct span ns, struct arena *arena, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* When its token or certificate ends, Unix seconds; 0: it does not say. */
int64_t workload_expires_s(const struct workload *workload);

/* For metrics: how many are open, and how many of them are used. */
void workloads_counts(struct workloads *workloads, size_t *out_open, size_t *out_used);

#endif
