/* omniops plan: what would change, and whether it would pass. */
#include "agent/commands/command.h"
#include "agent/commands/input.h"
#include "agent/commands/pass.h"
#include "agent/settings/rules.h"

static int run_plan(struct call *call)
{
	enum plan_format format = PLAN_TEXT;
	if (call->settings.output != NULL && !plan_format_parse(span_of(call->settings.output), &format))
		return command_usage_error(call->command, "plan prints text, json or markdown, not \"%s\"", call->settings.output);
	struct input input;
	struct pass pass;
	struct fail fail;
	pass_init(&pass, call->arena, &call->settings);
	rules_settle(&call->settings, &pass.targets, pass.arena);
	if (!input_read_good(call, &input)) {
		pass_done(&pass);
		return EXIT_ERROR;
	}
	bool ok = pass_plan_fleet(&pass, &input.fleet, &fail);
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	int code = EXIT_ERROR;
	if (ok) {
		struct diag_list faults;
		diag_list_init(&faults, call->arena);
		pass_faults(&pass, &faults);
		input_print_faults(&input, &faults);
		pass_print(&pass, &out, format, call->color);
		code = command_print(&out, pass_exit_code(&pass));
	} else {
		command_error(&fail);
	}
	pass_done(&pass);
	return code;
}

static const char *const settings[] = {OMNI_SETTINGS, "output",    "gate",	       "approve", "approve-all", "prune-unmanaged",
				       "timeout", "rules",	"no-schema", "root", "color", "help",	 NULL};

const struct command cmd_plan = {
	"plan", "[PATH…]", "Show what would change in Omni, with its risk",
	"Exit status: 0 nothing to change, 2 changes, 3 changes that would be held, 1 error.\n"
	"Output: text, json (documented in docs/plan.md) or markdown (for a pull request).",
	"  $ omniops plan --omni dir:/var/lib/omni clusters/\n  $ omniops plan -o markdown clusters/ > comment.md",
	settings, 0, 1000000, run_plan,
};
