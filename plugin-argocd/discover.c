#include "plugin-argocd/discover.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/enclose.h"
#include "render/diag.h"
#include "render/tree.h"

#define GROUP "omni.texashpc.com/"

/* What the lines of one document have said so far. */
struct signs {
	bool has_version, has_template_kind, has_omni_type;
};

/* `key: value`, `"key": "value",` and in braces: the value behind the key, without quotes. */
static struct span value_behind(struct span line, const char *key)
{
	size_t key_len = strlen(key);
	for (size_t i = 0; i + key_len < line.len; i++) {
		if (memcmp(line.ptr + i, key, key_len) != 0)
			continue;
		size_t at = i + key_len;
		at += at < line.len && (line.ptr[at] == '"' || line.ptr[at] == '\'');
		while (at < line.len && line.ptr[at] == ' ')
			at++;
		if (at >= line.len || line.ptr[at++] != ':')
			continue;
		while (at < line.len && strchr(" \"'", line.ptr[at]) != NULL)
			at++;
		size_t end = at;
		while (end < line.len && strchr(" \"',}\r", line.ptr[end]) == NULL)
			end++;
		return (struct span){line.ptr + at, end - at};
	}
	return (struct span){0};
}

static bool is_template_kind(struct span line)
{
	static const char *const kinds[] = {"Cluster", "ControlPlane", "Workers", "Machine"};
	struct span kind = value_behind(line, "kind");
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (span_starts(line, "kind:") && span_is(kind, kinds[i]))
			return true;
	return false;
}

static bool is_ours(const struct signs *signs)
{
	return !signs->has_version && (signs->has_template_kind || signs->has_omni_type);
}

bool discover_is_ours(struct span bytes)
{
	struct signs signs = {0};
	struct span rest = bytes, line;
	while (span_next(&rest, '\n', &line)) {
		if (span_starts(line, "---")) {
			if (is_ours(&signs))
				return true;
			signs = (struct signs){0};
		}
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		struct span version = value_behind(line, "apiVersion");
		if (span_starts(version, GROUP))
			return true;
		signs.has_version |= version.len > 0;
		signs.has_template_kind |= is_template_kind(line);
		signs.has_omni_type |= span_ends(value_behind(line, "type"), ".omni.sidero.dev");
	}
	return is_ours(&signs);
}

/* Argo CD asks plugins before it looks for these itself. */
static bool is_for_another_tool(const char *path)
{
	static const char *const names[] = {"kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char file[4096];
		int len = snprintf(file, sizeof file, "%s/%s", path, names[i]);
		if (len > 0 && (size_t)len < sizeof file && access(file, F_OK) == 0)
			return true;
	}
	return false;
}

bool discover_find(struct arena *arena, const char *path, struct span *out_file, struct fail *fail)
{
	struct diag_list diags; /* what cannot be read is for generate to report */
	struct tree tree;
	*out_file = SPAN("");
	if (is_for_another_tool(path))
		return true;
	diag_list_init(&diags, arena);
	tree_init(&tree, arena);
	if (!enclose_by_environment(path, fail) || !tree_from_paths(&tree, path, NULL, 0, &diags, fail))
		return false;
	for (size_t i = 0; i < tree.input_count && out_file->len == 0; i++) {
		if (!tree_load(&tree, &tree.inputs[i], NULL))
			continue;
		if (discover_is_ours(tree.inputs[i].bytes))
			*out_file = tree.inputs[i].path;
		tree_drop(&tree, &tree.inputs[i]);
	}
	return true;
}
