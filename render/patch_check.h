/* Talos configuration patches, checked without a server: what the loader of Talos and the rules of Omni would say, for
 * every document and every field, with the place of each fault and what to do about it.
 *
 *   documents    shape, kinds, identities, `$patch: delete`, nothing left at all
 *   fields       every name and value against what the Talos minor of the cluster knows (render/talos_schema.h)
 *   forbidden    content that Omni sets itself
 *
 * A Talos version that the table does not have: what the table does not know is a warning. Nothing of a patch is kept;
 * values of fields that may be secret are never printed. */
#ifndef RENDER_PATCH_CHECK_H
#define RENDER_PATCH_CHECK_H

#include "render/diag.h"
#include "render/field_path.h"
#include "render/fleet.h"
#include "render/node.h"

struct patch_check {
	const struct diag_at *at;   /* where faults are reported */
	struct span talos_version;  /* of the cluster: "v1.13.2"; empty or unreadable: the newest known, with warnings only */
	enum omni_rules rules;
	bool skip_schema;	    /* leave the fields to the server */
	struct span source;	    /* the bytes of at->file, for exact columns inside literal blocks; may be empty */
};

/* `inline` of a patch: a mapping, a list of mappings, or text (one or several documents). `path` is the path of that
 * field ("spec.patches[0].inline"). True when nothing is wrong; warnings do not count. */
bool patch_check_inline(const struct patch_check *check, const struct node *content, const struct field_path *path);

/* A patch file: at->file is its name, so that faults stand at its own lines. */
bool patch_check_file(const struct patch_check *check, struct span bytes);

#endif
