#include "agent/source/dir_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/source/internal.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/files.h"

static int open_beneath(int root_fd, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	for (;;) {
		int fd = (int)syscall(SYS_openat2, root_fd, *path == '\0' ? "." : path, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
}

bool is_lfs_pointer(struct span bytes)
{
	return bytes.len < 1024 && span_starts(bytes, "version https://git-lfs.github.com/spec/v1");
}

bool scan_read_file(struct arena *arena, int root_fd, struct span path, size_t max_bytes, struct span *out,
		    struct fail *fail)
{
	struct stat status;
	const char *name = arena_string(arena, path);
	CLEANUP(close_fd) int fd = open_beneath(root_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		return fail_set(fail, FAIL_INVALID, "%s: a link leads out of the tree or in a circle", name);
	if (fd < 0)
		return fail_errno(fail, errno, "%s", name);
	if (fstat(fd, &status) != 0)
		return fail_errno(fail, errno, "%s", name);
	if (!S_ISREG(status.st_mode))
		return fail_set(fail, FAIL_INVALID, "%s: not a regular file", name);
	if (status.st_size < 0 || (uint64_t)status.st_size > max_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "%s: %lld bytes are more than the limit of %zu", name,
				(long long)status.st_size, max_bytes);
	return files_read_fd(arena, fd, name, max_bytes, out, fail);
}

/* --- listing -------------------------------------------------------------------------------------------------------- */

static bool vanished(int error)
{
	return error == ENOENT || error == ESTALE || error == ENOTDIR;
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static bool add_entry(struct scan *scan, const char *path, const struct stat *status, struct fail *fail)
{
	struct arena *arena = &scan->tree->arena;
	struct span name = arena_copy(arena, span_of(path));
	struct scan_entry entry = {.path = name, .size = status->st_size, .inode = status->st_ino};
	entry.modified_ns = nanoseconds(status->st_mtim);
	entry.changed_ns = nanoseconds(status->st_ctim);
	entry.is_document = tree_is_document_name(name);
	scan->document_count += entry.is_document;
	if (entry.changed_ns > scan->newest_ns)
		scan->newest_ns = entry.changed_ns;
	if (scan->document_count > scan->tree->tree.limits.max_files || scan->count >= (1u << 18))
		return fail_set(fail, FAIL_TOO_BIG, "more than %zu files to read",
				scan->tree->tree.limits.max_files);
	ARENA_PUSH(arena, scan->entries, scan->count, scan->cap) = entry;
	return true;
}

/* A link: to a file inside it counts as that file; a document that cannot be followed is a finding. */
static bool add_link(struct scan *scan, const char *path, struct fail *fail)
{
	struct stat status;
	struct span name = span_of(path);
	CLEANUP(close_fd) int fd = open_beneath(scan->root_fd, path, O_PATH);
	bool found = fd >= 0 && fstat(fd, &status) == 0;
	if (found && S_ISREG(status.st_mode))
		return add_entry(scan, path, &status, fail);
	if (found && S_ISDIR(status.st_mode))
		source_note(scan->tree, DIAG_WARNING, "LinkedDirectory", name, "add it to the source as a path of its own",
			    "the link leads to a directory and is not followed");
	else if (tree_is_document_name(name))
		source_note(scan->tree, DIAG_ERROR, "LinkUnreadable", name, "put a copy there",
			    "the link leads nowhere or out of the tree");
	return true;
}

static bool list_directory(struct scan *scan, int fd, const char *path, unsigned depth, struct fail *fail);

static bool list_child(struct scan *scan, int parent_fd, const char *parent, const char *name, unsigned depth,
		       struct fail *fail)
{
	struct stat status;
	char path[4096];
	int length = snprintf(path, sizeof path, "%s%s%s", parent, *parent == '\0' ? "" : "/", name);
	if (length < 0 || (size_t)length >= sizeof path)
		return fail_set(fail, FAIL_TOO_BIG, "%s: the path is too long", parent);
	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return vanished(errno) ? fail_set(fail, FAIL_CONFLICT, "%s", path)
				       : fail_errno(fail, errno, "%s", path);
	if (S_ISREG(status.st_mode))
		return add_entry(scan, path, &status, fail);
	if (S_ISLNK(status.st_mode))
		return add_link(scan, path, fail);
	if (!S_ISDIR(status.st_mode))
		return true;
	CLEANUP(close_fd) int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return list_directory(scan, fd, path, depth + 1, fail);
	if (vanished(errno))
		return fail_set(fail, FAIL_CONFLICT, "%s", path);
	source_note(scan->tree, DIAG_ERROR, "Unreadable", span_of(path), NULL, "the directory cannot be read");
	return true;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static bool list_directory(struct scan *scan, int fd, const char *path, unsigned depth, struct fail *fail)
{
	if (depth > SCAN_DEPTH)
		return fail_set(fail, FAIL_TOO_BIG, "%s: nested more than %d levels deep", path, SCAN_DEPTH);
	if (scan->on_directory != NULL)
		scan->on_directory(scan->ctx, fd);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	CLEANUP(close_dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return fail_errno(fail, errno, "%s", path);
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (entry == NULL)
			break;
		if (entry->d_name[0] != '.' && !list_child(scan, fd, path, entry->d_name, depth, fail))
			return false;
	}
	if (errno == 0)
		return true;
	return vanished(errno) ? fail_set(fail, FAIL_CONFLICT, "%s", path) : fail_errno(fail, errno, "%s", path);
}

static int by_path(const void *a, const void *b)
{
	return span_cmp(((const struct scan_entry *)a)->path, ((const struct scan_entry *)b)->path);
}

bool scan_list(struct scan *scan, const char *path, struct fail *fail)
{
	struct stat status;
	CLEANUP(close_fd) int fd = open_beneath(scan->root_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0)
		return fail_errno(fail, errno, "%s", *path == '\0' ? "the directory" : path);
	bool ok = S_ISDIR(status.st_mode) ? list_directory(scan, fd, path, 0, fail)
					  : add_entry(scan, path, &status, fail);
	if (ok && scan->count > 0)
		qsort(scan->entries, scan->count, sizeof *scan->entries, by_path);
	return ok;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool load_entry(struct scan *scan, struct scan_entry *entry, struct fail *fail)
{
	struct tree_limits limits = scan->tree->tree.limits;
	struct fail why = {0};
	size_t max = entry->is_document ? limits.max_file_bytes : SCAN_EXTRA_FILE_BYTES;
	if (!entry->is_document && (entry->size > SCAN_EXTRA_FILE_BYTES || scan->extra_bytes > SCAN_EXTRA_TOTAL_BYTES))
		return true;
	if (!scan_read_file(&scan->tree->arena, scan->root_fd, entry->path, max, &entry->bytes, &why)) {
		entry->bytes = (struct span){NULL, 0};
		if (why.code == FAIL_NOT_FOUND)
			return fail_set(fail, FAIL_CONFLICT, "%s", why.text);
		if (entry->is_document)
			source_note(scan->tree, DIAG_ERROR, why.code == FAIL_TOO_BIG ? "FileTooBig" : "Unreadable",
				    entry->path, NULL, "%s", why.text);
		return true;
	}
	*(entry->is_document ? &scan->total_bytes : &scan->extra_bytes) += entry->bytes.len;
	if (scan->total_bytes > limits.max_total_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "the documents are more than %zu bytes together",
				limits.max_total_bytes);
	return true;
}

bool scan_load(struct scan *scan, struct fail *fail)
{
	for (size_t i = 0; i < scan->count; i++)
		if (!load_entry(scan, &scan->entries[i], fail))
			return false;
	return true;
}

static void add_number(struct digest *digest, int64_t number)
{
	digest_add(digest, (struct span){(const char *)&number, sizeof number});
}

static void add_times(struct digest *digest, const struct scan_entry *entry)
{
	add_number(digest, entry->size);
	add_number(digest, entry->modified_ns);
	add_number(digest, entry->changed_ns);
	add_number(digest, (int64_t)entry->inode);
}

void scan_signature(const struct scan *scan, char out_hex[65])
{
	struct digest *digest = digest_new();
	for (size_t i = 0; i < scan->count; i++) {
		digest_add(digest, scan->entries[i].path);
		add_times(digest, &scan->entries[i]);
	}
	digest_finish(digest, out_hex);
}

void scan_content_id(struct scan *scan, char out_hex[65])
{
	struct digest *digest = digest_new();
	for (size_t i = 0; i < scan->count; i++) {
		struct scan_entry *entry = &scan->entries[i];
		digest_add(digest, entry->path);
		if (entry->bytes.ptr == NULL) {
			add_times(digest, entry);
			continue;
		}
		digest_raw(entry->bytes, entry->id);
		digest_add(digest, (struct span){(const char *)entry->id, sizeof entry->id});
	}
	digest_finish(digest, out_hex);
}
