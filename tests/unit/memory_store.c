#include "tests/unit/memory_store.h"

#include <stdlib.h>

#define SERVER_FINALIZER "server"
#define SLOW_PREFIX "leaving-"

static struct memory_store *of(struct omni_store *store)
{
	return (struct memory_store *)store;
}

static size_t find_index(struct memory_store *store, const struct omni_type *type, struct span id)
{
	size_t i = 0;
	while (i < store->resources.count &&
	       (store->resources.items[i]->type != type || !span_eq(store->resources.items[i]->id, id)))
		i++;
	return i;
}

struct resource *memory_store_find(struct memory_store *store, const struct omni_type *type, struct span id)
{
	size_t i = find_index(store, type, id);
	return i < store->resources.count ? store->resources.items[i] : NULL;
}

static void drop_at(struct memory_store *store, size_t i)
{
	struct resource_list *list = &store->resources;
	memmove(list->items + i, list->items + i + 1, (list->count - i - 1) * sizeof *list->items);
	list->count--;
}

void memory_store_drop(struct memory_store *store, const struct omni_type *type, struct span id)
{
	size_t i = find_index(store, type, id);
	if (i < store->resources.count)
		drop_at(store, i);
}

static void set_finalizer(struct memory_store *store, struct resource *resource, struct span name)
{
	resource->finalizers = ARENA_ARRAY(&store->arena, struct span, 1);
	resource->finalizers[0] = name;
	resource->finalizer_count = name.len > 0;
}

struct resource *memory_store_put(struct memory_store *store, const struct resource *resource)
{
	struct resource *copy = resource_copy(&store->arena, resource);
	size_t i = find_index(store, resource->type, resource->id);
	if (i < store->resources.count) {
		copy->version = store->resources.items[i]->version + 1;
		store->resources.items[i] = copy;
		return copy;
	}
	copy->version = 1;
	resource_push(&store->arena, &store->resources, copy);
	return copy;
}

void memory_store_fail(struct memory_store *store, struct memory_faults faults)
{
	store->faults = faults;
	store->calls = 0;
}

static void note(struct memory_store *store, const char *call, const struct omni_type *type, struct span id,
		 enum fail_code code)
{
	ARENA_PUSH(&store->arena, store->log, store->log_count, store->log_cap) =
		(struct memory_log){call, type, arena_copy(&store->arena, id), code};
}

size_t memory_store_count(const struct memory_store *store, const char *call)
{
	size_t count = 0;
	for (size_t i = 0; i < store->log_count; i++)
		count += strcmp(store->log[i].call, call) == 0 && store->log[i].code == FAIL_NONE;
	return count;
}

void memory_store_clear_log(struct memory_store *store)
{
	store->log_count = 0;
}

enum fate { FATE_GOOD, FATE_FAILS, FATE_LATE };

static enum fate fate_of(struct memory_store *store, const char *call)
{
	const struct memory_faults *faults = &store->faults;
	if (faults->at == 0 || (faults->call != NULL && strcmp(faults->call, call) != 0))
		return FATE_GOOD;
	store->calls++;
	if (store->calls < faults->at || (store->calls > faults->at && !faults->is_dead))
		return FATE_GOOD;
	return faults->is_late && store->calls == faults->at ? FATE_LATE : FATE_FAILS;
}

static bool refuse(struct memory_store *store, struct fail *fail)
{
	enum fail_code code = store->faults.code == FAIL_NONE ? FAIL_UNAVAILABLE : store->faults.code;
	return fail_set(fail, code, "injected fault");
}

/* --- the calls ---------------------------------------------------------------------------------------------------- */

static bool matches(const struct omni_query *query, const struct labels *labels)
{
	for (size_t i = 0; query != NULL && i < query->count; i++) {
		const struct omni_term *term = &query->terms[i];
		const struct label *found = NULL;
		bool is_in = false;
		for (size_t j = 0; j < labels->count; j++)
			if (span_eq(labels->items[j].key, term->key))
				found = &labels->items[j];
		for (size_t j = 0; found != NULL && j < term->value_count; j++)
			is_in |= span_eq(found->value, term->values[j]);
		if (found == NULL || (term->op != OMNI_TERM_EXISTS && !is_in))
			return false;
	}
	return true;
}

static int by_id(const void *left, const void *right)
{
	return span_cmp((*(struct resource *const *)left)->id, (*(struct resource *const *)right)->id);
}

static bool list(struct omni_store *base, struct arena *arena, const struct omni_type *type,
		 const struct omni_query *query, int64_t deadline_ms, struct resource_list *out, struct fail *fail)
{
	struct memory_store *store = of(base);
	struct resource_list found = {0};
	(void)deadline_ms;
	base->read_calls++;
	if (fate_of(store, "list") != FATE_GOOD)
		return refuse(store, fail);
	if (type == store->hidden)
		return fail_set(fail, FAIL_DENIED, "no access is permitted");
	for (size_t i = 0; i < store->resources.count; i++) {
		struct resource *held = store->resources.items[i];
		if (held->type == type && matches(query, &held->labels))
			resource_push(arena, &found, resource_copy(arena, held));
	}
	if (found.count > 1)
		qsort(found.items, found.count, sizeof *found.items, by_id);
	*out = found;
	return true;
}

static bool get(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
		int64_t deadline_ms, struct resource **out, struct fail *fail)
{
	struct memory_store *store = of(base);
	(void)deadline_ms;
	base->read_calls++;
	if (fate_of(store, "get") != FATE_GOOD)
		return refuse(store, fail);
	if (type == store->hidden)
		return fail_set(fail, FAIL_DENIED, "no access is permitted");
	struct resource *held = memory_store_find(store, type, id);
	if (held == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "%s(%.*s) doesn't exist", type->name, SPAN_ARG(id));
	*out = resource_copy(arena, held);
	return true;
}

static bool finish_call(struct memory_store *store, const char *call, const struct omni_type *type, struct span id,
		struct fail *fail, enum fail_code code, const char *text)
{
	note(store, call, type, id, code);
	return code == FAIL_NONE || fail_set(fail, code, "%s", text);
}

/* The server takes nothing for a cluster or a machine set that is not there or on its way out. */
static bool has_parent(struct memory_store *store, const struct resource *child)
{
	const struct label *label = labels_get(&child->labels, OMNI_LABEL_CLUSTER);
	if (child->type == OMNI_MACHINE_SET_NODE)
		label = labels_get(&child->labels, OMNI_LABEL_MACHINE_SET);
	else if (child->type != OMNI_MACHINE_SET && child->type != OMNI_CONFIG_PATCH)
		return true;
	const struct omni_type *type = child->type == OMNI_MACHINE_SET_NODE ? OMNI_MACHINE_SET : OMNI_CLUSTER;
	const struct resource *parent = label == NULL ? NULL : memory_store_find(store, type, label->value);
	if (child->type == OMNI_CONFIG_PATCH)
		return parent == NULL || parent->phase == RESOURCE_RUNNING;
	return parent != NULL && parent->phase == RESOURCE_RUNNING;
}

static bool create(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct memory_store *store = of(base);
	enum fate fate = fate_of(store, "create");
	(void)deadline_ms;
	base->write_calls++;
	if (fate == FATE_FAILS)
		return refuse(store, fail);
	if (resource->type == store->denied)
		return finish_call(store, "create", resource->type, resource->id, fail, FAIL_DENIED, "insufficient role");
	if (memory_store_find(store, resource->type, resource->id) != NULL)
		return finish_call(store, "create", resource->type, resource->id, fail, FAIL_EXISTS, "already exists");
	if (!has_parent(store, resource))
		return finish_call(store, "create", resource->type, resource->id, fail, FAIL_INVALID, "failed to validate: no parent");
	struct resource *made = memory_store_put(store, resource);
	if (made->type == OMNI_CLUSTER || made->type == OMNI_MACHINE_SET)
		set_finalizer(store, made, SPAN(SERVER_FINALIZER));
	finish_call(store, "create", resource->type, resource->id, fail, FAIL_NONE, "");
	if (fate == FATE_LATE)
		return refuse(store, fail);
	if (out_new != NULL)
		*out_new = resource_copy(arena, made);
	return true;
}

static bool update(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct memory_store *store = of(base);
	enum fate fate = fate_of(store, "update");
	(void)deadline_ms;
	base->write_calls++;
	if (fate == FATE_FAILS)
		return refuse(store, fail);
	struct resource *held = memory_store_find(store, resource->type, resource->id);
	if (resource->type == store->denied)
		return finish_call(store, "update", resource->type, resource->id, fail, FAIL_DENIED, "insufficient role");
	if (held == NULL)
		return finish_call(store, "update", resource->type, resource->id, fail, FAIL_NOT_FOUND, "doesn't exist");
	if (held->version != resource->version)
		return finish_call(store, "update", resource->type, resource->id, fail, FAIL_CONFLICT, "update conflict");
	if (held->owner.len > 0)
		return finish_call(store, "update", resource->type, resource->id, fail, FAIL_DENIED, "is owned by a controller");
	if (held->phase != RESOURCE_RUNNING)
		return finish_call(store, "update", resource->type, resource->id, fail, FAIL_PRECONDITION, "is not running");
	struct resource *made = memory_store_put(store, resource);
	finish_call(store, "update", resource->type, resource->id, fail, FAIL_NONE, "");
	if (fate == FATE_LATE)
		return refuse(store, fail);
	if (out_new != NULL)
		*out_new = resource_copy(arena, made);
	return true;
}

static void tear(struct memory_store *store, struct resource *held)
{
	if (held->phase == RESOURCE_TEARING_DOWN)
		return;
	held->phase = RESOURCE_TEARING_DOWN;
	held->version++;
	if (held->type == OMNI_MACHINE_SET_NODE && store->slow_ticks > 0)
		set_finalizer(store, held, arena_spanf(&store->arena, SLOW_PREFIX "%u", store->slow_ticks));
}

static bool teardown(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		     bool *out_ready, struct fail *fail)
{
	struct memory_store *store = of(base);
	enum fate fate = fate_of(store, "teardown");
	(void)deadline_ms;
	base->write_calls++;
	if (fate == FATE_FAILS)
		return refuse(store, fail);
	struct resource *held = memory_store_find(store, type, id);
	if (type == store->denied)
		return finish_call(store, "teardown", type, id, fail, FAIL_DENIED, "insufficient role");
	if (held == NULL)
		return finish_call(store, "teardown", type, id, fail, FAIL_NOT_FOUND, "doesn't exist");
	tear(store, held);
	finish_call(store, "teardown", type, id, fail, FAIL_NONE, "");
	if (fate == FATE_LATE)
		return refuse(store, fail);
	*out_ready = held->finalizer_count == 0;
	return true;
}

static bool destroy(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		    struct fail *fail)
{
	struct memory_store *store = of(base);
	enum fate fate = fate_of(store, "destroy");
	(void)deadline_ms;
	base->write_calls++;
	if (fate == FATE_FAILS)
		return refuse(store, fail);
	struct resource *held = memory_store_find(store, type, id);
	if (held == NULL)
		return finish_call(store, "destroy", type, id, fail, FAIL_NOT_FOUND, "doesn't exist");
	if (held->finalizer_count > 0)
		return finish_call(store, "destroy", type, id, fail, FAIL_PRECONDITION, "has pending finalizers");
	memory_store_drop(store, type, id);
	finish_call(store, "destroy", type, id, fail, FAIL_NONE, "");
	return fate != FATE_LATE || refuse(store, fail);
}

/* Any order, as it may be on a network. */
static void batch(struct omni_store *base, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	struct memory_store *store = of(base);
	size_t *order = ARENA_ARRAY(arena, size_t, count);
	store->batches++;
	for (size_t i = 0; i < count; i++) {
		store->random = store->random * 6364136223846793005u + 1442695040888963407u;
		size_t j = (size_t)(store->random >> 33) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < count; i++)
		omni_op_run(base, arena, &ops[order[i]], deadline_ms);
}

static bool watch(struct omni_store *base, const struct omni_type *type, struct span bookmark, struct omni_watch **out,
		  struct fail *fail)
{
	(void)base, (void)type, (void)bookmark, (void)out;
	return fail_set(fail, FAIL_UNSUPPORTED, "the store in memory has no watches");
}

static void close_store(struct omni_store *base)
{
	struct memory_store *store = of(base);
	arena_done(&store->arena);
	free(store);
}

/* --- the server's controllers ------------------------------------------------------------------------------------- */

static bool is_child(const struct resource *parent, const struct resource *child)
{
	const struct label *cluster = labels_get(&child->labels, OMNI_LABEL_CLUSTER);
	const struct label *set = labels_get(&child->labels, OMNI_LABEL_MACHINE_SET);
	if (parent->type == OMNI_CLUSTER)
		return child->type != OMNI_MACHINE_SET_NODE && child->type != OMNI_LINK &&
		       child->type != OMNI_MACHINE_STATUS && cluster != NULL && span_eq(cluster->value, parent->id);
	return parent->type == OMNI_MACHINE_SET && set != NULL && span_eq(set->value, parent->id) &&
	       child->type != OMNI_MACHINE_SET;
}

/* Children are torn down; true when none is left. */
static bool clear_children(struct memory_store *store, const struct resource *parent)
{
	bool is_clear = true;
	for (size_t i = 0; i < store->resources.count; i++) {
		struct resource *child = store->resources.items[i];
		if (!is_child(parent, child))
			continue;
		if (child->phase == RESOURCE_TEARING_DOWN && child->finalizer_count == 0) {
			drop_at(store, i--);
			continue;
		}
		tear(store, child);
		is_clear = false;
	}
	return is_clear;
}

static void hurry(struct memory_store *store, struct resource *node)
{
	int64_t left = 0;
	struct span name = node->finalizers[0];
	size_t skip = sizeof SLOW_PREFIX - 1;
	span_int((struct span){name.ptr + skip, name.len - skip}, 0, 1000, &left);
	set_finalizer(store, node,
		      left > 1 ? arena_spanf(&store->arena, SLOW_PREFIX "%lld", (long long)(left - 1)) : (struct span){"", 0});
	node->version++;
}

void memory_store_tick(struct memory_store *store)
{
	for (size_t i = 0; i < store->resources.count; i++) {
		struct resource *held = store->resources.items[i];
		if (held->phase != RESOURCE_TEARING_DOWN)
			continue;
		if (held->finalizer_count > 0 && span_starts(held->finalizers[0], SLOW_PREFIX)) {
			hurry(store, held);
			continue;
		}
		if (held->finalizer_count > 0 && span_is(held->finalizers[0], SERVER_FINALIZER) &&
		    clear_children(store, held)) {
			set_finalizer(store, held, (struct span){"", 0});
			held->version++;
		}
		i = find_index(store, held->type, held->id);
		if (held->finalizer_count == 0 && !store->keeps_torn)
			drop_at(store, i--);
	}
}

/* --- life --------------------------------------------------------------------------------------------------------- */

uint64_t memory_store_shuffle;

int memory_store_begin_shuffle(void **state)
{
	(void)state;
	memory_store_shuffle = 1;
	return 0;
}

int memory_store_end_shuffle(void **state)
{
	(void)state;
	memory_store_shuffle = 0;
	return 0;
}

#define SINGLE_CALLS                                                                                                   \
	.list = list, .get = get, .create = create, .update = update, .teardown = teardown, .destroy = destroy, .watch = watch, \
	.close = close_store

struct memory_store *memory_store_new(void)
{
	static const struct omni_store_ops single = {SINGLE_CALLS}, shuffled = {SINGLE_CALLS, .batch = batch};
	struct memory_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		abort();
	store->base.ops = memory_store_shuffle == 0 ? &single : &shuffled;
	store->random = memory_store_shuffle;
	store->base.name = "memory";
	arena_init(&store->arena, ARENA_NO_LIMIT);
	return store;
}

void memory_store_free(struct memory_store *store)
{
	if (store != NULL)
		close_store(&store->base);
}

static int by_type_and_id(const void *left, const void *right)
{
	const struct resource *a = *(struct resource *const *)left, *b = *(struct resource *const *)right;
	int order = span_cmp(a->type_name, b->type_name);
	return order != 0 ? order : span_cmp(a->id, b->id);
}

void memory_store_print(const struct memory_store *store, struct text *out)
{
	struct arena arena;
	struct resource_list all = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < store->resources.count; i++)
		resource_push(&arena, &all, store->resources.items[i]);
	if (all.count > 1)
		qsort(all.items, all.count, sizeof *all.items, by_type_and_id);
	for (size_t i = 0; i < all.count; i++) {
		text_adds(out, "---\n");
		resource_print(out, all.items[i], false);
	}
	arena_done(&arena);
}
