#include "agent/kube/reflector.h"

#include "agent/kube/url.h"

enum {
	WATCH_MIN_S = 300,
	WATCH_MAX_S = 600,
	SOON_MS = 1000,	      /* a watch that ends sooner and says nothing has failed */
	PROVEN_MS = 10 * 1000, /* one that stays open for so long is a good one, whatever ends it */
	BREAKS_MAX = 2,
};

void reflector_init(struct reflector *reflector, uint64_t seed)
{
	*reflector = (struct reflector){.may_stream = true, .page = REFLECTOR_PAGE, .random = seed};
	text_init(&reflector->version, TEXT_NO_LIMIT);
	text_init(&reflector->token, TEXT_NO_LIMIT);
}

void reflector_done(struct reflector *reflector)
{
	text_done(&reflector->version);
	text_done(&reflector->token);
}

/* In [0, limit); good enough to spread clients. */
static int64_t draw(struct reflector *reflector, int64_t limit)
{
	uint64_t x = reflector->random += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return (int64_t)((x ^ (x >> 31)) % (uint64_t)limit);
}

static void set(struct text *text, struct span value)
{
	text_reset(text);
	text_add(text, value);
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static const struct reflector_step go_on = {.keeps_timer = true};

static struct reflector_step list(struct reflector *reflector, int64_t now_ms)
{
	text_reset(&reflector->version);
	text_reset(&reflector->token);
	reflector->must_list = reflector->is_told = false;
	reflector->listed = 0;
	reflector->opened_ms = reflector->last_line_ms = now_ms;
	reflector->state = reflector->may_stream ? REFLECTOR_STREAMING : REFLECTOR_LISTING;
	return (struct reflector_step){.closes = true, .begins = true, .opens = true, .is_page = !reflector->may_stream,
				       .timer_ms = reflector->may_stream ? REFLECTOR_PATIENCE_MS : -1};
}

static struct reflector_step watch(struct reflector *reflector, int64_t now_ms)
{
	reflector->is_told = false;
	reflector->opened_ms = now_ms;
	reflector->state = REFLECTOR_WATCHING;
	return (struct reflector_step){.closes = true, .opens = true, .timer_ms = -1};
}

static struct reflector_step wait(struct reflector *reflector, bool must_list, int64_t delay_ms)
{
	reflector->state = REFLECTOR_WAITING;
	reflector->must_list = must_list;
	return (struct reflector_step){.closes = true, .timer_ms = delay_ms};
}

static struct reflector_step back_off(struct reflector *reflector, bool must_list)
{
	int64_t delay_ms = REFLECTOR_BACKOFF_MS;
	for (unsigned i = 0; i < reflector->failures && delay_ms < REFLECTOR_BACKOFF_MAX_MS; i++)
		delay_ms *= 2;
	delay_ms = delay_ms < REFLECTOR_BACKOFF_MAX_MS ? delay_ms : REFLECTOR_BACKOFF_MAX_MS;
	reflector->failures++;
	return wait(reflector, must_list, delay_ms * 3 / 4 + draw(reflector, delay_ms / 2)); /* a quarter more or less */
}

/* The first time at once: the server has forgotten the place, but it is there and well. */
static struct reflector_step list_again(struct reflector *reflector, int64_t now_ms)
{
	if (reflector->has_relisted)
		return back_off(reflector, true);
	reflector->has_relisted = true;
	reflector->failures = 0;
	return list(reflector, now_ms);
}

static void prove(struct reflector *reflector)
{
	reflector->failures = 0;
	reflector->has_relisted = false;
}

/* The watch does not live any more. One that did not show that it lived changes nothing of what is known. */
static void lose(struct reflector *reflector, int64_t now_ms)
{
	int64_t lived_ms = now_ms - reflector->opened_ms;
	if (reflector->is_live && (reflector->is_told || lived_ms >= SOON_MS))
		reflector->lost_ms = now_ms;
	if (reflector->is_live && lived_ms >= PROVEN_MS)
		prove(reflector);
	reflector->is_live = false;
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static struct reflector_step take_page(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	if (reflector->state != REFLECTOR_LISTING)
		return go_on;
	if (reflector->version.len == 0)
		set(&reflector->version, event->version);
	set(&reflector->token, event->token);
	if (event->token.len > 0)
		return (struct reflector_step){.opens = true, .is_page = true, .timer_ms = -1};
	reflector->is_complete = true;
	reflector->lost_ms = now_ms; /* the watch is on its way */
	struct reflector_step step = watch(reflector, now_ms);
	step.completes = true;
	return step;
}

static struct reflector_step take_change(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	reflector->last_line_ms = now_ms;
	reflector->is_told = true;
	if (reflector->state != REFLECTOR_WATCHING) {
		reflector->listed++;
		return go_on;
	}
	if (event->version.len > 0)
		set(&reflector->version, event->version);
	reflector->is_live = true;
	return go_on;
}

static struct reflector_step take_bookmark(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	if (reflector->state == REFLECTOR_WATCHING)
		reflector->has_bookmarks = true;
	if (reflector->state != REFLECTOR_STREAMING || !event->is_end)
		return take_change(reflector, event, now_ms);
	set(&reflector->version, event->version);
	reflector->state = REFLECTOR_WATCHING;
	reflector->is_complete = reflector->is_live = true;
	reflector->is_told = false; /* of the watch that begins here */
	reflector->lost_ms = reflector->opened_ms = now_ms;
	reflector->breaks = 0;
	struct reflector_step step = {.timer_ms = -1};
	if (reflector->listed > REFLECTOR_MANY) {
		reflector->is_live = false;
		step = watch(reflector, now_ms);
	}
	step.completes = true;
	return step;
}

static struct reflector_step fall_back(struct reflector *reflector, int64_t now_ms)
{
	reflector->may_stream = false;
	return list(reflector, now_ms);
}

static struct reflector_step fail_streaming(struct reflector *reflector, enum fail_code code, int64_t now_ms)
{
	bool is_refused = code == FAIL_INVALID || code == FAIL_UNSUPPORTED || code == FAIL_PROTOCOL;
	reflector->breaks += reflector->is_told || code == FAIL_PRECONDITION;
	if (is_refused || reflector->breaks >= BREAKS_MAX)
		return fall_back(reflector, now_ms);
	return back_off(reflector, true);
}

static struct reflector_step fail_listing(struct reflector *reflector, enum fail_code code, int64_t now_ms)
{
	if (code == FAIL_TOO_BIG && reflector->page > 1) {
		reflector->page = reflector->page > 10 ? reflector->page / 10 : 1;
		return list(reflector, now_ms);
	}
	return code == FAIL_PRECONDITION ? list_again(reflector, now_ms) : back_off(reflector, true);
}

static struct reflector_step fail_watching(struct reflector *reflector, enum fail_code code, bool was_told, int64_t now_ms)
{
	if (code == FAIL_PRECONDITION)
		return list_again(reflector, now_ms);
	/* A server that was restored from a backup says nothing to whoever comes from its future. */
	bool is_mute = code == FAIL_TIMEOUT && !was_told;
	return back_off(reflector, is_mute || code == FAIL_INVALID || code == FAIL_NOT_FOUND);
}

static struct reflector_step take_failure(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	bool was_told = reflector->is_told;
	reflector->why = *event->fail;
	lose(reflector, now_ms);
	switch (reflector->state) {
	case REFLECTOR_STREAMING: return fail_streaming(reflector, event->fail->code, now_ms);
	case REFLECTOR_LISTING: return fail_listing(reflector, event->fail->code, now_ms);
	case REFLECTOR_WATCHING: return fail_watching(reflector, event->fail->code, was_told, now_ms);
	default: return go_on;
	}
}

/* Whatever a server says went wrong in the middle of a watch, its place in the history is doubtful. */
static struct reflector_step take_error(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	bool is_watching = reflector->state == REFLECTOR_WATCHING;
	if (!is_watching || event->fail->code == FAIL_PRECONDITION)
		return take_failure(reflector, event, now_ms);
	reflector->why = *event->fail;
	lose(reflector, now_ms);
	return back_off(reflector, true);
}

static struct reflector_step take_end(struct reflector *reflector, int64_t now_ms)
{
	int64_t lived_ms = now_ms - reflector->opened_ms;
	bool is_failure = reflector->state == REFLECTOR_STREAMING || (!reflector->is_told && lived_ms < SOON_MS);
	if (reflector->state != REFLECTOR_WATCHING && reflector->state != REFLECTOR_STREAMING)
		return go_on;
	if (is_failure) {
		struct fail fail = {0};
		fail_set(&fail, FAIL_UNAVAILABLE, "the server ended the watch at once");
		return take_failure(reflector, &(struct reflector_event){.type = REFLECT_FAILED, .fail = &fail}, now_ms);
	}
	lose(reflector, now_ms);
	if (lived_ms < SOON_MS)
		return wait(reflector, false, SOON_MS - lived_ms);
	prove(reflector);
	return watch(reflector, now_ms);
}

static struct reflector_step take_timer(struct reflector *reflector, int64_t now_ms)
{
	int64_t left_ms = reflector->last_line_ms + REFLECTOR_PATIENCE_MS - now_ms;
	if (reflector->state == REFLECTOR_WAITING)
		return reflector->must_list ? list(reflector, now_ms) : watch(reflector, now_ms);
	if (reflector->state != REFLECTOR_STREAMING)
		return go_on;
	return left_ms > 0 ? (struct reflector_step){.timer_ms = left_ms} : fall_back(reflector, now_ms);
}

struct reflector_step reflector_take(struct reflector *reflector, const struct reflector_event *event, int64_t now_ms)
{
	switch (event->type) {
	case REFLECT_START: return list(reflector, now_ms);
	case REFLECT_PAGE: return take_page(reflector, event, now_ms);
	case REFLECT_CHANGE: return take_change(reflector, event, now_ms);
	case REFLECT_BOOKMARK: return take_bookmark(reflector, event, now_ms);
	case REFLECT_ERROR: return take_error(reflector, event, now_ms);
	case REFLECT_ENDED: return take_end(reflector, now_ms);
	case REFLECT_FAILED: return take_failure(reflector, event, now_ms);
	case REFLECT_TIMER: return take_timer(reflector, now_ms);
	case REFLECT_OPENED: break;
	}
	reflector->is_live = reflector->is_live || reflector->state == REFLECTOR_WATCHING;
	return go_on;
}

/* --- questions -------------------------------------------------------------------------------------------------------- */

void reflector_query(struct reflector *reflector, struct text *out, int64_t *out_silence_ms)
{
	int64_t length_s = WATCH_MIN_S + draw(reflector, WATCH_MAX_S - WATCH_MIN_S + 1);
	*out_silence_ms = reflector->has_bookmarks ? REFLECTOR_SILENCE_MS : length_s * 1000 + REFLECTOR_PATIENCE_MS * 2;
	if (reflector->state == REFLECTOR_LISTING) {
		text_addf(out, "limit=%u", reflector->page);
		text_adds(out, reflector->token.len > 0 ? "&continue=" : "");
		url_add(out, text_span(&reflector->token));
		return;
	}
	text_addf(out, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%d", (int)length_s);
	if (reflector->state == REFLECTOR_STREAMING) {
		text_adds(out, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
		return;
	}
	text_adds(out, "&resourceVersion=");
	url_add(out, text_span(&reflector->version));
}

int64_t reflector_synced_until(const struct reflector *reflector)
{
	if (!reflector->is_complete)
		return 0;
	return reflector->is_live ? INT64_MAX : reflector->lost_ms + REFLECTOR_TOLERANCE_MS;
}

bool reflector_is_synced(const struct reflector *reflector, int64_t now_ms)
{
	return now_ms < reflector_synced_until(reflector);
}
