#include "agent/handlers/handlers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/handlers/internal.h"
#include "base/clock.h"

enum { WORKERS = 2 }; /* of one cluster */
static const int64_t GRACE_MS = 30000;

const struct handler *handler_of(const struct handler *const *handlers, const struct kind *kind)
{
	while (*handlers != NULL && (*handlers)->kind != kind)
		handlers++;
	return *handlers;
}

struct handlers *handlers_new(const struct handlers_options *options)
{
	struct handlers *handlers = calloc(1, sizeof *handlers);
	if (handlers == NULL)
		abort();
	handlers->options = *options;
	if (options->grace_ms <= 0)
		handlers->options.grace_ms = GRACE_MS;
	pthread_mutex_init(&handlers->lock, NULL);
	pthread_mutex_init(&handlers->watching, NULL);
	handlers->queue = queue_new(WORKERS, look_run, handlers);
	env_init(handlers);
	return handlers;
}

void handlers_stop(struct handlers *handlers)
{
	if (handlers == NULL)
		return;
	handlers->env.is_stopping = true;
	eventfd_write(handlers->env.stop_fd, 1);
	queue_stop(handlers->queue);
}

static void free_all(struct handlers *handlers)
{
	for (size_t i = 0; i < handlers->slot_count; i++)
		for (struct handled *h = handlers->slots[i], *next; h != NULL; h = next) {
			next = h->next_in_slot;
			look_forget(h);
			handled_free(h);
		}
	free(handlers->slots);
}

bool handlers_free(struct handlers *handlers, int64_t deadline_ms)
{
	if (handlers == NULL)
		return true;
	handlers_stop(handlers);
	if (!queue_wait(handlers->queue, deadline_ms))
		return false;
	/* Until their watches are forgotten, others still wake: the queue takes that, and does nothing. */
	watches_end(handlers);
	free_all(handlers);
	queue_free(handlers->queue, deadline_ms);
	close(handlers->env.stop_fd);
	pthread_mutex_destroy(&handlers->lock);
	pthread_mutex_destroy(&handlers->watching);
	free(handlers);
	return true;
}

/* --- what is there -------------------------------------------------------------------------------------------------------------- */

static char *dump_status(const json_t *status)
{
	return json_object_size(status) == 0 ? NULL : json_dumps(status, JSON_SORT_KEYS | JSON_COMPACT);
}

/* The lock is held. */
static void take(struct handlers *handlers, const struct handler *handler, struct declared *declared, char *status)
{
	struct handled *handled = handled_get(handlers, handler, &declared->object);
	struct declared *old = handled->declared;
	bool is_other = old == NULL || !span_eq(old->object.uid, declared->object.uid);
	bool is_news = old == NULL || old->digest != declared->digest;
	handled->is_told &= !is_other;
	handled->declared = declared;
	if (is_other || old->object.generation != declared->object.generation)
		handled->is_ready = false;
	declared_drop(old);
	/* What was told is newer than what is seen of it. */
	if (handled->is_told)
		free(status);
	else
		handled_set_status(handled, status);
	if (is_news)
		queue_add(handlers->queue, &handled->item, 0);
}

void handlers_take(struct handlers *handlers, const struct handler_object *object)
{
	const struct handler *handler = handler_of(handlers->options.handlers, object->kind);
	if (handler == NULL)
		return;
	struct declared *declared = declared_new(object);
	char *status = dump_status(object->status);
	pthread_mutex_lock(&handlers->lock);
	take(handlers, handler, declared, status);
	pthread_mutex_unlock(&handlers->lock);
}

void handlers_drop(struct handlers *handlers, const struct kind *kind, struct span ns, struct span name)
{
	pthread_mutex_lock(&handlers->lock);
	struct handled *handled = handled_find(handlers, kind, ns, name);
	if (handled != NULL && handled->declared != NULL) {
		declared_drop(handled->declared);
		handled->declared = NULL;
		handled->is_told = false;
		handled_set_status(handled, NULL);
		queue_add(handlers->queue, &handled->item, 0); /* a worker forgets it */
	}
	pthread_mutex_unlock(&handlers->lock);
}

static void each(struct handlers *handlers, void (*visit)(struct handled *handled, void *ctx), void *ctx)
{
	pthread_mutex_lock(&handlers->lock);
	for (size_t i = 0; i < handlers->slot_count; i++)
		for (struct handled *h = handlers->slots[i]; h != NULL; h = h->next_in_slot)
			if (h->declared != NULL)
				visit(h, ctx);
	pthread_mutex_unlock(&handlers->lock);
}

static void look_again(struct handled *handled, void *ctx)
{
	(void)ctx;
	queue_add(handled->handlers->queue, &handled->item, 0);
}

void handlers_look(struct handlers *handlers)
{
	each(handlers, look_again, NULL);
}

/* --- for metrics ---------------------------------------------------------------------------------------------------------------- */

static void count(struct handled *handled, void *ctx)
{
	struct handlers_counts *out = ctx;
	int kind = handler_number(handled->handler->kind);
	if (kind < 0)
		return;
	out->objects[kind]++;
	out->ready[kind] += handled->is_ready;
}

void handlers_counts(struct handlers *handlers, struct handlers_counts *out)
{
	struct queue_metrics metrics = queue_metrics(handlers->queue);
	*out = (struct handlers_counts){.queued = metrics.depth, .running = metrics.running};
	each(handlers, count, out);
	pthread_mutex_lock(&handlers->lock);
	memcpy(out->looks, handlers->looks, sizeof out->looks);
	memcpy(out->failures, handlers->failures, sizeof out->failures);
	pthread_mutex_unlock(&handlers->lock);
}

struct expiries {
	void (*visit)(void *ctx, struct span ns, struct span name, int64_t expires_s);
	void *ctx;
};

static void tell_expiry(struct handled *handled, void *ctx)
{
	const struct expiries *expiries = ctx;
	if (handler_number(handled->handler->kind) == 0 && handled->expires_s != 0)
		expiries->visit(expiries->ctx, handled->ns, handled->name, handled->expires_s);
}

void handlers_expiries(struct handlers *handlers, void (*visit)(void *ctx, struct span ns, struct span name, int64_t expires_s), void *ctx)
{
	struct expiries expiries = {visit, ctx};
	each(handlers, tell_expiry, &expiries);
}
