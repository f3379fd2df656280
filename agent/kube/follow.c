#include "agent/kube/follow.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agent/kube/internal.h"
#include "agent/kube/json_read.h"
#include "base/clock.h"

/* A request for a page cannot be taken back: its answer finds out that nobody waits. */
struct page {
	struct follower *follower;
};

struct follower {
	struct follow_options how;
	char *path, *query;
	struct reflector reflector;
	struct kube_stream *stream;
	struct page *page;
	bool is_opening, ended_early; /* an end before there was a stream, and its reason */
	struct fail early;
	struct told {
		enum reflector_state state;
		bool is_live, is_complete;
	} told;
	struct follow_counts counts;
};

static void perform(struct follower *f, struct reflector_step step);

static void take(struct follower *f, const struct reflector_event *event)
{
	perform(f, reflector_take(&f->reflector, event, clock_monotonic_ms()));
}

static void take_failure(struct follower *f, enum reflector_event_type type, const struct fail *fail)
{
	take(f, &(struct reflector_event){.type = type, .fail = fail});
}

/* --- what comes ------------------------------------------------------------------------------------------------------- */

static bool is_end_of_list(const json_t *object)
{
	const json_t *annotations = json_object_get(json_object_get(object, "metadata"), "annotations");
	return span_is(kube_json_text(annotations, "k8s.io/initial-events-end"), "true");
}

static void take_object(struct follower *f, struct span type, const json_t *object)
{
	struct span version = kube_json_text(json_object_get(object, "metadata"), "resourceVersion");
	struct reflector_event event = {.type = REFLECT_CHANGE, .version = version};
	if (span_is(type, "BOOKMARK")) {
		event.type = REFLECT_BOOKMARK;
		event.is_end = is_end_of_list(object);
	} else {
		f->counts.events++;
		(span_is(type, "DELETED") ? f->how.gone : f->how.named)(f->how.ctx, object);
	}
	take(f, &event);
}

static void on_line(void *ctx, struct span line)
{
	struct follower *f = ctx;
	struct fail fail = {0};
	json_t *event = kube_json_read(line, &fail);
	struct span type = kube_json_text(event, "type");
	const json_t *object = json_object_get(event, "object");
	if (event != NULL && (type.len == 0 || !json_is_object(object)))
		fail_set(&fail, FAIL_PROTOCOL, "a line of the watch is no event: \"%.*s\"", (int)(line.len < 80 ? line.len : 80), line.ptr);
	if (fail.code != FAIL_NONE) {
		take_failure(f, REFLECT_FAILED, &fail);
	} else if (span_is(type, "ERROR")) {
		(void)kube_status_fail(object, &fail);
		take_failure(f, REFLECT_ERROR, &fail);
	} else {
		take_object(f, type, object);
	}
	json_decref(event);
}

static void on_opened(void *ctx)
{
	take(ctx, &(struct reflector_event){.type = REFLECT_OPENED});
}

static void on_end(void *ctx, const struct fail *fail)
{
	struct follower *f = ctx;
	if (f->is_opening) {
		f->ended_early = true;
		f->early = *fail;
		return;
	}
	take_failure(f, fail->code == FAIL_NONE ? REFLECT_ENDED : REFLECT_FAILED, fail);
}

static void on_page(void *ctx, json_t *answer, const struct fail *fail)
{
	struct page *page = ctx;
	struct follower *f = page->follower;
	free(page);
	if (f == NULL)
		return;
	f->page = NULL;
	if (answer == NULL) {
		on_end(f, fail);
		return;
	}
	const json_t *metadata = json_object_get(answer, "metadata");
	size_t i;
	json_t *object;
	json_array_foreach(json_object_get(answer, "items"), i, object)
		f->how.named(f->how.ctx, object);
	take(f, &(struct reflector_event){.type = REFLECT_PAGE,
					  .version = kube_json_text(metadata, "resourceVersion"),
					  .token = kube_json_text(metadata, "continue")});
}

static void on_timer(void *ctx)
{
	take(ctx, &(struct reflector_event){.type = REFLECT_TIMER});
}

/* --- what is done ------------------------------------------------------------------------------------------------------ */

static void tell_state(void *ctx)
{
	struct follower *f = ctx;
	int64_t now_ms = clock_monotonic_ms(), until_ms = reflector_synced_until(&f->reflector);
	bool is_synced = reflector_is_synced(&f->reflector, now_ms);
	kube_unpost(f->how.client, tell_state, f);
	if (is_synced && until_ms < INT64_MAX)
		kube_post(f->how.client, until_ms - now_ms, tell_state, f);
	f->told = (struct told){f->reflector.state, f->reflector.is_live, f->reflector.is_complete};
	f->how.state(f->how.ctx, &f->reflector);
}

static void ask_page(struct follower *f, const char *path)
{
	struct page *page = calloc(1, sizeof *page);
	if (page == NULL)
		abort();
	page->follower = f;
	f->page = page;
	f->counts.lists++;
	kube_start(f->how.client, &(struct kube_request){.method = "GET", .path = path, .accept = f->how.list_accept}, on_page, page);
}

static void open_stream(struct follower *f, const char *path, int64_t silence_ms)
{
	const struct kube_stream_callbacks callbacks = {on_line, on_end, on_opened, f->how.item_accept};
	f->counts.watches++;
	f->stream = kube_stream_open(f->how.client, path, silence_ms, &callbacks, f);
}

/* False: it ended before it began. */
static bool ask(struct follower *f, bool is_page)
{
	struct text path;
	int64_t silence_ms;
	text_init(&path, TEXT_NO_LIMIT);
	text_addf(&path, "%s?%s%s", f->path, f->query, *f->query == '\0' ? "" : "&");
	reflector_query(&f->reflector, &path, &silence_ms);
	f->ended_early = false;
	f->is_opening = true;
	if (is_page)
		ask_page(f, path.ptr);
	else
		open_stream(f, path.ptr, silence_ms);
	f->is_opening = false;
	text_done(&path);
	return !f->ended_early;
}

static void close_stream(struct follower *f)
{
	kube_stream_close(f->stream);
	f->stream = NULL;
}

static void prepare(struct follower *f, const struct reflector_step *step)
{
	if (step->completes)
		f->how.completes(f->how.ctx);
	if (step->closes)
		close_stream(f);
	if (step->begins) {
		f->counts.relists += f->reflector.is_complete;
		f->how.begins(f->how.ctx);
	}
	if (step->keeps_timer)
		return;
	kube_unpost(f->how.client, on_timer, f);
	if (step->timer_ms >= 0)
		kube_post(f->how.client, step->timer_ms, on_timer, f);
}

/* What cannot even begin is the next event; the rules make it wait. */
static void perform(struct follower *f, struct reflector_step step)
{
	for (;;) {
		prepare(f, &step);
		if (!step.opens || ask(f, step.is_page))
			break;
		step = reflector_take(&f->reflector, &(struct reflector_event){.type = REFLECT_FAILED, .fail = &f->early},
				      clock_monotonic_ms());
	}
	const struct reflector *now = &f->reflector;
	if (f->told.state != now->state || f->told.is_live != now->is_live || f->told.is_complete != now->is_complete)
		tell_state(f);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

struct follower *follower_new(const struct follow_options *options, uint64_t seed)
{
	struct follower *f = calloc(1, sizeof *f);
	if (f == NULL || (f->path = strdup(options->path)) == NULL || (f->query = strdup(options->query)) == NULL)
		abort();
	f->how = *options;
	reflector_init(&f->reflector, seed);
	take(f, &(struct reflector_event){.type = REFLECT_START});
	return f;
}

void follower_free(struct follower *f)
{
	if (f == NULL)
		return;
	close_stream(f);
	kube_unpost(f->how.client, on_timer, f);
	kube_unpost(f->how.client, tell_state, f);
	if (f->page != NULL)
		f->page->follower = NULL;
	reflector_done(&f->reflector);
	free(f->path);
	free(f->query);
	free(f);
}

const struct follow_counts *follower_counts(const struct follower *f)
{
	return &f->counts;
}

/* --- the client's thread ------------------------------------------------------------------------------------------------ */

struct errand {
	void (*fn)(void *ctx);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_done;
};

static void run_errand(void *ctx)
{
	struct errand *errand = ctx;
	errand->fn(errand->ctx);
	pthread_mutex_lock(&errand->lock);
	errand->is_done = true;
	pthread_cond_signal(&errand->changed);
	pthread_mutex_unlock(&errand->lock);
}

void follow_run(struct kube_client *client, void (*fn)(void *ctx), void *ctx)
{
	if (client_is_thread(client)) {
		fn(ctx);
		return;
	}
	struct errand errand = {.fn = fn, .ctx = ctx, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	kube_post(client, 0, run_errand, &errand);
	pthread_mutex_lock(&errand.lock);
	while (!errand.is_done)
		pthread_cond_wait(&errand.changed, &errand.lock);
	pthread_mutex_unlock(&errand.lock);
	pthread_mutex_destroy(&errand.lock);
	pthread_cond_destroy(&errand.changed);
}

uint64_t follow_seed(void)
{
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = (uint64_t)clock_monotonic_ms();
	return seed;
}
