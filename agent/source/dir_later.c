#include "agent/source/dir_later.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTSIDE_MAX = 4096 };

void outside_unref(void *ptr)
{
	struct outside *outside = ptr;
	if (__atomic_sub_fetch(&outside->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_done(&outside->arena);
	pthread_mutex_destroy(&outside->lock);
	free(outside);
}

struct outside *outside_new(void)
{
	struct outside *outside = calloc(1, sizeof *outside);
	if (outside == NULL)
		abort();
	pthread_mutex_init(&outside->lock, NULL);
	arena_init(&outside->arena, ARENA_NO_LIMIT);
	outside->references = 1;
	return outside;
}

static void outside_record(struct outside *outside, struct span path, struct span bytes)
{
	char hash[DIGEST_HEX_SIZE] = "";
	if (bytes.ptr != NULL)
		digest_hex(bytes, hash);
	pthread_mutex_lock(&outside->lock);
	size_t at = 0;
	while (at < outside->count && !span_eq(outside->items[at].path, path))
		at++;
	if (at == outside->count && at < OUTSIDE_MAX) {
		ARENA_PUSH(&outside->arena, outside->items, outside->count, outside->cap).path =
			arena_copy(&outside->arena, path);
	}
	if (at < outside->count)
		memcpy(outside->items[at].hash, hash, sizeof hash);
	pthread_mutex_unlock(&outside->lock);
}

struct outside *outside_ref(struct outside *outside)
{
	__atomic_add_fetch(&outside->references, 1, __ATOMIC_RELAXED);
	return outside;
}

/* --- reading a file of a tree later --------------------------------------------------------------------------------- */

static const struct scan_entry *find_entry(const struct dir_tree *tree, struct span path)
{
	size_t low = 0, high = tree->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(tree->entries[middle].path, path);
		if (order == 0)
			return &tree->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The revision was taken away while we read it: says nothing about whether the file exists in it. */
static bool is_gone(const struct dir_tree *tree)
{
	char target[PATH_MAX];
	struct stat status;
	if (fstat(tree->root_fd, &status) != 0 || status.st_nlink == 0)
		return true;
	if (tree->link == NULL)
		return false;
	ssize_t length = readlink(tree->link, target, sizeof target - 1);
	return length < 0 || !span_eq((struct span){target, (size_t)length}, span_of(tree->target));
}

static struct span id_span(const unsigned char *id)
{
	return (struct span){(const char *)id, DIGEST_RAW_SIZE};
}

bool dir_tree_identify(void *ctx, struct span path, struct span *out_id)
{
	struct dir_tree *tree = ctx;
	const struct scan_entry *entry = find_entry(tree, path);
	const unsigned char *id = entry != NULL && entry->bytes.ptr != NULL ? entry->id : map_get(&tree->ids, path);
	if (id != NULL)
		*out_id = id_span(id);
	return id != NULL;
}

static void note_id(struct dir_tree *tree, struct span path, struct span bytes)
{
	struct arena *arena = &tree->tree->arena;
	unsigned char *id = arena_alloc(arena, DIGEST_RAW_SIZE);
	digest_raw(bytes, id);
	*map_at(&tree->ids, arena_copy(arena, path)) = id;
}

bool dir_tree_read(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct dir_tree *tree = ctx;
	struct span clean;
	struct fail why = {0};
	const struct scan_entry *entry = find_entry(tree, path);
	if (entry != NULL && entry->bytes.ptr != NULL) {
		*out_bytes = entry->bytes;
		return is_lfs_pointer(entry->bytes)
			       ? fail_set(fail, FAIL_INVALID, "is a Git LFS pointer, not the file itself")
			       : true;
	}
	if (!tree_resolve(&tree->tree->arena, SPAN(""), path, &clean) || !span_eq(clean, path))
		return fail_set(fail, FAIL_INVALID, "not a clean path inside of the tree");
	bool ok = scan_read_file(&tree->tree->arena, tree->root_fd, path, tree->tree->tree.limits.max_file_bytes,
				 out_bytes, &why);
	if (!ok && is_gone(tree))
		return fail_set(fail, FAIL_UNAVAILABLE, "the revision was replaced while it was being read");
	outside_record(tree->outside, path, ok ? *out_bytes : (struct span){NULL, 0});
	if (ok)
		note_id(tree, path, *out_bytes);
	if (ok && is_lfs_pointer(*out_bytes))
		return fail_set(fail, FAIL_INVALID, "is a Git LFS pointer, not the file itself");
	if (!ok && fail != NULL)
		*fail = why;
	return ok;
}

void dir_tree_done(void *ptr)
{
	struct dir_tree *tree = ptr;
	close(tree->root_fd);
	outside_unref(tree->outside);
}

/* --- what a rendering read is part of the state ------------------------------------------------------------------------ */

bool outside_is_same(struct outside *outside, int root_fd, size_t max_file_bytes)
{
	struct arena scratch;
	bool same = true;
	pthread_mutex_lock(&outside->lock);
	for (size_t i = 0; i < outside->count && same; i++) {
		char hash[DIGEST_HEX_SIZE] = "";
		struct span bytes;
		arena_init(&scratch, ARENA_NO_LIMIT);
		if (scan_read_file(&scratch, root_fd, outside->items[i].path, max_file_bytes, &bytes, NULL))
			digest_hex(bytes, hash);
		arena_done(&scratch);
		same = strcmp(hash, outside->items[i].hash) == 0;
	}
	pthread_mutex_unlock(&outside->lock);
	return same;
}

/* Once a remembered file has changed the id is another one; until then the base alone is the id. */
void outside_content_id(struct outside *outside, int root_fd, size_t max_file_bytes, const char *base, char out[65])
{
	memcpy(out, base, 65);
	pthread_mutex_lock(&outside->lock);
	struct digest *digest = outside->count == 0 ? NULL : digest_new();
	if (digest != NULL)
		digest_add(digest, span_of(base));
	for (size_t i = 0; i < outside->count; i++) {
		struct arena scratch;
		struct span bytes;
		arena_init(&scratch, ARENA_NO_LIMIT);
		if (!scan_read_file(&scratch, root_fd, outside->items[i].path, max_file_bytes, &bytes, NULL))
			bytes = SPAN("\0absent");
		digest_add(digest, bytes);
		arena_done(&scratch);
	}
	if (digest != NULL)
		digest_finish(digest, out);
	pthread_mutex_unlock(&outside->lock);
}

void outside_clear(struct outside *outside)
{
	pthread_mutex_lock(&outside->lock);
	arena_reset(&outside->arena);
	outside->items = NULL;
	outside->count = outside->cap = 0;
	pthread_mutex_unlock(&outside->lock);
}
