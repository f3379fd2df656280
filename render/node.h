/* The one tree for everything that is read, made and compared: YAML and JSON documents, rendered template documents,
 * the specs of Omni resources. Nodes live in an arena and are never changed once somebody else can see them; a node is
 * copied by value and shares its children.
 *
 * The loader (render/load.h) resolves every scalar for the dialect of its document, so that the text of NODE_BOOL,
 * NODE_INT, NODE_FLOAT, NODE_NULL and NODE_TIME is canonical: `0x1f` is NODE_INT "31", `yes` under Kubernetes is
 * NODE_BOOL "true". Integers keep all their digits. What the author wrote stays reachable: node_source_text. */
#ifndef RENDER_NODE_H
#define RENDER_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "base/text.h"

enum node_kind {
	NODE_ABSENT, /* the zero node: nothing is there */
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_FLOAT,
	NODE_TIME, /* an unquoted timestamp of an omnictl template, RFC 3339 */
	NODE_STRING,
	NODE_SEQ,
	NODE_MAP,
};

enum node_style { NODE_PLAIN, NODE_SINGLE, NODE_DOUBLE, NODE_LITERAL, NODE_FOLDED };

enum { NODE_LEN_MAX = (1 << 24) - 1, NODE_LINE_MAX = (1 << 20) - 1, NODE_COLUMN_MAX = (1 << 12) - 1 };

/* 16 bytes: a fleet keeps millions of them. */
struct node {
	uint32_t kind : 4;	 /* enum node_kind */
	uint32_t style : 3;	 /* enum node_style: how a scalar was written; a tagged scalar is never NODE_PLAIN */
	uint32_t has_source : 1; /* the written text differs from the canonical one and stands behind its NUL */
	uint32_t len : 24;	 /* bytes of text, items or pairs: NODE_LEN_MAX */
	uint32_t line : 20;	 /* 1-based, saturating; 0: made by us */
	uint32_t column : 12;	 /* 1-based bytes, saturating; 0: made by us, no position */
	union {
		const char *text; /* scalars: canonical text, NUL behind */
		const char *raw;
		struct node *items;
		struct pair *pairs; /* in source order; keys are scalars, unique */
	};
};

_Static_assert(sizeof(struct node) <= 16, "a node is small");

/* Into the fields: what does not fit saturates. The loader refuses texts and lists that do not fit. */
static inline uint32_t node_saturated(size_t value, uint32_t max)
{
	return value > max ? max : (uint32_t)value;
}
#define NODE_LEN(value) (node_saturated(value, NODE_LEN_MAX) & NODE_LEN_MAX)
#define NODE_LINE(value) (node_saturated(value, NODE_LINE_MAX) & NODE_LINE_MAX)
#define NODE_COLUMN(value) (node_saturated(value, NODE_COLUMN_MAX) & NODE_COLUMN_MAX)

struct pair {
	struct node key; /* a scalar; NODE_STRING except for keys such as `80:` of an omnictl template's free-form content */
	struct node value;
};

static inline bool node_is(const struct node *node, enum node_kind kind)
{
	return node != NULL && node->kind == kind;
}

/* Neither missing nor null. */
static inline bool node_is_set(const struct node *node)
{
	return node != NULL && node->kind > NODE_NULL;
}

static inline bool node_is_scalar(const struct node *node)
{
	return node != NULL && node->kind >= NODE_BOOL && node->kind <= NODE_STRING;
}

/* The text of a scalar; the empty span of anything else. */
static inline struct span node_text(const struct node *node)
{
	return node_is_scalar(node) ? (struct span){node->text, node->len} : (struct span){"", 0};
}

/* The text of a scalar as it was written (`1.30`, `0x1f`, `yes`): for fields that take any scalar as a string. NUL behind;
 * the empty span of null, sequences and maps. */
static inline struct span node_source_text(const struct node *node)
{
	if (!node_is_scalar(node))
		return (struct span){"", 0};
	if (!node->has_source)
		return (struct span){node->text, node->len};
	return (struct span){node->text + node->len + 1, strlen(node->text + node->len + 1)};
}

/* The value of a key of a map; NULL when the node is no map or lacks the key. `path` may be dotted: "spec.talos.version". */
static inline const struct node *node_get_span(const struct node *map, struct span key)
{
	if (!node_is(map, NODE_MAP))
		return NULL;
	for (size_t i = 0; i < map->len; i++) {
		const struct node *at = &map->pairs[i].key;
		if (at->len == key.len && (key.len == 0 || (at->text[0] == key.ptr[0] && memcmp(at->text, key.ptr, key.len) == 0)))
			return &map->pairs[i].value;
	}
	return NULL;
}

static inline const struct node *node_get(const struct node *map, const char *key)
{
	return node_get_span(map, span_of(key));
}

const struct node *node_path(const struct node *map, const char *dotted_path);
/* The text at a dotted path; the empty span when it is not a scalar. */
struct span node_text_at(const struct node *map, const char *dotted_path);

/* Making nodes. Text is borrowed, not copied. */
struct node node_string(struct span text);
struct node node_int(struct arena *arena, int64_t value);
struct node node_bool(bool value);
struct node node_null(void);
/* The same node, made from what stands at `origin` (NULL: nowhere): faults that are found later are told at its place. */
static inline struct node node_placed(struct node node, const struct node *origin)
{
	if (origin == NULL)
		return node;
	node.line = origin->line;
	node.column = origin->column;
	node.style = origin->style;
	return node;
}
struct node node_map(struct arena *arena, size_t pair_capacity);
struct node node_seq(struct arena *arena, size_t item_capacity);
/* Append to a node made by node_map / node_seq with enough capacity (asserted in debug builds by the caller's count). */
void node_put(struct node *map, const char *key, struct node value);
void node_put_span(struct node *map, struct span key, struct node value);
void node_push(struct node *seq, struct node value);

/* Same meaning: maps without regard to order, scalars by kind and text, INT and FLOAT by number (1 equals 1.0). */
bool node_equal(const struct node *a, const struct node *b);

/* Appends bytes that stand for the meaning, for digests: equal bytes, equal nodes. The other way round, too, but for an
 * INT of more than 53 bits that a FLOAT equals. NULL is fine. */
void node_canonical(struct text *out, const struct node *node);
/* The same for a text: preceded by its length, so that nothing runs together. */
void node_canonical_text(struct text *out, struct span text);

/* A deep copy into another arena. */
struct node node_copy(struct arena *arena, const struct node *node);

#endif
