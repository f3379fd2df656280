#include "agent/omni/records.h"

#include <stdlib.h>
#include <string.h>

#include "agent/omni/records_int.h"
#include "base/map.h"

static struct records_store *self_of(struct omni_store *store)
{
	return (struct records_store *)store;
}

/* The calls are the inner store's. */
static bool counted(struct records_store *self, bool result)
{
	self->store.read_calls = (uint64_t)self->inner->read_calls;
	self->store.write_calls = (uint64_t)self->inner->write_calls;
	return result;
}

/* --- clusters that leave -------------------------------------------------------------------------------------------- */

void records_note_leaving(struct records_store *self, struct span cluster)
{
	char **place = NULL;
	pthread_mutex_lock(&self->lock);
	for (size_t i = 0; i < RECORDS_LEAVING; i++) {
		if (self->leaving[i] != NULL && span_is(cluster, self->leaving[i])) {
			place = NULL;
			break;
		}
		if (self->leaving[i] == NULL && place == NULL)
			place = &self->leaving[i];
	}
	if (place != NULL)
		*place = strndup(cluster.ptr, cluster.len);
	pthread_mutex_unlock(&self->lock);
}

bool records_take_leaving(struct records_store *self, struct span cluster)
{
	bool found = false;
	pthread_mutex_lock(&self->lock);
	for (size_t i = 0; i < RECORDS_LEAVING && !found; i++) {
		found = self->leaving[i] != NULL && span_is(cluster, self->leaving[i]);
		if (found) {
			free(self->leaving[i]);
			self->leaving[i] = NULL;
		}
	}
	pthread_mutex_unlock(&self->lock);
	return found;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool get(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms,
		struct resource **out, struct fail *fail)
{
	struct records_store *self = self_of(store);
	struct fail local = {0};
	struct labels marks;
	if (!self->inner->ops->get(self->inner, arena, type, id, deadline_ms, out, &local)) {
		if (local.code == FAIL_NOT_FOUND && type == OMNI_CLUSTER && records_take_leaving(self, id))
			records_drop(self, id, deadline_ms);
		if (fail != NULL)
			*fail = local;
		return counted(self, false);
	}
	struct span cluster = records_cluster_of(*out);
	if (cluster.len > 0) {
		if (!records_read(self, arena, cluster, type != OMNI_CLUSTER, deadline_ms, &marks, fail))
			return counted(self, false);
		records_show(arena, &marks, *out);
	}
	return counted(self, true);
}

struct span records_asked_for(const struct omni_query *query)
{
	for (size_t i = 0; query != NULL && i < query->count; i++) {
		const struct omni_term *term = &query->terms[i];
		if (term->op == OMNI_TERM_EQUAL && !term->invert && span_is(term->key, OMNI_LABEL_CLUSTER) && term->value_count == 1)
			return term->values[0];
	}
	return SPAN("");
}

static bool show_one(struct records_store *self, struct arena *arena, struct span cluster, int64_t deadline_ms,
		     struct resource_list *list, struct fail *fail)
{
	struct labels marks;
	if (!records_read(self, arena, cluster, true, deadline_ms, &marks, fail))
		return false;
	for (size_t i = 0; i < list->count; i++)
		records_show(arena, &marks, list->items[i]);
	return true;
}

static bool show_all(struct records_store *self, struct arena *arena, const struct omni_type *record_type, int64_t deadline_ms,
		     struct resource_list *list, struct fail *fail)
{
	struct omni_term term = {.key = SPAN(RECORDS_LABEL), .op = OMNI_TERM_EXISTS};
	struct omni_query query = {&term, 1, 1};
	struct resource_list records = {0};
	struct map by_cluster;
	if (!self->inner->ops->list(self->inner, arena, record_type, &query, deadline_ms, &records, fail))
		return fail_wrap(fail, "cannot list our records of clusters");
	map_init(&by_cluster, arena);
	for (size_t i = 0; i < records.count; i++) {
		const struct label *label = labels_get(&records.items[i]->labels, OMNI_LABEL_CLUSTER);
		if (label != NULL)
			*map_at(&by_cluster, label->value) = records.items[i];
	}
	for (size_t i = 0; i < list->count; i++) {
		static const struct labels none = {0};
		const struct resource *record = map_get(&by_cluster, records_cluster_of(list->items[i]));
		records_show(arena, record == NULL ? &none : &record->annotations, list->items[i]);
	}
	return true;
}

static void leave_out_records(struct resource_list *list)
{
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++)
		if (!records_is_record(list->items[i]))
			list->items[count++] = list->items[i];
	list->count = count;
}

bool records_show_list(struct records_store *self, struct arena *arena, const struct omni_type *type, struct span cluster,
		       int64_t deadline_ms, struct resource_list *list, struct fail *fail)
{
	const struct omni_type *record_type = omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
	bool has_marks = (type->flags & OMNI_TEMPLATE) != 0 && list->count > 0;
	if (type == record_type)
		leave_out_records(list);
	else if (has_marks && cluster.len > 0)
		return show_one(self, arena, cluster, deadline_ms, list, fail);
	else if (has_marks && type != OMNI_KERNEL_ARGS && type != OMNI_INSTALL_DISK)
		return show_all(self, arena, record_type, deadline_ms, list, fail);
	return true;
}

static bool list(struct omni_store *store, struct arena *arena, const struct omni_type *type, const struct omni_query *query,
		 int64_t deadline_ms, struct resource_list *out, struct fail *fail)
{
	struct records_store *self = self_of(store);
	return counted(self, self->inner->ops->list(self->inner, arena, type, query, deadline_ms, out, fail) &&
				     records_show_list(self, arena, type, records_asked_for(query), deadline_ms, out, fail));
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static void show_ours(struct arena *arena, const struct labels *ours, struct resource **out_new)
{
	for (size_t i = 0; out_new != NULL && *out_new != NULL && i < ours->count; i++)
		labels_set(arena, &(*out_new)->annotations, ours->items[i].key, ours->items[i].value);
}

/* The marks of a Cluster follow it, so that no record tells of one that was never made; apply writes them once more when
 * they got lost in between. The others go first: what is not marked would never be taken away again. */
static bool create(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct records_store *self = self_of(store);
	struct omni_store *inner = self->inner;
	struct labels ours = records_ours(arena, resource);
	if (ours.count == 0 || records_cluster_of(resource).len == 0)
		return counted(self, inner->ops->create(inner, arena, resource, deadline_ms, out_new, fail));
	bool is_cluster = resource->type == OMNI_CLUSTER;
	bool ok = (is_cluster || records_write(self, arena, resource, &ours, false, deadline_ms, fail)) &&
		  inner->ops->create(inner, arena, records_strip(arena, resource), deadline_ms, out_new, fail) &&
		  (!is_cluster || records_write(self, arena, resource, &ours, true, deadline_ms, fail));
	if (ok)
		show_ours(arena, &ours, out_new);
	return counted(self, ok);
}

static bool is_same(const struct resource *a, const struct resource *b)
{
	if (a->phase != b->phase || a->finalizer_count != b->finalizer_count || !span_eq(a->owner, b->owner))
		return false;
	for (size_t i = 0; i < a->finalizer_count; i++)
		if (!span_eq(a->finalizers[i], b->finalizers[i]))
			return false;
	return labels_equal(&a->labels, &b->labels) && labels_equal(&a->annotations, &b->annotations) &&
	       node_equal(&a->spec, &b->spec);
}

/* Only the marks are other ones: then only the record is written. */
static bool update_marked(struct records_store *self, struct arena *arena, const struct resource *resource,
			  const struct labels *ours, int64_t deadline_ms, struct resource **out_new, struct fail *fail)
{
	struct omni_store *inner = self->inner;
	struct resource *held, *bare = records_strip(arena, resource);
	if (!inner->ops->get(inner, arena, resource->type, resource->id, deadline_ms, &held, fail))
		return false;
	if (held->version != resource->version)
		return fail_set(fail, FAIL_CONFLICT, "%s(%.*s) has version %llu by now, not %llu", resource->type->name,
				SPAN_ARG(resource->id), (unsigned long long)held->version, (unsigned long long)resource->version);
	if (!records_write(self, arena, resource, ours, false, deadline_ms, fail))
		return false;
	if (!is_same(bare, held))
		return inner->ops->update(inner, arena, bare, deadline_ms, out_new, fail);
	if (out_new != NULL)
		*out_new = held;
	return true;
}

static bool update(struct omni_store *store, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct records_store *self = self_of(store);
	struct omni_store *inner = self->inner;
	struct span cluster = records_cluster_of(resource);
	struct labels marks;
	if (cluster.len == 0)
		return counted(self, inner->ops->update(inner, arena, resource, deadline_ms, out_new, fail));
	if (!records_read(self, arena, cluster, false, deadline_ms, &marks, fail))
		return counted(self, false);
	struct labels ours = records_ours(arena, resource), held = records_of(arena, &marks, resource);
	bool ok = labels_equal(&ours, &held)
			  ? inner->ops->update(inner, arena, records_strip(arena, resource), deadline_ms, out_new, fail)
			  : update_marked(self, arena, resource, &ours, deadline_ms, out_new, fail);
	if (ok)
		show_ours(arena, &ours, out_new);
	return counted(self, ok);
}

static bool teardown(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms, bool *out_ready,
		     struct fail *fail)
{
	struct records_store *self = self_of(store);
	bool ok = self->inner->ops->teardown(self->inner, type, id, deadline_ms, out_ready, fail);
	if (ok && type == OMNI_CLUSTER)
		records_note_leaving(self, id);
	return counted(self, ok);
}

static bool destroy(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms, struct fail *fail)
{
	struct records_store *self = self_of(store);
	struct fail local = {0};
	bool ok = self->inner->ops->destroy(self->inner, type, id, deadline_ms, &local);
	bool is_gone = ok || local.code == FAIL_NOT_FOUND;
	if (is_gone && type == OMNI_CLUSTER) {
		records_take_leaving(self, id);
		records_drop(self, id, deadline_ms);
	}
	if (!ok && fail != NULL)
		*fail = local;
	return counted(self, ok);
}

/* --- the rest is the inner store's ---------------------------------------------------------------------------------- */

static bool watch(struct omni_store *store, const struct omni_type *type, struct span bookmark, struct omni_watch **out,
		  struct fail *fail)
{
	struct omni_store *inner = self_of(store)->inner;
	return counted(self_of(store), inner->ops->watch(inner, type, bookmark, out, fail));
}

static bool watch_some(struct omni_store *store, const struct omni_type *type, struct span id, const struct omni_query *query,
		       struct omni_watch **out, struct fail *fail)
{
	struct omni_store *inner = self_of(store)->inner;
	bool is_narrow = inner->ops->watch_some != NULL;
	return counted(self_of(store), is_narrow ? inner->ops->watch_some(inner, type, id, query, out, fail)
						 : inner->ops->watch(inner, type, SPAN(""), out, fail));
}

static bool has_none(const struct omni_store *inner, const char *what, struct fail *fail)
{
	return fail_set(fail, FAIL_UNSUPPORTED, "%s gives no %s", inner->name, what);
}

static bool kubeconfig(struct omni_store *store, struct arena *arena, const struct omni_kubeconfig_request *request,
		       int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct omni_store *inner = self_of(store)->inner;
	return counted(self_of(store), inner->ops->kubeconfig == NULL
					       ? has_none(inner, "kubeconfig", fail)
					       : inner->ops->kubeconfig(inner, arena, request, deadline_ms, out_yaml, fail));
}

static bool talosconfig(struct omni_store *store, struct arena *arena, const struct omni_talosconfig_request *request,
			int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct omni_store *inner = self_of(store)->inner;
	return counted(self_of(store), inner->ops->talosconfig == NULL
					       ? has_none(inner, "talosconfig", fail)
					       : inner->ops->talosconfig(inner, arena, request, deadline_ms, out_yaml, fail));
}

static bool about(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct omni_about *out, struct fail *fail)
{
	struct omni_store *inner = self_of(store)->inner;
	return counted(self_of(store), inner->ops->about == NULL ? has_none(inner, "version", fail)
								  : inner->ops->about(inner, arena, deadline_ms, out, fail));
}

static void count(struct omni_store *store, struct omni_counts *out)
{
	struct omni_store *inner = self_of(store)->inner;
	*out = (struct omni_counts){0};
	if (inner->ops->count != NULL)
		inner->ops->count(inner, out);
}

static void wind_down(struct omni_store *store, int64_t finish_by_ms)
{
	struct omni_store *inner = self_of(store)->inner;
	if (inner->ops->wind_down != NULL)
		inner->ops->wind_down(inner, finish_by_ms);
}

static void close_store(struct omni_store *store)
{
	struct records_store *self = self_of(store);
	omni_store_close(self->inner);
	for (size_t i = 0; i < RECORDS_CACHED; i++)
		arena_done(&self->cached[i].arena);
	for (size_t i = 0; i < RECORDS_LEAVING; i++)
		free(self->leaving[i]);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

static void batch(struct omni_store *store, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	records_batch(self_of(store), arena, ops, count, deadline_ms);
	counted(self_of(store), true);
}

static const struct omni_store_ops ops = {
	.batch = batch, .list = list, .get = get, .create = create, .update = update, .teardown = teardown, .destroy = destroy, .watch = watch,
	.watch_some = watch_some,
	.kubeconfig = kubeconfig, .talosconfig = talosconfig, .about = about, .count = count, .wind_down = wind_down,
	.close = close_store,
};

void records_clear(struct omni_store *store, struct span cluster, int64_t deadline_ms)
{
	struct fail fail = {0};
	struct resource *held;
	struct arena arena;
	if (store->ops != &ops)
		return;
	struct records_store *self = self_of(store);
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_there = self->inner->ops->get(self->inner, &arena, OMNI_CLUSTER, cluster, deadline_ms, &held, &fail);
	if (!is_there && fail.code == FAIL_NOT_FOUND)
		records_drop(self, cluster, deadline_ms);
	counted(self, true);
	arena_done(&arena);
}

struct omni_store *records_wrap(struct omni_store *inner)
{
	struct records_store *self = calloc(1, sizeof *self);
	if (self == NULL)
		abort();
	self->store = (struct omni_store){.ops = &ops, .name = inner->name, .hidden_key = inner->hidden_key};
	self->inner = inner;
	pthread_mutex_init(&self->lock, NULL);
	for (size_t i = 0; i < RECORDS_CACHED; i++)
		arena_init(&self->cached[i].arena, ARENA_NO_LIMIT);
	return &self->store;
}

struct omni_store *records_inner(struct omni_store *store)
{
	return store->ops == &ops ? self_of(store)->inner : store;
}
