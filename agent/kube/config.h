/* How to reach an API server, and as whom: from a kubeconfig, or from what a pod finds. Files that change while the agent runs
 * (token, certificates) are named here and read by the client; everything else is read once. */
#ifndef AGENT_KUBE_CONFIG_H
#define AGENT_KUBE_CONFIG_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

/* Strings live in the arena of whoever read it, bytes of keys and tokens in memory that arena_done wipes. NULL: unset. */
struct kube_config {
	const char *server; /* https://host:port[/prefix] */
	const char *ca_file, *cert_file, *key_file; /* only where there is no data */
	struct span ca_data, cert_data, key_data;   /* PEM */
	const char *token_file; /* beats token */
	struct span token;
	const char *user, *password;
	const char *tls_server_name, *proxy_url;
	bool insecure_skip_tls_verify;
	const char *ns; /* default namespace; NULL: none named */
	const char *as_user, *as_uid, *const *as_groups; /* impersonation; as_groups NULL-terminated */
	const char *const *as_extra; /* key, value, key, value …, NULL */
	const struct kube_exec *exec; /* a program that gets the credentials; NULL: none */
};

struct kube_exec {
	const char *api_version, *command, *install_hint;
	const char *const *args, *const *env; /* NULL-terminated; env as NAME=VALUE */
	bool provides_cluster_info;
};

/* What a pod has is taken only when neither a file nor a context is named. */
struct kube_config_from {
	const char *file;    /* --kubeconfig; NULL: in the cluster, else $KUBECONFIG, else ~/.kube/config */
	const char *context; /* NULL: the current one */
	bool allow_exec;     /* a program may be run */
	char *const *environment; /* as environ */
	const char *service_account_dir; /* NULL: /var/run/secrets/kubernetes.io/serviceaccount; for tests */
};

/* NOT_FOUND: there is neither; the failure says where was looked. */
bool kube_config_find(struct arena *arena, const struct kube_config_from *from, struct kube_config *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* Of a kubeconfig that came from somebody else (a Secret): its current context. It may name no program and no local file,
 * only https, and neither leave out verification, use a proxy nor impersonate. INVALID: says which field, and what to write. */
bool kube_config_foreign(struct arena *arena, struct span yaml, struct kube_config *out, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
