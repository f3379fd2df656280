/* omniops apply and delete: plan, ask, apply. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands/command.h"
#include "agent/commands/input.h"
#include "agent/commands/pass.h"
#include "agent/plan/refusal.h"
#include "agent/settings/rules.h"
#include "base/clock.h"

static bool ask(const char *question)
{
	char answer[16] = "";
	fprintf(stderr, "%s [y/N] ", question);
	return fgets(answer, sizeof answer, stdin) != NULL && tolower((unsigned char)answer[0]) == 'y';
}

static bool is_interactive(const struct settings *settings)
{
	return !settings->yes && !settings->dry_run && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* On a terminal the person may approve what is held, plan by plan. */
static void ask_for_held(struct pass *pass)
{
	for (size_t i = 0; i < pass->count; i++) {
		struct pass_unit *unit = pass->units[i];
		if (unit->verdict != GATE_HELD)
			continue;
		char question[256];
		snprintf(question, sizeof question, "%.*s is %s. Approve plan %.*s?", SPAN_ARG(unit->plan.cluster),
			 plan_risk_name(unit->plan.risk), PLAN_HASH_SHORT, unit->plan.hash);
		if (ask(question))
			unit->verdict = GATE_OPEN;
	}
}

/* Somebody changed Omni between plan and write: once more with a new plan, if the gate lets that one through, too. */
static bool apply_unit(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, int64_t deadline_ms,
		       struct fail *fail)
{
	if (pass_apply(pass, unit, fleet, deadline_ms, fail))
		return true;
	if (fail->code != FAIL_CONFLICT)
		return false;
	if (!pass_replan(pass, unit, fleet, fail))
		return false;
	if (unit->verdict == GATE_EMPTY)
		return true;
	if (unit->verdict != GATE_OPEN)
		return fail_set(fail, FAIL_CONFLICT, "%.*s was changed in Omni meanwhile, and the new plan %.*s is %s: %.*s",
				SPAN_ARG(unit->plan.cluster), PLAN_HASH_SHORT, unit->plan.hash, gate_verdict_name(unit->verdict),
				SPAN_ARG(unit->reason));
	fputs("  changed in Omni meanwhile; planned again\n", stderr);
	return pass_apply(pass, unit, fleet, deadline_ms, fail);
}

static void note_failure(struct pass *pass, struct pass_unit *unit, struct input *input, struct fail *fail)
{
	if (unit->verdict == GATE_BLOCKED)
		fail_set(fail, FAIL_CONFLICT, "%.*s: %.*s", SPAN_ARG(unit->plan.cluster), SPAN_ARG(unit->reason));
	unit->result = PASS_FAILED;
	if (unit->faults.error_count == 0) {
		unit->failure = arena_copy(pass->arena, span_of(fail->text));
		command_error(fail);
		return;
	}
	struct text brief;
	text_init(&brief, TEXT_NO_LIMIT);
	refusal_brief(&brief, &unit->faults);
	unit->failure = arena_copy(pass->arena, text_span(&brief));
	text_done(&brief);
	input_print_faults(input, &unit->faults);
}

static const struct fleet *fleet_of(const struct input *input)
{
	return input == NULL ? NULL : &input->fleet;
}

/* Applies what may be applied; one failure does not stop the others. `input` NULL: a deletion. */
static int apply_units(struct call *call, struct pass *pass, struct input *input)
{
	int64_t deadline_ms = clock_monotonic_ms() + call->settings.timeout_ms;
	size_t counts[PASS_FAILED + 1] = {0};
	for (size_t i = 0; i < pass->count; i++) {
		struct pass_unit *unit = pass->units[i];
		struct fail fail = {0};
		if (unit->verdict == GATE_HELD) {
			unit->result = PASS_HELD;
			unit->failure = unit->reason;
		} else if (unit->verdict == GATE_BLOCKED ||
			   (unit->verdict == GATE_OPEN && !apply_unit(pass, unit, fleet_of(input), deadline_ms, &fail))) {
			note_failure(pass, unit, input, &fail);
		} else if (unit->verdict == GATE_OPEN) {
			unit->result = PASS_APPLIED;
		}
		counts[unit->result]++;
	}
	fprintf(stderr, "%zu applied%s, %zu held, %zu failed\n", counts[PASS_APPLIED], call->settings.dry_run ? " (dry run)" : "",
		counts[PASS_HELD], counts[PASS_FAILED]);
	if (counts[PASS_HELD] > 0)
		fputs("What is held was not touched: run this again with --approve HASH, as the plan says.\n", stderr);
	return counts[PASS_FAILED] > 0 ? EXIT_ERROR : counts[PASS_HELD] > 0 ? EXIT_HELD : EXIT_OK;
}

static int decide_and_apply(struct call *call, struct pass *pass, struct input *input)
{
	if (pass_exit_code(pass) == EXIT_OK)
		return EXIT_OK;
	if (is_interactive(&call->settings)) {
		ask_for_held(pass);
		if (!ask("Apply what is open?"))
			return EXIT_CHANGES;
	}
	return apply_units(call, pass, input);
}

/* The plan as text in front, or the results as JSON behind. */
static int show_and_apply(struct call *call, struct pass *pass, struct input *input)
{
	bool is_json = call->settings.output != NULL && strcmp(call->settings.output, "json") == 0;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (is_json) {
		int code = decide_and_apply(call, pass, input);
		pass_print_outcome(pass, &out);
		return command_print(&out, code);
	}
	pass_print(pass, &out, PLAN_TEXT, call->color);
	return command_print(&out, EXIT_OK) == EXIT_OK ? decide_and_apply(call, pass, input) : EXIT_ERROR;
}

static bool has_known_output(const struct call *call)
{
	const char *output = call->settings.output;
	if (output == NULL || strcmp(output, "text") == 0 || strcmp(output, "json") == 0)
		return true;
	command_usage_error(call->command, "%s prints text or json, not \"%s\"", call->command->name, output);
	return false;
}

static int run_apply(struct call *call)
{
	struct input input;
	struct pass pass;
	struct fail fail;
	if (!has_known_output(call))
		return EXIT_USAGE;
	pass_init(&pass, call->arena, &call->settings);
	rules_settle(&call->settings, &pass.targets, pass.arena);
	if (!input_read_good(call, &input)) {
		fputs("omniops: nothing was applied\n", stderr);
		pass_done(&pass);
		return EXIT_ERROR;
	}
	int code = pass_plan_fleet(&pass, &input.fleet, &fail) ? show_and_apply(call, &pass, &input)
							       : command_error(&fail);
	pass_done(&pass);
	return code;
}

#define APPLY_SETTINGS                                                                                                 \
	OMNI_SETTINGS, "gate", "approve", "approve-all", "yes", "dry-run", "timeout", "output", "color", "help"

static const char *const apply_settings[] = {APPLY_SETTINGS, "prune-unmanaged", "owner", "no-annotations", "rules",
					     "no-schema", "root", NULL};

const struct command cmd_apply = {
	"apply", "[PATH…]", "Make Omni what the declarations say",
	"Shows the plan, asks on a terminal, and applies what the gate lets through. What is riskier than --gate is held\n"
	"until it is approved with --approve HASH. Clusters that are not in the input are left alone.\n"
	"What Omni refuses is shown at its place in the declarations, with a hint.\n"
	"Exit status: 0 done, 3 something is held, 1 error. Output: text, or json (results and diagnostics, at the end).",
	"  $ omniops apply --omni dir:/var/lib/omni clusters/\n  $ omniops apply --yes --approve 1a2b3c4d5e6f7a8b clusters/",
	apply_settings, 0, 1000000, run_apply,
};

static int run_delete(struct call *call)
{
	struct pass pass;
	struct fail fail;
	if (!has_known_output(call))
		return EXIT_USAGE;
	pass_init(&pass, call->arena, &call->settings);
	int code = pass_plan_delete(&pass, span_of(call->words[0]), &fail) ? EXIT_OK : command_error(&fail);
	if (code == EXIT_OK && plan_is_empty(&pass.units[0]->plan)) {
		fail_set(&fail, FAIL_NOT_FOUND, "there is no cluster \"%s\" at %s", call->words[0],
			 pass.units[0]->target->url);
		code = command_error(&fail);
	} else if (code == EXIT_OK) {
		code = show_and_apply(call, &pass, NULL);
	}
	pass_done(&pass);
	return code;
}

static const char *const delete_settings[] = {APPLY_SETTINGS, "destroy-machines", NULL};

const struct command cmd_delete = {
	"delete", "CLUSTER", "Destroy a cluster in Omni",
	"The plan is critical, so it is held until it is approved: on a terminal, or with --approve HASH.",
	"  $ omniops delete --omni dir:/var/lib/omni talos-prod-01\n"
	"  $ omniops delete --omni dir:/var/lib/omni --approve 1a2b3c4d5e6f7a8b talos-prod-01",
	delete_settings, 1, 1, run_delete,
};
