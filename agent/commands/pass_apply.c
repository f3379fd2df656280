#include <stdio.h>

#include "agent/commands/pass.h"
#include "agent/plan/lost.h"
#include "agent/plan/refusal.h"
#include "base/clock.h"

enum { POLL_MS = 100, CALL_TIMEOUT_MS = 30000 };

static void print_event(void *ctx, const struct apply_event *event)
{
	(void)ctx;
	static const char *const words[] = {
		[APPLY_STARTED] = NULL,		       [APPLY_WRITTEN] = NULL,		   [APPLY_TEARING_DOWN] = "  - tearing down",
		[APPLY_DESTROYED] = "  - destroyed    ", [APPLY_OP_FAILED] = "  ! failed       ",
	};
	const char *word = words[event->what];
	if (event->what == APPLY_WRITTEN)
		word = event->op->kind == PLAN_CREATE ? "  + created      " : "  ~ updated      ";
	if (word == NULL)
		return;
	fprintf(stderr, "%s %s(%.*s)\n", word, event->op->type->name, SPAN_ARG(event->op->id));
}

/* What Omni says about the resources, at their places; the rest as it is. */
static void explain(struct pass_unit *unit, const struct fleet *fleet, const struct apply_result *result)
{
	size_t before = unit->faults.count;
	for (size_t i = 0; i < unit->plan.count; i++) {
		const struct plan_op *op = &unit->plan.ops[i];
		const struct fail *fail = result->ops[i].fail;
		if (fail == NULL || refusal_explain_op(op, unit->cluster, fleet, fail, &unit->faults) || op == result->failed_op)
			continue;
		fprintf(stderr, "omniops: error: %s\n", fail->text);
	}
	if (unit->faults.count == before && result->failed_op == NULL)
		refusal_explain_op(NULL, unit->cluster, fleet, &result->fail, &unit->faults);
}

/* The time is over: what Omni waits for, and what helps when that never comes. */
static bool still_waiting(struct pass *pass, struct pass_unit *unit, size_t waiting, struct fail *fail)
{
	struct plan_left left = plan_left_machines(unit->target->store, pass->arena, unit->plan.cluster,
						   clock_monotonic_ms() + CALL_TIMEOUT_MS);
	struct span names = plan_left_names(pass->arena, &left);
	if (left.machines.count == 0)
		return fail_set(fail, FAIL_TIMEOUT,
				"cluster %.*s: %zu operations are still waiting for Omni; run the command again to go on",
				SPAN_ARG(unit->plan.cluster), waiting);
	return fail_set(fail, FAIL_TIMEOUT,
			"cluster %.*s: %zu operations are still waiting for Omni, which has to reset %.*s first%s; run the command "
			"again to go on; a machine that will never answer again goes with: omnictl delete link %.*s",
			SPAN_ARG(unit->plan.cluster), waiting, SPAN_ARG(names), left.is_lost ? " and cannot reach it" : "",
			SPAN_ARG(left.machines.items[0]->id));
}

bool pass_apply(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, int64_t deadline_ms,
		struct fail *fail)
{
	struct apply_options options = {.call_timeout_ms = CALL_TIMEOUT_MS,
					.dry_run = pass->settings->dry_run,
					.on_event = print_event};
	if (unit->cluster != NULL && !pass->settings->no_annotations && pass->settings->owner != NULL) {
		options.owner = span_of(pass->settings->owner);
		options.template_hash = span_of(unit->cluster->template_hash);
	}
	options.progress = ARENA_ARRAY(pass->arena, unsigned char, unit->plan.count + 1);
	for (;;) {
		struct apply_result result = {0};
		apply_step(unit->target->store, pass->arena, &unit->plan, &options, &result);
		if (result.state == APPLY_DONE)
			return true;
		if (result.state == APPLY_FAILED) {
			explain(unit, fleet, &result);
			if (fail != NULL)
				*fail = result.fail;
			return false;
		}
		if (clock_monotonic_ms() >= deadline_ms)
			return still_waiting(pass, unit, result.waiting, fail);
		clock_sleep_ms(POLL_MS);
	}
}
