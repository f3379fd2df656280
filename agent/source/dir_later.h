/* Reading files of a directory tree that were not loaded with it: patches outside of the configured path, big files.
 * What a rendering read this way is remembered in the source, so that a change of it is a change of the source. */
#ifndef AGENT_SOURCE_DIR_LATER_H
#define AGENT_SOURCE_DIR_LATER_H

#include <limits.h>
#include <pthread.h>

#include "agent/source/dir_scan.h"
#include "base/digest.h"
#include "base/map.h"

/* Files that a rendering read although they were not loaded with the tree: watched for change from then on. Shared
 * between the source and its trees. */
struct outside {
	pthread_mutex_t lock;
	unsigned references;
	struct arena arena;
	struct {
		struct span path;
		char hash[DIGEST_HEX_SIZE]; /* "": could not be read */
	} *items;
	size_t count, cap;
};

/* The ctx of such a tree. */
struct dir_tree {
	struct source_tree *tree;
	struct outside *outside;
	int root_fd;
	const char *link;    /* path of the link; NULL: plain */
	const char *target;  /* what it said */
	struct scan_entry *entries;
	size_t count;
	struct map ids; /* path → id of what was read later */
};

struct outside *outside_new(void);
struct outside *outside_ref(struct outside *outside);
void outside_unref(void *outside);
/* Every remembered file still has the content (or the absence) that was read. */
bool outside_is_same(struct outside *outside, int root_fd, size_t max_file_bytes);
/* The id of a tree: `base` covers what is loaded with it, the remembered files are added. */
void outside_content_id(struct outside *outside, int root_fd, size_t max_file_bytes, const char *base, char out[65]);
/* A new tree was handed out: what counts now is what its rendering will read. */
void outside_clear(struct outside *outside);

/* tree->read, tree->identify, and what ends them with the tree's arena. */
bool dir_tree_read(void *dir_tree, struct span path, struct span *out_bytes, struct fail *fail);
bool dir_tree_identify(void *dir_tree, struct span path, struct span *out_id);
void dir_tree_done(void *dir_tree);

#endif
