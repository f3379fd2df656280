/* `omniops explain`: a kind or one of its fields, in words, from the table. */
#ifndef CRDS_EXPLAIN_H
#define CRDS_EXPLAIN_H

#include "base/fail.h"
#include "base/text.h"
#include "crds/schema.h"

/* `field` is "spec.machineClass.size" or without "spec."; items of a list need no index; empty or absent: the whole kind,
 * with an example. NOT_FOUND with the nearest name when there is no such field; `out` is then untouched. */
bool explain_print(struct text *out, const struct kind *kind, struct span field, struct fail *fail);

/* What a value must be, one sentence each, for explain and the reference: "One of: Delete, Orphan." Calls `emit` for
 * every sentence. */
void explain_limits(const struct field *field, void (*emit)(void *ctx, const char *sentence), void *ctx);

#endif
