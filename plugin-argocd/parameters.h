/* The parameters of an Application's plugin section: one table is the form that Argo CD shows, the check, and the help. */
#ifndef PLUGIN_ARGOCD_PARAMETERS_H
#define PLUGIN_ARGOCD_PARAMETERS_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/text.h"
#include "render/objects.h"

struct parameters {
	enum objects_mode mode;
	struct span *paths; /* below the working directory; none: all of it */
	size_t path_count, path_cap;
	bool ask_before_delete, allow_empty;
	bool is_job; /* mode is render-only then, and a Job is added */
	struct span job_image, job_endpoint, job_secret, job_gate;
	enum omni_rules rules;
	struct span mask_key; /* of the sidecar, not of an Application; may be empty */
};

/* From ARGOCD_APP_PARAMETERS, or, where that is not set, from PARAM_…. Unknown parameters and wrong values are failures
 * that name the right ones. */
bool parameters_read(struct arena *arena, struct parameters *out, struct fail *fail);

/* What `generate` has to know before it reads: an announcement for every parameter, as a JSON array. */
void parameters_announce(struct text *out);

#endif
