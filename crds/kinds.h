/* The kinds, one table file each. */
#ifndef CRDS_KINDS_H
#define CRDS_KINDS_H

#include "crds/schema.h"

extern const struct kind KIND_CONNECTION;
extern const struct kind KIND_CLUSTER;
extern const struct kind KIND_CONTROL_PLANE;
extern const struct kind KIND_WORKERS;
extern const struct kind KIND_MACHINE;
extern const struct kind KIND_MACHINE_CLASS;
extern const struct kind KIND_HELM_RELEASE;
extern const struct kind KIND_KUBECONFIG_EXPORT;
extern const struct kind KIND_SECRET_SYNC;

#endif
