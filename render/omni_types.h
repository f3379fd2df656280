/* The resource types of Omni that we read or write, and the fields of their specs: one table for YAML keys, protobuf
 * field numbers and names, reading, printing and comparing. */
#ifndef RENDER_OMNI_TYPES_H
#define RENDER_OMNI_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum spec_kind { SPEC_STRING, SPEC_BOOL, SPEC_INT32, SPEC_UINT32, SPEC_INT64, SPEC_UINT64, SPEC_ENUM, SPEC_BYTES, SPEC_MESSAGE, SPEC_MAP };

struct spec_field {
	const char *key;	/* in Omni's YAML: "kubernetesversion" */
	const char *proto_name; /* "kubernetes_version" */
	uint32_t number;
	enum spec_kind kind;
	bool is_repeated;
	const struct spec_message *message; /* SPEC_MESSAGE */
};

struct spec_message {
	const char *name; /* "ClusterSpec" */
	const struct spec_field *fields;
	size_t field_count;
};

enum omni_type_flags {
	OMNI_USER = 1,	   /* a user may write it (Operator role) */
	OMNI_RAW = 2,	   /* accepted as a raw document in a tree */
	OMNI_TEMPLATE = 4, /* made from cluster templates */
	OMNI_CONTENT = 8,  /* data / compresseddata */
};

struct omni_type {
	const char *name; /* "Clusters.omni.sidero.dev" */
	const char *ns;	  /* its namespace: "default", "ephemeral", … */
	const struct spec_message *spec;
	unsigned flags;
	unsigned order; /* canonical order of templates, 1 first; 0: not part of templates */
};

const struct omni_type *omni_type_find(struct span name); /* exact; NULL: unknown */
const struct omni_type *omni_type_at(size_t index);	  /* NULL past the end */
/* "machineclasses", "MachineClass", "mc", full name: for people; NULL: unknown or ambiguous. */
const struct omni_type *omni_type_guess(struct span name);
/* Could that type be meant? It begins like this, or differs by a slip or two. */
bool omni_type_is_near(const struct omni_type *type, struct span name);

/* The types named in code. */
extern const struct omni_type *const OMNI_CLUSTER, *const OMNI_MACHINE_SET, *const OMNI_MACHINE_SET_NODE,
	*const OMNI_CONFIG_PATCH, *const OMNI_MANIFEST_GROUP, *const OMNI_HEALTH_CHECK, *const OMNI_EXTENSIONS,
	*const OMNI_KERNEL_ARGS, *const OMNI_INSTALL_DISK, *const OMNI_MACHINE_CLASS, *const OMNI_LINK,
	*const OMNI_CLUSTER_STATUS, *const OMNI_MACHINE_STATUS;

#define OMNI_LABEL_CLUSTER "omni.sidero.dev/cluster"
#define OMNI_LABEL_MACHINE_SET "omni.sidero.dev/machine-set"
#define OMNI_LABEL_CLUSTER_MACHINE "omni.sidero.dev/cluster-machine"
#define OMNI_LABEL_MACHINE "omni.sidero.dev/machine"
#define OMNI_LABEL_CONTROL_PLANE "omni.sidero.dev/role-controlplane"
#define OMNI_LABEL_WORKER "omni.sidero.dev/role-worker"
#define OMNI_LABEL_SYSTEM_PATCH "omni.sidero.dev/system-patch"
#define OMNI_LABEL_NODE_CONTROLLER "omni.sidero.dev/managed-by-machine-set-node-controller"
#define OMNI_LABEL_DISCONNECTED "omni.sidero.dev/disconnected"
#define OMNI_ANNOTATION_TEMPLATES "omni.sidero.dev/managed-by-cluster-templates"
#define OMNI_ANNOTATION_LOCKED "omni.sidero.dev/locked"
#define OMNI_ANNOTATION_CLUSTER_LOCKED "omni.sidero.dev/cluster-locked"

#endif
