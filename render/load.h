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
	LOAD_KUBERNETES, /* YAML 1.1 as sigs.k8s.io/yaml, then JSON (resources.md 7.3) */
	LOAD_OMNI,	 /* YAML 1.2-ish as go.yaml.in/yaml/v4 with the template decoder's rules (omni-template.md 1.2, 3.4) */
};

struct load_limits {
	size_t max_documents; /* 100000 */
	size_t max_depth;     /* 64 */
	size_t max_nodes;     /* per document, aliases expanded: 1000000 */
};

#define LOAD_LIMITS_DEFAULT ((struct load_limits){100000, 64, 1000000})

struct load_document {
	struct node root; /* NODE_NULL for an empty document */
	enum load_dialect dialect;
	size_t begin, end; /* bytes of the document in the input, without its "---" line */
};

/* Appends to *out_documents (arena). Syntax faults and limits become diagnostics (YamlSyntax, TooManyNodes, …) and end
 * the stream there; returns false when the stream ended early, so that the caller knows that documents are missing. */
bool load_yaml(struct arena *arena, struct span bytes, enum load_dialect dialect, const struct load_limits *limits,
	       const struct diag_at *at, struct load_document **out_documents, size_t *out_count);

/* One document of trusted or plain content (a patch body): NULL and *out_problem set on a fault. */
bool load_one(struct arena *arena, struct span bytes, enum load_dialect dialect, struct node *out_root,
	      struct fail *fail);

#endif
