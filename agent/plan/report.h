/* Plans for people and machines: text (colour on a terminal), JSON (docs/plan.schema.json), Markdown. */
#ifndef AGENT_PLAN_REPORT_H
#define AGENT_PLAN_REPORT_H

#include "agent/plan/gate.h"
#include "agent/plan/plan.h"
#include "base/text.h"

struct plan_report {
	struct span connection; /* name or URL of the Omni */
	const struct plan *plan;
	enum gate_verdict verdict;
	struct span reason;
};

enum plan_format { PLAN_TEXT, PLAN_JSON, PLAN_MARKDOWN };

void plan_print(struct text *out, const struct plan_report *reports, size_t count, enum plan_format format, bool colour);

/* 0 no change, 2 changes, 3 changes that would be held (1, errors, is the caller's). */
int plan_exit_code(const struct plan_report *reports, size_t count);

#endif
