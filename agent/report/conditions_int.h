/* A status while it is made: begun from the observed one, changed field by field and condition by condition, and finished so
 * that nothing but what changed carries a new time. Only for the conditions*.c files. */
#ifndef AGENT_REPORT_CONDITIONS_INT_H
#define AGENT_REPORT_CONDITIONS_INT_H

#include "agent/report/conditions.h"
#include "base/text.h"

enum {
	STATUS_MESSAGE_MAX = 32768, /* code points, by the schema */
	STATUS_FIELD_MAX = 4096,    /* what other texts are cut to */
	STATUS_LINE_MAX = 1024,	    /* messages that hosts show as one line */
	STATUS_FAULT_LINES = 100,
};

struct draft {
	const struct status_object *object;
	json_t *status;
	json_t *conditions;
};

void draft_begin(struct draft *draft, const struct status_object *object);
/* The new status. When it differs from the observed one and attempt_s is not 0, the time `attempt_field` is that. */
json_t *draft_finish(struct draft *draft, const char *attempt_field, int64_t attempt_s);

/* Empty text, NULL and time 0: the field goes. */
void draft_text(struct draft *draft, const char *name, struct span value);
void draft_value(struct draft *draft, const char *name, json_t *value); /* takes the reference */
void draft_time(struct draft *draft, const char *name, int64_t time_s);
void draft_generation(struct draft *draft); /* this generation is what the status describes */

/* As it stands by now; NULL: there is none. */
const json_t *draft_condition(const struct draft *draft, const char *type);
bool draft_has(const struct draft *draft, const char *type, const char *status); /* status NULL: any */
bool draft_is_because(const struct draft *draft, const char *type, const char *reason);
void draft_set(struct draft *draft, const char *type, const char *status, const char *reason, struct span message);
void draft_drop(struct draft *draft, const char *type);

/* What the conditions of kstatus say beside Ready. */
enum draft_mood {
	MOOD_SETTLED,  /* nothing is under way */
	MOOD_WORKING,  /* Reconciling: it is on its way */
	MOOD_RETRYING, /* Reconciling: it failed, and is tried again */
	MOOD_STALLED,  /* Stalled: a person has to do something */
};
void draft_mood(struct draft *draft, enum draft_mood mood, const char *reason, struct span message);
/* Ready and the mood, with the same reason and message. */
void draft_ready(struct draft *draft, const char *status, const char *reason, struct span message, enum draft_mood mood);

/* UTF-8 whatever came in, at most max_points code points, no control characters but line breaks and tabs. */
json_t *status_string(struct span text, size_t max_points);
/* The same into memory of `size` bytes, cut between two code points. */
void status_copy(char *out, size_t size, struct span text);
struct span status_first_line(struct span text);
int64_t status_time_s(const json_t *status, const char *name); /* 0: none */
struct span status_text(const json_t *status, const char *name); /* of a member; empty: none */
const json_t *status_condition(const json_t *status, const char *type); /* NULL: none */

/* --- faults of declarations, wherever they were found ---------------------------------------------------------------- */

/* A file is meaningless in Kubernetes: object and path tell the place. */
struct status_fault {
	struct span object, path, code, message, hint;
};

struct status_faults {
	struct status_fault *items; /* at most STATUS_FAULT_LINES */
	size_t count, all;
	json_t *json; /* that the texts belong to */
};

void status_faults_of_diags(struct status_faults *faults, const struct diag *const *diags, size_t count,
			    enum diag_severity severity);
void status_faults_of_json(struct status_faults *faults, const char *json); /* the array of struct unit_report.errors */
void status_faults_done(struct status_faults *faults);

/* One line that says how many and the first, then all of them in a line each. */
void status_faults_print(struct text *out, const struct status_faults *faults);
/* {object, path, code, message, hint} of the first. */
json_t *status_fault_json(const struct status_faults *faults);
json_t *status_error_json(struct span object, struct span message);

#endif
