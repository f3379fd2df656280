/* Calls as their callers see them: handed in, waited for until the deadline, or given up. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "agent/grpc/internal.h"
#include "base/clock.h"

enum { HANDED_OVER_MIN = 4096 };

struct grpc_flight {
	struct grpc_channel *channel;
	struct call *call;	    /* NULL: it could not even begin */
	struct grpc_status refused; /* why */
};

/* Under call->lock. False: the deadline has passed. */
static bool wait_change(struct call *call)
{
	struct timespec until = {.tv_sec = call->deadline_ms / 1000, .tv_nsec = (long)(call->deadline_ms % 1000) * 1000000};
	return pthread_cond_timedwait(&call->changed, &call->lock, &until) != ETIMEDOUT;
}

static bool end_here(struct call *call, struct arena *arena, struct grpc_status *status)
{
	status->text = arena_copy(arena, status->text);
	call_release(call);
	return false;
}

static bool give_up(struct call *call, struct arena *arena, struct grpc_status *status, enum grpc_code code)
{
	struct text text;
	text_init(&text, 4096);
	*status = (struct grpc_status){.code = code, .is_local = true, .was_sent = atomic_load(&call->was_sent)};
	if (code == GRPC_DEADLINE_EXCEEDED)
		text_addf(&text, "%s: %s within %.1f s", call->channel->options.endpoint.url,
			  status->was_sent ? "no answer" : "the request could not be sent",
			  (double)(clock_monotonic_ms() - call->started_ms) / 1000);
	else
		text_adds(&text, "the answer was not wanted any more");
	status->text = arena_copy(arena, text_span(&text));
	text_done(&text);
	call_abandon(call, code);
	call_release(call);
	return false;
}

/* A large message goes to the arena as it is; copying a small one costs less than keeping its memory apart. */
static struct span hand_over(struct arena *arena, struct frame_list *inbox)
{
	struct frame_block *block = inbox->first;
	struct span message = {0};
	frame_next(block, &message);
	if (message.len < HANDED_OVER_MIN)
		return arena_copy(arena, message);
	inbox->first = block->next;
	if (inbox->first == NULL)
		inbox->last = NULL;
	arena_defer(arena, free, block);
	return message;
}

static bool wait_done(struct call *call)
{
	bool is_late = false;
	pthread_mutex_lock(&call->lock);
	while (!call->is_done && !is_late)
		is_late = !wait_change(call);
	bool is_done = call->is_done;
	pthread_mutex_unlock(&call->lock);
	return is_done;
}

/* --- beginnings ---------------------------------------------------------------------------------------------------------- */

static bool begin_call(struct grpc_flight *flight, enum call_kind kind, const struct grpc_request *request)
{
	struct call *call = call_new(flight->channel, kind, request, &flight->refused);
	if (call == NULL)
		return false;
	if (!call_submit(call)) {
		call_release(call);
		call_release(call);
		return call_refuse(&flight->refused, GRPC_CANCELLED, "the connection is being closed");
	}
	flight->call = call;
	return true;
}

/* Who is inside keeps the channel alive: until the end of the flight. */
static void begin(struct grpc_flight *flight, struct grpc_channel *channel, enum call_kind kind, const struct grpc_request *request)
{
	*flight = (struct grpc_flight){.channel = channel};
	if (!channel_enter(channel))
		call_refuse(&flight->refused, GRPC_CANCELLED, "the connection is being closed");
	else if (!begin_call(flight, kind, request))
		channel_leave(channel);
}

static struct grpc_flight *begin_new(struct grpc_channel *channel, enum call_kind kind, const struct grpc_request *request)
{
	struct grpc_flight *flight = malloc(sizeof *flight);
	if (flight == NULL)
		abort();
	begin(flight, channel, kind, request);
	return flight;
}

struct grpc_flight *grpc_begin(struct grpc_channel *channel, const struct grpc_request *request)
{
	return begin_new(channel, CALL_ONE, request);
}

struct grpc_flight *grpc_begin_many(struct grpc_channel *channel, const struct grpc_request *request)
{
	return begin_new(channel, CALL_MANY, request);
}

/* --- one message ---------------------------------------------------------------------------------------------------------- */

static bool finish_one(struct call *call, struct arena *arena, struct span *out_message, struct grpc_status *status)
{
	if (!wait_done(call))
		return give_up(call, arena, status, GRPC_DEADLINE_EXCEEDED);
	*status = call->status;
	if (status->code != GRPC_OK)
		return end_here(call, arena, status);
	*out_message = hand_over(arena, &call->inbox);
	end_here(call, arena, status);
	return true;
}

static bool finish(struct grpc_flight *flight, struct arena *arena, struct span *out_message, struct grpc_status *status)
{
	if (flight->call == NULL) {
		*status = flight->refused;
		return false;
	}
	bool is_fine = finish_one(flight->call, arena, out_message, status);
	channel_leave(flight->channel);
	return is_fine;
}

bool grpc_finish(struct grpc_flight *flight, struct arena *arena, struct span *out_message, struct grpc_status *status)
{
	bool is_fine = finish(flight, arena, out_message, status);
	free(flight);
	return is_fine;
}

bool grpc_call(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request, struct span *out_message,
	       struct grpc_status *status)
{
	struct grpc_flight flight;
	begin(&flight, channel, CALL_ONE, request);
	return finish(&flight, arena, out_message, status);
}

/* --- many ---------------------------------------------------------------------------------------------------------------- */

/* What has come so far; false: the deadline has passed. */
static bool wait_messages(struct call *call, struct frame_list *out_fresh, bool *out_done)
{
	bool is_late = false;
	pthread_mutex_lock(&call->lock);
	while (call->inbox.first == NULL && !call->is_done && !is_late)
		is_late = !wait_change(call);
	*out_fresh = call->inbox;
	call->inbox = (struct frame_list){0};
	*out_done = call->is_done;
	pthread_mutex_unlock(&call->lock);
	atomic_fetch_sub_explicit(&call->queued_bytes, out_fresh->bytes, memory_order_relaxed);
	return out_fresh->first != NULL || *out_done;
}

static bool take_all(struct frame_list *fresh, bool (*take)(void *ctx, struct span message), void *ctx)
{
	struct span message;
	for (struct frame_block *block = fresh->first; block != NULL; block = block->next)
		while (frame_next(block, &message))
			if (!take(ctx, message))
				return false;
	return true;
}

static bool finish_messages(struct call *call, struct arena *arena, bool (*take)(void *ctx, struct span message), void *ctx,
			    struct grpc_status *status)
{
	bool is_done = false;
	while (!is_done) {
		struct frame_list fresh;
		if (!wait_messages(call, &fresh, &is_done))
			return give_up(call, arena, status, GRPC_DEADLINE_EXCEEDED);
		bool is_wanted = take_all(&fresh, take, ctx);
		frame_list_free(&fresh);
		if (!is_wanted)
			return give_up(call, arena, status, GRPC_CANCELLED);
		if (!is_done && clock_monotonic_ms() >= call->deadline_ms)
			return give_up(call, arena, status, GRPC_DEADLINE_EXCEEDED);
	}
	*status = call->status;
	bool is_ok = status->code == GRPC_OK;
	end_here(call, arena, status);
	return is_ok;
}

static bool finish_many(struct grpc_flight *flight, struct arena *arena, bool (*take)(void *ctx, struct span message), void *ctx,
			struct grpc_status *status)
{
	if (flight->call == NULL) {
		*status = flight->refused;
		return false;
	}
	bool is_fine = finish_messages(flight->call, arena, take, ctx, status);
	channel_leave(flight->channel);
	return is_fine;
}

bool grpc_finish_many(struct grpc_flight *flight, struct arena *arena, bool (*take)(void *ctx, struct span message), void *ctx,
		      struct grpc_status *status)
{
	bool is_fine = finish_many(flight, arena, take, ctx, status);
	free(flight);
	return is_fine;
}

bool grpc_call_many(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
		    bool (*take)(void *ctx, struct span message), void *ctx, struct grpc_status *status)
{
	struct grpc_flight flight;
	begin(&flight, channel, CALL_MANY, request);
	return finish_many(&flight, arena, take, ctx, status);
}

/* --- not wanted any more --------------------------------------------------------------------------------------------------- */

void grpc_drop(struct grpc_flight *flight)
{
	if (flight == NULL)
		return;
	if (flight->call != NULL) {
		call_abandon(flight->call, GRPC_CANCELLED);
		call_release(flight->call);
		channel_leave(flight->channel);
	}
	free(flight);
}
