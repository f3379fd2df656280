/* The commands that only tell something: help, version, completion, crds, explain. */
#include <stdio.h>
#include <string.h>

#include "agent/commands/command.h"
#include "base/cleanup.h"
#include "crds/crd.h"
#include "crds/explain.h"

static const char *const no_settings[] = {"help", NULL};

static int run_help(struct call *call)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (call->word_count == 0) {
		help_overview(&out);
	} else if (strcmp(call->words[0], "man") == 0) {
		help_man_page(&out);
	} else {
		const struct command *command = command_find(call->words[0]);
		if (command == NULL) {
			text_done(&out);
			return command_usage_error(NULL, "no help for \"%s\": there is no such command", call->words[0]);
		}
		help_command(&out, command);
	}
	return command_print(&out, EXIT_OK);
}

const struct command cmd_help = {
	"help", "[COMMAND|man]", "Show help for a command; man prints the manual page", NULL,
	"  $ omniops help plan\n  $ omniops help man | man -l -", no_settings, 0, 1, run_help,
};

static int run_version(struct call *call)
{
	(void)call;
	struct text out;
	text_init(&out, 256);
	text_adds(&out, "omniops " OMNIOPS_VERSION "\n");
	return command_print(&out, EXIT_OK);
}

const struct command cmd_version = {
	"version", "", "Print the version", NULL, "  $ omniops version", no_settings, 0, 0, run_version,
};

static int run_completion(struct call *call)
{
	struct text out;
	struct fail fail;
	text_init(&out, TEXT_NO_LIMIT);
	if (!help_completion(&out, call->words[0], &fail)) {
		text_done(&out);
		return command_usage_error(call->command, "%s", fail.text);
	}
	return command_print(&out, EXIT_OK);
}

const struct command cmd_completion = {
	"completion", "SHELL", "Print the completion script for bash, zsh or fish", NULL,
	"  $ omniops completion bash > ~/.local/share/bash-completion/completions/omniops", no_settings, 1, 1, run_completion,
};

static int run_crds(struct call *call)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		const struct kind *kind = kind_at(i);
		if (call->word_count > 0 && kind_guess(span_of(call->words[0])) != kind)
			continue;
		if (out.len > 0)
			text_adds(&out, "---\n");
		crd_print(&out, kind);
	}
	if (out.len == 0) {
		text_done(&out);
		return command_usage_error(call->command, "there is no kind \"%s\"", call->words[0]);
	}
	return command_print(&out, EXIT_OK);
}

const struct command cmd_crds = {
	"crds", "[KIND]", "Print the CustomResourceDefinitions",
	"The definitions carry every rule as CEL: no webhook and no cert-manager is needed.",
	"  $ omniops crds | kubectl apply --server-side -f -", no_settings, 0, 1, run_crds,
};

static int run_explain(struct call *call)
{
	struct span word = span_of(call->words[0]);
	const struct kind *kind = kind_guess(span_before(word, '.'));
	if (kind == NULL)
		return command_usage_error(call->command, "there is no kind \"%.*s\"; `omniops crds` prints all",
					   SPAN_ARG(span_before(word, '.')));
	struct text out;
	struct fail fail;
	text_init(&out, TEXT_NO_LIMIT);
	if (!explain_print(&out, kind, span_behind(word, '.'), &fail)) {
		text_done(&out);
		return command_error(&fail);
	}
	return command_print(&out, EXIT_OK);
}

const struct command cmd_explain = {
	"explain", "KIND[.FIELD]", "Explain a kind or one of its fields", NULL,
	"  $ omniops explain OmniCluster\n  $ omniops explain omniworkers.spec.machineClass.size", no_settings, 1, 1, run_explain,
};
