/* Events: series, similar ones, and too many of them. */
#include <stdio.h>
#include <string.h>

#include "agent/controller/event_book.h"
#include "tests/unit/test.h"

static const int64_t WALL_MS = 1700000000123;
static const struct event_about edge = {"OmniCluster", {"edge", 4}, {"pier", 4}, {"uid-1", 5}};
static struct event_book *book;

static int start(void **state)
{
	(void)state;
	book = event_book_new("pod-1");
	return 0;
}

static int end(void **state)
{
	(void)state;
	event_book_free(book);
	return 0;
}

static struct status_event event_of(const char *reason, const char *note)
{
	struct status_event event = {.type = "Warning", .reason = reason, .action = "Apply"};
	snprintf(event.note, sizeof event.note, "%s", note);
	return event;
}

/* Method and what is said; the request is given back. */
static const char *tell(const struct event_about *about, const char *reason, const char *note, int64_t now_ms)
{
	static char said[2000];
	struct status_event event = event_of(reason, note);
	struct event_request request = event_book_take(book, about, &event, now_ms, WALL_MS + now_ms);
	if (request.method == NULL)
		return "nothing";
	json_t *series = json_object_get(request.body, "series");
	if (series == NULL)
		snprintf(said, sizeof said, "%s %s", request.method, json_string_value(json_object_get(request.body, "note")));
	else
		snprintf(said, sizeof said, "%s %lld %s", request.method, json_integer_value(json_object_get(series, "count")),
			 json_string_value(json_object_get(series, "lastObservedTime")));
	event_request_done(&request);
	return said;
}

static void an_event_is_complete(void **state)
{
	struct status_event event = event_of("SyncFailed", "no");
	(void)state;
	struct event_request request = event_book_take(book, &edge, &event, 0, WALL_MS);
	assert_string_equal(request.method, "POST");
	assert_string_equal(request.path, "/apis/events.k8s.io/v1/namespaces/edge/events?fieldManager=omniops");
	json_t *expected = json_pack(
		"{s:s,s:s,s:{s:s,s:s},s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s}}", "apiVersion", "events.k8s.io/v1", "kind",
		"Event", "metadata", "name", "pier.17979cfe3d7ed4c0", "namespace", "edge", "eventTime", "2023-11-14T22:13:20.123000Z",
		"reportingController", "omni.texashpc.com/omniops", "reportingInstance", "pod-1", "action", "Apply", "reason",
		"SyncFailed", "type", "Warning", "note", "no", "regarding", "apiVersion", "omni.texashpc.com/v1alpha1", "kind",
		"OmniCluster", "namespace", "edge", "name", "pier", "uid", "uid-1");
	char *is = json_dumps(request.body, JSON_SORT_KEYS), *should = json_dumps(expected, JSON_SORT_KEYS);
	assert_string_equal(is, should);
	free(is);
	free(should);
	json_decref(expected);
	event_request_done(&request);
}

static void the_same_again_soon_is_a_series(void **state)
{
	(void)state;
	assert_string_equal(tell(&edge, "SyncFailed", "a", 0), "POST a");
	assert_string_equal(tell(&edge, "SyncFailed", "a", 1000), "PATCH 2 2023-11-14T22:13:21.123000Z");
	assert_string_equal(tell(&edge, "SyncFailed", "b", 2000), "POST b");
	assert_string_equal(tell(&edge, "SyncFailed", "a", 1000 + EVENT_SERIES_MS), "PATCH 3 2023-11-14T22:19:21.123000Z");
	assert_string_equal(tell(&edge, "SyncFailed", "a", 1001 + 2 * EVENT_SERIES_MS), "POST a");
}

static void what_the_server_did_not_take_is_told_anew(void **state)
{
	struct status_event event = event_of("SyncFailed", "a");
	(void)state;
	struct event_request request = event_book_take(book, &edge, &event, 0, WALL_MS);
	event_book_forget(book, request.key);
	event_request_done(&request);
	assert_string_equal(tell(&edge, "SyncFailed", "a", 1), "POST a");
}

static void many_that_differ_only_in_their_note_become_one(void **state)
{
	char note[20];
	(void)state;
	for (int i = 0; i < EVENT_SIMILAR_MAX; i++) {
		snprintf(note, sizeof note, "note %d", i);
		assert_memory_equal(tell(&edge, "SyncFailed", note, i), "POST note", 9);
	}
	assert_string_equal(tell(&edge, "SyncFailed", "one more", 100), "POST (combined from similar events): one more");
	assert_memory_equal(tell(&edge, "SyncFailed", "another", 200), "PATCH 2 ", 8);
	assert_string_equal(tell(&edge, "PlanHeld", "other", 200), "POST other");
	assert_string_equal(tell(&edge, "SyncFailed", "much later", 201 + EVENT_SIMILAR_MS), "POST much later");
}

static void an_object_that_tells_too_much_is_not_heard(void **state)
{
	const struct event_about other = {"OmniCluster", {"edge", 4}, {"quay", 4}, {"uid-2", 5}};
	char reason[20];
	int told = 0;
	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(reason, sizeof reason, "Reason%d", i);
		told += strcmp(tell(&edge, reason, "x", i), "nothing") != 0;
	}
	assert_int_equal(told, EVENT_BURST);
	assert_string_equal(tell(&other, "SyncFailed", "x", 100), "POST x");
	assert_string_equal(tell(&edge, "Later", "x", 90 + EVENT_REFILL_MS), "POST x");
	assert_string_equal(tell(&edge, "Later2", "x", 95 + EVENT_REFILL_MS), "nothing");
}

static void notes_end_within_a_kilobyte_and_not_within_a_character(void **state)
{
	struct status_event event = {.type = "Normal", .reason = "A", .action = "B"};
	(void)state;
	for (size_t i = 0; i + 2 < sizeof event.note; i += 2)
		memcpy(event.note + i, "ä", 2);
	for (int i = 0; i < EVENT_SIMILAR_MAX; i++)
		tell(&edge, "A", (char[2]){(char)('a' + i), 0}, 0);
	event.type = "Warning";
	event.action = "Apply";
	struct event_request request = event_book_take(book, &edge, &event, 1, WALL_MS);
	assert_string_equal(request.method, "POST");
	json_t *note = json_object_get(request.body, "note");
	assert_in_range(json_string_length(note), 1022, 1024);
	assert_memory_equal(json_string_value(note), "(combined", 9);
	event_request_done(&request);
}

static void names_are_valid_and_never_the_same(void **state)
{
	char object[254], names[2][600];
	(void)state;
	memset(object, 'a', sizeof object);
	memcpy(object + 230, ".-.-.-.", 7);
	for (int i = 0; i < 2; i++) {
		const struct event_about about = {"OmniCluster", {"edge", 4}, {object, 253}, {"u", 1}};
		struct status_event event = event_of("A", i == 0 ? "x" : "y");
		struct event_request request = event_book_take(book, &about, &event, 0, WALL_MS);
		json_t *name = json_object_get(json_object_get(request.body, "metadata"), "name");
		assert_true(json_string_length(name) <= 253);
		snprintf(names[i], sizeof names[i], "%s", json_string_value(name));
		assert_memory_equal(names[i] + 228, "aa.17", 5);
		event_request_done(&request);
	}
	assert_string_not_equal(names[0], names[1]);
}

/* A fleet of any size: bounded memory, and nothing worse than an Event that begins anew. */
static void a_large_fleet_is_forgotten_piece_by_piece(void **state)
{
	char name[20];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "c%d", i);
		const struct event_about about = {"OmniCluster", {"edge", 4}, span_of(name), span_of(name)};
		assert_string_equal(tell(&about, "SyncFailed", "x", i), "POST x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_is_complete, start, end),
		cmocka_unit_test_setup_teardown(the_same_again_soon_is_a_series, start, end),
		cmocka_unit_test_setup_teardown(what_the_server_did_not_take_is_told_anew, start, end),
		cmocka_unit_test_setup_teardown(many_that_differ_only_in_their_note_become_one, start, end),
		cmocka_unit_test_setup_teardown(an_object_that_tells_too_much_is_not_heard, start, end),
		cmocka_unit_test_setup_teardown(notes_end_within_a_kilobyte_and_not_within_a_character, start, end),
		cmocka_unit_test_setup_teardown(names_are_valid_and_never_the_same, start, end),
		cmocka_unit_test_setup_teardown(a_large_fleet_is_forgotten_piece_by_piece, start, end),
	};
	return RUN_TESTS(tests);
}
