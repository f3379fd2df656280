/* The files that kubectl and talosctl find their clusters in: what one says, and how one is joined into another. Pure
 * functions of bytes.
 *
 * A join changes what it has to and keeps every other byte, comments too: it edits the lines of the held file, and the
 * result counts only if it reads back as what the join means. A file that cannot be edited so (JSON, flow style,
 * anchors) is written anew as a whole, and loses its comments.
 *
 * Entries are known by their names. Of an entry that leads where the held one of its name leads, only the credentials
 * are replaced: certificates, proxies and namespaces that somebody added stay. One that leads elsewhere is refused. */
#ifndef AGENT_KUBE_CLIENT_CONFIG_H
#define AGENT_KUBE_CLIENT_CONFIG_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"
#include "render/node.h"

enum client_kind { CLIENT_KUBECONFIG, CLIENT_TALOSCONFIG };

/* What the current context of a kubeconfig leads to. Failures never show its text: it holds credentials. */
struct kubeconfig {
	struct span context, cluster, user; /* names of the entries */
	struct span server;
	struct span token;   /* empty: it has none */
	int64_t expires_s;   /* of the token, as it says itself; 0: it does not say */
	bool runs_a_program; /* that gets the credentials */
};
bool kubeconfig_read(struct arena *arena, struct span yaml, struct kubeconfig *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* When a token ends, as it says itself, Unix seconds; 0: it does not say. */
int64_t kubeconfig_token_ends_s(struct arena *arena, struct span token);

/* The same with another default namespace of the current context. */
bool kubeconfig_in_namespace(struct arena *arena, struct span yaml, struct span ns, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));

struct client_join {
	enum client_kind kind;
	bool keeps_context; /* the current one stays */
	bool forces;	    /* entries that lead elsewhere are replaced */
};

struct client_joined {
	struct span text;
	struct span context; /* of what was joined in */
	bool is_changed;
	bool is_rewritten; /* as a whole: comments and order of keys are lost */
};

/* `held` may be empty. INVALID: one of them is no such file, or holds several documents; CONFLICT: an entry leads elsewhere. */
bool client_join(struct arena *arena, const struct client_join *how, struct span held, struct span added,
		 struct client_joined *out, struct fail *fail) __attribute__((warn_unused_result));

#endif
