/* What a handler leaves with others that may see something: it outlives the object. */
#include <stdlib.h>

#include "agent/handlers/internal.h"

struct handler_waker *handler_waker_new(struct handled *handled)
{
	struct handler_waker *waker = calloc(1, sizeof *waker);
	if (waker == NULL)
		abort();
	pthread_mutex_init(&waker->lock, NULL);
	waker->handled = handled;
	waker->users = 1;
	return waker;
}

void handler_wake(struct handler_waker *waker)
{
	pthread_mutex_lock(&waker->lock);
	if (waker->handled != NULL)
		queue_add(waker->handled->handlers->queue, &waker->handled->item, 0);
	pthread_mutex_unlock(&waker->lock);
}

struct handler_waker *handler_waker_use(struct handler_waker *waker)
{
	pthread_mutex_lock(&waker->lock);
	waker->users++;
	pthread_mutex_unlock(&waker->lock);
	return waker;
}

void handler_waker_drop(struct handler_waker *waker)
{
	if (waker == NULL)
		return;
	pthread_mutex_lock(&waker->lock);
	bool is_last = --waker->users == 0;
	pthread_mutex_unlock(&waker->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&waker->lock);
	free(waker);
}

void handler_waker_detach(struct handler_waker *waker)
{
	pthread_mutex_lock(&waker->lock);
	waker->handled = NULL;
	pthread_mutex_unlock(&waker->lock);
	handler_waker_drop(waker);
}
