/* What was done so far. */
#include "agent/grpc/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Methods are few; what comes after the table is full goes into its last row. */
static struct grpc_method_count *row_of(struct grpc_channel *channel, const char *method)
{
	struct grpc_counts *counts = &channel->counts;
	for (size_t i = 0; i < counts->method_count; i++)
		if (strcmp(counts->methods[i].method, method) == 0)
			return &counts->methods[i];
	size_t last = COUNT_OF(counts->methods) - 1;
	if (counts->method_count > last)
		return &counts->methods[last];
	struct grpc_method_count *row = &counts->methods[counts->method_count++];
	row->method = counts->method_count > last ? "other" : arena_string(&channel->arena, span_of(method));
	return row;
}

static void log_end(struct grpc_channel *channel, const struct call *call, const struct grpc_status *status, int64_t took_ms)
{
	log_debug(channel->options.log, "grpc", "call", log_string("method", call->method),
		  log_string("code", grpc_code_name(status->code)), log_bool("local", status->is_local),
		  log_int("attempts", call->attempts), log_int("sent_bytes", (int64_t)call->frame.len),
		  log_int("received_bytes", (int64_t)call->received_bytes), log_int("messages", (int64_t)call->messages),
		  log_int("ms", took_ms));
}

void count_end(struct grpc_channel *channel, const struct call *call, const struct grpc_status *status)
{
	int64_t took_ms = clock_monotonic_ms() - call->started_ms;
	pthread_mutex_lock(&channel->lock);
	struct grpc_method_count *row = row_of(channel, call->method);
	row->calls[status->code < GRPC_CODES ? status->code : GRPC_UNKNOWN]++;
	row->sent_bytes += atomic_load(&call->was_sent) ? call->frame.len : 0;
	row->received_bytes += call->received_bytes;
	row->total_ms += (uint64_t)took_ms;
	pthread_mutex_unlock(&channel->lock);
	if (channel->options.log != NULL && channel->options.log->level <= LEVEL_DEBUG)
		log_end(channel, call, status, took_ms);
}

void grpc_count(struct grpc_channel *channel, struct grpc_counts *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->counts;
	pthread_mutex_unlock(&channel->lock);
}
