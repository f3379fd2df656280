/* Putting what was rendered beside what is kept: clusters, resources and findings in their order, and which files all of
 * it came from. Everything is copied into one arena: the snapshot before may go. */
#include "agent/snapshot_int.h"

static void copy_texts(struct arena *arena, struct span *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (texts[i]->ptr != NULL)
			*texts[i] = arena_copy(arena, *texts[i]);
}

static const struct document *copy_document(struct arena *arena, const struct document *document)
{
	struct document *copy = arena_dup(arena, document, sizeof *document);
	struct span *const texts[] = {&copy->file, &copy->ns, &copy->name};
	copy_texts(arena, texts, sizeof texts / sizeof *texts);
	copy->root = node_copy(arena, &document->root);
	return copy;
}

static struct cluster *copy_cluster(struct arena *arena, const struct cluster *cluster)
{
	struct cluster *copy = arena_dup(arena, cluster, sizeof *cluster);
	struct span *const texts[] = {&copy->name, &copy->object, &copy->ns, &copy->connection, &copy->approve, &copy->allow_destroy};
	copy_texts(arena, texts, sizeof texts / sizeof *texts);
	copy->head = copy_document(arena, cluster->head);
	return copy;
}

static struct piece copy_piece(struct arena *arena, const struct piece *piece, const uint32_t *now)
{
	struct piece copy = *piece;
	piece_copy_content(arena, &copy);
	copy.documents = arena_dup(arena, piece->documents, piece->document_count * sizeof *piece->documents);
	copy.files = ARENA_ARRAY(arena, uint32_t, piece->file_count);
	for (size_t i = 0; i < piece->file_count; i++)
		copy.files[i] = now[piece->files[i]];
	return copy;
}

/* Both sides are sorted. */
static void merge_clusters(struct splice *splice)
{
	const struct snapshot *before = splice->before;
	struct snapshot *out = splice->out;
	struct fleet *fleet = out->fleet;
	struct arena *arena = &out->arena;
	size_t most = before->piece_count + out->piece_count, count = 0;
	struct cluster **clusters = ARENA_ARRAY(arena, struct cluster *, most + 1);
	struct piece *pieces = ARENA_ARRAY(arena, struct piece, most + 1);
	for (size_t i = 0, j = 0; i < before->piece_count || j < out->piece_count;) {
		if (i < before->piece_count && !splice_keeps(splice, &before->pieces[i])) {
			i++;
			continue;
		}
		bool is_old = i < before->piece_count &&
			      (j == out->piece_count || fleet_compare_clusters(before->fleet->clusters[i], fleet->clusters[j]) < 0);
		if (is_old) {
			clusters[count] = copy_cluster(arena, before->fleet->clusters[i]);
			pieces[count++] = copy_piece(arena, &before->pieces[i++], splice->now);
			continue;
		}
		for (size_t k = 0; k < out->pieces[j].file_count; k++)
			out->pieces[j].files[k] = splice->place[out->pieces[j].files[k]];
		clusters[count] = fleet->clusters[j];
		pieces[count++] = out->pieces[j++];
	}
	fleet->clusters = clusters;
	out->pieces = pieces;
	fleet->cluster_count = fleet->cluster_cap = out->piece_count = out->piece_cap = count;
}

static void merge_raws(struct splice *splice)
{
	const struct fleet *before = splice->before->fleet;
	struct fleet *fleet = splice->out->fleet;
	struct arena *arena = &splice->out->arena;
	size_t count = 0;
	struct raw_resource **raws = ARENA_ARRAY(arena, struct raw_resource *, before->raw_count + fleet->raw_count + 1);
	for (size_t i = 0, j = 0; i < before->raw_count || j < fleet->raw_count;) {
		if (i < before->raw_count && !splice_keeps_raw(splice, before->raws[i])) {
			i++;
			continue;
		}
		if (i == before->raw_count || (j < fleet->raw_count && fleet_compare_raws(fleet->raws[j], before->raws[i]) < 0)) {
			raws[count++] = fleet->raws[j++];
			continue;
		}
		struct raw_resource *copy = arena_dup(arena, before->raws[i], sizeof *copy);
		struct span *const texts[] = {&copy->connection, &copy->ns};
		copy_texts(arena, texts, sizeof texts / sizeof *texts);
		copy->document = copy_document(arena, copy->document);
		copy->resource = resource_copy(arena, copy->resource);
		copy->resource->content_file = arena_copy(arena, copy->resource->content_file);
		raws[count++] = copy;
		i++;
	}
	fleet->raws = raws;
	fleet->raw_count = fleet->raw_cap = count;
}

static void merge_findings(struct splice *splice)
{
	const struct diag_list *found = &splice->before->found;
	struct snapshot *out = splice->out;
	struct diag_list kept;
	diag_list_init(&kept, &out->arena);
	for (size_t i = 0; i < found->count; i++) {
		struct diag diag = found->items[i];
		if (!splice_keeps_finding(splice, &diag))
			continue;
		struct span *const texts[] = {&diag.file, &diag.object, &diag.path, &diag.message, &diag.hint};
		copy_texts(&out->arena, texts, sizeof texts / sizeof *texts);
		diag.code = arena_string(&out->arena, span_of(diag.code));
		const struct diag_list one = {.items = &diag, .count = 1};
		diag_append(&kept, &one);
	}
	diag_append(&out->fleet->diags, &kept);
	diag_sort(&out->fleet->diags);
	out->found = out->fleet->diags;
}

/* The files of both sides: the inputs of the tree, and behind them what is only named. */
struct numbering {
	struct snapshot_file *files;
	size_t count;
	uint32_t *rendered, *before; /* numbers of the files of both sides; NO_FILE: of no use any more */
};

static struct snapshot_file copy_file(struct arena *arena, const struct snapshot_file *file)
{
	struct snapshot_file copy = *file;
	copy.texts = snapshot_file_new(arena, snapshot_path(file), snapshot_id(file), file->bytes).texts;
	return copy;
}

static void merge_inputs(struct splice *splice, struct numbering *to)
{
	const struct snapshot *before = splice->before;
	struct snapshot *out = splice->out;
	for (size_t i = 0; i < splice->tree->tree.input_count; i++)
		if (splice->was[i] != NO_FILE)
			to->before[splice->was[i]] = (uint32_t)i;
	for (size_t i = 0; i < splice->selected; i++) {
		to->rendered[i] = splice->place[i];
		to->files[splice->place[i]] = out->files[i];
		to->files[splice->place[i]].group += before->group_count;
	}
	for (size_t i = 0; i < before->input_count; i++) {
		if (splice->now[i] == NO_FILE)
			continue;
		to->files[splice->now[i]] = copy_file(&out->arena, &before->files[i]);
		out->document_count += before->files[i].documents;
	}
	to->count = splice->tree->tree.input_count;
}

static const struct tree_file *find_input(const struct tree *tree, struct span path)
{
	size_t low = 0, high = tree->input_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(tree->inputs[middle].path, path);
		if (order == 0)
			return &tree->inputs[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What was rendered may name inputs that were not. False: one has changed since the source told its id. */
static bool place_inputs(struct splice *splice, struct numbering *to)
{
	const struct snapshot *out = splice->out;
	const struct tree *tree = &splice->tree->tree;
	for (size_t i = out->input_count; i < out->file_count; i++) {
		const struct tree_file *input = find_input(tree, snapshot_path(&out->files[i]));
		to->rendered[i] = input == NULL ? NO_FILE : (uint32_t)(input - tree->inputs);
		if (input != NULL && !span_eq(input->id, snapshot_id(&out->files[i])))
			return false;
	}
	return true;
}

static bool merge_named(struct splice *splice, struct numbering *to)
{
	const struct snapshot *before = splice->before, *out = splice->out;
	bool *is_used = ARENA_ARRAY(&splice->arena, bool, before->file_count + 1);
	for (size_t i = 0; i < before->read_count; i++)
		is_used[before->reads[i].file] |= splice->now[before->reads[i].reader] != NO_FILE;
	for (size_t i = before->input_count, j = out->input_count;; to->count++) {
		while (i < before->file_count && !is_used[i])
			i++;
		while (j < out->file_count && to->rendered[j] != NO_FILE)
			j++;
		if (i == before->file_count && j == out->file_count)
			return true;
		const struct snapshot_file *old = &before->files[i], *new = &out->files[j];
		int order = i == before->file_count ? 1 : j == out->file_count ? -1 : span_cmp(snapshot_path(old), snapshot_path(new));
		if (order == 0 && !span_eq(snapshot_id(old), snapshot_id(new)))
			return false;
		to->files[to->count] = order < 0 ? copy_file(&splice->out->arena, old) : *new;
		if (order <= 0)
			to->before[i++] = (uint32_t)to->count;
		if (order >= 0)
			to->rendered[j++] = (uint32_t)to->count;
	}
}

static void merge_reads(struct splice *splice, const struct numbering *to)
{
	const struct snapshot *before = splice->before;
	struct snapshot *out = splice->out;
	struct snapshot_read *reads = ARENA_ARRAY(&out->arena, struct snapshot_read, before->read_count + out->read_count + 1);
	size_t count = 0;
	for (size_t i = 0; i < before->read_count; i++) {
		struct snapshot_read read = before->reads[i];
		if (splice->now[read.reader] != NO_FILE)
			reads[count++] = (struct snapshot_read){splice->now[read.reader], to->before[read.file]};
	}
	for (size_t i = 0; i < out->read_count; i++)
		reads[count++] = (struct snapshot_read){to->rendered[out->reads[i].reader], to->rendered[out->reads[i].file]};
	out->reads = reads;
	out->read_count = count;
}

static const struct snapshot_handled *copy_handled(struct arena *arena, const struct snapshot_handled *handled)
{
	if (handled == NULL)
		return NULL;
	struct snapshot_handled *copy = arena_dup(arena, handled, sizeof *copy);
	copy->ns = arena_copy(arena, handled->ns);
	copy->name = arena_copy(arena, handled->name);
	copy->json = arena_copy(arena, handled->json);
	return copy;
}

static void merge_objects(struct splice *splice, const struct numbering *to)
{
	const struct snapshot *before = splice->before;
	struct snapshot *out = splice->out;
	struct snapshot_object *objects = ARENA_ARRAY(&out->arena, struct snapshot_object, before->object_count + out->object_count + 1);
	size_t count = 0;
	for (size_t i = 0; i < before->object_count; i++)
		if (splice->now[before->objects[i].file] != NO_FILE)
			objects[count++] = (struct snapshot_object){before->objects[i].digest, splice->now[before->objects[i].file],
								      copy_handled(&out->arena, before->objects[i].handled)};
	for (size_t i = 0; i < out->object_count; i++)
		objects[count++] = (struct snapshot_object){out->objects[i].digest, to->rendered[out->objects[i].file], out->objects[i].handled};
	out->objects = objects;
	out->object_count = count;
}

bool splice_merge(struct splice *splice)
{
	const struct snapshot *before = splice->before;
	struct snapshot *out = splice->out;
	struct numbering to = {
		.files = ARENA_ARRAY(&out->arena, struct snapshot_file,
				     splice->tree->tree.input_count + before->file_count - before->input_count + out->file_count -
					     out->input_count + 1),
		.rendered = ARENA_ARRAY(&splice->arena, uint32_t, out->file_count + 1),
		.before = ARENA_ARRAY(&splice->arena, uint32_t, before->file_count + 1),
	};
	merge_inputs(splice, &to);
	if (!place_inputs(splice, &to) || !merge_named(splice, &to))
		return false;
	merge_reads(splice, &to);
	merge_objects(splice, &to);
	out->files = to.files;
	out->file_count = to.count;
	out->input_count = splice->tree->tree.input_count;
	out->group_count += before->group_count;
	merge_clusters(splice);
	merge_raws(splice);
	merge_findings(splice);
	return true;
}
