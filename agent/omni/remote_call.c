#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "agent/omni/management.h"
#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* --- signing ----------------------------------------------------------------------------------------------------------- */

static bool sign(void *ctx, struct arena *arena, struct span method, const struct grpc_header *headers,
		 size_t header_count, struct grpc_header *out_headers, size_t *out_count, struct fail *fail)
{
	enum { SECOND_MS = 1000 };
	const struct remote_store *store = ctx;
	struct sign_header *signed_headers = ARENA_ARRAY(arena, struct sign_header, header_count + 1);
	struct signature made;
	for (size_t i = 0; i < header_count; i++)
		signed_headers[i] = (struct sign_header){headers[i].name, headers[i].value};
	if (!sign_cached(store->signatures, arena, method, signed_headers, header_count, clock_wall_ms() / SECOND_MS, &made, fail))
		return false;
	out_headers[0] = (struct grpc_header){SPAN("x-sidero-timestamp"), made.timestamp};
	out_headers[1] = (struct grpc_header){SPAN("x-sidero-payload"), made.payload};
	out_headers[2] = (struct grpc_header){SPAN("x-sidero-signature"), made.signature};
	*out_count = 3;
	return true;
}

struct grpc_signer remote_signer(struct remote_store *store)
{
	return (struct grpc_signer){sign, store};
}

/* --- time -------------------------------------------------------------------------------------------------------------- */

int64_t remote_deadline(const struct remote_store *store, int64_t deadline_ms)
{
	return deadline_ms != 0 ? deadline_ms : clock_monotonic_ms() + store->call_timeout_ms;
}

/* False: the store winds down. */
static bool sleep_in(struct remote_store *store, int64_t until_ms)
{
	struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (long)(until_ms % 1000) * 1000000};
	bool is_late = false;
	pthread_mutex_lock(&store->lock);
	while (!store->is_ending && !is_late)
		is_late = pthread_cond_timedwait(&store->ended, &store->lock, &until) == ETIMEDOUT;
	bool is_ending = store->is_ending;
	pthread_mutex_unlock(&store->lock);
	return !is_ending;
}

bool remote_pause(struct remote_store *store, unsigned try, int64_t first_ms, int64_t longest_ms, int64_t deadline_ms)
{
	enum { DOUBLINGS_MAX = 16 };
	uint32_t chance = 0;
	int64_t pause_ms = first_ms << (try > DOUBLINGS_MAX ? DOUBLINGS_MAX : try - 1);
	if (pause_ms > longest_ms)
		pause_ms = longest_ms;
	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) == (ssize_t)sizeof chance)
		pause_ms = pause_ms / 2 + (int64_t)(chance % (uint32_t)(pause_ms + 1));
	int64_t until_ms = clock_monotonic_ms() + pause_ms;
	return until_ms < deadline_ms && sleep_in(store, until_ms);
}

/* --- calls ------------------------------------------------------------------------------------------------------------- */

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2000 };

static struct grpc_request request_of(const struct remote_call *call, struct grpc_header *header, int64_t deadline_ms)
{
	*header = (struct grpc_header){SPAN(MANAGEMENT_CLUSTER_HEADER), call->cluster};
	return (struct grpc_request){.method = call->method,
				     .headers = header,
				     .header_count = call->cluster.len > 0,
				     .message = call->message,
				     .deadline_ms = deadline_ms,
				     .may_finish = call->is_write};
}

void remote_begin(struct remote_store *store, struct remote_call *call, bool is_many)
{
	struct grpc_header header;
	struct grpc_request request = request_of(call, &header, remote_deadline(store, call->deadline_ms));
	call->flight = is_many ? grpc_begin_many(store->channel, &request) : grpc_begin(store->channel, &request);
}

static bool may_repeat(struct remote_store *store, const struct remote_call *call, const struct grpc_status *status, unsigned try,
		       int64_t deadline_ms)
{
	if (call->is_only_try || try >= REMOTE_TRIES || !remote_is_transient(status) ||
	    !remote_pause(store, try, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, deadline_ms))
		return false;
	store->retries++;
	return true;
}

bool remote_call(struct remote_store *store, struct arena *arena, const struct remote_call *call, struct span *out_message,
		 bool *out_maybe_done, struct fail *fail)
{
	struct grpc_header header;
	int64_t deadline_ms = remote_deadline(store, call->deadline_ms);
	struct grpc_request request = request_of(call, &header, deadline_ms);
	bool maybe_done = false;
	for (unsigned try = 1;; try++) {
		struct grpc_status status = {0};
		bool is_good = call->flight != NULL && try == 1
				       ? grpc_finish(call->flight, arena, out_message, &status)
				       : grpc_call(store->channel, arena, &request, out_message, &status);
		if (!is_good && may_repeat(store, call, &status, try, deadline_ms)) {
			maybe_done |= status.was_sent;
			continue;
		}
		if (out_maybe_done != NULL)
			*out_maybe_done = maybe_done;
		return is_good || remote_fail(store, call->method, &status, true, fail);
	}
}

bool remote_call_many(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		      const struct remote_taker *taker, struct fail *fail)
{
	struct grpc_header header;
	int64_t deadline_ms = remote_deadline(store, call->deadline_ms);
	struct grpc_request request = request_of(call, &header, deadline_ms);
	for (unsigned try = 1;; try++) {
		struct grpc_status status = {0};
		taker->begin(taker->ctx);
		bool is_good = call->flight != NULL && try == 1
				       ? grpc_finish_many(call->flight, arena, taker->take, taker->ctx, &status)
				       : grpc_call_many(store->channel, arena, &request, taker->take, taker->ctx, &status);
		if (is_good)
			return true;
		if (!may_repeat(store, call, &status, try, deadline_ms))
			return remote_fail(store, call->method, &status, true, fail);
	}
}
