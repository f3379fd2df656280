#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/backoff.h"
#include "base/clock.h"

enum { WORKERS_MAX = 512, IDLE_MS = 10000 };
enum { FIRST_RETRY_MS = 500, LAST_RETRY_MS = 300000, SOON_MS = 100, LATER_MS = 60000, FIRST_AGAIN_MS = 200, LAST_AGAIN_MS = 10000 };

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for idle workers: something is to be done, or earlier than before */
	pthread_cond_t ended;	/* a worker ended */
	struct queue_item *items;
	unsigned workers_alive, workers_idle, group_limit;
	unsigned running[QUEUE_GROUPS];
	uint64_t next_turn, random;
	bool is_stopping;
	enum queue_result (*work)(void *ctx, struct queue_item *item);
	void *ctx;
	struct queue_metrics metrics;
};

static void wait_until(struct queue *queue, pthread_cond_t *condition, int64_t at_ms)
{
	struct timespec until = {at_ms / 1000, (long)(at_ms % 1000) * 1000000L};
	pthread_cond_timedwait(condition, &queue->lock, &until);
}

static unsigned *running_of(struct queue *queue, const struct queue_item *item)
{
	return &queue->running[item->group % QUEUE_GROUPS];
}

/* The item whose turn it is, or NULL and when to look again. */
static struct queue_item *pick(struct queue *queue, int64_t now, int64_t *out_next_ms)
{
	struct queue_item *best = NULL;
	*out_next_ms = INT64_MAX;
	for (struct queue_item *item = queue->items; item != NULL; item = item->next) {
		if (item->state != QUEUE_WAITING || *running_of(queue, item) >= queue->group_limit)
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
	pthread_cond_signal(&queue->changed);
}

static void finish(struct queue *queue, struct queue_item *item, enum queue_result result)
{
	bool was_dirty = item->is_dirty;
	item->state = QUEUE_IDLE;
	item->failures = result == QUEUE_RETRY || result == QUEUE_AGAIN ? item->failures + 1 : 0;
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
	} else if (result == QUEUE_WAIT) {
		put(queue, item, item->again_ms);
	} else if (result == QUEUE_AGAIN) {
		put(queue, item, backoff_ms(&queue->random, item->failures, FIRST_AGAIN_MS, LAST_AGAIN_MS));
	}
}

/* --- workers ------------------------------------------------------------------------------------------------------------ */

static void *worker(void *argument);

/* While something waits, somebody without work waits for it. */
static void provide_worker(struct queue *queue)
{
	pthread_attr_t attributes;
	pthread_t thread;
	if (queue->workers_idle > 0 || queue->workers_alive >= WORKERS_MAX || queue->is_stopping)
		return;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, worker, queue) == 0) {
		queue->workers_alive++;
		queue->workers_idle++;
	} else if (queue->workers_alive == 0) {
		abort(); /* nobody would ever do anything */
	}
	pthread_attr_destroy(&attributes);
}

static bool is_any_waiting(const struct queue *queue)
{
	for (const struct queue_item *item = queue->items; item != NULL; item = item->next)
		if (item->state == QUEUE_WAITING)
			return true;
	return false;
}

/* Unlocks meanwhile. */
static void run(struct queue *queue, struct queue_item *item, int64_t now)
{
	unsigned *running = running_of(queue, item);
	item->state = QUEUE_RUNNING;
	++*running;
	queue->metrics.runs++;
	queue->workers_idle--;
	if (now - item->due_ms > queue->metrics.longest_wait_ms)
		queue->metrics.longest_wait_ms = now - item->due_ms;
	if (queue->workers_idle == 0 && is_any_waiting(queue))
		provide_worker(queue);
	else if (queue->workers_idle > 0)
		pthread_cond_signal(&queue->changed); /* this one does not wait for the next one any more */
	pthread_mutex_unlock(&queue->lock);
	enum queue_result result = queue->work(queue->ctx, item);
	pthread_mutex_lock(&queue->lock);
	--*running;
	queue->workers_idle++;
	if (result != QUEUE_GONE)
		finish(queue, item, result);
}

/* True: enough others are without work, and it has been without for long. */
static bool rest(struct queue *queue, int64_t now, int64_t next_ms)
{
	int64_t end_ms = now + IDLE_MS;
	wait_until(queue, &queue->changed, next_ms < end_ms ? next_ms : end_ms);
	return clock_monotonic_ms() >= end_ms && (queue->workers_idle > 1 || !is_any_waiting(queue));
}

static void *worker(void *argument)
{
	struct queue *queue = argument;
	bool is_over = false;
	pthread_mutex_lock(&queue->lock);
	while (!queue->is_stopping && !is_over) {
		int64_t next_ms, now = clock_monotonic_ms();
		struct queue_item *item = pick(queue, now, &next_ms);
		if (item != NULL)
			run(queue, item, now);
		else
			is_over = rest(queue, now, next_ms);
	}
	queue->workers_alive--;
	queue->workers_idle--;
	pthread_cond_signal(&queue->ended);
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

/* --- from outside --------------------------------------------------------------------------------------------------------- */

struct queue *queue_new(unsigned workers, enum queue_result (*work)(void *ctx, struct queue_item *item), void *ctx)
{
	struct queue *queue = calloc(1, sizeof *queue);
	if (queue == NULL)
		abort();
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &attributes);
	pthread_cond_init(&queue->ended, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&queue->lock, NULL);
	queue->work = work;
	queue->ctx = ctx;
	queue->random = (uint64_t)clock_wall_ms() | 1;
	queue->group_limit = workers;
	queue->next_turn = 1;
	return queue;
}

static void link_item(struct queue *queue, struct queue_item *item)
{
	item->is_linked = true;
	item->prev = NULL;
	item->next = queue->items;
	if (item->next != NULL)
		item->next->prev = item;
	queue->items = item;
}

void queue_add(struct queue *queue, struct queue_item *item, int64_t delay_ms)
{
	pthread_mutex_lock(&queue->lock);
	queue->metrics.adds++;
	if (!item->is_linked)
		link_item(queue, item);
	if (item->state == QUEUE_RUNNING)
		item->is_dirty = true;
	else if (item->state == QUEUE_IDLE || item->due_ms > clock_monotonic_ms() + delay_ms)
		put(queue, item, delay_ms);
	if (item->state == QUEUE_WAITING)
		provide_worker(queue);
	pthread_mutex_unlock(&queue->lock);
}

void queue_remove(struct queue *queue, struct queue_item *item)
{
	pthread_mutex_lock(&queue->lock);
	*(item->prev == NULL ? &queue->items : &item->prev->next) = item->next;
	if (item->next != NULL)
		item->next->prev = item->prev;
	item->is_linked = false;
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

bool queue_wait(struct queue *queue, int64_t deadline_ms)
{
	queue_stop(queue);
	pthread_mutex_lock(&queue->lock);
	while (queue->workers_alive > 0 && clock_monotonic_ms() < deadline_ms)
		wait_until(queue, &queue->ended, deadline_ms);
	bool ended = queue->workers_alive == 0;
	pthread_mutex_unlock(&queue->lock);
	return ended;
}

bool queue_free(struct queue *queue, int64_t deadline_ms)
{
	if (!queue_wait(queue, deadline_ms))
		return false; /* a worker hangs in a call: the process is about to end, leave it its memory */
	pthread_cond_destroy(&queue->changed);
	pthread_cond_destroy(&queue->ended);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
	return true;
}
