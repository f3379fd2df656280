/* What a source declares, kept small: thousands of clusters wait for months until somebody plans one of them again. What
 * they shall come to stays as the renderer sent it, compressed, and is read again for one cluster at a time. */
#include "agent/snapshot_int.h"

#include <stdlib.h>

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

struct snapshot *snapshot_new(void)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL)
		abort();
	snapshot->references = 1;
	arena_init_lasting(&snapshot->arena, ARENA_NO_LIMIT);
	return snapshot;
}

static size_t at_most(size_t value, size_t most)
{
	return value < most ? value : most;
}

/* A path that is cut is none that anybody asks for, so that such a tree is always rendered as a whole. */
struct snapshot_file snapshot_file_new(struct arena *arena, struct span path, struct span id, size_t bytes)
{
	enum { PATH_MOST = (1 << 24) - 1 };
	path.len = at_most(path.len, PATH_MOST);
	id.len = at_most(id.len, SOURCE_ID_MAX);
	char *texts = arena_bytes(arena, path.len + id.len);
	if (path.len > 0)
		memcpy(texts, path.ptr, path.len);
	if (id.len > 0)
		memcpy(texts + path.len, id.ptr, id.len);
	return (struct snapshot_file){.texts = texts, .bytes = (uint32_t)at_most(bytes, UINT32_MAX),
				      .path_len = (unsigned)path.len & PATH_MOST, .id_len = (unsigned)id.len & 0x7f};
}

/* --- making one ----------------------------------------------------------------------------------------------------- */

static bool render_whole(const struct renderer *renderer, const struct fleet_options *options, struct source_tree *tree,
			 const struct snapshot *before, struct snapshot **out, struct fail *fail)
{
	struct snapshot *snapshot = snapshot_new();
	struct maker maker;
	snapshot->is_certain = tree->is_of_server;
	maker_open(&maker, snapshot, &tree->tree, before);
	struct fleet_taker taker = maker_taker(&maker);
	bool ok = renderer->render(renderer->ctx, &tree->tree, options, &taker, &snapshot->arena, &snapshot->fleet, fail);
	if (ok)
		maker_finish(&maker);
	maker_close(&maker);
	if (ok)
		*out = snapshot;
	else
		snapshot_unref(snapshot);
	return ok;
}

bool snapshot_render(const struct renderer *renderer, const struct fleet_options *options, struct source_tree *tree,
		     const struct snapshot *before, bool may_splice, struct snapshot **out, struct fail *fail)
{
	struct fail why = {0}; /* the renderer's trouble with a part is no reason not to try it with all */
	bool ok = (may_splice && snapshot_splice(renderer, options, tree, before, out, &why)) ||
		  render_whole(renderer, options, tree, before, out, fail);
	source_tree_rest(tree);
	if (!ok)
		return false;
	source_tree_add_notes(tree, (*out)->fleet);
	(*out)->is_exact = (*out)->is_exact && !tree->is_incomplete;
	return true;
}

const struct source_known *snapshot_known(const struct snapshot *snapshot, struct arena *arena)
{
	if (snapshot == NULL || !snapshot->is_exact)
		return NULL;
	struct source_known *known = ARENA_NEW(arena, struct source_known);
	struct source_file *files = ARENA_ARRAY(arena, struct source_file, snapshot->file_count + 1);
	for (size_t i = 0; i < snapshot->file_count; i++)
		files[i] = (struct source_file){snapshot_path(&snapshot->files[i]), snapshot_id(&snapshot->files[i]), snapshot->files[i].bytes};
	*known = (struct source_known){files, files + snapshot->input_count, snapshot->input_count,
				       snapshot->file_count - snapshot->input_count};
	return known;
}

static bool same_findings(const struct diag_list *a, const struct diag_list *b)
{
	bool same = a->count == b->count;
	for (size_t i = 0; same && i < a->count; i++) {
		const struct diag *x = &a->items[i], *y = &b->items[i];
		same = x->severity == y->severity && x->line == y->line && strcmp(x->code, y->code) == 0 && span_eq(x->file, y->file) &&
		       span_eq(x->object, y->object) && span_eq(x->message, y->message);
	}
	return same;
}

bool snapshot_same(const struct snapshot *a, const struct snapshot *b)
{
	bool same = a->piece_count == b->piece_count && a->document_count == b->document_count &&
		    a->fleet->raw_count == b->fleet->raw_count && a->fleet->connection_count == b->fleet->connection_count &&
		    same_findings(&a->fleet->diags, &b->fleet->diags);
	for (size_t i = 0; same && i < a->piece_count; i++)
		same = span_eq(a->fleet->clusters[i]->name, b->fleet->clusters[i]->name) && a->pieces[i].sent == b->pieces[i].sent &&
		       strcmp(a->pieces[i].content, b->pieces[i].content) == 0;
	return same;
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
