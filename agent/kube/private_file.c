#include "agent/kube/private_file.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { SIZE_MAX_BYTES = 16 << 20, MODE = 0600 };

static bool is_ours(uid_t owner)
{
	return owner == geteuid();
}

/* Through links of ours and of root's; the last part may be missing. */
static bool follow(struct arena *arena, const char *path, const char **out, struct fail *fail)
{
	struct stat info;
	char real[PATH_MAX];
	*out = path;
	if (lstat(path, &info) != 0)
		return errno == ENOENT || fail_errno(fail, errno, "cannot look at %s", path);
	if (!S_ISLNK(info.st_mode))
		return true;
	if (!is_ours(info.st_uid) && info.st_uid != 0)
		return fail_set(fail, FAIL_DENIED, "%s is a link that another user made: name the file itself", path);
	if (realpath(path, real) == NULL)
		return fail_errno(fail, errno, "%s is a link that leads nowhere: name a file", path);
	*out = arena_string(arena, span_of(real));
	return true;
}

static bool check(const char *path, const struct stat *info, struct fail *fail)
{
	if (!S_ISREG(info->st_mode))
		return fail_set(fail, FAIL_INVALID, "%s is no plain file: without -o the configuration is printed", path);
	if (!is_ours(info->st_uid))
		return fail_set(fail, FAIL_DENIED, "%s belongs to the user %u, not to %u who runs this: it is left alone", path,
				(unsigned)info->st_uid, (unsigned)geteuid());
	return true;
}

static bool take_lock(struct arena *arena, struct private_file *file, struct fail *fail)
{
	enum { PATIENCE_MS = 10000, PAUSE_MS = 20 };
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	const char *lock = arena_spanf(arena, "%s.lock", file->path).ptr;
	for (;;) {
		CLEANUP(close_fd) int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
		if (fd >= 0)
			break;
		if (errno != EEXIST)
			return fail_errno(fail, errno, "cannot write beside %s", file->path);
		if (clock_monotonic_ms() >= end_ms)
			return fail_set(fail, FAIL_TIMEOUT,
					"%s is there: another program is writing, or was killed; when none runs, delete it", lock);
		clock_sleep_ms(PAUSE_MS);
	}
	file->lock = lock;
	return true;
}

static bool read_content(struct arena *arena, struct private_file *file, struct fail *fail)
{
	CLEANUP(close_fd) int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return fail_errno(fail, errno, "cannot read %s", file->path);
	if (fstat(fd, &file->seen) != 0)
		return fail_errno(fail, errno, "cannot look at %s", file->path);
	file->exists = true;
	return check(file->path, &file->seen, fail) &&
	       files_read_fd(arena, fd, file->path, SIZE_MAX_BYTES, &file->content, fail);
}

/* What is no file of ours has no lock put beside it. */
static bool look(const char *path, struct fail *fail)
{
	struct stat info;
	if (stat(path, &info) != 0)
		return errno == ENOENT || fail_errno(fail, errno, "cannot look at %s", path);
	return check(path, &info, fail);
}

bool private_file_open(struct arena *arena, const char *path, struct private_file *out, struct fail *fail)
{
	struct private_file file = {0};
	if (!follow(arena, path, &file.path, fail) || !look(file.path, fail) || !take_lock(arena, &file, fail))
		return false;
	if (!read_content(arena, &file, fail)) {
		private_file_close(&file);
		return false;
	}
	*out = file;
	return true;
}

static bool is_as_seen(const struct private_file *file)
{
	struct stat now;
	if (lstat(file->path, &now) != 0)
		return !file->exists && errno == ENOENT;
	return file->exists && now.st_ino == file->seen.st_ino && now.st_dev == file->seen.st_dev &&
	       now.st_size == file->seen.st_size && now.st_mtim.tv_sec == file->seen.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == file->seen.st_mtim.tv_nsec;
}

bool private_file_replace(const struct private_file *file, struct span content, struct fail *fail)
{
	if (!is_as_seen(file))
		return fail_set(fail, FAIL_CONFLICT, "%s was changed by another program just now: try again", file->path);
	return files_write(file->path, content, MODE, fail);
}

void private_file_close(struct private_file *file)
{
	if (file->lock != NULL)
		unlink(file->lock);
	file->lock = NULL;
}
