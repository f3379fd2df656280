#include "agent/omni/swap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct inside {
	struct omni_store *store;
	unsigned users;	 /* under the lock; one of them is the outside, until it has another */
};

struct swap_store {
	struct omni_store store; /* first */
	pthread_mutex_t lock;
	struct inside *inside;
	uint64_t old_reads, old_writes; /* of those that were replaced */
};

struct swap_watch {
	struct omni_watch watch; /* first */
	struct swap_store *self;
	struct inside *inside;
	struct omni_watch *inner;
};

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static struct inside *hold(struct omni_store *store)
{
	struct swap_store *self = (struct swap_store *)store;
	pthread_mutex_lock(&self->lock);
	struct inside *inside = self->inside;
	inside->users++;
	pthread_mutex_unlock(&self->lock);
	return inside;
}

static void let_go(struct swap_store *self, struct inside *inside)
{
	pthread_mutex_lock(&self->lock);
	if (inside == self->inside) {
		self->store.read_calls = self->old_reads + (uint64_t)inside->store->read_calls;
		self->store.write_calls = self->old_writes + (uint64_t)inside->store->write_calls;
	}
	bool is_last = --inside->users == 0;
	pthread_mutex_unlock(&self->lock);
	if (!is_last)
		return;
	omni_store_close(inside->store);
	free(inside);
}

static bool leave(struct omni_store *store, struct inside *inside, bool result)
{
	let_go((struct swap_store *)store, inside);
	return result;
}

static bool list(struct omni_store *store, struct arena *arena, const struct omni_type *type, const struct omni_query *query,
		 int64_t deadline_ms, struct resource_list *out, struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->list(in->store, arena, type, query, deadline_ms, out, fail));
}

static bool get(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms,
		struct resource **out, struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->get(in->store, arena, type, id, deadline_ms, out, fail));
}

static bool create(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->create(in->store, arena, resource, deadline_ms, out_new, fail));
}

static bool update(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->update(in->store, arena, resource, deadline_ms, out_new, fail));
}

static bool teardown(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms, bool *out_ready,
		     struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->teardown(in->store, type, id, deadline_ms, out_ready, fail));
}

static bool destroy(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms, struct fail *fail)
{
	struct inside *in = hold(store);
	return leave(store, in, in->store->ops->destroy(in->store, type, id, deadline_ms, fail));
}

static void batch(struct omni_store *store, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	struct inside *in = hold(store);
	omni_batch(in->store, arena, ops, count, deadline_ms);
	let_go((struct swap_store *)store, in);
}

static bool has_none(const struct omni_store *inner, const char *what, struct fail *fail)
{
	return fail_set(fail, FAIL_UNSUPPORTED, "%s gives no %s", inner->name, what);
}

static bool kubeconfig(struct omni_store *store, struct arena *arena, const struct omni_kubeconfig_request *request,
		       int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct inside *in = hold(store);
	struct omni_store *inner = in->store;
	return leave(store, in, inner->ops->kubeconfig == NULL ? has_none(inner, "kubeconfig", fail)
							       : inner->ops->kubeconfig(inner, arena, request, deadline_ms, out_yaml, fail));
}

static bool talosconfig(struct omni_store *store, struct arena *arena, const struct omni_talosconfig_request *request,
			int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct inside *in = hold(store);
	struct omni_store *inner = in->store;
	return leave(store, in, inner->ops->talosconfig == NULL ? has_none(inner, "talosconfig", fail)
								: inner->ops->talosconfig(inner, arena, request, deadline_ms, out_yaml, fail));
}

static bool about(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct omni_about *out, struct fail *fail)
{
	struct inside *in = hold(store);
	struct omni_store *inner = in->store;
	return leave(store, in, inner->ops->about == NULL ? has_none(inner, "version", fail)
							  : inner->ops->about(inner, arena, deadline_ms, out, fail));
}

static void count(struct omni_store *store, struct omni_counts *out)
{
	struct inside *in = hold(store);
	*out = (struct omni_counts){0};
	if (in->store->ops->count != NULL)
		in->store->ops->count(in->store, out);
	let_go((struct swap_store *)store, in);
}

static void wind_down(struct omni_store *store, int64_t finish_by_ms)
{
	struct inside *in = hold(store);
	if (in->store->ops->wind_down != NULL)
		in->store->ops->wind_down(in->store, finish_by_ms);
	let_go((struct swap_store *)store, in);
}

/* --- watches -------------------------------------------------------------------------------------------------------- */

static int watch_fd(struct omni_watch *watch)
{
	struct omni_watch *inner = ((struct swap_watch *)watch)->inner;
	return inner->ops->fd(inner);
}

static bool watch_next(struct omni_watch *watch, struct arena *arena, struct omni_event *out, bool *out_has, struct fail *fail)
{
	struct omni_watch *inner = ((struct swap_watch *)watch)->inner;
	return inner->ops->next(inner, arena, out, out_has, fail);
}

static void watch_close(struct omni_watch *watch)
{
	struct swap_watch *outer = (struct swap_watch *)watch;
	outer->inner->ops->close(outer->inner);
	let_go(outer->self, outer->inside);
	free(outer);
}

static bool took(struct omni_store *store, struct inside *in, struct omni_watch *inner, struct omni_watch **out)
{
	static const struct omni_watch_ops watch_ops = {watch_fd, watch_next, watch_close};
	struct swap_watch *outer = must(calloc(1, sizeof *outer));
	*outer = (struct swap_watch){{&watch_ops}, (struct swap_store *)store, in, inner};
	*out = &outer->watch;
	return true;
}

static bool watch(struct omni_store *store, const struct omni_type *type, struct span bookmark, struct omni_watch **out,
		  struct fail *fail)
{
	struct inside *in = hold(store);
	struct omni_watch *inner;
	bool ok = in->store->ops->watch(in->store, type, bookmark, &inner, fail);
	return ok ? took(store, in, inner, out) : leave(store, in, false);
}

static bool watch_some(struct omni_store *store, const struct omni_type *type, struct span id, const struct omni_query *query,
		       struct omni_watch **out, struct fail *fail)
{
	struct inside *in = hold(store);
	struct omni_watch *inner;
	bool is_narrow = in->store->ops->watch_some != NULL;
	bool ok = is_narrow ? in->store->ops->watch_some(in->store, type, id, query, &inner, fail)
			    : in->store->ops->watch(in->store, type, SPAN(""), &inner, fail);
	return ok ? took(store, in, inner, out) : leave(store, in, false);
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static struct inside *inside_new(struct omni_store *store)
{
	struct inside *inside = must(calloc(1, sizeof *inside));
	*inside = (struct inside){store, 1};
	return inside;
}

static void close_store(struct omni_store *store)
{
	struct swap_store *self = (struct swap_store *)store;
	let_go(self, self->inside);
	pthread_mutex_destroy(&self->lock);
	free((void *)(uintptr_t)self->store.name);
	free(self);
}

struct omni_store *swap_wrap(struct omni_store *inner)
{
	static const struct omni_store_ops ops = {
		.list = list, .get = get, .create = create, .update = update, .teardown = teardown, .destroy = destroy,
		.batch = batch, .watch = watch, .watch_some = watch_some, .kubeconfig = kubeconfig,
		.talosconfig = talosconfig, .about = about, .count = count, .wind_down = wind_down,
		.close = close_store,
	};
	struct swap_store *self = must(calloc(1, sizeof *self));
	self->store = (struct omni_store){.ops = &ops, .name = must(strdup(inner->name))};
	self->inside = inside_new(inner);
	pthread_mutex_init(&self->lock, NULL);
	return &self->store;
}

void swap_replace(struct omni_store *store, struct omni_store *fresh)
{
	struct swap_store *self = (struct swap_store *)store;
	struct inside *inside = inside_new(fresh);
	pthread_mutex_lock(&self->lock);
	struct inside *old = self->inside;
	self->inside = inside;
	self->old_reads += (uint64_t)old->store->read_calls;
	self->old_writes += (uint64_t)old->store->write_calls;
	pthread_mutex_unlock(&self->lock);
	let_go(self, old);
}
