#include "agent/controller/event_book.h"

#include <stdlib.h>
#include <string.h>

#include "agent/kube/client.h"
#include "base/digest.h"
#include "base/text.h"
#include "base/timestamp.h"

enum { SETS = 512, WAYS = 8, NAME_MAX_LEN = 253, INSTANCE_MAX = 128 };

#define COMBINED "(combined from similar events): "

/* One table for three things that are remembered for a while, by keys that tell them apart. */
struct record {
	uint64_t key; /* 0: free */
	int64_t at_ms;
	unsigned count; /* a series: how often; similar ones: how many; an object: tokens that are left */
	char *event;	/* a series: the Event's name */
};

struct event_book {
	char instance[INSTANCE_MAX + 1];
	int64_t last_wall_ns;
	struct record records[SETS][WAYS];
};

struct event_book *event_book_new(const char *instance)
{
	struct event_book *book = calloc(1, sizeof *book);
	if (book == NULL)
		abort();
	snprintf(book->instance, sizeof book->instance, "%s", instance == NULL || *instance == '\0' ? "omniops" : instance);
	return book;
}

static void forget(struct record *record)
{
	free(record->event);
	*record = (struct record){0};
}

void event_book_free(struct event_book *book)
{
	if (book == NULL)
		return;
	for (size_t i = 0; i < SETS; i++)
		for (size_t j = 0; j < WAYS; j++)
			forget(&book->records[i][j]);
	free(book);
}

void event_request_done(struct event_request *request)
{
	free(request->path);
	json_decref(request->body);
	*request = (struct event_request){0};
}

/* --- what is remembered -------------------------------------------------------------------------------------------------- */

static struct record *find(struct event_book *book, uint64_t key)
{
	struct record *set = book->records[key % SETS];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* A new record takes the place of the one that nobody asked for the longest. */
static struct record *remember(struct event_book *book, uint64_t key, unsigned count, int64_t now_ms)
{
	struct record *set = book->records[key % SETS], *place = &set[0];
	for (size_t i = 0; i < WAYS && place->key != 0; i++)
		if (set[i].key == 0 || set[i].at_ms < place->at_ms)
			place = &set[i];
	forget(place);
	*place = (struct record){.key = key, .at_ms = now_ms, .count = count};
	return place;
}

void event_book_forget(struct event_book *book, uint64_t key)
{
	struct record *record = find(book, key);
	if (record != NULL)
		forget(record);
}

/* Which of the three, and the parts of what it is about. */
static uint64_t key_of(const char *what, const struct event_about *about, const struct status_event *event, const char *note)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%s %s %.*s/%.*s %.*s", what, about->kind, SPAN_ARG(about->ns), SPAN_ARG(about->name), SPAN_ARG(about->uid));
	if (event != NULL)
		text_addf(&text, " %s %s %s", event->type, event->reason, event->action);
	text_addf(&text, "\n%s", note);
	uint64_t key = digest_local(text_span(&text));
	text_done(&text);
	return key;
}

/* A bucket for each object. */
static bool take_token(struct event_book *book, const struct event_about *about, int64_t now_ms)
{
	uint64_t key = key_of("object", about, NULL, "");
	struct record *bucket = find(book, key);
	if (bucket == NULL)
		bucket = remember(book, key, EVENT_BURST, now_ms);
	int64_t more = (now_ms - bucket->at_ms) / EVENT_REFILL_MS;
	bucket->at_ms += more * EVENT_REFILL_MS;
	bucket->count = more >= EVENT_BURST - (int64_t)bucket->count ? EVENT_BURST : bucket->count + (unsigned)more;
	if (bucket->count == EVENT_BURST)
		bucket->at_ms = now_ms;
	if (bucket->count == 0)
		return false;
	bucket->count--;
	return true;
}

/* One more note of its kind: too many by now? */
static bool has_too_many_similar(struct event_book *book, const struct event_about *about, const struct status_event *event,
				 int64_t now_ms)
{
	uint64_t key = key_of("similar", about, event, "");
	struct record *similar = find(book, key);
	if (similar == NULL)
		similar = remember(book, key, 0, now_ms);
	if (now_ms - similar->at_ms > EVENT_SIMILAR_MS)
		similar->count = 0;
	similar->at_ms = now_ms;
	similar->count++;
	return similar->count > EVENT_SIMILAR_MAX;
}

/* --- what is sent --------------------------------------------------------------------------------------------------------- */

static json_t *micro_time(int64_t wall_ms)
{
	char text[TIMESTAMP_SIZE];
	timestamp_format(wall_ms, TIMESTAMP_MICROSECONDS, text);
	return json_string(text);
}

/* "OBJECT.16 digits": of a time, and never the same twice. */
static char *event_name(struct event_book *book, struct span object, int64_t wall_ms)
{
	int64_t ns = wall_ms * 1000000;
	if (ns <= book->last_wall_ns)
		ns = book->last_wall_ns + 1;
	book->last_wall_ns = ns;
	struct text name;
	text_init(&name, TEXT_NO_LIMIT);
	if (object.len > NAME_MAX_LEN - 17)
		object.len = NAME_MAX_LEN - 17;
	while (object.len > 0 && (object.ptr[object.len - 1] == '.' || object.ptr[object.len - 1] == '-'))
		object.len--;
	text_add(&name, object);
	text_addf(&name, ".%016llx", (unsigned long long)ns);
	return text_take(&name);
}

static char *event_path(struct span ns, const char *name)
{
	struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	text_addf(&path, "/apis/events.k8s.io/v1/namespaces/%.*s/events%s%s?fieldManager=" KUBE_FIELD_MANAGER, SPAN_ARG(ns),
		  *name == '\0' ? "" : "/", name);
	return text_take(&path);
}

/* At most 1024 bytes, which does not cut a character in two. */
static json_t *note_of(const char *note)
{
	size_t len = strlen(note);
	if (len > STATUS_EVENT_NOTE - 1)
		for (len = STATUS_EVENT_NOTE - 1; len > 0 && ((unsigned char)note[len] & 0xc0) == 0x80;)
			len--;
	return json_stringn(note, len);
}

static struct event_request create(struct event_book *book, struct record *series, const struct event_about *about,
				   const struct status_event *event, const char *note, int64_t wall_ms)
{
	free(series->event);
	series->event = event_name(book, about->name, wall_ms);
	json_t *body = json_pack(
		"{s:s,s:s,s:{s:s,s:s%},s:o,s:s,s:s,s:s,s:s,s:s,s:o,s:{s:s,s:s,s:s%,s:s%,s:s%}}", "apiVersion", "events.k8s.io/v1",
		"kind", "Event", "metadata", "name", series->event, "namespace", about->ns.ptr, about->ns.len, "eventTime",
		micro_time(wall_ms), "reportingController", EVENT_CONTROLLER, "reportingInstance", book->instance, "action",
		event->action, "reason", event->reason, "type", event->type, "note", note_of(note), "regarding", "apiVersion",
		"omni.texashpc.com/v1alpha1", "kind", about->kind, "namespace", about->ns.ptr, about->ns.len, "name",
		about->name.ptr, about->name.len, "uid", about->uid.ptr, about->uid.len);
	return (struct event_request){"POST", event_path(about->ns, ""), body, series->key};
}

static struct event_request count_up(const struct record *series, const struct event_about *about, int64_t wall_ms)
{
	json_t *body = json_pack("{s:{s:i,s:o}}", "series", "count", (int)series->count, "lastObservedTime", micro_time(wall_ms));
	return (struct event_request){"PATCH", event_path(about->ns, series->event), body, series->key};
}

/* The series that goes on, or NULL. */
static struct record *find_series(struct event_book *book, uint64_t key, int64_t now_ms)
{
	struct record *series = find(book, key);
	return series != NULL && now_ms - series->at_ms <= EVENT_SERIES_MS ? series : NULL;
}

struct event_request event_book_take(struct event_book *book, const struct event_about *about, const struct status_event *event,
				     int64_t now_ms, int64_t wall_ms)
{
	char combined[sizeof COMBINED + STATUS_EVENT_NOTE];
	const char *note = event->note;
	bool may_tell = take_token(book, about, now_ms);
	uint64_t key = key_of("series", about, event, note);
	struct record *series = find_series(book, key, now_ms);
	if (series == NULL && has_too_many_similar(book, about, event, now_ms)) {
		snprintf(combined, sizeof combined, COMBINED "%s", event->note);
		note = combined;
		key = key_of("combined", about, event, "");
		series = find_series(book, key, now_ms);
	}
	if (series != NULL) {
		series->at_ms = now_ms;
		series->count++;
		return may_tell ? count_up(series, about, wall_ms) : (struct event_request){0};
	}
	if (!may_tell)
		return (struct event_request){0};
	event_book_forget(book, key);
	return create(book, remember(book, key, 1, now_ms), about, event, note, wall_ms);
}
