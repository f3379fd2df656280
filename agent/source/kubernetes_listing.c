#include "agent/source/kubernetes_listing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

enum { PART = 128 }; /* one that changed costs the digests of as many, and of one for each part */

struct listing_paths {
	unsigned references; /* atomic */
	char texts[];
};

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static size_t part_count(const struct listing *listing)
{
	return (listing->count + PART - 1) / PART;
}

static struct listing *make(size_t count)
{
	struct listing *listing = must(calloc(1, sizeof *listing));
	listing->references = 1;
	listing->count = count;
	listing->items = must(malloc((count + 1) * sizeof *listing->items));
	listing->parts = must(calloc(part_count(listing) + 1, sizeof *listing->parts));
	return listing;
}

struct listing *listing_new(const struct listed *items, size_t count)
{
	struct listing *listing = make(count);
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += items[i].path.len + 1;
	listing->paths = must(malloc(sizeof *listing->paths + bytes));
	listing->paths->references = 1;
	char *place = listing->paths->texts;
	for (size_t i = 0; i < count; i++) {
		size_t len = items[i].path.len;
		listing->items[i] = items[i];
		listing->items[i].path.ptr = memcpy(place, items[i].path.ptr, len);
		place[len] = '\0';
		place += len + 1;
	}
	return listing;
}

struct listing *listing_copy(const struct listing *before)
{
	struct listing *listing = make(before->count);
	listing->paths = before->paths;
	__atomic_add_fetch(&listing->paths->references, 1, __ATOMIC_RELAXED);
	memcpy(listing->items, before->items, before->count * sizeof *before->items);
	memcpy(listing->parts, before->parts, part_count(before) * sizeof *before->parts);
	return listing;
}

void listing_set(struct listing *listing, size_t index, const unsigned char id[KUBE_CONTENT_ID])
{
	memcpy(listing->items[index].id, id, KUBE_CONTENT_ID);
	listing->parts[index / PART][0] = '\0';
}

static void digest_part(struct listing *listing, size_t part)
{
	struct digest *digest = digest_new();
	for (size_t i = part * PART; i < listing->count && i < (part + 1) * PART; i++) {
		digest_add(digest, listing->items[i].path);
		digest_add(digest, listed_id(&listing->items[i]));
	}
	digest_finish(digest, listing->parts[part]);
}

void listing_digest(struct listing *listing)
{
	struct digest *digest = digest_new();
	for (size_t i = 0; i < part_count(listing); i++) {
		if (listing->parts[i][0] == '\0')
			digest_part(listing, i);
		digest_add(digest, span_of(listing->parts[i]));
	}
	digest_finish(digest, listing->content_id);
}

struct listing *listing_ref(struct listing *listing)
{
	__atomic_add_fetch(&listing->references, 1, __ATOMIC_RELAXED);
	return listing;
}

void listing_unref(struct listing *listing)
{
	if (listing == NULL || __atomic_sub_fetch(&listing->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (__atomic_sub_fetch(&listing->paths->references, 1, __ATOMIC_ACQ_REL) == 0)
		free(listing->paths);
	free(listing->parts);
	free(listing->items);
	free(listing);
}

size_t listing_find(const struct listing *listing, struct span path, size_t *hint)
{
	size_t low = 0, high = listing->count;
	if (*hint < high && span_eq(listing->items[*hint].path, path))
		return (*hint)++;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(listing->items[middle].path, path);
		if (order == 0) {
			*hint = middle + 1;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}
