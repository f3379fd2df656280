/* The bare repository that fetched objects are kept in, one per URL: CACHE/git-<hash>/repo.git, a lock beside it. It is
 * only a cache: broken or grown too much, it is made anew. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source/git_session.h"
#include "base/cleanup.h"
#include "base/files.h"

/* Every fetch adds a pack and libgit2 never collects. */
enum { MAX_PACKS = 100, PATH_SIZE = 4096 };

static void repo_path(const struct git_session *session, const char *name, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/%s", session->request->cache_dir, name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Held until the answer is complete: polls of two sources with one URL go one after the other. */
static bool take_lock(struct git_session *session, struct fail *fail)
{
	char path[PATH_SIZE];
	repo_path(session, "lock", path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(fail, errno, "the cache cannot be locked: %s", path);
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			close(fd);
			return fail_errno(fail, errno, "the cache cannot be locked: %s", path);
		}
	session->lock_fd = fd;
	return true;
}

void cache_unlock(struct git_session *session)
{
	if (session->lock_fd > 0)
		close(session->lock_fd);
	session->lock_fd = 0;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

/* What a killed fetch left behind; returns the number of packs. */
static unsigned clean_packs(const char *repo)
{
	char path[PATH_SIZE + 32];
	unsigned packs = 0;
	snprintf(path, sizeof path, "%s/objects/pack", repo);
	CLEANUP(close_dir) DIR *dir = opendir(path);
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		struct span name = span_of(entry->d_name);
		packs += span_ends(name, ".pack");
		if (span_starts(name, "pack_git2_") || span_ends(name, ".lock"))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	return packs;
}

static void clean_locks(const char *repo)
{
	static const char *const names[] = {"config.lock", "HEAD.lock", "packed-refs.lock"};
	char path[PATH_SIZE + 32];
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", repo, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/refs/omniops", repo);
	CLEANUP(close_dir) DIR *dir = opendir(path);
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		if (span_ends(span_of(entry->d_name), ".lock"))
			unlinkat(dirfd(dir), entry->d_name, 0);
}

static void close_repo(struct git_session *session)
{
	git_odb_free(session->odb);
	git_repository_free(session->repo);
	session->odb = NULL;
	session->repo = NULL;
}

static bool open_repo(struct git_session *session, const char *path, unsigned flags)
{
	if (git_repository_open_ext(&session->repo, path, flags, NULL) == 0 &&
	    git_repository_odb(&session->odb, session->repo) == 0)
		return true;
	close_repo(session);
	return false;
}

static bool create_repo(struct git_session *session, const char *path, struct fail *fail)
{
	remove_tree(path);
	session->is_new_cache = true;
	if (git_repository_init(&session->repo, path, 1) != 0 || git_repository_odb(&session->odb, session->repo) != 0)
		return session_fail(session, fail, "the cache %s cannot be made", path);
	return true;
}

bool cache_open(struct git_session *session, struct fail *fail)
{
	char path[PATH_SIZE];
	const unsigned flags = GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_NO_DOTGIT | GIT_REPOSITORY_OPEN_BARE;
	if (session->repo != NULL)
		return true;
	repo_path(session, "repo.git", path);
	if (session->request->task == FETCH_SERVE)
		return open_repo(session, path, flags) || session_fail(session, fail, "the cache is gone");
	if (!files_make_dirs(session->request->cache_dir, 0700, fail))
		return fail_wrap(fail, "the cache directory");
	if (!take_lock(session, fail))
		return false;
	clean_locks(path);
	if (clean_packs(path) <= MAX_PACKS && open_repo(session, path, flags))
		return true;
	return create_repo(session, path, fail);
}

bool cache_recreate(struct git_session *session, struct fail *fail)
{
	char path[PATH_SIZE];
	repo_path(session, "repo.git", path);
	close_repo(session);
	return create_repo(session, path, fail);
}

static bool has_git_inside(const char *path)
{
	char inside[PATH_SIZE];
	snprintf(inside, sizeof inside, "%s/.git", path);
	return access(inside, F_OK) == 0;
}

bool local_open(struct git_session *session, const char *path, struct fail *fail)
{
	unsigned flags = GIT_REPOSITORY_OPEN_NO_SEARCH;
	if (!has_git_inside(path))
		flags |= GIT_REPOSITORY_OPEN_NO_DOTGIT;
	if (access(path, R_OK | X_OK) != 0)
		return fail_errno(fail, errno, "%s", path);
	return open_repo(session, path, flags) || session_fail(session, fail, "no Git repository that can be read");
}
