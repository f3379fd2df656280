/* Calls: made, kept by two, waited for. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/grpc/internal.h"
#include "agent/grpc/status.h"
#include "base/clock.h"

enum { FRAME_KEPT = 64 * 1024 };

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

bool call_refuse(struct grpc_status *status, enum grpc_code code, const char *text)
{
	*status = (struct grpc_status){.code = code, .is_local = true, .is_permanent = true, .text = span_of(text)};
	return false;
}

static bool check_request(const struct grpc_request *request, struct grpc_status *status)
{
	if (request->message.len > GRPC_MESSAGE_MAX_BYTES)
		return call_refuse(status, GRPC_RESOURCE_EXHAUSTED, "the request has more than 32 MiB, which no server takes");
	if (request->header_count > HEADERS_MAX)
		return call_refuse(status, GRPC_INVALID_ARGUMENT, "the request has too many headers");
	for (size_t i = 0; i < request->header_count; i++)
		if (!status_is_header(request->headers[i].name, request->headers[i].value))
			return call_refuse(status, GRPC_INVALID_ARGUMENT,
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
	call->may_finish = request->may_finish;
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
	bool is_open = !channel->is_closing && channel->finish_by_ms == 0, is_idle = channel->is_idle;
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
