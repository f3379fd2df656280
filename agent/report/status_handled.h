/* The status of the kinds that are looked after in and around workload clusters: a pure function of what the last look found. */
#ifndef AGENT_REPORT_STATUS_HANDLED_H
#define AGENT_REPORT_STATUS_HANDLED_H

#include "agent/report/conditions.h"

struct status_handled_condition {
	const char *type, *status, *reason;
	struct span message;
};

struct status_handled {
	struct status_object object;
	const json_t *fields; /* all of the status but conditions and observedGeneration; NULL: as observed */
	const struct status_handled_condition *conditions; /* those that are told; others stay as observed */
	size_t count;
	bool is_progressing; /* something is under way, and no fault */
	bool has_failed;     /* tried again by itself */
	bool is_suspended;   /* nothing was done, and nothing is told but that */
};

/* A new reference. Equal to the observed status (json_equal) when there is nothing to write. */
json_t *status_of_handled(const struct status_handled *facts);

/* Its Ready is True, and of this generation. */
bool status_is_ready(const json_t *status, int64_t generation);

/* The value of the newest request (annotations omni.texashpc.com/requested-at and the one of Flux's tools), held against what
 * was seen of them before (digests; 0: nothing) and against the observed status: what is to be shown as handled after the next
 * look. Texts belong to the annotations or to the status. */
struct span status_requested(const json_t *annotations, const json_t *observed, uint64_t tokens[2]);

#endif
