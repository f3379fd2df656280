/* The client's thread: takes what callers hand in, starts what the limits allow, lets libcurl work, ends what is done. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/kube/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

enum { IDLE_MS = 60000, SERVER_STREAMS_MAX = 250, DEAD_MS = 10000 };

CURLM *client_new_multi(void)
{
	CURLM *multi = curl_multi_init();
	if (multi == NULL)
		abort();
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)SERVER_STREAMS_MAX);
	return multi;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- ends ----------------------------------------------------------------------------------------------------------------- */

/* Out of libcurl's hands; what was on the way is cancelled on the server. */
static void withdraw(struct transfer *transfer)
{
	if (transfer->is_in_multi)
		curl_multi_remove_handle(transfer->client->multi, transfer->easy);
	transfer->is_in_multi = false;
}

static void finish(struct transfer *transfer, const struct fail *fail)
{
	struct kube_client *client = transfer->client;
	withdraw(transfer);
	if (transfer->place == PLACE_ACTIVE)
		client->active_calls -= !transfer->is_stream;
	transfer_move(transfer, PLACE_NONE);
	pthread_mutex_lock(&client->lock);
	client->counts.failures += fail->code != FAIL_NONE && fail->code != FAIL_CANCELLED;
	pthread_mutex_unlock(&client->lock);
	if (client->options.log != NULL && client->options.log->level <= LEVEL_DEBUG)
		log_debug(client->options.log, "kubernetes", transfer->is_stream ? "watch" : "call", log_string("method", answer_verb(transfer->verb)),
			  log_span("path", answer_path(transfer)), log_string("code", fail_name(fail->code)), log_int("http", transfer->http_status),
			  log_int("attempts", transfer->attempts), log_int("ms", clock_monotonic_ms() - transfer->started_ms));
	kube_attempt_done(transfer);
	transfer->finish(transfer, fail);
}

static void cancel(struct transfer *transfer)
{
	struct fail fail;
	fail_set(&fail, FAIL_CANCELLED, "the connection to the Kubernetes API was closed by this program");
	finish(transfer, &fail);
}

static void count_retry(struct kube_client *client, long http_status)
{
	pthread_mutex_lock(&client->lock);
	client->counts.retries++;
	client->counts.throttled += http_status == 429;
	pthread_mutex_unlock(&client->lock);
}

static void go_later(struct transfer *transfer, int64_t at_ms)
{
	withdraw(transfer);
	transfer->client->active_calls -= !transfer->is_stream;
	transfer->retry_at_ms = at_ms;
	transfer_move(transfer, PLACE_LATER);
	count_retry(transfer->client, transfer->http_status);
}

/* Credentials or authorities may have changed since: once more with those of now, as soon as they are there. */
static bool goes_as_another(struct transfer *transfer)
{
	struct kube_client *client = transfer->client;
	bool may_help = transfer->http_status == 401 || (transfer->is_tls_refused && client->config.exec == NULL);
	if (!may_help || transfer->refreshes > 0 || !credential_refused(&client->credential, transfer->identity))
		return false;
	transfer->refreshes++;
	return true;
}

static bool goes_once_more(struct transfer *transfer, enum outcome outcome, const struct fail *fail, int64_t now_ms)
{
	struct kube_client *client = transfer->client;
	bool is_final = fail->code == FAIL_NONE || fail->code == FAIL_INVALID || fail->code == FAIL_PRECONDITION;
	if (is_final || outcome == OUTCOME_OURS)
		return false;
	if (transfer->is_stream && transfer->http_status == 200)
		return false;
	if (goes_as_another(transfer)) {
		go_later(transfer, now_ms);
		return true;
	}
	client->random = client->random * 6364136223846793005u + 1442695040888963407u;
	struct retry retry = {
		.is_write = transfer->verb != VERB_GET && transfer->verb != VERB_WATCH,
		.was_seen = outcome == OUTCOME_BROKEN,
		.http_status = outcome == OUTCOME_ANSWER ? transfer->http_status : 0,
		.retry_after_ms = transfer->retry_after_ms,
		.attempts = transfer->attempts,
		.now_ms = now_ms,
		.deadline_ms = transfer->deadline_ms,
		.random = client->random,
	};
	int64_t in_ms = retry_in_ms(&retry);
	if (in_ms >= 0)
		go_later(transfer, now_ms + in_ms);
	return in_ms >= 0;
}

/* Lines that were broken off by a callback are nobody's any more. */
static bool is_unwanted(struct transfer *transfer)
{
	if (transfer->is_unwanted == NULL)
		return false;
	pthread_mutex_lock(&transfer->client->lock);
	bool is = transfer->is_unwanted(transfer);
	pthread_mutex_unlock(&transfer->client->lock);
	return is;
}

static void collect(struct kube_client *client)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct transfer *transfer;
		CURLcode result = message->data.result;
		struct fail fail = {0};
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		enum outcome outcome = outcome_of(transfer, result, &fail);
		if (transfer->http_version != 0)
			client->is_http1 = transfer->http_version == 1;
		if (is_unwanted(transfer) || !goes_once_more(transfer, outcome, &fail, clock_monotonic_ms()))
			finish(transfer, &fail);
	}
}

/* --- beginnings ------------------------------------------------------------------------------------------------------------- */

static void begin(struct transfer *transfer)
{
	struct kube_client *client = transfer->client;
	struct fail fail;
	transfer_move(transfer, PLACE_ACTIVE);
	client->active_calls += !transfer->is_stream;
	kube_attempt_prepare(transfer);
	pthread_mutex_lock(&client->lock);
	client->counts.requests[transfer->verb]++;
	pthread_mutex_unlock(&client->lock);
	transfer->is_in_multi = curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK;
	if (transfer->is_in_multi)
		return;
	fail_set(&fail, FAIL_BUG, "a transfer could not be started");
	finish(transfer, &fail);
}

static bool has_room(const struct kube_client *client, const struct transfer *transfer)
{
	return transfer->is_stream || client->active_calls < (client->is_http1 ? KUBE_CALLS_HTTP1 : KUBE_CALLS_MAX);
}

static void end_without(struct kube_client *client, struct transfers *list)
{
	for (struct transfer *transfer = list->first, *next; transfer != NULL; transfer = next) {
		struct fail fail = client->credential.problem;
		next = transfer->next;
		fail_wrap(&fail, "%s %.*s", answer_verb(transfer->verb), SPAN_ARG(answer_path(transfer)));
		finish(transfer, &fail);
	}
}

/* In the order in which they came, those that were tried before first; streams wait for nothing but the rate. Returns when the
 * next one may start. */
static int64_t admit_from(struct kube_client *client, struct transfers *list, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	for (struct transfer *transfer = list->first, *next; transfer != NULL; transfer = next) {
		next = transfer->next;
		if (transfer->place == PLACE_LATER && transfer->retry_at_ms > now_ms) {
			next_ms = earlier(next_ms, transfer->retry_at_ms);
			continue;
		}
		if (!has_room(client, transfer))
			continue;
		int64_t in_ms = bucket_take(&client->bucket, client->options.rate, client->options.burst, now_ms);
		if (in_ms > 0)
			return earlier(next_ms, now_ms + in_ms);
		begin(transfer);
	}
	return next_ms;
}

static int64_t admit(struct kube_client *client, int64_t now_ms)
{
	if (client->waiting.first == NULL && client->later.first == NULL)
		return INT64_MAX;
	switch (credential_look(&client->credential, now_ms)) {
	case CREDENTIAL_COMING:
		return INT64_MAX;
	case CREDENTIAL_NONE:
		end_without(client, &client->later);
		end_without(client, &client->waiting);
		return INT64_MAX;
	case CREDENTIAL_READY:
		break;
	}
	int64_t later_ms = admit_from(client, &client->later, now_ms);
	return earlier(later_ms, admit_from(client, &client->waiting, now_ms));
}

/* --- given up, late, silent ------------------------------------------------------------------------------------------------- */

static void drop_unwanted(struct kube_client *client)
{
	struct transfers *lists[] = {&client->active, &client->later, &client->waiting};
	for (size_t i = 0; i < COUNT_OF(lists); i++)
		for (struct transfer *transfer = lists[i]->first, *next; transfer != NULL; transfer = next) {
			next = transfer->next;
			if (is_unwanted(transfer))
				cancel(transfer);
		}
}

static bool ends_now(struct transfer *transfer, int64_t now_ms, int64_t *next_ms, struct fail *fail)
{
	int64_t silent_at_ms = transfer->silence_ms == 0 ? INT64_MAX : transfer->heard_ms + transfer->silence_ms;
	int64_t late_at_ms = transfer->deadline_ms == 0 ? INT64_MAX : transfer->deadline_ms;
	if (transfer->place != PLACE_ACTIVE)
		silent_at_ms = INT64_MAX;
	*next_ms = earlier(*next_ms, earlier(silent_at_ms, late_at_ms));
	if (now_ms >= late_at_ms)
		return !kube_outcome_deadline(transfer, fail);
	if (now_ms < silent_at_ms)
		return false;
	fail_set(fail, FAIL_TIMEOUT, "%s %.*s: %s has been silent for %.1f s", answer_verb(transfer->verb), SPAN_ARG(answer_path(transfer)),
		 transfer->client->config.server, (double)(now_ms - transfer->heard_ms) / 1000);
	return true;
}

static int64_t end_late(struct kube_client *client, struct transfers *list, int64_t now_ms, bool *is_dead)
{
	int64_t next_ms = INT64_MAX;
	for (struct transfer *transfer = list->first, *next; transfer != NULL; transfer = next) {
		struct fail fail;
		int64_t own_ms = INT64_MAX;
		next = transfer->next;
		if (!ends_now(transfer, now_ms, &own_ms, &fail)) {
			next_ms = earlier(next_ms, own_ms);
			continue;
		}
		*is_dead |= transfer->connects > 0 && client->is_unanswered && now_ms - client->asked_ms >= DEAD_MS;
		finish(transfer, &fail);
	}
	return next_ms;
}

/* Nothing was heard since the first call that was not answered: the connection is given up, with everything on it. A multi handle
 * is where connections live: a new one is the sure way to be rid of them. */
static void end_dead(struct kube_client *client, int64_t now_ms)
{
	for (struct transfer *transfer = client->active.first, *next; transfer != NULL; transfer = next) {
		struct fail fail;
		next = transfer->next;
		fail_set(&fail, FAIL_UNAVAILABLE, "%s %.*s: %s has been silent for %.1f s and is taken for dead", answer_verb(transfer->verb),
			 SPAN_ARG(answer_path(transfer)), client->config.server, (double)(now_ms - client->asked_ms) / 1000);
		finish(transfer, &fail);
	}
	client->is_unanswered = false;
	curl_multi_cleanup(client->multi);
	client->multi = client_new_multi();
}

static int64_t end_all_late(struct kube_client *client, int64_t now_ms)
{
	bool is_dead = false;
	int64_t next_ms = end_late(client, &client->active, now_ms, &is_dead);
	next_ms = earlier(next_ms, end_late(client, &client->later, now_ms, &is_dead));
	next_ms = earlier(next_ms, end_late(client, &client->waiting, now_ms, &is_dead));
	if (is_dead)
		end_dead(client, now_ms);
	return next_ms;
}

/* --- winding down ----------------------------------------------------------------------------------------------------------- */

static void end_list(struct transfers *list, bool spares_writes)
{
	for (struct transfer *transfer = list->first, *next; transfer != NULL; transfer = next) {
		next = transfer->next;
		bool is_read = transfer->verb == VERB_GET || transfer->verb == VERB_WATCH;
		if (!spares_writes || is_read)
			cancel(transfer);
	}
}

static void end_lists(struct kube_client *client, bool spares_writes)
{
	end_list(&client->active, spares_writes);
	end_list(&client->later, spares_writes);
	end_list(&client->waiting, spares_writes);
}

static void shorten(struct transfers *list, int64_t finish_by_ms)
{
	for (struct transfer *transfer = list->first; transfer != NULL; transfer = transfer->next)
		transfer->deadline_ms = earlier(transfer->deadline_ms, finish_by_ms);
}

/* Once: what was under way. What comes later is made, with this deadline, but no watch any more. */
static void wind_down(struct kube_client *client, int64_t finish_by_ms)
{
	end_lists(client, true);
	shorten(&client->active, finish_by_ms);
	shorten(&client->later, finish_by_ms);
	shorten(&client->waiting, finish_by_ms);
}

/* --- the loop ----------------------------------------------------------------------------------------------------------------- */

static void take_one(struct transfer *transfer, int64_t finish_by_ms)
{
	transfer_move(transfer, PLACE_WAITING);
	if (finish_by_ms == 0)
		return;
	if (transfer->is_stream)
		cancel(transfer);
	else
		transfer->deadline_ms = earlier(transfer->deadline_ms, finish_by_ms);
}

static bool take_incoming(struct kube_client *client)
{
	pthread_mutex_lock(&client->lock);
	struct transfers fresh = client->incoming;
	client->incoming = (struct transfers){0};
	bool is_open = !client->is_closing, has_unwanted = client->has_unwanted, winds_down = client->winds_down;
	int64_t finish_by_ms = client->finish_by_ms;
	client->has_unwanted = client->winds_down = client->is_idle = false;
	pthread_mutex_unlock(&client->lock);
	if (winds_down)
		wind_down(client, finish_by_ms);
	while (fresh.first != NULL) {
		struct transfer *transfer = fresh.first;
		transfers_remove(&fresh, transfer);
		take_one(transfer, finish_by_ms);
	}
	if (has_unwanted)
		drop_unwanted(client);
	return is_open;
}

/* libcurl (7.88 at least) sometimes keeps the end of what it has read from an HTTP/2 connection to itself and waits for
 * more. Being asked again brings it out: so it is, in growing distances, for a while after the last bytes. */
static int64_t nudge(const struct kube_client *client, int64_t now_ms)
{
	enum { LONG_ENOUGH_MS = 10000 };
	int64_t quiet_ms = now_ms - client->heard_ms;
	return client->active.count == 0 || quiet_ms >= LONG_ENOUGH_MS ? INT64_MAX : now_ms + quiet_ms / 2 + 1;
}

static void wait_for_work(struct kube_client *client, int64_t until_ms)
{
	struct curl_waitfd wake = {.fd = client->wake_fd, .events = CURL_WAIT_POLLIN};
	uint64_t count;
	pthread_mutex_lock(&client->lock);
	client->is_idle = client->incoming.first == NULL && !client->has_unwanted && !client->winds_down && !client->is_closing;
	bool is_idle = client->is_idle;
	until_ms = earlier(until_ms, posts_next(&client->posts));
	pthread_mutex_unlock(&client->lock);
	if (!is_idle)
		return;
	int64_t wait_ms = until_ms - clock_monotonic_ms();
	wait_ms = wait_ms < 0 ? 0 : earlier(wait_ms, IDLE_MS);
	curl_multi_poll(client->multi, &wake, 1, (int)wait_ms, NULL);
	if (wake.revents != 0 && read(client->wake_fd, &count, sizeof count) < 0)
		count = 0;
}

/* After this nobody gets in. */
static void end(struct kube_client *client)
{
	bool is_closed = false;
	while (!is_closed) {
		end_lists(client, false);
		take_incoming(client);
		pthread_mutex_lock(&client->lock);
		bool is_empty = client->waiting.first == NULL && client->incoming.first == NULL;
		client->is_closed = is_closed = is_empty;
		pthread_mutex_unlock(&client->lock);
	}
}

void *client_drive(void *ctx)
{
	struct kube_client *client = ctx;
	while (take_incoming(client)) {
		int running;
		int64_t now_ms = clock_monotonic_ms();
		posts_run(client, now_ms);
		admit(client, now_ms);
		curl_multi_perform(client->multi, &running);
		collect(client);
		now_ms = clock_monotonic_ms();
		int64_t late_ms = end_all_late(client, now_ms);
		int64_t next_ms = earlier(admit(client, now_ms), late_ms); /* what has become possible */
		wait_for_work(client, earlier(next_ms, nudge(client, now_ms)));
	}
	end(client);
	return NULL;
}
