/* A plan for machines: docs/plan.schema.json describes it. */
#include "agent/plan/report_internal.h"

static void key(struct text *out, const char *name)
{
	text_addf(out, "\"%s\":", name);
}

static void string(struct text *out, const char *name, struct span value)
{
	key(out, name);
	text_add_json(out, value);
}

static void optional(struct text *out, const char *name, struct span value, bool is_there)
{
	key(out, name);
	if (is_there)
		text_add_json(out, value);
	else
		text_adds(out, "null");
}

static void boolean(struct text *out, const char *name, bool value)
{
	text_addf(out, "\"%s\":%s", name, value ? "true" : "false");
}

static void print_diff(struct text *out, const struct plan_op *op)
{
	key(out, "diff");
	text_addc(out, '[');
	for (size_t i = 0; i < op->diff_count; i++) {
		const struct plan_diff *diff = &op->diffs[i];
		text_adds(out, i > 0 ? ",{" : "{");
		string(out, "path", diff->path);
		text_addc(out, ',');
		optional(out, "old", diff->old_text, diff->had_old);
		text_addc(out, ',');
		optional(out, "new", diff->new_text, diff->has_new);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_op(struct text *out, const struct plan_report *report, const struct plan_op *op)
{
	text_adds(out, "\n  {");
	string(out, "cluster", report->plan->cluster);
	text_addc(out, ',');
	string(out, "connection", report->connection);
	text_addc(out, ',');
	string(out, "op", span_of(plan_op_name(op->kind)));
	text_addc(out, ',');
	string(out, "type", span_of(op->type->name));
	text_addc(out, ',');
	string(out, "id", op->id);
	text_addf(out, ",\"phase\":%u,", op->phase);
	string(out, "risk", span_of(plan_risk_name(op->risk)));
	text_addc(out, ',');
	string(out, "why", span_of(op->why));
	text_addc(out, ',');
	optional(out, "locked", span_of(op->locked != NULL ? op->locked : ""), op->locked != NULL);
	text_addc(out, ',');
	print_diff(out, op);
	text_addc(out, '}');
}

static void print_messages(struct text *out, const struct plan *plan)
{
	text_adds(out, ",\"conflicts\":[");
	for (size_t i = 0; i < plan->conflict_count; i++) {
		text_adds(out, i > 0 ? ",{" : "{");
		string(out, "text", plan->conflicts[i].text);
		text_addc(out, ',');
		boolean(out, "partial", plan->conflicts[i].is_partial);
		text_addc(out, '}');
	}
	text_adds(out, "],\"notes\":[");
	for (size_t i = 0; i < plan->note_count; i++) {
		text_adds(out, i > 0 ? "," : "");
		text_add_json(out, plan->notes[i].text);
	}
	text_adds(out, "],\"unmanaged\":[");
	for (size_t i = 0; i < plan->unmanaged.count; i++) {
		text_adds(out, i > 0 ? ",{" : "{");
		string(out, "type", span_of(plan->unmanaged.items[i]->type->name));
		text_addc(out, ',');
		string(out, "id", plan->unmanaged.items[i]->id);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void print_cluster(struct text *out, const struct plan_report *report)
{
	const struct plan *plan = report->plan;
	text_adds(out, "\n  {");
	string(out, "name", plan->cluster);
	text_addc(out, ',');
	string(out, "connection", report->connection);
	text_addc(out, ',');
	string(out, "hash", span_of(plan->hash));
	text_addc(out, ',');
	string(out, "risk", span_of(plan_risk_name(plan->risk)));
	text_addc(out, ',');
	string(out, "verdict", span_of(gate_verdict_name(report->verdict)));
	text_addc(out, ',');
	string(out, "reason", report->reason);
	text_addc(out, ',');
	boolean(out, "held", report_is_held(report));
	text_addc(out, ',');
	boolean(out, "waiting", plan->is_waiting);
	text_addc(out, ',');
	boolean(out, "delete", plan->is_delete);
	text_addf(out, ",\"create\":%zu,\"update\":%zu,\"destroy\":%zu", plan->creates, plan->updates, plan->destroys);
	print_messages(out, plan);
	text_addc(out, '}');
}

void report_print_json(struct text *out, const struct plan_report *reports, size_t count)
{
	struct report_totals totals = report_count(reports, count);
	const char *comma = "";
	text_adds(out, "{\"apiVersion\":\"" GROUP_VERSION "\",\"kind\":\"Plan\",\n\"clusters\":[");
	for (size_t i = 0; i < count; i++) {
		text_adds(out, i > 0 ? "," : "");
		print_cluster(out, &reports[i]);
	}
	text_adds(out, "],\n\"operations\":[");
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < reports[i].plan->count; j++) {
			text_adds(out, comma);
			print_op(out, &reports[i], &reports[i].plan->ops[j]);
			comma = ",";
		}
	}
	text_addf(out, "],\n\"create\":%zu,\"update\":%zu,\"destroy\":%zu,", totals.creates, totals.updates, totals.destroys);
	string(out, "risk", span_of(plan_risk_name(totals.risk)));
	text_addc(out, ',');
	string(out, "hash", span_of(totals.hash));
	text_addc(out, ',');
	boolean(out, "held", totals.is_held);
	text_adds(out, "}\n");
}
