/* The labels of a document into those of a resource, however many there are. */
#ifndef RENDER_LABELS_MERGE_H
#define RENDER_LABELS_MERGE_H

#include "render/resource.h"

/* Sets every pair of `map` (nothing when it is no map); a value that is null becomes the empty text. */
void labels_merge(struct arena *arena, struct labels *labels, const struct node *map);

#endif
