/* Inside the directory store: an Omni as files that people can read, edit, and keep in Git.
 *
 *   PATH/<type>/<name>.yaml   one resource, in Omni's own form ("omnictl apply" takes it)
 *   PATH/.lock                held with flock by the process that writes
 *   PATH/zstd.dict            optional: the dictionary for compressed content
 *   PATH/snapshot.yaml        optional: this is a snapshot, only read (agent/omni/snapshot.h)
 *
 * <name> is the ID: letters, digits, '-', '_' and '.' as they are (a '.' not in front), every other byte as %XX. Names
 * that would be too long end in %% and the hash of the ID.
 *
 * Writes replace whole files durably, under the lock; readers need none. What the files hold is kept in memory and
 * brought up to date by inotify before every call, so edits by people and other processes count at once. A file that
 * cannot be understood is an error of every read that could miss it, never an absent resource. */
#ifndef AGENT_OMNI_DIR_INT_H
#define AGENT_OMNI_DIR_INT_H

#include <pthread.h>
#include <sys/stat.h>

#include "agent/omni/store.h"
#include "base/map.h"

enum { DIR_NAME_SIZE = 256, DIR_TYPES_MAX = 64, DIR_LOG_MAX = 8192, DIR_LOG_KEPT = 256, DIR_FILE_MAX = 16 << 20 };

/* By which a file is known to be the same as before. */
struct dir_stamp {
	uint64_t inode, size;
	struct timespec modified, changed;
};

/* A resource, packed; counted references, under store->lock. */
struct dir_kept;

struct dir_entry {
	struct dir_kept *kept; /* last good content; NULL: none yet */
	char *fault;	       /* why the file cannot be used; NULL: it is good */
	uint64_t stamp;	       /* hash of the file's dir_stamp */
	bool is_seen;	       /* by the running scan */
	char name[];	       /* of the file */
};

struct dir_slot {
	struct dir_entry *entry;
	uint64_t cluster; /* hash of the cluster label, so that most resources need no look */
};

struct dir_event {
	enum omni_event_kind kind; /* ERRORED: `fault` */
	struct dir_kept *kept;
	char *fault;
};

/* All resources of one type. */
struct dir_table {
	const struct omni_type *type;
	struct arena text_arena;
	struct map texts; /* numbers of the texts that the resources share; see dir_keep.c */
	struct span *shared;
	size_t shared_count, shared_cap;
	struct dir_slot *slots; /* malloc, as the entries; sorted by file name */
	size_t count, cap;
	size_t fault_count, tearing_count;
	int dir_fd, watch_id; /* -1: the directory is not there (yet) */
	bool needs_scan;
	int scan_errno; /* the directory could not be read: nothing may be concluded from what is missing */

	/* What happened, from the first watch on. */
	bool is_logged;
	struct dir_event *log; /* DIR_LOG_MAX, a ring; event n is at n % DIR_LOG_MAX; what is not in it is zero */
	uint64_t log_first, log_end;
};

struct dir_watch;

struct dir_store {
	struct omni_store base;
	char *path, *url;
	int root_fd, lock_fd, inotify_fd; /* inotify_fd -1: directories are scanned instead */
	uint64_t nonce;			  /* of bookmarks */
	pthread_mutex_t write_lock;	  /* one writer; taken before the file lock, which is taken before `lock` */
	pthread_mutex_t lock;		  /* everything below */
	struct dir_table tables[DIR_TYPES_MAX];
	size_t table_count;
	struct dir_watch *watches; /* list */
	struct span dictionary;	   /* empty: none */
	struct arena arena;	   /* of the dictionary and the key */
	bool needs_settling;	   /* something is torn down that could go */
	bool is_snapshot;	   /* nothing is written, nothing goes on */
};

/* --- dir_name.c */
void dir_name_of(struct span id, char out[DIR_NAME_SIZE]); /* with ".yaml" */
bool dir_name_is_resource(const char *name);

/* --- dir_table.c: what the files hold; all under store->lock */
struct dir_table *dir_table_of(struct dir_store *store, const struct omni_type *type);
void dir_refresh(struct dir_store *store, struct dir_table *table);
struct dir_entry *dir_find(const struct dir_table *table, struct span id);
/* As dir_find; fails with NOT_FOUND, or with the fault of the file. */
bool dir_need(const struct dir_store *store, const struct dir_table *table, struct span id, struct dir_entry **out,
	      struct fail *fail);
bool dir_check_faults(const struct dir_store *store, const struct dir_table *table, struct fail *fail);
uint64_t dir_hash(struct span text);
/* Events before `end` are forgotten. */
void dir_log_forget(struct dir_table *table, uint64_t end);
void dir_table_done(struct dir_table *table);

/* --- dir_keep.c */
struct dir_kept *dir_keep(struct dir_table *table, const struct resource *from); /* with one reference */
struct dir_kept *dir_kept_ref(struct dir_kept *kept); /* NULL is fine, here and below */
void dir_kept_unref(struct dir_kept *kept);
struct resource *dir_open(const struct dir_table *table, const struct dir_kept *kept, struct arena *arena);
/* Without opening it; texts live as long as the table and `kept`. */
struct span dir_kept_id(const struct dir_kept *kept);
bool dir_kept_label(const struct dir_table *table, const struct dir_kept *kept, const char *key, struct span *out);
bool dir_kept_is_tearing(const struct dir_kept *kept);
bool dir_kept_is_free(const struct dir_kept *kept); /* no finalizers */

/* --- dir_load.c */
/* The resource in a file, or why not (in out_fault; both in `arena`); false: there is no such file. */
bool dir_load(const struct dir_store *store, const struct dir_table *table, const char *name, struct arena *arena,
	      struct resource **out, struct span *out_fault, struct dir_stamp *out_stamp);
struct dir_stamp dir_stamp_of(const struct stat *info);

/* --- dir_write.c */
/* The directory of a type, made durably when it is not there. */
bool dir_make(struct dir_store *store, struct dir_table *table, struct fail *fail);
/* All three locks; waits for other processes until the deadline. try: does not wait for anybody. */
bool dir_begin(struct dir_store *store, int64_t deadline_ms, struct fail *fail);
bool dir_try_begin(struct dir_store *store);
void dir_end(struct dir_store *store);
/* Inside of a transaction. */
bool dir_put(struct dir_store *store, struct dir_table *table, const struct resource *resource, struct fail *fail);
bool dir_remove(struct dir_store *store, struct dir_table *table, struct span id, struct fail *fail);
void dir_sweep(struct dir_store *store); /* what killed writers left behind */

/* --- dir_cascade.c: what Omni's controllers do */
/* Everything that is torn down and free to go goes, and takes along what belongs to it. Can stop anywhere and be called
 * again: the parent goes last. */
bool dir_settle(struct dir_store *store, struct fail *fail);
/* Finalizers, or children that are still there. */
bool dir_is_held(struct dir_store *store, const struct resource *resource);

/* --- dir_validate.c: what Omni's server refuses */
enum dir_action { DIR_CREATE = 1, DIR_UPDATE = 2, DIR_TEARDOWN = 4, DIR_DESTROY = 8 };
/* `old` is NULL on create, `new` on teardown and destroy. INVALID with every reason, a line each. */
bool dir_validate(struct dir_store *store, enum dir_action action, const struct resource *old,
		  const struct resource *new, struct fail *fail);

/* --- dir_watch.c */
bool dir_watch_open(struct omni_store *base, const struct omni_type *type, struct span bookmark,
		    struct omni_watch **out, struct fail *fail);
void dir_watch_signal(struct dir_store *store, const struct dir_table *table);

#endif
