/* Is the other side still there? An idle stream says nothing for hours, and a machine that vanishes does not say goodbye.
 * After a third of the allowed silence a cheap call is sent; when the silence has lasted and that call, or one of somebody
 * else, is without an answer, the connection is given up and everything on it ends. */
#include "agent/grpc/internal.h"

void live_heard(struct grpc_channel *channel, int64_t now_ms)
{
	if (!channel->has_heard)
		return;
	channel->quiet_since_ms = channel->heard_ms = now_ms;
	channel->has_heard = channel->is_unanswered = false;
}

void live_timed_out(struct grpc_channel *channel, const struct call *call)
{
	if (atomic_load(&call->was_sent) && call->response.phase == RESPONSE_NOTHING && channel->heard_ms <= call->started_ms)
		channel->is_unanswered = true;
}

/* A multi handle is where connections live: a new one is the sure way to be rid of them. */
static void forget_connections(struct grpc_channel *channel)
{
	curl_multi_cleanup(channel->multi);
	channel->multi = channel_new_multi(channel);
	channel->is_unanswered = false;
}

static void end_all(struct grpc_channel *channel, int64_t silent_ms)
{
	struct call *call;
	while ((call = channel->active.first) != NULL) {
		struct grpc_status status;
		outcome_local(call, &status, GRPC_UNAVAILABLE, "%s has been silent for %.1f s and is taken for dead; a new connection is made",
			      channel->options.endpoint.url, (double)silent_ms / 1000);
		channel_finish(channel, call, &status);
	}
	forget_connections(channel);
}

static void probe(struct grpc_channel *channel, int64_t now_ms)
{
	const struct grpc_options *options = &channel->options;
	struct grpc_status status;
	struct grpc_request request = {
		.method = options->probe_method,
		.message = options->probe_request,
		.deadline_ms = now_ms + 2 * options->dead_after_ms, /* ended by the silence, not by this */
	};
	channel->next_probe_ms = now_ms + options->dead_after_ms / 3;
	if (options->probe_method == NULL || channel->has_probe)
		return;
	struct call *call = call_new(channel, CALL_PROBE, &request, &status);
	if (call == NULL)
		return;
	call_release(call); /* nobody waits for it */
	channel->is_unanswered = true;
	channel->has_probe = channel_begin(channel, call);
}

int64_t live_tend(struct grpc_channel *channel, int64_t now_ms)
{
	int64_t dead_after_ms = channel->options.dead_after_ms;
	if (channel->active.count == 0 && channel->is_unanswered)
		forget_connections(channel);
	if (channel->active_streams == 0 && !channel->is_unanswered) {
		channel->quiet_since_ms = now_ms;
		return INT64_MAX;
	}
	int64_t silent_ms = now_ms - channel->quiet_since_ms;
	if (silent_ms >= dead_after_ms && channel->is_unanswered) {
		end_all(channel, silent_ms);
		return INT64_MAX;
	}
	int64_t probe_at_ms = channel->quiet_since_ms + dead_after_ms / 3;
	if (probe_at_ms < channel->next_probe_ms)
		probe_at_ms = channel->next_probe_ms;
	if (now_ms >= probe_at_ms)
		probe(channel, now_ms);
	int64_t dead_at_ms = channel->quiet_since_ms + dead_after_ms;
	int64_t again_ms = channel->has_probe || probe_at_ms <= now_ms ? channel->next_probe_ms : probe_at_ms;
	return channel->is_unanswered && dead_at_ms < again_ms ? dead_at_ms : again_ms;
}

/* libcurl (7.88 at least) sometimes keeps the end of what it has read from an HTTP/2 connection to itself and waits for
 * more. Being asked again brings it out: so it is, in growing distances, for a while after the last bytes. */
int64_t live_nudge(const struct grpc_channel *channel, int64_t now_ms)
{
	enum { LONG_ENOUGH_MS = 10000 };
	int64_t quiet_ms = now_ms - channel->heard_ms;
	if (channel->active.count == 0 || quiet_ms >= LONG_ENOUGH_MS)
		return INT64_MAX;
	return now_ms + quiet_ms / 2 + 1;
}
