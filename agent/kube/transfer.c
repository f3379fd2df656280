/* Transfers: made by callers, handed to the client's thread, freed by whoever takes their end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kube/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"

static void add(struct transfers *list, struct transfer *transfer)
{
	transfer->prev = list->last;
	transfer->next = NULL;
	if (list->last == NULL)
		list->first = transfer;
	else
		list->last->next = transfer;
	list->last = transfer;
	list->count++;
}

void transfers_remove(struct transfers *list, struct transfer *transfer)
{
	if (transfer->prev == NULL)
		list->first = transfer->next;
	else
		transfer->prev->next = transfer->next;
	if (transfer->next == NULL)
		list->last = transfer->prev;
	else
		transfer->next->prev = transfer->prev;
	transfer->next = transfer->prev = NULL;
	list->count--;
}

static struct transfers *list_of(struct kube_client *client, enum place place)
{
	switch (place) {
	case PLACE_WAITING:
		return &client->waiting;
	case PLACE_ACTIVE:
		return &client->active;
	case PLACE_LATER:
		return &client->later;
	case PLACE_NONE:
		break;
	}
	return NULL;
}

void transfer_move(struct transfer *transfer, enum place place)
{
	struct transfers *from = list_of(transfer->client, transfer->place), *to = list_of(transfer->client, place);
	if (from != NULL)
		transfers_remove(from, transfer);
	transfer->place = place;
	if (to != NULL)
		add(to, transfer);
}

void client_wake(struct kube_client *client)
{
	uint64_t one = 1;
	while (write(client->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

bool client_is_thread(const struct kube_client *client)
{
	return pthread_equal(client->thread, pthread_self()) != 0;
}

static const char *const verbs[] = {
	[VERB_GET] = "GET", [VERB_POST] = "POST", [VERB_PUT] = "PUT", [VERB_PATCH] = "PATCH", [VERB_DELETE] = "DELETE", [VERB_WATCH] = "GET",
};

const char *answer_verb(enum verb verb)
{
	return verbs[verb];
}

static bool find_verb(const struct kube_request *request, bool is_stream, enum verb *out, struct fail *fail)
{
	for (enum verb verb = VERB_GET; verb < VERB_WATCH; verb++)
		if (strcmp(request->method, verbs[verb]) == 0) {
			*out = is_stream ? VERB_WATCH : verb;
			return true;
		}
	return fail_set(fail, FAIL_BUG, "there is no method %.20s", request->method);
}

static bool check_path(const char *path, struct fail *fail)
{
	for (const char *c = path; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return fail_set(fail, FAIL_BUG, "a path has a character in it that has to be escaped, at byte %zu", (size_t)(c - path));
	return path[0] == '/' || fail_set(fail, FAIL_BUG, "a path begins with a slash");
}

static int append(const char *bytes, size_t len, void *text)
{
	text_add(text, (struct span){bytes, len});
	return 0;
}

/* One block for the path and the two types. */
static void copy_strings(struct transfer *transfer, const struct kube_request *request)
{
	const char *content = request->content_type == NULL ? KUBE_JSON : request->content_type;
	const char *accept = request->accept == NULL ? KUBE_JSON : request->accept;
	size_t path_size = strlen(request->path) + 1, content_size = strlen(content) + 1, accept_size = strlen(accept) + 1;
	transfer->path = malloc(path_size + content_size + accept_size);
	if (transfer->path == NULL)
		abort();
	memcpy(transfer->path, request->path, path_size);
	transfer->content_type = memcpy(transfer->path + path_size, content, content_size);
	transfer->accept = memcpy(transfer->path + path_size + content_size, accept, accept_size);
}

struct transfer *transfer_new(struct kube_client *client, const struct kube_request *request, bool is_stream, struct fail *fail)
{
	enum verb verb = VERB_GET;
	if (!find_verb(request, is_stream, &verb, fail) || !check_path(request->path, fail))
		return NULL;
	struct transfer *transfer = calloc(1, sizeof *transfer);
	if (transfer == NULL)
		abort();
	*transfer = (struct transfer){.client = client, .verb = verb, .is_stream = is_stream, .started_ms = clock_monotonic_ms()};
	transfer->deadline_ms = is_stream || request->deadline_ms != 0 ? request->deadline_ms : transfer->started_ms + client->options.patience_ms;
	transfer->max_bytes = is_stream ? KUBE_ODD_MAX : request->max_bytes == 0 ? client->options.max_bytes : request->max_bytes;
	copy_strings(transfer, request);
	text_init(&transfer->body, TEXT_NO_LIMIT);
	text_init(&transfer->answer, transfer->max_bytes);
	if (request->body != NULL)
		json_dump_callback(request->body, append, &transfer->body, JSON_COMPACT | JSON_ENCODE_ANY);
	return transfer;
}

/* What is asked and answered may be a Secret; lists of other things are too large for that. */
static void wipe(struct text *text)
{
	enum { SECRET_MAX = 4 << 20 };
	if (text->len > 0 && text->len <= SECRET_MAX)
		explicit_bzero(text->ptr, text->len);
	text_done(text);
}

void transfer_free(struct transfer *transfer)
{
	free(transfer->path);
	wipe(&transfer->body);
	wipe(&transfer->answer);
	free(transfer);
}

bool transfer_submit(struct transfer *transfer)
{
	struct kube_client *client = transfer->client;
	pthread_mutex_lock(&client->lock);
	bool is_open = !client->is_closed, is_idle = client->is_idle;
	if (is_open) {
		add(&client->incoming, transfer);
		client->is_idle = false;
	}
	pthread_mutex_unlock(&client->lock);
	if (is_open && is_idle)
		client_wake(client);
	return is_open;
}
