/* Checks documents of our kinds against the tables of crds/: what an API server with our CRDs would refuse is found in
 * files, all of it at once and with a position. Pure functions of the document.
 *
 * Strict where the API server only warns: unknown fields are faults, because a misspelt field is a setting that
 * silently does not apply. */
#ifndef RENDER_KIND_CHECK_H
#define RENDER_KIND_CHECK_H

#include "base/arena.h"
#include "crds/schema.h"
#include "render/diag.h"
#include "render/node.h"

/* The whole manifest, read in the Kubernetes dialect. True when nothing in it is an error. */
bool kind_check(const struct diag_at *at, const struct node *root, const struct kind *kind);

/* The row of that name; NULL: none. Rows are tried from the one behind the last hit, where the cursor (at first 0) stands:
 * people write fields in nearly the order of the table. */
const struct field *kind_next_field(const struct schema *schema, struct span name, size_t *cursor);

/* The spec as the API server would store it: unknown fields and nulls are dropped, defaults are filled in, fields are in
 * the order of the table. The spec should have passed kind_check; what has a wrong type is dropped too. */
struct node kind_default(struct arena *arena, const struct kind *kind, const struct node *spec);

#endif
