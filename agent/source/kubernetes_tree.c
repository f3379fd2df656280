/* A tree of what is declared: what an object says is only written out where whoever polls does not know it already. */
#include <string.h>

#include "agent/source/kubernetes_int.h"

/* What a tree needs for reading its files later. */
struct later {
	struct kubernetes_source *source;
	struct arena *arena; /* of the tree */
};

static bool changed_meanwhile(struct span path, struct fail *fail)
{
	return fail_set(fail, FAIL_CONFLICT, "%.*s changed while it was read", SPAN_ARG(path));
}

/* As it is now; *out_id (may be NULL) says what it is then. */
static bool read_object(struct kubernetes_source *source, const struct kind *kind, struct span ns, struct span name, struct arena *arena,
			unsigned char out_id[KUBE_CONTENT_ID], struct span *out, struct fail *fail)
{
	struct kube_object object;
	struct arena scratch;
	arena_init(&scratch, ARENA_NO_LIMIT);
	bool ok = kube_cache_find(source->cache, kind, ns, name, &scratch, &object)
			  ? kube_object_document(&object, arena, out, fail)
			  : fail_set(fail, FAIL_CONFLICT, "%s %.*s/%.*s went while it was read", kind->name, SPAN_ARG(ns), SPAN_ARG(name));
	if (ok)
		memcpy(out_id, object.content_id, KUBE_CONTENT_ID);
	arena_done(&scratch);
	return ok;
}

static bool load(void *ctx, struct tree_file *file, struct fail *fail)
{
	const struct later *later = ctx;
	const struct kind *kind;
	struct span ns, name;
	unsigned char id[KUBE_CONTENT_ID];
	if (!source_object(file->path, &kind, &ns, &name))
		return fail_set(fail, FAIL_BUG, "%.*s is no object", SPAN_ARG(file->path));
	if (!read_object(later->source, kind, ns, name, later->arena, id, &file->bytes, fail))
		return false;
	if (span_eq((struct span){(const char *)id, sizeof id}, file->id))
		return true;
	file->bytes = (struct span){NULL, 0};
	return changed_meanwhile(file->path, fail);
}

/* --- objects that say something else ------------------------------------------------------------------------------------ */

static bool read_path(struct kubernetes_source *source, struct span path, struct arena *arena, unsigned char out_id[KUBE_CONTENT_ID],
		      struct span *out, struct fail *fail)
{
	const struct kind *kind;
	struct span ns, name;
	if (!source_object(path, &kind, &ns, &name))
		return fail_set(fail, FAIL_BUG, "%.*s is no object", SPAN_ARG(path));
	return read_object(source, kind, ns, name, arena, out_id, out, fail);
}

bool look_at_changed(struct look *look, const struct news *news, struct fail *fail)
{
	struct kubernetes_source *source = look->source;
	look->again_ms = source->again_ms;
	look->changes = ARENA_ARRAY(&look->arena, struct change, news->count + 1);
	for (size_t i = 0; i < news->count; i++) {
		unsigned char id[KUBE_CONTENT_ID];
		struct span bytes;
		size_t hint = 0, index = listing_find(source->last, news->changed[i], &hint);
		if (index == SIZE_MAX)
			continue; /* it is not declared */
		if (!read_path(source, news->changed[i], &look->arena, id, &bytes, fail))
			return false;
		const struct listed *item = &(look->listing != NULL ? look->listing : source->last)->items[index];
		if (memcmp(item->id, id, sizeof id) == 0)
			continue;
		if (look->listing == NULL)
			look->listing = listing_copy(source->last);
		listing_set(look->listing, index, id);
		look->changes[look->change_count++] = (struct change){index, bytes};
	}
	if (look->listing == NULL)
		look->listing = listing_ref(source->last);
	else
		listing_digest(look->listing);
	return true;
}

/* --- a tree -------------------------------------------------------------------------------------------------------------- */

static void unref_listing(void *listing)
{
	listing_unref(listing);
}

static struct source_tree *tree_of(struct look *look)
{
	struct listing *listing = look->listing;
	struct source_tree *tree = source_tree_new(&look->source->base.config.limits);
	tree->is_of_server = true;
	struct tree_file *inputs = ARENA_ARRAY(&tree->arena, struct tree_file, listing->count + 1);
	for (size_t i = 0; i < listing->count; i++)
		inputs[i] = (struct tree_file){.path = listing->items[i].path, .id = listed_id(&listing->items[i])};
	tree->tree.inputs = inputs;
	tree->tree.input_count = tree->tree.input_cap = listing->count;
	arena_defer(&tree->arena, unref_listing, listing_ref(listing));
	for (size_t i = 0; i < look->change_count; i++)
		inputs[look->changes[i].index].bytes = arena_copy(&tree->arena, look->changes[i].bytes);
	return tree;
}

/* What whoever polls has of it may come without bytes; what went cannot be read later. */
static bool add_bytes(struct look *look, struct source_tree *tree, size_t index, struct fail *fail)
{
	struct tree_file *input = &tree->tree.inputs[index];
	unsigned char id[KUBE_CONTENT_ID];
	if (look->declared != NULL && look->declared[index]->gone != NULL) {
		input->bytes = arena_copy(&tree->arena, look->declared[index]->gone->bytes);
		return true;
	}
	if (!read_path(look->source, input->path, &tree->arena, id, &input->bytes, fail))
		return false;
	if (span_eq((struct span){(const char *)id, sizeof id}, input->id))
		return true;
	if (look->listing == look->source->last)
		return changed_meanwhile(input->path, fail); /* which shares it */
	listing_set(look->listing, index, id);
	return true;
}

/* Both are sorted. */
static const struct source_file *find_known(const struct source_known *known, size_t *at, const struct tree_file *input)
{
	while (known != NULL && *at < known->input_count) {
		const struct source_file *file = &known->inputs[*at];
		int order = span_eq(file->path, input->path) ? 0 : span_cmp(file->path, input->path);
		if (order > 0)
			return NULL;
		++*at;
		if (order == 0)
			return span_eq(file->id, input->id) ? file : NULL;
	}
	return NULL;
}

static bool fill(struct look *look, struct source_tree *tree, struct fail *fail)
{
	const struct source_known *known = look->source->base.known;
	const struct tree_limits *limits = &tree->tree.limits;
	size_t total = 0, at = 0;
	if (tree->tree.input_count > limits->max_files)
		return fail_set(fail, FAIL_TOO_BIG, "more than %zu objects are declared", limits->max_files);
	for (size_t i = 0; i < tree->tree.input_count; i++) {
		struct tree_file *input = &tree->tree.inputs[i];
		const struct source_file *file = find_known(known, &at, input);
		bool is_gone = look->declared != NULL && look->declared[i]->gone != NULL;
		bool is_wanted = input->bytes.ptr == NULL && (file == NULL || is_gone);
		if (is_wanted && !add_bytes(look, tree, i, fail))
			return false;
		total += file != NULL ? file->bytes : input->bytes.len;
	}
	if (total > limits->max_total_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "the objects are more than %zu bytes together", limits->max_total_bytes);
	return true;
}

/* Custom resources of an API server name no files that it has. */
static void identify_others(struct source_tree *tree, const struct source_known *known)
{
	tree->others = ARENA_ARRAY(&tree->arena, struct source_file, known == NULL ? 1 : known->other_count + 1);
	for (size_t i = 0; known != NULL && i < known->other_count; i++)
		tree->others[tree->other_count++].path = arena_copy(&tree->arena, known->others[i].path);
}

struct source_tree *look_tree(struct look *look, struct fail *fail)
{
	struct kubernetes_source *source = look->source;
	struct source_tree *tree = tree_of(look);
	if (!fill(look, tree, fail)) {
		source_tree_unref(tree);
		return NULL;
	}
	struct later *later = ARENA_NEW(&tree->arena, struct later);
	*later = (struct later){source, &tree->arena};
	tree->tree.ctx = later;
	tree->tree.load = load;
	listing_digest(look->listing); /* some may have changed while they were read */
	memcpy(tree->content_id, look->listing->content_id, sizeof tree->content_id);
	tree->tree.revision = arena_spanf(&tree->arena, "kubernetes@sha256:%s", tree->content_id);
	identify_others(tree, source->base.known);
	return tree;
}
