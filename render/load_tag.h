/* Explicit tags (`!!str 1`) and the second look at documents whose dialect shows late. */
#ifndef RENDER_LOAD_TAG_H
#define RENDER_LOAD_TAG_H

#include "render/load_int.h"

void tag_scalar(struct loader *loader, struct node *node, const char *tag, struct span raw);
void tag_collection(struct loader *loader, const struct node *node, const char *tag);

/* load_build.c */
void build_set_resolved(struct loader *loader, struct node *node, const struct resolved *resolved, struct span raw);
void build_check_finite(struct loader *loader, const struct node *value);

#endif
