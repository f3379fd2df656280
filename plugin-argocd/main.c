/* omniops-argocd: the config management plugin of Argo CD. Renders only: no network, no credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/objects.h"

static const char usage[] =
	"omniops-argocd: Argo CD config management plugin of omniops\n\n"
	"Usage: omniops-argocd COMMAND [PATH…]\n\n"
	"  generate    print the custom resources, and a ConfigMap with the rendered Omni template of every cluster\n"
	"  discover    print the files that this plugin is for; nothing when there are none\n"
	"  parameters  print the parameters for Argo CD's form, as JSON\n"
	"  version     print the version\n\n"
	"PATH defaults to the working directory, where Argo CD puts the application's source.\n"
	"The parameter mode (PARAM_MODE): pass-through prints all, render-only prints the ConfigMaps alone.\n";

static bool read_file(void *ctx, struct span file, struct span *out_bytes)
{
	struct tree *tree = ctx;
	return tree->read != NULL && tree->read(tree->ctx, file, out_bytes, NULL);
}

static void print_diags(const struct fleet *fleet, struct tree *tree)
{
	struct text out;
	struct diag_source source = {read_file, tree};
	text_init(&out, TEXT_NO_LIMIT);
	diag_print(&out, &fleet->diags, DIAG_TEXT, &source, false);
	fwrite(out.ptr, 1, out.len, stderr);
	text_done(&out);
}

static int failed(const char *words)
{
	fprintf(stderr, "omniops-argocd: error: %s\n", words);
	return 1;
}

static int flush(struct text *out)
{
	bool ok = fwrite(out->ptr, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
	text_done(out);
	return ok ? 0 : failed("standard output cannot be written");
}

/* Never a partial output: Argo CD would prune what is missing. */
static int print_objects(struct fleet *fleet, struct tree *tree, enum objects_mode mode)
{
	if (fleet->diags.error_count > 0) {
		print_diags(fleet, tree);
		fprintf(stderr, "omniops-argocd: %zu errors, nothing is printed; after fixing them use a hard refresh\n",
			fleet->diags.error_count);
		return 1;
	}
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (objects_print(&out, fleet, mode, OMNIOPS_VERSION) == 0) {
		text_done(&out);
		return failed("there is nothing for this plugin here (no custom resource of omni.texashpc.com, no template); "
			      "check spec.source.path of the Application");
	}
	return flush(&out);
}

static int generate(struct arena *arena, const char *const *paths, size_t count)
{
	enum objects_mode mode = OBJECTS_PASS_THROUGH;
	const char *wanted = getenv("PARAM_MODE");
	if (wanted != NULL && *wanted != '\0' && !objects_mode_parse(span_of(wanted), &mode))
		return failed("the parameter mode is neither pass-through nor render-only");
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fleet fleet;
	struct tree tree;
	struct fail fail;
	options.translate = false;
	fleet_init(&fleet, arena, &options);
	tree_init(&tree, arena);
	if (!tree_from_paths(&tree, NULL, paths, count, &fleet.diags, &fail) || !fleet_load(&fleet, &tree, &fail))
		return failed(fail.text);
	return print_objects(&fleet, &tree, mode);
}

/* By content, without parsing: Argo CD asks this of every application without a named plugin. */
static int discover(struct arena *arena, const char *const *paths, size_t count)
{
	struct diag_list diags;
	struct tree tree;
	struct fail fail;
	struct text out;
	diag_list_init(&diags, arena);
	tree_init(&tree, arena);
	text_init(&out, TEXT_NO_LIMIT);
	if (!tree_from_paths(&tree, NULL, paths, count, &diags, &fail))
		return failed(fail.text);
	for (size_t i = 0; i < tree.input_count; i++) {
		struct span bytes = tree.inputs[i].bytes;
		if (bytes.ptr == NULL && !tree.read(tree.ctx, tree.inputs[i].path, &bytes, &fail))
			continue;
		if (span_contains(bytes, "apiVersion: omni.texashpc.com/") || span_contains(bytes, "\"omni.texashpc.com/v"))
			text_addf(&out, "%.*s\n", SPAN_ARG(tree.inputs[i].path));
	}
	return flush(&out);
}

static int parameters(struct arena *arena, const char *const *paths, size_t count)
{
	(void)arena;
	(void)paths;
	(void)count;
	struct text out;
	text_init(&out, 4096);
	text_adds(&out, "[{\"name\":\"mode\",\"title\":\"Output\",\"tooltip\":\"pass-through: custom resources and rendered "
			"templates; render-only: rendered templates\",\"string\":\"pass-through\"}]\n");
	return flush(&out);
}

static int print_version(struct arena *arena, const char *const *paths, size_t count)
{
	(void)arena;
	(void)paths;
	(void)count;
	struct text out;
	text_init(&out, 256);
	text_adds(&out, "omniops-argocd " OMNIOPS_VERSION "\n");
	return flush(&out);
}

static const struct {
	const char *name;
	int (*run)(struct arena *arena, const char *const *paths, size_t count);
} commands[] = {
	{"generate", generate}, {"discover", discover}, {"parameters", parameters}, {"version", print_version}};

int main(int argc, char **argv)
{
	static const char *const here[] = {"."};
	const char *word = argc > 1 ? argv[1] : "--help";
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return fputs(usage, stdout) < 0;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].name, word) != 0)
			continue;
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		bool has_paths = argc > 2;
		int code = commands[i].run(&arena, has_paths ? (const char *const *)argv + 2 : here,
					   has_paths ? (size_t)argc - 2 : 1);
		arena_done(&arena);
		return code;
	}
	fprintf(stderr, "omniops-argocd: unknown command \"%s\"; it knows generate, discover, parameters and version\n", word);
	return 1;
}
