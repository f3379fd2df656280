#include "plugin-argocd/top.h"

#include "base/cleanup.h"

static struct span parent_of(struct span path)
{
	size_t len = path.len;
	while (len > 0 && path.ptr[len - 1] != '/')
		len--;
	return (struct span){path.ptr, len > 0 ? len - 1 : 0};
}

/* Argo CD may stream only the part of a repository that its path filter names, so steps cannot be counted. */
static bool is_unpacked_here(struct span path)
{
	return span_ends(parent_of(path), "/_cmp_server");
}

static bool is_work_tree(struct arena *arena, struct span path)
{
	struct span git = arena_spanf(arena, "%.*s/.git", SPAN_ARG(path));
	return access(git.ptr, F_OK) == 0;
}

struct span top_find(struct arena *arena, struct span directory)
{
	struct span tree = directory;
	bool is_found = false;
	for (struct span path = directory; path.len > 0; path = parent_of(path)) {
		if (is_unpacked_here(path))
			return arena_copy(arena, path);
		if (!is_found && is_work_tree(arena, path)) {
			tree = path;
			is_found = true;
		}
	}
	return arena_copy(arena, tree);
}
