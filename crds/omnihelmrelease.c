#include "crds/kinds.h"
#include "crds/shared.h"

static const struct rule secret_name_rules[] = {RULE_NOT_BLANK("kubeconfig Secret name is required"), {0}};
static const struct rule secret_key_rules[] = {RULE_NOT_BLANK("kubeconfig Secret key must not be blank"), {0}};

static const struct field kubeconfig_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = secret_name_rules,
	 .doc = "Name of the Secret, in the namespace of the release object."},
	{.name = "key", .type = FIELD_STRING, .min = 1, .dflt = "kubeconfig", .rules = secret_key_rules,
	 .doc = "The entry of the Secret that holds the kubeconfig."},
};

static const struct schema kubeconfig = {SCHEMA(kubeconfig_rows)};

static const struct rule repository_rules[] = {
	RULE_NOT_BLANK("chart.repository is required"),
	{"self.trim() == '' || (isURL(self) && url(self).getScheme() != '' && url(self).getHost() != '')",
	 "chart.repository must be an absolute URL", CHECK_ABSOLUTE_URL},
	{0},
};
static const struct rule chart_rules[] = {RULE_NOT_BLANK("chart.chart is required"), {0}};
static const struct rule version_rules[] = {RULE_NOT_BLANK("chart.version is required"), {0}};

static const struct field access_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .doc = "Name of the Secret, in the namespace of this object."},
};

static const struct schema chart_access = {SCHEMA(access_rows)};

static const struct field chart_rows[] = {
	{.name = "repository", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = repository_rules,
	 .doc = "Address of the chart repository, `https://…` or `oci://…`."},
	{.name = "chart", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = chart_rules,
	 .doc = "Name of the chart; for OCI also the full reference."},
	{.name = "version", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = version_rules,
	 .doc = "Version of the chart, `1.2.3`, or a range like `^1.2`, which takes the newest version that it admits."},
	{.name = "values", .type = FIELD_FREE_OBJECT, .doc = "Values for the chart; they win over those of valuesFrom."},
	{.name = "secretRef", .type = FIELD_OBJECT, .flags = FIELD_OURS, .sub = &chart_access,
	 .doc = "The Secret with `username` and `password` for the repository or registry, and `ca.crt` with the authorities that "
		"sign its certificate; each may be absent."},
	{.name = "plainHTTP", .type = FIELD_BOOL, .flags = FIELD_OURS, .doc = "The OCI registry has no TLS."},
};

static const struct schema chart = {SCHEMA(chart_rows)};

static const char *const source_kinds[] = {"Secret", "ConfigMap", NULL};

static const struct field source_rows[] = {
	{.name = "kind", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .choices = source_kinds, .doc = "Where the values stand."},
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .doc = "Its name, in the namespace of this object."},
	{.name = "key", .type = FIELD_STRING, .min = 1, .dflt = "values.yaml", .doc = "The entry that holds the values as YAML or JSON."},
	{.name = "optional", .type = FIELD_BOOL, .doc = "It may be missing."},
};

static const struct schema source = {SCHEMA(source_rows)};

static const struct field other_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1,
	 .doc = "Name of the OmniHelmRelease, in the namespace of this object."},
};

static const struct schema other = {SCHEMA(other_rows)};

static const char *const drift_modes[] = {"Off", "Report", "Correct", NULL};

#define RULE_TRIMMED(field) {"self.trim() == self", field " must not include leading or trailing whitespace", CHECK_TRIMMED}

static const struct rule release_name_rules[] = {RULE_TRIMMED("releaseName"), {0}};
static const struct rule namespace_rules[] = {RULE_TRIMMED("namespace"), {0}};
static const char *const deletion_policies[] = {"Uninstall", "Orphan", NULL};

static const struct field spec_rows[] = {
	ROW_FIXED_CLUSTER_REF,
	{.name = "kubeconfigSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &kubeconfig,
	 .doc = "The Secret with a kubeconfig of the cluster, for example one that an OmniKubeconfigExport writes."},
	{.name = "releaseName", .type = FIELD_STRING, .min = 1, .rules = release_name_rules,
	 .doc = "Name of the Helm release; metadata.name when absent. It cannot be changed: the old release would stay "
		"behind."},
	{.name = "namespace", .type = FIELD_STRING, .min = 1, .flags = FIELD_IMMUTABLE, .dflt = "default",
	 .rules = namespace_rules,
	 .doc = "Namespace of the release in the workload cluster. It cannot be changed: the old release would stay "
		"behind."},
	{.name = "chart", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &chart,
	 .doc = "The chart to install, and its values."},
	{.name = "createNamespace", .type = FIELD_BOOL, .doc = "Make the namespace when it is missing."},
	{.name = "wait", .type = FIELD_BOOL, .doc = "The release counts as done only when its objects are ready."},
	{.name = "waitForJobs", .type = FIELD_BOOL, .doc = "With wait: also wait until Jobs are complete."},
	{.name = "atomic", .type = FIELD_BOOL, .doc = "Roll back when an install or upgrade fails."},
	{.name = "disableHooks", .type = FIELD_BOOL, .doc = "Do not run the hooks of the chart."},
	{.name = "skipCRDs", .type = FIELD_BOOL, .doc = "Do not install the CRDs of the chart."},
	{.name = "timeout", .type = FIELD_DURATION, .rules = RULES_TIMEOUT,
	 .doc = "Longest time for one Helm action; 5m when absent."},
	{.name = "maxHistory", .type = FIELD_INT64, .min = 0, .max = INT64_MAX,
	 .doc = "How many revisions of the release are kept; 0 or absent means 10."},
	{.name = "deletionPolicy", .type = FIELD_STRING, .choices = deletion_policies, .dflt = "Uninstall",
	 .doc = "What happens to the release when this object is deleted."},
	{.name = "valuesFrom", .type = FIELD_LIST, .flags = FIELD_OURS, .item = FIELD_OBJECT, .sub = &source, .max = 8,
	 .doc = "More values, from Secrets and ConfigMaps: later ones win over earlier ones, and chart.values over all of them."},
	{.name = "dependsOn", .type = FIELD_LIST, .flags = FIELD_OURS, .item = FIELD_OBJECT, .sub = &other, .max = 8,
	 .doc = "Other releases that have to be Ready before this one is installed or upgraded."},
	{.name = "retries", .type = FIELD_INT64, .flags = FIELD_OURS, .min = 0, .max = 1000,
	 .doc = "How often a failed install or upgrade is tried again before something changes; without end when absent."},
	{.name = "driftDetection", .type = FIELD_STRING, .flags = FIELD_OURS, .choices = drift_modes,
	 .doc = "What happens when objects of the release are not what it says any more: nobody looks (`Off`, as when absent), it "
		"is told (`Report`), or the release is applied again (`Correct`)."},
	{.name = "forceConflicts", .type = FIELD_BOOL, .flags = FIELD_OURS,
	 .doc = "Fields that somebody else set in objects of the release are overwritten; otherwise an upgrade that meets them fails. "
		"Needs Helm 4."},
	{.name = "takeOwnership", .type = FIELD_BOOL, .flags = FIELD_OURS,
	 .doc = "Objects that exist already and belong to no release, or to another one, become part of this one."},
};

static const struct schema spec = {SCHEMA(spec_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_TEXT("kubeconfigSecretRef", "The Secret that the kubeconfig came from."),
	ROW_TEXT("kubeconfigSecretKey", "The entry of that Secret."),
	ROW_TEXT("releaseName", "Name of the Helm release."),
	ROW_TEXT("namespace", "Namespace of the release in the workload cluster."),
	ROW_TEXT("chart", "The chart."),
	ROW_TEXT("chartVersion", "Its version."),
	{.name = "releaseRevision", .type = FIELD_INT64, .doc = "Revision of the release after the last action."},
	ROW_TEXT("releaseStatus", "What Helm says about the release, for example `deployed`."),
	ROW_TEXT("lastAction", "The last action: Install, Upgrade or Uninstall."),
	ROW_TIME("lastAttemptTime", "When something was last tried."),
	ROW_TIME("lastSuccessTime", "When something last succeeded."),
	ROW_TEXT("lastError", "Why the last attempt failed; empty after a success."),
	ROW_OUR_TEXT("resolvedVersion", "The version of the chart that is meant by chart.version now."),
	ROW_OUR_TEXT("chartDigest", "SHA-256 of the chart's archive."),
	ROW_OUR_TEXT("attemptedHash", "What was tried last: a digest of chart, version and values."),
	ROW_OUR_COUNT("failures", "How often that has failed in a row."),
	ROW_OUR_TEXT("drift", "What was found that is not as the release says; empty: nothing, or nobody looked."),
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

#define RELEASE_NAME(object)                                                                                           \
	"(has(" object ".spec.releaseName) ? " object ".spec.releaseName : " object ".metadata.name)"

static const struct rule rules[] = {
	{RELEASE_NAME("self") " == " RELEASE_NAME("oldSelf"),
	 "releaseName is immutable: the old release would stay behind", CHECK_TRANSITION},
	{0},
};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Chart", "string", ".spec.chart.chart", "The chart.", 0},
	{"Version", "string", ".spec.chart.version", "Version of the chart, as declared.", 0},
	{"Revision", "integer", ".status.releaseRevision", "Revision of the release.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	{"Release", "string", ".status.releaseName", "Name of the Helm release.", 1},
	{"Namespace", "string", ".status.namespace", "Namespace in the workload cluster.", 1},
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"ohr", NULL};

const struct kind KIND_HELM_RELEASE = {
	.name = "OmniHelmRelease",
	.plural = "omnihelmreleases",
	.singular = "omnihelmrelease",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.rules = rules,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.doc = "A Helm release in a workload cluster.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniHelmRelease\n"
		   "metadata:\n"
		   "  name: prod-cilium\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  kubeconfigSecretRef:\n"
		   "    name: prod-kubeconfig\n"
		   "  releaseName: cilium\n"
		   "  namespace: kube-system\n"
		   "  chart:\n"
		   "    repository: https://helm.cilium.io\n"
		   "    chart: cilium\n"
		   "    version: 1.18.0\n"
		   "    values:\n"
		   "      kubeProxyReplacement: true\n",
};
