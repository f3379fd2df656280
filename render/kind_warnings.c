/* What is allowed but should be known, as the Go operator's admission warns. */
#include "crds/kinds.h"
#include "render/kind_internal.h"

static bool is_true(const struct node *node)
{
	return node_is(node, NODE_BOOL) && span_is(node_text(node), "true");
}

static void warn_connection(const struct kind_walk *walk, const struct node *spec)
{
	const struct node *insecure = kind_value(spec, "insecureSkipTLSVerify");
	if (is_true(insecure))
		diag_warn(walk->at, "InsecureConnection", insecure, "spec.insecureSkipTLSVerify",
			  "the certificate of Omni is not verified: anybody in between can read and change everything");
}

static void warn_cluster(const struct kind_walk *walk, const struct node *spec)
{
	const struct node *args = kind_value(spec, "kernelArgs");
	if (args != NULL && args->len > 0)
		diag_warn(walk->at, "KernelArgsNeedMachines", args, "spec.kernelArgs",
			  "kernel arguments of a cluster are valid only when every machine set lists its machines instead of "
			  "a machineClass");
}

static void warn_export(const struct kind_walk *walk, const struct node *spec)
{
	const struct node *account = kind_value(spec, "serviceAccount"), *groups = kind_value(account, "groups");
	if (!is_true(kind_value(account, "allowClusterAdmin")))
		return;
	for (size_t i = 0; node_is(groups, NODE_SEQ) && i < groups->len; i++)
		if (span_is(node_text(&groups->items[i]), "system:masters"))
			diag_warn(walk->at, "ClusterAdmin", &groups->items[i], "spec.serviceAccount.groups",
				  "system:masters puts a kubeconfig that may do everything into the management cluster");
}

static bool was_said(const struct diag_list *list, const char *code, const char *kind)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].code, code) == 0 && span_starts(list->items[i].message, kind))
			return true;
	return false;
}

/* True of every such object, hence no more than a note, once. */
static void note_workload_access(const struct kind_walk *walk, const struct node *spec)
{
	static const char *const code = "WorkloadAccess";
	const struct node *name = node_path(spec, "kubeconfigSecretRef.name");
	if (node_text(name).len > 0 && !was_said(walk->at->list, code, walk->kind->name))
		diag_add(walk->at, DIAG_NOTE, code, name, "spec.kubeconfigSecretRef",
			 "%s writes into the workload cluster with the kubeconfig of this Secret (said once for all of them)",
			 walk->kind->name);
}

void kind_check_warnings(const struct kind_walk *walk)
{
	const struct node *spec = kind_value(walk->root, "spec");
	if (walk->kind == &KIND_CONNECTION)
		warn_connection(walk, spec);
	else if (walk->kind == &KIND_CLUSTER)
		warn_cluster(walk, spec);
	else if (walk->kind == &KIND_KUBECONFIG_EXPORT)
		warn_export(walk, spec);
	else if (walk->kind == &KIND_HELM_RELEASE || walk->kind == &KIND_SECRET_SYNC)
		note_workload_access(walk, spec);
}
