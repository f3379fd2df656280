/* omniops validate: every fault of every document. */
#include <stdio.h>

#include "agent/command.h"
#include "agent/input.h"

static int run_validate(struct call *call)
{
	enum diag_format format = DIAG_TEXT;
	const char *output = call->settings.output;
	if (output != NULL && !diag_format_parse(span_of(output), &format))
		return command_usage_error(call->command, "validate prints text, json, sarif or github, not \"%s\"", output);
	struct input input;
	struct fail fail;
	if (!input_read(call, &input, &fail))
		return command_error(&fail);
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
	return command_print(&out, diags->error_count > 0 ? EXIT_ERROR : EXIT_OK);
}

static const char *const settings[] = {"output", "rules", "no-schema", "root", "color", "help", NULL};

const struct command cmd_validate = {
	"validate", "[PATH…]", "Check declarations offline and report every fault",
	"Reads files, directories or standard input (-): custom resources, omnictl templates and raw Omni resources.\n"
	"Nothing is contacted. Output: text, json, sarif or github (annotations).",
	"  $ omniops validate clusters/\n  $ omniops validate -o sarif . > omniops.sarif",
	settings, 0, 1000000, run_validate,
};
