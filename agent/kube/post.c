/* What is to run on the client's thread, at its time. */
#include <stdlib.h>

#include "agent/kube/internal.h"
#include "base/clock.h"

static bool is_before(const struct post *a, const struct post *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void swap(struct post *a, struct post *b)
{
	struct post held = *a;
	*a = *b;
	*b = held;
}

void posts_add(struct posts *posts, int64_t at_ms, void (*fn)(void *ctx), void *ctx)
{
	if (posts->count == posts->cap) {
		posts->cap = posts->cap == 0 ? 16 : 2 * posts->cap;
		posts->items = realloc(posts->items, posts->cap * sizeof *posts->items);
		if (posts->items == NULL)
			abort();
	}
	size_t at = posts->count++;
	posts->items[at] = (struct post){at_ms, posts->numbers++, fn, ctx};
	for (; at > 0 && is_before(&posts->items[at], &posts->items[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&posts->items[at], &posts->items[(at - 1) / 2]);
}

static void sink(struct posts *posts, size_t from)
{
	for (size_t at = from;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;
		if (left < posts->count && is_before(&posts->items[left], &posts->items[least]))
			least = left;
		if (right < posts->count && is_before(&posts->items[right], &posts->items[least]))
			least = right;
		if (least == at)
			return;
		swap(&posts->items[at], &posts->items[least]);
		at = least;
	}
}

bool posts_take(struct posts *posts, int64_t now_ms, struct post *out)
{
	if (posts->count == 0 || posts->items[0].at_ms > now_ms)
		return false;
	*out = posts->items[0];
	posts->items[0] = posts->items[--posts->count];
	sink(posts, 0);
	return true;
}

int64_t posts_next(const struct posts *posts)
{
	return posts->count == 0 ? INT64_MAX : posts->items[0].at_ms;
}

void kube_post(struct kube_client *client, int64_t delay_ms, void (*fn)(void *ctx), void *ctx)
{
	int64_t at_ms = clock_monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
	pthread_mutex_lock(&client->lock);
	bool is_idle = client->is_idle;
	if (!client->is_closing)
		posts_add(&client->posts, at_ms, fn, ctx);
	client->is_idle = false;
	pthread_mutex_unlock(&client->lock);
	if (is_idle)
		client_wake(client);
}

/* On the client's thread there is nobody to wait for: what runs is the caller. */
void kube_unpost(struct kube_client *client, void (*fn)(void *ctx), void *ctx)
{
	bool is_own = client_is_thread(client);
	struct posts *posts = &client->posts;
	pthread_mutex_lock(&client->lock);
	size_t kept = 0;
	for (size_t i = 0; i < posts->count; i++)
		if (posts->items[i].fn != fn || posts->items[i].ctx != ctx)
			posts->items[kept++] = posts->items[i];
	posts->count = kept;
	for (size_t i = kept / 2; i-- > 0;)
		sink(posts, i);
	while (!is_own && client->running_post.fn == fn && client->running_post.ctx == ctx)
		pthread_cond_wait(&client->changed, &client->lock);
	pthread_mutex_unlock(&client->lock);
}

/* Those that are due now, and not what they post themselves: transfers have their turn in between. */
void posts_run(struct kube_client *client, int64_t now_ms)
{
	pthread_mutex_lock(&client->lock);
	uint64_t numbers = client->posts.numbers;
	while (!client->is_closing && posts_take(&client->posts, now_ms, &client->running_post)) {
		if (client->running_post.number >= numbers) {
			posts_add(&client->posts, client->running_post.at_ms, client->running_post.fn, client->running_post.ctx);
			break;
		}
		pthread_mutex_unlock(&client->lock);
		client->running_post.fn(client->running_post.ctx);
		pthread_mutex_lock(&client->lock);
		client->running_post.fn = NULL;
		pthread_cond_broadcast(&client->changed);
	}
	client->running_post.fn = NULL;
	pthread_mutex_unlock(&client->lock);
}
