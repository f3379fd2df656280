/* Directories of Helm: one for a run, emptied before and removed after it, and one for what is known of a cluster's API. A run that
 * has a release's lock has the directory of that name; any other (it does not outlive us) holds a lock on its directory. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { DEPTH_MAX = 32, ENTRIES_MAX = 100000, KUBE_WEEK_S = 7 * 24 * 3600 };

void run_name(struct span a, struct span b, struct span c, char out[DIGEST_HEX_SIZE])
{
	struct digest *digest = digest_new();
	digest_add(digest, a);
	digest_add(digest, b);
	digest_add(digest, c);
	digest_finish(digest, out);
}

/* --- removing ------------------------------------------------------------------------------------------------------- */

/* Links are removed, never followed. */
static void remove_all(int parent_fd, const char *name, unsigned depth, unsigned *left)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT || depth == 0)
		return;
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	const struct dirent *entry;
	while (*left > 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(*left)--;
		remove_all(dirfd(dir), entry->d_name, depth - 1, left);
	}
	closedir(dir);
	unlinkat(parent_fd, name, AT_REMOVEDIR);
}

void run_dir_remove(const char *path)
{
	unsigned left = ENTRIES_MAX;
	remove_all(AT_FDCWD, path, DEPTH_MAX, &left);
}

/* --- making --------------------------------------------------------------------------------------------------------- */

bool run_dir_make(const struct helm *helm, const char *name, char out[4096], struct fail *fail)
{
	static const char *const parts[] = {"bin", "cwd", "home", "cache/repository", "cache/content", "config", "data", "docker",
					    "plugins", "tmp"};
	char path[4096 + 32];
	if (snprintf(out, 4096, "%s/run/%s", helm->dir, name) >= 4096 - 32)
		return fail_set(fail, FAIL_TOO_BIG, "the path of the cache is too long: %s", helm->dir);
	run_dir_remove(out);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		snprintf(path, sizeof path, "%s/%s", out, parts[i]);
		if (!files_make_dirs(path, 0700, fail))
			return false;
	}
	return true;
}

bool run_dir_make_own(struct helm *helm, const char *prefix, char out[4096], int *out_fd, struct fail *fail)
{
	char name[96];
	pthread_mutex_lock(&helm->lock);
	snprintf(name, sizeof name, "%s-%ld-%u", prefix, (long)getpid(), helm->own_dirs++);
	pthread_mutex_unlock(&helm->lock);
	if (!run_dir_make(helm, name, out, fail))
		return false;
	int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int saved = errno;
		close_fd(&fd);
		return fail_errno(fail, saved, "%s", out);
	}
	*out_fd = fd;
	return true;
}

bool run_kube_dir(const struct helm *helm, const char *cluster, char out[4096], struct fail *fail)
{
	if (snprintf(out, 4096, "%s/kube/%s", helm->dir, cluster) >= 4096 - 32)
		return fail_set(fail, FAIL_TOO_BIG, "the path of the cache is too long: %s", helm->dir);
	if (!files_make_dirs(out, 0700, fail))
		return false;
	utimensat(AT_FDCWD, out, NULL, 0);
	return true;
}

/* --- what others left ----------------------------------------------------------------------------------------------- */

static void each_entry(const struct helm *helm, const char *part, void (*see)(int dir_fd, const char *name))
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", helm->dir, part);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			see(dirfd(dir), entry->d_name);
	if (dir != NULL)
		closedir(dir);
}

static void expire_kube(int dir_fd, const char *name)
{
	struct stat seen;
	unsigned left = ENTRIES_MAX;
	if (fstatat(dir_fd, name, &seen, AT_SYMLINK_NOFOLLOW) == 0 && clock_wall_ms() / 1000 - seen.st_mtime > KUBE_WEEK_S)
		remove_all(dir_fd, name, DEPTH_MAX, &left);
}

/* The lock of a release has the name of its directory. */
static void expire_run(int dir_fd, const char *name)
{
	unsigned left = ENTRIES_MAX;
	char lock[16 + NAME_MAX];
	bool is_own = strchr(name, '-') != NULL;
	snprintf(lock, sizeof lock, "../locks/%s", name);
	CLEANUP(close_fd) int fd = is_own ? openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
					  : openat(dir_fd, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		remove_all(dir_fd, name, DEPTH_MAX, &left);
}

void run_dirs_expire(const struct helm *helm)
{
	each_entry(helm, "kube", expire_kube);
	each_entry(helm, "run", expire_run);
}
