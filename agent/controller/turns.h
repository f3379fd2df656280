/* Whose turn it is: objects that have to be looked at, each at most once. What is urgent (finalizers, deletions) goes before
 * statuses, those of clusters before those of their parts; within a class first come, first served. What failed comes back
 * after an exponential delay with jitter, or soon when there is news of it, but never at once: whoever changes an object in a
 * loop does not make us write in one. No clock and no lock of its own. */
#ifndef AGENT_CONTROLLER_TURNS_H
#define AGENT_CONTROLLER_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum turn_class { TURN_URGENT, TURN_STATUS, TURN_PART, TURN_CLASSES };
enum turn_state { TURN_IDLE, TURN_LATER, TURN_READY, TURN_BUSY };

struct turn { /* embedded in the object; all zero: idle */
	enum turn_state state : 8;
	enum turn_class class : 8;
	bool is_dirty;	     /* added while busy */
	unsigned char failures; /* in a row; so many, or more */
	uint32_t at;	     /* LATER: its place in the heap */
	int64_t due_ms;	     /* LATER: when it becomes READY */
	int64_t not_before_ms; /* after a failure, whatever news there is */
	struct turn *next, *prev; /* READY */
};

struct turns {
	struct turn **heap;
	size_t later, cap;
	struct turn *first[TURN_CLASSES], *last[TURN_CLASSES];
	size_t ready, busy;
	uint64_t random;
};

void turns_init(struct turns *turns, uint64_t seed);
void turns_done(struct turns *turns);

/* To be looked at in so long, or earlier when that was agreed on already. */
void turns_add(struct turns *turns, struct turn *turn, enum turn_class class, int64_t delay_ms, int64_t now_ms);
/* The next one, which is BUSY from now on; NULL: none is due, and *out_next_ms says when one will be (INT64_MAX: none waits). */
struct turn *turns_take(struct turns *turns, int64_t now_ms, int64_t *out_next_ms);

enum turn_result {
	TURN_DONE,     /* forget failures */
	TURN_AGAIN,    /* more is to do at once */
	TURN_CONFLICT, /* somebody else was faster: 20 ms, 40 ms … 2 s */
	TURN_FAILED,   /* 0.5 s, 1 s … 5 min */
};
void turns_give(struct turns *turns, struct turn *turn, enum turn_result result, int64_t now_ms);
/* The object goes away. Not while it is busy. */
void turns_drop(struct turns *turns, struct turn *turn);

#endif
