/* The tables of fields behind render/omni_types.h, and how a row is written. The key is the name of the field in Omni's
 * YAML, which is its protobuf name in lower case without separators. */
#ifndef RENDER_OMNI_SPECS_H
#define RENDER_OMNI_SPECS_H

#include "render/omni_types.h"

#define FIELD(key, name, number, kind, is_repeated, message) {key, name, number, SPEC_##kind, is_repeated, message}
#define FIELD_STRING(key, name, number) FIELD(key, name, number, STRING, false, NULL)
#define FIELD_STRINGS(key, name, number) FIELD(key, name, number, STRING, true, NULL)
#define FIELD_BOOL(key, name, number) FIELD(key, name, number, BOOL, false, NULL)
#define FIELD_INT32(key, name, number) FIELD(key, name, number, INT32, false, NULL)
#define FIELD_UINT32(key, name, number) FIELD(key, name, number, UINT32, false, NULL)
#define FIELD_INT64(key, name, number) FIELD(key, name, number, INT64, false, NULL)
#define FIELD_UINT64(key, name, number) FIELD(key, name, number, UINT64, false, NULL)
#define FIELD_ENUM(key, name, number) FIELD(key, name, number, ENUM, false, NULL)
#define FIELD_BYTES(key, name, number) FIELD(key, name, number, BYTES, false, NULL)
#define FIELD_MAP(key, name, number) FIELD(key, name, number, MAP, false, NULL)
#define FIELD_MESSAGE(key, name, number, message) FIELD(key, name, number, MESSAGE, false, &message)
#define FIELD_MESSAGES(key, name, number, message) FIELD(key, name, number, MESSAGE, true, &message)
#define SPEC(fields, name) {name, fields, sizeof fields / sizeof *fields}

extern const struct spec_message omni_cluster_spec, omni_etcd_manual_backup_spec, omni_machine_allocation,
	omni_machine_set_spec, omni_machine_set_node_spec, omni_config_patch_spec, omni_kubernetes_manifest_group_spec,
	omni_kubernetes_health_check_spec, omni_extensions_configuration_spec, omni_kernel_args_spec,
	omni_machine_install_disk_config_spec, omni_machine_class_spec, omni_machine_request_set_spec,
	omni_machine_labels_spec, omni_cluster_status_spec, omni_machine_set_status_spec,
	omni_cluster_machine_status_spec, omni_control_plane_status_spec, omni_load_balancer_status_spec,
	omni_kubernetes_upgrade_status_spec, omni_talos_upgrade_status_spec, omni_kubernetes_health_check_status_spec,
	omni_kernel_args_status_spec, omni_machine_install_disk_status_spec, omni_machine_status_spec,
	omni_talos_version_spec, omni_kubernetes_version_spec, omni_siderolink_spec, omni_sys_version_spec;

#endif
