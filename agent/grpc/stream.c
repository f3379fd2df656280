/* Streams: a mailbox that is never waited for. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/grpc/internal.h"

enum { HANDED_OVER_MIN = 4096 };

struct grpc_stream {
	struct grpc_channel *channel;
	struct call *call;	   /* NULL: it could not even begin; `refused` says why */
	struct frame_list taken;   /* out of the mailbox, not yet with the caller */
	struct grpc_status refused;
	int refused_fd;		   /* always readable */
};

static void refuse(struct grpc_stream *stream)
{
	stream->refused_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void begin(struct grpc_stream *stream, const struct grpc_request *request)
{
	static const char closing[] = "the connection is being closed";
	struct grpc_channel *channel = stream->channel;
	stream->refused = (struct grpc_status){.code = GRPC_CANCELLED, .is_local = true, .text = span_of(closing)};
	struct call *call = call_new(channel, CALL_STREAM, request, &stream->refused);
	if (call == NULL) {
		refuse(stream);
		return;
	}
	call->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (call->event_fd >= 0 && call_submit(call)) {
		stream->call = call;
		return;
	}
	call_release(call);
	call_release(call);
	refuse(stream);
}

struct grpc_stream *grpc_stream_open(struct grpc_channel *channel, const struct grpc_request *request)
{
	struct grpc_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		abort();
	stream->channel = channel;
	stream->refused_fd = -1;
	begin(stream, request);
	return stream;
}

int grpc_stream_fd(const struct grpc_stream *stream)
{
	return stream->call == NULL ? stream->refused_fd : stream->call->event_fd;
}

/* Everything out of the mailbox; false: there is nothing, and the descriptor is quiet again unless the stream has ended. */
static bool fetch(struct grpc_stream *stream, bool *out_done)
{
	struct call *call = stream->call;
	uint64_t count;
	pthread_mutex_lock(&call->lock);
	stream->taken = call->inbox;
	call->inbox = (struct frame_list){0};
	*out_done = call->is_done;
	if (stream->taken.first == NULL && !call->is_done && call->is_signalled) {
		call->is_signalled = false;
		if (read(call->event_fd, &count, sizeof count) < 0)
			count = 0;
	}
	pthread_mutex_unlock(&call->lock);
	return stream->taken.first != NULL;
}

static void drop_first(struct grpc_stream *stream, bool is_freed)
{
	struct frame_block *block = stream->taken.first;
	atomic_fetch_sub_explicit(&stream->call->queued_bytes, block->len, memory_order_relaxed);
	stream->taken.first = block->next;
	if (block->next == NULL)
		stream->taken.last = NULL;
	if (is_freed)
		free(block);
}

static struct span take_first(struct grpc_stream *stream, struct arena *arena)
{
	struct frame_block *block = stream->taken.first;
	struct span message = {0};
	bool is_alone = block->at == 0;
	frame_next(block, &message);
	bool is_last = block->at >= block->len;
	if (is_last && is_alone && message.len >= HANDED_OVER_MIN) {
		arena_defer(arena, free, block);
		drop_first(stream, false);
		return message;
	}
	message = arena_copy(arena, message);
	if (is_last)
		drop_first(stream, true);
	return message;
}

static enum grpc_take take_end(const struct grpc_status *status, struct arena *arena, struct grpc_status *out_status)
{
	*out_status = *status;
	out_status->text = arena_copy(arena, status->text);
	return GRPC_END;
}

enum grpc_take grpc_stream_take(struct grpc_stream *stream, struct arena *arena, struct span *out_message,
				struct grpc_status *out_status)
{
	bool is_done = false;
	if (stream->call == NULL)
		return take_end(&stream->refused, arena, out_status);
	if (stream->taken.first == NULL && !fetch(stream, &is_done))
		return is_done ? take_end(&stream->call->status, arena, out_status) : GRPC_NOTHING;
	*out_message = take_first(stream, arena);
	return GRPC_MESSAGE;
}

void grpc_stream_close(struct grpc_stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->refused_fd >= 0)
		close(stream->refused_fd);
	frame_list_free(&stream->taken);
	if (stream->call != NULL) {
		call_abandon(stream->call, GRPC_CANCELLED);
		call_release(stream->call);
	}
	free(stream);
}
