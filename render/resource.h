/* A resource of Omni: metadata and spec. Rendering makes the expected ones, stores read and write the actual ones. */
#ifndef RENDER_RESOURCE_H
#define RENDER_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"
#include "base/text.h"
#include "render/diag.h"
#include "render/node.h"
#include "render/omni_types.h"

enum resource_phase { RESOURCE_RUNNING, RESOURCE_TEARING_DOWN };

struct label {
	struct span key, value;
};

/* Sorted bytewise by key, keys unique. */
struct labels {
	struct label *items;
	size_t count, cap;
};

struct resource {
	const struct omni_type *type; /* NULL only for types we do not know */
	struct span type_name;	      /* "ConfigPatches.omni.sidero.dev" */
	struct span ns, id, owner;
	uint64_t version; /* 0: undefined */
	uint64_t marks;	  /* a digest of the marks that a store keeps beside it, as they were read; 0: not known */
	enum resource_phase phase;
	struct span created, updated; /* RFC 3339 or empty */
	struct labels labels, annotations;
	struct span *finalizers; /* a set, sorted */
	size_t finalizer_count;

	/* NODE_MAP with Omni's own YAML keys ("kubernetesversion"), in declaration order, holding only what is set: scalar
	 * zero values, empty lists and absent messages are left out, present messages stay ({}). Canonical: two specs are
	 * equal when node_equal says so. For ConfigPatches and KubernetesManifestGroups `data` is the plain text.
	 * Values of expected resources have the line and column that they come from, where there is one (node_placed). */
	struct node spec;
	struct span wire; /* the spec as a server sent it: fields that are unknown here survive an update. Empty: none */

	/* Expected resources only: the meaning of `data` where it was written as a mapping or list in the document (compare
	 * by meaning), NULL where it was text (compare by bytes); and where it came from. */
	const struct node *content;
	struct span file;
	uint32_t line, column;
	struct span object, path; /* "OmniCluster/prod-1", "spec.patches[0]" */
	struct span content_file; /* the file of the tree whose bytes `data` or `job` holds; empty: none */
};

struct resource_list {
	struct resource **items;
	size_t count, cap;
};

void labels_set(struct arena *arena, struct labels *labels, struct span key, struct span value);
void labels_remove(struct labels *labels, struct span key);
const struct label *labels_get(const struct labels *labels, const char *key); /* NULL: absent */
bool labels_equal(const struct labels *a, const struct labels *b);

struct resource *resource_new(struct arena *arena, const struct omni_type *type, struct span id);
struct resource *resource_copy(struct arena *arena, const struct resource *resource);
void resource_push(struct arena *arena, struct resource_list *list, struct resource *resource);

/* Omni's resource document {metadata, spec}, without "---": every field of the spec, absent messages as null. With
 * `complete` as `omnictl get -o yaml` prints it (indent 4, version, dates); else as a rendered template (indent 2, no
 * version, no dates). What is printed reads back as the same resource. */
void resource_print(struct text *out, const struct resource *resource, bool complete);
/* The same, complete, as one JSON object with indent 4 and a newline: `omnictl get -o json`. */
void resource_print_json(struct text *out, const struct resource *resource);

/* Read such a document. Faults become diagnostics (unknown type, wrong shape, unknown spec key as a warning with the
 * right spelling); NULL when the resource is unusable. An absent namespace is that of the type. An absent id and types
 * that users may not write are the caller's business. */
struct resource *resource_read(struct arena *arena, const struct node *root, const struct diag_at *at);

/* The same with a way to read `compresseddata`; without one (NULL, or resource_read) such content is an error. */
struct resource_expander {
	bool (*expand)(void *ctx, struct arena *arena, struct span compressed, struct span *out_text, struct fail *fail);
	void *ctx;
};
struct resource *resource_read_with(struct arena *arena, const struct node *root, const struct diag_at *at,
				    const struct resource_expander *expander);

/* A spec as resource_read leaves it, from a map that may hold zero values and any order of keys. NODE_ABSENT when there
 * are errors. */
struct node resource_read_spec(struct arena *arena, const struct omni_type *type, const struct node *map,
			       const struct diag_at *at, const struct resource_expander *expander);

#endif
