/* The table of Omni's resource types (Omni 1.9 to 1.10; the install disk type and a few status fields are newer). */
#include "render/omni_types.h"

#include <ctype.h>
#include <strings.h>

#include "base/cleanup.h"

#define STRING(key, proto, n) {key, proto, n, SPEC_STRING, false, NULL}
#define STRINGS(key, proto, n) {key, proto, n, SPEC_STRING, true, NULL}
#define BOOL(key, proto, n) {key, proto, n, SPEC_BOOL, false, NULL}
#define NUMBER(key, proto, n, kind) {key, proto, n, kind, false, NULL}
#define UINT32(key, proto, n) NUMBER(key, proto, n, SPEC_UINT32)
#define ENUM(key, proto, n) NUMBER(key, proto, n, SPEC_ENUM)
#define BYTES(key, proto, n) {key, proto, n, SPEC_BYTES, false, NULL}
#define MAP(key, proto, n) {key, proto, n, SPEC_MAP, false, NULL}
#define ONE(key, proto, n, type) {key, proto, n, SPEC_MESSAGE, false, &message_##type}
#define MANY(key, proto, n, type) {key, proto, n, SPEC_MESSAGE, true, &message_##type}

#define MESSAGE(type, ...)                                                                                             \
	static const struct spec_field fields_##type[] = {__VA_ARGS__};                                                \
	static const struct spec_message message_##type = {#type, fields_##type, COUNT_OF(fields_##type)}
#define EMPTY_MESSAGE(type) static const struct spec_message message_##type = {#type, NULL, 0}

/* --- shared parts --------------------------------------------------------------------------------------------------- */

MESSAGE(Duration, NUMBER("seconds", "seconds", 1, SPEC_INT64), NUMBER("nanos", "nanos", 2, SPEC_INT32));
MESSAGE(Timestamp, NUMBER("seconds", "seconds", 1, SPEC_INT64), NUMBER("nanos", "nanos", 2, SPEC_INT32));
MESSAGE(Machines, UINT32("total", "total", 1), UINT32("healthy", "healthy", 2), UINT32("connected", "connected", 3),
	UINT32("requested", "requested", 4));
MESSAGE(MachineAllocation, STRING("name", "name", 1), UINT32("machinecount", "machine_count", 2),
	ENUM("allocationtype", "allocation_type", 3));
MESSAGE(MetaValue, UINT32("key", "key", 1), STRING("value", "value", 2));

/* --- what users write ----------------------------------------------------------------------------------------------- */

MESSAGE(Features, BOOL("enableworkloadproxy", "enable_workload_proxy", 1), BOOL("diskencryption", "disk_encryption", 2),
	BOOL("useembeddeddiscoveryservice", "use_embedded_discovery_service", 3),
	BOOL("enablenodeauditskip", "enable_node_audit_skip", 4),
	BOOL("disablepublicdiscoveryservice", "disable_public_discovery_service", 5));
MESSAGE(EtcdBackupConf, ONE("interval", "interval", 1, Duration), BOOL("enabled", "enabled", 2));
MESSAGE(ClusterSpec, STRING("kubernetesversion", "kubernetes_version", 2), STRING("talosversion", "talos_version", 3),
	ONE("features", "features", 4, Features), ONE("backupconfiguration", "backup_configuration", 5, EtcdBackupConf));

MESSAGE(RollingUpdateStrategyConfig, UINT32("maxparallelism", "max_parallelism", 1));
MESSAGE(UpdateStrategyConfig, ONE("rolling", "rolling", 1, RollingUpdateStrategyConfig));
MESSAGE(BootstrapSpec, STRING("clusteruuid", "cluster_uuid", 1), STRING("snapshot", "snapshot", 2));
MESSAGE(MachineSetSpec, ENUM("updatestrategy", "update_strategy", 1), ONE("machineclass", "machine_class", 2, MachineAllocation),
	ONE("bootstrapspec", "bootstrap_spec", 3, BootstrapSpec), ENUM("deletestrategy", "delete_strategy", 4),
	ONE("updatestrategyconfig", "update_strategy_config", 5, UpdateStrategyConfig),
	ONE("deletestrategyconfig", "delete_strategy_config", 6, UpdateStrategyConfig),
	ONE("machineallocation", "machine_allocation", 7, MachineAllocation), ENUM("upgradestrategy", "upgrade_strategy", 8),
	ONE("upgradestrategyconfig", "upgrade_strategy_config", 9, UpdateStrategyConfig));

EMPTY_MESSAGE(MachineSetNodeSpec);
EMPTY_MESSAGE(MachineLabelsSpec);
MESSAGE(ConfigPatchSpec, STRING("data", "data", 1), BYTES("compresseddata", "compressed_data", 2));
MESSAGE(KubernetesManifestGroupSpec, BYTES("compresseddata", "compressed_data", 1), STRING("data", "data", 2),
	ENUM("mode", "mode", 4));
MESSAGE(KubernetesHealthCheckSpec, STRING("job", "job", 1), ONE("interval", "interval", 2, Duration));
MESSAGE(ExtensionsConfigurationSpec, STRINGS("extensions", "extensions", 1));
MESSAGE(KernelArgsSpec, STRINGS("args", "args", 1));
MESSAGE(MachineInstallDiskConfigSpec, STRING("diskselector", "disk_selector", 1), STRING("disk", "disk", 2));
MESSAGE(Provision, STRING("providerid", "provider_id", 1), STRINGS("kernelargs", "kernel_args", 2),
	MANY("metavalues", "meta_values", 3, MetaValue), STRING("providerdata", "provider_data", 4),
	ENUM("grpctunnel", "grpc_tunnel", 5));
MESSAGE(MachineClassSpec, STRINGS("matchlabels", "match_labels", 1), ONE("autoprovision", "auto_provision", 2, Provision));
MESSAGE(MachineRequestSetSpec, STRING("providerid", "provider_id", 1), NUMBER("machinecount", "machine_count", 2, SPEC_INT32),
	STRING("talosversion", "talos_version", 3), STRINGS("extensions", "extensions", 5),
	STRINGS("kernelargs", "kernel_args", 6), MANY("metavalues", "meta_values", 7, MetaValue),
	STRING("providerdata", "provider_data", 8), ENUM("grpctunnel", "grpc_tunnel", 9));
MESSAGE(EtcdManualBackupSpec, ONE("backupat", "backup_at", 1, Timestamp));

/* --- what Omni reports ---------------------------------------------------------------------------------------------- */

MESSAGE(ClusterStatusSpec, BOOL("available", "available", 1), ONE("machines", "machines", 2, Machines),
	ENUM("phase", "phase", 3), BOOL("ready", "ready", 4), BOOL("kubernetesapiready", "kubernetesAPIReady", 5),
	BOOL("controlplaneready", "controlplaneReady", 6),
	BOOL("hasconnectedcontrolplanes", "has_connected_control_planes", 7),
	BOOL("useembeddeddiscoveryservice", "use_embedded_discovery_service", 8),
	STRING("talosversion", "talos_version", 9), STRING("kubernetesversion", "kubernetes_version", 10));
MESSAGE(MachineSetStatusSpec, ENUM("phase", "phase", 1), BOOL("ready", "ready", 2), STRING("error", "error", 3),
	ONE("machines", "machines", 4, Machines), STRING("confighash", "config_hash", 5),
	ONE("machineallocation", "machine_allocation", 6, MachineAllocation),
	UINT32("lockedupdates", "locked_updates", 7));
MESSAGE(ProvisionStatus, STRING("providerid", "provider_id", 1), STRING("requestid", "request_id", 2));
MESSAGE(ClusterMachineStatusSpec, BOOL("ready", "ready", 1), ENUM("stage", "stage", 2),
	BOOL("configuptodate", "config_up_to_date", 4), STRING("lastconfigerror", "last_config_error", 5),
	STRING("managementaddress", "management_address", 6), ENUM("configapplystatus", "config_apply_status", 7),
	BOOL("isremoved", "is_removed", 8), ONE("provisionstatus", "provision_status", 9, ProvisionStatus));
MESSAGE(Condition, ENUM("type", "type", 1), STRING("reason", "reason", 2), ENUM("status", "status", 3),
	ENUM("severity", "severity", 4));
MESSAGE(ControlPlaneStatusSpec, MANY("conditions", "conditions", 1, Condition));
MESSAGE(LoadBalancerStatusSpec, BOOL("healthy", "healthy", 3), BOOL("stopped", "stopped", 4));
MESSAGE(KubernetesUpgradeStatusSpec, ENUM("phase", "phase", 1), STRING("error", "error", 2), STRING("step", "step", 3),
	STRING("status", "status", 4), STRING("lastupgradeversion", "last_upgrade_version", 5),
	STRINGS("upgradeversions", "upgrade_versions", 6), STRING("currentupgradeversion", "current_upgrade_version", 7));
MESSAGE(TalosUpgradeStatusSpec, ENUM("phase", "phase", 1), STRING("error", "error", 2), STRING("step", "step", 3),
	STRING("status", "status", 4), STRING("lastupgradeversion", "last_upgrade_version", 5),
	STRING("currentupgradeversion", "current_upgrade_version", 6), STRINGS("upgradeversions", "upgrade_versions", 7));
MESSAGE(MachineStatusSpec, STRING("talosversion", "talos_version", 1), STRING("lasterror", "last_error", 4),
	STRING("managementaddress", "management_address", 5), BOOL("connected", "connected", 6),
	BOOL("maintenance", "maintenance", 7), STRING("cluster", "cluster", 9), ENUM("role", "role", 10),
	STRING("initialtalosversion", "initial_talos_version", 16), ENUM("powerstate", "power_state", 20),
	STRING("kernelcmdline", "kernel_cmdline", 22));
MESSAGE(KernelArgsStatusSpec, STRINGS("args", "args", 1), STRINGS("currentargs", "current_args", 2),
	STRINGS("unmetconditions", "unmet_conditions", 3), STRING("currentcmdline", "current_cmdline", 4));
MESSAGE(TalosVersionSpec, STRING("version", "version", 1),
	STRINGS("compatiblekubernetesversions", "compatible_kubernetes_versions", 2), BOOL("deprecated", "deprecated", 3),
	STRINGS("upgradabletalosversions", "upgradable_talos_versions", 4), BOOL("unsupported", "unsupported", 5));
MESSAGE(KubernetesVersionSpec, STRING("version", "version", 1));
MESSAGE(SiderolinkSpec, STRING("nodesubnet", "node_subnet", 1), STRING("nodepublickey", "node_public_key", 2),
	STRING("lastendpoint", "last_endpoint", 3), BOOL("connected", "connected", 4),
	STRING("virtualaddrport", "virtual_addrport", 7), STRING("remoteaddr", "remote_addr", 8));
MESSAGE(SysVersionSpec, STRING("backendversion", "backend_version", 1), STRING("instancename", "instance_name", 2),
	UINT32("backendapiversion", "backend_api_version", 3));

/* --- types ---------------------------------------------------------------------------------------------------------- */

enum { TEMPLATE = OMNI_USER | OMNI_TEMPLATE, RAW = OMNI_USER | OMNI_RAW };

enum {
	CLUSTER, EXTENSIONS, CONFIG_PATCH, INSTALL_DISK, MANIFEST_GROUP, HEALTH_CHECK, MACHINE_SET, MACHINE_SET_NODE, KERNEL_ARGS,
	MACHINE_CLASS, MACHINE_LABELS, MACHINE_REQUEST_SET, ETCD_MANUAL_BACKUP, LINK, CLUSTER_STATUS, MACHINE_STATUS, FIRST_OTHER,
};

#define TYPE(name, ns, message, flags, order) {name ".omni.sidero.dev", ns, &message_##message, flags, order}

static const struct omni_type types[] = {
	[CLUSTER] = TYPE("Clusters", "default", ClusterSpec, TEMPLATE, 1),
	[EXTENSIONS] = TYPE("ExtensionsConfigurations", "default", ExtensionsConfigurationSpec, TEMPLATE, 2),
	[CONFIG_PATCH] = TYPE("ConfigPatches", "default", ConfigPatchSpec, TEMPLATE | OMNI_CONTENT, 3),
	[INSTALL_DISK] = TYPE("MachineInstallDiskConfigs", "default", MachineInstallDiskConfigSpec, TEMPLATE, 4),
	[MANIFEST_GROUP] = TYPE("KubernetesManifestGroups", "default", KubernetesManifestGroupSpec,
				TEMPLATE | OMNI_CONTENT, 5),
	[HEALTH_CHECK] = TYPE("KubernetesHealthChecks", "default", KubernetesHealthCheckSpec, TEMPLATE, 6),
	[MACHINE_SET] = TYPE("MachineSets", "default", MachineSetSpec, TEMPLATE, 7),
	[MACHINE_SET_NODE] = TYPE("MachineSetNodes", "default", MachineSetNodeSpec, TEMPLATE, 8),
	[KERNEL_ARGS] = TYPE("KernelArgs", "default", KernelArgsSpec, TEMPLATE, 9),
	[MACHINE_CLASS] = TYPE("MachineClasses", "default", MachineClassSpec, RAW, 0),
	[MACHINE_LABELS] = TYPE("MachineLabels", "default", MachineLabelsSpec, RAW, 0),
	[MACHINE_REQUEST_SET] = TYPE("MachineRequestSets", "default", MachineRequestSetSpec, RAW, 0),
	[ETCD_MANUAL_BACKUP] = TYPE("EtcdManualBackups", "ephemeral", EtcdManualBackupSpec, OMNI_USER, 0),
	[LINK] = TYPE("Links", "default", SiderolinkSpec, 0, 0),
	[CLUSTER_STATUS] = TYPE("ClusterStatuses", "default", ClusterStatusSpec, 0, 0),
	[MACHINE_STATUS] = TYPE("MachineStatuses", "default", MachineStatusSpec, 0, 0),
	[FIRST_OTHER] = TYPE("MachineSetStatuses", "default", MachineSetStatusSpec, 0, 0),
	TYPE("ClusterMachineStatuses", "default", ClusterMachineStatusSpec, 0, 0),
	TYPE("ControlPlaneStatuses", "default", ControlPlaneStatusSpec, 0, 0),
	TYPE("LoadBalancerStatuses", "default", LoadBalancerStatusSpec, 0, 0),
	TYPE("KubernetesUpgradeStatuses", "default", KubernetesUpgradeStatusSpec, 0, 0),
	TYPE("TalosUpgradeStatuses", "default", TalosUpgradeStatusSpec, 0, 0),
	TYPE("KernelArgsStatuses", "default", KernelArgsStatusSpec, 0, 0),
	TYPE("TalosVersions", "default", TalosVersionSpec, 0, 0),
	TYPE("KubernetesVersions", "default", KubernetesVersionSpec, 0, 0),
	{"SysVersions.system.sidero.dev", "ephemeral", &message_SysVersionSpec, 0, 0},
};

const struct omni_type *const OMNI_CLUSTER = &types[CLUSTER], *const OMNI_MACHINE_SET = &types[MACHINE_SET],
			     *const OMNI_MACHINE_SET_NODE = &types[MACHINE_SET_NODE],
			     *const OMNI_CONFIG_PATCH = &types[CONFIG_PATCH],
			     *const OMNI_MANIFEST_GROUP = &types[MANIFEST_GROUP],
			     *const OMNI_HEALTH_CHECK = &types[HEALTH_CHECK], *const OMNI_EXTENSIONS = &types[EXTENSIONS],
			     *const OMNI_KERNEL_ARGS = &types[KERNEL_ARGS], *const OMNI_INSTALL_DISK = &types[INSTALL_DISK],
			     *const OMNI_MACHINE_CLASS = &types[MACHINE_CLASS], *const OMNI_LINK = &types[LINK],
			     *const OMNI_CLUSTER_STATUS = &types[CLUSTER_STATUS],
			     *const OMNI_MACHINE_STATUS = &types[MACHINE_STATUS];

const struct omni_type *omni_type_at(size_t index)
{
	return index < COUNT_OF(types) ? &types[index] : NULL;
}

const struct omni_type *omni_type_find(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (span_is(name, types[i].name))
			return &types[i];
	return NULL;
}

/* Is `word` (any case) the type's short name in the plural or the singular, its initials, or its whole name? */
static bool is_called(const struct omni_type *type, struct span word)
{
	struct span whole = span_of(type->name), plural = span_before(whole, '.');
	char initials[8], singular[64];
	size_t count = 0, len = plural.len < sizeof singular ? plural.len : sizeof singular - 1;
	for (size_t i = 0; i < plural.len && count < sizeof initials; i++)
		if (isupper((unsigned char)plural.ptr[i]))
			initials[count++] = plural.ptr[i];
	memcpy(singular, plural.ptr, len);
	if (span_ends(plural, "sses") || span_ends(plural, "ches") || span_ends(plural, "uses"))
		len -= 2;
	else if (span_ends(plural, "s") && !span_is(plural, "KernelArgs") && !span_is(plural, "MachineLabels"))
		len -= 1;
	const struct span names[] = {whole, plural, {singular, len}, {initials, count}};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].len == word.len && strncasecmp(names[i].ptr, word.ptr, word.len) == 0)
			return true;
	return false;
}

const struct omni_type *omni_type_guess(struct span name)
{
	const struct omni_type *found = NULL;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (!is_called(&types[i], name))
			continue;
		if (found != NULL) /* initials may be shared: then the type that users write */
			return (found->flags & OMNI_USER) != 0 && (types[i].flags & OMNI_USER) == 0 ? found : NULL;
		found = &types[i];
	}
	return found;
}
