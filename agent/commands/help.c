/* Help for people, from the tables of commands and settings. */
#include <ctype.h>
#include <string.h>

#include "agent/commands/command.h"

enum { WIDTH = 100 };

/* Words of `doc` wrapped at WIDTH behind `indent` spaces; the cursor stands at `column`. */
static void wrap(struct text *out, const char *doc, size_t indent, size_t column)
{
	struct span rest = span_of(doc), word;
	bool is_first = true;
	while (span_next(&rest, ' ', &word)) { /* bytes: at worst a little early */
		if (!is_first && column + 1 + word.len > WIDTH) {
			text_addc(out, '\n');
			text_pad(out, ' ', indent);
			column = indent;
		} else if (!is_first) {
			text_addc(out, ' ');
			column++;
		}
		text_add(out, word);
		column += word.len;
		is_first = false;
	}
	text_addc(out, '\n');
}

/* A line of the doc that ends a sentence ends a paragraph; the others flow. */
static void paragraphs(struct text *out, const char *doc)
{
	struct text flow;
	text_init(&flow, TEXT_NO_LIMIT);
	struct span rest = span_of(doc), line;
	while (span_next(&rest, '\n', &line)) {
		text_adds(&flow, flow.len > 0 ? " " : "");
		text_add(&flow, line);
		if (!span_ends(line, ".") && rest.ptr != NULL)
			continue;
		wrap(out, flow.ptr, 0, 0);
		text_reset(&flow);
	}
	text_done(&flow);
}

void help_overview(struct text *out)
{
	text_adds(out, "omniops turns Git into the state of Sidero Omni: it reads cluster declarations, shows what they\n"
		       "would change, holds what is dangerous, applies the rest, and keeps Git and Omni in agreement.\n\n"
		       "Usage: omniops COMMAND [flags] [arguments]\n\nCommands:\n");
	for (size_t i = 0; command_at(i) != NULL; i++)
		text_addf(out, "  %-11s %s\n", command_at(i)->name, command_at(i)->summary);
	text_adds(out, "\nTry it without an Omni: the embedded directory store stands in.\n"
		       "  omniops plan  --omni dir:/tmp/omni examples/homelab\n"
		       "  omniops apply --omni dir:/tmp/omni examples/homelab\n\n"
		       "Every flag can be set in the environment: --omni is OMNIOPS_OMNI (or OMNI_ENDPOINT).\n"
		       "omniops COMMAND --help tells more; the manual page is omniops(1).\n");
}

static void flag_head(struct text *out, const struct setting *setting)
{
	if (setting->letter != 0)
		text_addf(out, "-%c, ", setting->letter);
	text_addf(out, "--%s", setting->name);
	if (setting->value != NULL)
		text_addf(out, " %s", setting->value);
}

static void flag_doc(struct text *out, const struct setting *setting)
{
	text_adds(out, setting->doc);
	if (setting->choices != NULL) {
		text_adds(out, " One of:");
		for (size_t i = 0; setting->choices[i] != NULL; i++)
			text_addf(out, "%s %s", i == 0 ? "" : ",", setting->choices[i]);
		text_addc(out, '.');
	}
	if (setting->dflt != NULL)
		text_addf(out, " (default %s)", setting->dflt);
}

static void flag_lines(struct text *out, const struct setting *setting)
{
	enum { INDENT = 30 };
	size_t start = out->len;
	text_adds(out, "  ");
	flag_head(out, setting);
	size_t column = out->len - start;
	if (column + 1 >= INDENT) {
		text_addc(out, '\n');
		column = 0;
	}
	text_pad(out, ' ', INDENT - column);
	struct text doc;
	text_init(&doc, TEXT_NO_LIMIT);
	flag_doc(&doc, setting);
	wrap(out, doc.ptr, INDENT, INDENT);
	text_done(&doc);
}

void help_command(struct text *out, const struct command *command)
{
	text_addf(out, "omniops %s: %s.\n\nUsage: omniops %s [flags]%s%s\n", command->name, command->summary,
		  command->name, *command->words == '\0' ? "" : " ", command->words);
	if (command->doc != NULL) {
		text_addc(out, '\n');
		paragraphs(out, command->doc);
	}
	text_adds(out, "\nFlags:\n");
	for (size_t i = 0; command->settings[i] != NULL; i++)
		flag_lines(out, setting_find(command->settings[i]));
	if (command->examples != NULL)
		text_addf(out, "\nExamples:\n%s\n", command->examples);
}

/* --- manual page --------------------------------------------------------------------------------------------------- */

static void roff(struct text *out, const char *string)
{
	bool is_line_start = true;
	for (const char *c = string; *c != '\0'; c++) {
		if (is_line_start && (*c == '.' || *c == '\''))
			text_adds(out, "\\&");
		if (*c == '\\')
			text_adds(out, "\\e");
		else if (*c == '-')
			text_adds(out, "\\-");
		else
			text_addc(out, *c);
		is_line_start = *c == '\n';
	}
}

static void man_flag(struct text *out, const struct setting *setting)
{
	struct text part;
	text_init(&part, TEXT_NO_LIMIT);
	flag_head(&part, setting);
	text_adds(out, ".TP\n.B ");
	roff(out, part.ptr);
	text_addc(out, '\n');
	text_reset(&part);
	flag_doc(&part, setting);
	text_adds(&part, " Environment: ");
	setting_env_name(setting, &part);
	if (setting->extra_env != NULL)
		text_addf(&part, ", %s", setting->extra_env);
	text_addc(&part, '.');
	roff(out, part.ptr);
	text_addc(out, '\n');
	text_done(&part);
}

static void man_command(struct text *out, const struct command *command)
{
	text_addf(out, ".SS omniops %s %s\n", command->name, command->words);
	roff(out, command->summary);
	text_adds(out, ".\n");
	if (command->doc != NULL) {
		text_adds(out, ".PP\n");
		roff(out, command->doc);
		text_addc(out, '\n');
	}
	text_adds(out, ".PP\nFlags:");
	for (size_t i = 0; command->settings[i] != NULL; i++) {
		text_adds(out, i == 0 ? " " : ", ");
		text_adds(out, "\\-\\-");
		roff(out, command->settings[i]);
	}
	text_adds(out, ".\n");
	if (command->examples != NULL) {
		text_adds(out, ".PP\n.nf\n");
		roff(out, command->examples);
		text_adds(out, "\n.fi\n");
	}
}

void help_man_page(struct text *out)
{
	text_adds(out, ".TH OMNIOPS 1\n.SH NAME\nomniops \\- render, plan and apply Sidero Omni clusters from Git\n"
		       ".SH SYNOPSIS\n.B omniops\n.I COMMAND\n[flags] [arguments]\n.SH DESCRIPTION\n"
		       "omniops reads custom resources, omnictl cluster templates and raw Omni resources, renders one cluster\n"
		       "template per cluster, computes what that would change in Omni, holds what is dangerous and applies the\n"
		       "rest, once or continuously.\n.SH COMMANDS\n");
	for (size_t i = 0; command_at(i) != NULL; i++)
		man_command(out, command_at(i));
	text_adds(out, ".SH FLAGS\nEvery flag can also be set in the environment; the command line wins.\n");
	for (size_t i = 0; setting_at(i) != NULL; i++)
		man_flag(out, setting_at(i));
	text_adds(out, ".SH EXIT STATUS\n.TP\n0\nDone; nothing to change.\n.TP\n1\nAn error, wrong usage included.\n.TP\n2\n"
		       "omniops plan: there are changes.\n.TP\n3\nThere are changes that are held until they are approved.\n"
		       ".SH SEE ALSO\ngit(1), kubectl(1)\n");
}
