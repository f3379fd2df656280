/* Events on their way: a few at a time, beside everything else. One that the server does not take is forgotten. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/clock.h"

enum { POSTS_MAX = 5000, POSTING_MAX = 4, POST_TIMEOUT_MS = 30000 };

struct post {
	struct post *next;
	struct controller *controller;
	struct event_request request;
};

void events_add(struct controller *controller, const struct event_about *about, const struct status_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct event_request request = event_book_take(controller->book, about, &events[i], clock_monotonic_ms(), clock_wall_ms());
		if (request.method == NULL)
			continue;
		if (controller->post_count == POSTS_MAX) {
			event_book_forget(controller->book, request.key);
			event_request_done(&request);
			continue;
		}
		struct post *post = calloc(1, sizeof *post);
		if (post == NULL)
			abort();
		*post = (struct post){.controller = controller, .request = request};
		*controller->posts_end = post;
		controller->posts_end = &post->next;
		controller->post_count++;
	}
}

static struct post *take(struct controller *controller)
{
	struct post *post = controller->posts;
	controller->posts = post->next;
	if (controller->posts == NULL)
		controller->posts_end = &controller->posts;
	controller->post_count--;
	return post;
}

static void free_post(struct post *post)
{
	event_request_done(&post->request);
	free(post);
}

/* Nothing waits for it. */
static void on_answer(void *ctx, json_t *answer, const struct fail *fail)
{
	struct post *post = ctx;
	struct controller *controller = post->controller;
	pthread_mutex_lock(&controller->lock);
	if (answer == NULL || (fail != NULL && fail->code != FAIL_NONE))
		event_book_forget(controller->book, post->request.key);
	else
		controller->counts.events++;
	controller->posting--;
	pthread_cond_broadcast(&controller->wake);
	free_post(post);
	release_user(controller);
}

void events_send(struct controller *controller)
{
	while (controller->posts != NULL && controller->posting < POSTING_MAX) {
		struct post *post = take(controller);
		controller->posting++;
		controller->users++;
		pthread_mutex_unlock(&controller->lock);
		const struct kube_request request = {.method = post->request.method, .path = post->request.path,
						     .body = post->request.body,
						     .content_type = strcmp(post->request.method, "PATCH") == 0 ? KUBE_MERGE : KUBE_JSON,
						     .deadline_ms = clock_monotonic_ms() + POST_TIMEOUT_MS};
		kube_start(controller->options.client, &request, on_answer, post);
		pthread_mutex_lock(&controller->lock);
	}
}

void events_drop(struct controller *controller)
{
	while (controller->posts != NULL)
		free_post(take(controller));
}
