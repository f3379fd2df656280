/* Inside the reader of resources: resource_read.c takes documents and metadata, resource_spec.c specs. */
#ifndef RENDER_RESOURCE_INT_H
#define RENDER_RESOURCE_INT_H

#include "render/field_path.h"
#include "render/resource.h"

struct spec_reader {
	struct arena *arena;
	const struct diag_at *at;
	const struct resource_expander *expander; /* NULL: compressed content is an error */
	bool has_errors;
};

/* NODE_ABSENT when it is no mapping. */
struct node spec_read_message(struct spec_reader *reader, const struct spec_message *message, const struct node *map,
			      const struct field_path *path);
struct node spec_expand(struct spec_reader *reader, const struct node *written, struct node spec);

#endif
