/* Requests with one answer: waited for, or handed to a function. */
#include "agent/kube/internal.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"

static bool parse(const struct transfer *transfer, json_t **out, struct fail *fail)
{
	struct fail why = {0};
	*out = kube_json_read(text_span(&transfer->answer), &why);
	if (*out != NULL)
		return true;
	return fail_set(fail, FAIL_PROTOCOL, "%s %.*s: the answer of %s: %s", answer_verb(transfer->verb), SPAN_ARG(answer_path(transfer)),
			transfer->client->config.server, why.text);
}

/* --- waiting ------------------------------------------------------------------------------------------------------------ */

struct waiter {
	struct transfer *transfer;
	struct fail *fail;
	bool is_done, is_fine;
};

static void finish_waiting(struct transfer *transfer, const struct fail *fail)
{
	struct kube_client *client = transfer->client;
	struct waiter *waiter = transfer->ctx;
	waiter->is_fine = fail->code == FAIL_NONE;
	if (!waiter->is_fine && waiter->fail != NULL)
		*waiter->fail = *fail;
	pthread_mutex_lock(&client->lock);
	waiter->is_done = true;
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
}

static void wait_for(struct kube_client *client, const struct waiter *waiter)
{
	pthread_mutex_lock(&client->lock);
	while (!waiter->is_done)
		pthread_cond_wait(&client->changed, &client->lock);
	pthread_mutex_unlock(&client->lock);
}

static bool enter(struct kube_client *client)
{
	pthread_mutex_lock(&client->lock);
	bool is_open = !client->is_closing;
	client->callers += is_open;
	pthread_mutex_unlock(&client->lock);
	return is_open;
}

static void leave(struct kube_client *client)
{
	pthread_mutex_lock(&client->lock);
	client->callers--;
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
}

static bool refuse_closed(struct fail *fail)
{
	return fail_set(fail, FAIL_CANCELLED, "the connection to the Kubernetes API was closed by this program");
}

/* The answer is read on the caller's thread: a large one does not hold up the others. */
static bool call(struct kube_client *client, const struct kube_request *request, json_t **out, struct fail *fail)
{
	struct transfer *transfer = transfer_new(client, request, false, fail);
	if (transfer == NULL)
		return false;
	struct waiter waiter = {.transfer = transfer, .fail = fail};
	json_t *answer = NULL;
	transfer->finish = finish_waiting;
	transfer->ctx = &waiter;
	bool is_fine = transfer_submit(transfer) || refuse_closed(fail);
	if (is_fine) {
		wait_for(client, &waiter);
		is_fine = waiter.is_fine && (out == NULL || parse(transfer, &answer, fail));
	}
	transfer_free(transfer);
	if (is_fine && out != NULL)
		*out = answer;
	return is_fine;
}

bool kube_call(struct kube_client *client, const struct kube_request *request, json_t **out, struct fail *fail)
{
	if (client_is_thread(client))
		return fail_set(fail, FAIL_BUG, "%s %s: the client's own thread cannot wait for an answer", request->method, request->path);
	if (!enter(client))
		return refuse_closed(fail);
	bool is_fine = call(client, request, out, fail);
	leave(client);
	return is_fine;
}

/* --- without waiting ------------------------------------------------------------------------------------------------------ */

static void finish_started(struct transfer *transfer, const struct fail *fail)
{
	struct fail why = *fail;
	json_t *answer = NULL;
	if (why.code == FAIL_NONE)
		(void)parse(transfer, &answer, &why);
	transfer->done(transfer->ctx, answer, &why);
	json_decref(answer);
	transfer_free(transfer);
}

void kube_start(struct kube_client *client, const struct kube_request *request,
		void (*done)(void *ctx, json_t *answer, const struct fail *fail), void *ctx)
{
	struct fail fail = {0};
	struct transfer *transfer = transfer_new(client, request, false, &fail);
	if (transfer == NULL) {
		done(ctx, NULL, &fail);
		return;
	}
	transfer->finish = finish_started;
	transfer->done = done;
	transfer->ctx = ctx;
	if (transfer_submit(transfer))
		return;
	refuse_closed(&fail);
	finish_started(transfer, &fail);
}
