#include "agent/commands/command.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const struct command *const commands[] = {
	&cmd_render, &cmd_validate, &cmd_plan, &cmd_apply, &cmd_delete, &cmd_approve, &cmd_status, &cmd_health, &cmd_get,
	&cmd_snapshot, &cmd_export, &cmd_adopt, &cmd_release, &cmd_kubeconfig, &cmd_talosconfig, &cmd_agent, &cmd_crds,
	&cmd_explain, &cmd_completion, &cmd_version, &cmd_help,
};

const struct command *command_at(size_t index)
{
	return index < COUNT_OF(commands) ? commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int command_error(const struct fail *fail)
{
	fprintf(stderr, "omniops: error: %s\n", fail->text);
	return EXIT_ERROR;
}

int command_usage_error(const struct command *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("omniops: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	if (command == NULL)
		fputs("\nTry: omniops help\n", stderr);
	else
		fprintf(stderr, "\nUsage: omniops %s [flags]%s%s\nTry: omniops %s --help\n", command->name,
			*command->words == '\0' ? "" : " ", command->words, command->name);
	return EXIT_USAGE;
}

int command_print(struct text *text, int exit_code)
{
	bool ok = fwrite(text->ptr, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
	text_done(text);
	if (!ok) {
		perror("omniops: error: writing to standard output");
		return EXIT_ERROR;
	}
	return exit_code;
}
