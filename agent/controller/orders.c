/* What Kubernetes orders: OmniClusters that are being deleted and have our finalizer. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "crds/kinds.h"

struct ordered {
	struct span ns, object;
};

static bool is_ordered(const struct subject *subject)
{
	return subject->kind == &KIND_CLUSTER && subject->is_there && subject->is_deleted && subject->has_finalizer &&
	       !subject->is_released && !subject->life->is_done;
}

static int compare(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	int by_ns = span_cmp(x->ns, y->ns);
	return by_ns != 0 ? by_ns : span_cmp(x->object, y->object);
}

static struct ordered *collect(struct controller *controller, struct arena *arena, size_t *out_count)
{
	struct ordered *items = NULL;
	size_t count = 0, cap = 0;
	pthread_mutex_lock(&controller->lock);
	for (size_t i = 0; i < controller->subjects.slot_count; i++)
		for (const struct subject *s = controller->subjects.slots[i]; s != NULL; s = s->next_in_slot)
			if (is_ordered(s)) {
				struct ordered one = {arena_copy(arena, subject_ns(s)), arena_copy(arena, subject_name(s))};
				ARENA_PUSH(arena, items, count, cap) = one;
			}
	pthread_mutex_unlock(&controller->lock);
	if (count > 0)
		qsort(items, count, sizeof *items, compare);
	*out_count = count;
	return items;
}

void controller_orders(struct controller *controller, void (*visit)(void *ctx, const struct controller_order *order), void *ctx)
{
	const struct controller_options *options = &controller->options;
	struct arena arena;
	size_t count;
	arena_init(&arena, ARENA_NO_LIMIT);
	const struct ordered *items = collect(controller, &arena, &count);
	for (size_t i = 0; i < count; i++) {
		struct kube_object object;
		if (!kube_cache_find(options->cache, &KIND_CLUSTER, items[i].ns, items[i].object, &arena, &object) ||
		    object.deleted_s == 0 || !controller_admits(&object))
			continue;
		struct facts *facts = facts_read(&object);
		const struct controller_order order = {.ns = object.ns, .object = object.name, .uid = object.uid,
						       .cluster = facts->name, .connection = facts->connection,
						       .orphan = facts->orphan, .destroy_machines = facts->destroy_machines};
		if (options->may_write == NULL || options->may_write(options->ctx, facts->name))
			visit(ctx, &order);
		free(facts);
	}
	arena_done(&arena);
}

static void told(struct controller *controller, struct span ns, struct span object, bool is_done, bool is_waiting, const char *why)
{
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = subject_find(&controller->subjects, &KIND_CLUSTER, ns, object);
	if (subject != NULL && subject->is_there && subject->is_deleted) {
		struct cluster_life *life = subject->life;
		char *copy = strdup(why == NULL ? "" : why);
		if (copy == NULL)
			abort();
		free(life->why);
		life->why = copy;
		life->is_done = life->is_done || is_done;
		life->is_waiting = is_waiting;
		wake_subject(controller, subject, TURN_URGENT, 0);
	}
	pthread_mutex_unlock(&controller->lock);
}

void controller_order_told(struct controller *controller, struct span ns, struct span object, bool is_done, const char *why)
{
	told(controller, ns, object, is_done, false, why);
}

void controller_order_waits(struct controller *controller, struct span ns, struct span object, const char *what)
{
	told(controller, ns, object, false, true, what);
}
