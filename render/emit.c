#include "render/emit.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "render/emit_int.h"

enum sorting {
	SORT_NONE,
	SORT_ALL,
	SORT_FREE_FORM, /* below the keys of a template whose content is the user's */
};

/* Where a map or list stands. */
struct place {
	unsigned indent;    /* column of its keys or dashes */
	bool is_started;    /* its first line has begun, behind "- " or "? " */
	bool is_item;	    /* it is an item of a list */
	enum sorting sorting;
};

static void write_map(struct writer *writer, const struct node *map, struct place place);
static void write_seq(struct writer *writer, const struct node *seq, struct place place);

static unsigned next_level(const struct writer *writer, unsigned indent)
{
	return writer->best * ((indent + writer->best) / writer->best);
}

static void begin_line(struct writer *writer, unsigned indent, bool is_started)
{
	if (!is_started)
		text_pad(writer->out, ' ', indent);
}

/* Empty maps and lists are written as scalars are: {} and []. */
static bool is_block(const struct node *node)
{
	return (node->kind == NODE_MAP || node->kind == NODE_SEQ) && node->len > 0;
}

static void write_block(struct writer *writer, const struct node *node, struct place place)
{
	if (node->kind == NODE_MAP)
		write_map(writer, node, place);
	else
		write_seq(writer, node, place);
}

/* What stands behind "- ": nested maps and lists begin on the same line. */
static void write_item(struct writer *writer, const struct node *node, struct place place)
{
	if (is_block(node)) {
		write_block(writer, node, (struct place){place.indent + 2, true, true, place.sorting});
	} else {
		write_scalar(writer, node, &(struct scalar_place){place.indent + 2, false, true});
		write_newline(writer);
	}
}

static void write_seq(struct writer *writer, const struct node *seq, struct place place)
{
	for (size_t i = 0; i < seq->len; i++) {
		begin_line(writer, place.indent, i == 0 && place.is_started);
		text_add(writer->out, SPAN("- "));
		write_item(writer, &seq->items[i], place);
	}
}

static bool is_free_form(const struct node *key)
{
	struct span name = {key->text, key->len};
	return span_is(name, "inline") || span_is(name, "labels") || span_is(name, "annotations");
}

/* What stands behind "key:". */
static void write_value(struct writer *writer, const struct node *node, struct place inside, bool is_item)
{
	if (!is_block(node)) {
		if (node->kind != NODE_ABSENT)
			text_addc(writer->out, ' ');
		write_scalar(writer, node, &(struct scalar_place){inside.indent, false, is_item});
		write_newline(writer);
		return;
	}
	write_newline(writer);
	write_block(writer, node, inside);
}

/* Keys that are too long or hold line breaks: "? key" and, on a line of its own, ": value". */
static void write_explicit(struct writer *writer, const struct pair *pair, struct place inside, struct place place)
{
	const struct node *value = &pair->value;
	text_add(writer->out, SPAN("? "));
	write_scalar(writer, &pair->key, &(struct scalar_place){inside.indent, false, place.is_item});
	write_newline(writer);
	text_pad(writer->out, ' ', place.indent);
	text_add(writer->out, SPAN(": "));
	inside.is_started = true;
	if (is_block(value)) {
		text_pad(writer->out, ' ', inside.indent - place.indent - 2);
		write_block(writer, value, inside);
	} else {
		write_scalar(writer, value, &(struct scalar_place){inside.indent, false, place.is_item});
		write_newline(writer);
	}
}

/* "key:" where that can be. */
static bool write_simple_key(struct writer *writer, const struct node *key)
{
	static const struct scalar_place place = {0, true, false};
	if (key->len > EMIT_LONGEST_SIMPLE_KEY)
		return false;
	if (key->kind == NODE_STRING) {
		struct span text = {key->text, key->len};
		unsigned facts = scalar_facts(text);
		if ((facts & FACT_BREAK) != 0)
			return false;
		write_string(writer, text, facts, &place);
	} else {
		write_scalar(writer, key, &place);
	}
	text_addc(writer->out, ':');
	return true;
}

static void write_pair(struct writer *writer, const struct pair *pair, struct place place)
{
	struct place inside = {next_level(writer, place.indent), false, false, place.sorting};
	if (place.sorting == SORT_FREE_FORM && is_free_form(&pair->key))
		inside.sorting = SORT_ALL;
	if (write_simple_key(writer, &pair->key))
		write_value(writer, &pair->value, inside, place.is_item);
	else
		write_explicit(writer, pair, inside, place);
}

/* Depth is bounded by the loader's limit. */
static void write_map(struct writer *writer, const struct node *map, struct place place)
{
	uint32_t space[ORDER_SPACE];
	CLEANUP(free_ptr) uint32_t *heap = NULL;
	const uint32_t *order = place.sorting == SORT_ALL ? sorted_keys(map, space, &heap) : NULL;
	for (uint32_t i = 0; i < map->len; i++) {
		begin_line(writer, place.indent, i == 0 && place.is_started);
		write_pair(writer, &map->pairs[order == NULL ? i : order[i]], place);
	}
}

enum { WIDTH = 80 };
#define WIDTH_NONE (SIZE_MAX / 2)

static void write_root(struct text *out, const struct node *root, enum emit_layout layout, enum sorting sorting)
{
	unsigned best = layout == EMIT_CONTENT || layout == EMIT_CONTENT_1_9 ? 4 : 2;
	struct writer writer = {.out = out, .best = best, .width = WIDTH, .old_words = NODE_SINGLE, .line_begin = out->len};
	if (layout == EMIT_CONTENT_1_9) {
		writer.width = WIDTH_NONE;
		writer.old_words = NODE_DOUBLE;
	}
	struct place place = {.sorting = sorting};
	if (is_block(root)) {
		write_block(&writer, root, place);
	} else {
		write_scalar(&writer, root, &(struct scalar_place){best, false, false});
		write_newline(&writer);
	}
}

void emit_document(struct text *out, const struct node *root, enum emit_layout layout, bool sorted)
{
	write_root(out, root, layout, sorted ? SORT_ALL : SORT_NONE);
}

void emit_template_document(struct text *out, const struct node *root)
{
	write_root(out, root, EMIT_TEMPLATE, SORT_FREE_FORM);
}
