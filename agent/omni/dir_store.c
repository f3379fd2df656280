/* The eight operations on files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/random.h>

#include "agent/omni/dir_int.h"
#include "agent/omni/snapshot.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/timestamp.h"

static struct dir_store *of(struct omni_store *base)
{
	return (struct dir_store *)base;
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

/* What was torn down by somebody who was then killed, or by hand, goes when it is seen. */
static void settle_leftovers(struct dir_store *store, struct dir_table *table)
{
	pthread_mutex_lock(&store->lock);
	dir_refresh(store, table);
	bool wanted = store->needs_settling;
	pthread_mutex_unlock(&store->lock);
	if (!wanted || !dir_try_begin(store))
		return;
	dir_settle(store, NULL); /* tried again at the next call */
	dir_end(store);
}

static int by_id(const void *a, const void *b)
{
	return span_cmp((*(struct resource *const *)a)->id, (*(struct resource *const *)b)->id);
}

/* 0: the query does not say; otherwise only slots with this hash can match. */
static uint64_t wanted_cluster(const struct omni_query *query)
{
	for (size_t i = 0; query != NULL && i < query->count; i++) {
		const struct omni_term *term = &query->terms[i];
		if (term->op == OMNI_TERM_EQUAL && !term->invert && term->value_count == 1 &&
		    span_is(term->key, OMNI_LABEL_CLUSTER))
			return dir_hash(term->values[0]);
	}
	return 0;
}

static void select_resources(const struct dir_table *table, const struct omni_query *query, struct arena *arena,
			     struct resource_list *out)
{
	uint64_t cluster = wanted_cluster(query);
	for (size_t i = 0; i < table->count; i++) {
		const struct dir_slot *slot = &table->slots[i];
		if (cluster != 0 && slot->cluster != cluster)
			continue;
		if (slot->entry->kept == NULL)
			continue;
		struct resource *resource = dir_open(table, slot->entry->kept, arena);
		if (query == NULL || omni_query_match(query, &resource->labels))
			resource_push(arena, out, resource);
	}
	if (out->count > 1)
		qsort(out->items, out->count, sizeof *out->items, by_id);
}

static bool list(struct omni_store *base, struct arena *arena, const struct omni_type *type,
		 const struct omni_query *query, int64_t deadline_ms, struct resource_list *out, struct fail *fail)
{
	struct dir_store *store = of(base);
	struct dir_table *table = dir_table_of(store, type);
	struct resource_list found = {0};
	(void)deadline_ms;
	base->read_calls++;
	settle_leftovers(store, table);
	pthread_mutex_lock(&store->lock);
	dir_refresh(store, table);
	bool ok = dir_check_faults(store, table, fail);
	if (ok)
		select_resources(table, query, arena, &found);
	pthread_mutex_unlock(&store->lock);
	if (ok)
		*out = found;
	return ok;
}

static bool get(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
		int64_t deadline_ms, struct resource **out, struct fail *fail)
{
	struct dir_store *store = of(base);
	struct dir_table *table = dir_table_of(store, type);
	struct dir_entry *entry;
	(void)deadline_ms;
	base->read_calls++;
	settle_leftovers(store, table);
	pthread_mutex_lock(&store->lock);
	dir_refresh(store, table);
	bool ok = dir_need(store, table, id, &entry, fail);
	if (ok)
		*out = dir_open(table, entry->kept, arena);
	pthread_mutex_unlock(&store->lock);
	return ok;
}

/* --- writing --------------------------------------------------------------------------------------------------------- */

static struct span now(struct arena *arena)
{
	char text[TIMESTAMP_SIZE];
	timestamp_format(clock_wall_ms(), TIMESTAMP_SECONDS, text);
	return arena_copy(arena, span_of(text));
}

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* What callers leave to the store: sorted finalizers without repetitions, the namespace, a spec in the one form. */
static bool normalise(struct arena *arena, const struct resource *from, struct resource **out, struct fail *fail)
{
	struct resource *resource = resource_copy(arena, from);
	struct diag_list diags;
	size_t kept = 0;
	diag_list_init(&diags, arena);
	struct diag_at at = {&diags, {0}, {0}};
	if (resource->finalizer_count > 1)
		qsort(resource->finalizers, resource->finalizer_count, sizeof *resource->finalizers, by_bytes);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		if (kept == 0 || !span_eq(resource->finalizers[kept - 1], resource->finalizers[i]))
			resource->finalizers[kept++] = resource->finalizers[i];
	resource->finalizer_count = kept;
	resource->ns = span_of(resource->type->ns);
	resource->type_name = span_of(resource->type->name);
	if (resource->spec.kind == NODE_ABSENT)
		resource->spec = node_map(arena, 0);
	resource->spec = resource_read_spec(arena, resource->type, &resource->spec, &at, NULL);
	if (resource->spec.kind == NODE_ABSENT)
		return fail_set(fail, FAIL_INVALID, "%s(%.*s): %.*s: %.*s", resource->type->name, SPAN_ARG(from->id),
				SPAN_ARG(diags.items[0].path), SPAN_ARG(diags.items[0].message));
	*out = resource;
	return true;
}

/* Gives back what is stored now, or the resource as it was written when it has gone on already. */
static bool finish(struct dir_store *store, struct dir_table *table, struct arena *arena, struct resource *written,
		   struct resource **out_new, struct fail *fail)
{
	struct dir_entry *entry;
	if (!dir_put(store, table, written, fail))
		return false;
	entry = dir_find(table, written->id);
	if (out_new != NULL)
		*out_new = entry == NULL || entry->kept == NULL ? resource_copy(arena, written) : dir_open(table, entry->kept, arena);
	if (store->needs_settling)
		dir_settle(store, NULL); /* the write itself is done; the rest is tried again at the next call */
	return true;
}

static bool create_in(struct dir_store *store, struct arena *arena, const struct resource *wanted,
		      struct resource **out_new, struct fail *fail)
{
	struct dir_table *table = dir_table_of(store, wanted->type);
	struct resource *new;
	dir_refresh(store, table);
	if (!normalise(arena, wanted, &new, fail) || !dir_validate(store, DIR_CREATE, NULL, new, fail))
		return false;
	struct dir_entry *entry = dir_find(table, new->id);
	if (entry != NULL)
		return dir_need(store, table, new->id, &entry, fail) &&
		       fail_set(fail, FAIL_EXISTS, "%s(%.*s) exists already", new->type->name, SPAN_ARG(new->id));
	if (table->scan_errno != 0)
		return dir_check_faults(store, table, fail);
	new->version = 1;
	new->created = now(arena);
	new->updated = new->created;
	return finish(store, table, arena, new, out_new, fail);
}

static bool create(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct dir_store *store = of(base);
	base->write_calls++;
	if (!dir_begin(store, deadline_ms, fail))
		return false;
	bool ok = create_in(store, arena, resource, out_new, fail);
	dir_end(store);
	return ok;
}

static bool check_owner(const struct resource *held, struct span owner, struct fail *fail)
{
	return span_eq(held->owner, owner) || fail_set(fail, FAIL_DENIED, "%s(%.*s) belongs to \"%.*s\"", held->type->name,
						       SPAN_ARG(held->id), SPAN_ARG(held->owner));
}

static bool check_update(const struct resource *held, const struct resource *new, struct fail *fail)
{
	if (held->version != new->version)
		return fail_set(fail, FAIL_CONFLICT,
				"%s(%.*s) was changed by somebody else: version %llu was expected, it has %llu", held->type->name,
				SPAN_ARG(held->id), (unsigned long long)new->version, (unsigned long long)held->version);
	if (!check_owner(held, new->owner, fail))
		return false;
	if (held->phase == RESOURCE_TEARING_DOWN && new->phase == RESOURCE_RUNNING)
		return fail_set(fail, FAIL_PRECONDITION, "%s(%.*s) is being torn down", held->type->name, SPAN_ARG(held->id));
	return true;
}

/* A copy of what is stored: the table may move its own at any refresh. */
static bool take(struct dir_store *store, struct dir_table *table, struct arena *arena, struct span id,
		 struct resource **out, struct fail *fail)
{
	struct dir_entry *entry;
	dir_refresh(store, table);
	if (!dir_need(store, table, id, &entry, fail))
		return false;
	*out = dir_open(table, entry->kept, arena);
	return true;
}

static bool update_in(struct dir_store *store, struct arena *arena, const struct resource *wanted,
		      struct resource **out_new, struct fail *fail)
{
	struct dir_table *table = dir_table_of(store, wanted->type);
	struct resource *held, *new;
	if (!normalise(arena, wanted, &new, fail) || !take(store, table, arena, new->id, &held, fail) ||
	    !check_update(held, new, fail))
		return false;
	bool is_teardown = held->phase == RESOURCE_RUNNING && new->phase == RESOURCE_TEARING_DOWN;
	if ((held->phase == RESOURCE_RUNNING && !dir_validate(store, DIR_UPDATE, held, new, fail)) ||
	    (is_teardown && !dir_validate(store, DIR_TEARDOWN, held, NULL, fail)))
		return false;
	new->version = held->version + 1;
	new->created = held->created;
	new->updated = now(arena);
	return finish(store, table, arena, new, out_new, fail);
}

static bool update(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct dir_store *store = of(base);
	base->write_calls++;
	if (!dir_begin(store, deadline_ms, fail))
		return false;
	bool ok = update_in(store, arena, resource, out_new, fail);
	dir_end(store);
	return ok;
}

static bool teardown_in(struct dir_store *store, struct arena *arena, const struct omni_type *type, struct span id,
			bool *out_ready, struct fail *fail)
{
	struct dir_table *table = dir_table_of(store, type);
	struct resource *held;
	if (!take(store, table, arena, id, &held, fail) || !check_owner(held, (struct span){0}, fail))
		return false;
	if (held->phase == RESOURCE_RUNNING) {
		if (!dir_validate(store, DIR_TEARDOWN, held, NULL, fail))
			return false;
		held->phase = RESOURCE_TEARING_DOWN;
		held->version++;
		held->updated = now(arena);
		if (!finish(store, table, arena, held, NULL, fail))
			return false;
	}
	*out_ready = dir_find(table, id) == NULL || !dir_is_held(store, held);
	return true;
}

static bool teardown(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		     bool *out_ready, struct fail *fail)
{
	struct dir_store *store = of(base);
	struct arena arena;
	base->write_calls++;
	if (!dir_begin(store, deadline_ms, fail))
		return false;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = teardown_in(store, &arena, type, id, out_ready, fail);
	arena_done(&arena);
	dir_end(store);
	return ok;
}

static bool destroy_in(struct dir_store *store, struct arena *arena, const struct omni_type *type, struct span id,
		       struct fail *fail)
{
	struct dir_table *table = dir_table_of(store, type);
	struct resource *held;
	if (!take(store, table, arena, id, &held, fail) || !check_owner(held, (struct span){0}, fail))
		return false;
	if (held->finalizer_count > 0)
		return fail_set(fail, FAIL_PRECONDITION, "%s(%.*s) has finalizers: %.*s%s", type->name, SPAN_ARG(id),
				SPAN_ARG(held->finalizers[0]), held->finalizer_count > 1 ? ", …" : "");
	if (dir_is_held(store, held))
		return fail_set(fail, FAIL_PRECONDITION, "%s(%.*s) still has children: tear it down first", type->name,
				SPAN_ARG(id));
	if (held->phase == RESOURCE_RUNNING && !dir_validate(store, DIR_DESTROY, held, NULL, fail))
		return false;
	return dir_remove(store, table, held->id, fail);
}

static bool destroy(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		    struct fail *fail)
{
	struct dir_store *store = of(base);
	struct arena arena;
	base->write_calls++;
	if (!dir_begin(store, deadline_ms, fail))
		return false;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = destroy_in(store, &arena, type, id, fail);
	if (ok && store->needs_settling)
		dir_settle(store, NULL);
	arena_done(&arena);
	dir_end(store);
	return ok;
}

/* --- opening and closing --------------------------------------------------------------------------------------------- */

static void close_store(struct omni_store *base)
{
	struct dir_store *store = of(base);
	const int fds[] = {store->root_fd, store->lock_fd, store->inotify_fd};
	for (size_t i = 0; i < store->table_count; i++)
		dir_table_done(&store->tables[i]);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->write_lock);
	arena_done(&store->arena);
	free(store->path);
	free(store->url);
	free(store);
}

static void init_tables(struct dir_store *store)
{
	for (const struct omni_type *type; (type = omni_type_at(store->table_count)) != NULL;) {
		struct dir_table *table = &store->tables[store->table_count++];
		*table = (struct dir_table){.type = type, .dir_fd = -1, .watch_id = -1, .needs_scan = true};
		arena_init(&table->text_arena, ARENA_NO_LIMIT);
		map_init(&table->texts, &table->text_arena);
	}
}

static bool look_for_snapshot(struct dir_store *store, struct fail *fail)
{
	struct snapshot_info info;
	if (!snapshot_look(&store->arena, store->root_fd, store->path, &info, fail))
		return false;
	store->is_snapshot = info.is_snapshot;
	store->base.hidden_key = info.key;
	return true;
}

/* A place that can only be read serves plans: writes say why not. */
static bool open_root(struct dir_store *store, struct fail *fail)
{
	enum { MODE = 0777, LOCK_MODE = 0666, DICTIONARY_MAX = 1 << 20 };
	if (!files_make_dirs(store->path, MODE, fail) || !files_open_dir(AT_FDCWD, store->path, &store->root_fd, fail))
		return fail_wrap(fail, "the store %s", store->url);
	if (!look_for_snapshot(store, fail))
		return false;
	store->lock_fd = openat(store->root_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	store->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (!files_read_at(&store->arena, store->root_fd, "zstd.dict", DICTIONARY_MAX, &store->dictionary, NULL))
		store->dictionary = (struct span){0};
	return getrandom(&store->nonce, sizeof store->nonce, 0) == (ssize_t)sizeof store->nonce ||
	       fail_errno(fail, errno, "no random numbers");
}

static char *join(const char *a, const char *b)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, a);
	text_adds(&text, b);
	return text_take(&text);
}

bool dir_store_open(const char *path, struct omni_store **out, struct fail *fail)
{
	static const struct omni_store_ops ops = {.list = list,
						  .get = get,
						  .create = create,
						  .update = update,
						  .teardown = teardown,
						  .destroy = destroy,
						  .watch = dir_watch_open,
						  .close = close_store};
	struct dir_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		abort();
	store->base.ops = &ops;
	store->path = join(path, "");
	store->url = join("dir:", path);
	store->base.name = store->url;
	store->root_fd = store->lock_fd = store->inotify_fd = -1;
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->write_lock, NULL);
	arena_init(&store->arena, ARENA_NO_LIMIT);
	init_tables(store);
	if (!open_root(store, fail)) {
		close_store(&store->base);
		return false;
	}
	dir_sweep(store);
	*out = &store->base;
	return true;
}
