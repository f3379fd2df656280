/* What the files of one type hold, kept in memory and up to date. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "agent/omni/dir_int.h"
#include "base/cleanup.h"
#include "base/files.h"

struct dir_table *dir_table_of(struct dir_store *store, const struct omni_type *type)
{
	return &store->tables[type - omni_type_at(0)];
}

uint64_t dir_hash(struct span text)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * 1099511628211u;
	return hash;
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		abort();
	return copy;
}

static uint64_t hash_of(const struct dir_stamp *stamp)
{
	return dir_hash((struct span){(const char *)stamp, sizeof *stamp});
}

static struct dir_entry *new_entry(const char *name)
{
	size_t size = strlen(name) + 1;
	struct dir_entry *entry = calloc(1, sizeof *entry + size);
	if (entry == NULL)
		abort();
	memcpy(entry->name, name, size);
	return entry;
}

static void free_entry(struct dir_entry *entry)
{
	dir_kept_unref(entry->kept);
	free(entry->fault);
	free(entry);
}

/* --- the sorted slots ------------------------------------------------------------------------------------------------ */

static size_t place_of(const struct dir_table *table, struct span name)
{
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (span_cmp(span_of(table->slots[middle].entry->name), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct dir_entry *find_name(const struct dir_table *table, struct span name)
{
	size_t place = place_of(table, name);
	if (place < table->count && span_is(name, table->slots[place].entry->name))
		return table->slots[place].entry;
	return NULL;
}

struct dir_entry *dir_find(const struct dir_table *table, struct span id)
{
	char name[DIR_NAME_SIZE];
	dir_name_of(id, name);
	return find_name(table, span_of(name));
}

static void insert(struct dir_table *table, struct dir_entry *entry)
{
	if (table->count == table->cap) {
		table->cap = table->cap == 0 ? 64 : table->cap * 2;
		table->slots = realloc(table->slots, table->cap * sizeof *table->slots);
		if (table->slots == NULL)
			abort();
	}
	size_t place = place_of(table, span_of(entry->name));
	memmove(&table->slots[place + 1], &table->slots[place], (table->count - place) * sizeof *table->slots);
	table->slots[place] = (struct dir_slot){entry, 0};
	table->count++;
}

/* --- what happened --------------------------------------------------------------------------------------------------- */

void dir_log_forget(struct dir_table *table, uint64_t end)
{
	for (; table->log_first < end; table->log_first++) {
		struct dir_event *event = &table->log[table->log_first % DIR_LOG_MAX];
		dir_kept_unref(event->kept);
		free(event->fault);
		*event = (struct dir_event){0};
	}
}

static void append_event(struct dir_store *store, struct dir_table *table, enum omni_event_kind kind, struct dir_kept *kept,
			 const char *fault)
{
	if (!table->is_logged)
		return;
	if (table->log_end - table->log_first == DIR_LOG_MAX)
		dir_log_forget(table, table->log_first + 1);
	table->log[table->log_end % DIR_LOG_MAX] = (struct dir_event){kind, dir_kept_ref(kept), fault == NULL ? NULL : copy_of(fault)};
	table->log_end++;
	dir_watch_signal(store, table);
}

static bool is_same(const struct resource *a, const struct resource *b)
{
	bool same = a->phase == b->phase && span_eq(a->owner, b->owner) && labels_equal(&a->labels, &b->labels) &&
		    labels_equal(&a->annotations, &b->annotations) && a->finalizer_count == b->finalizer_count &&
		    node_equal(&a->spec, &b->spec);
	for (size_t i = 0; same && i < a->finalizer_count; i++)
		same = span_eq(a->finalizers[i], b->finalizers[i]);
	return same;
}

/* A person who edits a file does not count the version up; others must notice all the same. */
static struct dir_kept *append_change(struct dir_store *store, struct dir_table *table, struct dir_kept *before,
				      struct resource *new, struct arena *scratch)
{
	if (before == NULL) {
		struct dir_kept *first = dir_keep(table, new);
		append_event(store, table, OMNI_CREATED, first, NULL);
		return first;
	}
	const struct resource *old = dir_open(table, before, scratch);
	bool is_other = old->created.len > 0 && new->created.len > 0 && !span_eq(old->created, new->created) &&
			new->version <= old->version;
	bool same = is_same(old, new);
	if (!is_other && new->version <= old->version)
		new->version = same ? old->version : old->version + 1;
	struct dir_kept *kept = dir_keep(table, new);
	if (is_other) {
		append_event(store, table, OMNI_DESTROYED, before, NULL);
		append_event(store, table, OMNI_CREATED, kept, NULL);
	} else if (!same || new->version != old->version) {
		append_event(store, table, OMNI_UPDATED, kept, NULL);
	}
	return kept;
}

/* --- one file --------------------------------------------------------------------------------------------------------- */

static void count(struct dir_table *table, const struct dir_entry *entry, int by)
{
	bool is_tearing = entry->kept != NULL && dir_kept_is_tearing(entry->kept);
	table->fault_count += (size_t)(entry->fault != NULL ? by : 0);
	table->tearing_count += (size_t)(is_tearing ? by : 0);
}

/* Parents that wait for their children may go when something went. */
static void note_loss(struct dir_store *store)
{
	for (size_t i = 0; i < store->table_count; i++)
		store->needs_settling |= store->tables[i].tearing_count > 0;
}

static void forget(struct dir_store *store, struct dir_table *table, struct span name)
{
	size_t place = place_of(table, name);
	if (place == table->count || !span_is(name, table->slots[place].entry->name))
		return;
	struct dir_entry *entry = table->slots[place].entry;
	count(table, entry, -1);
	table->count--;
	memmove(&table->slots[place], &table->slots[place + 1], (table->count - place) * sizeof *table->slots);
	if (entry->kept != NULL)
		append_event(store, table, OMNI_DESTROYED, entry->kept, NULL);
	if (entry->fault != NULL)
		dir_watch_signal(store, table);
	free_entry(entry);
	note_loss(store);
}

static void set_cluster(struct dir_table *table, const struct dir_entry *entry)
{
	struct span cluster;
	bool has = dir_kept_label(table, entry->kept, OMNI_LABEL_CLUSTER, &cluster);
	table->slots[place_of(table, span_of(entry->name))].cluster = has ? dir_hash(cluster) : 0;
}

static void take_file(struct dir_store *store, struct dir_table *table, struct dir_entry *entry, struct resource *new,
		      struct span fault, struct arena *scratch)
{
	bool was_broken = entry->fault != NULL;
	count(table, entry, -1);
	free(entry->fault);
	entry->fault = NULL;
	if (new != NULL) {
		struct dir_kept *before = entry->kept;
		entry->kept = append_change(store, table, before, new, scratch);
		dir_kept_unref(before);
		set_cluster(table, entry);
		store->needs_settling |= new->phase == RESOURCE_TEARING_DOWN;
	} else {
		entry->fault = copy_of(arena_string(scratch, fault));
		append_event(store, table, OMNI_ERRORED, NULL, entry->fault);
	}
	count(table, entry, 1);
	if (was_broken)
		dir_watch_signal(store, table); /* some may have waited for it */
}

static void reload(struct dir_store *store, struct dir_table *table, const char *name)
{
	struct resource *new = NULL;
	struct span fault = {0};
	struct dir_stamp stamp;
	struct arena scratch;
	arena_init(&scratch, ARENA_NO_LIMIT);
	if (!dir_load(store, table, name, &scratch, &new, &fault, &stamp)) {
		forget(store, table, span_of(name));
		arena_done(&scratch);
		return;
	}
	struct dir_entry *entry = find_name(table, span_of(name));
	if (entry == NULL) {
		entry = new_entry(name);
		insert(table, entry);
	}
	take_file(store, table, entry, new, fault, &scratch);
	entry->stamp = hash_of(&stamp);
	entry->is_seen = true;
	arena_done(&scratch);
}

/* --- a whole directory ------------------------------------------------------------------------------------------------ */

static bool is_unchanged(const struct dir_entry *entry, const struct stat *info)
{
	struct dir_stamp now = dir_stamp_of(info);
	return entry->fault == NULL && entry->stamp == hash_of(&now);
}

static void close_dir(struct dir_store *store, struct dir_table *table)
{
	if (table->watch_id >= 0)
		inotify_rm_watch(store->inotify_fd, table->watch_id);
	if (table->dir_fd >= 0)
		close(table->dir_fd);
	table->watch_id = -1;
	table->dir_fd = -1;
}

/* The watch comes first, so that nothing falls between it and the scan. */
static bool open_dir(struct dir_store *store, struct dir_table *table)
{
	enum { MASK = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR };
	char path[64];
	if (table->dir_fd >= 0)
		return true;
	table->dir_fd = openat(store->root_fd, table->type->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (table->dir_fd < 0)
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", table->dir_fd);
	if (store->inotify_fd >= 0)
		table->watch_id = inotify_add_watch(store->inotify_fd, path, MASK);
	return true;
}

static void forget_unseen(struct dir_store *store, struct dir_table *table)
{
	for (size_t i = table->count; i > 0; i--)
		if (!table->slots[i - 1].entry->is_seen)
			forget(store, table, span_of(table->slots[i - 1].entry->name));
}

static DIR *list_dir(struct dir_store *store, struct dir_table *table)
{
	errno = 0;
	int fd = open_dir(store, table) ? openat(table->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

static void see_file(struct dir_store *store, struct dir_table *table, const char *name)
{
	struct stat info;
	struct dir_entry *entry = find_name(table, span_of(name));
	if (entry != NULL && fstatat(table->dir_fd, name, &info, 0) == 0 && is_unchanged(entry, &info))
		entry->is_seen = true;
	else
		reload(store, table, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that tens of thousands go into the slots one behind the other. Returns why they are not all, or 0. */
static int read_names(DIR *dir, struct arena *arena, const char ***out, size_t *out_count)
{
	size_t cap = 0;
	for (;;) {
		errno = 0;
		const struct dirent *item = readdir(dir);
		if (item == NULL)
			break;
		if (dir_name_is_resource(item->d_name))
			ARENA_PUSH(arena, *out, *out_count, cap) = arena_string(arena, span_of(item->d_name));
	}
	int error = errno;
	if (*out_count > 1)
		qsort(*out, *out_count, sizeof **out, by_name);
	return error;
}

/* A directory that is not there holds nothing; one that cannot be read is an error until it can. */
static void scan(struct dir_store *store, struct dir_table *table)
{
	const char **names = NULL;
	size_t count = 0;
	struct arena arena;
	for (size_t i = 0; i < table->count; i++)
		table->slots[i].entry->is_seen = false;
	DIR *dir = list_dir(store, table);
	table->scan_errno = dir == NULL && errno != ENOENT ? errno : 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (dir != NULL) {
		table->scan_errno = read_names(dir, &arena, &names, &count);
		closedir(dir);
	}
	for (size_t i = 0; i < count; i++)
		see_file(store, table, names[i]);
	arena_done(&arena);
	table->needs_scan = table->scan_errno != 0;
	if (table->scan_errno == 0)
		forget_unseen(store, table);
}

/* --- staying up to date ----------------------------------------------------------------------------------------------- */

static void take_event(struct dir_store *store, const struct inotify_event *event)
{
	for (size_t i = 0; i < store->table_count; i++) {
		struct dir_table *table = &store->tables[i];
		if ((event->mask & IN_Q_OVERFLOW) != 0) {
			table->needs_scan = true;
		} else if (table->watch_id != event->wd) {
			continue;
		} else if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
			close_dir(store, table);
			table->needs_scan = true;
		} else if (event->len > 0 && dir_name_is_resource(event->name)) {
			reload(store, table, event->name);
		}
	}
}

static void drain(struct dir_store *store)
{
	_Alignas(struct inotify_event) char buffer[16384];
	for (;;) {
		ssize_t got = read(store->inotify_fd, buffer, sizeof buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
			take_event(store, event);
			at += (ssize_t)(sizeof *event + event->len);
		}
	}
}

void dir_refresh(struct dir_store *store, struct dir_table *table)
{
	if (store->inotify_fd >= 0)
		drain(store);
	if (table->needs_scan || table->dir_fd < 0 || table->watch_id < 0)
		scan(store, table);
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static bool check_directory(const struct dir_store *store, const struct dir_table *table, struct fail *fail)
{
	return table->scan_errno == 0 || fail_errno(fail, table->scan_errno, "cannot read the directory %s/%s", store->path,
						    table->type->name);
}

static bool broken_file(const struct dir_table *table, const struct dir_entry *entry, struct fail *fail)
{
	fail_set(fail, FAIL_IO, "%s: repair the file, or remove it to give the resource up; until then there is no telling "
		 "what %s there are", entry->fault, table->type->name);
	if (table->fault_count > 1)
		fail_wrap(fail, "%zu files are broken; the first", table->fault_count);
	return false;
}

bool dir_check_faults(const struct dir_store *store, const struct dir_table *table, struct fail *fail)
{
	if (!check_directory(store, table, fail))
		return false;
	for (size_t i = 0; table->fault_count > 0 && i < table->count; i++)
		if (table->slots[i].entry->fault != NULL)
			return broken_file(table, table->slots[i].entry, fail);
	return true;
}

bool dir_need(const struct dir_store *store, const struct dir_table *table, struct span id, struct dir_entry **out,
	      struct fail *fail)
{
	struct dir_entry *entry = dir_find(table, id);
	if (!check_directory(store, table, fail))
		return false;
	if (entry == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "%s(%.*s) does not exist in %s", table->type->name, SPAN_ARG(id),
				store->path);
	if (entry->fault != NULL)
		return broken_file(table, entry, fail);
	*out = entry;
	return true;
}

void dir_table_done(struct dir_table *table)
{
	if (table->dir_fd >= 0)
		close(table->dir_fd);
	for (size_t i = 0; i < table->count; i++)
		free_entry(table->slots[i].entry);
	dir_log_forget(table, table->log_end);
	free(table->slots);
	free(table->log);
	arena_done(&table->text_arena);
}
