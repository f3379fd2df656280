/* Making snapshots: what snapshot_make.c (one rendering) and snapshot_splice.c (what changed, and the rest as before)
 * share. */
#ifndef AGENT_SNAPSHOT_INT_H
#define AGENT_SNAPSHOT_INT_H

#include "agent/agent.h"
#include "agent/omni/compress.h"
#include "agent/source/wire.h"
#include "base/map.h"

/* A document that names a cluster. */
struct mention {
	struct span ns, name;
	uint32_t file;
};

struct served {
	struct span id;
	size_t bytes;
};

/* One rendering on its way into a snapshot. Texts of the work live in its own arena. */
struct maker {
	struct snapshot *snapshot;
	const struct tree *tree; /* what is rendered of it */
	struct text scratch;
	struct compressor *compressor;
	struct arena arena;
	struct map before;   /* pieces of the snapshot before, by the bytes that were sent */
	struct map numbers;  /* path → number of the file + 1 */
	struct map served;   /* path → struct served: what was read for documents */
	struct fleet_read *reads;
	size_t read_count, read_cap;
	struct mention *mentions;
	size_t mention_count, mention_cap;
	uint32_t *groups; /* of files that hang together: number of another one, or its own */
	size_t file_cap, object_cap;
	struct span last_path; /* of documents, most stand together */
	uint32_t last_number;
	bool is_inexact;
};

void maker_open(struct maker *maker, struct snapshot *snapshot, const struct tree *tree, const struct snapshot *before);
struct fleet_taker maker_taker(struct maker *maker);
/* The rendering is there: which files hang together. */
void maker_finish(struct maker *maker);
void maker_close(struct maker *maker);
/* Into the arena: all but its documents and files. */
void piece_copy_content(struct arena *arena, struct piece *piece);

struct snapshot *snapshot_new(void);
struct snapshot_file snapshot_file_new(struct arena *arena, struct span path, struct span id, size_t bytes);
enum { NO_FILE = UINT32_MAX };
uint32_t snapshot_find(const struct snapshot *snapshot, struct span path); /* NO_FILE: it does not depend on such a file */

/* A snapshot on its way from one tree to the next. */
struct splice {
	struct source_tree *tree;
	const struct snapshot *before;
	struct snapshot *out;  /* what was rendered, and in the end all */
	struct arena arena;    /* of the work */
	uint32_t *was;	       /* of every input: its number before, where it is the same; else NO_FILE */
	bool *is_selected;     /* inputs that are rendered */
	bool *is_changed;      /* files of before that are gone or have other bytes */
	bool *is_touched;      /* groups of before, of which something is rendered or gone */
	uint32_t *now;	       /* of files of before that are kept: their number; else NO_FILE */
	uint32_t *place;       /* of what is rendered: its number among all inputs */
	size_t selected;
};

bool splice_keeps(const struct splice *splice, const struct piece *piece); /* of before, as in the next two */
bool splice_keeps_raw(const struct splice *splice, const struct raw_resource *raw);
bool splice_keeps_finding(const struct splice *splice, const struct diag *diag);
/* snapshot_merge.c; false: a file has changed since the source told its id. */
bool splice_merge(struct splice *splice);

/* False without a failure (fail->code NONE): that cannot be told from what changed, everything has to be rendered. */
bool snapshot_splice(const struct renderer *renderer, const struct fleet_options *options, struct source_tree *tree,
		     const struct snapshot *before, struct snapshot **out, struct fail *fail);

#endif
