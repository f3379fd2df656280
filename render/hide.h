/* Secrets replaced by marks, so that a snapshot of an Omni can be kept and shown: "(secret 3f2a…)", a hash of the value
 * and of a key that belongs to the snapshot. The same value has the same mark everywhere in it, so what is expected can
 * be compared with what is marked: hidden with the same key, both are equal where they were equal before.
 *
 * Hidden are texts of specs and annotations that look secret or stand below a key with such a name (render/redact.h),
 * also inside of patches, manifests, jobs and provider data. A text with a secret in it is written anew, without its
 * comments, and ends in a mark of the whole, so that it equals only itself. Ids, types and labels stay as they are. */
#ifndef RENDER_HIDE_H
#define RENDER_HIDE_H

#include "base/map.h"
#include "render/resource.h"

/* What stands behind marks, for whoever hid it. */
struct hide_book {
	struct map values;
};
void hide_book_init(struct hide_book *book, struct arena *arena);
const struct span *hide_book_find(const struct hide_book *book, struct span mark); /* NULL: it is not in there */

/* A copy; what was hidden goes into the book (may be NULL). */
struct resource *hide_resource(struct arena *arena, struct span key, const struct resource *resource, struct hide_book *book);

/* The next mark in a text: its place, and what the book knows it by. */
bool hide_next_mark(struct span text, size_t from, size_t *out_begin, size_t *out_end, struct span *out_mark);

#endif
