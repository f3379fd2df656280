#include "render/tree_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_DEPTH = 128, MAX_LINKS = 40 };

/* The directories from the root down to where the walk stands, and what is still to go. */
struct walk {
	int dirs[MAX_DEPTH + 1];
	int depth;
	int links;
	char rest[PATH_MAX];
};

static void close_above(struct walk *walk, int depth)
{
	while (walk->depth > depth)
		close(walk->dirs[walk->depth--]);
}

/* Cut the first step off walk->rest; false at the end. */
static bool next_step(struct walk *walk, char step[NAME_MAX + 1])
{
	char *at = walk->rest;
	while (*at == '/')
		at++;
	size_t len = strcspn(at, "/");
	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(step, at, len);
	step[len] = '\0';
	memmove(walk->rest, at + len, strlen(at + len) + 1);
	return true;
}

static bool is_last(const struct walk *walk)
{
	return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/* Put the target of a link in front of what is left. */
static int follow(struct walk *walk, const char *step)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t len = readlinkat(walk->dirs[walk->depth], step, target, sizeof target - 1);
	if (len < 0)
		return errno;
	target[len] = '\0';
	if (target[0] == '/')
		return EXDEV;
	if (++walk->links > MAX_LINKS)
		return ELOOP;
	if ((size_t)len + strlen(walk->rest) + 2 > sizeof joined)
		return ENAMETOOLONG;
	memcpy(joined, target, (size_t)len);
	joined[len] = '/';
	memcpy(joined + len + 1, walk->rest, strlen(walk->rest) + 1);
	memcpy(walk->rest, joined, strlen(joined) + 1);
	return 0;
}

static int enter(struct walk *walk, const char *step)
{
	int fd = openat(walk->dirs[walk->depth], step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (walk->depth == MAX_DEPTH) {
		close(fd);
		return ENAMETOOLONG;
	}
	walk->dirs[++walk->depth] = fd;
	return 0;
}

static int take_step(struct walk *walk, const char *step)
{
	struct stat status;
	if (strcmp(step, ".") == 0)
		return 0;
	if (strcmp(step, "..") == 0) {
		if (walk->depth == 0)
			return EXDEV;
		close_above(walk, walk->depth - 1);
		return 0;
	}
	if (fstatat(walk->dirs[walk->depth], step, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno;
	return S_ISLNK(status.st_mode) ? follow(walk, step) : enter(walk, step);
}

int tree_open_walking(int root, const char *path, int flags)
{
	struct walk walk = {.dirs = {root}};
	char step[NAME_MAX + 1];
	int fault = path[0] == '/' ? EXDEV : strlen(path) >= sizeof walk.rest ? ENAMETOOLONG : 0, fd = -1;
	if (fault == 0)
		memcpy(walk.rest, path, strlen(path) + 1);
	while (fault == 0 && fd < 0) {
		if (!next_step(&walk, step)) {
			fd = openat(walk.dirs[walk.depth], ".", flags | O_CLOEXEC);
			fault = fd < 0 ? errno : 0;
			break;
		}
		bool is_plain = strcmp(step, "..") != 0 && strcmp(step, ".") != 0;
		if (is_last(&walk) && is_plain) {
			fd = openat(walk.dirs[walk.depth], step, flags | O_NOFOLLOW | O_CLOEXEC);
			if (fd >= 0 || errno != ELOOP) {
				fault = fd < 0 ? errno : 0;
				break;
			}
		}
		fault = take_step(&walk, step);
	}
	close_above(&walk, 0);
	errno = fault;
	return fd;
}

int tree_open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		return tree_open_walking(root, path, flags);
	return (int)fd;
}
