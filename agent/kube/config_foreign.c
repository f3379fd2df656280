/* What a kubeconfig that came from somebody else may not say: it would make this program run something, read a file of its own
 * machine and send it away, speak without knowing to whom, or act as somebody else. Every refusal names the field, and what to
 * write instead. */
#include "agent/kube/config_int.h"

struct refused {
	const char *key, *why;
};

static const struct refused of_clusters[] = {
	{"certificate-authority", "it names a file of the machine that reads this: put the certificate into certificate-authority-data"},
	{"insecure-skip-tls-verify", "without verification the credentials go to whoever answers: put the server's authority into "
				     "certificate-authority-data"},
	{"proxy-url", "a proxy is not used: name a server that is reached directly"},
	{NULL, NULL},
};

static const struct refused of_users[] = {
	{"exec", "the credentials come from a program, which is not run: put a token into it, as that of a service account has one"},
	{"auth-provider", "the credentials come from a plugin, which kubectl knows no more either: put a token into it"},
	{"tokenFile", "it names a file of the machine that reads this: put the token itself into token"},
	{"client-certificate", "it names a file of the machine that reads this: put the certificate into client-certificate-data"},
	{"client-key", "it names a file of the machine that reads this: put the key into client-key-data"},
	{"as", "nobody is impersonated: put the credentials of whom it is meant to be into it"},
	{"as-uid", "nobody is impersonated: put the credentials of whom it is meant to be into it"},
	{"as-groups", "nobody is impersonated: put the credentials of whom it is meant to be into it"},
	{"as-user-extra", "nobody is impersonated: put the credentials of whom it is meant to be into it"},
	{NULL, NULL},
};

/* What says nothing is no reason: tools write "proxy-url: ''" and "insecure-skip-tls-verify: false". */
static bool says_something(const struct node *node)
{
	if (!node_is_set(node))
		return false;
	if (node_is(node, NODE_BOOL))
		return span_is(node_text(node), "true");
	if (node_is(node, NODE_MAP) || node_is(node, NODE_SEQ))
		return node->len > 0;
	return node_source_text(node).len > 0;
}

static bool check(const struct node *entry, const struct refused *refused, const char *who, struct fail *fail)
{
	for (; refused->key != NULL; refused++)
		if (says_something(node_get(entry, refused->key)))
			return fail_set(fail, FAIL_INVALID, "%s: %s is refused: %s", who, refused->key, refused->why);
	return true;
}

bool kube_foreign_cluster(const struct node *cluster, const char *who, struct fail *fail)
{
	return check(cluster, of_clusters, who, fail);
}

bool kube_foreign_user(const struct node *user, const char *who, struct fail *fail)
{
	return check(user, of_users, who, fail);
}
