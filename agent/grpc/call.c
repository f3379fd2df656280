/* Calls: made, kept by two, waited for. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/grpc/internal.h"
#include "agent/grpc/status.h"
#include "base/clock.h"

enum { HANDED_OVER_MIN = 4096, FRAME_KEPT = 64 * 1024 };

void list_add(struct call_list *list, struct call *call)
{
	call->prev = list->last;
	call->next = NULL;
	if (list->last == NULL)
		list->first = call;
	else
		list->last->next = call;
	list->last = call;
	list->count++;
}

void list_remove(struct call_list *list, struct call *call)
{
	if (call->prev == NULL)
		list->first = call->next;
	else
		call->prev->next = call->next;
	if (call->next == NULL)
		list->last = call->prev;
	else
		call->next->prev = call->prev;
	call->next = call->prev = NULL;
	list->count--;
}

struct call *list_take(struct call_list *list)
{
	struct call *call = list->first;
	if (call != NULL)
		list_remove(list, call);
	return call;
}

void channel_wake(struct grpc_channel *channel)
{
	uint64_t one = 1;
	while (write(channel->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static struct call *make_call(struct grpc_channel *channel)
{
	pthread_condattr_t attributes;
	struct call *call = calloc(1, sizeof *call);
	if (call == NULL)
		abort();
	call->channel = channel;
	call->event_fd = -1;
	arena_init(&call->arena, ARENA_NO_LIMIT);
	text_init(&call->frame, TEXT_NO_LIMIT);
	text_init(&call->text, 2 * RESPONSE_MESSAGE_MAX);
	text_init(&call->odd_body, 4096);
	response_init(&call->response);
	frame_reader_init(&call->reader, GRPC_MESSAGE_MAX_BYTES);
	pthread_mutex_init(&call->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&call->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return call;
}

void call_free(struct call *call)
{
	curl_easy_cleanup(call->easy);
	arena_done(&call->arena);
	text_done(&call->frame);
	text_done(&call->text);
	text_done(&call->odd_body);
	response_done(&call->response);
	frame_reader_done(&call->reader);
	frame_list_free(&call->inbox);
	pthread_cond_destroy(&call->changed);
	pthread_mutex_destroy(&call->lock);
	free(call);
}

static void clear_call(struct call *call)
{
	frame_list_free(&call->inbox);
	frame_reader_done(&call->reader);
	arena_rewind(&call->arena);
	if (call->frame.cap > FRAME_KEPT) {
		text_done(&call->frame);
		text_init(&call->frame, TEXT_NO_LIMIT);
	}
	text_reset(&call->frame);
	text_reset(&call->text);
	call->attempts = call->refusals = 0;
	call->is_done = call->is_signalled = false;
	call->retry_at_ms = 0;
	call->abandoned_as = GRPC_OK;
	atomic_store(&call->queued_bytes, 0);
	atomic_store(&call->is_abandoned, false);
	atomic_store(&call->was_sent, false);
}

void call_release(struct call *call)
{
	struct grpc_channel *channel = call->channel;
	if (atomic_fetch_sub(&call->refs, 1) != 1)
		return;
	if (call->event_fd >= 0)
		close(call->event_fd);
	call->event_fd = -1;
	clear_call(call);
	pthread_mutex_lock(&channel->lock);
	bool is_kept = channel->pool.count < POOL_MAX;
	if (is_kept)
		list_add(&channel->pool, call);
	pthread_mutex_unlock(&channel->lock);
	if (!is_kept)
		call_free(call);
}

static bool refuse(struct grpc_status *status, enum grpc_code code, const char *text)
{
	*status = (struct grpc_status){.code = code, .is_local = true, .is_permanent = true, .text = span_of(text)};
	return false;
}

static bool check_request(const struct grpc_request *request, struct grpc_status *status)
{
	if (request->message.len > GRPC_MESSAGE_MAX_BYTES)
		return refuse(status, GRPC_RESOURCE_EXHAUSTED, "the request has more than 32 MiB, which no server takes");
	if (request->header_count > HEADERS_MAX)
		return refuse(status, GRPC_INVALID_ARGUMENT, "the request has too many headers");
	for (size_t i = 0; i < request->header_count; i++)
		if (!status_is_header(request->headers[i].name, request->headers[i].value))
			return refuse(status, GRPC_INVALID_ARGUMENT,
				      "a header of the request has characters that no header may have (visible ASCII only)");
	return true;
}

static void copy_request(struct call *call, const struct grpc_request *request)
{
	char head[FRAME_HEAD];
	call->method = arena_string(&call->arena, span_of(request->method));
	call->header_count = request->header_count;
	for (size_t i = 0; i < request->header_count; i++)
		call->headers[i] = (struct grpc_header){arena_copy(&call->arena, request->headers[i].name),
							arena_copy(&call->arena, request->headers[i].value)};
	frame_head(request->message.len, head);
	text_add(&call->frame, (struct span){head, FRAME_HEAD});
	text_add(&call->frame, request->message);
}

struct call *call_new(struct grpc_channel *channel, enum call_kind kind, const struct grpc_request *request,
		      struct grpc_status *out_refused)
{
	if (!check_request(request, out_refused))
		return NULL;
	pthread_mutex_lock(&channel->lock);
	struct call *call = list_take(&channel->pool);
	pthread_mutex_unlock(&channel->lock);
	if (call == NULL)
		call = make_call(channel);
	call->kind = kind;
	call->started_ms = clock_monotonic_ms();
	call->deadline_ms = request->deadline_ms;
	if (call->deadline_ms == 0 && kind != CALL_STREAM)
		call->deadline_ms = call->started_ms + channel->options.call_timeout_ms;
	atomic_store(&call->refs, 2);
	copy_request(call, request);
	return call;
}

bool call_submit(struct call *call)
{
	struct grpc_channel *channel = call->channel;
	pthread_mutex_lock(&channel->lock);
	bool is_open = !channel->is_closing, is_idle = channel->is_idle;
	if (is_open) {
		list_add(&channel->incoming, call);
		channel->is_idle = false;
	}
	pthread_mutex_unlock(&channel->lock);
	if (is_open && is_idle)
		channel_wake(channel);
	return is_open;
}

void call_abandon(struct call *call, enum grpc_code code)
{
	struct grpc_channel *channel = call->channel;
	pthread_mutex_lock(&call->lock);
	call->abandoned_as = code;
	pthread_mutex_unlock(&call->lock);
	atomic_store(&call->is_abandoned, true);
	pthread_mutex_lock(&channel->lock);
	channel->has_abandoned = true;
	bool is_idle = channel->is_idle;
	channel->is_idle = false;
	pthread_mutex_unlock(&channel->lock);
	if (is_idle)
		channel_wake(channel);
}

/* Under call->lock. */
static void signal_stream(struct call *call)
{
	uint64_t one = 1;
	if (call->event_fd < 0 || call->is_signalled)
		return;
	call->is_signalled = true;
	while (write(call->event_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

/* The condition is signalled without the lock, which who wakes up needs at once; the thread's own hold on the call keeps
 * it alive. */
void call_publish(struct call *call, struct frame_list *fresh)
{
	atomic_fetch_add_explicit(&call->queued_bytes, fresh->bytes, memory_order_relaxed);
	pthread_mutex_lock(&call->lock);
	bool was_empty = call->inbox.first == NULL;
	frame_list_join(&call->inbox, fresh);
	signal_stream(call);
	pthread_mutex_unlock(&call->lock);
	if (call->kind == CALL_MANY && was_empty)
		pthread_cond_signal(&call->changed);
}

void call_end(struct call *call, const struct grpc_status *status)
{
	pthread_mutex_lock(&call->lock);
	call->status = *status;
	call->status.text = text_span(&call->text);
	call->is_done = true;
	signal_stream(call);
	pthread_mutex_unlock(&call->lock);
	pthread_cond_signal(&call->changed);
}

/* --- the callers' side ------------------------------------------------------------------------------------------------ */

bool channel_enter(struct grpc_channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	bool is_open = !channel->is_closing;
	channel->callers += is_open;
	pthread_mutex_unlock(&channel->lock);
	return is_open;
}

void channel_leave(struct grpc_channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	if (--channel->callers == 0 && channel->is_closing)
		pthread_cond_signal(&channel->left);
	pthread_mutex_unlock(&channel->lock);
}

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

static struct call *begin_call(struct grpc_channel *channel, enum call_kind kind, const struct grpc_request *request,
			       struct grpc_status *status)
{
	struct call *call = call_new(channel, kind, request, status);
	if (call == NULL)
		return NULL;
	if (!call_submit(call)) {
		refuse(status, GRPC_CANCELLED, "the connection is being closed");
		call_release(call);
		call_release(call);
		call = NULL;
	}
	return call;
}

static bool call_one(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
		     struct span *out_message, struct grpc_status *status)
{
	struct call *call = begin_call(channel, CALL_ONE, request, status);
	if (call == NULL)
		return false;
	if (!wait_done(call))
		return give_up(call, arena, status, GRPC_DEADLINE_EXCEEDED);
	*status = call->status;
	if (status->code != GRPC_OK)
		return end_here(call, arena, status);
	*out_message = hand_over(arena, &call->inbox);
	end_here(call, arena, status);
	return true;
}

bool grpc_call(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request, struct span *out_message,
	       struct grpc_status *status)
{
	if (!channel_enter(channel))
		return refuse(status, GRPC_CANCELLED, "the connection is being closed");
	bool is_fine = call_one(channel, arena, request, out_message, status);
	channel_leave(channel);
	return is_fine;
}

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

static bool call_many(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
		      bool (*take)(void *ctx, struct span message), void *ctx, struct grpc_status *status)
{
	struct call *call = begin_call(channel, CALL_MANY, request, status);
	bool is_done = false;
	if (call == NULL)
		return false;
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

bool grpc_call_many(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
		    bool (*take)(void *ctx, struct span message), void *ctx, struct grpc_status *status)
{
	if (!channel_enter(channel))
		return refuse(status, GRPC_CANCELLED, "the connection is being closed");
	bool is_fine = call_many(channel, arena, request, take, ctx, status);
	channel_leave(channel);
	return is_fine;
}
