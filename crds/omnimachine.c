#include "crds/kinds.h"
#include "crds/shared.h"

static const struct field install_rows[] = {
	{.name = "disk", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "Disk to install Talos on, for example `/dev/nvme0n1`."},
};

static const struct schema install = {SCHEMA(install_rows)};

static const struct field spec_rows[] = {
	ROW_CLUSTER_REF,
	{.name = "machineID", .type = FIELD_STRING, .max = 45, .pattern = &PATTERN_UUID_OR_EMPTY,
	 .doc = "UUID of the machine, as Omni shows it; metadata.name when absent. It cannot be changed: make another "
		"object for another machine."},
	ROW_LABELS("Labels of the machine's resources in Omni."),
	ROW_ANNOTATIONS("Annotations of the machine's resources in Omni."),
	{.name = "locked", .type = FIELD_BOOL, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Lock the machine: Omni then changes neither its configuration nor its versions. Not possible "
		"for machines of the control plane."},
	{.name = "install", .type = FIELD_OBJECT, .sub = &install, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Where Talos is installed."},
	ROW_PATCHES("Talos configuration patches for this machine."),
	ROW_SYSTEM_EXTENSIONS("Talos system extensions for this machine."),
	ROW_KERNEL_ARGS("Kernel arguments for this machine."),
};

static const struct schema spec = {SCHEMA(spec_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_TEXT("machineID", "UUID of the machine."),
	ROW_LAST_ERROR,
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

#define MACHINE_ID(object)                                                                                             \
	"(has(" object ".spec.machineID) && " object ".spec.machineID != '' ? " object ".spec.machineID : " object     \
	".metadata.name)"

static const struct rule rules[] = {
	{"has(self.spec.machineID) && self.spec.machineID != '' || "
	 "self.metadata.name.matches('^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-z][0-9a-f]{8}"
	 "(-[0-9a-f]{4}){3}-[0-9a-f]{12}[0-9a-z])$')",
	 "machineID must be a UUID; set spec.machineID when metadata.name is not the Omni machine ID", CHECK_MACHINE_ID},
	{MACHINE_ID("self") " == " MACHINE_ID("oldSelf"),
	 "machineID is immutable: make another object for another machine", CHECK_TRANSITION},
	{0},
};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Machine", "string", ".status.machineID", "UUID of the machine.", 0},
	{"Locked", "boolean", ".spec.locked", "Is the machine locked?", 0},
	{"Disk", "string", ".spec.install.disk", "Disk that Talos is installed on.", 1},
	COLUMN_CONDITION("Accepted"),
	COLUMN_REASON("Accepted"),
	COLUMN_MESSAGE("Accepted"),
	{"Error", "string", ".status.lastError.message", "The first error of the object.", 1},
	COLUMN_AGE,
};

static const char *const short_names[] = {"om", NULL};

const struct kind KIND_MACHINE = {
	.name = "OmniMachine",
	.plural = "omnimachines",
	.singular = "omnimachine",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.rules = rules,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.template_kind = "Machine",
	.doc = "Settings of a single machine of a cluster. The machine itself is listed in the machine set.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniMachine\n"
		   "metadata:\n"
		   "  name: 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  install:\n"
		   "    disk: /dev/nvme0n1\n",
};
