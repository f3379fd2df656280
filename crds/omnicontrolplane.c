#include "crds/kinds.h"
#include "crds/shared.h"

static const struct field bootstrap_rows[] = {
	{.name = "clusterUUID", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "UUID of the cluster whose etcd backup is restored."},
	{.name = "snapshot", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "Name of the etcd backup to restore."},
};

static const struct schema bootstrap = {SCHEMA(bootstrap_rows)};

static const struct field spec_rows[] = {
	ROW_CLUSTER_REF,
	ROW_LABELS("Labels of the machine set in Omni."),
	ROW_ANNOTATIONS("Annotations of the machine set in Omni."),
	ROW_MACHINES,
	ROW_MACHINE_CLASS,
	{.name = "bootstrapSpec", .type = FIELD_OBJECT, .sub = &bootstrap, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Start the control plane from an etcd backup. Cannot be changed once the cluster exists."},
	ROW_PATCHES("Talos configuration patches for the control plane machines."),
	ROW_SYSTEM_EXTENSIONS("Talos system extensions for the control plane machines."),
	ROW_KERNEL_ARGS("Kernel arguments for the control plane machines. Only with machines."),
};

static const struct schema spec = {SCHEMA(spec_rows), .rules = RULES_MACHINE_SET};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_LAST_ERROR,
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Class", "string", ".spec.machineClass.name", "Machine class that the machines come from.", 0},
	{"Size", "string", ".spec.machineClass.size", "Machines to take from the class.", 0},
	COLUMN_CONDITION("Accepted"),
	COLUMN_REASON("Accepted"),
	COLUMN_MESSAGE("Accepted"),
	{"Error", "string", ".status.lastError.message", "The first error of the object.", 1},
	COLUMN_AGE,
};

static const char *const short_names[] = {"ocp", NULL};

const struct kind KIND_CONTROL_PLANE = {
	.name = "OmniControlPlane",
	.plural = "omnicontrolplanes",
	.singular = "omnicontrolplane",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.template_kind = "ControlPlane",
	.doc = "The control plane machines of a cluster; every cluster has exactly one.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniControlPlane\n"
		   "metadata:\n"
		   "  name: prod-control-plane\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  machineClass:\n"
		   "    name: small\n"
		   "    size: 3\n",
};
