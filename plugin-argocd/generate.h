/* What Argo CD applies for a directory. Never a part of it: Argo CD would prune what is missing. */
#ifndef PLUGIN_ARGOCD_GENERATE_H
#define PLUGIN_ARGOCD_GENERATE_H

#include "base/arena.h"
#include "plugin-argocd/parameters.h"

/* Either true, and `out` is everything, or false, and `out` is the message for a person. Warnings go to out_warnings.
 * `ns` is where the Application applies to, and may be empty, as may be its name. */
bool generate(struct arena *arena, const struct parameters *parameters, struct span ns, struct span application,
	      struct text *out, struct text *out_warnings);

#endif
