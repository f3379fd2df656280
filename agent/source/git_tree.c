/* Reading a tree out of the object database, without a checkout. libgit2 checks nothing of what a crafted tree may hold
 * ("..", ".git", a slash inside of a name, the same name twice), so everything is checked here: one such name refuses
 * the whole revision. Links are resolved by us, inside of the tree only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/dir_scan.h"
#include "agent/source/git_session.h"
#include "agent/source/internal.h"
#include "base/map.h"

enum { TREE_DEPTH = 64, TREE_ENTRIES_MAX = 1000000, LINK_HOPS = 40, LINK_TARGET_MAX = 4096 };

/* A place in the tree after all links were followed. */
struct place {
	git_oid id;
	git_filemode_t mode;
	bool followed_link;
};

struct walk {
	struct git_session *session;
	const struct map *known; /* id → struct source_file: need not be read */
	const git_oid *root;
	struct source_tree *out;
	size_t entries, total_bytes;
	bool followed_links;
	struct fail *fail;
};

static struct span id_span(const git_oid *id)
{
	return (struct span){(const char *)id->id, OBJECT_ID_RAW};
}

static bool is_dot_git(struct span name)
{
	return name.len == 4 && name.ptr[0] == '.' && (name.ptr[1] | 32) == 'g' && (name.ptr[2] | 32) == 'i' &&
	       (name.ptr[3] | 32) == 't';
}

static bool check_names(const git_tree *tree, struct span path, struct fail *fail)
{
	size_t count = git_tree_entrycount(tree);
	for (size_t i = 0; i < count; i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		struct span name = span_of(git_tree_entry_name(entry));
		bool bad = name.len == 0 || span_is(name, ".") || span_is(name, "..") || is_dot_git(name) ||
			   memchr(name.ptr, '/', name.len) != NULL ||
			   git_tree_entry_byname(tree, name.ptr) != entry;
		if (bad)
			return fail_set(fail, FAIL_INVALID,
					"the directory \"%.*s\" holds an entry named \"%.100s\", which Git itself never "
					"writes: the tree was crafted",
					SPAN_ARG(path), name.ptr);
	}
	return true;
}

static git_tree *open_tree(struct git_session *session, const git_oid *id, struct span path, struct fail *fail)
{
	git_tree *tree = NULL;
	if (git_tree_lookup(&tree, session->repo, id) != 0) {
		session_fail(session, fail, "the directory \"%.*s\" cannot be read", SPAN_ARG(path));
		return NULL;
	}
	if (check_names(tree, path, fail))
		return tree;
	git_tree_free(tree);
	return NULL;
}

/* Bytes of a blob, in the session's arena. */
static bool read_blob(struct git_session *session, struct arena *arena, const git_oid *id, size_t max_bytes,
		      struct span *out, struct fail *fail)
{
	size_t size;
	git_object_t type;
	git_odb_object *object = NULL;
	if (git_odb_read_header(&size, &type, session->odb, id) != 0)
		return session_fail(session, fail, "an object is missing");
	if (type != GIT_OBJECT_BLOB)
		return fail_set(fail, FAIL_INVALID, "not a regular file");
	if (size > max_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "%zu bytes are more than the limit of %zu", size, max_bytes);
	if (git_odb_read(&object, session->odb, id) != 0)
		return session_fail(session, fail, "an object cannot be read");
	*out = arena_copy(arena, (struct span){git_odb_object_data(object), git_odb_object_size(object)});
	git_odb_object_free(object);
	return true;
}

/* --- resolving a path ----------------------------------------------------------------------------------------------- */

/* One step by name from a directory. */
static bool step(struct git_session *session, const git_oid *directory, struct span name, struct place *out,
		 struct fail *fail)
{
	char text[WIRE_NAME_MAX + 1];
	snprintf(text, sizeof text, "%.*s", SPAN_ARG(name));
	git_tree *tree = open_tree(session, directory, name, fail);
	if (tree == NULL)
		return false;
	const git_tree_entry *entry = git_tree_entry_byname(tree, text);
	if (entry != NULL) {
		out->id = *git_tree_entry_id(entry);
		out->mode = git_tree_entry_filemode_raw(entry);
	}
	git_tree_free(tree);
	return entry != NULL ? true : fail_set(fail, FAIL_NOT_FOUND, "no such file or directory in this revision");
}

static bool fail_submodule(struct fail *fail)
{
	return fail_set(fail, FAIL_INVALID,
			"is (in) a submodule; submodules are not fetched: add the other repository as a source of its own");
}

/* The directories that lead to where we are; [0] is the root. */
struct trail {
	git_oid ids[TREE_DEPTH + 1];
	unsigned depth;
};

/* Put the target of a link in front of what is left of the path. */
static bool splice_link(struct git_session *session, const git_oid *link, struct span *rest, struct fail *fail)
{
	struct span target = {"", 0};
	if (!read_blob(session, &session->arena, link, LINK_TARGET_MAX, &target, fail))
		return false;
	if (target.len == 0 || target.ptr[0] == '/' || memchr(target.ptr, '\0', target.len) != NULL)
		return fail_set(fail, FAIL_INVALID, "a link leads out of the tree");
	*rest = rest->ptr == NULL ? target
				  : arena_spanf(&session->arena, "%.*s/%.*s", SPAN_ARG(target), SPAN_ARG(*rest));
	return true;
}

static bool resolve(struct git_session *session, const git_oid *root, struct span path, struct place *out,
		    struct fail *fail)
{
	struct trail trail = {.depth = 0};
	struct span rest = path, name;
	unsigned hops = 0;
	trail.ids[0] = *root;
	*out = (struct place){.id = *root, .mode = GIT_FILEMODE_TREE};
	while (span_next(&rest, '/', &name)) {
		if (name.len == 0 || span_is(name, "."))
			continue;
		if (span_is(name, "..")) {
			if (trail.depth == 0)
				return fail_set(fail, FAIL_INVALID, "a link leads out of the tree");
			trail.depth--;
			out->id = trail.ids[trail.depth];
			out->mode = GIT_FILEMODE_TREE;
			continue;
		}
		if (out->mode != GIT_FILEMODE_TREE)
			return fail_set(fail, FAIL_NOT_FOUND, "no such file or directory in this revision");
		if (name.len > WIRE_NAME_MAX || !step(session, &trail.ids[trail.depth], name, out, fail))
			return false;
		if (out->mode == GIT_FILEMODE_COMMIT)
			return fail_submodule(fail);
		if (out->mode == GIT_FILEMODE_LINK) {
			if (++hops > LINK_HOPS)
				return fail_set(fail, FAIL_INVALID, "links lead in a circle");
			if (!splice_link(session, &out->id, &rest, fail))
				return false;
			out->followed_link = true;
			out->mode = GIT_FILEMODE_TREE; /* we stand in the link's directory again */
			out->id = trail.ids[trail.depth];
		} else if (out->mode == GIT_FILEMODE_TREE) {
			if (trail.depth == TREE_DEPTH)
				return fail_set(fail, FAIL_TOO_BIG, "nested too deep");
			trail.ids[++trail.depth] = out->id;
		}
	}
	return true;
}

bool tree_read_file(struct git_session *session, const git_oid *root, struct span path, struct span *out_bytes,
		    git_oid *out_id, bool *out_followed_links, struct fail *fail)
{
	struct place place;
	struct span clean;
	if (!tree_resolve(&session->arena, SPAN(""), path, &clean) || !span_eq(clean, path) || path.len == 0)
		return fail_set(fail, FAIL_INVALID, "not a clean path inside of the tree");
	if (!resolve(session, root, path, &place, fail))
		return false;
	*out_followed_links = place.followed_link;
	git_oid_cpy(out_id, &place.id);
	if (place.mode == GIT_FILEMODE_TREE)
		return fail_set(fail, FAIL_INVALID, "is a directory");
	if (!read_blob(session, &session->arena, &place.id, session->request->limits.max_file_bytes, out_bytes, fail))
		return false;
	if (is_lfs_pointer(*out_bytes))
		return fail_set(fail, FAIL_INVALID, "is a Git LFS pointer, not the file itself; LFS is not supported");
	return true;
}

bool tree_find_path(struct git_session *session, const git_oid *root, const char *path, git_oid *out, struct fail *fail)
{
	struct place place;
	if (!resolve(session, root, span_of(path), &place, fail))
		return fail_wrap(fail, "path %s; what was applied before stays as it is", path);
	git_oid_cpy(out, &place.id);
	return true;
}

/* --- all documents below a path ------------------------------------------------------------------------------------- */

static void note_unreadable(struct walk *walk, struct span path, const struct fail *why)
{
	source_note(walk->out, DIAG_ERROR, why->code == FAIL_TOO_BIG ? "FileTooBig" : "LinkUnreadable", path, NULL, "%s",
		    why->text);
}

static bool add_input(struct walk *walk, struct span path, const git_oid *id, struct span bytes, size_t size)
{
	struct tree_limits limits = walk->out->tree.limits;
	struct arena *arena = &walk->out->arena;
	walk->total_bytes += size;
	if (walk->total_bytes > limits.max_total_bytes)
		return fail_set(walk->fail, FAIL_TOO_BIG, "the documents are more than %zu bytes together",
				limits.max_total_bytes);
	tree_add_input(&walk->out->tree, arena_copy(arena, path), bytes);
	walk->out->tree.inputs[walk->out->tree.input_count - 1].id = arena_copy(arena, id_span(id));
	if (walk->out->tree.input_count > limits.max_files)
		return fail_set(walk->fail, FAIL_TOO_BIG, "more than %zu files to read", limits.max_files);
	return true;
}

static bool add_document(struct walk *walk, struct span path, const git_oid *id)
{
	struct tree_limits limits = walk->out->tree.limits;
	struct span bytes = {"", 0};
	struct fail why = {0};
	const struct source_file *known = map_get(walk->known, id_span(id));
	if (known != NULL)
		return add_input(walk, path, id, (struct span){NULL, 0}, known->bytes);
	if (!read_blob(walk->session, &walk->out->arena, id, limits.max_file_bytes, &bytes, &why)) {
		if (why.code != FAIL_TOO_BIG && why.code != FAIL_INVALID) {
			*walk->fail = why;
			return false;
		}
		note_unreadable(walk, path, &why);
		return true;
	}
	if (is_lfs_pointer(bytes)) {
		source_note(walk->out, DIAG_ERROR, "LfsPointer", path, "keep declarations out of LFS (.gitattributes)",
			    "is a Git LFS pointer, not the file itself; LFS is not supported");
		return true;
	}
	return add_input(walk, path, id, bytes, bytes.len);
}

static bool add_link(struct walk *walk, struct span path)
{
	struct place place = {.mode = GIT_FILEMODE_UNREADABLE};
	struct fail why = {0};
	bool is_document = tree_is_document_name(path);
	bool found = resolve(walk->session, walk->root, path, &place, &why);
	if (found && place.mode == GIT_FILEMODE_TREE) {
		source_note(walk->out, DIAG_WARNING, "LinkedDirectory", path, "add it to the source as a path of its own",
			    "the link leads to a directory and is not followed");
		return true;
	}
	if (!is_document)
		return true;
	if (found) {
		walk->followed_links = true;
		return add_document(walk, path, &place.id);
	}
	if (why.code == FAIL_UNAVAILABLE) {
		*walk->fail = why;
		return false;
	}
	note_unreadable(walk, path, &why);
	return true;
}

static bool walk_tree(struct walk *walk, const git_oid *id, struct span path, unsigned depth);

static bool walk_entry(struct walk *walk, const git_tree_entry *entry, struct span parent, unsigned depth)
{
	const char *name = git_tree_entry_name(entry);
	git_filemode_t mode = git_tree_entry_filemode_raw(entry);
	struct span path = parent.len == 0 ? arena_copy(&walk->out->arena, span_of(name))
					   : arena_spanf(&walk->out->arena, "%.*s/%s", SPAN_ARG(parent), name);
	if (++walk->entries > TREE_ENTRIES_MAX)
		return fail_set(walk->fail, FAIL_TOO_BIG, "more than %d entries below the path", TREE_ENTRIES_MAX);
	if (mode == GIT_FILEMODE_COMMIT) {
		source_note(walk->out, DIAG_ERROR, "Submodule", path,
			    "add the other repository as a source of its own, or select a path= without submodules",
			    "is a submodule; submodules are not fetched");
		return true;
	}
	if (name[0] == '.')
		return true;
	if (mode == GIT_FILEMODE_TREE)
		return walk_tree(walk, git_tree_entry_id(entry), path, depth + 1);
	if (mode == GIT_FILEMODE_LINK)
		return add_link(walk, path);
	return tree_is_document_name(path) ? add_document(walk, path, git_tree_entry_id(entry)) : true;
}

static bool walk_tree(struct walk *walk, const git_oid *id, struct span path, unsigned depth)
{
	if (depth > TREE_DEPTH)
		return fail_set(walk->fail, FAIL_TOO_BIG, "nested more than %d levels deep", TREE_DEPTH);
	git_tree *tree = open_tree(walk->session, id, path, walk->fail);
	if (tree == NULL)
		return false;
	bool ok = true;
	size_t count = git_tree_entrycount(tree);
	for (size_t i = 0; i < count && ok; i++)
		ok = walk_entry(walk, git_tree_entry_byindex(tree, i), path, depth);
	git_tree_free(tree);
	return ok;
}

/* False: it cannot be told, which is no answer. */
static bool identify_others(struct walk *walk)
{
	const struct source_known *known = &walk->session->request->known;
	struct source_tree *out = walk->out;
	out->others = ARENA_ARRAY(&out->arena, struct source_file, known->other_count + 1);
	for (size_t i = 0; i < known->other_count; i++) {
		struct place place = {.mode = GIT_FILEMODE_UNREADABLE};
		struct fail why = {0};
		bool found = resolve(walk->session, walk->root, known->others[i].path, &place, &why);
		if (!found && why.code == FAIL_UNAVAILABLE) {
			*walk->fail = why;
			return false;
		}
		out->others[out->other_count].path = known->others[i].path;
		if (found && place.mode != GIT_FILEMODE_TREE)
			out->others[out->other_count].id = arena_copy(&out->arena, id_span(&place.id));
		out->other_count++;
		walk->followed_links |= place.followed_link;
	}
	return true;
}

bool tree_walk(struct git_session *session, const git_oid *root, struct source_tree *out, bool *out_followed_links,
	       struct fail *fail)
{
	const char *selected = session->request->path;
	struct map known;
	struct walk walk = {.session = session, .root = root, .out = out, .fail = fail, .known = &known};
	struct place place;
	struct span path = span_of(selected);
	if (!resolve(session, root, path, &place, fail))
		return false;
	map_init(&known, &session->arena);
	for (size_t i = 0; i < session->request->known.input_count; i++)
		*map_at(&known, session->request->known.inputs[i].id) = &session->request->known.inputs[i];
	bool ok = place.mode == GIT_FILEMODE_TREE ? walk_tree(&walk, &place.id, path, 0)
						  : add_document(&walk, path, &place.id);
	ok = ok && identify_others(&walk);
	*out_followed_links = walk.followed_links || place.followed_link;
	if (!ok)
		return false;
	if (out->tree.input_count == 0 && !out->is_incomplete)
		return fail_set(fail, FAIL_NOT_FOUND,
				"there is no .yaml, .yml or .json file%s%s: taken for a mistake, nothing is deleted",
				path.len == 0 ? "" : " below ", selected);
	tree_sort(&out->tree);
	return true;
}
