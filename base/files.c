#include "base/files.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

enum { FIRST_READ = 64 * 1024 };

static bool too_big(const char *name, size_t max_bytes, struct fail *fail)
{
	return fail_set(fail, FAIL_TOO_BIG, "%s is larger than the limit of %zu bytes", name, max_bytes);
}

/* A buffer of `cap` bytes with room for the NUL, beginning with what was read so far. */
static char *larger_buffer(struct arena *arena, struct span so_far, size_t cap)
{
	char *buffer = arena_try_alloc(arena, cap + 1);
	if (buffer != NULL && so_far.len > 0)
		memcpy(buffer, so_far.ptr, so_far.len);
	return buffer;
}

bool files_read_fd(struct arena *arena, int fd, const char *name, size_t max_bytes, struct span *out, struct fail *fail)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		return fail_errno(fail, errno, "cannot read %s", name);
	if (S_ISDIR(info.st_mode))
		return fail_set(fail, FAIL_INVALID, "cannot read %s: it is a directory", name);
	if (S_ISREG(info.st_mode) && (uint64_t)info.st_size > max_bytes)
		return too_big(name, max_bytes, fail);
	/* One byte more than expected, so that the end is seen without growing. */
	size_t cap = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size + 1 : FIRST_READ;
	size_t len = 0;
	char *buffer = larger_buffer(arena, (struct span){0}, cap);
	while (buffer != NULL) {
		ssize_t got = read(fd, buffer + len, cap - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(fail, errno, "cannot read %s", name);
		len += (size_t)got;
		if (len > max_bytes)
			return too_big(name, max_bytes, fail);
		if (got == 0) {
			buffer[len] = '\0';
			*out = (struct span){buffer, len};
			return true;
		}
		if (len == cap)
			buffer = larger_buffer(arena, (struct span){buffer, len}, cap *= 2);
	}
	return fail_set(fail, FAIL_TOO_BIG, "%s does not fit into the memory limit", name);
}

bool files_read_at(struct arena *arena, int dir_fd, const char *name, size_t max_bytes, struct span *out,
		   struct fail *fail)
{
	CLEANUP(close_fd) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_errno(fail, errno, "cannot open %s", name);
	return files_read_fd(arena, fd, name, max_bytes, out, fail);
}

bool files_read(struct arena *arena, const char *path, size_t max_bytes, struct span *out, struct fail *fail)
{
	return files_read_at(arena, AT_FDCWD, path, max_bytes, out, fail);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

#define TEMPORARY_SUFFIX ".tmp"
enum { TEMPORARY_NAME_MAX = 255, TEMPORARY_TRIES = 16, NAME_SHOWN = 200 };

bool files_write_all(int fd, struct span bytes, const char *name, struct fail *fail)
{
	while (bytes.len > 0) {
		ssize_t put = write(fd, bytes.ptr, bytes.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fail_errno(fail, errno, "cannot write %s", name);
		bytes = (struct span){bytes.ptr + put, bytes.len - (size_t)put};
	}
	return true;
}

bool files_open_dir(int dir_fd, const char *path, int *out_fd, struct fail *fail)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(fail, errno, "cannot open the directory %s", path);
	*out_fd = fd;
	return true;
}

/* The directory of `name`, and its last part. */
static bool open_parent(int dir_fd, const char *name, int *out_fd, const char **out_base, struct fail *fail)
{
	char parent[4096];
	const char *slash = strrchr(name, '/');
	size_t len = slash == NULL ? 0 : slash == name ? 1 : (size_t)(slash - name);
	if (len >= sizeof parent)
		return fail_errno(fail, ENAMETOOLONG, "cannot write %.*s", NAME_SHOWN, name);
	memcpy(parent, name, len);
	parent[len] = '\0';
	*out_base = slash == NULL ? name : slash + 1;
	return files_open_dir(dir_fd, len == 0 ? "." : parent, out_fd, fail);
}

static int create_temporary(int dir_fd, const char *base, mode_t mode, char *temporary, size_t size)
{
	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		uint64_t random = 0;
		if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
			return -1;
		snprintf(temporary, size, ".%.*s.%016llx" TEMPORARY_SUFFIX, NAME_SHOWN, base, (unsigned long long)random);
		int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static bool sync_fd(int fd, const char *name, struct fail *fail)
{
	if (fsync(fd) == 0)
		return true;
	return fail_errno(fail, errno, "cannot make %s durable", name);
}

/* The umask is left out: who asks for 0600 or 0644 gets it. */
static bool fill_temporary(int fd, const char *name, struct span content, mode_t mode, struct fail *fail)
{
	if (fchmod(fd, mode) != 0)
		return fail_errno(fail, errno, "cannot write %s", name);
	return files_write_all(fd, content, name, fail) && sync_fd(fd, name, fail);
}

bool files_write_at(int dir_fd, const char *name, struct span content, mode_t mode, struct fail *fail)
{
	CLEANUP(close_fd) int parent = -1;
	char temporary[TEMPORARY_NAME_MAX + 1];
	const char *base;
	if (!open_parent(dir_fd, name, &parent, &base, fail))
		return false;
	CLEANUP(close_fd) int fd = create_temporary(parent, base, mode, temporary, sizeof temporary);
	if (fd < 0)
		return fail_errno(fail, errno, "cannot write %s", name);
	if (!fill_temporary(fd, name, content, mode, fail)) {
		unlinkat(parent, temporary, 0);
		return false;
	}
	if (renameat(parent, temporary, parent, base) != 0) {
		int errnum = errno;
		unlinkat(parent, temporary, 0);
		return fail_errno(fail, errnum, "cannot write %s", name);
	}
	return sync_fd(parent, name, fail);
}

bool files_write(const char *path, struct span content, mode_t mode, struct fail *fail)
{
	return files_write_at(AT_FDCWD, path, content, mode, fail);
}

bool files_is_temporary(const char *name)
{
	struct span s = span_of(name);
	return span_starts(s, ".") && span_ends(s, TEMPORARY_SUFFIX);
}

bool files_remove_at(int dir_fd, const char *name, struct fail *fail)
{
	CLEANUP(close_fd) int parent = -1;
	const char *base;
	if (!open_parent(dir_fd, name, &parent, &base, fail))
		return false;
	if (unlinkat(parent, base, 0) != 0)
		return errno == ENOENT ? true : fail_errno(fail, errno, "cannot remove %s", name);
	return sync_fd(parent, name, fail);
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static bool is_dir(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool files_make_dirs(const char *path, mode_t mode, struct fail *fail)
{
	char part[4096];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof part)
		return fail_errno(fail, len == 0 ? ENOENT : ENAMETOOLONG, "cannot make the directory %.*s", NAME_SHOWN,
				  path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && !is_dir(part))
			return fail_errno(fail, errno, "cannot make the directory %s", part);
	}
	return true;
}
