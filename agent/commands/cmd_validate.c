/* omniops validate: every fault of every document. */
#include <stdio.h>

#include "agent/commands/command.h"
#include "agent/commands/input.h"
#include "agent/commands/pass.h"
#include "agent/settings/rules.h"
#include "render/flux_variables.h"

/* What Omni would refuse of what the declarations would change: found from what it lists, nothing is written. */
static bool ask_omni(struct pass *pass, struct input *input)
{
	struct fail fail;
	bool ok = pass_plan_fleet(pass, &input->fleet, &fail);
	pass_faults(pass, &input->fleet.diags);
	diag_sort(&input->fleet.diags);
	return ok || command_error(&fail) == EXIT_OK;
}

/* False: not everything could be looked at; what was found is in *input all the same when it could be read. */
static bool look(struct call *call, struct input *input, bool *out_read)
{
	struct pass pass;
	struct fail fail;
	if (call->settings.online) {
		pass_init(&pass, call->arena, &call->settings);
		rules_settle(&call->settings, &pass.targets, pass.arena);
	}
	*out_read = input_read(call, input, &fail);
	bool ok = *out_read || command_error(&fail) == EXIT_OK;
	if (*out_read) {
		flux_variables_check(&input->fleet, call->settings.flux_variables);
		diag_sort(&input->fleet.diags);
	}
	if (call->settings.online) {
		ok = ok && ask_omni(&pass, input);
		pass_done(&pass);
	}
	return ok;
}

static int run_validate(struct call *call)
{
	enum diag_format format = DIAG_TEXT;
	const char *output = call->settings.output;
	if (output != NULL && !diag_format_parse(span_of(output), &format))
		return command_usage_error(call->command, "validate prints text, json, sarif or github, not \"%s\"", output);
	struct input input;
	bool is_read, is_complete = look(call, &input, &is_read);
	if (!is_read)
		return EXIT_ERROR;
	const struct diag_list *diags = &input.fleet.diags;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	struct diag_source source = input_source(&input.tree);
	diag_print(&out, diags, format, &source, call->color);
	if (format == DIAG_TEXT)
		text_addf(&out, "%zu file%s, %zu document%s, %zu cluster%s: %zu error%s, %zu warning%s\n",
			  input.tree.input_count, input.tree.input_count == 1 ? "" : "s", input.fleet.document_count,
			  input.fleet.document_count == 1 ? "" : "s", input.fleet.cluster_count,
			  input.fleet.cluster_count == 1 ? "" : "s", diags->error_count, diags->error_count == 1 ? "" : "s",
			  diags->warning_count, diags->warning_count == 1 ? "" : "s");
	return command_print(&out, diags->error_count > 0 || !is_complete ? EXIT_ERROR : EXIT_OK);
}

static const char *const settings[] = {"output", "rules", "no-schema", "flux-variables", "root", "online", OMNI_SETTINGS, "timeout", "color", "help", NULL};

const struct command cmd_validate = {
	"validate", "[PATH…]", "Check declarations, offline or with an Omni, and report every fault",
	"Reads files, directories or standard input (-): custom resources, omnictl templates and raw Omni resources.\n"
	"Nothing is contacted, unless --online is given: then versions and machine classes are those that Omni has, and what it\n"
	"would refuse of a change is found, too. Output: text, json, sarif or github (annotations).",
	"  $ omniops validate clusters/\n  $ omniops validate -o sarif . > omniops.sarif",
	settings, 0, 1000000, run_validate,
};
