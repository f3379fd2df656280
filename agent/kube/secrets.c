/* Secrets that somebody waits for, one by one. Only metadata are fetched: whether one changed is all that counts here. */
#include <pthread.h>
#include <stdlib.h>

#include "agent/kube/cache.h"
#include "agent/kube/follow.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"

enum {
	POLL_MS = 60 * 1000,
	POLLS_MAX = 10, /* then a watch is tried again */
};

#define METADATA_OF_ONE "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define METADATA_OF_ALL "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

struct waiting {
	struct waiting *next;
	void (*changed)(void *ctx, struct span ns, struct span name);
	void *ctx;
};

/* A request cannot be taken back: its answer finds out that nobody waits. */
struct poll {
	struct watched *watched;
};

/* One Secret; the client's thread alone, but for what is under the lock. */
struct watched {
	struct watched *next; /* under lock, when it changes */
	struct kube_secrets *secrets;
	char *ns, *name;
	struct waiting *waiting;
	struct follower *follower; /* NULL: polled */
	struct poll *poll;
	unsigned polls;
	bool is_known, is_there, is_named; /* all that follows; it exists; the list that is coming has it */
	struct text version;		   /* under lock, when it changes; empty: it does not exist */
	bool is_live;			   /* under lock: the version is the newest */
};

struct kube_secrets {
	struct kube_client *client;
	struct watched *watched;
	pthread_mutex_t lock;
	struct fail why; /* under lock; code NONE: all are watched */
};

/* --- what is seen -------------------------------------------------------------------------------------------------------- */

static void see(struct watched *watched, bool is_there, struct span version)
{
	bool is_news = is_there != watched->is_there || (is_there && !span_eq(version, text_span(&watched->version)));
	watched->is_there = is_there;
	pthread_mutex_lock(&watched->secrets->lock);
	text_reset(&watched->version);
	text_add(&watched->version, version);
	pthread_mutex_unlock(&watched->secrets->lock);
	for (struct waiting *one = watched->waiting; one != NULL && is_news && watched->is_known; one = one->next)
		one->changed(one->ctx, span_of(watched->ns), span_of(watched->name));
}

static void begins(void *ctx)
{
	struct watched *watched = ctx;
	watched->is_named = false;
}

static struct span version_of(const json_t *object)
{
	return kube_json_text(json_object_get(object, "metadata"), "resourceVersion");
}

static bool is_it(const struct watched *watched, const json_t *object)
{
	return span_is(kube_json_text(json_object_get(object, "metadata"), "name"), watched->name);
}

static void named(void *ctx, const json_t *object)
{
	struct watched *watched = ctx;
	if (!is_it(watched, object))
		return;
	watched->is_named = true;
	see(watched, true, version_of(object));
}

static void gone(void *ctx, const json_t *object)
{
	struct watched *watched = ctx;
	if (is_it(watched, object))
		see(watched, false, SPAN(""));
}

static void completes(void *ctx)
{
	struct watched *watched = ctx;
	if (!watched->is_named)
		see(watched, false, SPAN(""));
	watched->is_known = true;
}

/* --- one that may not be watched ------------------------------------------------------------------------------------------ */

static void follow(void *ctx);
static void poll_soon(struct watched *watched, int64_t delay_ms);

static void on_polled(void *ctx, json_t *answer, const struct fail *fail)
{
	struct poll *poll = ctx;
	struct watched *watched = poll->watched;
	free(poll);
	if (watched == NULL)
		return;
	watched->poll = NULL;
	if (answer != NULL || fail->code == FAIL_NOT_FOUND) {
		see(watched, answer != NULL, answer == NULL ? SPAN("") : version_of(answer));
		watched->is_known = true;
	}
	poll_soon(watched, POLL_MS);
}

static void poll_now(void *ctx)
{
	struct watched *watched = ctx;
	struct text path;
	if (++watched->polls > POLLS_MAX) {
		follow(watched);
		return;
	}
	struct poll *poll = watched->poll = calloc(1, sizeof *poll);
	if (poll == NULL)
		abort();
	poll->watched = watched;
	text_init(&path, TEXT_NO_LIMIT);
	url_add_secrets(&path, span_of(watched->ns));
	text_addc(&path, '/');
	url_add(&path, span_of(watched->name));
	kube_start(watched->secrets->client, &(struct kube_request){.method = "GET", .path = path.ptr, .accept = METADATA_OF_ONE}, on_polled,
		   poll);
	text_done(&path);
}

static void poll_soon(struct watched *watched, int64_t delay_ms)
{
	kube_post(watched->secrets->client, delay_ms, poll_now, watched);
}

/* Not in a callback of the follower, which ends here. */
static void begin_to_poll(void *ctx)
{
	struct watched *watched = ctx;
	follower_free(watched->follower);
	watched->follower = NULL;
	watched->polls = 0;
	poll_now(watched);
}

static void set_live(struct watched *watched, bool is_live)
{
	pthread_mutex_lock(&watched->secrets->lock);
	watched->is_live = is_live;
	pthread_mutex_unlock(&watched->secrets->lock);
}

static void set_why(struct kube_secrets *secrets, const struct fail *why)
{
	pthread_mutex_lock(&secrets->lock);
	secrets->why = *why;
	pthread_mutex_unlock(&secrets->lock);
}

static void state(void *ctx, const struct reflector *reflector)
{
	struct watched *watched = ctx;
	struct kube_secrets *secrets = watched->secrets;
	struct fail why = reflector->why;
	set_live(watched, reflector->is_live && watched->is_known);
	if (reflector->is_live)
		set_why(secrets, &(struct fail){0});
	if (reflector->state != REFLECTOR_WAITING || why.code != FAIL_DENIED)
		return;
	fail_wrap(&why, "the Secret %s/%s is asked for once a minute, since a Role grants no list and watch on it", watched->ns, watched->name);
	set_why(secrets, &why);
	kube_unpost(secrets->client, begin_to_poll, watched);
	kube_post(secrets->client, 0, begin_to_poll, watched);
}

static void follow(void *ctx)
{
	struct watched *watched = ctx;
	struct text path, query;
	text_init(&path, TEXT_NO_LIMIT);
	text_init(&query, TEXT_NO_LIMIT);
	url_add_secrets(&path, span_of(watched->ns));
	text_adds(&query, "fieldSelector=metadata.name%3D");
	url_add(&query, span_of(watched->name));
	watched->follower = follower_new(
		&(struct follow_options){
			.client = watched->secrets->client,
			.path = path.ptr,
			.query = query.ptr,
			.item_accept = METADATA_OF_ONE,
			.list_accept = METADATA_OF_ALL,
			.begins = begins,
			.named = named,
			.gone = gone,
			.completes = completes,
			.state = state,
			.ctx = watched,
		},
		follow_seed());
	text_done(&path);
	text_done(&query);
}

/* --- who waits ------------------------------------------------------------------------------------------------------------ */

struct wish {
	struct kube_secrets *secrets;
	struct watched *watched;
	struct waiting *waiting;
};

/* Where the pointer to it stands; at the end of the list when there is none. */
static struct watched **place_of(struct kube_secrets *secrets, struct span ns, struct span name)
{
	struct watched **at = &secrets->watched;
	while (*at != NULL && (!span_is(ns, (*at)->ns) || !span_is(name, (*at)->name)))
		at = &(*at)->next;
	return at;
}

static void free_watched(struct watched *watched)
{
	while (watched->waiting != NULL) {
		struct waiting *waiting = watched->waiting;
		watched->waiting = waiting->next;
		free(waiting);
	}
	text_done(&watched->version);
	free(watched->ns);
	free(watched->name);
	free(watched);
}

static bool is_waiting(const struct watched *watched, const struct waiting *like)
{
	const struct waiting *one = watched->waiting;
	while (one != NULL && (one->changed != like->changed || one->ctx != like->ctx))
		one = one->next;
	return one != NULL;
}

static void fulfil(void *ctx)
{
	struct wish *wish = ctx;
	struct kube_secrets *secrets = wish->secrets;
	struct watched *known = *place_of(secrets, span_of(wish->watched->ns), span_of(wish->watched->name)), *watched = known == NULL ? wish->watched : known;
	if (is_waiting(watched, wish->waiting)) {
		free(wish->waiting);
	} else {
		wish->waiting->next = watched->waiting;
		watched->waiting = wish->waiting;
	}
	if (known != NULL) {
		free_watched(wish->watched);
	} else {
		watched->next = secrets->watched;
		pthread_mutex_lock(&secrets->lock);
		secrets->watched = watched;
		pthread_mutex_unlock(&secrets->lock);
		follow(watched);
	}
	free(wish);
}

static void end_watched(struct watched *watched)
{
	struct kube_client *client = watched->secrets->client;
	follower_free(watched->follower);
	kube_unpost(client, begin_to_poll, watched);
	kube_unpost(client, poll_now, watched);
	if (watched->poll != NULL)
		watched->poll->watched = NULL;
	free_watched(watched);
}

struct farewell {
	struct kube_secrets *secrets;
	struct span ns, name;
	void (*changed)(void *ctx, struct span ns, struct span name);
	void *ctx;
};

static void forget(void *ctx)
{
	const struct farewell *farewell = ctx;
	struct kube_secrets *secrets = farewell->secrets;
	struct watched **at = place_of(secrets, farewell->ns, farewell->name), *watched = *at;
	struct waiting **one = watched == NULL ? NULL : &watched->waiting;
	while (one != NULL && *one != NULL && ((*one)->changed != farewell->changed || (*one)->ctx != farewell->ctx))
		one = &(*one)->next;
	if (one == NULL || *one == NULL)
		return;
	struct waiting *gone = *one;
	*one = gone->next;
	free(gone);
	if (watched->waiting != NULL)
		return;
	pthread_mutex_lock(&secrets->lock);
	*at = watched->next;
	pthread_mutex_unlock(&secrets->lock);
	end_watched(watched);
}

void kube_secrets_unwatch(struct kube_secrets *secrets, struct span ns, struct span name,
			  void (*changed)(void *ctx, struct span ns, struct span name), void *ctx)
{
	follow_run(secrets->client, forget, &(struct farewell){secrets, ns, name, changed, ctx});
}

bool kube_secrets_seen(struct kube_secrets *secrets, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	pthread_mutex_lock(&secrets->lock);
	const struct watched *watched = *place_of(secrets, ns, name);
	bool is_live = watched != NULL && watched->is_live;
	if (is_live)
		*out_version = arena_copy(arena, text_span(&watched->version));
	pthread_mutex_unlock(&secrets->lock);
	return is_live;
}

void kube_secrets_watch(struct kube_secrets *secrets, struct span ns, struct span name,
			void (*changed)(void *ctx, struct span ns, struct span name), void *ctx)
{
	if (!url_is_name(ns) || !url_is_name(name)) /* there will never be such a Secret */
		return;
	struct wish *wish = calloc(1, sizeof *wish);
	struct watched *watched = calloc(1, sizeof *watched);
	struct waiting *waiting = calloc(1, sizeof *waiting);
	if (wish == NULL || watched == NULL || waiting == NULL || (watched->ns = strndup(ns.ptr, ns.len)) == NULL ||
	    (watched->name = strndup(name.ptr, name.len)) == NULL)
		abort();
	*wish = (struct wish){secrets, watched, waiting};
	watched->secrets = secrets;
	text_init(&watched->version, TEXT_NO_LIMIT);
	*waiting = (struct waiting){NULL, changed, ctx};
	kube_post(secrets->client, 0, fulfil, wish);
}

/* --- life ----------------------------------------------------------------------------------------------------------------- */

struct kube_secrets *kube_secrets_new(struct kube_client *client)
{
	struct kube_secrets *secrets = calloc(1, sizeof *secrets);
	if (secrets == NULL)
		abort();
	secrets->client = client;
	pthread_mutex_init(&secrets->lock, NULL);
	return secrets;
}

static void stop(void *ctx)
{
	struct kube_secrets *secrets = ctx;
	while (secrets->watched != NULL) {
		struct watched *watched = secrets->watched;
		secrets->watched = watched->next;
		end_watched(watched);
	}
}

void kube_secrets_free(struct kube_secrets *secrets)
{
	if (secrets == NULL)
		return;
	follow_run(secrets->client, stop, secrets);
	pthread_mutex_destroy(&secrets->lock);
	free(secrets);
}

bool kube_secrets_are_polled(struct kube_secrets *secrets, struct fail *why)
{
	pthread_mutex_lock(&secrets->lock);
	bool are_polled = secrets->why.code != FAIL_NONE;
	if (are_polled && why != NULL)
		*why = secrets->why;
	pthread_mutex_unlock(&secrets->lock);
	return are_polled;
}
