/* Inside the loader. One struct loader reads one stream: load.c runs the documents, load_events.c turns libyaml's tokens
 * into events, load_build.c makes nodes out of them, load_map.c finishes maps (duplicate and merge keys), load_input.c
 * looks at the bytes before libyaml does and turns its character counts into positions, load_fault.c says in words what
 * is wrong.
 *
 * Nodes under construction lie on one stack; when a list or map ends, its children move to the arena as one block. So
 * there is one copy per node and no allocation per node. */
#ifndef RENDER_LOAD_INT_H
#define RENDER_LOAD_INT_H

#include "base/map.h"
#include "render/load.h"
#include "render/load_events.h"
#include "render/resolve.h"

/* --- load_input.c ------------------------------------------------------------------------------------------------- */

struct place {
	size_t offset;
	uint32_t line, column; /* 1-based, bytes */
};

/* `from` bytes of the file became `to` characters for libyaml. */
struct rewrite {
	size_t offset;
	uint8_t from, to;
};

/* Behind a fault reading starts anew, at the next document: where that is. libyaml counts from there. */
struct segment {
	size_t begin; /* in the bytes for libyaml */
	size_t index; /* the same in characters */
	uint32_t line; /* lines in front of it, where marks are positions */
};

/* The bytes handed to libyaml, and how to find its marks in the file. */
struct input {
	struct span file;   /* as the user knows it, without a byte order mark */
	struct span yaml;   /* as libyaml gets it: a copy of a prefix of `file`, where need be with other escapes */
	size_t chars;	    /* of `yaml` */
	struct segment segment;
	size_t bom;	    /* bytes cut off in front */
	bool is_simple;	    /* one byte is one character and nothing was rewritten: marks are positions */
	bool is_cut;	    /* something unreadable follows: the last document is not whole */
	const char *problem; /* why it is cut */
	struct place cut_at;
	bool is_json;
	struct rewrite *rewrites; /* in order; what JSON writes otherwise than YAML */
	size_t rewrite_count, rewrite_cap, next_rewrite;
	/* where the last mark was found: marks come nearly in order */
	size_t at_index;
	struct place at;
};

void input_open(struct input *input, struct arena *scratch, struct span bytes);
/* What is left to be read, and its characters. */
struct span input_rest(const struct input *input, size_t *out_chars);
/* Go on behind a fault, at the next line that starts a document; false when there is none. */
bool input_resume(struct input *input, const yaml_mark_t *fault);
struct place input_place(struct input *input, const yaml_mark_t *mark);
struct place input_find(const struct input *input, size_t offset);

/* --- the loader --------------------------------------------------------------------------------------------------- */

struct level {
	size_t first;		/* its first child on the stack */
	size_t nodes_before;	/* the document's node count when it began */
	size_t bytes_before;
	struct anchor *anchor;	/* to be filled in when it ends */
	struct node node;	/* kind and position */
	uint16_t height;	/* levels below it */
	bool has_merge, has_complex_key;
};

struct anchor {
	struct node node;
	size_t nodes, bytes; /* what one use of it adds to the document */
	uint16_t height;
	bool is_open; /* its value has not ended yet */
};

struct loader {
	struct arena *arena;
	struct arena scratch; /* of load_shared: the next stream uses it again */
	struct diag_at at;
	struct load_limits limits;
	enum load_dialect asked, dialect;
	bool is_failed; /* stop: a fault that ends the stream was reported */

	struct input input;
	struct events events;

	struct node *stack;
	size_t stack_count, stack_cap;
	struct level *levels;
	size_t depth;

	struct map anchors;
	bool has_anchors;
	yaml_mark_t last_quoted; /* text, its beginning: a colon that cannot be may belong to it */
	size_t nodes, bytes; /* of the document, aliases expanded */
	struct node root;

	struct span *texts; /* of load_shared; NULL: none are shared */
	struct load_document *documents;
	size_t document_count, document_cap;
	size_t first_diag; /* of the document */
};

static inline enum resolve_rules loader_rules(const struct loader *loader)
{
	return loader->dialect == LOAD_OMNI ? RESOLVE_OMNI : RESOLVE_KUBERNETES;
}

/* load_build.c */
bool build_event(struct loader *loader, const struct event *event);
void build_reset(struct loader *loader);
struct span build_intern(struct loader *loader, struct span text);
/* Space in the arena for a text; NULL when the arena's limit is reached (reported). */
char *build_text(struct loader *loader, size_t size);
/* Turn an Omni document into a Kubernetes one: its plain scalars are understood anew. */
void build_convert(struct loader *loader, struct node *root);
/* The key of a map as Kubernetes readers make it: always a string. */
void build_string_key(struct loader *loader, struct node *key);

/* load_map.c: the children of a map, in `pairs`; returns how many stay. */
size_t map_finish(struct loader *loader, struct level *level, struct pair **pairs, size_t count);
size_t map_unique(struct loader *loader, struct pair *pairs, size_t count);

/* load_fault.c */
bool fault_syntax(struct loader *loader);
bool fault_input(struct loader *loader);
bool fault_limit(struct loader *loader, const char *code, const struct node *at, const char *message);
void fault_at(struct node *node, struct place place);

/* The position of a mark; quick where marks are positions. */
static inline void loader_place(struct loader *loader, struct node *node, const yaml_mark_t *mark)
{
	if (!loader->input.is_simple || mark->column >= UINT16_MAX) {
		fault_at(node, input_place(&loader->input, mark));
		return;
	}
	node->line = NODE_LINE(mark->line + 1 + loader->input.segment.line);
	node->column = NODE_COLUMN(mark->column + 1);
}

#endif
