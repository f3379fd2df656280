#include "crds/kinds.h"
#include "crds/shared.h"

static const struct rule target_name_rules[] = {RULE_NOT_BLANK("target Secret name is required"), {0}};
static const struct rule target_key_rules[] = {RULE_NOT_BLANK("target Secret key must not be blank"), {0}};

static const struct field target_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = target_name_rules,
	 .doc = "Name of the Secret to write."},
	{.name = "namespace", .type = FIELD_STRING, .min = 1, .pattern = &PATTERN_DNS_LABEL,
	 .doc = "Namespace of the Secret in the management cluster; that of this object when absent."},
	{.name = "key", .type = FIELD_STRING, .min = 1, .dflt = "kubeconfig", .rules = target_key_rules,
	 .doc = "The entry of the Secret that the kubeconfig goes into."},
};

static const struct schema target = {SCHEMA(target_rows)};

static const struct rule user_rules[] = {RULE_NOT_BLANK("service account user is required"), {0}};

static const struct rule group_rules[] = {
	{"self.all(group, group.trim() != '')", "service account group must not be blank", CHECK_GROUPS_NOT_BLANK},
	{"self.all(group, self.exists_one(other, group.trim() == other.trim()))",
	 "a service account group may be listed only once", CHECK_GROUPS_UNIQUE},
	{0},
};

static const struct field account_rows[] = {
	{.name = "user", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = user_rules,
	 .doc = "User name that the kubeconfig signs in with."},
	{.name = "groups", .type = FIELD_LIST, .item = FIELD_STRING, .min = 1,
	 .flags = FIELD_REQUIRED | FIELD_SET | FIELD_SERVER_LIMIT,
	 .max = 64, .item_max = 256, .rules = group_rules,
	 .doc = "Kubernetes groups of that user; they decide what it may do."},
	{.name = "allowClusterAdmin", .type = FIELD_BOOL,
	 .doc = "Permit the group `system:masters`, which may do everything and cannot be restricted."},
};

static const struct rule account_rules[] = {
	{"(has(self.allowClusterAdmin) && self.allowClusterAdmin) || "
	 "!self.groups.exists(group, group.trim() == 'system:masters')",
	 "system:masters requires serviceAccount.allowClusterAdmin: true", CHECK_CLUSTER_ADMIN},
	{0},
};

static const struct schema account = {SCHEMA(account_rows), .rules = account_rules};

/* --- other forms of the same credentials ---------------------------------------------------------------------------- */

static const struct rule output_name_rules[] = {RULE_NOT_BLANK("the Secret of an output needs a name"), {0}};

#define ROW_OUTPUT_SECRET                                                                                              \
	{                                                                                                              \
		.name = "secretName", .type = FIELD_STRING, .flags = FIELD_OURS | FIELD_REQUIRED, .min = 1,            \
		.rules = output_name_rules, .doc = "Name of the Secret; another one than that of targetSecretRef."     \
	}
#define ROW_OUTPUT_NAMESPACE(text)                                                                                     \
	{                                                                                                              \
		.name = "namespace", .type = FIELD_STRING, .flags = FIELD_OURS, .min = 1, .max = 63,                   \
		.pattern = &PATTERN_DNS_LABEL, .doc = (text)                                                           \
	}
#define ROW_OUTPUT_LABELS(text)                                                                                        \
	{                                                                                                              \
		.name = "labels", .type = FIELD_MAP, .flags = FIELD_OURS, .doc = (text)                                \
	}

static const struct field argocd_rows[] = {
	ROW_OUTPUT_SECRET,
	ROW_OUTPUT_NAMESPACE("Where Argo CD runs; the namespace of this object when absent."),
	{.name = "clusterName", .type = FIELD_STRING, .flags = FIELD_OURS, .min = 1,
	 .doc = "What Argo CD calls the cluster; its name in Omni when absent."},
	{.name = "server", .type = FIELD_STRING, .flags = FIELD_OURS, .min = 1,
	 .doc = "The address that Argo CD knows the cluster by. When absent, that of the kubeconfig with `?cluster=NAME` behind "
		"it: all clusters of an Omni have one address, and Argo CD takes clusters of one address for one cluster."},
	{.name = "project", .type = FIELD_STRING, .flags = FIELD_OURS, .min = 1,
	 .doc = "The AppProject that the cluster is for alone; every project when absent."},
	ROW_OUTPUT_LABELS("More labels of the Secret, which the generators of ApplicationSets select by."),
};

static const struct schema argocd = {SCHEMA(argocd_rows)};

static const struct field flux_rows[] = {
	ROW_OUTPUT_SECRET,
	ROW_OUTPUT_NAMESPACE("Namespace of the Secret, that of the Kustomizations and HelmReleases which name it; the namespace of "
			     "this object when absent."),
	{.name = "key", .type = FIELD_STRING, .flags = FIELD_OURS, .min = 1, .dflt = "value",
	 .doc = "The entry with the kubeconfig; Flux looks into `value` when nothing else is said."},
	ROW_OUTPUT_LABELS("More labels of the Secret."),
};

static const struct schema flux = {SCHEMA(flux_rows)};

static const struct field outputs_rows[] = {
	{.name = "argoCD", .type = FIELD_OBJECT, .flags = FIELD_OURS, .sub = &argocd,
	 .doc = "A Secret by which Argo CD knows the cluster, labelled `argocd.argoproj.io/secret-type: cluster`."},
	{.name = "flux", .type = FIELD_OBJECT, .flags = FIELD_OURS, .sub = &flux,
	 .doc = "A Secret for `spec.kubeConfig.secretRef` of Flux's Kustomizations and HelmReleases."},
};

static const struct schema outputs = {SCHEMA(outputs_rows)};

static const struct rule ttl_rules[] = {
	{"duration(self) > duration('0s')", "ttl must be greater than zero", CHECK_DURATION_POSITIVE},
	{0},
};
static const struct rule renew_rules[] = {
	{"duration(self) > duration('0s')", "renewBefore must be greater than zero", CHECK_DURATION_POSITIVE},
	{0},
};

static const struct field spec_rows[] = {
	ROW_FIXED_CLUSTER_REF,
	{.name = "targetSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &target,
	 .doc = "The Secret that the kubeconfig is written into."},
	{.name = "serviceAccount", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &account,
	 .doc = "Who the kubeconfig signs in as."},
	{.name = "contextNamespace", .type = FIELD_STRING, .min = 1, .max = 63, .pattern = &PATTERN_DNS_LABEL,
	 .doc = "Default namespace of the kubeconfig's context."},
	{.name = "ttl", .type = FIELD_DURATION, .flags = FIELD_REQUIRED, .rules = ttl_rules,
	 .doc = "How long the credentials are valid, for example `24h`."},
	{.name = "renewBefore", .type = FIELD_DURATION, .rules = renew_rules,
	 .doc = "How long before their end new credentials are made; a fifth of ttl when absent. Less than ttl."},
	{.name = "deletionPolicy", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .choices = CHOICES_DELETE_ORPHAN,
	 .doc = "What happens to the Secret when this object is deleted."},
	{.name = "outputs", .type = FIELD_OBJECT, .flags = FIELD_OURS, .sub = &outputs,
	 .doc = "More Secrets with the same credentials in the form that others read; renewed and removed together with the first."},
};

static const struct rule spec_rules[] = {
	{"!has(self.renewBefore) || duration(self.ttl) <= duration('0s') || "
	 "duration(self.renewBefore) < duration(self.ttl)",
	 "renewBefore must be less than ttl", CHECK_RENEW_BEFORE},
	{0},
};

static const struct schema spec = {SCHEMA(spec_rows), .rules = spec_rules};

static const struct field written_rows[] = {
	{.name = "type", .type = FIELD_STRING, .flags = FIELD_OURS | FIELD_REQUIRED, .doc = "`argoCD` or `flux`."},
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_OURS | FIELD_REQUIRED, .doc = "Name of the Secret."},
	{.name = "namespace", .type = FIELD_STRING, .flags = FIELD_OURS, .doc = "Its namespace."},
};

static const struct schema written = {SCHEMA(written_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("connectionRef", "The OmniConnection that was used."),
	ROW_TEXT("endpoint", "The address of the Omni that was used."),
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_TEXT("clusterName", "Name of the cluster in Omni."),
	ROW_TEXT("targetSecretRef", "The Secret that was written."),
	ROW_TEXT("targetSecretNamespace", "Its namespace."),
	ROW_TEXT("targetSecretKey", "Its entry with the kubeconfig."),
	ROW_TEXT("serviceAccountUser", "User name that the kubeconfig signs in with."),
	ROW_TEXTS("serviceAccountGroups", "Groups of that user."),
	ROW_TEXT("kubeconfigHash", "SHA-256 of what the kubeconfig was made for."),
	ROW_TIME("expirationTime", "When the credentials end."),
	ROW_TIME("nextRotationTime", "When new ones will be made."),
	ROW_TIME("lastRotationTime", "When the present ones were made."),
	ROW_OUR_TEXT("clusterUID", "The OmniCluster that the present credentials were made for."),
	{.name = "outputs", .type = FIELD_LIST, .flags = FIELD_OURS, .item = FIELD_OBJECT, .sub = &written,
	 .doc = "The Secrets that were written because of spec.outputs."},
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Secret", "string", ".spec.targetSecretRef.name", "The Secret that is written.", 0},
	{"User", "string", ".spec.serviceAccount.user", "Who the kubeconfig signs in as.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	{"Expires", "string", ".status.expirationTime", "When the credentials end.", 0},
	{"Rotation", "string", ".status.nextRotationTime", "When new ones will be made.", 1},
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"oke", NULL};

const struct kind KIND_KUBECONFIG_EXPORT = {
	.name = "OmniKubeconfigExport",
	.plural = "omnikubeconfigexports",
	.singular = "omnikubeconfigexport",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.doc = "A kubeconfig of a cluster, kept fresh in a Secret of the management cluster.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniKubeconfigExport\n"
		   "metadata:\n"
		   "  name: prod-kubeconfig\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  targetSecretRef:\n"
		   "    name: prod-kubeconfig\n"
		   "  serviceAccount:\n"
		   "    user: gitops\n"
		   "    groups:\n"
		   "      - deployers\n"
		   "  ttl: 24h\n"
		   "  renewBefore: 4h\n"
		   "  deletionPolicy: Delete\n",
};
