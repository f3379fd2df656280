#include "crds/kinds.h"
#include "crds/shared.h"

static const struct field meta_rows[] = {
	{.name = "key", .type = FIELD_INT64, .flags = FIELD_REQUIRED, .min = 0, .max = UINT32_MAX,
	 .doc = "META key of Talos, for example 10 (0x0a) for the network configuration."},
	{.name = "value", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .doc = "Value of the key."},
};

static const struct schema meta_value = {SCHEMA(meta_rows)};

static const char *const tunnel_modes[] = {"unset", "enabled", "disabled", NULL};

static const struct rule provider_id_rules[] = {RULE_NOT_BLANK("providerID must not be blank"), {0}};
static const struct rule provider_data_rules[] = {
	{NULL, "providerData is text or an object", CHECK_PROVIDER_DATA},
	{0},
};

static const struct field provision_rows[] = {
	{.name = "providerID", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = provider_id_rules,
	 .doc = "The infrastructure provider that makes the machines, for example `proxmox`."},
	{.name = "providerData", .type = FIELD_ANY, .rules = provider_data_rules,
	 .doc = "Settings for the provider: an object, or the text that Omni stores, passed on byte for byte. The "
		"provider announces what it understands."},
	ROW_TEXTS("kernelArgs", "Kernel arguments of the machines."),
	{.name = "grpcTunnel", .type = FIELD_STRING, .dflt = "unset", .choices = tunnel_modes,
	 .doc = "Whether the machines reach Omni through a gRPC tunnel instead of WireGuard over UDP; `unset` leaves it "
		"to Omni's own setting."},
	{.name = "metaValues", .type = FIELD_LIST, .item = FIELD_OBJECT, .sub = &meta_value,
	 .doc = "META values that the machines boot with."},
};

static const struct schema provision = {SCHEMA(provision_rows)};

static const struct field spec_rows[] = {
	{.name = "connectionRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &SCHEMA_FIXED_REFERENCE,
	 .doc = "The OmniConnection to use, in the same namespace. It cannot be changed: the class would stay behind in "
		"the old Omni."},
	{.name = "labels", .type = FIELD_MAP, .doc = "Labels of the machine class in Omni."},
	{.name = "annotations", .type = FIELD_MAP, .doc = "Annotations of the machine class in Omni."},
	{.name = "matchLabels", .type = FIELD_LIST, .item = FIELD_STRING,
	 .doc = "Label selectors, for example `omni.sidero.dev/arch = amd64, omni.sidero.dev/cores >= 8`. A machine "
		"belongs to the class when it fits one of them. Either this or autoProvision is needed."},
	{.name = "autoProvision", .type = FIELD_OBJECT, .sub = &provision,
	 .doc = "Let an infrastructure provider make the machines. Either this or matchLabels is needed."},
};

/* Omni crashes on a class that changes from one way to the other, so that is refused here. */
static const struct rule rules[] = {
	{"(has(self.matchLabels) && self.matchLabels.size() > 0) != has(self.autoProvision)",
	 "exactly one of matchLabels or autoProvision is required", CHECK_CLASS_SELECTION},
	{"has(self.autoProvision) == has(oldSelf.autoProvision)",
	 "a class cannot change between matchLabels and autoProvision: delete it and make a new one", CHECK_TRANSITION},
	{0},
};

static const struct schema spec = {SCHEMA(spec_rows), .rules = rules};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("connectionRef", "The OmniConnection that was used."),
	ROW_TEXT("endpoint", "The address of the Omni that was used."),
	ROW_TIME("lastSyncTime", "When the class was last brought in line."),
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

static const struct printer_column columns[] = {
	{"Connection", "string", ".spec.connectionRef.name", "The OmniConnection it belongs to.", 0},
	{"Provider", "string", ".spec.autoProvision.providerID", "Infrastructure provider of the machines.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"omc", NULL};

const struct kind KIND_MACHINE_CLASS = {
	.name = "OmniMachineClass",
	.plural = "omnimachineclasses",
	.singular = "omnimachineclass",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.is_ours = true,
	.doc = "A machine class of Omni, named as this object: the machines that fit a label selector, or machines that "
	       "an infrastructure provider makes on demand.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniMachineClass\n"
		   "metadata:\n"
		   "  name: large\n"
		   "spec:\n"
		   "  connectionRef:\n"
		   "    name: omni\n"
		   "  autoProvision:\n"
		   "    providerID: proxmox\n"
		   "    providerData:\n"
		   "      cores: 8\n"
		   "      memory: 16384\n"
		   "      disk_size: 100\n"
		   "      storage_selector: name == \"vm_ssd\"\n",
};
