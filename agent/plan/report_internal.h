/* Shared by the three forms of a report. */
#ifndef AGENT_PLAN_REPORT_INTERNAL_H
#define AGENT_PLAN_REPORT_INTERNAL_H

#include "agent/plan/report.h"

struct report_totals {
	size_t creates, updates, destroys, conflicts;
	enum plan_risk risk;
	bool is_held, is_waiting;
	char hash[DIGEST_HEX_SIZE];
};

struct report_totals report_count(const struct plan_report *reports, size_t count);

/* "ConfigPatches(demo)", without the domain of the type. */
void report_add_name(struct text *out, const struct omni_type *type, struct span id);

/* Text from documents or from Omni, with control characters made visible. */
void report_add_plain(struct text *out, struct span text);

/* "cluster demo", or "raw resources". */
void report_add_title(struct text *out, const struct plan_report *report);

/* The commands that approve what is held: by hand, the separator, and for an agent. */
void report_add_command(struct text *out, const struct plan *plan, const char *separator);

static inline bool report_is_held(const struct plan_report *report)
{
	return report->verdict == GATE_HELD || report->verdict == GATE_BLOCKED;
}

void report_print_text(struct text *out, const struct plan_report *reports, size_t count, bool colour);
void report_print_json(struct text *out, const struct plan_report *reports, size_t count);
void report_print_markdown(struct text *out, const struct plan_report *reports, size_t count);

#endif
