/* The specs of what users declare. */
#include "render/omni_specs.h"

static const struct spec_field duration_fields[] = {
	FIELD_INT64("seconds", "seconds", 1),
	FIELD_INT32("nanos", "nanos", 2),
};
static const struct spec_message duration = SPEC(duration_fields, "Duration");

static const struct spec_field timestamp_fields[] = {
	FIELD_INT64("seconds", "seconds", 1),
	FIELD_INT32("nanos", "nanos", 2),
};
static const struct spec_message timestamp = SPEC(timestamp_fields, "Timestamp");

static const struct spec_field cluster_features_fields[] = {
	FIELD_BOOL("enableworkloadproxy", "enable_workload_proxy", 1),
	FIELD_BOOL("diskencryption", "disk_encryption", 2),
	FIELD_BOOL("useembeddeddiscoveryservice", "use_embedded_discovery_service", 3),
	FIELD_BOOL("enablenodeauditskip", "enable_node_audit_skip", 4),
	FIELD_BOOL("disablepublicdiscoveryservice", "disable_public_discovery_service", 5),
};
static const struct spec_message cluster_features = SPEC(cluster_features_fields, "ClusterFeatures");

static const struct spec_field etcd_backup_conf_fields[] = {
	FIELD_MESSAGE("interval", "interval", 1, duration),
	FIELD_BOOL("enabled", "enabled", 2),
};
static const struct spec_message etcd_backup_conf = SPEC(etcd_backup_conf_fields, "EtcdBackupConf");

static const struct spec_field cluster_spec_fields[] = {
	FIELD_STRING("kubernetesversion", "kubernetes_version", 2),
	FIELD_STRING("talosversion", "talos_version", 3),
	FIELD_MESSAGE("features", "features", 4, cluster_features),
	FIELD_MESSAGE("backupconfiguration", "backup_configuration", 5, etcd_backup_conf),
};
const struct spec_message omni_cluster_spec = SPEC(cluster_spec_fields, "ClusterSpec");

static const struct spec_field etcd_manual_backup_spec_fields[] = {
	FIELD_MESSAGE("backupat", "backup_at", 1, timestamp),
};
const struct spec_message omni_etcd_manual_backup_spec = SPEC(etcd_manual_backup_spec_fields, "EtcdManualBackupSpec");

static const struct spec_field rolling_update_strategy_config_fields[] = {
	FIELD_UINT32("maxparallelism", "max_parallelism", 1),
};
static const struct spec_message rolling_update_strategy_config = SPEC(rolling_update_strategy_config_fields, "RollingUpdateStrategyConfig");

static const struct spec_field update_strategy_config_fields[] = {
	FIELD_MESSAGE("rolling", "rolling", 1, rolling_update_strategy_config),
};
static const struct spec_message update_strategy_config = SPEC(update_strategy_config_fields, "UpdateStrategyConfig");

static const struct spec_field bootstrap_spec_fields[] = {
	FIELD_STRING("clusteruuid", "cluster_uuid", 1),
	FIELD_STRING("snapshot", "snapshot", 2),
};
static const struct spec_message bootstrap_spec = SPEC(bootstrap_spec_fields, "BootstrapSpec");

static const struct spec_field machine_allocation_fields[] = {
	FIELD_STRING("name", "name", 1),
	FIELD_UINT32("machinecount", "machine_count", 2),
	FIELD_ENUM("allocationtype", "allocation_type", 3),
};
const struct spec_message omni_machine_allocation = SPEC(machine_allocation_fields, "MachineAllocation");

static const struct spec_field machine_set_spec_fields[] = {
	FIELD_ENUM("updatestrategy", "update_strategy", 1),
	FIELD_MESSAGE("machineclass", "machine_class", 2, omni_machine_allocation),
	FIELD_MESSAGE("bootstrapspec", "bootstrap_spec", 3, bootstrap_spec),
	FIELD_ENUM("deletestrategy", "delete_strategy", 4),
	FIELD_MESSAGE("updatestrategyconfig", "update_strategy_config", 5, update_strategy_config),
	FIELD_MESSAGE("deletestrategyconfig", "delete_strategy_config", 6, update_strategy_config),
	FIELD_MESSAGE("machineallocation", "machine_allocation", 7, omni_machine_allocation),
	FIELD_ENUM("upgradestrategy", "upgrade_strategy", 8),
	FIELD_MESSAGE("upgradestrategyconfig", "upgrade_strategy_config", 9, update_strategy_config),
};
const struct spec_message omni_machine_set_spec = SPEC(machine_set_spec_fields, "MachineSetSpec");

const struct spec_message omni_machine_set_node_spec = {"MachineSetNodeSpec", NULL, 0};

static const struct spec_field config_patch_spec_fields[] = {
	FIELD_STRING("data", "data", 1),
	FIELD_BYTES("compresseddata", "compressed_data", 2),
};
const struct spec_message omni_config_patch_spec = SPEC(config_patch_spec_fields, "ConfigPatchSpec");

static const struct spec_field kubernetes_manifest_group_spec_fields[] = {
	FIELD_BYTES("compresseddata", "compressed_data", 1),
	FIELD_STRING("data", "data", 2),
	FIELD_ENUM("mode", "mode", 4),
};
const struct spec_message omni_kubernetes_manifest_group_spec = SPEC(kubernetes_manifest_group_spec_fields, "KubernetesManifestGroupSpec");

static const struct spec_field kubernetes_health_check_spec_fields[] = {
	FIELD_STRING("job", "job", 1),
	FIELD_MESSAGE("interval", "interval", 2, duration),
};
const struct spec_message omni_kubernetes_health_check_spec = SPEC(kubernetes_health_check_spec_fields, "KubernetesHealthCheckSpec");

static const struct spec_field extensions_configuration_spec_fields[] = {
	FIELD_STRINGS("extensions", "extensions", 1),
};
const struct spec_message omni_extensions_configuration_spec = SPEC(extensions_configuration_spec_fields, "ExtensionsConfigurationSpec");

static const struct spec_field kernel_args_spec_fields[] = {
	FIELD_STRINGS("args", "args", 1),
};
const struct spec_message omni_kernel_args_spec = SPEC(kernel_args_spec_fields, "KernelArgsSpec");

static const struct spec_field machine_install_disk_config_spec_fields[] = {
	FIELD_STRING("diskselector", "disk_selector", 1),
	FIELD_STRING("disk", "disk", 2),
};
const struct spec_message omni_machine_install_disk_config_spec = SPEC(machine_install_disk_config_spec_fields, "MachineInstallDiskConfigSpec");

static const struct spec_field meta_value_fields[] = {
	FIELD_UINT32("key", "key", 1),
	FIELD_STRING("value", "value", 2),
};
static const struct spec_message meta_value = SPEC(meta_value_fields, "MetaValue");

static const struct spec_field provision_fields[] = {
	FIELD_STRING("providerid", "provider_id", 1),
	FIELD_STRINGS("kernelargs", "kernel_args", 2),
	FIELD_MESSAGES("metavalues", "meta_values", 3, meta_value),
	FIELD_STRING("providerdata", "provider_data", 4),
	FIELD_ENUM("grpctunnel", "grpc_tunnel", 5),
};
static const struct spec_message provision = SPEC(provision_fields, "Provision");

static const struct spec_field machine_class_spec_fields[] = {
	FIELD_STRINGS("matchlabels", "match_labels", 1),
	FIELD_MESSAGE("autoprovision", "auto_provision", 2, provision),
};
const struct spec_message omni_machine_class_spec = SPEC(machine_class_spec_fields, "MachineClassSpec");

static const struct spec_field machine_request_set_spec_fields[] = {
	FIELD_STRING("providerid", "provider_id", 1),
	FIELD_INT32("machinecount", "machine_count", 2),
	FIELD_STRING("talosversion", "talos_version", 3),
	FIELD_STRINGS("extensions", "extensions", 5),
	FIELD_STRINGS("kernelargs", "kernel_args", 6),
	FIELD_MESSAGES("metavalues", "meta_values", 7, meta_value),
	FIELD_STRING("providerdata", "provider_data", 8),
	FIELD_ENUM("grpctunnel", "grpc_tunnel", 9),
};
const struct spec_message omni_machine_request_set_spec = SPEC(machine_request_set_spec_fields, "MachineRequestSetSpec");

const struct spec_message omni_machine_labels_spec = {"MachineLabelsSpec", NULL, 0};
