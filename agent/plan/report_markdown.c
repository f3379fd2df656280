/* A plan as a comment on a pull request: a table, and the differences folded away below it. */
#include "agent/plan/report_internal.h"

enum { COMMENT_MAX = 60000 }; /* GitHub cuts comments at 65536 characters */

/* Inside a table cell, outside of code. */
static void add_cell(struct text *out, struct span text)
{
	static const char special[] = "\\`*_{}[]<>#|~&@";
	struct text plain;
	text_init(&plain, TEXT_NO_LIMIT);
	report_add_plain(&plain, text);
	for (size_t i = 0; i < plain.len; i++) {
		if (strchr(special, plain.ptr[i]) != NULL)
			text_addf(out, "&#%d;", plain.ptr[i]);
		else
			text_addc(out, plain.ptr[i]);
	}
	text_done(&plain);
}

static void add_name(struct text *out, const struct omni_type *type, struct span id)
{
	struct text name;
	text_init(&name, TEXT_NO_LIMIT);
	text_add(&name, span_before(span_of(type->name), '.'));
	text_addc(&name, ' ');
	text_add(&name, id);
	add_cell(out, text_span(&name));
	text_done(&name);
}

static void print_op(struct text *out, const struct plan_op *op)
{
	static const char *const signs[] = {"➕ create", "✏️ update", "🗑️ destroy"};
	text_addf(out, "| %s | ", signs[op->kind]);
	add_name(out, op->type, op->id);
	text_addf(out, " | %s%s%s | ", op->risk >= RISK_DESTRUCTIVE ? "**" : "", plan_risk_name(op->risk),
		  op->risk >= RISK_DESTRUCTIVE ? "**" : "");
	add_cell(out, span_of(op->why));
	if (op->locked != NULL) {
		text_adds(out, "; locked: ");
		add_cell(out, span_of(op->locked));
	}
	text_adds(out, " |\n");
}

static void add_side(struct text *out, const char *sign, struct span path, struct span value, bool is_there)
{
	if (!is_there)
		return;
	text_adds(out, sign);
	report_add_plain(out, path);
	text_adds(out, ": ");
	report_add_plain(out, value);
	text_addc(out, '\n');
}

static void print_diffs(struct text *out, const struct plan_op *op)
{
	if (op->diff_count == 0)
		return;
	text_adds(out, "\n<details><summary>");
	add_name(out, op->type, op->id);
	text_addf(out, " (%zu change%s)</summary>\n\n```diff\n", op->diff_count, op->diff_count == 1 ? "" : "s");
	for (size_t i = 0; i < op->diff_count && out->len < COMMENT_MAX; i++) {
		const struct plan_diff *diff = &op->diffs[i];
		if (!diff->had_old && !diff->has_new)
			add_side(out, "  ", diff->path, (struct span){"", 0}, true);
		add_side(out, "- ", diff->path, diff->old_text, diff->had_old);
		add_side(out, "+ ", diff->path, diff->new_text, diff->has_new);
	}
	text_adds(out, "```\n\n</details>\n");
}

static void print_lines(struct text *out, const char *word, struct span text)
{
	text_addf(out, "\n> **%s** ", word);
	add_cell(out, text);
	text_addc(out, '\n');
}

static void print_messages(struct text *out, const struct plan_report *report)
{
	const struct plan *plan = report->plan;
	for (size_t i = 0; i < plan->conflict_count; i++)
		if (report->verdict != GATE_BLOCKED || !span_eq(plan->conflicts[i].text, report->reason))
			print_lines(out, "Conflict:", plan->conflicts[i].text);
	for (size_t i = 0; i < plan->note_count; i++)
		print_lines(out, "Note:", plan->notes[i].text);
	for (size_t i = 0; i < plan->unmanaged.count; i++) {
		text_adds(out, i == 0 ? "\nNot from a template, left alone: " : ", ");
		add_name(out, plan->unmanaged.items[i]->type, plan->unmanaged.items[i]->id);
	}
	if (plan->unmanaged.count > 0)
		text_addc(out, '\n');
	if (report->verdict == GATE_BLOCKED)
		print_lines(out, "Blocked:", report->reason);
	if (report->verdict != GATE_HELD)
		return;
	print_lines(out, "Held:", report->reason);
	text_adds(out, "\nApprove it with\n\n```sh\n");
	report_add_command(out, plan, "\n# or, where an agent holds it:\n");
	text_adds(out, "\n```\n");
}

static void print_plan(struct text *out, const struct plan_report *report)
{
	const struct plan *plan = report->plan;
	text_adds(out, "\n### ");
	if (plan->cluster.len == 0)
		text_adds(out, "Raw resources");
	else {
		text_adds(out, "Cluster ");
		add_cell(out, plan->cluster);
	}
	if (report->connection.len > 0) {
		text_adds(out, " at ");
		add_cell(out, report->connection);
	}
	text_adds(out, "\n");
	if (plan->count > 0)
		text_adds(out, "\n| | Resource | Risk | Why |\n|---|---|---|---|\n");
	size_t shown = 0;
	while (shown < plan->count && out->len < COMMENT_MAX)
		print_op(out, &plan->ops[shown++]);
	if (shown < plan->count)
		text_addf(out, "\n… and %zu more operations\n", plan->count - shown);
	print_messages(out, report);
	for (size_t i = 0; i < shown && out->len < COMMENT_MAX; i++)
		print_diffs(out, &plan->ops[i]);
}

void report_print_markdown(struct text *out, const struct plan_report *reports, size_t count)
{
	struct report_totals totals = report_count(reports, count);
	if (totals.creates + totals.updates + totals.destroys + totals.conflicts == 0) {
		text_adds(out, "## Omni plan: no changes\n");
	} else {
		text_addf(out,
			  "## Omni plan: %zu to create, %zu to update, %zu to destroy\n\nRisk: **%s**%s. Hash: `%.*s`\n",
			  totals.creates, totals.updates, totals.destroys, plan_risk_name(totals.risk),
			  totals.is_held ? ", needs attention before it can be applied" : "", PLAN_HASH_SHORT, totals.hash);
	}
	for (size_t i = 0; i < count; i++)
		if (!plan_is_empty(reports[i].plan) || report_is_held(&reports[i]))
			print_plan(out, &reports[i]);
}
