#include "agent/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/backoff.h"
#include "base/clock.h"

enum { WORKERS_MAX = 1024 };
enum { FIRST_RETRY_MS = 500, LAST_RETRY_MS = 300000, SOON_MS = 100, LATER_MS = 60000, FIRST_AGAIN_MS = 200, LAST_AGAIN_MS = 10000 };

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct queue_item *items;
	unsigned worker_count, workers_alive, group_limit;
	unsigned running[QUEUE_GROUPS];
	bool is_known[QUEUE_GROUPS]; /* has had an item, and brought its workers */
	uint64_t next_turn, random;
	bool is_stopping;
	enum queue_result (*work)(void *ctx, struct queue_item *item);
	void *ctx;
	struct queue_metrics metrics;
	pthread_t threads[WORKERS_MAX];
};

static bool is_linked(const struct queue *queue, const struct queue_item *item)
{
	for (const struct queue_item *i = queue->items; i != NULL; i = i->next)
		if (i == item)
			return true;
	return false;
}

static void wait_until(struct queue *queue, int64_t at_ms)
{
	struct timespec until = {at_ms / 1000, (long)(at_ms % 1000) * 1000000L};
	if (at_ms == INT64_MAX)
		pthread_cond_wait(&queue->changed, &queue->lock);
	else
		pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

/* The item whose turn it is, or NULL and when to look again. */
static struct queue_item *pick(struct queue *queue, int64_t now, int64_t *out_next_ms)
{
	struct queue_item *best = NULL;
	*out_next_ms = INT64_MAX;
	for (struct queue_item *item = queue->items; item != NULL; item = item->next) {
		if (item->state != QUEUE_WAITING || queue->running[item->group % QUEUE_GROUPS] >= queue->group_limit)
			continue;
		if (item->due_ms > now) {
			if (item->due_ms < *out_next_ms)
				*out_next_ms = item->due_ms;
		} else if (best == NULL || item->turn < best->turn) {
			best = item;
		}
	}
	return best;
}

static void put(struct queue *queue, struct queue_item *item, int64_t delay_ms)
{
	int64_t now = clock_monotonic_ms();
	item->state = QUEUE_WAITING;
	item->due_ms = now + delay_ms;
	item->turn = queue->next_turn++;
	pthread_cond_broadcast(&queue->changed);
}

static void finish(struct queue *queue, struct queue_item *item, enum queue_result result)
{
	queue->running[item->group % QUEUE_GROUPS]--;
	item->state = QUEUE_IDLE;
	item->failures = result == QUEUE_RETRY || result == QUEUE_AGAIN ? item->failures + 1 : 0;
	bool was_dirty = item->is_dirty;
	item->is_dirty = false;
	if (result == QUEUE_RETRY) {
		/* Something new came: worth another try soon, but a failure that makes news itself must not spin. */
		unsigned failures = was_dirty ? 1 : item->failures;
		queue->metrics.retries++;
		put(queue, item, backoff_ms(&queue->random, failures, FIRST_RETRY_MS, LAST_RETRY_MS));
	} else if (was_dirty) {
		put(queue, item, 0);
	} else if (result == QUEUE_SOON) {
		put(queue, item, SOON_MS);
	} else if (result == QUEUE_LATER) {
		put(queue, item, LATER_MS);
	} else if (result == QUEUE_AGAIN) {
		put(queue, item, backoff_ms(&queue->random, item->failures, FIRST_AGAIN_MS, LAST_AGAIN_MS));
	}
	pthread_cond_broadcast(&queue->changed);
}

static void *worker(void *argument)
{
	struct queue *queue = argument;
	pthread_mutex_lock(&queue->lock);
	while (!queue->is_stopping) {
		int64_t next_ms, now = clock_monotonic_ms();
		struct queue_item *item = pick(queue, now, &next_ms);
		if (item == NULL) {
			wait_until(queue, next_ms);
			continue;
		}
		item->state = QUEUE_RUNNING;
		queue->running[item->group % QUEUE_GROUPS]++;
		queue->metrics.runs++;
		if (now - item->due_ms > queue->metrics.longest_wait_ms)
			queue->metrics.longest_wait_ms = now - item->due_ms;
		pthread_mutex_unlock(&queue->lock);
		enum queue_result result = queue->work(queue->ctx, item);
		pthread_mutex_lock(&queue->lock);
		finish(queue, item, result);
	}
	queue->workers_alive--;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

static void add_worker(struct queue *queue)
{
	if (queue->worker_count == WORKERS_MAX)
		return;
	if (pthread_create(&queue->threads[queue->worker_count], NULL, worker, queue) != 0)
		abort();
	queue->worker_count++;
	queue->workers_alive++;
}

/* As many workers as its limit: whatever the others do, there is one for each that it may have. */
static void meet_group(struct queue *queue, unsigned group)
{
	if (queue->is_known[group] || queue->is_stopping)
		return;
	queue->is_known[group] = true;
	for (unsigned i = 0; i < queue->group_limit; i++)
		add_worker(queue);
}

struct queue *queue_new(unsigned workers, enum queue_result (*work)(void *ctx, struct queue_item *item), void *ctx)
{
	struct queue *queue = calloc(1, sizeof *queue);
	if (queue == NULL)
		abort();
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&queue->lock, NULL);
	queue->work = work;
	queue->ctx = ctx;
	queue->random = (uint64_t)clock_wall_ms() | 1;
	queue->group_limit = workers;
	return queue;
}

void queue_add(struct queue *queue, struct queue_item *item, int64_t delay_ms)
{
	pthread_mutex_lock(&queue->lock);
	queue->metrics.adds++;
	if (item->turn == 0 && !is_linked(queue, item)) {
		item->next = queue->items;
		queue->items = item;
		queue->next_turn = queue->next_turn == 0 ? 1 : queue->next_turn;
		meet_group(queue, item->group % QUEUE_GROUPS);
	}
	if (item->state == QUEUE_RUNNING)
		item->is_dirty = true;
	else if (item->state == QUEUE_IDLE || item->due_ms > clock_monotonic_ms() + delay_ms)
		put(queue, item, delay_ms);
	pthread_mutex_unlock(&queue->lock);
}

size_t queue_busy(struct queue *queue)
{
	size_t busy = 0;
	pthread_mutex_lock(&queue->lock);
	for (const struct queue_item *item = queue->items; item != NULL; item = item->next)
		busy += item->state != QUEUE_IDLE;
	pthread_mutex_unlock(&queue->lock);
	return busy;
}

struct queue_metrics queue_metrics(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	struct queue_metrics metrics = queue->metrics;
	for (const struct queue_item *item = queue->items; item != NULL; item = item->next) {
		metrics.depth += item->state == QUEUE_WAITING;
		metrics.running += item->state == QUEUE_RUNNING;
	}
	pthread_mutex_unlock(&queue->lock);
	return metrics;
}

void queue_stop(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_stopping = true;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

bool queue_free(struct queue *queue, int64_t deadline_ms)
{
	queue_stop(queue);
	pthread_mutex_lock(&queue->lock);
	while (queue->workers_alive > 0 && clock_monotonic_ms() < deadline_ms)
		wait_until(queue, deadline_ms);
	bool ended = queue->workers_alive == 0;
	pthread_mutex_unlock(&queue->lock);
	if (!ended)
		return false; /* a worker hangs in a call: the process is about to end, leave it its memory */
	for (unsigned i = 0; i < queue->worker_count; i++)
		pthread_join(queue->threads[i], NULL);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
	return true;
}
