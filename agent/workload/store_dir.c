/* Secrets in a directory, where there is no API server: DIR/NAMESPACE/NAME/KEY, or DIR/NAME/KEY for objects without a namespace.
 * Whoever else writes there by this program waits for a lock on the directory; what people change by hand is seen within a second. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>

#include "agent/workload/dir_secret.h"
#include "agent/workload/store_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"

enum { LOOK_EACH_MS = 1000, LOCK_AGAIN_MS = 10, UID_BYTES = 16 };

struct dir_watch {
	struct dir_watch *next;
	secret_changed *changed;
	void *ctx;
	uint64_t print;
	struct span ns, name; /* in path */
	char *path;
};

/* One thread looks, as long as somebody waits. */
struct dir_store {
	struct secret_store base;
	char *dir;
	pthread_mutex_t lock;
	pthread_cond_t turned; /* a callback has returned, or the end has come */
	struct dir_watch *watches;
	const struct dir_watch *running; /* whose callback runs */
	pthread_t thread;
	bool has_thread, is_ending;
};

static struct dir_store *of(struct secret_store *store)
{
	return (struct dir_store *)store;
}

/* --- places --------------------------------------------------------------------------------------------------------------------- */

static char *path_of(const struct dir_store *store, struct span ns, struct span name)
{
	struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	text_addf(&path, "%s/%.*s%s%.*s", store->dir, SPAN_ARG(ns), ns.len > 0 && name.len > 0 ? "/" : "", SPAN_ARG(name));
	return text_take(&path);
}

static bool open_namespace(struct dir_store *store, struct span ns, bool makes, int *out, struct fail *fail)
{
	CLEANUP(free_ptr) char *path = path_of(store, ns, SPAN(""));
	return (!makes || files_make_dirs(path, 0700, fail)) && files_open_dir(AT_FDCWD, path, out, fail);
}

/* Held until the descriptor is closed. */
static bool lock_dir(int fd, int64_t deadline_ms, struct fail *fail)
{
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(fail, errno, "cannot lock the directory of Secrets");
		if (deadline_ms != 0 && clock_monotonic_ms() >= deadline_ms)
			return fail_set(fail, FAIL_TIMEOUT, "another process holds the lock of the directory of Secrets");
		clock_sleep_ms(LOCK_AGAIN_MS);
	}
	return true;
}

static bool open_locked(struct dir_store *store, struct span ns, bool makes, int64_t deadline_ms, int *out, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	if (!open_namespace(store, ns, makes, &fd, fail) || !lock_dir(fd, deadline_ms, fail))
		return false;
	*out = fd;
	fd = -1;
	return true;
}

/* Who waits is told at once of what is changed here. */
static void wake_up(struct dir_store *store)
{
	pthread_mutex_lock(&store->lock);
	pthread_cond_broadcast(&store->turned);
	pthread_mutex_unlock(&store->lock);
}

/* --- what stores do ------------------------------------------------------------------------------------------------------------- */

static bool read_one(struct secret_store *base, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		     struct stored_secret *out, struct fail *fail)
{
	struct dir_store *store = of(base);
	CLEANUP(close_fd) int fd = -1;
	struct fail why = {0};
	(void)deadline_ms;
	if (open_namespace(store, ns, false, &fd, &why) && dir_secret_read(fd, name, arena, out, &why)) {
		out->ns = arena_copy(arena, ns);
		return true;
	}
	CLEANUP(free_ptr) char *path = path_of(store, ns, name);
	if (why.code == FAIL_NOT_FOUND)
		return fail_set(fail, FAIL_NOT_FOUND, "there is no directory %s", path);
	return fail_set(fail, why.code, "the Secret in %s: %s", path, why.text);
}

/* Is what is there what the caller means? */
static bool check_version(int fd, const struct stored_secret *secret, struct arena *arena, struct span *out_uid, struct fail *fail)
{
	struct stored_secret there = {0};
	struct fail why = {0};
	bool is_new = secret->resource_version.len == 0, is_there = dir_secret_read(fd, secret->name, arena, &there, &why);
	*out_uid = there.uid;
	stored_secret_drop(&there);
	if (!is_there && (!is_new || why.code != FAIL_NOT_FOUND))
		return fail_set(fail, why.code, "%s", why.text);
	if (is_there && is_new)
		return fail_set(fail, FAIL_EXISTS, "there is one already");
	if (is_there && !span_eq(there.resource_version, secret->resource_version))
		return fail_set(fail, FAIL_CONFLICT, "somebody else has changed it meanwhile");
	return true;
}

static struct span new_uid(struct arena *arena)
{
	unsigned char bytes[UID_BYTES];
	struct text text;
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		abort();
	text_init(&text, TEXT_NO_LIMIT);
	text_add_hex(&text, bytes, sizeof bytes);
	struct span uid = arena_copy(arena, text_span(&text));
	text_done(&text);
	return uid;
}

static bool put(struct dir_store *store, struct stored_secret *secret, bool really, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	bool is_new = secret->resource_version.len == 0;
	struct span uid;
	if (!open_locked(store, secret->ns, true, deadline_ms, &fd, fail) || !check_version(fd, secret, arena, &uid, fail))
		return false;
	struct stored_secret fresh = *secret;
	fresh.uid = is_new ? new_uid(arena) : uid;
	if (!dir_secret_write(fd, &fresh, !is_new, really, fail))
		return false;
	struct stored_secret now = {0};
	if (really && !dir_secret_read(fd, secret->name, arena, &now, fail))
		return false;
	stored_secret_drop(&now);
	secret->uid = now.uid;
	secret->resource_version = now.resource_version;
	return true;
}

static bool put_at(struct secret_store *base, struct stored_secret *secret, bool really, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	if (put(of(base), secret, really, deadline_ms, arena, fail))
		return true;
	CLEANUP(free_ptr) char *path = path_of(of(base), secret->ns, secret->name);
	return fail_wrap(fail, "the Secret in %s", path);
}

static bool write_one(struct secret_store *base, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	bool is_fine = put_at(base, secret, true, deadline_ms, arena, fail);
	wake_up(of(base));
	return is_fine;
}

static bool try_one(struct secret_store *base, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
{
	CLEANUP(arena_done) struct arena arena;
	struct stored_secret copy = *secret;
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	return put_at(base, &copy, false, deadline_ms, &arena, fail);
}

static bool remove_locked(int fd, struct span name, struct span uid, struct fail *fail)
{
	CLEANUP(arena_done) struct arena arena;
	struct stored_secret there = {0};
	struct fail why = {0};
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	if (!dir_secret_read(fd, name, &arena, &there, &why))
		return why.code == FAIL_NOT_FOUND || fail_set(fail, why.code, "%s", why.text);
	stored_secret_drop(&there);
	if (!span_eq(there.uid, uid))
		return fail_set(fail, FAIL_CONFLICT, "it is another one by now");
	return dir_secret_remove(fd, name, fail);
}

static bool remove_one(struct secret_store *base, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	struct fail why = {0};
	if (!open_locked(of(base), ns, false, deadline_ms, &fd, &why))
		return why.code == FAIL_NOT_FOUND || fail_set(fail, why.code, "%s", why.text);
	bool is_fine = remove_locked(fd, name, uid, fail);
	wake_up(of(base));
	if (is_fine)
		return true;
	CLEANUP(free_ptr) char *path = path_of(of(base), ns, name);
	return fail_wrap(fail, "the Secret in %s", path);
}

/* --- watching ------------------------------------------------------------------------------------------------------------------- */

static struct dir_watch **place_of(struct dir_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	struct dir_watch **at = &store->watches;
	while (*at != NULL && ((*at)->changed != changed || (*at)->ctx != ctx || !span_eq((*at)->ns, ns) || !span_eq((*at)->name, name)))
		at = &(*at)->next;
	return at;
}

/* The next one that has changed; its callback runs without the lock. Under the lock. */
static bool tell_one(struct dir_store *store)
{
	for (struct dir_watch *watch = store->watches; watch != NULL; watch = watch->next) {
		uint64_t print = dir_secret_print(watch->path);
		if (print == watch->print)
			continue;
		watch->print = print;
		store->running = watch;
		pthread_mutex_unlock(&store->lock);
		watch->changed(watch->ctx, watch->ns, watch->name);
		pthread_mutex_lock(&store->lock);
		store->running = NULL;
		pthread_cond_broadcast(&store->turned);
		return true;
	}
	return false;
}

/* By the monotonic clock, or until the end. */
static void rest(struct dir_store *store)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_EACH_MS / 1000;
	pthread_cond_timedwait(&store->turned, &store->lock, &until);
}

static void *look(void *ctx)
{
	struct dir_store *store = ctx;
	pthread_mutex_lock(&store->lock);
	while (!store->is_ending) {
		rest(store);
		while (!store->is_ending && tell_one(store))
			;
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

static void watch(struct secret_store *base, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	struct dir_store *store = of(base);
	pthread_mutex_lock(&store->lock);
	struct dir_watch **place = place_of(store, ns, name, changed, ctx), *fresh = *place == NULL ? calloc(1, sizeof *fresh) : NULL;
	if (*place == NULL && fresh == NULL)
		abort();
	if (fresh != NULL) {
		char *path = path_of(store, ns, name);
		size_t len = strlen(path), ns_at = len - name.len - ns.len - (ns.len > 0);
		*fresh = (struct dir_watch){.changed = changed, .ctx = ctx, .path = path, .print = dir_secret_print(path),
					    .ns = {path + ns_at, ns.len}, .name = {path + len - name.len, name.len}};
		*place = fresh;
	}
	if (!store->has_thread)
		store->has_thread = pthread_create(&store->thread, NULL, look, store) == 0;
	pthread_mutex_unlock(&store->lock);
}

static void free_watch(struct dir_watch *watch)
{
	free(watch->path);
	free(watch);
}

static void unwatch(struct secret_store *base, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	struct dir_store *store = of(base);
	pthread_mutex_lock(&store->lock);
	struct dir_watch **place = place_of(store, ns, name, changed, ctx), *gone = *place;
	if (gone != NULL)
		*place = gone->next;
	while (gone != NULL && store->running == gone)
		pthread_cond_wait(&store->turned, &store->lock);
	pthread_mutex_unlock(&store->lock);
	if (gone != NULL)
		free_watch(gone);
}

/* A look costs no request. */
static bool seen(struct secret_store *base, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	(void)base, (void)ns, (void)name, (void)arena, (void)out_version;
	return false;
}

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

static void free_store(struct secret_store *base)
{
	struct dir_store *store = of(base);
	pthread_mutex_lock(&store->lock);
	store->is_ending = true;
	pthread_cond_broadcast(&store->turned);
	pthread_mutex_unlock(&store->lock);
	if (store->has_thread)
		pthread_join(store->thread, NULL);
	while (store->watches != NULL) {
		struct dir_watch *watch = store->watches;
		store->watches = watch->next;
		free_watch(watch);
	}
	pthread_cond_destroy(&store->turned);
	pthread_mutex_destroy(&store->lock);
	free(store->dir);
	free(store);
}

struct secret_store *secret_store_directory(const char *dir)
{
	static const struct secret_store_ops ops = {read_one, write_one, try_one, remove_one, watch, unwatch, seen, free_store, true};
	struct dir_store *store = calloc(1, sizeof *store);
	pthread_condattr_t attributes;
	if (store == NULL || (store->dir = strdup(dir)) == NULL)
		abort();
	store->base.ops = &ops;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->turned, &attributes);
	pthread_condattr_destroy(&attributes);
	return &store->base;
}
