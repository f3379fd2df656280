/* A plan on a terminal or in a log. */
#include "agent/plan/report_internal.h"

enum ink { INK_NONE, INK_GREEN, INK_YELLOW, INK_RED, INK_BOLD, INK_DIM };

struct printer {
	struct text *out;
	bool colour;
};

static void begin(struct printer *p, enum ink ink)
{
	static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[2m"};
	if (p->colour)
		text_adds(p->out, codes[ink]);
}

static void end(struct printer *p, enum ink ink)
{
	if (p->colour && ink != INK_NONE)
		text_adds(p->out, "\033[0m");
}

static void put(struct printer *p, enum ink ink, const char *words)
{
	begin(p, ink);
	text_adds(p->out, words);
	end(p, ink);
}

static enum ink risk_ink(enum plan_risk risk)
{
	static const enum ink inks[] = {INK_GREEN, INK_YELLOW, INK_RED, INK_RED};
	return inks[risk];
}

static void print_value(struct printer *p, struct span value, bool is_there)
{
	if (!is_there)
		put(p, INK_DIM, "(none)");
	else if (value.len == 0)
		text_adds(p->out, "\"\"");
	else
		report_add_plain(p->out, value);
}

static void print_diff(struct printer *p, const struct plan_diff *diff)
{
	text_adds(p->out, "        ");
	report_add_plain(p->out, diff->path);
	if (diff->had_old || diff->has_new) {
		text_adds(p->out, ": ");
		print_value(p, diff->old_text, diff->had_old);
		text_adds(p->out, " -> ");
		print_value(p, diff->new_text, diff->has_new);
	}
	text_addc(p->out, '\n');
}

static void print_op(struct printer *p, const struct plan_op *op)
{
	static const struct {
		const char *sign;
		enum ink ink;
	} signs[] = {{"  + create  ", INK_GREEN}, {"  ~ update  ", INK_YELLOW}, {"  - destroy ", INK_RED}};
	put(p, signs[op->kind].ink, signs[op->kind].sign);
	report_add_name(p->out, op->type, op->id);
	if (op->risk > RISK_SAFE) {
		text_adds(p->out, "  ");
		put(p, risk_ink(op->risk), plan_risk_name(op->risk));
		text_adds(p->out, ": ");
		report_add_plain(p->out, span_of(op->why));
	}
	if (op->kind == PLAN_CREATE && op->actual != NULL)
		text_adds(p->out, "  (when the old one, which is being torn down, is gone)");
	text_addc(p->out, '\n');
	if (op->locked != NULL) {
		text_adds(p->out, "        locked: ");
		report_add_plain(p->out, span_of(op->locked));
		text_addc(p->out, '\n');
	}
	for (size_t i = 0; i < op->diff_count; i++)
		print_diff(p, &op->diffs[i]);
}

static void print_lines(struct printer *p, const char *word, enum ink ink, struct span text)
{
	text_adds(p->out, "  ");
	put(p, ink, word);
	report_add_plain(p->out, text);
	text_addc(p->out, '\n');
}

static void print_unmanaged(struct printer *p, const struct plan *plan)
{
	if (plan->unmanaged.count == 0)
		return;
	text_adds(p->out, "  Not from a template, left alone (--prune-unmanaged would destroy them):\n");
	for (size_t i = 0; i < plan->unmanaged.count; i++) {
		text_adds(p->out, "    ");
		report_add_name(p->out, plan->unmanaged.items[i]->type, plan->unmanaged.items[i]->id);
		text_addc(p->out, '\n');
	}
}

static void print_verdict(struct printer *p, const struct plan_report *report)
{
	if (report->verdict == GATE_BLOCKED)
		print_lines(p, "Blocked: ", INK_RED, report->reason);
	if (report->verdict != GATE_HELD)
		return;
	print_lines(p, "Held: ", INK_RED, report->reason);
	text_adds(p->out, "  Approve it with: ");
	report_add_command(p->out, report->plan, "\n  or, where an agent holds it: ");
	text_addc(p->out, '\n');
}

static bool says_something(const struct plan_report *report)
{
	const struct plan *plan = report->plan;
	return !plan_is_empty(plan) || plan->note_count > 0 || plan->unmanaged.count > 0 || report_is_held(report);
}

static void print_plan(struct printer *p, const struct plan_report *report)
{
	const struct plan *plan = report->plan;
	begin(p, INK_BOLD);
	report_add_title(p->out, report);
	end(p, INK_BOLD);
	if (report->connection.len > 0) {
		text_adds(p->out, " at ");
		report_add_plain(p->out, report->connection);
	}
	if (plan->count > 0)
		text_addf(p->out, "  (hash %.*s)", PLAN_HASH_SHORT, plan->hash);
	text_addc(p->out, '\n');
	for (size_t i = 0; i < plan->count; i++)
		print_op(p, &plan->ops[i]);
	for (size_t i = 0; i < plan->conflict_count; i++)
		if (report->verdict != GATE_BLOCKED || !span_eq(plan->conflicts[i].text, report->reason))
			print_lines(p, "Conflict: ", INK_RED, plan->conflicts[i].text);
	for (size_t i = 0; i < plan->note_count; i++)
		print_lines(p, "Note: ", INK_YELLOW, plan->notes[i].text);
	print_unmanaged(p, plan);
	print_verdict(p, report);
	text_addc(p->out, '\n');
}

void report_print_text(struct text *out, const struct plan_report *reports, size_t count, bool colour)
{
	struct printer p = {out, colour};
	struct report_totals totals = report_count(reports, count);
	for (size_t i = 0; i < count; i++)
		if (says_something(&reports[i]))
			print_plan(&p, &reports[i]);
	if (totals.creates + totals.updates + totals.destroys + totals.conflicts == 0) {
		text_adds(out, "No changes: Omni is as declared.\n");
		return;
	}
	text_addf(out, "Plan: %zu to create, %zu to update, %zu to destroy. Risk: ", totals.creates, totals.updates,
		  totals.destroys);
	put(&p, risk_ink(totals.risk), plan_risk_name(totals.risk));
	text_addf(out, ". Hash: %.*s\n", PLAN_HASH_SHORT, totals.hash);
}
