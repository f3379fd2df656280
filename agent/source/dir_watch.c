#include "agent/source/dir_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASK_LINK                                                                                                      \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define MASK_PLAIN (MASK_LINK | IN_CLOSE_WRITE | IN_EXCL_UNLINK)
#define MASK_LOST (IN_Q_OVERFLOW | IN_UNMOUNT | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)

void dir_watch_init(struct dir_watch *watch)
{
	*watch = (struct dir_watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	pthread_mutex_init(&watch->lock, NULL);
}

void dir_watch_done(struct dir_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->ids);
	pthread_mutex_destroy(&watch->lock);
}

static void drop_all(struct dir_watch *watch)
{
	for (unsigned i = 0; i < watch->count; i++)
		inotify_rm_watch(watch->fd, watch->ids[i]);
	watch->count = 0;
}

static void remember(struct dir_watch *watch, int id)
{
	for (unsigned i = 0; i < watch->count; i++)
		if (watch->ids[i] == id)
			return;
	if (watch->count == watch->cap) {
		unsigned cap = watch->cap == 0 ? 16 : watch->cap * 2;
		int *ids = realloc(watch->ids, cap * sizeof *ids);
		if (ids == NULL)
			abort();
		watch->ids = ids;
		watch->cap = cap;
	}
	watch->ids[watch->count++] = id;
}

/* The directory moved away, was made anew or is another one than before: watches follow inodes, so start over. */
static bool is_other(struct dir_watch *watch, const char *directory, const char *name)
{
	struct stat status = {0};
	if (stat(directory, &status) != 0)
		status.st_ino = 0;
	bool other = watch->device != status.st_dev || watch->inode != status.st_ino || strcmp(watch->name, name) != 0;
	watch->device = status.st_dev;
	watch->inode = status.st_ino;
	snprintf(watch->name, sizeof watch->name, "%s", name);
	return other;
}

static void begin(struct dir_watch *watch, const char *directory, const char *name, uint32_t mask)
{
	pthread_mutex_lock(&watch->lock);
	if (watch->fd >= 0) {
		if (is_other(watch, directory, name))
			drop_all(watch);
		int id = inotify_add_watch(watch->fd, directory, mask);
		if (id >= 0)
			remember(watch, id);
		else
			watch->inode = 0;
	}
	pthread_mutex_unlock(&watch->lock);
}

void dir_watch_link(struct dir_watch *watch, const char *directory, const char *name)
{
	begin(watch, directory, name, MASK_LINK);
}

void dir_watch_plain(struct dir_watch *watch, const char *directory)
{
	begin(watch, directory, "", MASK_PLAIN);
}

void dir_watch_add(struct dir_watch *watch, int directory_fd)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", directory_fd);
	pthread_mutex_lock(&watch->lock);
	if (watch->fd >= 0 && watch->name[0] == '\0' && watch->count < WATCH_MAX) {
		int id = inotify_add_watch(watch->fd, path, MASK_PLAIN);
		if (id >= 0)
			remember(watch, id);
	}
	pthread_mutex_unlock(&watch->lock);
}

static bool counts(const struct dir_watch *watch, const struct inotify_event *event)
{
	if (event->mask & MASK_LOST)
		return true;
	if (watch->name[0] == '\0')
		return true;
	return event->len > 0 && strcmp(event->name, watch->name) == 0;
}

bool dir_watch_drain(struct dir_watch *watch)
{
	_Alignas(struct inotify_event) char buffer[4096];
	bool any = false;
	pthread_mutex_lock(&watch->lock);
	for (;;) {
		ssize_t got = watch->fd < 0 ? -1 : read(watch->fd, buffer, sizeof buffer);
		if (got <= 0)
			break;
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
			any = any || counts(watch, event);
			at += (ssize_t)(sizeof *event + event->len);
		}
	}
	pthread_mutex_unlock(&watch->lock);
	return any;
}
