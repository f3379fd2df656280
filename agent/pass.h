/* One comparison of declarations with Omni: a plan for the raw resources of every connection and one for every cluster,
 * each with the verdict of the gate. Used by `plan`, `apply` and `delete`. */
#ifndef AGENT_PASS_H
#define AGENT_PASS_H

#include "agent/plan/apply.h"
#include "agent/plan/gate.h"
#include "agent/plan/report.h"
#include "agent/target.h"

struct pass_unit {
	struct target *target;
	const struct cluster *cluster; /* NULL: the raw resources of the connection, or a deletion by name */
	struct plan plan;
	enum gate_verdict verdict;
	struct span reason;
};

struct pass {
	struct arena *arena;
	const struct settings *settings;
	struct targets targets;
	struct pass_unit **units; /* raw resources of a connection before its clusters */
	size_t count, cap;
};

void pass_init(struct pass *pass, struct arena *arena, const struct settings *settings);
void pass_done(struct pass *pass);

/* Plans for everything in the fleet; suspended clusters are left out. Stops at the first Omni that cannot be read. */
bool pass_plan_fleet(struct pass *pass, const struct fleet *fleet, struct fail *fail);

/* The plan for destroying one cluster of the default connection. */
bool pass_plan_delete(struct pass *pass, struct span cluster, struct fail *fail);

/* Plan again what a unit was planned from, after something changed. */
bool pass_replan(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, struct fail *fail);

void pass_print(const struct pass *pass, struct text *out, enum plan_format format, bool color);
int pass_exit_code(const struct pass *pass);

/* Applies one unit whose verdict is open, to its end or the deadline; progress on standard error. */
bool pass_apply(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, int64_t deadline_ms,
		struct fail *fail);

#endif
