/* Inside the YAML writer: emit.c lays out maps and lists, emit_scalar.c chooses the style of a text, emit_text.c writes
 * it, emit_order.c sorts keys. */
#ifndef RENDER_EMIT_INT_H
#define RENDER_EMIT_INT_H

#include "base/text.h"
#include "render/emit.h"

enum { EMIT_LONGEST_SIMPLE_KEY = 128 };

struct writer {
	struct text *out;
	unsigned best;	   /* columns per level */
	size_t width;	   /* texts go on in the next line at a space, once the line is longer */
	enum node_style old_words; /* style of what YAML 1.1 takes for something else than text */
	size_t line_begin; /* offset in `out` */
	size_t narrow;	   /* bytes of the line that take no column: all but the first of a character */
};

/* What a text is made of. */
enum scalar_facts {
	FACT_NO_PLAIN = 1,
	FACT_NO_SINGLE = 2,
	FACT_NO_BLOCK = 4,
	FACT_NEWLINE = 8,  /* holds LF */
	FACT_BREAK = 16,   /* holds any line break */
	FACT_WIDE = 32,	   /* holds more than ASCII */
	FACT_SPACE = 64,   /* holds a space */
	FACT_VISIBLE = 128, /* holds something that is not white space; only known with FACT_NEWLINE */
};

/* Where a scalar stands. */
struct scalar_place {
	unsigned indent;  /* of continued lines */
	bool is_key;	  /* a simple key: never broken */
	bool is_item;	  /* in a list, or in a map that is an item of a list: what starts with a space cannot be literal */
};

unsigned scalar_facts(struct span s);
enum node_style scalar_style(struct span s, unsigned facts, const struct scalar_place *place, enum node_style old_words);
void write_scalar(struct writer *writer, const struct node *node, const struct scalar_place *place);
void write_string(struct writer *writer, struct span s, unsigned facts, const struct scalar_place *place);
void write_text(struct writer *writer, struct span s, enum node_style style, unsigned facts,
		const struct scalar_place *place);

/* Lines end with this, and only with this, so that columns are known. */
void write_newline(struct writer *writer);

/* The order in which the pairs of a map are printed: indexes into map->pairs. `space` serves small maps; what is returned
 * is either `space`, or from malloc and then also in *out_heap, or NULL when the pairs are in order already. */
enum { ORDER_SPACE = 64 };
const uint32_t *sorted_keys(const struct node *map, uint32_t space[ORDER_SPACE], uint32_t **out_heap);

bool unicode_is_letter(uint32_t c); /* category L */
bool unicode_is_digit(uint32_t c);  /* category Nd */

#endif
