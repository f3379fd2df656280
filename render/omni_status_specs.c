/* The specs of what Omni reports: only the fields that are shown or looked at. */
#include "render/omni_specs.h"

static const struct spec_field machines_fields[] = {
	FIELD_UINT32("total", "total", 1),
	FIELD_UINT32("healthy", "healthy", 2),
	FIELD_UINT32("connected", "connected", 3),
	FIELD_UINT32("requested", "requested", 4),
};
static const struct spec_message machines = SPEC(machines_fields, "Machines");

static const struct spec_field cluster_status_spec_fields[] = {
	FIELD_BOOL("available", "available", 1),
	FIELD_MESSAGE("machines", "machines", 2, machines),
	FIELD_ENUM("phase", "phase", 3),
	FIELD_BOOL("ready", "ready", 4),
	FIELD_BOOL("kubernetesapiready", "kubernetesAPIReady", 5),
	FIELD_BOOL("controlplaneready", "controlplaneReady", 6),
	FIELD_BOOL("hasconnectedcontrolplanes", "has_connected_control_planes", 7),
	FIELD_BOOL("useembeddeddiscoveryservice", "use_embedded_discovery_service", 8),
	FIELD_STRING("talosversion", "talos_version", 9),
	FIELD_STRING("kubernetesversion", "kubernetes_version", 10),
	FIELD_BOOL("disablepublicdiscoveryservice", "disable_public_discovery_service", 11),
	FIELD_STRING("initialtalosversion", "initial_talos_version", 12),
};
const struct spec_message omni_cluster_status_spec = SPEC(cluster_status_spec_fields, "ClusterStatusSpec");

static const struct spec_field machine_set_status_spec_fields[] = {
	FIELD_ENUM("phase", "phase", 1),
	FIELD_BOOL("ready", "ready", 2),
	FIELD_STRING("error", "error", 3),
	FIELD_MESSAGE("machines", "machines", 4, machines),
	FIELD_STRING("confighash", "config_hash", 5),
	FIELD_MESSAGE("machineallocation", "machine_allocation", 6, omni_machine_allocation),
	FIELD_UINT32("lockedupdates", "locked_updates", 7),
};
const struct spec_message omni_machine_set_status_spec = SPEC(machine_set_status_spec_fields, "MachineSetStatusSpec");

static const struct spec_field provision_status_fields[] = {
	FIELD_STRING("providerid", "provider_id", 1),
	FIELD_STRING("requestid", "request_id", 2),
};
static const struct spec_message provision_status = SPEC(provision_status_fields, "ProvisionStatus");

static const struct spec_field cluster_machine_status_spec_fields[] = {
	FIELD_BOOL("ready", "ready", 1),
	FIELD_ENUM("stage", "stage", 2),
	FIELD_BOOL("configuptodate", "config_up_to_date", 4),
	FIELD_STRING("lastconfigerror", "last_config_error", 5),
	FIELD_STRING("managementaddress", "management_address", 6),
	FIELD_ENUM("configapplystatus", "config_apply_status", 7),
	FIELD_BOOL("isremoved", "is_removed", 8),
	FIELD_MESSAGE("provisionstatus", "provision_status", 9, provision_status),
};
const struct spec_message omni_cluster_machine_status_spec = SPEC(cluster_machine_status_spec_fields, "ClusterMachineStatusSpec");

static const struct spec_field control_plane_condition_fields[] = {
	FIELD_ENUM("type", "type", 1),
	FIELD_STRING("reason", "reason", 2),
	FIELD_ENUM("status", "status", 3),
	FIELD_ENUM("severity", "severity", 4),
};
static const struct spec_message control_plane_condition = SPEC(control_plane_condition_fields, "ControlPlaneCondition");

static const struct spec_field control_plane_status_spec_fields[] = {
	FIELD_MESSAGES("conditions", "conditions", 1, control_plane_condition),
};
const struct spec_message omni_control_plane_status_spec = SPEC(control_plane_status_spec_fields, "ControlPlaneStatusSpec");

static const struct spec_field load_balancer_status_spec_fields[] = {
	FIELD_BOOL("healthy", "healthy", 3),
	FIELD_BOOL("stopped", "stopped", 4),
};
const struct spec_message omni_load_balancer_status_spec = SPEC(load_balancer_status_spec_fields, "LoadBalancerStatusSpec");

static const struct spec_field kubernetes_upgrade_status_spec_fields[] = {
	FIELD_ENUM("phase", "phase", 1),
	FIELD_STRING("error", "error", 2),
	FIELD_STRING("step", "step", 3),
	FIELD_STRING("status", "status", 4),
	FIELD_STRING("lastupgradeversion", "last_upgrade_version", 5),
	FIELD_STRINGS("upgradeversions", "upgrade_versions", 6),
	FIELD_STRING("currentupgradeversion", "current_upgrade_version", 7),
};
const struct spec_message omni_kubernetes_upgrade_status_spec = SPEC(kubernetes_upgrade_status_spec_fields, "KubernetesUpgradeStatusSpec");

static const struct spec_field talos_upgrade_status_spec_fields[] = {
	FIELD_ENUM("phase", "phase", 1),
	FIELD_STRING("error", "error", 2),
	FIELD_STRING("step", "step", 3),
	FIELD_STRING("status", "status", 4),
	FIELD_STRING("lastupgradeversion", "last_upgrade_version", 5),
	FIELD_STRING("currentupgradeversion", "current_upgrade_version", 6),
	FIELD_STRINGS("upgradeversions", "upgrade_versions", 7),
};
const struct spec_message omni_talos_upgrade_status_spec = SPEC(talos_upgrade_status_spec_fields, "TalosUpgradeStatusSpec");

static const struct spec_field kubernetes_health_check_status_spec_fields[] = {
	FIELD_ENUM("state", "state", 1),
	FIELD_STRING("error", "error", 2),
	FIELD_STRING("output", "output", 3),
	FIELD_STRING("jobnamespace", "job_namespace", 4),
	FIELD_STRING("jobname", "job_name", 5),
};
const struct spec_message omni_kubernetes_health_check_status_spec = SPEC(kubernetes_health_check_status_spec_fields, "KubernetesHealthCheckStatusSpec");

static const struct spec_field kernel_args_status_spec_fields[] = {
	FIELD_STRINGS("args", "args", 1),
	FIELD_STRINGS("currentargs", "current_args", 2),
	FIELD_STRINGS("unmetconditions", "unmet_conditions", 3),
	FIELD_STRING("currentcmdline", "current_cmdline", 4),
};
const struct spec_message omni_kernel_args_status_spec = SPEC(kernel_args_status_spec_fields, "KernelArgsStatusSpec");

static const struct spec_field install_disk_fields[] = {
	FIELD_STRING("devpath", "dev_path", 1),
	FIELD_BOOL("selectable", "selectable", 2),
	FIELD_STRING("skipreason", "skip_reason", 3),
	FIELD_STRINGS("members", "members", 4),
};
static const struct spec_message install_disk = SPEC(install_disk_fields, "InstallDisk");

static const struct spec_field machine_install_disk_status_spec_fields[] = {
	FIELD_STRING("disk", "disk", 1),
	FIELD_MESSAGES("disks", "disks", 2, install_disk),
	FIELD_STRING("message", "message", 3),
	FIELD_STRING("selectionhash", "selection_hash", 4),
};
const struct spec_message omni_machine_install_disk_status_spec = SPEC(machine_install_disk_status_spec_fields, "MachineInstallDiskStatusSpec");

static const struct spec_field processor_fields[] = {
	FIELD_UINT32("corecount", "core_count", 1),
	FIELD_UINT32("threadcount", "thread_count", 2),
	FIELD_UINT32("frequency", "frequency", 3),
	FIELD_STRING("description", "description", 4),
	FIELD_STRING("manufacturer", "manufacturer", 5),
};
static const struct spec_message processor = SPEC(processor_fields, "Processor");

static const struct spec_field memory_module_fields[] = {
	FIELD_UINT32("sizemb", "size_mb", 1),
	FIELD_STRING("description", "description", 2),
};
static const struct spec_message memory_module = SPEC(memory_module_fields, "MemoryModule");

static const struct spec_field block_device_fields[] = {
	FIELD_UINT64("size", "size", 1),
	FIELD_STRING("model", "model", 2),
	FIELD_STRING("linuxname", "linux_name", 3),
	FIELD_STRING("name", "name", 4),
	FIELD_STRING("serial", "serial", 5),
	FIELD_STRING("uuid", "uuid", 7),
	FIELD_STRING("wwid", "wwid", 8),
	FIELD_STRING("type", "type", 9),
	FIELD_STRING("buspath", "bus_path", 10),
	FIELD_BOOL("systemdisk", "system_disk", 11),
	FIELD_BOOL("readonly", "readonly", 12),
	FIELD_STRING("transport", "transport", 13),
};
static const struct spec_message block_device = SPEC(block_device_fields, "BlockDevice");

static const struct spec_field hardware_status_fields[] = {
	FIELD_MESSAGES("processors", "processors", 1, processor),
	FIELD_MESSAGES("memorymodules", "memory_modules", 2, memory_module),
	FIELD_MESSAGES("blockdevices", "blockdevices", 3, block_device),
	FIELD_STRING("arch", "arch", 4),
};
static const struct spec_message hardware_status = SPEC(hardware_status_fields, "HardwareStatus");

static const struct spec_field network_link_fields[] = {
	FIELD_STRING("linuxname", "linux_name", 1),
	FIELD_STRING("hardwareaddress", "hardware_address", 2),
	FIELD_UINT32("speedmbps", "speed_mbps", 3),
	FIELD_BOOL("linkup", "link_up", 4),
	FIELD_STRING("description", "description", 5),
};
static const struct spec_message network_link = SPEC(network_link_fields, "NetworkLink");

static const struct spec_field network_status_fields[] = {
	FIELD_STRING("hostname", "hostname", 1),
	FIELD_STRING("domainname", "domainname", 2),
	FIELD_STRINGS("addresses", "addresses", 3),
	FIELD_STRINGS("defaultgateways", "default_gateways", 4),
	FIELD_MESSAGES("networklinks", "network_links", 5, network_link),
};
static const struct spec_message network_status = SPEC(network_status_fields, "NetworkStatus");

static const struct spec_field platform_metadata_fields[] = {
	FIELD_STRING("platform", "platform", 1),
	FIELD_STRING("hostname", "hostname", 2),
	FIELD_STRING("region", "region", 3),
	FIELD_STRING("zone", "zone", 4),
	FIELD_STRING("instancetype", "instance_type", 5),
	FIELD_STRING("instanceid", "instance_id", 6),
	FIELD_STRING("providerid", "provider_id", 7),
	FIELD_BOOL("spot", "spot", 8),
	FIELD_MAP("tags", "tags", 9),
};
static const struct spec_message platform_metadata = SPEC(platform_metadata_fields, "PlatformMetadata");

static const struct spec_field schematic_initial_state_fields[] = {
	FIELD_STRINGS("extensions", "extensions", 1),
};
static const struct spec_message schematic_initial_state = SPEC(schematic_initial_state_fields, "SchematicInitialState");

static const struct spec_field schematic_fields[] = {
	FIELD_BOOL("invalid", "invalid", 2),
	FIELD_STRINGS("extensions", "extensions", 3),
	FIELD_STRING("initialschematic", "initial_schematic", 4),
	FIELD_STRINGS("kernelargs", "kernel_args", 7),
	FIELD_STRING("fullid", "full_id", 9),
	FIELD_BOOL("inagentmode", "in_agent_mode", 10),
	FIELD_STRING("raw", "raw", 11),
	FIELD_MESSAGE("initialstate", "initial_state", 12, schematic_initial_state),
};
static const struct spec_message schematic = SPEC(schematic_fields, "Schematic");

static const struct spec_field diagnostic_fields[] = {
	FIELD_STRING("id", "id", 1),
	FIELD_STRING("message", "message", 2),
	FIELD_STRINGS("details", "details", 3),
};
static const struct spec_message diagnostic = SPEC(diagnostic_fields, "Diagnostic");

static const struct spec_field security_state_fields[] = {
	FIELD_BOOL("secureboot", "secure_boot", 1),
	FIELD_BOOL("bootedwithuki", "booted_with_uki", 2),
};
static const struct spec_message security_state = SPEC(security_state_fields, "SecurityState");

static const struct spec_field machine_status_spec_fields[] = {
	FIELD_STRING("talosversion", "talos_version", 1),
	FIELD_MESSAGE("hardware", "hardware", 2, hardware_status),
	FIELD_MESSAGE("network", "network", 3, network_status),
	FIELD_STRING("lasterror", "last_error", 4),
	FIELD_STRING("managementaddress", "management_address", 5),
	FIELD_BOOL("connected", "connected", 6),
	FIELD_BOOL("maintenance", "maintenance", 7),
	FIELD_STRING("cluster", "cluster", 9),
	FIELD_ENUM("role", "role", 10),
	FIELD_MESSAGE("platformmetadata", "platform_metadata", 11, platform_metadata),
	FIELD_MAP("imagelabels", "image_labels", 13),
	FIELD_MESSAGE("schematic", "schematic", 14, schematic),
	FIELD_STRING("initialtalosversion", "initial_talos_version", 16),
	FIELD_MESSAGES("diagnostics", "diagnostics", 19, diagnostic),
	FIELD_ENUM("powerstate", "power_state", 20),
	FIELD_MESSAGE("securitystate", "security_state", 21, security_state),
	FIELD_STRING("kernelcmdline", "kernel_cmdline", 22),
	FIELD_STRING("talosversionname", "talos_version_name", 23),
};
const struct spec_message omni_machine_status_spec = SPEC(machine_status_spec_fields, "MachineStatusSpec");

static const struct spec_field talos_version_spec_fields[] = {
	FIELD_STRING("version", "version", 1),
	FIELD_STRINGS("compatiblekubernetesversions", "compatible_kubernetes_versions", 2),
	FIELD_BOOL("deprecated", "deprecated", 3),
	FIELD_STRINGS("upgradabletalosversions", "upgradable_talos_versions", 4),
	FIELD_BOOL("unsupported", "unsupported", 5),
	FIELD_STRING("imagefactoryurl", "image_factory_url", 6),
	FIELD_BOOL("isenterprise", "is_enterprise", 7),
};
const struct spec_message omni_talos_version_spec = SPEC(talos_version_spec_fields, "TalosVersionSpec");

static const struct spec_field kubernetes_version_spec_fields[] = {
	FIELD_STRING("version", "version", 1),
};
const struct spec_message omni_kubernetes_version_spec = SPEC(kubernetes_version_spec_fields, "KubernetesVersionSpec");

static const struct spec_field siderolink_spec_fields[] = {
	FIELD_STRING("nodesubnet", "node_subnet", 1),
	FIELD_STRING("nodepublickey", "node_public_key", 2),
	FIELD_STRING("lastendpoint", "last_endpoint", 3),
	FIELD_BOOL("connected", "connected", 4),
	FIELD_STRING("virtualaddrport", "virtual_addrport", 7),
	FIELD_STRING("remoteaddr", "remote_addr", 8),
};
const struct spec_message omni_siderolink_spec = SPEC(siderolink_spec_fields, "SiderolinkSpec");

static const struct spec_field sys_version_spec_fields[] = {
	FIELD_STRING("backendversion", "backend_version", 1),
	FIELD_STRING("instancename", "instance_name", 2),
	FIELD_UINT32("backendapiversion", "backend_api_version", 3),
};
const struct spec_message omni_sys_version_spec = SPEC(sys_version_spec_fields, "SysVersionSpec");
