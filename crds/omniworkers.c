#include "crds/kinds.h"
#include "crds/shared.h"

static const struct rule set_name_rules[] = {
	{"self != 'control-planes'", "workerSetName is reserved by Omni", CHECK_RESERVED_NAME},
	{0},
};

/* The template prints the set's name first; it is made from workerSetName or metadata.name by the assembler. */
static const struct field spec_rows[] = {
	ROW_CLUSTER_REF,
	{.name = "workerSetName", .type = FIELD_STRING, .pattern = &PATTERN_OMNI_NAME, .rules = set_name_rules,
	 .doc = "Name of the worker set in Omni, without the cluster's name in front; metadata.name when absent. It "
		"cannot be changed: the old set would be torn down and its machines wiped."},
	ROW_LABELS("Labels of the machine set in Omni."),
	ROW_ANNOTATIONS("Annotations of the machine set in Omni."),
	ROW_MACHINES,
	ROW_MACHINE_CLASS,
	{.name = "updateStrategy", .type = FIELD_OBJECT, .sub = &SCHEMA_UPDATE_STRATEGY, .flags = FIELD_IN_TEMPLATE,
	 .doc = "How configuration changes roll through the set."},
	{.name = "upgradeStrategy", .type = FIELD_OBJECT, .sub = &SCHEMA_UPDATE_STRATEGY, .flags = FIELD_IN_TEMPLATE,
	 .doc = "How Talos upgrades roll through the set."},
	{.name = "deleteStrategy", .type = FIELD_OBJECT, .sub = &SCHEMA_UPDATE_STRATEGY, .flags = FIELD_IN_TEMPLATE,
	 .doc = "How machines leave the set when it shrinks."},
	ROW_PATCHES("Talos configuration patches for the machines of the set."),
	ROW_SYSTEM_EXTENSIONS("Talos system extensions for the machines of the set."),
	ROW_KERNEL_ARGS("Kernel arguments for the machines of the set. Only with machines."),
};

static const struct schema spec = {SCHEMA(spec_rows), .rules = RULES_MACHINE_SET};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("clusterRef", "The OmniCluster that the object belongs to."),
	ROW_TEXT("workerSetName", "Name of the worker set in Omni."),
	ROW_LAST_ERROR,
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

#define SET_NAME(object)                                                                                               \
	"(has(" object ".spec.workerSetName) ? " object ".spec.workerSetName : " object ".metadata.name)"

static const struct rule rules[] = {
	{SET_NAME("self") " == " SET_NAME("oldSelf"),
	 "workerSetName is immutable: the old worker set would be torn down and its machines wiped", CHECK_TRANSITION},
	/* The Go operator's admission lets this through, but can never render it. */
	{NULL, "the name control-planes is reserved by Omni: set spec.workerSetName", CHECK_RESERVED_OBJECT},
	{0},
};

static const struct printer_column columns[] = {
	COLUMN_CLUSTER,
	{"Set", "string", ".status.workerSetName", "Name of the worker set in Omni.", 0},
	{"Class", "string", ".spec.machineClass.name", "Machine class that the machines come from.", 0},
	{"Size", "string", ".spec.machineClass.size", "Machines to take from the class.", 0},
	COLUMN_CONDITION("Accepted"),
	COLUMN_REASON("Accepted"),
	COLUMN_MESSAGE("Accepted"),
	{"Error", "string", ".status.lastError.message", "The first error of the object.", 1},
	COLUMN_AGE,
};

static const char *const short_names[] = {"ow", NULL};

const struct kind KIND_WORKERS = {
	.name = "OmniWorkers",
	.plural = "omniworkers",
	.singular = "omniworkers",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.rules = rules,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.template_kind = "Workers",
	.doc = "One set of worker machines of a cluster.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniWorkers\n"
		   "metadata:\n"
		   "  name: prod-workers\n"
		   "spec:\n"
		   "  clusterRef:\n"
		   "    name: prod\n"
		   "  workerSetName: workers\n"
		   "  machineClass:\n"
		   "    name: large\n"
		   "    size: 5\n"
		   "  updateStrategy:\n"
		   "    type: Rolling\n"
		   "    rolling:\n"
		   "      maxParallelism: 2\n",
};
