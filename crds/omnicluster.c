#include "crds/kinds.h"
#include "crds/shared.h"

/* --- kubernetes --------------------------------------------------------------------------------------------------- */

static const char *const manifest_modes[] = {"one-time", "full", NULL};

static const struct field manifest_rows[] = {
	{.name = "name", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "Name of the group of manifests in Omni; unique within the cluster."},
	{.name = "mode", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS, .dflt = "full",
	 .choices = manifest_modes,
	 .doc = "`full`: Omni keeps the objects as written here and removes what leaves the list. `one-time`: Omni "
		"creates them once and leaves them alone."},
	{.name = "inline", .type = FIELD_LIST, .item = FIELD_ANY, .flags = FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "The Kubernetes objects themselves. Instead of file."},
	{.name = "file", .type = FIELD_STRING, .flags = FIELD_IN_TEMPLATE,
	 .doc = "A file of the tree that holds the objects, relative to the template root. Instead of inline."},
};

static const struct rule manifest_rules[] = {
	{NULL, "a manifest has exactly one source: file or a list inline", CHECK_MANIFEST_SOURCE},
	{0},
};

static const struct alternative manifest_sources[] = {{"file", FIELD_STRING, 1}, {"inline", FIELD_LIST, 1}, {0}};

static const struct schema manifest = {SCHEMA(manifest_rows), .rules = manifest_rules,
				       .alternatives = manifest_sources};

static const struct field kubernetes_rows[] = {
	{.name = "version", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .pattern = &PATTERN_VERSION, .doc = "Kubernetes version, for example `v1.36.1`."},
	{.name = "manifests", .type = FIELD_LIST, .item = FIELD_OBJECT, .sub = &manifest, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Kubernetes objects that Omni puts into the cluster."},
};

static const struct schema kubernetes = {SCHEMA(kubernetes_rows)};

/* --- talos, features ---------------------------------------------------------------------------------------------- */

static const struct field talos_rows[] = {
	{.name = "version", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .pattern = &PATTERN_VERSION, .doc = "Talos version, for example `v1.13.5`."},
};

static const struct schema talos = {SCHEMA(talos_rows)};

static const struct field backup_rows[] = {
	{.name = "interval", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "Time between two etcd backups, for example `1h`."},
};

static const struct schema backup = {SCHEMA(backup_rows)};

static const struct field feature_rows[] = {
	{.name = "enableWorkloadProxy", .type = FIELD_BOOL, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Let Omni expose services of the cluster through its workload proxy."},
	{.name = "useEmbeddedDiscoveryService", .type = FIELD_BOOL, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Use the discovery service inside of Omni instead of the public one."},
	{.name = "diskEncryption", .type = FIELD_BOOL, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Encrypt the disks with keys that Omni keeps. Cannot be changed once the cluster exists."},
	{.name = "backupConfiguration", .type = FIELD_OBJECT, .sub = &backup, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Regular etcd backups."},
};

static const struct schema features = {SCHEMA(feature_rows)};

/* --- what the agent does with the cluster ------------------------------------------------------------------------- */

static const struct field delete_rows[] = {
	{.name = "orphan", .type = FIELD_BOOL, .doc = "Leave the cluster in Omni as it is when this object is deleted."},
	{.name = "destroyMachines", .type = FIELD_BOOL,
	 .doc = "Also remove machines that are disconnected from Omni when the cluster is deleted."},
};

static const struct rule delete_rules[] = {
	{"!(has(self.orphan) && self.orphan && has(self.destroyMachines) && self.destroyMachines)",
	 "orphan and destroyMachines cannot both be true", CHECK_DELETE_POLICY},
	{0},
};

static const struct schema delete_policy = {SCHEMA(delete_rows), .rules = delete_rules};

static const struct rule interval_rules[] = {
	{"duration(self) >= duration('0s')", "syncInterval must not be negative", CHECK_DURATION_NOT_NEGATIVE},
	{0},
};

static const struct field spec_rows[] = {
	{.name = "connectionRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &SCHEMA_FIXED_REFERENCE,
	 .doc = "The OmniConnection to use, in the same namespace. It cannot be changed: the cluster would stay behind "
		"in the old Omni."},
	{.name = "clusterName", .type = FIELD_STRING, .pattern = &PATTERN_OMNI_NAME,
	 .doc = "Name of the cluster in Omni; metadata.name when absent. It cannot be changed: the cluster would stay "
		"behind under its old name."},
	ROW_LABELS("Labels of the cluster in Omni."),
	ROW_ANNOTATIONS("Annotations of the cluster in Omni."),
	{.name = "kubernetes", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .sub = &kubernetes, .doc = "Kubernetes version, and objects to put into the cluster."},
	{.name = "talos", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .sub = &talos, .doc = "Talos version."},
	{.name = "features", .type = FIELD_OBJECT, .flags = FIELD_IN_TEMPLATE, .sub = &features,
	 .doc = "Features of Omni to turn on for the cluster."},
	ROW_PATCHES("Talos configuration patches for every machine of the cluster."),
	ROW_SYSTEM_EXTENSIONS("Talos system extensions for every machine, for example `siderolabs/iscsi-tools`."),
	ROW_KERNEL_ARGS("Kernel arguments for every machine. Only when no machine set uses a machine class."),
	{.name = "templateRoot", .type = FIELD_STRING,
	 .doc = "Directory that `file` entries start from, relative to the root of the tree."},
	{.name = "deletePolicy", .type = FIELD_OBJECT, .sub = &delete_policy,
	 .doc = "What happens in Omni when this object is deleted. By default the cluster is destroyed."},
	{.name = "syncInterval", .type = FIELD_DURATION, .dflt = "5m", .rules = interval_rules,
	 .doc = "How often the cluster is compared with Omni when nothing else gives a reason to."},
	{.name = "suspend", .type = FIELD_BOOL, .doc = "Stop changing the cluster in Omni; deletion still works."},
};

static const struct schema spec = {SCHEMA(spec_rows)};

static const struct field machines_rows[] = {
	ROW_OUR_COUNT("wanted", "Machines that are declared; those of a class without a limit are not counted."),
	ROW_OUR_COUNT("total", "Machines that the cluster has."),
	ROW_OUR_COUNT("healthy", "Machines that are healthy."),
	ROW_OUR_COUNT("connected", "Machines that are connected to Omni."),
	ROW_OUR_TEXT("summary", "Healthy and all of them, for example `4/5`."),
};

static const struct field sets_rows[] = {
	ROW_OUR_COUNT("total", "Machine sets of the cluster."),
	ROW_OUR_COUNT("ready", "Machine sets that are ready."),
};

static const struct field plan_rows[] = {
	ROW_OUR_TEXT("hash", "The plan's name; its first 16 digits approve it."),
	ROW_OUR_TEXT("risk", "The highest risk of its operations."),
	ROW_OUR_COUNT("creates", "Resources that it creates."),
	ROW_OUR_COUNT("updates", "Resources that it updates."),
	ROW_OUR_COUNT("destroys", "Resources that it destroys."),
	ROW_OUR_FLAG("held", "It waits for approval."),
};

static const struct field waiting_rows[] = {
	ROW_OUR_COUNT("resources", "Resources that are being torn down."),
	ROW_OUR_TEXT("for", "The first of them."),
	ROW_OUR_TEXT("heldBy", "Who in Omni does not let go of it."),
	ROW_OUR_TIME("since", "When it last changed."),
};

static const struct schema machines_status = {SCHEMA(machines_rows)};
static const struct schema sets_status = {SCHEMA(sets_rows)};
static const struct schema plan_status = {SCHEMA(plan_rows)};
static const struct schema waiting_status = {SCHEMA(waiting_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("connectionRef", "The OmniConnection that was used."),
	ROW_TEXT("endpoint", "The address of the Omni that was used."),
	ROW_TEXT("clusterName", "Name of the cluster in Omni."),
	ROW_TEXT("templateHash", "SHA-256 of the rendered cluster template."),
	ROW_TIME("lastAttemptTime", "When Omni was last asked and something was new."),
	ROW_TIME("lastSyncTime", "When the cluster was last brought in line."),
	ROW_TEXT("lastSyncOutput", "What was changed in Omni, one operation per line."),
	ROW_TEXT("lastStatusOutput", "What Omni said about the state of the cluster."),
	ROW_TEXT("controlPlaneRef", "The OmniControlPlane of the cluster."),
	ROW_TEXTS("workersRefs", "The OmniWorkers of the cluster, in the order of the template."),
	ROW_TEXTS("machineRefs", "The OmniMachines of the cluster, in the order of the template."),
	ROW_OUR_TEXT("appliedHash", "SHA-256 of the template that was applied last."),
	ROW_OUR_TEXT("appliedRevision", "Revision of the declarations that were applied last."),
	ROW_OUR_TEXT("phase", "What the cluster is doing, as Omni calls it, for example `RUNNING` or `SCALING_UP`."),
	ROW_OUR_OBJECT("machines", &machines_status, "The machines of the cluster, counted."),
	ROW_OUR_OBJECT("machineSets", &sets_status, "The machine sets of the cluster, counted."),
	{.name = "upgrading", .type = FIELD_LIST, .flags = FIELD_OURS, .item = FIELD_STRING,
	 .doc = "What Omni is upgrading: `Talos`, `Kubernetes`. Its step stands in the condition Ready."},
	ROW_OUR_FLAG("locked", "The cluster is locked in Omni."),
	ROW_OUR_OBJECT("plan", &plan_status, "The plan that is held, or under way."),
	ROW_OUR_OBJECT("waiting", &waiting_status, "What Omni is tearing down, and the plan waits for."),
	ROW_LAST_ERROR,
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

/* The name counts, not where it is written: adding `clusterName: prod` to an object called prod changes nothing. */
#define CLUSTER_NAME(object) "(has(" object ".spec.clusterName) ? " object ".spec.clusterName : " object ".metadata.name)"

static const struct rule rules[] = {
	{CLUSTER_NAME("self") " == " CLUSTER_NAME("oldSelf"),
	 "clusterName is immutable: the cluster would stay behind in Omni under its old name", CHECK_TRANSITION},
	{0},
};

static const struct printer_column columns[] = {
	{"Cluster", "string", ".status.clusterName", "Name of the cluster in Omni.", 0},
	{"Kubernetes", "string", ".spec.kubernetes.version", "Kubernetes version that is asked for.", 0},
	{"Talos", "string", ".spec.talos.version", "Talos version that is asked for.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	{"Phase", "string", ".status.phase", "What the cluster is doing, as Omni calls it.", 0},
	{"Machines", "string", ".status.machines.summary", "Healthy machines, and all of them.", 0},
	{"Synced", "date", ".status.lastSyncTime", "When the cluster was last brought in line.", 1},
	{"Revision", "string", ".status.appliedRevision", "Revision that was applied last.", 1},
	{"Plan", "string", ".status.plan.hash", "The plan that is held, or under way.", 1},
	{"Suspended", "boolean", ".spec.suspend", "Is work on the cluster stopped?", 1},
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"ocl", NULL};

const struct kind KIND_CLUSTER = {
	.name = "OmniCluster",
	.plural = "omniclusters",
	.singular = "omnicluster",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.rules = rules,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.template_kind = "Cluster",
	.doc = "One Talos cluster that Omni runs. Its machines are declared by one OmniControlPlane and any number of "
	       "OmniWorkers and OmniMachine objects that refer to it.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniCluster\n"
		   "metadata:\n"
		   "  name: prod\n"
		   "spec:\n"
		   "  connectionRef:\n"
		   "    name: omni\n"
		   "  kubernetes:\n"
		   "    version: v1.36.1\n"
		   "  talos:\n"
		   "    version: v1.13.5\n"
		   "  patches:\n"
		   "    - name: no-cni\n"
		   "      inline:\n"
		   "        cluster:\n"
		   "          network:\n"
		   "            cni:\n"
		   "              name: none\n",
};
