/* Fields of the status of an OmniCluster, in groups that are known at the same time. Only for the conditions*.c files. */
#ifndef AGENT_REPORT_CONDITIONS_FIELDS_H
#define AGENT_REPORT_CONDITIONS_FIELDS_H

#include "agent/report/conditions_int.h"

/* What is not known stays as it was. */
void fields_rendered(struct draft *draft, const struct status_cluster *facts);
void fields_health(struct draft *draft, const struct unit_state *state);
/* The plan that is open, and what it waits for. */
void fields_work(struct draft *draft, const struct unit_report *unit);
/* When and what was applied; it is Synced now, and was before or not. */
void fields_applied(struct draft *draft, const struct status_cluster *facts, bool was_synced);

/* When the unit became what it is. */
int64_t fields_attempt_s(const struct status_cluster *facts);

#endif
