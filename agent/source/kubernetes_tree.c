/* A tree of what is declared: what an object says is only written out where whoever polls does not know it already. */
#include <string.h>

#include "agent/source/kubernetes_int.h"

static struct span id_span(const struct seen *seen)
{
	return (struct span){(const char *)seen->id, sizeof seen->id};
}

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

static const struct source_file *find_known(const struct source_known *known, const struct map *by_path, const struct seen *seen)
{
	const struct source_file *file = known == NULL ? NULL : map_get(by_path, seen->path);
	return file != NULL && span_eq(file->id, id_span(seen)) ? file : NULL;
}

/* What whoever polls has of it may come without bytes; what went cannot be read later. */
static bool add_file(struct look *look, struct source_tree *tree, struct seen *seen, const struct source_file *known, struct fail *fail)
{
	struct span bytes = {NULL, 0};
	bool ok = true;
	if (seen->gone != NULL)
		bytes = arena_copy(&tree->arena, seen->gone->bytes);
	else if (known == NULL)
		ok = read_object(look->source, seen->kind, seen->ns, seen->name, &tree->arena, seen->id, &bytes, fail);
	if (!ok)
		return false;
	tree_add_input(&tree->tree, arena_copy(&tree->arena, seen->path), bytes);
	tree->tree.inputs[tree->tree.input_count - 1].id = arena_copy(&tree->arena, id_span(seen));
	return true;
}

static bool fill(struct look *look, struct source_tree *tree, struct fail *fail)
{
	const struct source_known *known = look->source->base.known;
	const struct tree_limits *limits = &tree->tree.limits;
	struct map by_path;
	size_t total = 0;
	map_init(&by_path, &look->arena);
	for (size_t i = 0; known != NULL && i < known->input_count; i++)
		*map_at(&by_path, known->inputs[i].path) = &known->inputs[i];
	if (look->declared_count > limits->max_files)
		return fail_set(fail, FAIL_TOO_BIG, "more than %zu objects are declared", limits->max_files);
	for (size_t i = 0; i < look->declared_count; i++) {
		struct seen *seen = &look->seen[look->declared[i]->number];
		const struct source_file *file = find_known(known, &by_path, seen);
		if (!add_file(look, tree, seen, file, fail))
			return false;
		total += file != NULL ? file->bytes : tree->tree.inputs[tree->tree.input_count - 1].bytes.len;
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
	struct source_tree *tree = source_tree_new(&source->base.config.limits);
	if (!fill(look, tree, fail)) {
		source_tree_unref(tree);
		return NULL;
	}
	struct later *later = ARENA_NEW(&tree->arena, struct later);
	*later = (struct later){source, &tree->arena};
	tree->tree.ctx = later;
	tree->tree.load = load;
	look_content_id(look, tree->content_id); /* some may have changed while they were read */
	tree->tree.revision = arena_spanf(&tree->arena, "kubernetes@sha256:%s", tree->content_id);
	identify_others(tree, source->base.known);
	return tree;
}
