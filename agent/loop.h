/* The main loop: one thread, one epoll, everything that waits. Descriptors, timers and work posted by other threads run
 * their callbacks here, one after the other, so what only the loop touches needs no lock. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

struct loop;
struct loop_timer;

bool loop_new(struct loop **out, struct fail *fail);
void loop_free(struct loop *loop);

/* Call fn(ctx) whenever fd is readable; once per fd. */
bool loop_add_fd(struct loop *loop, int fd, void (*fn)(void *ctx), void *ctx, struct fail *fail);
void loop_remove_fd(struct loop *loop, int fd);

/* A timer, idle until it is set; set again it moves. at_ms is CLOCK_MONOTONIC, INT64_MAX stops it. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *ctx), void *ctx);
void loop_timer_set(struct loop_timer *timer, int64_t at_ms);

/* From any thread: run fn(ctx) in the loop, in order of posting. */
void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx);

void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop); /* from within the loop */

/* When the loop last turned, CLOCK_MONOTONIC ms: the heartbeat of /healthz. Any thread. */
int64_t loop_heartbeat_ms(const struct loop *loop);

#endif
