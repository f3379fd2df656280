/* How an application ended, for programs (docs/plan.md). */
#include "agent/commands/pass.h"
#include "base/members.h"

static const char *result_name(enum pass_result result)
{
	static const char *const names[] = {"unchanged", "applied", "held", "failed"};
	return names[result];
}

static void print_unit(struct text *out, const struct pass_unit *unit)
{
	const struct plan *plan = &unit->plan;
	text_addf(out, "{\"kind\": \"%s\"", plan->cluster.len > 0 ? "Cluster" : "RawResources");
	member_said(out, "name", plan->cluster);
	member_said(out, "omni", span_of(unit->target->url));
	member_said(out, "connection", unit->target->connection);
	text_addf(out, ", \"result\": \"%s\"", result_name(unit->result));
	member_said(out, "reason", unit->failure);
	text_addf(out, ", \"plan\": {\"hash\": \"%s\", \"risk\": \"%s\", \"create\": %zu, \"update\": %zu, \"destroy\": %zu}}",
		  plan->hash, plan->count > 0 ? plan_risk_name(plan->risk) : "", plan->creates, plan->updates, plan->destroys);
}

void pass_print_outcome(const struct pass *pass, struct text *out)
{
	struct diag_list faults;
	diag_list_init(&faults, pass->arena);
	pass_faults(pass, &faults);
	text_addf(out, "{\"apiVersion\": \"omniops/apply/v1\", \"dryRun\": %s, \"units\": [",
		  pass->settings->dry_run ? "true" : "false");
	for (size_t i = 0; i < pass->count; i++) {
		text_adds(out, i == 0 ? "\n  " : ",\n  ");
		print_unit(out, pass->units[i]);
	}
	text_adds(out, "\n], \"diagnostics\": ");
	diag_print(out, &faults, DIAG_JSON, NULL, false);
	text_adds(out, "}\n");
}
