/* One pass over a directory, anchored in a descriptor so that a link that flips underneath cannot mix two revisions.
 * Hidden files and directories are skipped; links are followed to files inside of the root only; linked directories are
 * named in a note and left out. */
#ifndef AGENT_SOURCE_DIR_SCAN_H
#define AGENT_SOURCE_DIR_SCAN_H

#include <stdint.h>

#include "agent/source/source.h"
#include "base/digest.h"

/* Files that are no documents but may be named by one (patches) are kept in memory when they are small. */
enum { SCAN_DEPTH = 32, SCAN_EXTRA_FILE_BYTES = 1 << 20, SCAN_EXTRA_TOTAL_BYTES = 16 << 20 };

struct scan_entry {
	struct span path, bytes; /* bytes.ptr NULL: not loaded */
	unsigned char id[DIGEST_RAW_SIZE]; /* of the bytes, once scan_content_id was asked */
	int64_t size, modified_ns, changed_ns;
	uint64_t inode;
	bool is_document;
};

struct scan {
	struct source_tree *tree; /* its arena and limits; findings go to its diags */
	int root_fd;
	struct scan_entry *entries; /* sorted by path */
	size_t count, cap, document_count;
	size_t total_bytes, extra_bytes;
	int64_t newest_ns; /* latest change of any entry */
	void (*on_directory)(void *ctx, int fd);
	void *ctx;
};

/* List everything below `path` (clean, "" is the root). FAIL_CONFLICT: something vanished meanwhile, start again. */
bool scan_list(struct scan *scan, const char *path, struct fail *fail);
/* Read the documents and the small other files. */
bool scan_load(struct scan *scan, struct fail *fail);
/* Over names, sizes, times and inodes; over names and content (what is not loaded counts by size and time). */
void scan_signature(const struct scan *scan, char out_hex[65]);
void scan_content_id(struct scan *scan, char out_hex[65]);

/* One file beneath root_fd; links are followed inside only. NOT_FOUND, INVALID (leaves the root, no regular file),
 * TOO_BIG, DENIED, IO. */
bool scan_read_file(struct arena *arena, int root_fd, struct span path, size_t max_bytes, struct span *out,
		    struct fail *fail);

/* "version https://git-lfs.github.com/spec/v1": the content is elsewhere. */
bool is_lfs_pointer(struct span bytes);

#endif
