/* omniops-argocd: the config management plugin of Argo CD. Renders only: no network, no credentials. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugin-argocd/discover.h"
#include "plugin-argocd/generate.h"

static const char usage[] =
	"omniops-argocd: Argo CD config management plugin of omniops\n\n"
	"Usage: omniops-argocd COMMAND [FLAG…] [PATH…]\n\n"
	"  generate    print the custom resources, and a ConfigMap with the rendered Omni template of every cluster\n"
	"  discover    print the first file that this plugin is for; nothing when there is none\n"
	"  parameters  print the parameters for Argo CD's form, as JSON\n"
	"  version     print the version\n\n"
	"  --allow-empty  generate: success also when nothing is declared\n\n"
	"PATH defaults to the working directory, where Argo CD puts the source of the Application. Parameters come from\n"
	"ARGOCD_APP_PARAMETERS (or PARAM_MODE, PARAM_PATHS_0, …), the namespace of objects that name none from\n"
	"ARGOCD_APP_NAMESPACE. Exit status 1: nothing was printed, and standard error says why.\n";

struct command_line {
	struct arena *arena;
	bool allow_empty;
	char **paths;
	int path_count;
};

static int failed(const char *words)
{
	fprintf(stderr, "error: %s\n", words);
	return 1;
}

static int flush(struct text *out)
{
	bool ok = fwrite(out->ptr, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
	text_done(out);
	return ok ? 0 : failed("standard output cannot be written");
}

static int run_generate(const struct command_line *line)
{
	struct parameters parameters;
	struct fail fail;
	struct text out, warnings;
	const char *ns = getenv("ARGOCD_APP_NAMESPACE"), *application = getenv("ARGOCD_APP_NAME");
	if (!parameters_read(line->arena, &parameters, &fail))
		return failed(fail.text);
	parameters.allow_empty |= line->allow_empty;
	for (int i = 0; i < line->path_count; i++)
		ARENA_PUSH(line->arena, parameters.paths, parameters.path_count, parameters.path_cap) =
			span_of(line->paths[i]);
	text_init(&out, TEXT_NO_LIMIT);
	text_init(&warnings, TEXT_NO_LIMIT);
	bool ok = generate(line->arena, &parameters, ns == NULL ? SPAN("") : span_of(ns),
			   application == NULL ? SPAN("") : span_of(application), &out, &warnings);
	const struct text *message = ok ? &warnings : &out;
	fwrite(message->ptr, 1, message->len, stderr);
	text_done(&warnings);
	if (ok)
		return flush(&out);
	text_done(&out);
	return 1;
}

static int run_discover(const struct command_line *line)
{
	struct fail fail;
	struct span file;
	struct text out;
	const char *path = line->path_count > 0 ? line->paths[0] : ".";
	if (!discover_find(line->arena, path, &file, &fail))
		return failed(fail.text);
	text_init(&out, TEXT_NO_LIMIT);
	if (file.len > 0)
		text_addf(&out, "%.*s\n", SPAN_ARG(file));
	return flush(&out);
}

static int run_parameters(const struct command_line *line)
{
	(void)line;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	parameters_announce(&out);
	return flush(&out);
}

static int run_version(const struct command_line *line)
{
	(void)line;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	text_adds(&out, "omniops-argocd " OMNIOPS_VERSION "\n");
	return flush(&out);
}

static int run_help(const struct command_line *line)
{
	(void)line;
	return fputs(usage, stdout) < 0;
}

static const struct {
	const char *name;
	int (*run)(const struct command_line *line);
} commands[] = {{"generate", run_generate},
		{"discover", run_discover},
		{"parameters", run_parameters},
		{"version", run_version},
		{"help", run_help}};

static const struct option flags[] = {{"allow-empty", no_argument, NULL, 'e'}, {"help", no_argument, NULL, 'h'}, {0}};

static int run(struct arena *arena, const char *word, int argc, char **argv)
{
	struct command_line line = {.arena = arena};
	for (int flag = getopt_long(argc, argv, "h", flags, NULL); flag != -1; flag = getopt_long(argc, argv, "h", flags, NULL)) {
		if (flag == 'h')
			return run_help(&line);
		if (flag != 'e')
			return 1;
		line.allow_empty = true;
	}
	line.paths = argv + optind;
	line.path_count = argc - optind;
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, word) == 0)
			return commands[i].run(&line);
	fprintf(stderr, "error: unknown command \"%s\"; it knows generate, discover, parameters and version\n", word);
	return 1;
}

int main(int argc, char **argv)
{
	struct arena arena;
	const char *word = argc > 1 ? argv[1] : "help";
	if (word[0] == '-')
		word = "help";
	arena_init(&arena, ARENA_NO_LIMIT);
	int code = run(&arena, word, argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
	arena_done(&arena);
	return code;
}
