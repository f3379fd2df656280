#include "agent/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_AT_ONCE = 64, LONGEST_SLEEP_MS = 5000 };

struct watched_fd {
	struct watched_fd *next;
	int fd; /* -1: removed, freed after the turn */
	void (*fn)(void *ctx);
	void *ctx;
};

struct loop_timer {
	struct loop_timer *next;
	int64_t at_ms;
	void (*fn)(void *ctx);
	void *ctx;
};

struct posted {
	struct posted *next;
	void (*fn)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll_fd, wake_fd;
	bool is_stopping;
	struct watched_fd *fds;
	struct loop_timer *timers; /* a few dozen: a list is enough */
	pthread_mutex_t lock;	   /* of the posted queue */
	struct posted *first, **last;
	_Atomic int64_t heartbeat_ms;
};

bool loop_new(struct loop **out, struct fail *fail)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		abort();
	pthread_mutex_init(&loop->lock, NULL);
	loop->last = &loop->first;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
		int errnum = errno;
		loop_free(loop);
		return fail_errno(fail, errnum, "starting the main loop");
	}
	loop->heartbeat_ms = clock_monotonic_ms();
	*out = loop;
	return true;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (struct watched_fd *fd = loop->fds, *next; fd != NULL; fd = next) {
		next = fd->next;
		free(fd);
	}
	for (struct loop_timer *timer = loop->timers, *next; timer != NULL; timer = next) {
		next = timer->next;
		free(timer);
	}
	for (struct posted *posted = loop->first, *next; posted != NULL; posted = next) {
		next = posted->next;
		free(posted);
	}
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

bool loop_add_fd(struct loop *loop, int fd, void (*fn)(void *ctx), void *ctx, struct fail *fail)
{
	struct watched_fd *watched = calloc(1, sizeof *watched);
	if (watched == NULL)
		abort();
	*watched = (struct watched_fd){loop->fds, fd, fn, ctx};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watched};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		int errnum = errno;
		free(watched);
		return fail_errno(fail, errnum, "watching a descriptor");
	}
	loop->fds = watched;
	return true;
}

void loop_remove_fd(struct loop *loop, int fd)
{
	for (struct watched_fd *watched = loop->fds; watched != NULL; watched = watched->next) {
		if (watched->fd != fd)
			continue;
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		watched->fd = -1;
	}
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct loop_timer *timer = calloc(1, sizeof *timer);
	if (timer == NULL)
		abort();
	*timer = (struct loop_timer){loop->timers, INT64_MAX, fn, ctx};
	loop->timers = timer;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t at_ms)
{
	timer->at_ms = at_ms;
}

void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct posted *posted = calloc(1, sizeof *posted);
	if (posted == NULL)
		abort();
	*posted = (struct posted){NULL, fn, ctx};
	pthread_mutex_lock(&loop->lock);
	*loop->last = posted;
	loop->last = &posted->next;
	pthread_mutex_unlock(&loop->lock);
	uint64_t one = 1;
	if (write(loop->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		abort();
}

static void run_posted(struct loop *loop)
{
	uint64_t count;
	if (read(loop->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
		abort();
	pthread_mutex_lock(&loop->lock);
	struct posted *posted = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	pthread_mutex_unlock(&loop->lock);
	while (posted != NULL) {
		struct posted *next = posted->next;
		posted->fn(posted->ctx);
		free(posted);
		posted = next;
	}
}

static int sleep_ms(const struct loop *loop)
{
	int64_t now = clock_monotonic_ms(), wait = LONGEST_SLEEP_MS;
	for (const struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
		if (timer->at_ms - now < wait)
			wait = timer->at_ms - now;
	return wait < 0 ? 0 : (int)wait;
}

static void run_timers(struct loop *loop)
{
	int64_t now = clock_monotonic_ms();
	for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
		if (timer->at_ms <= now) {
			timer->at_ms = INT64_MAX;
			timer->fn(timer->ctx);
		}
}

static void free_removed(struct loop *loop)
{
	for (struct watched_fd **link = &loop->fds; *link != NULL;) {
		struct watched_fd *watched = *link;
		if (watched->fd >= 0) {
			link = &watched->next;
			continue;
		}
		*link = watched->next;
		free(watched);
	}
}

void loop_run(struct loop *loop)
{
	while (!loop->is_stopping) {
		struct epoll_event events[EVENTS_AT_ONCE];
		int count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, sleep_ms(loop));
		loop->heartbeat_ms = clock_monotonic_ms();
		for (int i = 0; i < count; i++) {
			const struct watched_fd *watched = events[i].data.ptr;
			if (watched == NULL)
				run_posted(loop);
			else if (watched->fd >= 0)
				watched->fn(watched->ctx);
		}
		run_timers(loop);
		free_removed(loop);
	}
}

void loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
}

int64_t loop_heartbeat_ms(const struct loop *loop)
{
	return loop->heartbeat_ms;
}
