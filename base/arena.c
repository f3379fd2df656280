#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/text.h"

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, HUGE_PAGE = 2 << 20, ALIGNMENT = alignof(max_align_t) };

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) char bytes[];
};

struct arena_defer {
	struct arena_defer *next;
	void (*fn)(void *);
	void *ptr;
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_init_wiping(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes, .wipes = true};
}

void arena_init_lasting(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes, .lasts = true};
}

static void free_block(const struct arena *arena, struct arena_block *block)
{
	if (arena->wipes)
		explicit_bzero(block->bytes, block->size);
	free(block);
}

void arena_done(struct arena *arena)
{
	for (struct arena_defer *defer = arena->defers; defer != NULL; defer = defer->next)
		defer->fn(defer->ptr);
	struct arena_block *block = arena->blocks;
	while (block != NULL) {
		struct arena_block *next = block->next;
		free_block(arena, block);
		block = next;
	}
	*arena = (struct arena){.limit_bytes = arena->limit_bytes, .wipes = arena->wipes, .lasts = arena->lasts};
}

void arena_reset(struct arena *arena)
{
	arena_done(arena);
}

void arena_rewind(struct arena *arena)
{
	struct arena_block *kept = arena->blocks;
#ifdef __SANITIZE_ADDRESS__ /* which shall see who still uses what is gone */
	kept = NULL;
#endif
	if (kept == NULL || kept->size > LARGEST_BLOCK) {
		arena_done(arena);
		return;
	}
	struct arena rest = *arena;
	rest.blocks = kept->next;
	arena_done(&rest);
	kept->next = NULL;
	if (arena->wipes)
		explicit_bzero(kept->bytes, kept->size);
	*arena = (struct arena){.blocks = kept, .at = kept->bytes, .end = kept->bytes + kept->size,
				.limit_bytes = arena->limit_bytes, .wipes = arena->wipes, .lasts = arena->lasts};
}

struct arena_mark arena_mark(struct arena *arena)
{
#ifdef __SANITIZE_ADDRESS__ /* what follows has blocks of its own */
	arena->at = arena->end = NULL;
#endif
	return (struct arena_mark){arena->blocks, arena->at, arena->end, arena->used_bytes};
}

static bool is_untouched(const struct arena *arena, const struct arena_mark *mark)
{
	const struct arena_block *block = mark->block;
	return arena->blocks != NULL && (block == NULL || (block->next == NULL && mark->used_bytes == 0));
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
	if (is_untouched(arena, &mark)) { /* the newest block is the largest: the next use may fit into it */
		arena_rewind(arena);
		return;
	}
	while (arena->blocks != mark.block) {
		struct arena_block *next = arena->blocks->next;
		free_block(arena, arena->blocks);
		arena->blocks = next;
	}
	arena->at = mark.at;
	arena->end = mark.end;
	arena->used_bytes = mark.used_bytes;
}

/* An arena that has grown past some blocks goes on in huge pages: fresh memory costs a fault for every page. */
static struct arena_block *huge_block(size_t *size)
{
	struct arena_block *block = aligned_alloc(HUGE_PAGE, HUGE_PAGE);
	if (block == NULL)
		return NULL;
	*size = HUGE_PAGE - sizeof *block;
	madvise(block, HUGE_PAGE, MADV_HUGEPAGE); /* a wish: where it is not granted, pages stay small */
	return block;
}

static bool add_block(struct arena *arena, size_t need)
{
	size_t size = arena->blocks == NULL ? FIRST_BLOCK : arena->blocks->size * 2;
	if (size > LARGEST_BLOCK)
		size = LARGEST_BLOCK;
	if (size < need)
		size = need;
	if (arena->used_bytes > arena->limit_bytes || need > arena->limit_bytes - arena->used_bytes)
		return false;
	bool is_huge = !arena->lasts && size == LARGEST_BLOCK && arena->used_bytes >= 2 * (size_t)HUGE_PAGE;
	struct arena_block *block = is_huge ? huge_block(&size) : malloc(sizeof *block + size);
	if (block == NULL)
		abort();
	block->next = arena->blocks;
	block->size = size;
	arena->blocks = block;
	arena->at = block->bytes;
	arena->end = block->bytes + size;
	return true;
}

static void *take_bytes(struct arena *arena, size_t size, size_t *out_rounded)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if ((size_t)(arena->end - arena->at) < rounded && !add_block(arena, rounded))
		return NULL;
	if (arena->at == NULL) /* size 0 in an arena without a block */
		return add_block(arena, ALIGNMENT) ? arena->at : NULL;
	void *ptr = arena->at;
	arena->at += rounded;
	arena->used_bytes += rounded;
	*out_rounded = rounded;
	return ptr;
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
	size_t rounded = 0;
	void *ptr = take_bytes(arena, size, &rounded);
	return ptr == NULL || rounded == 0 ? ptr : memset(ptr, 0, rounded);
}

void *arena_dup(struct arena *arena, const void *bytes, size_t size)
{
	size_t rounded;
	void *ptr = take_bytes(arena, size, &rounded);
	return ptr == NULL || size == 0 ? ptr : memcpy(ptr, bytes, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *ptr = arena_try_alloc(arena, size);
	if (ptr == NULL) {
		fputs("omniops: out of memory\n", stderr);
		abort();
	}
	return ptr;
}

/* Text needs no alignment: pack it from the end of the block. */
char *arena_bytes(struct arena *arena, size_t size)
{
	if ((size_t)(arena->end - arena->at) <= size)
		return arena_alloc(arena, size);
	arena->end -= size;
	arena->used_bytes += size;
	return arena->end;
}

char *arena_string(struct arena *arena, struct span s)
{
	char *copy = arena_bytes(arena, s.len + 1);
	text_copy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct span arena_copy(struct arena *arena, struct span s)
{
	return (struct span){arena_string(arena, s), s.len};
}

struct span arena_spanfv(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, format, args);
	size_t len = need < 0 ? 0 : (size_t)need;
	char *copy = arena_bytes(arena, len + 1);
	vsnprintf(copy, len + 1, format, again);
	va_end(again);
	return (struct span){copy, len};
}

struct span arena_spanf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct span text = arena_spanfv(arena, format, args);
	va_end(args);
	return text;
}

void arena_defer(struct arena *arena, void (*fn)(void *), void *ptr)
{
	struct arena_defer *defer = ARENA_NEW(arena, struct arena_defer);
	*defer = (struct arena_defer){arena->defers, fn, ptr};
	arena->defers = defer;
}

void *arena_grow(struct arena *arena, const void *items, size_t count, size_t *cap, size_t item_size)
{
	*cap = *cap < 4 ? 4 : *cap * 2;
	void *grown = arena_alloc(arena, *cap * item_size);
	if (count > 0)
		memcpy(grown, items, count * item_size);
	return grown;
}
