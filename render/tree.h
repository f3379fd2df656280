/* The immutable files of one revision: a directory, a Git tree, standard input, or a list of paths. Paths are relative
 * to the root, '/'-separated, without "." and "..". Nothing outside of the root can be read through a tree. */
#ifndef RENDER_TREE_H
#define RENDER_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct diag_list;

struct tree_file {
	struct span path;
	struct span bytes; /* loaded when bytes.ptr != NULL: see tree_load */
	struct span id;	   /* same id, same bytes; empty: nobody gave it one */
};

struct tree_limits {
	size_t max_file_bytes;	/* 4 MiB */
	size_t max_total_bytes; /* 64 MiB */
	size_t max_files;	/* 10000 inputs */
};

#define TREE_LIMITS_DEFAULT ((struct tree_limits){4u << 20, 64u << 20, 10000})

struct tree {
	struct arena *arena;
	struct tree_file *inputs; /* the files to be parsed (.yaml .yml .json below the selected paths), sorted by path */
	size_t input_count, input_cap;
	struct span revision; /* "main@sha1:…", may be empty */
	struct tree_limits limits;
	bool is_incomplete; /* something that was asked for could not be read: nothing may be concluded from what is missing */
	/* Read any file of the tree, also one that is no input (patches). NOT_FOUND when absent, INVALID for a path that
	 * is not clean or leaves the root (a symlink included), TOO_BIG. The bytes live as long as the tree. */
	bool (*read)(void *ctx, struct span path, struct span *out_bytes, struct fail *fail);
	/* Bring in the bytes of an input and give them back; NULL: by `read`, and never. */
	bool (*load)(void *ctx, struct tree_file *file, struct fail *fail);
	void (*drop)(void *ctx, struct tree_file *file);
	/* The id of the bytes that `read` gave for a path; NULL: no file has one. */
	bool (*identify)(void *ctx, struct span path, struct span *out_id);
	void *ctx;
};

void tree_init(struct tree *tree, struct arena *arena);
void tree_add_input(struct tree *tree, struct span path, struct span bytes);
void tree_sort(struct tree *tree); /* bytewise by path; of two with one path the first stays */

/* The bytes of an input, brought in when they are not there; false when that fails (unreadable, too big): then the tree
 * is incomplete. tree_drop frees them once they are parsed: one file at a time is in memory. */
bool tree_load(struct tree *tree, struct tree_file *file, struct fail *fail);
void tree_drop(struct tree *tree, struct tree_file *file);

/* Resolve `file` as written in a document against `base_dir` (relative to the root, "" is the root) into a clean path;
 * false when it is absolute or climbs out of the root. */
bool tree_resolve(struct arena *arena, struct span base_dir, struct span file, struct span *out_path);

/* Is this the name of a document file (.yaml, .yml, .json)? */
bool tree_is_document_name(struct span path);

/* --- from the file system (render/tree_files.c) ------------------------------------------------------------------- */

/* Files and directories as given on a command line ("-" is standard input), relative to root_dir. root_dir NULL: the
 * working directory when every path lies below it, else the directory of the first path. What cannot be read becomes a
 * diagnostic in `diags` (code Unreadable) and leaves the tree incomplete; hidden files and directories (".git") are
 * skipped, links to directories are not followed. A file is opened so that no link leads out of the root. */
bool tree_from_paths(struct tree *tree, const char *root_dir, const char *const *paths, size_t count,
		     struct diag_list *diags, struct fail *fail);

#endif
