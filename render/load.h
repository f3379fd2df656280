/* YAML and JSON text to nodes, with libyaml: multi-document streams, anchors and merge keys resolved, duplicate keys
 * reported, every limit enforced. No recursion without bound, no crash on any input. */
#ifndef RENDER_LOAD_H
#define RENDER_LOAD_H

#include "base/arena.h"
#include "base/fail.h"
#include "render/diag.h"
#include "render/node.h"

/* How plain scalars are understood. */
enum load_dialect {
	LOAD_AUTO,	 /* decided per document: `apiVersion` present: KUBERNETES; otherwise OMNI */
	LOAD_KUBERNETES, /* YAML 1.1 and then JSON, as Kubernetes clients read manifests: `yes` is a boolean, keys are strings */
	LOAD_OMNI,	 /* as omnictl reads templates: `yes` is text, unquoted dates are times, keys keep their kind */
};

struct load_limits {
	size_t max_documents; /* 100000 */
	size_t max_depth;     /* 64 */
	size_t max_nodes;     /* per document, aliases expanded: 1000000 */
	size_t max_bytes;     /* of text per document, aliases expanded; 0: 64 MiB */
};

#define LOAD_LIMITS_DEFAULT ((struct load_limits){100000, 64, 1000000, 0})

struct load_document {
	struct node root; /* NODE_NULL for an empty document */
	enum load_dialect dialect;
	size_t begin, end; /* bytes of the document in the input, without its "---" line */
};

/* Appends to *out_documents (arena). Faults of syntax become diagnostics (YamlSyntax) and cost their document; reading goes
 * on at the next line "---". Limits (TooManyNodes, …) and bytes that are not UTF-8 end the stream. Returns false when
 * anything was left out, so that the caller knows that documents are missing.
 * Faults inside a document that can be read around (DuplicateKey, ComplexKey, …) are errors too, but the stream goes on. */
bool load_yaml(struct arena *arena, struct span bytes, enum load_dialect dialect, const struct load_limits *limits,
	       const struct diag_at *at, struct load_document **out_documents, size_t *out_count);

/* What streams that are read one after the other into one arena have in common: their texts, of which many come again
 * in every file, and the memory of the work. Begins zeroed. */
enum { LOAD_TEXTS = 512 };
struct load_shared {
	struct arena scratch;
	bool is_brief; /* the nodes are given back before the next stream: it shares no texts with them */
	struct span texts[LOAD_TEXTS];
};

/* As load_yaml, for one stream of many: *out_documents are its documents alone, until the next call. */
bool load_yaml_shared(struct load_shared *shared, struct arena *arena, struct span bytes, enum load_dialect dialect,
		      const struct load_limits *limits, const struct diag_at *at, struct load_document **out_documents,
		      size_t *out_count);
void load_shared_done(struct load_shared *shared);

/* One document of plain content (a patch body); false on any fault, with its place in the text of `fail`. Nothing at
 * all is NODE_NULL, several documents are a fault. */
bool load_one(struct arena *arena, struct span bytes, enum load_dialect dialect, struct node *out_root,
	      struct fail *fail);

#endif
