/* The status of custom resources: a pure function of what is known, in the shapes that docs/reference lists with the conditions
 * of kstatus (docs/conditions.md). The observed status goes in, so that times move only with what they tell and
 * conditions of others stay. Nothing here reads a clock. */
#ifndef AGENT_REPORT_CONDITIONS_H
#define AGENT_REPORT_CONDITIONS_H

#include <jansson.h>

#include "agent/report/state.h"
#include "base/span.h"
#include "render/diag.h"

/* Of every kind. */
struct status_object {
	struct span ns, name;
	int64_t generation;
	const json_t *observed; /* its status now; NULL: none */
	int64_t now_s;		/* for what changes now */
	struct span requested;	/* value of the request annotation that was handled; empty: none */
};

enum status_cluster_stage {
	STATUS_NEW,	    /* seen, and nothing done yet */
	STATUS_NO_CONNECTION, /* its OmniConnection does not exist */
	STATUS_AT_FAULT,    /* its declarations have errors: `diags`, or not one control plane */
	STATUS_UNIT,	    /* `unit` tells */
	STATUS_DELETING,    /* `detail` tells what is waited for, or why it fails */
};

struct status_cluster {
	struct status_object object;
	enum status_cluster_stage stage;
	const struct unit_report *unit; /* NULL unless STATUS_UNIT or known from before */
	struct span cluster, connection, endpoint; /* name in Omni; OmniConnection; its spec.endpoint */
	struct span template_hash;
	struct span control_plane;
	const struct span *workers, *machines;
	size_t worker_count, machine_count;
	size_t control_planes;	/* that reference it, always told: has to be one */
	const struct diag *const *diags;
	size_t diag_count;
	bool suspends; /* spec.suspend, or its annotation */
	bool is_stuck; /* DELETING: failing, not merely waiting */
	struct span detail;
};
/* New references; never NULL. Equal to the observed status (json_equal) when there is nothing to write. */
json_t *status_of_cluster(const struct status_cluster *facts);

/* Annotations of the OmniCluster that have to change: a merge patch of name and value, null for one that has to go. Empty when
 * nothing is to be written. `observed`: its annotations now. */
json_t *status_annotations(const struct status_cluster *facts, const json_t *observed);

/* OmniControlPlane, OmniWorkers, OmniMachine. */
struct status_part {
	struct status_object object;
	const char *kind;
	struct span cluster_ref;
	struct span effective_name; /* workerSetName, machineID */
	bool has_cluster;
	const struct diag *const *diags; /* its own errors */
	size_t diag_count;
};
json_t *status_of_part(const struct status_part *facts);

struct status_connection {
	struct status_object object;
	struct span endpoint; /* of the spec */
	struct span url;      /* as used */
	bool is_tried, is_up;
	bool is_passing; /* down, and not for a reason that a person has to take away: it is tried again, and not Stalled */
	struct span trouble;
	struct span version, identity;
	int64_t key_expires_s;
	const struct span *waits_for; /* being deleted: names of OmniClusters that still use it */
	size_t waits_for_count;
	bool is_deleting;
};
json_t *status_of_connection(const struct status_connection *facts);

#endif
