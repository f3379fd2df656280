/* Flux's kustomize-controller can replace ${NAME} in everything that it applies (postBuild), also in texts that are not meant for
 * it: scripts in patches and manifests. Who reads the same files without Flux sees nothing of that. */
#ifndef RENDER_FLUX_VARIABLES_H
#define RENDER_FLUX_VARIABLES_H

#include "render/fleet.h"

/* What follows "${" or "$" at the beginning of `text`, as Flux reads it. */
enum flux_text {
	FLUX_PLAIN,	/* stays as it is */
	FLUX_ESCAPE,	/* "$$": becomes "$" */
	FLUX_VARIABLE,	/* ${NAME} or ${NAME and an operator: is replaced */
	FLUX_MALFORMED, /* ${ and something else: the build fails */
};

/* `text` begins with "$"; the variable's name, when it is one. */
enum flux_text flux_text_read(struct span text, struct span *out_name);

/* Warnings for texts of patches, manifests and chart values that Flux would change: if `is_flux`, or if one of the documents is a
 * Kustomization of Flux with a postBuild. Names that it sets (postBuild.substitute) are meant; objects with
 * kustomize.toolkit.fluxcd.io/substitute: disabled are left alone. Call diag_sort afterwards. */
void flux_variables_check(struct fleet *fleet, bool is_flux);

#endif
