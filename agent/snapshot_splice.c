/* A snapshot of a tree of which little changed: what changed is rendered, with all that hangs together with it, and put
 * beside what is kept of the snapshot before. The result has to be what rendering everything would give. So only a
 * snapshot without any fault is built upon, only files that hang together with nothing that changed are kept, and whatever
 * the two sides could have to say about each other ends the attempt: a fault, a name, a machine or a resource that both
 * sides have, a connection that changed, a finding about a file that both use. Then everything is rendered.
 *
 * The renderer is not trusted any more than otherwise, and sees less: it can lie about the files that it is given, no
 * longer about all the others. */
#include "agent/snapshot_int.h"

/* --- what has to be rendered ------------------------------------------------------------------------------------------ */

static bool same_options(const struct fleet_options *a, const struct fleet_options *b)
{
	const struct load_limits *x = &a->load_limits, *y = &b->load_limits;
	return a->rules == b->rules && a->offline_schema == b->offline_schema && a->translate == b->translate &&
	       a->render == b->render && x->max_documents == y->max_documents && x->max_depth == y->max_depth &&
	       x->max_nodes == y->max_nodes && x->max_bytes == y->max_bytes && span_eq(a->default_ns, b->default_ns);
}

static void open_splice(struct splice *splice, struct source_tree *tree, const struct snapshot *before)
{
	size_t count = tree->tree.input_count;
	*splice = (struct splice){.tree = tree, .before = before};
	arena_init(&splice->arena, ARENA_NO_LIMIT);
	splice->was = ARENA_ARRAY(&splice->arena, uint32_t, count + 1);
	splice->is_selected = ARENA_ARRAY(&splice->arena, bool, count + 1);
	splice->is_changed = ARENA_ARRAY(&splice->arena, bool, before->file_count + 1);
	splice->is_touched = ARENA_ARRAY(&splice->arena, bool, before->group_count + 1);
	splice->now = ARENA_ARRAY(&splice->arena, uint32_t, before->file_count + 1);
	splice->place = ARENA_ARRAY(&splice->arena, uint32_t, count + 1);
}

/* Both lists are sorted. */
static void compare_inputs(struct splice *splice)
{
	const struct tree *tree = &splice->tree->tree;
	const struct snapshot *before = splice->before;
	for (size_t i = 0, j = 0; i < tree->input_count || j < before->input_count;) {
		const struct snapshot_file *old = &before->files[j];
		const struct tree_file *input = &tree->inputs[i];
		int order = i == tree->input_count ? 1 : j == before->input_count ? -1 : span_cmp(input->path, snapshot_path(old));
		bool is_same = order == 0 && input->id.len > 0 && span_eq(input->id, snapshot_id(old));
		if (order <= 0)
			splice->was[i++] = is_same ? (uint32_t)j : NO_FILE;
		if (order >= 0)
			splice->is_changed[j++] = !is_same;
		uint32_t named = order < 0 ? snapshot_find(before, input->path) : NO_FILE;
		if (named != NO_FILE)
			splice->is_changed[named] = true;
	}
}

/* The source tells in the order in which it was asked; false: it did not. */
static bool compare_named(struct splice *splice)
{
	const struct snapshot *before = splice->before;
	size_t count = before->file_count - before->input_count;
	if (splice->tree->other_count != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct source_file *other = &splice->tree->others[i];
		const struct snapshot_file *old = &before->files[before->input_count + i];
		if (!span_eq(other->path, snapshot_path(old)))
			return false;
		splice->is_changed[before->input_count + i] |= !span_eq(other->id, snapshot_id(old));
	}
	return true;
}

static void touch(struct splice *splice)
{
	const struct snapshot *before = splice->before;
	for (size_t i = 0; i < before->input_count; i++)
		splice->is_touched[before->files[i].group] |= splice->is_changed[i] || before->files[i].is_for_all;
	for (size_t i = 0; i < before->read_count; i++)
		splice->is_touched[before->files[before->reads[i].reader].group] |= splice->is_changed[before->reads[i].file];
}

static void select_inputs(struct splice *splice)
{
	const struct snapshot *before = splice->before;
	for (size_t i = 0; i < before->file_count; i++)
		splice->now[i] = NO_FILE;
	for (size_t i = 0; i < splice->tree->tree.input_count; i++) {
		uint32_t was = splice->was[i];
		splice->is_selected[i] = was == NO_FILE || splice->is_touched[before->files[was].group];
		if (splice->is_selected[i])
			splice->place[splice->selected++] = (uint32_t)i;
		else
			splice->now[was] = (uint32_t)i;
	}
}

static bool changes_for_all(const struct splice *splice)
{
	const struct snapshot *before = splice->before;
	for (size_t i = 0; i < before->input_count; i++)
		if (before->files[i].is_for_all && splice->is_changed[i])
			return true;
	return false;
}

static bool choose(struct splice *splice)
{
	compare_inputs(splice);
	if (!compare_named(splice) || changes_for_all(splice))
		return false;
	touch(splice);
	select_inputs(splice);
	return splice->selected < splice->tree->tree.input_count;
}

/* --- rendering it ----------------------------------------------------------------------------------------------------- */

static struct fleet *empty_fleet(struct arena *arena, const struct fleet_options *options)
{
	struct fleet *fleet = ARENA_NEW(arena, struct fleet);
	fleet_init(fleet, arena, options);
	return fleet;
}

static bool render_selected(struct splice *splice, const struct renderer *renderer, const struct fleet_options *options,
			    struct fail *fail)
{
	struct snapshot *out = splice->out;
	struct tree part = splice->tree->tree;
	struct maker maker;
	bool ok = true;
	part.inputs = ARENA_ARRAY(&splice->arena, struct tree_file, splice->selected + 1);
	part.input_count = part.input_cap = splice->selected;
	for (size_t i = 0; i < splice->selected; i++)
		part.inputs[i] = splice->tree->tree.inputs[splice->place[i]];
	maker_open(&maker, out, &part, splice->before);
	struct fleet_taker taker = maker_taker(&maker);
	if (splice->selected == 0)
		out->fleet = empty_fleet(&out->arena, options);
	else
		ok = renderer->render(renderer->ctx, &part, options, &taker, &out->arena, &out->fleet, fail);
	if (ok)
		maker_finish(&maker);
	maker_close(&maker);
	return ok;
}

/* --- what both sides have ------------------------------------------------------------------------------------------------ */

/* Digests of one side, for asking with those of the other. */
struct digests {
	uint64_t *slots;
	size_t mask;
};

static void digests_open(struct digests *digests, struct arena *arena, size_t most)
{
	size_t count = 16;
	while (count < most * 2)
		count *= 2;
	*digests = (struct digests){ARENA_ARRAY(arena, uint64_t, count), count - 1};
}

static uint64_t *digests_place(const struct digests *digests, uint64_t digest)
{
	size_t i = (size_t)digest & digests->mask;
	while (digests->slots[i] != 0 && digests->slots[i] != digest)
		i = (i + 1) & digests->mask;
	return &digests->slots[i];
}

static void digests_add(struct digests *digests, const uint64_t *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*digests_place(digests, items[i]) = items[i];
}

static bool digests_have(const struct digests *digests, const uint64_t *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (*digests_place(digests, items[i]) != 0)
			return true;
	return false;
}

bool splice_keeps(const struct splice *splice, const struct piece *piece)
{
	return piece->file_count > 0 && splice->now[piece->files[0]] != NO_FILE;
}

/* Which of the files before a raw resource stands in. */
bool splice_keeps_raw(const struct splice *splice, const struct raw_resource *raw)
{
	uint32_t file = raw->document == NULL ? NO_FILE : snapshot_find(splice->before, raw->document->file);
	return file != NO_FILE && splice->now[file] != NO_FILE;
}

/* The documents of plain templates have names within their file only. */
static size_t object_count(const struct snapshot *snapshot, size_t index)
{
	return snapshot->fleet->clusters[index]->is_template ? 0 : snapshot->pieces[index].document_count;
}

static void collect_digests(struct splice *splice, struct digests *digests)
{
	const struct snapshot *out = splice->out;
	size_t most = out->object_count + out->fleet->raw_count;
	for (size_t i = 0; i < out->piece_count; i++)
		most += out->pieces[i].id_count + out->pieces[i].document_count;
	digests_open(digests, &splice->arena, most);
	for (size_t i = 0; i < out->piece_count; i++) {
		digests_add(digests, out->pieces[i].ids, out->pieces[i].id_count);
		digests_add(digests, out->pieces[i].documents, object_count(out, i));
	}
	for (size_t i = 0; i < out->object_count; i++)
		digests_add(digests, &out->objects[i].digest, 1);
	for (size_t i = 0; i < out->fleet->raw_count; i++) {
		uint64_t id = mirror_key(out->fleet->raws[i]->resource->type, out->fleet->raws[i]->resource->id);
		digests_add(digests, &id, 1);
	}
}

/* Kept, whatever belongs to another Omni: that would have to be looked at more closely. */
static bool clashes(struct splice *splice)
{
	const struct snapshot *before = splice->before, *out = splice->out;
	struct digests digests;
	struct map names;
	map_init(&names, &splice->arena);
	collect_digests(splice, &digests);
	for (size_t i = 0; i < out->fleet->cluster_count; i++)
		*map_at(&names, out->fleet->clusters[i]->name) = splice;
	for (size_t i = 0; i < before->piece_count; i++) {
		const struct piece *piece = &before->pieces[i];
		if (splice_keeps(splice, piece) && (map_get(&names, before->fleet->clusters[i]->name) != NULL ||
					       digests_have(&digests, piece->ids, piece->id_count) ||
					       digests_have(&digests, piece->documents, object_count(before, i))))
			return true;
	}
	for (size_t i = 0; i < before->object_count; i++)
		if (splice->now[before->objects[i].file] != NO_FILE && digests_have(&digests, &before->objects[i].digest, 1))
			return true;
	for (size_t i = 0; i < before->fleet->raw_count; i++) {
		const struct raw_resource *raw = before->fleet->raws[i];
		uint64_t id = mirror_key(raw->resource->type, raw->resource->id);
		if (splice_keeps_raw(splice, raw) && digests_have(&digests, &id, 1))
			return true;
	}
	return false;
}

/* Files that clusters which are kept depend on. */
static bool is_read_by_kept(const struct splice *splice, uint32_t file)
{
	const struct snapshot *before = splice->before;
	for (size_t i = 0; i < before->read_count; i++)
		if (before->reads[i].file == file && splice->now[before->reads[i].reader] != NO_FILE)
			return true;
	return false;
}

bool splice_keeps_finding(const struct splice *splice, const struct diag *diag)
{
	uint32_t file = snapshot_find(splice->before, diag->file);
	if (file == NO_FILE)
		return false;
	return splice->now[file] != NO_FILE || is_read_by_kept(splice, file);
}

/* Connections are the same as before; what is found in a file that both sides use would be told once. */
static bool crosses(const struct splice *splice)
{
	const struct snapshot *before = splice->before, *out = splice->out;
	for (size_t i = 0; i < out->input_count; i++) {
		uint32_t was = splice->was[splice->place[i]];
		if (out->files[i].is_for_all && (was == NO_FILE || !before->files[was].is_for_all))
			return true;
	}
	for (size_t i = 0; i < out->found.count; i++)
		if (splice_keeps_finding(splice, &out->found.items[i]))
			return true;
	return false;
}

/* The limits hold for the whole tree. */
static bool is_too_much(const struct splice *splice)
{
	const struct snapshot *before = splice->before, *out = splice->out;
	size_t documents = out->document_count, named = 0;
	for (size_t i = 0; i < before->input_count; i++)
		documents += splice->now[i] != NO_FILE ? before->files[i].documents : 0;
	for (size_t i = before->input_count; i < before->file_count; i++)
		named += before->files[i].bytes;
	for (size_t i = out->input_count; i < out->file_count; i++)
		named += out->files[i].bytes;
	return documents > before->fleet->options.load_limits.max_documents ||
	       before->found.count + out->found.count >= DIAG_MAX || named > splice->tree->tree.limits.max_total_bytes;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

static bool put_together(struct splice *splice)
{
	return splice->out->is_exact && !clashes(splice) && !crosses(splice) && !is_too_much(splice) && splice_merge(splice);
}

bool snapshot_splice(const struct renderer *renderer, const struct fleet_options *options, struct source_tree *tree,
		     const struct snapshot *before, struct snapshot **out, struct fail *fail)
{
	struct splice splice;
	if (before == NULL || !before->is_exact || tree->is_incomplete || tree->tree.is_incomplete ||
	    !same_options(options, &before->fleet->options))
		return false;
	open_splice(&splice, tree, before);
	splice.out = snapshot_new();
	splice.out->is_certain = tree->is_of_server;
	bool ok = choose(&splice) && render_selected(&splice, renderer, options, fail) && put_together(&splice);
	arena_done(&splice.arena);
	if (ok)
		*out = splice.out;
	else
		snapshot_unref(splice.out);
	return ok;
}
