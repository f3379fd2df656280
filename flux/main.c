/* omniops-flux: rendering as a filter, for the places around Flux where a program can run (its controllers run none):
 * a KRM function (kustomize build --enable-exec) and a Helm post-renderer, told apart by what comes in. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/enclose.h"
#include "flux/render.h"
#include "render/mask.h"

static const char usage[] =
	"omniops-flux: adds the rendered Omni template of every cluster, as a ConfigMap\n\n"
	"Usage: omniops-flux < INPUT > OUTPUT\n\n"
	"INPUT is a ResourceList (KRM function: the ConfigMaps are added to its items) or a stream of manifests (Helm\n"
	"post-renderer: the stream comes out unchanged, the ConfigMaps behind it). As a KRM function whose configuration has\n"
	"spec.paths it reads those files and directories instead. Files that templates name are read below the working\n"
	"directory. Faults go to standard error and the exit status is 1.\n\n"
	"  version           print the version\n"
	"  --allow-empty     an empty input is no error\n"
	"  --flux-variables  Flux applies what comes out with variable substitution (postBuild): warn where it would change texts\n"
	"                    of patches, manifests and charts\n";

static int failed(const char *words)
{
	fprintf(stderr, "omniops-flux: error: %s\n", words);
	return 1;
}

/* Standard input, and the working directory as the tree behind it. */
static bool read_input(struct run *run, struct fail *fail)
{
	static const char *const standard_input[] = {"-"};
	const struct diag_list *diags = &run->fleet.diags;
	tree_init(&run->tree, run->arena);
	if (!tree_from_paths(&run->tree, ".", standard_input, 1, &run->fleet.diags, fail))
		return false;
	if (run->tree.input_count == 0)
		return fail_set(fail, FAIL_IO, "%.*s", diags->count > 0 ? (int)diags->items[0].message.len : 0,
				diags->count > 0 ? diags->items[0].message.ptr : "");
	run->input = run->tree.inputs[0].bytes;
	run->tree.input_count = 0;
	return true;
}

static bool answer(struct run *run, bool allow_empty, struct fail *fail)
{
	struct node list;
	if (!enclose_by_environment(".", fail) || !read_input(run, fail))
		return false;
	bool is_empty = span_trim(run->input).len == 0;
	if (is_empty && !allow_empty)
		return fail_set(fail, FAIL_INVALID, "standard input is empty; if nothing is meant, give --allow-empty");
	return krm_is_list(run->arena, run->input, &list) ? krm_answer(run, &list, fail) : stream_answer(run, fail);
}

static int filter(bool allow_empty, bool flux_variables)
{
	struct arena arena;
	struct fail fail = {0};
	const char *mask_key = getenv(MASK_KEY_VARIABLE);
	struct run run = {.arena = &arena, .mask_key = mask_key == NULL ? SPAN("") : span_of(mask_key),
			  .warns_of_variables = flux_variables};
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&run.out, TEXT_NO_LIMIT);
	text_init(&run.message, TEXT_NO_LIMIT);
	render_open(&run);
	int code = answer(&run, allow_empty, &fail) ? 0 : 1;
	fwrite(run.message.ptr, 1, run.message.len, stderr);
	if (fail.code != FAIL_NONE)
		code = failed(fail.text);
	if (fwrite(run.out.ptr, 1, run.out.len, stdout) != run.out.len || fflush(stdout) != 0)
		code = failed("standard output cannot be written");
	text_done(&run.out);
	text_done(&run.message);
	arena_done(&arena);
	return code;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (strcmp(word, "version") == 0)
		return puts("omniops-flux " OMNIOPS_VERSION) < 0;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return fputs(usage, stdout) < 0;
	bool allow_empty = false, flux_variables = false;
	for (int i = 1; i < argc; i++) {
		bool is_empty = strcmp(argv[i], "--allow-empty") == 0, is_variables = strcmp(argv[i], "--flux-variables") == 0;
		if (!is_empty && !is_variables)
			return failed("it takes --allow-empty and --flux-variables; see omniops-flux --help");
		allow_empty |= is_empty;
		flux_variables |= is_variables;
	}
	return filter(allow_empty, flux_variables);
}
