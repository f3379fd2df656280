/* The objects of a release, as its record has them. Text of a chart that somebody else wrote: documents, depth and nodes are bounded. */
#ifndef AGENT_HELM_MANIFEST_H
#define AGENT_HELM_MANIFEST_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"
#include "render/node.h"

enum { MANIFEST_OBJECTS = 5000 };

struct manifest_object {
	struct span api_version, kind, ns, name; /* ns empty: it names none */
	const struct node *content;
};

/* In their order; lists are taken apart. INVALID: it cannot be read as a whole, or one of it is no object. */
bool manifest_read(struct arena *arena, struct span manifest, struct manifest_object **out, size_t *out_count, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
