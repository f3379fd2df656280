/* Plans for people and machines: text (colour on a terminal), JSON (docs/plan.schema.json), Markdown for a comment on a
 * pull request. Nothing secret is in them: the differences were made without. */
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

bool plan_format_parse(struct span name, enum plan_format *out); /* text json markdown */

void plan_print(struct text *out, const struct plan_report *reports, size_t count, enum plan_format format, bool colour);

/* 0 no change, 2 changes, 3 changes that would be held or are blocked (1, errors, is the caller's). */
int plan_exit_code(const struct plan_report *reports, size_t count);

/* One hash for everything printed: that of the only plan, else of the hashes of all in their order. */
void plan_reports_hash(const struct plan_report *reports, size_t count, char out_hex[DIGEST_HEX_SIZE]);

#endif
