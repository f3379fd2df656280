#include "agent/controller/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crds/kinds.h"

static const int64_t GRACE_MS = 30000;

/* --- whose turn it is ----------------------------------------------------------------------------------------------------- */

/* A finalizer goes before everything: nothing is done about the object without it. */
enum turn_class usual_class(const struct subject *subject)
{
	if (subject_is_part(subject))
		return TURN_PART;
	return subject->is_deleted || !subject->has_finalizer ? TURN_URGENT : TURN_STATUS;
}

void wake_subject(struct controller *controller, struct subject *subject, enum turn_class class, int64_t delay_ms)
{
	turns_add(&controller->turns, &subject->turn, class, delay_ms, clock_monotonic_ms());
	pthread_cond_signal(&controller->wake);
}

void wake_children(struct controller *controller, struct subject *subject)
{
	for (struct subject *child = subject->children; child != NULL; child = child->next_sibling)
		wake_subject(controller, child, usual_class(child), 0);
}

void wake_all(struct controller *controller)
{
	for (size_t i = 0; i < controller->subjects.slot_count; i++)
		for (struct subject *s = controller->subjects.slots[i]; s != NULL; s = s->next_in_slot)
			if (s->is_there)
				wake_subject(controller, s, usual_class(s), 0);
}

void controller_look(struct controller *controller)
{
	pthread_mutex_lock(&controller->lock);
	wake_all(controller);
	pthread_mutex_unlock(&controller->lock);
	if (controller->options.changed != NULL)
		controller->options.changed(controller->options.ctx);
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
	char *copy = strdup(text == NULL ? "" : text);
	if (copy == NULL)
		abort();
	return copy;
}

struct controller *controller_new(const struct controller_options *options)
{
	struct controller *controller = calloc(1, sizeof *controller);
	if (controller == NULL)
		abort();
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&controller->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&controller->lock, NULL);
	controller->options = *options;
	controller->options.instance = controller->instance = copy_text(options->instance);
	if (controller->options.grace_ms <= 0)
		controller->options.grace_ms = GRACE_MS;
	controller->users = 1;
	controller->posts_end = &controller->posts;
	controller->book = event_book_new(controller->instance);
	turns_init(&controller->turns, (uint64_t)clock_wall_ms());
	listen_begin(controller);
	if (pthread_create(&controller->writer, NULL, writer_run, controller) != 0)
		abort();
	return controller;
}

void release_user(struct controller *controller)
{
	bool is_last = --controller->users == 0;
	pthread_mutex_unlock(&controller->lock);
	if (!is_last)
		return;
	events_drop(controller);
	event_book_free(controller->book);
	subjects_done(&controller->subjects);
	turns_done(&controller->turns);
	pthread_cond_destroy(&controller->wake);
	pthread_mutex_destroy(&controller->lock);
	free(controller->instance);
	free(controller);
}

static void wait_until(struct controller *controller, int64_t at_ms)
{
	struct timespec until = {at_ms / 1000, (long)(at_ms % 1000) * 1000000L};
	pthread_cond_timedwait(&controller->wake, &controller->lock, &until);
}

/* Requests that are still under way at the deadline end with the client: the last of them frees the rest. */
void controller_free(struct controller *controller, int64_t deadline_ms)
{
	if (controller == NULL)
		return;
	pthread_mutex_lock(&controller->lock);
	controller->is_ending = true;
	controller->ends_ms = deadline_ms;
	pthread_cond_broadcast(&controller->wake);
	pthread_mutex_unlock(&controller->lock);
	pthread_join(controller->writer, NULL);
	kube_cache_unlisten(controller->options.cache, controller);
	pthread_mutex_lock(&controller->lock);
	while (controller->users > 1 && clock_monotonic_ms() < deadline_ms)
		wait_until(controller, deadline_ms);
	release_user(controller);
}

void controller_counts(struct controller *controller, struct controller_counts *out)
{
	pthread_mutex_lock(&controller->lock);
	*out = controller->counts;
	out->queued = controller->turns.ready + controller->turns.later + controller->turns.busy;
	pthread_mutex_unlock(&controller->lock);
}
