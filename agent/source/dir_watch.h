/* inotify for one directory source. Of a link (git-sync's, kubelet's ..data) the directory that contains it is watched,
 * never the target; of a plain directory every directory below it. Watches are renewed at every poll, because they
 * follow inodes and not paths. Without inotify (limits, NFS) everything works by polling. */
#ifndef AGENT_SOURCE_DIR_WATCH_H
#define AGENT_SOURCE_DIR_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { WATCH_MAX = 8192 };

struct dir_watch {
	int fd; /* -1: not to be had */
	pthread_mutex_t lock; /* the loop drains while a source thread polls */
	char name[256]; /* only events with this name count; "": all */
	uint64_t device, inode; /* of the watched directory */
	int *ids;
	unsigned count, cap;
};

void dir_watch_init(struct dir_watch *watch);
void dir_watch_done(struct dir_watch *watch);
/* Watch `directory` for changes of the entry `name`. */
void dir_watch_link(struct dir_watch *watch, const char *directory, const char *name);
/* A new round over a plain directory: begin, then every directory. */
void dir_watch_plain(struct dir_watch *watch, const char *directory);
void dir_watch_add(struct dir_watch *watch, int directory_fd);
/* Empty the queue; did anything happen that counts? */
bool dir_watch_drain(struct dir_watch *watch);

#endif
