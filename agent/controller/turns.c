#include "agent/controller/turns.h"

#include <assert.h>
#include <stdlib.h>

#include "base/backoff.h"

enum { FIRST_RETRY_MS = 500, LAST_RETRY_MS = 300000, FIRST_CONFLICT_MS = 20, LAST_CONFLICT_MS = 2000, NEWS_MS = 1000 };

void turns_init(struct turns *turns, uint64_t seed)
{
	*turns = (struct turns){.random = seed | 1};
}

void turns_done(struct turns *turns)
{
	free(turns->heap);
	turns->heap = NULL;
}

/* --- those that wait for their time: a binary heap ------------------------------------------------------------------- */

static void place(struct turns *turns, struct turn *turn, size_t at)
{
	turns->heap[at] = turn;
	turn->at = (uint32_t)at;
}

static void rise(struct turns *turns, size_t at)
{
	struct turn *turn = turns->heap[at];
	for (size_t up; at > 0 && turns->heap[up = (at - 1) / 2]->due_ms > turn->due_ms; at = up)
		place(turns, turns->heap[up], at);
	place(turns, turn, at);
}

static void sink(struct turns *turns, size_t at)
{
	struct turn *turn = turns->heap[at];
	for (size_t down; (down = 2 * at + 1) < turns->later; at = down) {
		if (down + 1 < turns->later && turns->heap[down + 1]->due_ms < turns->heap[down]->due_ms)
			down++;
		if (turns->heap[down]->due_ms >= turn->due_ms)
			break;
		place(turns, turns->heap[down], at);
	}
	place(turns, turn, at);
}

static void heap_add(struct turns *turns, struct turn *turn)
{
	if (turns->later == turns->cap) {
		turns->cap = turns->cap == 0 ? 64 : turns->cap * 2;
		turns->heap = reallocarray(turns->heap, turns->cap, sizeof *turns->heap);
		if (turns->heap == NULL)
			abort();
	}
	turn->state = TURN_LATER;
	place(turns, turn, turns->later++);
	rise(turns, turn->at);
}

static void heap_remove(struct turns *turns, struct turn *turn)
{
	size_t at = turn->at;
	struct turn *last = turns->heap[--turns->later];
	if (last == turn)
		return;
	place(turns, last, at);
	rise(turns, at);
	sink(turns, last->at);
}

/* --- those whose time has come: a list for each class ------------------------------------------------------------------ */

static void list_add(struct turns *turns, struct turn *turn)
{
	struct turn *last = turns->last[turn->class];
	turn->state = TURN_READY;
	turn->next = NULL;
	turn->prev = last;
	*(last == NULL ? &turns->first[turn->class] : &last->next) = turn;
	turns->last[turn->class] = turn;
	turns->ready++;
}

static void list_remove(struct turns *turns, struct turn *turn)
{
	*(turn->prev == NULL ? &turns->first[turn->class] : &turn->prev->next) = turn->next;
	*(turn->next == NULL ? &turns->last[turn->class] : &turn->next->prev) = turn->prev;
	turns->ready--;
}

static void put(struct turns *turns, struct turn *turn, int64_t due_ms, int64_t now_ms)
{
	turn->due_ms = due_ms;
	if (due_ms <= now_ms)
		list_add(turns, turn);
	else
		heap_add(turns, turn);
}

static void take_out(struct turns *turns, struct turn *turn)
{
	if (turn->state == TURN_READY)
		list_remove(turns, turn);
	else if (turn->state == TURN_LATER)
		heap_remove(turns, turn);
	turn->state = TURN_IDLE;
}

/* --- for everybody ----------------------------------------------------------------------------------------------------- */

void turns_add(struct turns *turns, struct turn *turn, enum turn_class class, int64_t delay_ms, int64_t now_ms)
{
	int64_t due_ms = now_ms + delay_ms;
	if (due_ms < turn->not_before_ms)
		due_ms = turn->not_before_ms;
	if (turn->state == TURN_BUSY) {
		turn->is_dirty = true;
		turn->class = class;
		return;
	}
	bool is_more_urgent = turn->state != TURN_IDLE && class < turn->class;
	bool is_earlier = turn->state == TURN_IDLE || (turn->state == TURN_LATER && due_ms < turn->due_ms);
	if (!is_more_urgent && !is_earlier)
		return;
	if (turn->state != TURN_IDLE && turn->due_ms < due_ms)
		due_ms = turn->due_ms;
	take_out(turns, turn);
	turn->class = class;
	put(turns, turn, due_ms, now_ms);
}

struct turn *turns_take(struct turns *turns, int64_t now_ms, int64_t *out_next_ms)
{
	while (turns->later > 0 && turns->heap[0]->due_ms <= now_ms) {
		struct turn *due = turns->heap[0];
		heap_remove(turns, due);
		list_add(turns, due);
	}
	*out_next_ms = turns->later > 0 ? turns->heap[0]->due_ms : INT64_MAX;
	for (size_t i = 0; i < TURN_CLASSES; i++) {
		struct turn *turn = turns->first[i];
		if (turn == NULL)
			continue;
		list_remove(turns, turn);
		turn->state = TURN_BUSY;
		turn->is_dirty = false;
		turns->busy++;
		return turn;
	}
	return NULL;
}

void turns_give(struct turns *turns, struct turn *turn, enum turn_result result, int64_t now_ms)
{
	assert(turn->state == TURN_BUSY);
	turns->busy--;
	turn->state = TURN_IDLE;
	bool has_failed = result == TURN_CONFLICT || result == TURN_FAILED;
	turn->failures = has_failed ? (unsigned char)(turn->failures + (turn->failures < UINT8_MAX)) : 0;
	turn->not_before_ms = 0;
	if (has_failed) {
		int64_t wait = result == TURN_CONFLICT ? backoff_ms(&turns->random, turn->failures, FIRST_CONFLICT_MS, LAST_CONFLICT_MS)
						       : backoff_ms(&turns->random, turn->failures, FIRST_RETRY_MS, LAST_RETRY_MS);
		turn->not_before_ms = now_ms + (wait < NEWS_MS ? wait : NEWS_MS);
		put(turns, turn, turn->is_dirty ? turn->not_before_ms : now_ms + wait, now_ms);
	} else if (turn->is_dirty || result == TURN_AGAIN) {
		put(turns, turn, now_ms, now_ms);
	}
}

void turns_drop(struct turns *turns, struct turn *turn)
{
	assert(turn->state != TURN_BUSY);
	take_out(turns, turn);
}
