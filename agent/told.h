/* What a worker found out about its unit: into the state, the log and the status directory, each only when it is news. */
#ifndef AGENT_TOLD_H
#define AGENT_TOLD_H

#include "agent/run.h"

/* plan may be NULL: the last plan's figures stay. */
void told(struct unit *unit, enum unit_phase phase, const struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Another replica acts: nothing that anybody has to hear of. */
void told_standby(struct unit *unit, const char *message);
enum queue_result told_failure(struct unit *unit, const struct fail *fail);
/* The agent ends, and that is why: nothing to tell, the next start finds out how it is. */
bool told_is_ending(const struct unit *unit, const struct fail *fail);
/* The same for what Omni refuses, or would refuse: every fault goes to the log, and to the state. */
enum queue_result told_refused(struct run *run, const struct fail *fail, const struct diag_list *faults);
/* No approval helps. */
enum queue_result told_blocked(struct unit *unit, const struct plan *plan, struct span reason);
/* The message is given back: it also stands in Omni. */
void told_held(struct unit *unit, const struct plan *plan, struct span reason, char *out_message, size_t size);
void told_applied(struct unit *unit, const struct run *run);
/* The plan goes on when Omni let go of something: of what, who holds it since when, and the way out. `result` NULL: not one
 * step of it could be made. */
enum queue_result told_waiting(struct run *run, const struct apply_result *result);
/* What was changed in Omni: a line of the log per resource; in brief. */
void told_drift(const struct run *run);
void told_drift_brief(const struct plan *plan, struct text *out);
/* Nothing is left to look after: the unit and its status file retire. */
void told_gone(struct unit *unit);
/* What Omni says about the cluster, when it is news. */
void told_omni_status(struct unit *unit);
/* The same without the status file: from the loop, which does not wait for disks. */
void told_omni_look(struct unit *unit);

/* annotate.c: phase and readiness, as they are from now on; under the lock. */
void annotate_see(struct unit *unit);
/* Units that are due are worked on again (loop timer). */
void annotate_on_timer(void *agent);

/* The report of one unit, copied under the lock; free with told_copy_done. */
void told_copy(struct unit *unit, struct unit_report *out);
void told_copy_done(struct unit_report *report);

#endif
