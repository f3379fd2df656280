/* omniops render: templates, resources or ConfigMaps of every cluster. */
#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "agent/input.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "render/configmap.h"

static void print_template(struct text *out, struct arena *arena, const struct cluster *cluster)
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

static void print_configmap(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	configmap_print(out, arena, cluster, OMNIOPS_VERSION);
}

static const struct {
	const char *name;
	void (*print)(struct text *out, struct arena *arena, const struct cluster *cluster);
	bool has_raws;
} forms[] = {
	{"template", print_template, false}, {"resources", print_resources, true}, {"configmap", print_configmap, false},
};

static bool write_file(struct call *call, const struct cluster *cluster, struct text *text, struct fail *fail)
{
	struct span path = arena_spanf(call->arena, "%s/%.*s.yaml", call->settings.out_dir, SPAN_ARG(cluster->name));
	return files_write(path.ptr, text_span(text), 0644, fail);
}

static void print_raws(struct text *out, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->raw_count; i++) {
		if (out->len > 0)
			text_adds(out, "---\n");
		resource_print(out, fleet->raws[i]->resource, false);
	}
}

static int run_render(struct call *call)
{
	const char *output = call->settings.output == NULL ? "template" : call->settings.output;
	size_t form = 0;
	while (form < COUNT_OF(forms) && strcmp(forms[form].name, output) != 0)
		form++;
	if (form == COUNT_OF(forms))
		return command_usage_error(call->command, "render prints template, resources or configmap, not \"%s\"", output);
	struct input input;
	struct fail fail;
	if (!input_read_good(call, &input))
		return EXIT_ERROR;
	const char *out_dir = call->settings.out_dir;
	if (out_dir != NULL && !files_make_dirs(out_dir, 0755, &fail))
		return command_error(&fail);
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (forms[form].has_raws && out_dir == NULL)
		print_raws(&out, &input.fleet);
	for (size_t i = 0; i < input.fleet.cluster_count; i++) {
		if (out.len > 0)
			text_adds(&out, "---\n");
		forms[form].print(&out, call->arena, input.fleet.clusters[i]);
		if (out_dir == NULL)
			continue;
		if (!write_file(call, input.fleet.clusters[i], &out, &fail)) {
			text_done(&out);
			return command_error(&fail);
		}
		text_reset(&out);
	}
	return command_print(&out, EXIT_OK);
}

static const char *const settings[] = {"output", "out", "rules", "no-schema", "root", "color", "help", NULL};

const struct command cmd_render = {
	"render", "[PATH…]", "Print what every cluster comes to",
	"Output: template (the Omni cluster template), resources (the Omni resources that the template stands for, as\n"
	"omnictl cluster template render prints them) or configmap. The same input gives the same bytes everywhere.",
	"  $ omniops render clusters/\n  $ omniops render -o resources --out rendered/ clusters/",
	settings, 0, 1000000, run_render,
};
