/* Shell completion, from the tables of commands and settings. */
#include <string.h>

#include "agent/commands/command.h"
#include "crds/schema.h"

static void add_words(struct text *out, const char *const *words, const char *separator)
{
	for (size_t i = 0; words[i] != NULL; i++)
		text_addf(out, "%s%s", i == 0 ? "" : separator, words[i]);
}

static void add_commands(struct text *out)
{
	for (size_t i = 0; command_at(i) != NULL; i++)
		text_addf(out, "%s%s", i == 0 ? "" : " ", command_at(i)->name);
}

static void add_kinds(struct text *out)
{
	for (size_t i = 0; kind_at(i) != NULL; i++)
		text_addf(out, "%s%s", i == 0 ? "" : " ", kind_at(i)->name);
}

static void bash(struct text *out)
{
	text_adds(out, "_omniops() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags=\n"
		       "\tCOMPREPLY=()\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	add_commands(out);
	text_adds(out, "\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $prev in\n");
	for (size_t i = 0; setting_at(i) != NULL; i++) {
		const struct setting *setting = setting_at(i);
		if (setting->value_kind == VALUE_ANY)
			continue;
		text_addf(out, "\t--%s) ", setting->name);
		if (setting->value_kind == VALUE_CHOICE) {
			text_adds(out, "COMPREPLY=($(compgen -W \"");
			add_words(out, setting->choices, " ");
			text_adds(out, "\" -- \"$cur\"))");
		} else {
			text_addf(out, "COMPREPLY=($(compgen -%c -- \"$cur\"))", setting->value_kind == VALUE_DIR ? 'd' : 'f');
		}
		text_adds(out, "; return ;;\n");
	}
	text_adds(out, "\tesac\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		text_addf(out, "\t%s) flags='", command_at(i)->name);
		for (size_t j = 0; command_at(i)->settings[j] != NULL; j++)
			text_addf(out, "%s--%s", j == 0 ? "" : " ", command_at(i)->settings[j]);
		text_adds(out, "' ;;\n");
	}
	text_adds(out, "\tesac\n\tcase $cur in\n\t-*) COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\")) ;;\n\t*)\n"
		       "\t\tcase ${COMP_WORDS[1]} in\n\t\texplain) COMPREPLY=($(compgen -W \"");
	add_kinds(out);
	text_adds(out, "\" -- \"$cur\")) ;;\n\t\tcompletion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$cur\")) ;;\n"
		       "\t\t*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\t\tesac ;;\n\tesac\n}\n"
		       "complete -o filenames -F _omniops omniops\n");
}

/* In single quotes of zsh and fish; brackets and colons are special to zsh's _arguments. */
static void quoted(struct text *out, const char *string, bool zsh)
{
	for (; *string != '\0'; string++) {
		if (*string == '\'')
			text_adds(out, zsh ? "'\\''" : "\\'");
		else if (zsh && (*string == '[' || *string == ']' || *string == ':'))
			text_addf(out, "\\%c", *string);
		else
			text_addc(out, *string);
	}
}

static void zsh_flag(struct text *out, const struct setting *setting)
{
	text_addf(out, "\t\t\t'--%s%s[", setting->name, setting->type == SETTING_FLAG ? "" : "=");
	quoted(out, setting->doc, true);
	text_adds(out, "]");
	if (setting->type != SETTING_FLAG) {
		text_addf(out, ":%s:", setting->value);
		if (setting->value_kind == VALUE_CHOICE) {
			text_adds(out, "(");
			add_words(out, setting->choices, " ");
			text_adds(out, ")");
		} else if (setting->value_kind != VALUE_ANY) {
			text_adds(out, setting->value_kind == VALUE_DIR ? "_files -/" : "_files");
		}
	}
	text_adds(out, "' \\\n");
}

static void zsh(struct text *out)
{
	text_adds(out, "#compdef omniops\n_omniops() {\n\tlocal -a commands=(\n");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		text_addf(out, "\t\t'%s:", command_at(i)->name);
		quoted(out, command_at(i)->summary, true);
		text_adds(out, "'\n");
	}
	text_adds(out, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		text_addf(out, "\t%s)\n\t\t_arguments \\\n", command_at(i)->name);
		for (size_t j = 0; command_at(i)->settings[j] != NULL; j++)
			zsh_flag(out, setting_find(command_at(i)->settings[j]));
		text_adds(out, "\t\t\t'*:argument:_files' ;;\n");
	}
	text_adds(out, "\tesac\n}\n_omniops \"$@\"\n");
}

static void fish(struct text *out)
{
	text_adds(out, "complete -c omniops -n __fish_use_subcommand -f -a '");
	add_commands(out);
	text_adds(out, "'\n");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		const struct command *command = command_at(i);
		text_addf(out, "complete -c omniops -n __fish_use_subcommand -f -a %s -d '", command->name);
		quoted(out, command->summary, false);
		text_adds(out, "'\n");
		for (size_t j = 0; command->settings[j] != NULL; j++) {
			const struct setting *setting = setting_find(command->settings[j]);
			text_addf(out, "complete -c omniops -n '__fish_seen_subcommand_from %s' -l %s%s -d '", command->name,
				  setting->name, setting->type == SETTING_FLAG ? "" : " -r");
			quoted(out, setting->doc, false);
			text_adds(out, "'");
			if (setting->value_kind == VALUE_CHOICE) {
				text_adds(out, " -f -a '");
				add_words(out, setting->choices, " ");
				text_adds(out, "'");
			}
			text_adds(out, "\n");
		}
	}
	text_adds(out, "complete -c omniops -n '__fish_seen_subcommand_from explain' -f -a '");
	add_kinds(out);
	text_adds(out, "'\ncomplete -c omniops -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n");
}

bool help_completion(struct text *out, const char *shell, struct fail *fail)
{
	static const struct {
		const char *name;
		void (*print)(struct text *out);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].print(out);
			return true;
		}
	return fail_set(fail, FAIL_INVALID, "no completion for the shell \"%s\"; there is one for bash, zsh and fish", shell);
}
