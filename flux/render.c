#include "flux/render.h"

#include "render/diag_brief.h"
#include "render/flux_variables.h"

void render_open(struct run *run)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	options.translate = false;
	fleet_init(&run->fleet, run->arena, &options);
}

bool render_load(struct run *run, struct fail *fail)
{
	if (!fleet_load(&run->fleet, &run->tree, fail))
		return false;
	flux_variables_check(&run->fleet, run->warns_of_variables);
	diag_sort(&run->fleet.diags);
	return true;
}

bool render_objects(struct run *run, enum objects_mode mode, struct objects *out)
{
	struct objects_options options = {.mode = mode, .version = OMNIOPS_VERSION, .mask_key = run->mask_key};
	objects_make(run->arena, &run->fleet, &options, out);
	const struct diag_list *diags = &run->fleet.diags;
	bool ok = diags->error_count == 0 && !run->fleet.is_incomplete;
	diag_print_brief(&run->message, diags, BRIEF_LINES);
	if (!ok)
		text_addf(&run->message, "omniops-flux: %zu error%s, nothing is rendered\n", diags->error_count,
			  diags->error_count == 1 ? "" : "s");
	return ok;
}
