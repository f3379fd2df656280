#include "render/omni_types.h"

#include <strings.h>

#include "render/omni_specs.h"

/* In an order in which they can be created: what others refer to comes first. */
enum {
	MACHINE_CLASS,
	MACHINE_REQUEST_SET,
	MACHINE_LABELS,
	CLUSTER,
	EXTENSIONS,
	CONFIG_PATCH,
	INSTALL_DISK,
	MANIFEST_GROUP,
	HEALTH_CHECK,
	MACHINE_SET,
	MACHINE_SET_NODE,
	KERNEL_ARGS,
	ETCD_MANUAL_BACKUP,
	LINK,
	CLUSTER_STATUS,
	MACHINE_STATUS,
};

#define OMNI(name) name ".omni.sidero.dev"
#define TEMPLATE (OMNI_USER | OMNI_TEMPLATE)

static const struct omni_type types[] = {
	[MACHINE_CLASS] = {OMNI("MachineClasses"), "default", &omni_machine_class_spec, OMNI_USER | OMNI_RAW, 0},
	[MACHINE_REQUEST_SET] = {OMNI("MachineRequestSets"), "default", &omni_machine_request_set_spec, OMNI_USER | OMNI_RAW, 0},
	[MACHINE_LABELS] = {OMNI("MachineLabels"), "default", &omni_machine_labels_spec, OMNI_USER | OMNI_RAW, 0},
	[CLUSTER] = {OMNI("Clusters"), "default", &omni_cluster_spec, TEMPLATE, 1},
	[EXTENSIONS] = {OMNI("ExtensionsConfigurations"), "default", &omni_extensions_configuration_spec, TEMPLATE, 2},
	[CONFIG_PATCH] = {OMNI("ConfigPatches"), "default", &omni_config_patch_spec, TEMPLATE | OMNI_CONTENT, 3},
	[INSTALL_DISK] = {OMNI("MachineInstallDiskConfigs"), "default", &omni_machine_install_disk_config_spec, TEMPLATE, 4},
	[MANIFEST_GROUP] = {OMNI("KubernetesManifestGroups"), "default", &omni_kubernetes_manifest_group_spec,
			    TEMPLATE | OMNI_CONTENT, 5},
	[HEALTH_CHECK] = {OMNI("KubernetesHealthChecks"), "default", &omni_kubernetes_health_check_spec, TEMPLATE, 6},
	[MACHINE_SET] = {OMNI("MachineSets"), "default", &omni_machine_set_spec, TEMPLATE, 7},
	[MACHINE_SET_NODE] = {OMNI("MachineSetNodes"), "default", &omni_machine_set_node_spec, TEMPLATE, 8},
	[KERNEL_ARGS] = {OMNI("KernelArgs"), "default", &omni_kernel_args_spec, TEMPLATE, 9},
	[ETCD_MANUAL_BACKUP] = {OMNI("EtcdManualBackups"), "ephemeral", &omni_etcd_manual_backup_spec, OMNI_USER, 0},
	[LINK] = {OMNI("Links"), "default", &omni_siderolink_spec, 0, 0},
	[CLUSTER_STATUS] = {OMNI("ClusterStatuses"), "default", &omni_cluster_status_spec, 0, 0},
	[MACHINE_STATUS] = {OMNI("MachineStatuses"), "default", &omni_machine_status_spec, 0, 0},
	{OMNI("MachineSetStatuses"), "default", &omni_machine_set_status_spec, 0, 0},
	{OMNI("ClusterMachineStatuses"), "default", &omni_cluster_machine_status_spec, 0, 0},
	{OMNI("ControlPlaneStatuses"), "default", &omni_control_plane_status_spec, 0, 0},
	{OMNI("LoadBalancerStatuses"), "default", &omni_load_balancer_status_spec, 0, 0},
	{OMNI("KubernetesUpgradeStatuses"), "default", &omni_kubernetes_upgrade_status_spec, 0, 0},
	{OMNI("TalosUpgradeStatuses"), "default", &omni_talos_upgrade_status_spec, 0, 0},
	{OMNI("KubernetesHealthCheckStatuses"), "default", &omni_kubernetes_health_check_status_spec, 0, 0},
	{OMNI("KernelArgsStatuses"), "default", &omni_kernel_args_status_spec, 0, 0},
	{OMNI("MachineInstallDiskStatuses"), "default", &omni_machine_install_disk_status_spec, 0, 0},
	{OMNI("TalosVersions"), "default", &omni_talos_version_spec, 0, 0},
	{OMNI("KubernetesVersions"), "default", &omni_kubernetes_version_spec, 0, 0},
	{"SysVersions.system.sidero.dev", "ephemeral", &omni_sys_version_spec, 0, 0},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

const struct omni_type *const OMNI_CLUSTER = &types[CLUSTER], *const OMNI_MACHINE_SET = &types[MACHINE_SET],
			      *const OMNI_MACHINE_SET_NODE = &types[MACHINE_SET_NODE],
			      *const OMNI_CONFIG_PATCH = &types[CONFIG_PATCH],
			      *const OMNI_MANIFEST_GROUP = &types[MANIFEST_GROUP],
			      *const OMNI_HEALTH_CHECK = &types[HEALTH_CHECK], *const OMNI_EXTENSIONS = &types[EXTENSIONS],
			      *const OMNI_KERNEL_ARGS = &types[KERNEL_ARGS], *const OMNI_INSTALL_DISK = &types[INSTALL_DISK],
			      *const OMNI_MACHINE_CLASS = &types[MACHINE_CLASS], *const OMNI_LINK = &types[LINK],
			      *const OMNI_CLUSTER_STATUS = &types[CLUSTER_STATUS],
			      *const OMNI_MACHINE_STATUS = &types[MACHINE_STATUS];

const struct omni_type *omni_type_find(struct span name)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (span_is(name, types[i].name))
			return &types[i];
	return NULL;
}

const struct omni_type *omni_type_at(size_t index)
{
	return index < TYPE_COUNT ? &types[index] : NULL;
}

/* --- guessing ------------------------------------------------------------------------------------------------------- */

struct spelling {
	char text[64];
};

/* Lower case, without "-", "_" and what stands behind the first dot. */
static struct spelling plain_name(struct span name)
{
	struct spelling out = {{0}};
	size_t len = 0;
	name = span_before(name, '.');
	for (size_t i = 0; i < name.len && len < sizeof out.text - 1; i++) {
		char c = name.ptr[i];
		if (c != '-' && c != '_')
			out.text[len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	return out;
}

/* "machineclasses" → "machineclass", "configpatches" → "configpatch", "clusters" → "cluster" */
static struct spelling singular(struct spelling plural)
{
	struct span s = span_of(plural.text);
	size_t cut = span_ends(s, "sses") || span_ends(s, "ches") || span_ends(s, "tuses") ? 2 : span_ends(s, "s") ? 1 : 0;
	plural.text[s.len - cut] = '\0';
	return plural;
}

/* "MachineSetNodes" → "msn" */
static struct spelling initials(const char *name)
{
	struct spelling out = {{0}};
	size_t len = 0;
	for (; *name != '\0' && *name != '.'; name++)
		if (*name >= 'A' && *name <= 'Z' && len < sizeof out.text - 1)
			out.text[len++] = (char)(*name - 'A' + 'a');
	return out;
}

static bool is_same(struct spelling a, struct spelling b)
{
	return span_eq(span_of(a.text), span_of(b.text));
}

/* How well a name fits a type: exactly, as short form, as the beginning. */
enum fit { FIT_NONE, FIT_PREFIX, FIT_INITIALS, FIT_NAME };

static enum fit fit_of(struct spelling wanted, const struct omni_type *type)
{
	struct spelling plural = plain_name(span_of(type->name));
	if (is_same(wanted, plural) || is_same(wanted, singular(plural)))
		return FIT_NAME;
	if (is_same(wanted, initials(type->name)))
		return FIT_INITIALS;
	return span_starts(span_of(plural.text), wanted.text) ? FIT_PREFIX : FIT_NONE;
}

const struct omni_type *omni_type_guess(struct span name)
{
	const struct omni_type *best = NULL;
	enum fit best_fit = FIT_NONE;
	bool is_ambiguous = false;
	struct spelling wanted = plain_name(name);
	if (omni_type_find(name) != NULL)
		return omni_type_find(name);
	if (wanted.text[0] == '\0')
		return NULL;
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		enum fit fit = fit_of(wanted, &types[i]);
		size_t behind = span_before(name, '.').len;
		if (fit == FIT_NONE || fit < best_fit ||
		    (behind < name.len && strncasecmp(name.ptr + behind, strchr(types[i].name, '.'), name.len - behind) != 0))
			continue;
		/* What a user may write is meant rather than a status with the same beginning or initials. */
		bool is_user = (types[i].flags & OMNI_USER) != 0, best_is_user = best != NULL && (best->flags & OMNI_USER) != 0;
		if (fit == best_fit && best_is_user && !is_user)
			continue;
		is_ambiguous = fit == best_fit && is_user == best_is_user;
		best = &types[i];
		best_fit = fit;
	}
	return is_ambiguous ? NULL : best;
}

/* How many letters have to be inserted, removed or exchanged. */
static size_t distance(struct spelling a, struct spelling b)
{
	size_t row[sizeof a.text], a_len = strlen(a.text), b_len = strlen(b.text);
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t exchange = diagonal + (a.text[i - 1] != b.text[j - 1]);
			size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = exchange < step ? exchange : step;
		}
	}
	return row[b_len];
}

bool omni_type_is_near(const struct omni_type *type, struct span name)
{
	enum { SLIPS = 3 };
	struct spelling wanted = plain_name(name), plural = plain_name(span_of(type->name));
	if (wanted.text[0] == '\0')
		return false;
	return fit_of(wanted, type) != FIT_NONE || distance(singular(wanted), singular(plural)) < SLIPS;
}
