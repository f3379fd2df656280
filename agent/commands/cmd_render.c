/* omniops render: templates, resources or ConfigMaps of every cluster. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/commands/command.h"
#include "agent/commands/input.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "render/configmap.h"

/* A template, or what `write` made of the cluster. */
static void print_text(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	(void)arena;
	text_add(out, cluster->template_text);
}

static void print_resources(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	(void)arena;
	for (size_t i = 0; i < cluster->resources.count; i++) {
		if (i > 0)
			text_adds(out, "---\n");
		resource_print(out, cluster->resources.items[i], false);
	}
}

static void write_configmap(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	configmap_print(out, arena, cluster, OMNIOPS_VERSION);
}

/* Only what is printed is computed. */
static const struct form {
	const char *name;
	void (*print)(struct text *out, struct arena *arena, const struct cluster *cluster);
	void (*write)(struct text *out, struct arena *arena, const struct cluster *cluster);
	bool has_raws, has_hash, is_translated;
} forms[] = {
	{"template", print_text, NULL, false, false, false},
	{"resources", print_resources, NULL, true, false, true},
	{"configmap", print_text, write_configmap, false, true, false},
};

struct rendering {
	struct call *call;
	const struct form *form;
	struct text out;
	struct arena arena; /* of one cluster at a time */
	bool is_begun; /* something is printed: a separator is due */
};

static bool flush(struct text *out, struct fail *fail)
{
	if (fwrite(out->ptr, 1, out->len, stdout) != out->len)
		return fail_errno(fail, errno, "writing to standard output");
	text_reset(out);
	return true;
}

static void separate(struct rendering *rendering)
{
	if (rendering->is_begun)
		text_adds(&rendering->out, "---\n");
	rendering->is_begun = true;
}

static bool print_cluster(void *ctx, const struct cluster *cluster, struct fail *fail)
{
	enum { ENOUGH = 1 << 16 };
	struct rendering *rendering = ctx;
	struct text *out = &rendering->out;
	const char *directory = rendering->call->settings.out_dir;
	if (directory == NULL)
		separate(rendering);
	arena_rewind(&rendering->arena);
	rendering->form->print(out, &rendering->arena, cluster);
	if (directory == NULL)
		return out->len < ENOUGH || flush(out, fail);
	struct span path = arena_spanf(&rendering->arena, "%s/%.*s.yaml", directory, SPAN_ARG(cluster->name));
	bool ok = files_write(path.ptr, text_span(out), 0644, fail);
	text_reset(out);
	return ok;
}

static void print_raws(struct rendering *rendering, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->raw_count; i++) {
		separate(rendering);
		resource_print(&rendering->out, fleet->raws[i]->resource, false);
	}
}

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return NULL;
}

static bool print_all(struct rendering *rendering, struct fleet *fleet, struct fail *fail)
{
	const char *out_dir = rendering->call->settings.out_dir;
	if (out_dir != NULL && !files_make_dirs(out_dir, 0755, fail))
		return false;
	if (rendering->form->has_raws && out_dir == NULL)
		print_raws(rendering, fleet);
	return fleet_each(fleet, print_cluster, rendering, fail);
}

static int run_render(struct call *call)
{
	const char *output = call->settings.output == NULL ? "template" : call->settings.output;
	const struct form *form = find_form(output);
	if (form == NULL)
		return command_usage_error(call->command, "render prints template, resources or configmap, not \"%s\"", output);
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	options.render = options.stream = options.text_only = options.check_ids = !form->is_translated;
	options.translate = options.drop_template_docs = form->is_translated;
	options.write = form->write;
	options.no_hash = !form->has_hash;
	struct input input;
	struct fail fail;
	if (!input_read_good_with(call, &options, &input))
		return EXIT_ERROR;
	struct rendering rendering = {.call = call, .form = form};
	text_init(&rendering.out, TEXT_NO_LIMIT);
	arena_init(&rendering.arena, ARENA_NO_LIMIT);
	bool ok = print_all(&rendering, &input.fleet, &fail);
	arena_done(&rendering.arena);
	if (ok)
		return command_print(&rendering.out, EXIT_OK);
	text_done(&rendering.out);
	return command_error(&fail);
}

static const char *const settings[] = {"output", "out", "rules", "no-schema", "root", "color", "help", NULL};

const struct command cmd_render = {
	"render", "[PATH…]", "Print what every cluster comes to",
	"Output: template (the Omni cluster template), resources (the Omni resources that the template stands for, as\n"
	"omnictl cluster template render prints them) or configmap. The same input gives the same bytes everywhere.",
	"  $ omniops render clusters/\n  $ omniops render -o resources --out rendered/ clusters/",
	settings, 0, 1000000, run_render,
};
