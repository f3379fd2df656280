/* Whole files: read with a limit, written so that after a crash either the old or the new content is there and never a
 * part of one. Every descriptor is closed on exec. `dir_fd` is a directory or AT_FDCWD; names with '/' are allowed and
 * symbolic links are followed: code that reads untrusted trees brings its own checks (render/tree.h). */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

/* The content, with a NUL behind. TOO_BIG beyond max_bytes. Pipes are read to their end. */
bool files_read(struct arena *arena, const char *path, size_t max_bytes, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));
bool files_read_at(struct arena *arena, int dir_fd, const char *name, size_t max_bytes, struct span *out,
		   struct fail *fail) __attribute__((warn_unused_result));
/* From an open descriptor; `name` is for messages ("standard input"). */
bool files_read_fd(struct arena *arena, int fd, const char *name, size_t max_bytes, struct span *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* Replace or create `name`: a temporary file beside it (".NAME.RANDOM.tmp", see files_is_temporary), fsync, rename,
 * fsync of the directory. A symbolic link `name` is replaced itself. */
bool files_write(const char *path, struct span content, mode_t mode, struct fail *fail)
	__attribute__((warn_unused_result));
bool files_write_at(int dir_fd, const char *name, struct span content, mode_t mode, struct fail *fail)
	__attribute__((warn_unused_result));

/* Left behind by a writer that was killed: readers of directories skip it, owners may delete it. */
bool files_is_temporary(const char *name);

/* Delete durably. Absent is success. */
bool files_remove_at(int dir_fd, const char *name, struct fail *fail) __attribute__((warn_unused_result));

/* mkdir -p; existing directories keep their mode. */
bool files_make_dirs(const char *path, mode_t mode, struct fail *fail) __attribute__((warn_unused_result));

bool files_open_dir(int dir_fd, const char *path, int *out_fd, struct fail *fail) __attribute__((warn_unused_result));

/* All of it, whatever is interrupted or short. */
bool files_write_all(int fd, struct span bytes, const char *name, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
