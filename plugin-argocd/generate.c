#include "plugin-argocd/generate.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/enclose.h"
#include "crds/pattern.h"
#include "plugin-argocd/job.h"
#include "plugin-argocd/top.h"
#include "render/diag_brief.h"
#include "render/emit.h"

/* Argo CD takes no more than 100 MiB in one answer. */
enum { OUTPUT_MAX = 95 << 20 };

struct generating {
	struct arena *arena;
	const struct parameters *parameters;
	struct span ns, application;
	struct fleet fleet;
	struct tree tree;
};

/* The paths become absolute: they are relative to the application, the tree begins at its top. */
static bool absolute(struct arena *arena, struct span cwd, struct span top, struct span path, const char **out,
		     struct fail *fail)
{
	struct span clean, application = {cwd.ptr + top.len, cwd.len - top.len};
	if (path.ptr[0] == '/' && path.len > top.len && path.ptr[top.len] == '/' &&
	    memcmp(path.ptr, top.ptr, top.len) == 0) {
		application = SPAN("");
		path = (struct span){path.ptr + top.len + 1, path.len - top.len - 1};
	}
	if (application.len > 0) { /* its slash */
		application.ptr++;
		application.len--;
	}
	if (!tree_resolve(arena, application, path, &clean))
		return fail_set(fail, FAIL_INVALID, "the path \"%.*s\" is not inside of the repository", SPAN_ARG(path));
	*out = arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(top), SPAN_ARG(clean)).ptr;
	return true;
}

static bool load(struct generating *generating, struct fail *fail)
{
	struct arena *arena = generating->arena;
	const struct parameters *parameters = generating->parameters;
	CLEANUP(free_ptr) char *directory = getcwd(NULL, 0);
	if (directory == NULL)
		return fail_errno(fail, errno, "cannot find the working directory");
	struct span cwd = arena_copy(arena, span_of(directory)), top = top_find(arena, cwd);
	const char **paths = ARENA_ARRAY(arena, const char *, parameters->path_count + 1);
	paths[0] = cwd.ptr;
	for (size_t i = 0; i < parameters->path_count; i++)
		if (!absolute(arena, cwd, top, parameters->paths[i], &paths[i], fail))
			return false;
	size_t count = parameters->path_count > 0 ? parameters->path_count : 1;
	const char *root = top.len > 0 ? top.ptr : "/";
	return enclose_by_environment(root, fail) &&
	       tree_from_paths(&generating->tree, root, paths, count, &generating->fleet.diags, fail) &&
	       fleet_load(&generating->fleet, &generating->tree, fail);
}

static bool explain_faults(const struct diag_list *diags, struct text *out)
{
	diag_print_brief(out, diags, BRIEF_LINES - 1); /* the first line is what people see: what is wrong, and where */
	text_addf(out, "%zu error%s, nothing is generated\n", diags->error_count, diags->error_count == 1 ? "" : "s");
	return false;
}

static bool explain(struct text *out, const char *words)
{
	text_reset(out);
	text_addf(out, "error: %s\n", words);
	return false;
}

static bool add_jobs(const struct generating *generating, struct text *out, struct fail *fail)
{
	struct node_list list = {0};
	if (!generating->parameters->is_job)
		return true;
	if (!job_add(generating->arena, &generating->fleet, generating->parameters, generating->application, generating->ns, &list,
		     fail))
		return false;
	for (size_t i = 0; i < list.count; i++) {
		text_adds(out, "---\n");
		emit_document(out, &list.items[i], EMIT_RESOURCE, false);
	}
	return true;
}

static bool print(struct generating *generating, struct text *out, struct text *out_warnings)
{
	struct fail fail = {0};
	struct objects objects;
	struct objects_options options = {
		.mode = generating->parameters->mode,
		.ns = generating->ns,
		.version = OMNIOPS_VERSION,
		.ask_before_delete = generating->parameters->ask_before_delete,
		.mask_key = generating->parameters->mask_key,
	};
	objects_make(generating->arena, &generating->fleet, &options, &objects);
	if (generating->fleet.diags.error_count > 0)
		return explain_faults(&generating->fleet.diags, out);
	if (generating->fleet.is_incomplete)
		return explain(out, "a file could not be read, so nothing is generated");
	bool is_empty = objects.known_count == 0 || objects.count == 0;
	if (is_empty && !generating->parameters->allow_empty)
		return explain(out, "nothing is declared here: no custom resource of omni.texashpc.com, no cluster template, no "
				    "Omni resource. Check spec.source.path of the Application and the parameter paths. If "
				    "everything is to be pruned, set the parameter allow-empty to \"true\"");
	objects_print(out, &objects);
	if (!add_jobs(generating, out, &fail))
		return explain(out, fail.text);
	if (!text_ok(out))
		return explain(out, "the output is larger than Argo CD takes in one answer; split the Application");
	diag_print_brief(out_warnings, &generating->fleet.diags, BRIEF_LINES);
	return true;
}

bool generate(struct arena *arena, const struct parameters *parameters, struct span ns, struct span application,
	      struct text *out, struct text *out_warnings)
{
	struct generating generating = {.arena = arena, .parameters = parameters, .ns = ns, .application = application};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail = {0};
	out->max = OUTPUT_MAX;
	if (ns.len > 0 && !PATTERN_DNS_LABEL.matches(ns))
		return explain(out, "ARGOCD_APP_NAMESPACE is not the name of a namespace");
	options.translate = false;
	options.rules = parameters->rules;
	options.default_ns = ns;
	fleet_init(&generating.fleet, arena, &options);
	tree_init(&generating.tree, arena);
	if (!load(&generating, &fail))
		return explain(out, fail.text);
	return print(&generating, out, out_warnings);
}
