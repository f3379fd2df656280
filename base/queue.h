/* Work for a few threads, one item per object. A key waits at most once; a key that is added while it is being worked on
 * runs again afterwards; work on one key never overlaps. Every group of keys (an Omni, a workload cluster) is worked on by a few
 * threads at most, and there are threads for all groups, so a server that does not answer holds up its own keys only; within a
 * group, first come, first served. A failed key comes back after an exponential delay with jitter, or soon when it was added
 * meanwhile. Threads begin when there is work for them, and end after some seconds without. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;
struct queue_item; /* embedded in the caller's object */

struct queue_item {
	struct queue_item *next, *prev; /* all items of the queue */
	bool is_linked;
	unsigned group;
	enum { QUEUE_IDLE, QUEUE_WAITING, QUEUE_RUNNING } state;
	bool is_dirty;	     /* added while running */
	int64_t due_ms;	     /* WAITING: not before; CLOCK_MONOTONIC */
	uint64_t turn;	     /* first come, first served */
	unsigned failures;   /* in a row */
	int64_t again_ms;    /* for QUEUE_WAIT; written by work */
};

enum queue_result {
	QUEUE_DONE,  /* forget failures */
	QUEUE_RETRY, /* back-off: 0.5 s, 1 s, … 5 min, ± 20 % */
	QUEUE_AGAIN, /* look again soon (something is being waited for): 0.2 s, 0.4 s, … 10 s */
	QUEUE_SOON,  /* look again in 0.1 s, however often: something is on its way */
	QUEUE_LATER, /* look again in a minute: what is waited for may change without a word */
	QUEUE_WAIT,  /* look again in item->again_ms */
	QUEUE_GONE,  /* work called queue_remove, and the item may not exist any more */
};

struct queue_metrics {
	uint64_t adds, retries, runs;
	size_t depth, running;
	int64_t longest_wait_ms; /* behind the moment when it was due */
};

enum { QUEUE_GROUPS = 4096 }; /* numbered from 0; more than that share */

/* work(ctx, item) runs on a worker, without any lock of the queue. `workers`: how many keys of one group are worked on at a
 * time. */
struct queue *queue_new(unsigned workers, enum queue_result (*work)(void *ctx, struct queue_item *item), void *ctx);
void queue_add(struct queue *queue, struct queue_item *item, int64_t delay_ms);
/* The queue forgets the item. Only from within work on it, which then returns QUEUE_GONE. */
void queue_remove(struct queue *queue, struct queue_item *item);
/* Items that wait or run. */
size_t queue_busy(struct queue *queue);
struct queue_metrics queue_metrics(struct queue *queue);
/* Start nothing new. */
void queue_stop(struct queue *queue);
/* queue_stop, wait for the running work at most until the deadline; true: all workers ended. */
bool queue_wait(struct queue *queue, int64_t deadline_ms);
/* The same, and the end of it. */
bool queue_free(struct queue *queue, int64_t deadline_ms);

#endif
