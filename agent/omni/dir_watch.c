/* Watches: a place in the log of a table. A watch that meets a broken file ends with its name; one that is opened while a
 * file is broken tells all others, and BOOTSTRAPPED as soon as the file is repaired or removed.
 *
 * The descriptor to poll is readable when files changed (nobody has looked yet) or when the log goes on (somebody has). */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "agent/omni/dir_int.h"
#include "base/cleanup.h"

struct dir_watch {
	struct omni_watch base;
	struct dir_store *store;
	struct dir_table *table;
	struct dir_watch *next;
	int poll_fd, event_fd, timer_fd;
	bool is_signalled, is_bootstrapped, is_resumed;
	uint64_t at; /* the next event of the log */
	struct dir_kept **first; /* what there was when the watch began */
	size_t first_count, first_at;
};

struct bookmark {
	uint64_t nonce, at;
};

static struct dir_watch *of(struct omni_watch *base)
{
	return (struct dir_watch *)base;
}

/* --- being polled ---------------------------------------------------------------------------------------------------- */

static void signal_watch(struct dir_watch *watch)
{
	uint64_t one = 1;
	if (!watch->is_signalled && write(watch->event_fd, &one, sizeof one) == (ssize_t)sizeof one)
		watch->is_signalled = true;
}

static void calm(struct dir_watch *watch)
{
	uint64_t value;
	watch->is_signalled = watch->is_signalled && read(watch->event_fd, &value, sizeof value) != (ssize_t)sizeof value;
	if (watch->timer_fd >= 0 && read(watch->timer_fd, &value, sizeof value) < 0)
		return; /* it has not run out */
}

void dir_watch_signal(struct dir_store *store, const struct dir_table *table)
{
	for (struct dir_watch *watch = store->watches; watch != NULL; watch = watch->next)
		if (watch->table == table)
			signal_watch(watch);
}

static bool add_fd(int poll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	return fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Without inotify somebody has to look now and then. */
static bool open_fds(struct dir_watch *watch, struct fail *fail)
{
	static const struct itimerspec every_second = {{1, 0}, {1, 0}};
	watch->timer_fd = -1;
	watch->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->store->inotify_fd < 0) {
		watch->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (watch->timer_fd < 0 || timerfd_settime(watch->timer_fd, 0, &every_second, NULL) != 0)
			return fail_errno(fail, errno, "cannot watch %s", watch->store->path);
	}
	if (watch->poll_fd < 0 || watch->event_fd < 0 || !add_fd(watch->poll_fd, watch->event_fd) ||
	    !add_fd(watch->poll_fd, watch->timer_fd) || !add_fd(watch->poll_fd, watch->store->inotify_fd))
		return fail_errno(fail, errno, "cannot watch %s", watch->store->path);
	return true;
}

/* --- events ---------------------------------------------------------------------------------------------------------- */

static void set_bookmark(const struct dir_watch *watch, struct arena *arena, struct omni_event *out)
{
	struct bookmark bookmark = {watch->store->nonce, watch->at};
	out->bookmark = arena_copy(arena, (struct span){(const char *)&bookmark, sizeof bookmark});
}

static bool next_first(struct dir_watch *watch, struct arena *arena, struct omni_event *out)
{
	if (watch->is_resumed) {
		watch->is_resumed = false;
		*out = (struct omni_event){.kind = OMNI_RESUMED};
		return true;
	}
	if (watch->is_bootstrapped)
		return false;
	*out = (struct omni_event){.kind = OMNI_BOOTSTRAPPED};
	if (watch->first_at < watch->first_count) {
		struct dir_kept *kept = watch->first[watch->first_at++];
		out->kind = OMNI_CREATED;
		out->resource = dir_open(watch->table, kept, arena);
		dir_kept_unref(kept);
		return true;
	}
	if (watch->table->fault_count > 0)
		return false; /* not all was told: what a broken file holds comes when it is repaired */
	watch->is_bootstrapped = true;
	free(watch->first);
	watch->first = NULL;
	set_bookmark(watch, arena, out);
	return true;
}

/* A fault that is repaired already is none. */
static void skip_repaired(struct dir_watch *watch)
{
	const struct dir_table *table = watch->table;
	while (table->fault_count == 0 && watch->at >= table->log_first && watch->at < table->log_end &&
	       table->log[watch->at % DIR_LOG_MAX].kind == OMNI_ERRORED)
		watch->at++;
}

/* What every watch has read is kept for bookmarks only for a while: the log must not hold all that ever was. */
static void forget_read(const struct dir_store *store, struct dir_table *table)
{
	uint64_t end = table->log_end > DIR_LOG_KEPT ? table->log_end - DIR_LOG_KEPT : 0;
	for (const struct dir_watch *watch = store->watches; watch != NULL; watch = watch->next)
		if (watch->table == table && watch->at < end)
			end = watch->at;
	dir_log_forget(table, end);
}

static bool next_logged(struct dir_watch *watch, struct arena *arena, struct omni_event *out)
{
	const struct dir_table *table = watch->table;
	skip_repaired(watch);
	if (!watch->is_bootstrapped || watch->at >= table->log_end)
		return false;
	*out = (struct omni_event){.kind = OMNI_ERRORED};
	if (watch->at < table->log_first) {
		fail_set(&out->fail, FAIL_PRECONDITION, "more happened than is remembered");
		watch->at = table->log_end;
		return true;
	}
	const struct dir_event *event = &table->log[watch->at++ % DIR_LOG_MAX];
	out->kind = event->kind;
	if (event->kind == OMNI_ERRORED) {
		fail_set(&out->fail, FAIL_IO, "%s", event->fault);
		return true;
	}
	out->resource = dir_open(table, event->kept, arena);
	forget_read(watch->store, watch->table);
	set_bookmark(watch, arena, out);
	return true;
}

static bool next(struct omni_watch *base, struct arena *arena, struct omni_event *out, bool *out_has, struct fail *fail)
{
	struct dir_watch *watch = of(base);
	struct dir_store *store = watch->store;
	pthread_mutex_lock(&store->lock);
	if (watch->is_bootstrapped || watch->first_at == watch->first_count)
		dir_refresh(store, watch->table);
	bool has = next_first(watch, arena, out) || next_logged(watch, arena, out);
	bool ok = watch->table->scan_errno == 0 || dir_check_faults(store, watch->table, fail);
	if (has)
		signal_watch(watch);
	else
		calm(watch);
	pthread_mutex_unlock(&store->lock);
	*out_has = has && ok;
	return ok;
}

static int poll_fd_of(struct omni_watch *base)
{
	return of(base)->poll_fd;
}

static void drop_first(struct dir_watch *watch)
{
	for (; watch->first_at < watch->first_count; watch->first_at++)
		dir_kept_unref(watch->first[watch->first_at]);
	free(watch->first);
}

static void free_watch(struct dir_watch *watch)
{
	const int fds[] = {watch->poll_fd, watch->event_fd, watch->timer_fd};
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(watch);
}

static void close_watch(struct omni_watch *base)
{
	struct dir_watch *watch = of(base);
	pthread_mutex_lock(&watch->store->lock);
	struct dir_watch **link = &watch->store->watches;
	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	drop_first(watch);
	pthread_mutex_unlock(&watch->store->lock);
	free_watch(watch);
}

/* --- opening --------------------------------------------------------------------------------------------------------- */

static bool resume(struct dir_watch *watch, struct span text, struct fail *fail)
{
	struct bookmark bookmark;
	if (text.len != sizeof bookmark)
		return fail_set(fail, FAIL_PRECONDITION, "this is no bookmark of %s", watch->store->path);
	memcpy(&bookmark, text.ptr, sizeof bookmark);
	if (watch->table->fault_count > 0)
		return dir_check_faults(watch->store, watch->table, fail);
	if (bookmark.nonce != watch->store->nonce || bookmark.at < watch->table->log_first ||
	    bookmark.at > watch->table->log_end)
		return fail_set(fail, FAIL_PRECONDITION, "the bookmark is too old, or of another time");
	watch->at = bookmark.at;
	watch->is_bootstrapped = watch->is_resumed = true;
	return true;
}

static int by_id(const void *a, const void *b)
{
	return span_cmp(dir_kept_id(*(struct dir_kept *const *)a), dir_kept_id(*(struct dir_kept *const *)b));
}

static void take_first(struct dir_watch *watch)
{
	const struct dir_table *table = watch->table;
	watch->at = table->log_end;
	watch->first = calloc(table->count + 1, sizeof(struct dir_kept *));
	if (watch->first == NULL)
		abort();
	for (size_t i = 0; i < table->count; i++)
		if (table->slots[i].entry->kept != NULL)
			watch->first[watch->first_count++] = dir_kept_ref(table->slots[i].entry->kept);
	if (watch->first_count > 1)
		qsort(watch->first, watch->first_count, sizeof(struct dir_kept *), by_id);
}

static void start_log(struct dir_table *table)
{
	if (table->is_logged)
		return;
	table->log = calloc(DIR_LOG_MAX, sizeof *table->log);
	if (table->log == NULL)
		abort();
	table->is_logged = true;
}

bool dir_watch_open(struct omni_store *base, const struct omni_type *type, struct span bookmark,
		    struct omni_watch **out, struct fail *fail)
{
	static const struct omni_watch_ops ops = {poll_fd_of, next, close_watch};
	struct dir_store *store = (struct dir_store *)base;
	struct dir_watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL)
		abort();
	*watch = (struct dir_watch){.base = {&ops}, .store = store, .table = dir_table_of(store, type),
				    .poll_fd = -1, .event_fd = -1, .timer_fd = -1};
	bool dir_made = true;
	base->read_calls++;
	pthread_mutex_lock(&store->lock);
	dir_refresh(store, watch->table);
	start_log(watch->table);
	if (!store->is_snapshot) /* only what is there can be watched; without it the watch fails, and is opened again later */
		dir_made = dir_make(store, watch->table, fail);
	bool ok = dir_made && open_fds(watch, fail) &&
		  (watch->table->scan_errno == 0 || dir_check_faults(store, watch->table, fail)) &&
		  (bookmark.len == 0 || resume(watch, bookmark, fail));
	if (ok && bookmark.len == 0)
		take_first(watch);
	if (ok) {
		watch->next = store->watches;
		store->watches = watch;
		signal_watch(watch);
	}
	pthread_mutex_unlock(&store->lock);
	if (!ok) {
		free_watch(watch);
		return false;
	}
	*out = &watch->base;
	return true;
}
