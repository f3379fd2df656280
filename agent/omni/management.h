/* Omni's management calls as bytes: those that are made here. The cluster is named by a header, which is signed; what the
 * server would refuse, or what no header may hold, is refused before (INVALID). */
#ifndef AGENT_OMNI_MANAGEMENT_H
#define AGENT_OMNI_MANAGEMENT_H

#include "agent/omni/store.h"

#define MANAGEMENT_SERVICE "/management.ManagementService/"
#define MANAGEMENT_CLUSTER_HEADER "cluster"

enum { KUBECONFIG_TTL_MAX_S = 10 * 365 * 24 * 3600 };

/* What lets its bearer into a cluster. */
enum omni_kubeconfig_form {
	OMNI_KUBECONFIG_TOKEN,	     /* a token of its own: a new one at every call, valid until its end, never revoked */
	OMNI_KUBECONFIG_OIDC,	     /* a program that lets a person log in; no secret */
	OMNI_KUBECONFIG_BREAK_GLASS, /* a client certificate that goes past Omni; the cluster is marked as tainted */
};
struct omni_kubeconfig_request {
	enum omni_kubeconfig_form form;
	struct span cluster;
	struct span user; /* this and what follows: of a token */
	const struct span *groups;
	size_t group_count;
	int64_t ttl_s;
};

/* cluster empty: for the whole instance. Without break_glass it holds no secret. */
struct omni_talosconfig_request {
	struct span cluster;
	bool break_glass;
};

bool management_check_cluster(struct span cluster, struct fail *fail);

bool management_encode_kubeconfig(struct arena *arena, const struct omni_kubeconfig_request *request, struct span *out,
				  struct fail *fail) __attribute__((warn_unused_result));
bool management_encode_talosconfig(struct arena *arena, const struct omni_talosconfig_request *request, struct span *out,
				   struct fail *fail) __attribute__((warn_unused_result));

/* The YAML in an answer: all of them have one field. */
bool management_decode_yaml(struct arena *arena, struct span message, struct span *out_yaml, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
