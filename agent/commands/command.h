/* The subcommands: one file and one row each. Help, man page and shell completion are printed from the rows.
 * Data goes to standard output, everything else to standard error. */
#ifndef AGENT_COMMANDS_COMMAND_H
#define AGENT_COMMANDS_COMMAND_H

#include "agent/settings/settings.h"
#include "base/arena.h"

struct call {
	const struct command *command;
	struct settings settings;
	char *const *words; /* positional arguments */
	size_t word_count;
	struct arena *arena; /* for the whole run */
	bool color;	     /* of standard output */
};

/* Of every command that talks to an Omni. */
#define OMNI_SETTINGS                                                                                                  \
	"omni", "omni-key-file", "omni-ca-file", "insecure-skip-tls-verify", "connection", "connection-key", \
	"secret-dir"

struct command {
	const char *name, *words; /* "render", "[PATH…]" */
	const char *summary;	  /* one line, no full stop */
	const char *doc;	  /* paragraphs */
	const char *examples;	  /* lines "# comment" and "$ command" */
	const char *const *settings; /* names, NULL-terminated */
	size_t min_words, max_words;
	int (*run)(struct call *call); /* exit code */
};

const struct command *command_at(size_t index); /* NULL past the end */
const struct command *command_find(const char *name);

/* "omniops: error: …" on standard error; returns EXIT_ERROR. */
int command_error(const struct fail *fail);
int command_usage_error(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print a finished text and free it; EXIT_ERROR when standard output cannot be written. */
int command_print(struct text *text, int exit_code);

/* --- help (help.c) ------------------------------------------------------------------------------------------ */
void help_overview(struct text *out);
void help_command(struct text *out, const struct command *command);
void help_man_page(struct text *out);
bool help_completion(struct text *out, const char *shell, struct fail *fail); /* bash, zsh, fish */

extern const struct command cmd_render, cmd_validate, cmd_plan, cmd_apply, cmd_delete, cmd_approve, cmd_status, cmd_health,
	cmd_get, cmd_snapshot, cmd_export, cmd_adopt, cmd_release, cmd_kubeconfig, cmd_talosconfig,
	cmd_agent, cmd_crds, cmd_explain, cmd_completion, cmd_version, cmd_help;

#endif
