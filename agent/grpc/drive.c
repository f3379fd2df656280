/* The channel's thread: takes what callers hand in, starts what the limits allow, lets libcurl work, ends what is done. */
#include <errno.h>
#include <unistd.h>

#include "agent/grpc/internal.h"
#include "base/clock.h"

enum { CREDIT_PER_CALL = 1000, RETRY_BASE_MS = 100, IDLE_MS = 60000 };

CURLM *channel_new_multi(const struct grpc_channel *channel)
{
	CURLM *multi = curl_multi_init();
	if (multi == NULL)
		abort();
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, channel->is_reuse_broken ? (long)CURLPIPE_NOTHING : (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)SERVER_STREAMS_MAX);
	return multi;
}

/* --- ends --------------------------------------------------------------------------------------------------------------- */

static struct call_list *list_of(struct grpc_channel *channel, const struct call *call)
{
	switch (call->place) {
	case PLACE_WAITING:
		return call->kind == CALL_STREAM ? &channel->waiting_streams : &channel->waiting_calls;
	case PLACE_ACTIVE:
		return &channel->active;
	case PLACE_LATER:
		return &channel->later;
	case PLACE_NONE:
		break;
	}
	return NULL;
}

static void move(struct grpc_channel *channel, struct call *call, enum call_place place)
{
	struct call_list *from = list_of(channel, call);
	if (from != NULL)
		list_remove(from, call);
	call->place = place;
	struct call_list *to = list_of(channel, call);
	if (to != NULL)
		list_add(to, call);
}

/* Out of libcurl's hands; what was on the way is cancelled on the server. */
static void withdraw(struct grpc_channel *channel, struct call *call)
{
	if (call->is_in_multi)
		curl_multi_remove_handle(channel->multi, call->easy);
	call->is_in_multi = false;
}

static void show_open(struct grpc_channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	channel->counts.open_calls = channel->active_calls;
	channel->counts.open_streams = channel->active_streams;
	pthread_mutex_unlock(&channel->lock);
}

static void leave_active(struct grpc_channel *channel, const struct call *call)
{
	if (call->place != PLACE_ACTIVE && call->place != PLACE_LATER)
		return;
	channel->active_calls -= call->kind == CALL_ONE || call->kind == CALL_MANY;
	channel->active_streams -= call->kind == CALL_STREAM;
	if (call->kind == CALL_PROBE)
		channel->has_probe = false;
}

void channel_finish(struct grpc_channel *channel, struct call *call, const struct grpc_status *status)
{
	withdraw(channel, call);
	leave_active(channel, call);
	move(channel, call, PLACE_NONE);
	count_end(channel, call, status);
	call_end(call, status);
	call_release(call);
}

static void retry_later(struct grpc_channel *channel, struct call *call, int64_t now_ms)
{
	channel->random = channel->random * 6364136223846793005u + 1442695040888963407u;
	int64_t base_ms = RETRY_BASE_MS << (call->attempts - 1);
	withdraw(channel, call);
	call->retry_at_ms = now_ms + base_ms / 2 + (int64_t)(channel->random >> 33) % base_ms;
	move(channel, call, PLACE_LATER);
	pthread_mutex_lock(&channel->lock);
	channel->counts.retries++;
	pthread_mutex_unlock(&channel->lock);
}

/* Only what no server has processed goes out once more. */
static bool may_retry(struct call *call, enum outcome outcome, const struct grpc_status *status, int64_t now_ms)
{
	if (outcome == OUTCOME_END || status->is_permanent || call->kind == CALL_PROBE || call->attempts >= ATTEMPTS_MAX)
		return false;
	if (outcome == OUTCOME_REFUSED && ++call->refusals > REFUSALS_MAX)
		return false;
	return call->deadline_ms == 0 || now_ms + 2 * RETRY_BASE_MS < call->deadline_ms;
}

static void collect(struct grpc_channel *channel)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(channel->multi, &left)) != NULL) {
		struct call *call;
		struct grpc_status status;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		enum outcome outcome = outcome_read(call, result, &status);
		int64_t now_ms = clock_monotonic_ms();
		if (may_retry(call, outcome, &status, now_ms))
			retry_later(channel, call, now_ms);
		else
			channel_finish(channel, call, &status);
	}
}

/* --- beginnings --------------------------------------------------------------------------------------------------------- */

/* To libcurl; false: it has ended already. */
static bool attempt(struct grpc_channel *channel, struct call *call)
{
	struct grpc_status status;
	move(channel, call, PLACE_ACTIVE);
	if (!attempt_prepare(call, &status)) {
		channel_finish(channel, call, &status);
		return false;
	}
	call->is_in_multi = curl_multi_add_handle(channel->multi, call->easy) == CURLM_OK;
	if (call->is_in_multi)
		return true;
	outcome_local(call, &status, GRPC_INTERNAL, "the transfer could not be started");
	channel_finish(channel, call, &status);
	return false;
}

bool channel_begin(struct grpc_channel *channel, struct call *call)
{
	channel->active_calls += call->kind == CALL_ONE || call->kind == CALL_MANY;
	channel->active_streams += call->kind == CALL_STREAM;
	return attempt(channel, call);
}

/* A tenth of a second's calls may go at once, then they follow each other evenly. */
static bool has_credit(struct grpc_channel *channel, int64_t now_ms)
{
	int64_t rate = channel->options.calls_per_second;
	if (rate == 0)
		return true;
	int64_t most = rate / 10 > 1 ? rate / 10 * CREDIT_PER_CALL : CREDIT_PER_CALL;
	channel->credit += (now_ms - channel->credit_at_ms) * rate;
	if (channel->credit > most)
		channel->credit = most;
	channel->credit_at_ms = now_ms;
	return channel->credit >= CREDIT_PER_CALL;
}

/* Streams wait for nothing but the rate; calls in the order in which they came. */
static struct call *next_waiting(const struct grpc_channel *channel)
{
	struct call *stream = channel->waiting_streams.first, *call = channel->waiting_calls.first;
	if (channel->active_calls >= channel->options.max_calls)
		call = NULL;
	if (stream == NULL || call == NULL)
		return stream == NULL ? call : stream;
	return stream->started_ms <= call->started_ms ? stream : call;
}

/* Returns when the next one may start. */
static int64_t admit(struct grpc_channel *channel, int64_t now_ms)
{
	struct call *call;
	while ((call = next_waiting(channel)) != NULL) {
		if (!has_credit(channel, now_ms))
			return now_ms + (CREDIT_PER_CALL - channel->credit) / channel->options.calls_per_second + 1;
		channel->credit -= CREDIT_PER_CALL;
		channel_begin(channel, call);
	}
	return INT64_MAX;
}

static int64_t retry_due(struct grpc_channel *channel, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	for (struct call *call = channel->later.first, *next; call != NULL; call = next) {
		next = call->next;
		if (call->retry_at_ms <= now_ms)
			attempt(channel, call);
		else if (call->retry_at_ms < next_ms)
			next_ms = call->retry_at_ms;
	}
	return next_ms;
}

/* --- given up, late ------------------------------------------------------------------------------------------------------ */

static void drop_abandoned(struct grpc_channel *channel)
{
	struct call_list *lists[] = {&channel->active, &channel->later, &channel->waiting_calls, &channel->waiting_streams};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (struct call *call = lists[i]->first, *next; call != NULL; call = next) {
			next = call->next;
			if (!atomic_load(&call->is_abandoned))
				continue;
			struct grpc_status status = {.code = call->abandoned_as, .is_local = true};
			if (status.code == GRPC_DEADLINE_EXCEEDED)
				live_timed_out(channel, call);
			channel_finish(channel, call, &status);
		}
}

/* Callers look at the clock themselves; streams have nobody who does. */
static int64_t end_late(struct grpc_channel *channel, struct call_list *list, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	for (struct call *call = list->first, *next; call != NULL; call = next) {
		next = call->next;
		if ((call->kind != CALL_STREAM && call->kind != CALL_PROBE) || call->deadline_ms == 0)
			continue;
		if (call->deadline_ms > now_ms) {
			next_ms = call->deadline_ms < next_ms ? call->deadline_ms : next_ms;
			continue;
		}
		struct grpc_status status;
		outcome_deadline(call, &status);
		channel_finish(channel, call, &status);
	}
	return next_ms;
}

static void end_lists(struct grpc_channel *channel, bool spares_some)
{
	struct call_list *lists[] = {&channel->active, &channel->later, &channel->waiting_calls, &channel->waiting_streams};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (struct call *call = lists[i]->first, *next; call != NULL; call = next) {
			struct grpc_status status;
			next = call->next;
			if (spares_some && call->may_finish)
				continue;
			outcome_local(call, &status, GRPC_CANCELLED, "the connection was closed by this program");
			channel_finish(channel, call, &status);
		}
	show_open(channel);
}

static int64_t wind_down(struct grpc_channel *channel, int64_t now_ms)
{
	pthread_mutex_lock(&channel->lock);
	int64_t finish_by_ms = channel->finish_by_ms;
	pthread_mutex_unlock(&channel->lock);
	if (finish_by_ms == 0)
		return INT64_MAX;
	end_lists(channel, now_ms < finish_by_ms);
	return now_ms < finish_by_ms ? finish_by_ms : INT64_MAX;
}

/* --- the loop ------------------------------------------------------------------------------------------------------------ */

static bool take_incoming(struct grpc_channel *channel)
{
	struct call *call;
	pthread_mutex_lock(&channel->lock);
	bool is_open = !channel->is_closing, has_abandoned = channel->has_abandoned;
	channel->has_abandoned = channel->is_idle = false;
	while ((call = list_take(&channel->incoming)) != NULL)
		move(channel, call, PLACE_WAITING);
	pthread_mutex_unlock(&channel->lock);
	if (has_abandoned)
		drop_abandoned(channel);
	return is_open;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void wait_for_work(struct grpc_channel *channel, int64_t until_ms)
{
	struct curl_waitfd wake = {.fd = channel->wake_fd, .events = CURL_WAIT_POLLIN};
	uint64_t count;
	pthread_mutex_lock(&channel->lock);
	channel->is_idle = channel->incoming.first == NULL && !channel->has_abandoned && !channel->is_closing;
	bool is_idle = channel->is_idle;
	channel->counts.open_calls = channel->active_calls;
	channel->counts.open_streams = channel->active_streams;
	pthread_mutex_unlock(&channel->lock);
	if (!is_idle)
		return;
	int64_t wait_ms = until_ms - clock_monotonic_ms();
	wait_ms = wait_ms < 0 ? 0 : earlier(wait_ms, IDLE_MS);
	curl_multi_poll(channel->multi, &wake, 1, (int)wait_ms, NULL);
	if (wake.revents != 0 && read(channel->wake_fd, &count, sizeof count) < 0)
		count = 0;
}

void *channel_drive(void *ctx)
{
	struct grpc_channel *channel = ctx;
	while (take_incoming(channel)) {
		int running;
		int64_t now_ms = clock_monotonic_ms();
		int64_t finish_ms = wind_down(channel, now_ms);
		retry_due(channel, now_ms);
		admit(channel, now_ms);
		curl_multi_perform(channel->multi, &running);
		now_ms = clock_monotonic_ms();
		live_heard(channel, now_ms);
		collect(channel);
		int64_t next_ms = earlier(retry_due(channel, now_ms), admit(channel, now_ms)); /* what has become possible */
		next_ms = earlier(next_ms, end_late(channel, &channel->active, now_ms));
		next_ms = earlier(next_ms, end_late(channel, &channel->waiting_streams, now_ms));
		next_ms = earlier(next_ms, end_late(channel, &channel->later, now_ms));
		next_ms = earlier(next_ms, live_tend(channel, now_ms));
		next_ms = earlier(earlier(next_ms, finish_ms), live_nudge(channel, now_ms));
		wait_for_work(channel, next_ms);
	}
	end_lists(channel, false);
	return NULL;
}
