#include "render/tree.h"

#include <stdlib.h>
#include <strings.h>

void tree_init(struct tree *tree, struct arena *arena)
{
	*tree = (struct tree){.arena = arena, .limits = TREE_LIMITS_DEFAULT};
}

void tree_add_input(struct tree *tree, struct span path, struct span bytes)
{
	ARENA_PUSH(tree->arena, tree->inputs, tree->input_count, tree->input_cap) = (struct tree_file){.path = path, .bytes = bytes};
}

static int compare_files(const void *a, const void *b)
{
	const struct tree_file *x = a, *y = b;
	return span_cmp(x->path, y->path);
}

void tree_sort(struct tree *tree)
{
	size_t kept = 0;
	if (tree->input_count > 0)
		qsort(tree->inputs, tree->input_count, sizeof *tree->inputs, compare_files);
	for (size_t i = 0; i < tree->input_count; i++)
		if (kept == 0 || !span_eq(tree->inputs[kept - 1].path, tree->inputs[i].path))
			tree->inputs[kept++] = tree->inputs[i];
	tree->input_count = kept;
}

bool tree_load(struct tree *tree, struct tree_file *file, struct fail *fail)
{
	if (file->bytes.ptr != NULL)
		return true;
	bool is_loaded = tree->load != NULL	? tree->load(tree->ctx, file, fail)
			 : tree->read != NULL ? tree->read(tree->ctx, file->path, &file->bytes, fail)
					      : fail_set(fail, FAIL_BUG, "the tree has no reader");
	if (!is_loaded)
		tree->is_incomplete = true;
	return is_loaded;
}

void tree_drop(struct tree *tree, struct tree_file *file)
{
	if (tree->drop != NULL && file->bytes.ptr != NULL)
		tree->drop(tree->ctx, file);
}

/* Drop the last step of a clean path; false when there is none. */
static bool climb(char *path, size_t *len)
{
	if (*len == 0)
		return false;
	while (*len > 0 && path[*len - 1] != '/')
		(*len)--;
	if (*len > 0)
		(*len)--;
	return true;
}

static bool append_steps(struct span steps, char *path, size_t *len)
{
	struct span step;
	while (span_next(&steps, '/', &step)) {
		if (step.len == 0 || span_is(step, "."))
			continue;
		if (span_is(step, "..")) {
			if (!climb(path, len))
				return false;
			continue;
		}
		bool is_git = step.len == 4 && strncasecmp(step.ptr, ".git", 4) == 0; /* may hold credentials; no part of a tree */
		if (is_git || memchr(step.ptr, '\0', step.len) != NULL)
			return false;
		if (*len > 0)
			path[(*len)++] = '/';
		memcpy(path + *len, step.ptr, step.len);
		*len += step.len;
	}
	return true;
}

bool tree_resolve(struct arena *arena, struct span base_dir, struct span file, struct span *out_path)
{
	if (file.len == 0 || file.ptr[0] == '/')
		return false;
	char *path = arena_alloc(arena, base_dir.len + file.len + 2);
	size_t len = 0;
	if (base_dir.len > 0 && (base_dir.ptr[0] == '/' || !append_steps(base_dir, path, &len)))
		return false;
	if (!append_steps(file, path, &len) || len == 0)
		return false;
	path[len] = '\0';
	*out_path = (struct span){path, len};
	return true;
}

bool tree_is_document_name(struct span path)
{
	return span_ends(path, ".yaml") || span_ends(path, ".yml") || span_ends(path, ".json");
}
