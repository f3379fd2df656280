/* YAML writing, byte for byte as the Go operator's encoder (go.yaml.in/yaml/v4 rc.6) does: styles of texts, folding at 80
 * characters, natural order of keys; as omnictl 1.9 (rc.4) does where that is asked for; and JSON writing. Texts that the
 * encoder would damage are double-quoted instead: a value always survives. Integers keep all their digits. Needs resolved
 * nodes; an ABSENT value prints as nothing. */
#ifndef RENDER_EMIT_H
#define RENDER_EMIT_H

#include "base/text.h"
#include "render/node.h"

enum emit_layout {
	EMIT_TEMPLATE, /* indent 2, maps in the order of their pairs at fixed levels; see emit_template_document */
	EMIT_CONTENT,  /* indent 4: the text of config patches and manifests */
	EMIT_CONTENT_1_9, /* the same by omnictl 1.9: nothing is folded, words of YAML 1.1 such as "yes" in double quotes */
	EMIT_RESOURCE, /* indent 2: Omni resources as omnictl prints them */
};

/* One document, ending in a newline, no "---". Maps whose pairs are free-form are printed in natural key order when
 * `sorted`, in the order of their pairs otherwise. */
void emit_document(struct text *out, const struct node *root, enum emit_layout layout, bool sorted);

/* Template document: the maps that the schema knows keep the order of their pairs; below `labels`, `annotations` and
 * `inline` keys are sorted naturally. */
void emit_template_document(struct text *out, const struct node *root);

/* JSON, keys in the order of the pairs; indent 0: compact. */
void emit_json(struct text *out, const struct node *root, unsigned indent);

/* Natural order of keys, "a2" before "a10", signs before letters: <0, 0, >0. */
int emit_key_order(struct span a, struct span b);

#endif
