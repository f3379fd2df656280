/* `$patch: delete` takes its mapping out of the document before the rest is read, and what becomes empty with it. */
#include "render/patch_int.h"

struct pruning {
	struct patch_walk *walk;
	const struct node *root;
	struct patch_deletes *out;
};

enum { PARENT_DOCUMENT, PARENT_MAP, PARENT_SEQ };

static bool is_delete(const struct pair *pair)
{
	return span_is(node_source_text(&pair->key), "$patch") && span_is(node_source_text(&pair->value), "delete");
}

bool patch_has_deletes(const struct node *node)
{
	if (node_is(node, NODE_SEQ))
		for (size_t i = 0; i < node->len; i++)
			if (patch_has_deletes(&node->items[i]))
				return true;
	if (node_is(node, NODE_MAP))
		for (size_t i = 0; i < node->len; i++)
			if (is_delete(&node->pairs[i]) || patch_has_deletes(&node->pairs[i].value))
				return true;
	return false;
}

static void bad(struct pruning *pruning, const struct node *node, const struct field_path *path, const char *message,
		const char *hint)
{
	pruning->out->is_bad = true;
	patch_hint(pruning->walk, patch_error(pruning->walk, "InvalidPatchDelete", node, path, "%s", message), "%s", hint);
}

/* The selector names the document that it deletes from. */
static void check_selector(struct pruning *pruning, const struct node *key, const struct field_path *path,
			   bool is_document)
{
	bool has_version = node_text_at(pruning->root, "apiVersion").len > 0;
	bool has_kind = node_text_at(pruning->root, "kind").len > 0;

	pruning->out->selectors++;
	if (has_version != has_kind)
		bad(pruning, key, path, "$patch: delete needs both apiVersion and kind of the document, or neither",
		    has_kind ? "add apiVersion: v1alpha1" : "add the kind of the document");
	else if (is_document && (node_get(pruning->root, "apiVersion") == NULL || node_get(pruning->root, "kind") == NULL))
		bad(pruning, key, path, "$patch: delete of a whole document needs its apiVersion and kind",
		    "fields of the document without a kind are deleted one by one");
}

/* `others`: pairs that the mapping has besides. True: goes away. */
static bool check_delete(struct pruning *pruning, const struct node *key, int parent, bool is_in_seq, size_t others,
			 const struct field_path *path)
{
	if (parent != PARENT_SEQ && is_in_seq)
		bad(pruning, key, path, "$patch: delete cannot reach into an item of a list",
		    "delete the whole item: put $patch: delete next to the field that identifies it");
	else if (parent == PARENT_SEQ && others == 0)
		bad(pruning, key, path, "$patch: delete of a list item does not say which item",
		    "put a field and value next to it that identify the item");
	else
		check_selector(pruning, key, path, parent == PARENT_DOCUMENT);
	return true;
}

static bool prune(struct pruning *pruning, const struct node *node, int parent, bool is_in_seq,
		  const struct field_path *path, struct node *out);

static bool prune_map(struct pruning *pruning, const struct node *map, int parent, bool is_in_seq,
		      const struct field_path *path, struct node *out)
{
	size_t kept = 0;

	*out = *map;
	out->pairs = ARENA_ARRAY(pruning->walk->scratch, struct pair, map->len);
	for (size_t i = 0; i < map->len; i++) {
		const struct pair *pair = &map->pairs[i];
		struct span key = node_source_text(&pair->key);
		struct field_path here = path_span(path, key);
		struct pair copy = *pair;

		if (is_delete(pair))
			return check_delete(pruning, &pair->key, parent, is_in_seq, kept + map->len - i - 1, path);
		if (!prune(pruning, &pair->value, PARENT_MAP, is_in_seq || span_starts(key, "["), &here, &copy.value))
			out->pairs[kept++] = copy;
	}
	out->len = NODE_LEN(kept);
	return kept == 0 && map->len > 0;
}

static bool prune_seq(struct pruning *pruning, const struct node *seq, const struct field_path *path, struct node *out)
{
	size_t kept = 0;

	*out = *seq;
	out->items = ARENA_ARRAY(pruning->walk->scratch, struct node, seq->len);
	for (size_t i = 0; i < seq->len; i++) {
		struct field_path here = path_index(path, i);
		struct node copy;

		if (!prune(pruning, &seq->items[i], PARENT_SEQ, true, &here, &copy))
			out->items[kept++] = copy;
	}
	out->len = NODE_LEN(kept);
	return kept == 0 && seq->len > 0;
}

/* True: the node is gone, either named or because nothing is left of it. Depth is bounded by the loader. */
static bool prune(struct pruning *pruning, const struct node *node, int parent, bool is_in_seq,
		  const struct field_path *path, struct node *out)
{
	*out = *node;
	if (node_is(node, NODE_MAP))
		return prune_map(pruning, node, parent, is_in_seq, path, out);
	if (node_is(node, NODE_SEQ))
		return prune_seq(pruning, node, path, out);
	return false;
}

void patch_delete(struct patch_walk *walk, const struct node *root, const struct field_path *path,
		  struct patch_deletes *out)
{
	struct pruning pruning = {walk, root, out};
	struct node left;

	*out = (struct patch_deletes){0};
	if (!prune(&pruning, root, PARENT_DOCUMENT, false, path, &left))
		out->root = left;
}
