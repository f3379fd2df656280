/* Write transactions: one process at a time, each file replaced durably. */
#include <errno.h>
#include <dirent.h>
#include <sys/file.h>

#include "agent/omni/dir_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

static bool lock_file(struct dir_store *store, int64_t deadline_ms, struct fail *fail)
{
	enum { STEP_MS = 2, PATIENCE_MS = 30000 };
	if (deadline_ms == 0)
		deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
	if (store->is_snapshot)
		return fail_set(fail, FAIL_DENIED, "%s is a snapshot: it can be planned against, but not written", store->path);
	if (store->lock_fd < 0)
		return fail_set(fail, FAIL_DENIED, "%s cannot be written: its lock file cannot be opened", store->path);
	while (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(fail, errno, "cannot lock %s", store->path);
		if (clock_monotonic_ms() >= deadline_ms)
			return fail_set(fail, FAIL_TIMEOUT, "%s is being written by another process", store->path);
		clock_sleep_ms(STEP_MS);
	}
	return true;
}

bool dir_begin(struct dir_store *store, int64_t deadline_ms, struct fail *fail)
{
	pthread_mutex_lock(&store->write_lock);
	if (!lock_file(store, deadline_ms, fail)) {
		pthread_mutex_unlock(&store->write_lock);
		return false;
	}
	pthread_mutex_lock(&store->lock);
	return true;
}

bool dir_try_begin(struct dir_store *store)
{
	if (store->is_snapshot || pthread_mutex_trylock(&store->write_lock) != 0)
		return false;
	if (store->lock_fd < 0 || flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		pthread_mutex_unlock(&store->write_lock);
		return false;
	}
	pthread_mutex_lock(&store->lock);
	return true;
}

void dir_end(struct dir_store *store)
{
	pthread_mutex_unlock(&store->lock);
	flock(store->lock_fd, LOCK_UN);
	pthread_mutex_unlock(&store->write_lock);
}

bool dir_make(struct dir_store *store, struct dir_table *table, struct fail *fail)
{
	enum { MODE = 0777 };
	if (table->dir_fd >= 0)
		return true;
	if (mkdirat(store->root_fd, table->type->name, MODE) != 0 && errno != EEXIST)
		return fail_errno(fail, errno, "cannot make the directory %s/%s", store->path, table->type->name);
	if (fsync(store->root_fd) != 0)
		return fail_errno(fail, errno, "cannot make %s durable", store->path);
	dir_refresh(store, table);
	return table->dir_fd >= 0 || fail_errno(fail, errno, "cannot open the directory %s/%s", store->path, table->type->name);
}

bool dir_put(struct dir_store *store, struct dir_table *table, const struct resource *resource, struct fail *fail)
{
	enum { MODE = 0644 };
	char name[DIR_NAME_SIZE];
	struct text content;
	if (!dir_make(store, table, fail))
		return false;
	dir_name_of(resource->id, name);
	text_init(&content, DIR_FILE_MAX);
	resource_print(&content, resource, true);
	bool ok = text_ok(&content) ? files_write_at(table->dir_fd, name, text_span(&content), MODE, fail)
				    : fail_set(fail, FAIL_TOO_BIG, "the resource is too big");
	text_done(&content);
	dir_refresh(store, table);
	return ok || fail_wrap(fail, "%s/%s", store->path, table->type->name);
}

bool dir_remove(struct dir_store *store, struct dir_table *table, struct span id, struct fail *fail)
{
	char name[DIR_NAME_SIZE];
	dir_name_of(id, name);
	bool ok = table->dir_fd < 0 || files_remove_at(table->dir_fd, name, fail);
	dir_refresh(store, table);
	return ok || fail_wrap(fail, "%s/%s", store->path, table->type->name);
}

static void sweep_dir(int root_fd, const char *name)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		close(fd);
	for (struct dirent *item; dir != NULL && (item = readdir(dir)) != NULL;)
		if (files_is_temporary(item->d_name))
			unlinkat(fd, item->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

void dir_sweep(struct dir_store *store)
{
	if (!dir_try_begin(store))
		return; /* somebody is writing: those files may be his */
	for (size_t i = 0; i < store->table_count; i++)
		sweep_dir(store->root_fd, store->tables[i].type->name);
	dir_end(store);
}
