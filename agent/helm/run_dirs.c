/* Directories of Helm: one for a run, emptied before and removed after it, and one for what is known of a cluster's API. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

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

bool run_kube_dir(const struct helm *helm, const char *cluster, char out[4096], struct fail *fail)
{
	if (snprintf(out, 4096, "%s/kube/%s", helm->dir, cluster) >= 4096 - 32)
		return fail_set(fail, FAIL_TOO_BIG, "the path of the cache is too long: %s", helm->dir);
	if (!files_make_dirs(out, 0700, fail))
		return false;
	utimensat(AT_FDCWD, out, NULL, 0);
	return true;
}

void run_dirs_expire(const struct helm *helm)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/kube", helm->dir);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int64_t now_s = clock_wall_ms() / 1000;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat seen;
		unsigned left = ENTRIES_MAX;
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now_s - seen.st_mtime > KUBE_WEEK_S)
			remove_all(dirfd(dir), entry->d_name, DEPTH_MAX, &left);
	}
	if (dir != NULL)
		closedir(dir);
}
