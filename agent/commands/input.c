#include "agent/commands/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/settings/rules.h"

bool input_read_with(struct call *call, const struct fleet_options *wanted, struct input *out, struct fail *fail)
{
	static const char *const here[] = {"."};
	struct fleet_options options = *wanted;
	rules_take_settings(&call->settings, &options);
	fleet_init(&out->fleet, call->arena, &options);
	tree_init(&out->tree, call->arena);
	bool is_default = call->word_count == 0;
	return tree_from_paths(&out->tree, call->settings.root, is_default ? here : (const char *const *)call->words,
			       is_default ? 1 : call->word_count, &out->fleet.diags, fail) &&
	       fleet_load(&out->fleet, &out->tree, fail);
}

bool input_read(struct call *call, struct input *out, struct fail *fail)
{
	return input_read_with(call, &FLEET_OPTIONS_DEFAULT, out, fail);
}

static bool read_file(void *ctx, struct span file, struct span *out_bytes)
{
	struct tree *tree = ctx;
	return tree->read != NULL && tree->read(tree->ctx, file, out_bytes, NULL);
}

struct diag_source input_source(struct tree *tree)
{
	return (struct diag_source){read_file, tree};
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static bool has_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	return isatty(STDERR_FILENO) && (no_color == NULL || *no_color == '\0');
}

void input_print_faults(struct input *input, const struct diag_list *faults)
{
	struct diag_source source = {0};
	struct text out;
	if (input != NULL)
		source = input_source(&input->tree);
	text_init(&out, TEXT_NO_LIMIT);
	diag_print(&out, faults, DIAG_TEXT, input == NULL ? NULL : &source, has_colour());
	fwrite(out.ptr, 1, out.len, stderr);
	text_done(&out);
}

void input_print_diags(struct input *input, bool with_notes)
{
	struct diag_list *list = &input->fleet.diags;
	if (list->count == 0 || (!with_notes && list->error_count + list->warning_count == 0))
		return;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	struct diag_source source = input_source(&input->tree);
	diag_print(&out, list, DIAG_TEXT, &source, has_colour());
	text_addf(&out, "%zu error%s, %zu warning%s\n", list->error_count, plural(list->error_count), list->warning_count,
		  plural(list->warning_count));
	fwrite(out.ptr, 1, out.len, stderr);
	text_done(&out);
}

bool input_read_good(struct call *call, struct input *out)
{
	return input_read_good_with(call, &FLEET_OPTIONS_DEFAULT, out);
}

bool input_read_good_with(struct call *call, const struct fleet_options *options, struct input *out)
{
	struct fail fail;
	if (!input_read_with(call, options, out, &fail)) {
		input_print_diags(out, false);
		command_error(&fail);
		return false;
	}
	input_print_diags(out, false);
	return out->fleet.diags.error_count == 0;
}
