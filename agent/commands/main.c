/* Entry of omniops: find the row, read the flags, run. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands/command.h"
#include "agent/helm/run.h"
#include "agent/settings/keys.h"
#include "agent/source/source.h"
#include "base/cleanup.h"

static bool wants_color(const struct settings *settings)
{
	const char *when = settings->color == NULL ? "auto" : settings->color;
	if (strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

static const struct command *nearest(const char *word)
{
	const struct command *best = NULL;
	size_t distance = 3;
	for (size_t i = 0; command_at(i) != NULL; i++) {
		size_t d = span_distance(span_of(word), span_of(command_at(i)->name), distance);
		if (d < distance) {
			distance = d;
			best = command_at(i);
		}
	}
	return best;
}

static int unknown_command(const char *word)
{
	const struct command *near = nearest(word);
	if (near != NULL)
		return command_usage_error(NULL, "unknown command \"%s\"; is \"%s\" meant?", word, near->name);
	return command_usage_error(NULL, "unknown command \"%s\"", word);
}

static int run_call(struct call *call)
{
	const struct command *command = call->command;
	if (call->settings.help) {
		struct text help;
		text_init(&help, TEXT_NO_LIMIT);
		help_command(&help, command);
		return command_print(&help, EXIT_OK);
	}
	if (call->word_count < command->min_words)
		return command_usage_error(command, "%s wants %s", command->name, command->words);
	if (call->word_count > command->max_words)
		return command_usage_error(command, "%s: too many words: \"%s\"", command->name,
					   call->words[command->max_words]);
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	call->arena = &arena;
	int code = command->run(call);
	arena_done(&arena);
	return code;
}

static int run(const struct command *command, const struct keys *keys, int argc, char **argv)
{
	struct fail fail;
	struct call call = {.command = command};
	struct arena arena; /* of the settings: a command may empty its own */
	int first, code;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (settings_init(&call.settings, command->settings, environ, &arena, &fail) &&
	    settings_parse(&call.settings, command->settings, argc, argv, &first, &fail)) {
		call.settings.keys = keys;
		call.color = wants_color(&call.settings);
		call.words = argv + first;
		call.word_count = (size_t)(argc - first);
		code = run_call(&call);
	} else {
		code = command_usage_error(command, "%s", fail.text);
	}
	arena_done(&arena);
	return code;
}

int main(int argc, char **argv)
{
	int child = source_child_main(argc, argv);
	if (child < 0)
		child = helm_child_main(argc, argv);
	if (child >= 0)
		return child;
	signal(SIGPIPE, SIG_IGN);
	CLEANUP(keys_done) struct keys keys;
	keys_take(&keys); /* before anything is started that could see them */
	const char *word = argc > 1 ? argv[1] : "help";
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		word = "version";
	const struct command *command = command_find(word);
	if (command == NULL)
		return unknown_command(word);
	return argc > 1 ? run(command, &keys, argc - 1, argv + 1) : run(command, &keys, argc, argv);
}
