#include "agent/helm/record_watch.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agent/helm/json_cursor.h"
#include "agent/helm/records.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"

enum { SILENCE_MS = 150 * 1000 }; /* bookmarks come once a minute */

struct record_watch {
	struct kube_stream *stream;
	void (*changed)(void *ctx);
	void *ctx;
	_Atomic bool is_open, has_changed, has_ended;
};

static void on_opened(void *ctx)
{
	((struct record_watch *)ctx)->is_open = true;
}

static void on_line(void *ctx, struct span line)
{
	struct record_watch *watch = ctx;
	struct span type;
	if (json_find(line, "type", &type) && span_is(type, "\"BOOKMARK\""))
		return;
	watch->has_changed = true;
	watch->changed(watch->ctx);
}

static void on_end(void *ctx, const struct fail *fail)
{
	struct record_watch *watch = ctx;
	(void)fail;
	watch->has_ended = true;
	if (watch->is_open)
		watch->changed(watch->ctx);
}

struct record_watch *record_watch_new(struct kube_client *client, const char *path, struct span from, void (*changed)(void *ctx),
				      void *ctx)
{
	static const struct kube_stream_callbacks callbacks = {
		.line = on_line, .end = on_end, .opened = on_opened, .accept = RECORDS_WATCH_ACCEPT};
	CLEANUP(text_done) struct text url;
	struct record_watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL)
		abort();
	watch->changed = changed;
	watch->ctx = ctx;
	text_init(&url, TEXT_NO_LIMIT);
	text_addf(&url, "%s&watch=1&allowWatchBookmarks=true&resourceVersion=", path);
	url_add(&url, from);
	watch->stream = kube_stream_open(client, url.ptr, SILENCE_MS, &callbacks, watch);
	return watch;
}

void record_watch_free(struct record_watch *watch)
{
	if (watch == NULL)
		return;
	kube_stream_close(watch->stream);
	free(watch);
}

bool record_watch_was_quiet(struct record_watch *watch)
{
	if (watch == NULL)
		return false;
	bool has_changed = atomic_exchange(&watch->has_changed, false);
	return watch->is_open && !has_changed && !watch->has_ended;
}

bool record_watch_has_ended(const struct record_watch *watch)
{
	return watch->has_ended;
}
