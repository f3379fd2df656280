/* Watches of a real Omni. The server sends all there is in one message; when that would be too much for one, the watch
 * begins again and asks for a message per event. What it says about its end becomes an ERRORED event: PRECONDITION when
 * nothing can go on from the bookmark (or when the server lost the thread), UNAVAILABLE when it went away, which is what
 * an ordinary restart looks like. Nothing here blocks. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/omni/remote_int.h"
#include "base/cleanup.h"

struct remote_watch {
	struct omni_watch base;
	struct remote_store *store;
	const struct omni_type *type;
	struct grpc_stream *stream;
	int poll_fd, event_fd;
	bool is_signalled; /* event_fd: the message has more events */
	bool is_aggregated, has_begun, has_told, is_over;
	struct fail end;
	struct arena arena;   /* of the message */
	struct span bookmark; /* where it begins; malloc; empty: with all there is */
	struct cosi_filter filter; /* in `kept` */
	struct arena kept;
	struct cosi_events events;
	struct arena scratch;
};

static struct remote_watch *of(struct omni_watch *base)
{
	return (struct remote_watch *)base;
}

/* --- being polled ------------------------------------------------------------------------------------------------------ */

static void signal_more(struct remote_watch *watch, bool has_more)
{
	uint64_t value = 1;
	if (has_more == watch->is_signalled)
		return;
	ssize_t size = has_more ? write(watch->event_fd, &value, sizeof value) : read(watch->event_fd, &value, sizeof value);
	if (size == (ssize_t)sizeof value)
		watch->is_signalled = has_more;
}

static bool add_fd(const struct remote_watch *watch, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	return epoll_ctl(watch->poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int poll_fd_of(struct omni_watch *base)
{
	return of(base)->poll_fd;
}

/* --- streams ----------------------------------------------------------------------------------------------------------- */

static bool open_stream(struct remote_watch *watch, struct fail *fail)
{
	struct grpc_request request = {.method = COSI_SERVICE "Watch"};
	struct cosi_watch wanted = {.bootstrap_contents = true, .aggregated = watch->is_aggregated, .bookmark = watch->bookmark,
				    .filter = watch->filter};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = cosi_encode_watch(&arena, watch->type, &wanted, &request.message, fail);
	if (ok) {
		watch->stream = grpc_stream_open(watch->store->channel, &request);
		ok = add_fd(watch, grpc_stream_fd(watch->stream)) || fail_errno(fail, errno, "cannot watch %s", watch->store->url);
	}
	arena_done(&arena);
	return ok;
}

static bool is_too_big(const struct remote_watch *watch, const struct grpc_status *status)
{
	return status->code == GRPC_RESOURCE_EXHAUSTED && watch->is_aggregated && !watch->has_told;
}

static void end_watch(struct remote_watch *watch, const struct grpc_status *status)
{
	struct grpc_status gone = {GRPC_UNAVAILABLE, .is_local = true, .text = SPAN("the server closed the watch")};
	bool is_stop = status->code == GRPC_OK || (status->code == GRPC_INTERNAL && status->is_local && !status->is_permanent);
	watch->is_over = true;
	remote_fail(watch->store, COSI_SERVICE "Watch", is_stop ? &gone : status, false, &watch->end);
}

/* The stream ended: again in smaller pieces, or for good. */
static void take_end(struct remote_watch *watch, const struct grpc_status *status)
{
	if (!is_too_big(watch, status)) {
		end_watch(watch, status);
		return;
	}
	epoll_ctl(watch->poll_fd, EPOLL_CTL_DEL, grpc_stream_fd(watch->stream), NULL); /* it may live on for a moment */
	grpc_stream_close(watch->stream);
	watch->stream = NULL;
	watch->is_aggregated = false;
	watch->has_begun = false;
	watch->is_over = !open_stream(watch, &watch->end);
}

/* --- events ------------------------------------------------------------------------------------------------------------ */

static void tell(struct remote_watch *watch, const struct omni_event *event, struct omni_event *out)
{
	*out = *event;
	watch->has_told = true;
}

/* False: nothing that anybody wants to know. */
static bool translate(struct remote_watch *watch, const struct cosi_event *event, struct omni_event *out)
{
	struct omni_event made = {.resource = event->resource, .bookmark = event->bookmark};
	switch (event->kind) {
	case COSI_CREATED: made.kind = OMNI_CREATED; break;
	case COSI_UPDATED: made.kind = OMNI_UPDATED; break;
	case COSI_DESTROYED: made.kind = OMNI_DESTROYED; break;
	case COSI_BOOTSTRAPPED: made.kind = OMNI_BOOTSTRAPPED; break;
	case COSI_ERRORED:
		watch->is_over = true; /* the server leaves the stream open, and says nothing more */
		fail_set(&watch->end, FAIL_PRECONDITION, "the server broke off the watch: %.*s",
			 SPAN_ARG(remote_words(&watch->arena, event->error)));
		return false;
	default: return false;
	}
	tell(watch, &made, out);
	return true;
}

/* The next event of the message at hand. */
static bool next_of_message(struct remote_watch *watch, struct arena *arena, struct omni_event *out)
{
	struct cosi_reader reader = {.type = watch->type, .scratch = &watch->scratch};
	while (watch->events.rest.len > 0 && !watch->is_over) {
		struct cosi_event event;
		struct span bytes;
		bool has = false;
		if (!cosi_events_next(&watch->events, &bytes, &has, &watch->end) ||
		    (has && !cosi_decode_event(&reader, arena, bytes, false, &event, &watch->end))) {
			watch->is_over = true;
			return false;
		}
		if (has && translate(watch, &event, out))
			return true;
	}
	return false;
}

/* The first message says nothing but that the watch stands. */
static bool take_message(struct remote_watch *watch, struct span message, struct omni_event *out)
{
	bool is_resumed = !watch->has_begun && watch->bookmark.len > 0;
	watch->has_begun = true;
	watch->events.rest = message;
	if (is_resumed)
		tell(watch, &(struct omni_event){.kind = OMNI_RESUMED}, out);
	return is_resumed;
}

static bool step(struct remote_watch *watch, struct arena *arena, struct omni_event *out, bool *out_idle)
{
	struct grpc_status status = {0};
	struct span message;
	*out_idle = false;
	if (next_of_message(watch, arena, out))
		return true;
	if (watch->is_over) {
		*out = (struct omni_event){.kind = OMNI_ERRORED, .fail = watch->end};
		return true;
	}
	arena_reset(&watch->arena);
	watch->events = (struct cosi_events){0};
	switch (grpc_stream_take(watch->stream, &watch->arena, &message, &status)) {
	case GRPC_MESSAGE: return take_message(watch, message, out);
	case GRPC_END: take_end(watch, &status); return false;
	default: *out_idle = true; return false;
	}
}

static bool next(struct omni_watch *base, struct arena *arena, struct omni_event *out, bool *out_has, struct fail *fail)
{
	enum { STEPS_MAX = 1024 }; /* empty messages do not keep the caller */
	struct remote_watch *watch = of(base);
	bool is_idle = false;
	(void)fail;
	*out_has = false;
	for (int i = 0; i < STEPS_MAX && !is_idle && !*out_has; i++)
		*out_has = step(watch, arena, out, &is_idle);
	signal_more(watch, !is_idle);
	return true;
}

/* --- opening and closing ------------------------------------------------------------------------------------------------ */

static void close_watch(struct omni_watch *base)
{
	struct remote_watch *watch = of(base);
	grpc_stream_close(watch->stream);
	if (watch->poll_fd >= 0)
		close(watch->poll_fd);
	if (watch->event_fd >= 0)
		close(watch->event_fd);
	arena_done(&watch->arena);
	arena_done(&watch->scratch);
	arena_done(&watch->kept);
	free((char *)(uintptr_t)watch->bookmark.ptr);
	free(watch);
}

static void keep_bookmark(struct remote_watch *watch, struct span bookmark)
{
	if (bookmark.len == 0)
		return;
	char *copy = malloc(bookmark.len);
	if (copy == NULL)
		abort();
	memcpy(copy, bookmark.ptr, bookmark.len);
	watch->bookmark = (struct span){copy, bookmark.len};
}

/* An ID is an expression that finds it alone. */
static struct span exactly(struct arena *arena, struct span id)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_addc(&text, '^');
	for (size_t i = 0; i < id.len; i++) {
		if (strchr("\\.+*?()|[]{}^$", id.ptr[i]) != NULL)
			text_addc(&text, '\\');
		text_addc(&text, id.ptr[i]);
	}
	text_addc(&text, '$');
	struct span made = arena_copy(arena, text_span(&text));
	text_done(&text);
	return made;
}

static void keep_filter(struct remote_watch *watch, struct span id, const struct omni_query *query)
{
	if (id.len > 0)
		watch->filter.id_regexp = exactly(&watch->kept, id);
	if (query == NULL)
		return;
	struct omni_query *copy = ARENA_NEW(&watch->kept, struct omni_query);
	for (size_t i = 0; i < query->count; i++) {
		struct omni_term term = query->terms[i];
		term.key = arena_copy(&watch->kept, term.key);
		term.values = ARENA_ARRAY(&watch->kept, struct span, term.value_count + 1);
		for (size_t j = 0; j < term.value_count; j++)
			term.values[j] = arena_copy(&watch->kept, query->terms[i].values[j]);
		ARENA_PUSH(&watch->kept, copy->terms, copy->count, copy->cap) = term;
	}
	watch->filter.queries = copy;
	watch->filter.query_count = 1;
}

static struct remote_watch *new_watch(struct omni_store *base, const struct omni_type *type)
{
	static const struct omni_watch_ops ops = {poll_fd_of, next, close_watch};
	struct remote_watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL)
		abort();
	*watch = (struct remote_watch){.base = {&ops}, .store = remote_of(base), .type = type, .is_aggregated = true};
	arena_init(&watch->arena, ARENA_NO_LIMIT);
	arena_init(&watch->scratch, ARENA_NO_LIMIT);
	arena_init(&watch->kept, ARENA_NO_LIMIT);
	base->read_calls++;
	return watch;
}

static bool begin(struct remote_watch *watch, struct omni_watch **out, struct fail *fail)
{
	watch->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool ok = watch->poll_fd >= 0 && watch->event_fd >= 0 && add_fd(watch, watch->event_fd);
	if (!ok)
		fail_errno(fail, errno, "cannot watch %s", watch->store->url);
	if (!ok || !open_stream(watch, fail)) {
		close_watch(&watch->base);
		return false;
	}
	*out = &watch->base;
	return true;
}

bool remote_watch(struct omni_store *base, const struct omni_type *type, struct span bookmark, struct omni_watch **out,
		  struct fail *fail)
{
	struct remote_watch *watch = new_watch(base, type);
	keep_bookmark(watch, bookmark);
	return begin(watch, out, fail);
}

bool remote_watch_some(struct omni_store *base, const struct omni_type *type, struct span id, const struct omni_query *query,
		       struct omni_watch **out, struct fail *fail)
{
	struct remote_watch *watch = new_watch(base, type);
	keep_filter(watch, id, query);
	return begin(watch, out, fail);
}
