/* Lines of a response that does not end. A stream is kept by two: by who opened it until it is closed, and by its transfer
 * until that has finished. */
#include <stdlib.h>

#include "agent/kube/internal.h"

struct kube_stream {
	struct kube_client *client;
	struct kube_stream_callbacks callbacks;
	void *ctx;
	struct text line;	   /* the beginning of one: the client's thread alone, as is_open */
	bool is_open;
	bool is_closed, has_ended; /* under the client's lock */
};

static void free_stream(struct kube_stream *stream)
{
	text_done(&stream->line);
	free(stream);
}

/* --- callbacks ------------------------------------------------------------------------------------------------------------ */

static bool begin_callback(struct kube_stream *stream)
{
	struct kube_client *client = stream->client;
	pthread_mutex_lock(&client->lock);
	bool is_wanted = !stream->is_closed;
	if (is_wanted)
		client->running = stream;
	pthread_mutex_unlock(&client->lock);
	return is_wanted;
}

static void end_callback(struct kube_client *client)
{
	pthread_mutex_lock(&client->lock);
	client->running = NULL;
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
}

static bool give_opened(struct transfer *transfer)
{
	struct kube_stream *stream = transfer->ctx;
	if (stream->is_open)
		return true;
	stream->is_open = true;
	if (stream->callbacks.opened == NULL)
		return true;
	if (!begin_callback(stream))
		return false;
	stream->callbacks.opened(stream->ctx);
	end_callback(stream->client);
	return true;
}

static bool give_line(struct kube_stream *stream, struct span line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0)
		return true;
	if (!begin_callback(stream))
		return false;
	stream->callbacks.line(stream->ctx, line);
	end_callback(stream->client);
	return true;
}

/* --- on the client's thread ----------------------------------------------------------------------------------------------- */

static bool keep(struct transfer *transfer, struct span part)
{
	struct kube_stream *stream = transfer->ctx;
	text_add(&stream->line, part);
	transfer->is_too_big = !text_ok(&stream->line);
	return !transfer->is_too_big;
}

static bool take(struct transfer *transfer, struct span chunk)
{
	struct kube_stream *stream = transfer->ctx;
	const char *end;
	while (chunk.len > 0 && (end = memchr(chunk.ptr, '\n', chunk.len)) != NULL) {
		struct span line = {chunk.ptr, (size_t)(end - chunk.ptr)};
		chunk = (struct span){end + 1, chunk.len - line.len - 1};
		if (stream->line.len > 0) {
			if (!keep(transfer, line))
				return false;
			line = text_span(&stream->line);
		}
		if (!give_line(stream, line))
			return false;
		text_reset(&stream->line);
	}
	return chunk.len == 0 || keep(transfer, chunk);
}

static bool is_unwanted(const struct transfer *transfer)
{
	const struct kube_stream *stream = transfer->ctx;
	return stream->is_closed;
}

static void finish(struct transfer *transfer, const struct fail *fail)
{
	struct kube_stream *stream = transfer->ctx;
	struct kube_client *client = transfer->client;
	transfer_free(transfer);
	if (begin_callback(stream)) {
		stream->callbacks.end(stream->ctx, fail);
		end_callback(client);
	}
	pthread_mutex_lock(&client->lock);
	stream->has_ended = true;
	bool is_last = stream->is_closed;
	pthread_mutex_unlock(&client->lock);
	if (is_last)
		free_stream(stream);
}

/* --- callers -------------------------------------------------------------------------------------------------------------- */

static struct transfer *make_transfer(struct kube_stream *stream, const char *path, int64_t silence_ms, struct fail *fail)
{
	struct kube_request request = {.method = "GET", .path = path, .accept = stream->callbacks.accept};
	struct transfer *transfer = transfer_new(stream->client, &request, true, fail);
	if (transfer == NULL)
		return NULL;
	transfer->finish = finish;
	transfer->take = take;
	transfer->opened = give_opened;
	transfer->is_unwanted = is_unwanted;
	transfer->silence_ms = silence_ms;
	transfer->ctx = stream;
	return transfer;
}

struct kube_stream *kube_stream_open(struct kube_client *client, const char *path, int64_t silence_ms,
				     const struct kube_stream_callbacks *callbacks, void *ctx)
{
	struct kube_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		abort();
	*stream = (struct kube_stream){.client = client, .callbacks = *callbacks, .ctx = ctx};
	text_init(&stream->line, client->options.max_line);
	struct fail fail = {0};
	struct transfer *transfer = make_transfer(stream, path, silence_ms, &fail);
	if (transfer != NULL && transfer_submit(transfer))
		return stream;
	if (transfer != NULL) {
		transfer_free(transfer);
		fail_set(&fail, FAIL_CANCELLED, "the connection to the Kubernetes API was closed by this program");
	}
	stream->has_ended = true;
	callbacks->end(ctx, &fail);
	return stream;
}

void kube_stream_close(struct kube_stream *stream)
{
	if (stream == NULL)
		return;
	struct kube_client *client = stream->client;
	bool is_own = client_is_thread(client);
	pthread_mutex_lock(&client->lock);
	stream->is_closed = true;
	while (client->running == stream && !is_own)
		pthread_cond_wait(&client->changed, &client->lock);
	bool is_last = stream->has_ended, is_idle = client->is_idle;
	if (!is_last) {
		client->has_unwanted = true;
		client->is_idle = false;
	}
	pthread_mutex_unlock(&client->lock);
	if (is_last)
		free_stream(stream);
	else if (is_idle)
		client_wake(client);
}
