/* Documents as they may be shown: what looks secret (render/redact.h) is replaced by "sha256:" and the first twelve digits
 * of its hash, so that a change of it is seen and nothing else. With a key, "keyed:" and a hash that nobody can try values
 * against who does not have the key. Texts that hold YAML are masked inside; texts that hold something else are replaced as
 * a whole. Comments are kept unless one of them looks secret: then all of them go. */
#ifndef RENDER_MASK_H
#define RENDER_MASK_H

#include "render/fleet.h"

/* A copy; children without secrets are shared. */
struct node mask_node(struct arena *arena, const struct node *node);

#define MASK_KEY_VARIABLE "OMNIOPS_MASK_KEY" /* where programs that render find the key */

/* The template of a cluster: its own bytes where nothing has to be hidden, written anew where something has. The key may be
 * empty. */
struct span mask_template(struct arena *arena, const struct cluster *cluster, struct span key);

/* Text of any form, such as a file. */
struct span mask_text(struct arena *arena, struct span text, struct span key);

/* A raw resource, as a document of a rendered template. */
struct span mask_resource(struct arena *arena, const struct resource *resource, struct span key);

#endif
