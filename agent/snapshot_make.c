/* From one rendering to a snapshot: pieces of clusters, and which files hang together. */
#include <stdlib.h>

#include "agent/snapshot_int.h"
#include "crds/kinds.h"
#include "render/emit.h"
#include "render/kind_check.h"

static struct span key_of(const uint64_t *sent)
{
	return (struct span){(const char *)sent, sizeof *sent};
}

static void add_files(struct maker *maker)
{
	struct snapshot *snapshot = maker->snapshot;
	const struct tree *tree = maker->tree;
	snapshot->files = ARENA_ARRAY(&snapshot->arena, struct snapshot_file, tree->input_count + 1);
	snapshot->file_count = snapshot->input_count = maker->file_cap = tree->input_count;
	maker->groups = ARENA_ARRAY(&maker->arena, uint32_t, tree->input_count + 1);
	map_reserve(&maker->numbers, tree->input_count);
	for (size_t i = 0; i < tree->input_count; i++) {
		const struct tree_file *input = &tree->inputs[i];
		snapshot->files[i] = snapshot_file_new(&snapshot->arena, input->path, input->id, input->bytes.len);
		maker->groups[i] = (uint32_t)i;
		maker->is_inexact |= input->id.len == 0;
		*map_at(&maker->numbers, snapshot_path(&snapshot->files[i])) = &snapshot->files[i];
	}
}

void maker_open(struct maker *maker, struct snapshot *snapshot, const struct tree *tree, const struct snapshot *before)
{
	*maker = (struct maker){.snapshot = snapshot, .tree = tree, .compressor = compressor_new(), .last_number = NO_FILE};
	text_init(&maker->scratch, TEXT_NO_LIMIT);
	arena_init(&maker->arena, ARENA_NO_LIMIT);
	map_init(&maker->before, &maker->arena);
	map_init(&maker->numbers, &maker->arena);
	map_init(&maker->served, &maker->arena);
	add_files(maker);
	for (size_t i = 0; before != NULL && i < before->piece_count; i++)
		*map_at(&maker->before, key_of(&before->pieces[i].sent)) = &before->pieces[i];
}

void maker_close(struct maker *maker)
{
	text_done(&maker->scratch);
	compressor_free(maker->compressor);
	arena_done(&maker->arena);
}

/* --- while the renderer's answer is read --------------------------------------------------------------------------- */

static uint32_t number_of(struct maker *maker, struct span path)
{
	if (maker->last_number != NO_FILE && span_eq(maker->last_path, path))
		return maker->last_number;
	const struct snapshot_file *file = map_get(&maker->numbers, path);
	if (file == NULL) {
		maker->is_inexact = true; /* it speaks of what it was not given */
		return NO_FILE;
	}
	maker->last_path = snapshot_path(file);
	maker->last_number = (uint32_t)(file - maker->snapshot->files);
	return maker->last_number;
}

uint64_t snapshot_document(struct text *scratch, const struct document *document)
{
	text_reset(scratch);
	text_addf(scratch, "%d %s %zu ", document->class, document->kind == NULL ? "" : document->kind->name, document->ns.len);
	text_add(scratch, document->ns);
	text_add(scratch, document->name);
	return digest_local(text_span(scratch));
}

static void add_member(struct text *out, const char *name, const struct node *value)
{
	text_addf(out, "%s\"%s\": ", out->len == 0 ? "{" : ", ", name);
	if (value == NULL || value->kind != NODE_MAP)
		text_adds(out, "{}");
	else
		emit_json(out, value, 0);
}

static const struct snapshot_handled *keep_handled(struct maker *maker, const struct document *document)
{
	struct arena *arena = &maker->snapshot->arena;
	const struct kind *kind = document->kind;
	if (maker->snapshot->is_certain || (kind != &KIND_KUBECONFIG_EXPORT && kind != &KIND_SECRET_SYNC && kind != &KIND_HELM_RELEASE))
		return NULL;
	struct snapshot_handled *handled = ARENA_NEW(arena, struct snapshot_handled);
	*handled = (struct snapshot_handled){kind, arena_copy(arena, document->ns), arena_copy(arena, document->name), {0}};
	const struct node *spec = node_path(&document->root, "spec");
	if (document->has_errors || document->is_repeated || spec == NULL)
		return handled;
	struct node complete = kind_default(&maker->arena, kind, spec);
	text_reset(&maker->scratch);
	add_member(&maker->scratch, "spec", &complete);
	add_member(&maker->scratch, "annotations", node_path(&document->root, "metadata.annotations"));
	text_addc(&maker->scratch, '}');
	handled->json = arena_copy(arena, text_span(&maker->scratch));
	return handled;
}

static void see_document(void *ctx, const struct document *document)
{
	struct maker *maker = ctx;
	struct snapshot *snapshot = maker->snapshot;
	uint32_t number = number_of(maker, document->file);
	snapshot->document_count++;
	if (number == NO_FILE)
		return;
	snapshot->files[number].documents++;
	if (document->class != DOCUMENT_KIND || document->kind->template_kind != NULL)
		return;
	if (strcmp(document->kind->name, "OmniConnection") == 0)
		snapshot->files[number].is_for_all = 1;
	if (document->name.len > 0)
		ARENA_PUSH(&snapshot->arena, snapshot->objects, snapshot->object_count, maker->object_cap) =
			(struct snapshot_object){snapshot_document(&maker->scratch, document), number, keep_handled(maker, document)};
	struct span ref = node_text(node_path(&document->root, "spec.clusterRef.name"));
	if (ref.len > 0)
		ARENA_PUSH(&maker->arena, maker->mentions, maker->mention_count, maker->mention_cap) =
			(struct mention){arena_copy(&maker->arena, document->ns), arena_copy(&maker->arena, ref), number};
}

static void see_read(void *ctx, struct span reader, struct span path)
{
	struct maker *maker = ctx;
	ARENA_PUSH(&maker->arena, maker->reads, maker->read_count, maker->read_cap) =
		(struct fleet_read){arena_copy(&maker->arena, reader), arena_copy(&maker->arena, path)};
}

static void see_served(void *ctx, struct span path, struct span id, size_t bytes)
{
	struct maker *maker = ctx;
	struct served *served = ARENA_NEW(&maker->arena, struct served);
	*served = (struct served){arena_copy(&maker->arena, id), bytes};
	maker->is_inexact |= id.len == 0;
	*map_at(&maker->served, arena_copy(&maker->arena, path)) = served;
}

/* Which files and documents a cluster consists of. */
static void list_documents(struct maker *maker, const struct cluster *cluster, struct piece *piece)
{
	struct arena *arena = &maker->snapshot->arena;
	size_t cap = 0;
	uint32_t last = NO_FILE;
	piece->documents = ARENA_ARRAY(arena, uint64_t, cluster->document_count);
	for (size_t i = 0; i < cluster->document_count; i++) {
		uint32_t number = number_of(maker, cluster->documents[i]->file);
		piece->documents[piece->document_count++] = snapshot_document(&maker->scratch, cluster->documents[i]);
		if (number != NO_FILE && number != last)
			ARENA_PUSH(arena, piece->files, piece->file_count, cap) = number;
		last = number;
	}
}

static void push(struct maker *maker, const struct cluster *cluster, struct piece *piece)
{
	struct snapshot *snapshot = maker->snapshot;
	piece->documents = NULL;
	piece->files = NULL;
	piece->document_count = piece->file_count = 0;
	content_digest(&maker->scratch, cluster, piece->resources, piece->content);
	list_documents(maker, cluster, piece);
	ARENA_PUSH(&snapshot->arena, snapshot->pieces, snapshot->piece_count, snapshot->piece_cap) = *piece;
}

void piece_copy_content(struct arena *arena, struct piece *piece)
{
	piece->packed = arena_copy(arena, piece->packed);
	piece->ids = arena_dup(arena, piece->ids, piece->id_count * sizeof *piece->ids);
	piece->expected.texts = arena_dup(arena, piece->expected.texts, piece->expected.text_count * sizeof *piece->expected.texts);
}

/* The cluster itself may have changed: an approval, say. */
static bool knows(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct maker *maker = ctx;
	uint64_t sent = digest_local(packed);
	const struct piece *before = map_get(&maker->before, key_of(&sent));
	if (before == NULL)
		return false;
	struct piece piece = *before;
	piece_copy_content(&maker->snapshot->arena, &piece);
	push(maker, cluster, &piece);
	return true;
}

static void take(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct maker *maker = ctx;
	struct arena *arena = &maker->snapshot->arena;
	const struct resource_list *resources = &cluster->resources;
	struct piece piece = {.sent = digest_local(packed), .is_compressed = packed.len <= EXPANDED_MAX};
	piece.resources = content_of_resources(&maker->scratch, resources);
	content_expect(arena, resources, &piece.expected);
	piece.packed = piece.is_compressed ? content_compress(maker->compressor, arena, packed) : arena_copy(arena, packed);
	piece.ids = ARENA_ARRAY(arena, uint64_t, resources->count);
	for (size_t i = 0; i < resources->count; i++)
		piece.ids[piece.id_count++] = mirror_key(resources->items[i]->type, resources->items[i]->id);
	push(maker, cluster, &piece);
}

struct fleet_taker maker_taker(struct maker *maker)
{
	return (struct fleet_taker){take, knows, see_document, see_read, see_served, maker};
}

/* --- what hangs together --------------------------------------------------------------------------------------------- */

static uint32_t leader(struct maker *maker, uint32_t file)
{
	while (maker->groups[file] != file) {
		maker->groups[file] = maker->groups[maker->groups[file]];
		file = maker->groups[file];
	}
	return file;
}

static void join(struct maker *maker, uint32_t a, uint32_t b)
{
	maker->groups[leader(maker, a)] = leader(maker, b);
}

static struct span cluster_key(struct arena *arena, bool is_template, struct span ns, struct span name)
{
	return arena_spanf(arena, "%d %zu %.*s%.*s", is_template, ns.len, SPAN_ARG(ns), SPAN_ARG(name));
}

/* The file of a cluster and those of documents that name it, and of all of its parts. */
static void join_clusters(struct maker *maker)
{
	const struct snapshot *snapshot = maker->snapshot;
	struct map clusters;
	map_init(&clusters, &maker->arena);
	for (size_t i = 0; i < snapshot->piece_count; i++) {
		const struct cluster *cluster = snapshot->fleet->clusters[i];
		const struct piece *piece = &snapshot->pieces[i];
		for (size_t j = 1; j < piece->file_count; j++)
			join(maker, piece->files[j], piece->files[0]);
		struct span name = cluster->is_template ? cluster->name : cluster->head->name;
		if (maker->mention_count > 0 && piece->file_count > 0)
			*map_at(&clusters, cluster_key(&maker->arena, cluster->is_template, cluster->ns, name)) = &piece->files[0];
	}
	for (size_t i = 0; i < maker->mention_count; i++) {
		const struct mention *mention = &maker->mentions[i];
		for (int is_template = 0; is_template < 2; is_template++) {
			struct span ns = is_template ? SPAN("") : mention->ns;
			const uint32_t *file = map_get(&clusters, cluster_key(&maker->arena, is_template, ns, mention->name));
			if (file != NULL)
				join(maker, mention->file, *file);
		}
	}
}

static int compare_files(const void *a, const void *b)
{
	return span_cmp(snapshot_path(a), snapshot_path(b));
}

static uint32_t find(const struct snapshot *snapshot, size_t low, size_t high, struct span path)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(snapshot_path(&snapshot->files[middle]), path);
		if (order == 0)
			return (uint32_t)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NO_FILE;
}

uint32_t snapshot_find(const struct snapshot *snapshot, struct span path)
{
	uint32_t input = find(snapshot, 0, snapshot->input_count, path);
	return input != NO_FILE ? input : find(snapshot, snapshot->input_count, snapshot->file_count, path);
}

/* What is only named comes behind the inputs. */
static void add_named_files(struct maker *maker)
{
	struct snapshot *snapshot = maker->snapshot;
	for (size_t i = 0; i < maker->read_count; i++) {
		void **place = map_at(&maker->numbers, maker->reads[i].path);
		const struct served *served = map_get(&maker->served, maker->reads[i].path);
		const struct snapshot_file *known = *place;
		if (*place == snapshot)
			continue;
		if (known != NULL) {
			maker->is_inexact |= served == NULL || !span_eq(served->id, snapshot_id(known));
			continue;
		}
		*place = snapshot; /* listed, but no input */
		ARENA_PUSH(&snapshot->arena, snapshot->files, snapshot->file_count, maker->file_cap) =
			snapshot_file_new(&snapshot->arena, maker->reads[i].path, served == NULL ? SPAN("") : served->id,
					  served == NULL ? 0 : served->bytes);
	}
	if (snapshot->file_count > snapshot->input_count)
		qsort(snapshot->files + snapshot->input_count, snapshot->file_count - snapshot->input_count, sizeof *snapshot->files,
		      compare_files);
}

static void number_reads(struct maker *maker)
{
	struct snapshot *snapshot = maker->snapshot;
	snapshot->reads = ARENA_ARRAY(&snapshot->arena, struct snapshot_read, maker->read_count);
	for (size_t i = 0; i < maker->read_count; i++) {
		struct snapshot_read read = {snapshot_find(snapshot, maker->reads[i].reader), snapshot_find(snapshot, maker->reads[i].path)};
		maker->is_inexact |= read.reader >= snapshot->input_count || read.file == NO_FILE;
		if (!maker->is_inexact)
			snapshot->reads[snapshot->read_count++] = read;
	}
}

/* What is wrong with a file that several clusters use is told once, by the first of them: they all hang together. */
static void join_readers(struct maker *maker, uint32_t file)
{
	const struct snapshot *snapshot = maker->snapshot;
	uint32_t first = file < snapshot->input_count ? file : NO_FILE;
	for (size_t i = 0; i < snapshot->read_count; i++) {
		if (snapshot->reads[i].file != file)
			continue;
		if (first != NO_FILE)
			join(maker, snapshot->reads[i].reader, first);
		first = snapshot->reads[i].reader;
	}
}

static bool depends_on_all(const struct diag *diag)
{
	return strcmp(diag->code, "UnknownReference") == 0 && span_is(diag->path, "spec.clusterRef.name");
}

static void join_by_findings(struct maker *maker)
{
	const struct snapshot *snapshot = maker->snapshot;
	const struct diag_list *found = &snapshot->found;
	uint32_t last = NO_FILE;
	for (size_t i = 0; i < found->count; i++) {
		uint32_t file = snapshot_find(snapshot, found->items[i].file);
		maker->is_inexact |= file == NO_FILE || depends_on_all(&found->items[i]);
		if (file != NO_FILE && file != last)
			join_readers(maker, file);
		last = file;
	}
}

void maker_finish(struct maker *maker)
{
	struct snapshot *snapshot = maker->snapshot;
	const struct fleet *fleet = snapshot->fleet;
	snapshot->found = fleet->diags;
	snapshot->rendered_files = snapshot->input_count;
	maker->is_inexact |= fleet->diags.error_count > 0 || fleet->is_incomplete || fleet->diags.is_full || maker->tree->is_incomplete;
	if (maker->is_inexact)
		return;
	join_clusters(maker);
	add_named_files(maker);
	number_reads(maker);
	if (!maker->is_inexact)
		join_by_findings(maker);
	for (size_t i = 0; i < snapshot->input_count; i++)
		snapshot->files[i].group = leader(maker, (uint32_t)i);
	snapshot->group_count = (uint32_t)snapshot->input_count;
	snapshot->is_exact = !maker->is_inexact;
}
