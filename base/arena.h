/* Memory that is freed all at once. Everything read or made for one tree, one plan or one request lives in one arena;
 * there is no other free in the layers that use it. Not shared between threads while it grows. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	char *at, *end;
	size_t used_bytes, limit_bytes;
	struct arena_defer *defers;
	bool wipes, lasts;
};

#define ARENA_NO_LIMIT ((size_t)-1)

void arena_init(struct arena *arena, size_t limit_bytes);
/* Of what nobody may find in memory that was given back: every block is wiped before. What grows in it leaves no copy elsewhere. */
void arena_init_wiping(struct arena *arena, size_t limit_bytes);
/* Of what is kept for long: no huge pages, of which the last one would stand half empty. */
void arena_init_lasting(struct arena *arena, size_t limit_bytes);
void arena_done(struct arena *arena);  /* runs the defers, frees; safe on zeroed memory */
void arena_reset(struct arena *arena); /* as done, ready for use again */
void arena_rewind(struct arena *arena); /* as reset, but keeps a block of memory: for many small uses in a row */

/* Where an arena stands. What is taken behind a mark can be given back while everything in front of it stays; the memory
 * is used again. No defer may be added in between. */
struct arena_mark {
	struct arena_block *block;
	char *at, *end;
	size_t used_bytes;
};
struct arena_mark arena_mark(struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);

/* Zeroed memory. arena_alloc aborts beyond the limit: for our own data. arena_try_alloc returns NULL: for sizes that
 * the user's input decides. The limit is looked at when a new block is needed, so up to one block (1 MiB) more may be
 * given out. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((alloc_size(2), returns_nonnull));
void *arena_try_alloc(struct arena *arena, size_t size) __attribute__((alloc_size(2)));
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

/* Memory for a text, neither aligned nor zeroed. */
char *arena_bytes(struct arena *arena, size_t size) __attribute__((alloc_size(2), returns_nonnull));

/* Copies, with a NUL behind. */
struct span arena_copy(struct arena *arena, struct span s);
char *arena_string(struct arena *arena, struct span s);
struct span arena_spanf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct span arena_spanfv(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* A copy of any bytes, aligned for every type; NULL beyond the limit. */
void *arena_dup(struct arena *arena, const void *bytes, size_t size);

/* Run fn(ptr) when the arena is reset or done, in reverse order. */
void arena_defer(struct arena *arena, void (*fn)(void *), void *ptr);

/* Append to a growing array: ARENA_PUSH(arena, list.items, list.count, list.cap) = value; doubles in the arena. */
#define ARENA_PUSH(arena, items, count, cap)                                                                           \
	(*((count) < (cap) ? &(items)[(count)++]                                                                       \
			   : ((items) = arena_grow((arena), (items), (count), &(cap), sizeof *(items)),                \
			      &(items)[(count)++])))
void *arena_grow(struct arena *arena, const void *items, size_t count, size_t *cap, size_t item_size);

#endif
