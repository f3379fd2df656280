/* One comparison of declarations with Omni: a plan for the raw resources of every connection and one for every cluster,
 * each with the verdict of the gate. Used by `plan`, `apply` and `delete`. */
#ifndef AGENT_COMMANDS_PASS_H
#define AGENT_COMMANDS_PASS_H

#include "agent/plan/apply.h"
#include "agent/plan/gate.h"
#include "agent/plan/report.h"
#include "agent/settings/target.h"
#include "render/hide.h"

enum pass_result { PASS_UNCHANGED, PASS_APPLIED, PASS_HELD, PASS_FAILED };

struct pass_unit {
	struct target *target;
	const struct cluster *cluster; /* NULL: the raw resources of the connection, or a deletion by name */
	struct plan_actual actual;     /* what Omni holds; of raw resources those that are declared */
	struct plan plan;
	enum gate_verdict verdict;
	struct span reason;
	enum pass_result result;
	struct span failure;	 /* why it is held or failed */
	struct diag_list faults; /* what Omni would refuse, or has refused, at its place in the declarations */
};

struct pass {
	struct arena *arena;
	const struct settings *settings;
	struct targets targets;
	struct hide_book hidden; /* of the declarations, where a store hides what it holds */
	struct pass_unit **units; /* raw resources of a connection before its clusters */
	size_t count, cap;
};

void pass_init(struct pass *pass, struct arena *arena, const struct settings *settings);
void pass_done(struct pass *pass);

/* Plans for everything in the fleet; suspended clusters are left out. Stops at the first Omni that cannot be read. */
bool pass_plan_fleet(struct pass *pass, const struct fleet *fleet, struct fail *fail);

/* The plan of one cluster of the fleet, or of the raw resources of all connections; the units are the last ones. */
bool pass_plan_cluster(struct pass *pass, const struct fleet *fleet, const struct cluster *cluster, struct fail *fail);
bool pass_plan_raws(struct pass *pass, const struct fleet *fleet, struct fail *fail);

/* The plan for destroying one cluster of the default connection. */
bool pass_plan_delete(struct pass *pass, struct span cluster, struct fail *fail);

/* Plan again what a unit was planned from, after something changed. */
bool pass_replan(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, struct fail *fail);

void pass_print(const struct pass *pass, struct text *out, enum plan_format format, bool color);
int pass_exit_code(const struct pass *pass);
/* Results and faults as JSON (outcome.c). */
void pass_print_outcome(const struct pass *pass, struct text *out);

/* Everything that Omni would refuse or has refused, of every unit. */
void pass_faults(const struct pass *pass, struct diag_list *out);

/* Applies one unit whose verdict is open, to its end or the deadline; progress on standard error. What Omni refuses is in
 * unit->faults; `fail` is the first failure. */
bool pass_apply(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, int64_t deadline_ms,
		struct fail *fail);

#endif
