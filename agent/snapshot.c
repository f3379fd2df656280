/* What a source declares, kept small: thousands of clusters wait for months until somebody plans one of them again. What
 * they shall come to stays as the renderer sent it, compressed, and is read again for one cluster at a time. */
#include "agent/snapshot.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/input.h"
#include "agent/omni/compress.h"
#include "agent/source/wire.h"

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	if (snapshot != NULL)
		snapshot->references++;
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot == NULL || --snapshot->references > 0)
		return;
	arena_done(&snapshot->arena);
	free(snapshot);
}

/* --- making one ----------------------------------------------------------------------------------------------------- */

struct maker {
	struct snapshot *snapshot;
	struct text scratch;
	struct compressor *compressor;
	struct arena arena; /* of the map */
	struct map before;  /* pieces, by the bytes that were sent */
};

static struct span key_of(const uint64_t *sent)
{
	return (struct span){(const char *)sent, sizeof *sent};
}

static void remember(struct maker *maker, const struct snapshot *before)
{
	arena_init(&maker->arena, ARENA_NO_LIMIT);
	map_init(&maker->before, &maker->arena);
	for (size_t i = 0; before != NULL && i < before->piece_count; i++)
		*map_at(&maker->before, key_of(&before->pieces[i].sent)) = &before->pieces[i];
}

static void push(struct snapshot *snapshot, const struct piece *piece)
{
	ARENA_PUSH(&snapshot->arena, snapshot->pieces, snapshot->piece_count, snapshot->piece_cap) = *piece;
}

/* The cluster itself may have changed: an approval, say. */
static bool knows(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct maker *maker = ctx;
	struct arena *arena = &maker->snapshot->arena;
	uint64_t sent = digest_local(packed);
	const struct piece *before = map_get(&maker->before, key_of(&sent));
	if (before == NULL)
		return false;
	struct piece piece = *before;
	content_digest(&maker->scratch, cluster, piece.resources, piece.content);
	piece.packed = arena_copy(arena, before->packed);
	if (piece.expected.text_count > 0)
		piece.expected.texts = arena_dup(arena, before->expected.texts, piece.expected.text_count * sizeof *piece.expected.texts);
	push(maker->snapshot, &piece);
	return true;
}

static void take(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct maker *maker = ctx;
	struct snapshot *snapshot = maker->snapshot;
	struct piece piece = {.sent = digest_local(packed), .is_compressed = packed.len <= EXPANDED_MAX};
	piece.resources = content_of_resources(&maker->scratch, &cluster->resources);
	content_digest(&maker->scratch, cluster, piece.resources, piece.content);
	content_expect(&snapshot->arena, &cluster->resources, &piece.expected);
	piece.packed = piece.is_compressed ? content_compress(maker->compressor, &snapshot->arena, packed)
					   : arena_copy(&snapshot->arena, packed);
	push(snapshot, &piece);
}

static struct snapshot *snapshot_new(void)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL)
		abort();
	snapshot->references = 1;
	arena_init(&snapshot->arena, ARENA_NO_LIMIT);
	return snapshot;
}

bool snapshot_render(struct sandbox *sandbox, const struct settings *settings, struct source_tree *tree,
		     const struct snapshot *before, struct snapshot **out, struct fail *fail)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct maker maker = {.snapshot = snapshot_new(), .compressor = compressor_new()};
	struct fleet_taker taker = {.take = take, .knows = knows, .ctx = &maker};
	remember(&maker, before);
	text_init(&maker.scratch, TEXT_NO_LIMIT);
	input_take_settings(settings, &options);
	bool ok = source_tree_render(sandbox, tree, &options, &taker, &maker.snapshot->arena, &maker.snapshot->fleet, 0, fail);
	text_done(&maker.scratch);
	compressor_free(maker.compressor);
	arena_done(&maker.arena);
	if (ok)
		*out = maker.snapshot;
	else
		snapshot_unref(maker.snapshot);
	return ok;
}

/* --- using it ------------------------------------------------------------------------------------------------------- */

bool snapshot_cluster(const struct declared *declared, struct arena *arena, const struct cluster **out, struct fail *fail)
{
	const struct piece *piece = &declared->snapshot->pieces[declared->index];
	struct span packed = piece->packed;
	struct cluster *cluster = ARENA_NEW(arena, struct cluster);
	struct wire wire;
	if (piece->is_compressed && !content_expand(arena, packed, (struct span){0}, &packed, fail))
		return false;
	*cluster = *declared->cluster;
	wire_init(&wire, arena, packed, SIZE_MAX); /* it was read once, within the limits */
	if (!wire_resources(&wire, &cluster->resources, fail))
		return false;
	*out = cluster;
	return true;
}
