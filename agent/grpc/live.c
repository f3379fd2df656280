/* Is the other side still there? An idle stream says nothing for hours, and a machine that vanishes does not say goodbye.
 * After a third of the allowed silence a cheap call is sent, also when only a call was not answered for so long; when
 * that call, or in full silence one of somebody else, has no answer for the rest, the connection is given up and everything
 * on it ends. */
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
	bool is_ignored = atomic_load(&call->was_sent) && call->response.phase == RESPONSE_NOTHING;
	channel->wants_probe |= is_ignored;
	channel->is_unanswered |= is_ignored && channel->heard_ms <= call->started_ms;
}

/* A multi handle is where connections live: a new one is the sure way to be rid of them. */
static void forget_connections(struct grpc_channel *channel)
{
	curl_multi_cleanup(channel->multi);
	channel->multi = channel_new_multi(channel);
	channel->is_unanswered = channel->wants_probe = false;
}

static void end_all(struct grpc_channel *channel, const char *what, int64_t since_ms)
{
	struct call *call;
	while ((call = channel->active.first) != NULL) {
		struct grpc_status status;
		outcome_local(call, &status, GRPC_UNAVAILABLE, "%s %s %.1f s and is taken for dead; a new connection is made",
			      channel->options.endpoint.url, what, (double)since_ms / 1000);
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
	channel->wants_probe = false;
	if (options->probe_method == NULL || channel->has_probe)
		return;
	struct call *call = call_new(channel, CALL_PROBE, &request, &status);
	if (call == NULL)
		return;
	call_release(call); /* nobody waits for it */
	channel->is_unanswered = true;
	channel->probe_ms = now_ms;
	channel->has_probe = channel_begin(channel, call);
}

/* A call that got no answer for as long as silence may last: perhaps only one direction is dead, and events still come. */
static int64_t look_at_calls(struct grpc_channel *channel, int64_t now_ms)
{
	int64_t patience_ms = channel->options.dead_after_ms / 3, next_ms = INT64_MAX;
	for (const struct call *call = channel->active.first; call != NULL; call = call->next) {
		bool is_asking = (call->kind == CALL_ONE || call->kind == CALL_MANY) && atomic_load(&call->was_sent);
		if (!is_asking || call->response.phase != RESPONSE_NOTHING)
			continue;
		int64_t due_ms = call->attempt_ms + patience_ms;
		if (due_ms <= now_ms)
			channel->wants_probe = true;
		else
			next_ms = due_ms < next_ms ? due_ms : next_ms;
	}
	return next_ms;
}

static int64_t tend_probe(struct grpc_channel *channel, int64_t now_ms)
{
	if (channel->wants_probe && !channel->has_probe && now_ms >= channel->next_probe_ms)
		probe(channel, now_ms);
	if (channel->has_probe)
		return channel->probe_ms + channel->options.dead_after_ms * 2 / 3;
	return channel->wants_probe ? channel->next_probe_ms : INT64_MAX;
}

static int64_t tend_silence(struct grpc_channel *channel, int64_t now_ms)
{
	int64_t dead_after_ms = channel->options.dead_after_ms;
	if (channel->active_streams == 0 && !channel->is_unanswered) {
		channel->quiet_since_ms = now_ms;
		return INT64_MAX;
	}
	int64_t silent_ms = now_ms - channel->quiet_since_ms;
	if (silent_ms >= dead_after_ms && channel->is_unanswered) {
		end_all(channel, "has been silent for", silent_ms);
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

int64_t live_tend(struct grpc_channel *channel, int64_t now_ms)
{
	if (channel->active.count == 0 && channel->is_unanswered)
		forget_connections(channel);
	int64_t next_ms = look_at_calls(channel, now_ms), unanswered_ms = now_ms - channel->probe_ms;
	if (channel->has_probe && unanswered_ms >= channel->options.dead_after_ms * 2 / 3)
		end_all(channel, "has not answered for", unanswered_ms);
	int64_t probe_ms = tend_probe(channel, now_ms), silence_ms = tend_silence(channel, now_ms);
	next_ms = probe_ms < next_ms ? probe_ms : next_ms;
	return silence_ms < next_ms ? silence_ms : next_ms;
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
