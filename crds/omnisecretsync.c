#include "crds/kinds.h"
#include "crds/shared.h"

static const struct rule kubeconfig_name_rules[] = {RULE_NOT_BLANK("kubeconfig Secret name is required"), {0}};
static const struct rule kubeconfig_key_rules[] = {RULE_NOT_BLANK("kubeconfig Secret key must not be blank"), {0}};

/* Whoever may edit the object must not be able to send the Secret into another cluster. */
static const struct field kubeconfig_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .min = 1,
	 .rules = kubeconfig_name_rules,
	 .doc = "Name of the Secret, in the namespace of this object. It cannot be changed."},
	{.name = "key", .type = FIELD_STRING, .flags = FIELD_IMMUTABLE, .min = 1, .dflt = "kubeconfig",
	 .rules = kubeconfig_key_rules,
	 .doc = "The entry of the Secret that holds the kubeconfig. It cannot be changed."},
};

static const struct schema kubeconfig = {SCHEMA(kubeconfig_rows)};

static const struct rule source_rules[] = {RULE_NOT_BLANK("source Secret name is required"), {0}};

static const struct field source_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = source_rules,
	 .doc = "Name of the Secret to copy, in the namespace of this object."},
};

static const struct schema source = {SCHEMA(source_rows)};

static const struct rule target_name_rules[] = {RULE_NOT_BLANK("target Secret name is required"), {0}};
static const struct rule target_namespace_rules[] = {RULE_NOT_BLANK("target Secret namespace is required"), {0}};

static const struct field target_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = target_name_rules,
	 .doc = "Name of the copy in the workload cluster."},
	{.name = "namespace", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = target_namespace_rules,
	 .doc = "Namespace of the copy in the workload cluster."},
};

static const struct schema target = {SCHEMA(target_rows)};

static const struct rule type_rules[] = {
	{"self == '' || self.trim() != ''", "type must not be blank", CHECK_NOT_SPACES},
	{0},
};

static const struct field spec_rows[] = {
	ROW_FIXED_CLUSTER_REF,
	{.name = "kubeconfigSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &kubeconfig,
	 .doc = "The Secret with a kubeconfig of the cluster, for example one that an OmniKubeconfigExport writes."},
	{.name = "sourceSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &source,
	 .doc = "The Secret to copy."},
	{.name = "targetSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &target,
	 .doc = "Where the copy goes in the workload cluster."},
	{.name = "type", .type = FIELD_STRING, .rules = type_rules,
	 .doc = "Type of the copy; that of the source when absent."},
	{.name = "labels", .type = FIELD_MAP, .doc = "Labels of the copy."},
	{.name = "annotations", .type = FIELD_MAP, .doc = "Annotations of the copy."},
	{.name = "createNamespace", .type = FIELD_BOOL, .doc = "Make the namespace when it is missing."},
	{.name = "deletionPolicy", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .choices = CHOICES_DELETE_ORPHAN,
	 .doc = "What happens to the copy when this object is deleted."},
};

static const struct schema spec = {SCHEMA(spec_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_TEXT("kubeconfigSecretRef", "The Secret that the kubeconfig came from."),
	ROW_TEXT("kubeconfigSecretKey", "The entry of that Secret."),
	ROW_TEXT("sourceSecretRef", "The Secret that was copied."),
	ROW_TEXT("targetSecretRef", "Name of the copy."),
	ROW_TEXT("targetNamespace", "Namespace of the copy."),
	ROW_TEXT("secretType", "Type of the copy."),
	ROW_TEXT("secretHash", "SHA-256 of the copied content."),
	ROW_TIME("lastAttemptTime", "When something was last tried."),
	ROW_TIME("lastSyncTime", "When the copy was last brought in line."),
	ROW_TEXT("lastError", "Why the last attempt failed; empty after a success."),
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Source", "string", ".spec.sourceSecretRef.name", "The Secret that is copied.", 0},
	{"Target", "string", ".spec.targetSecretRef.name", "Name of the copy.", 0},
	{"Namespace", "string", ".spec.targetSecretRef.namespace", "Namespace of the copy.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	{"Synced", "date", ".status.lastSyncTime", "When the copy was last brought in line.", 1},
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"oss", NULL};

const struct kind KIND_SECRET_SYNC = {
	.name = "OmniSecretSync",
	.plural = "omnisecretsyncs",
	.singular = "omnisecretsync",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.doc = "A copy of a Secret of the management cluster in a workload cluster.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniSecretSync\n"
		   "metadata:\n"
		   "  name: prod-registry\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  kubeconfigSecretRef:\n"
		   "    name: prod-kubeconfig\n"
		   "  sourceSecretRef:\n"
		   "    name: registry-credentials\n"
		   "  targetSecretRef:\n"
		   "    name: registry-credentials\n"
		   "    namespace: default\n"
		   "  deletionPolicy: Delete\n",
};
