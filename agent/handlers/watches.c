/* Secrets whose change is a reason to look: each is watched once, however many objects want to know. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/internal.h"

static struct watched **find(struct handlers *handlers, struct span ns, struct span name)
{
	struct watched **place = &handlers->watched;
	while (*place != NULL && (!span_eq((*place)->name, name) || !span_eq((*place)->ns, ns)))
		place = &(*place)->next;
	return place;
}

static bool wants(const struct handled *handled, const struct watched *watched)
{
	for (size_t i = 0; i < handled->watch_count; i++)
		if (handled->watches[i] == watched)
			return true;
	return false;
}

/* Any thread. */
static void on_changed(void *ctx, struct span ns, struct span name)
{
	struct handlers *handlers = ctx;
	pthread_mutex_lock(&handlers->lock);
	const struct watched *watched = *find(handlers, ns, name);
	for (size_t i = 0; watched != NULL && i < handlers->slot_count; i++)
		for (struct handled *h = handlers->slots[i]; h != NULL; h = h->next_in_slot)
			if (wants(h, watched))
				queue_add(handlers->queue, &h->item, 0);
	pthread_mutex_unlock(&handlers->lock);
}

static char *keep(char *place, struct span text)
{
	if (text.len > 0)
		memcpy(place, text.ptr, text.len);
	return place;
}

/* The lock is held. *out_is_new: nobody wanted to know before. */
static struct watched *use(struct handlers *handlers, const struct secret_name *secret, bool *out_is_new)
{
	struct watched *watched = *find(handlers, secret->ns, secret->name);
	*out_is_new = watched == NULL;
	if (watched == NULL) {
		watched = calloc(1, sizeof *watched + secret->ns.len + secret->name.len);
		if (watched == NULL)
			abort();
		watched->ns = (struct span){keep(watched->texts, secret->ns), secret->ns.len};
		watched->name = (struct span){keep(watched->texts + secret->ns.len, secret->name), secret->name.len};
		watched->next = handlers->watched;
		handlers->watched = watched;
	}
	watched->users++;
	return watched;
}

/* The lock is held. Returns it when nobody wants to know any more; it is out of the list then. */
static struct watched *unuse(struct handlers *handlers, struct watched *watched)
{
	if (--watched->users > 0)
		return NULL;
	*find(handlers, watched->ns, watched->name) = watched->next;
	return watched;
}

bool watches_set(struct handled *handled, const struct secret_name *names, size_t count)
{
	struct handlers *handlers = handled->handlers;
	struct secret_store *store = handlers->env.secrets;
	struct watched *now[HANDLER_WATCHES], *old[HANDLER_WATCHES], *unused[HANDLER_WATCHES];
	bool is_unheard[HANDLER_WATCHES], is_news = false;
	pthread_mutex_lock(&handlers->watching);
	pthread_mutex_lock(&handlers->lock);
	size_t old_count = handled->watch_count;
	for (size_t i = 0; i < count; i++) {
		now[i] = use(handlers, &names[i], &is_unheard[i]);
		is_news |= !wants(handled, now[i]);
	}
	memcpy(old, handled->watches, sizeof *old * old_count);
	memcpy(handled->watches, now, sizeof *now * count);
	handled->watch_count = count;
	for (size_t i = 0; i < old_count; i++)
		unused[i] = unuse(handlers, old[i]);
	pthread_mutex_unlock(&handlers->lock);
	for (size_t i = 0; i < count; i++)
		if (is_unheard[i])
			secret_store_watch(store, now[i]->ns, now[i]->name, on_changed, handlers);
	for (size_t i = 0; i < old_count; i++)
		if (unused[i] != NULL) {
			secret_store_unwatch(store, unused[i]->ns, unused[i]->name, on_changed, handlers);
			free(unused[i]);
		}
	pthread_mutex_unlock(&handlers->watching);
	return is_news;
}

void watches_end(struct handlers *handlers)
{
	for (struct watched *w = handlers->watched, *next; w != NULL; w = next) {
		next = w->next;
		secret_store_unwatch(handlers->env.secrets, w->ns, w->name, on_changed, handlers);
		free(w);
	}
	handlers->watched = NULL;
}
