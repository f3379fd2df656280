/* The rules of list and watch, told as stories: what happened, what is ordered, what is believed. */
#include <stdlib.h>
#include <string.h>

#include "agent/kube/reflector.h"
#include "tests/unit/test.h"

struct story {
	struct reflector reflector;
	struct reflector_step step;
	int64_t now_ms;
};

static void begin(struct story *s)
{
	*s = (struct story){.now_ms = 1000000};
	reflector_init(&s->reflector, 7);
	s->step = reflector_take(&s->reflector, &(struct reflector_event){.type = REFLECT_START}, s->now_ms);
}

static void end(struct story *s)
{
	reflector_done(&s->reflector);
}

static void happens(struct story *s, struct reflector_event event)
{
	s->step = reflector_take(&s->reflector, &event, s->now_ms);
}

static void fails(struct story *s, enum reflector_event_type type, enum fail_code code)
{
	struct fail fail = {0};
	fail_set(&fail, code, "no");
	happens(s, (struct reflector_event){.type = type, .fail = &fail});
}

static void passes(struct story *s, int64_t ms)
{
	s->now_ms += ms;
}

/* The time that was ordered. */
static void timer(struct story *s)
{
	passes(s, s->step.timer_ms);
	happens(s, (struct reflector_event){.type = REFLECT_TIMER});
}

static const char *query(struct story *s)
{
	static char shown[512];
	struct text text;
	int64_t silence_ms;
	text_init(&text, sizeof shown - 1);
	reflector_query(&s->reflector, &text, &silence_ms);
	memcpy(shown, text.ptr, text.len + 1);
	text_done(&text);
	return shown;
}

#define assert_asks(story, part) assert_non_null(strstr(query(story), part))
#define assert_asks_not(story, part) assert_null(strstr(query(story), part))

static bool is_synced(const struct story *s)
{
	return reflector_is_synced(&s->reflector, s->now_ms);
}

/* Events that come often. */
static const struct reflector_event opened = {.type = REFLECT_OPENED}, ended = {.type = REFLECT_ENDED};
#define CHANGE(v) ((struct reflector_event){.type = REFLECT_CHANGE, .version = SPAN(v)})
#define BOOKMARK(v) ((struct reflector_event){.type = REFLECT_BOOKMARK, .version = SPAN(v)})
#define LISTED(v) ((struct reflector_event){.type = REFLECT_BOOKMARK, .version = SPAN(v), .is_end = true})
#define PAGE(v, t) ((struct reflector_event){.type = REFLECT_PAGE, .version = SPAN(v), .token = SPAN(t)})

static void begin_streamed(struct story *s)
{
	begin(s);
	happens(s, opened);
	happens(s, CHANGE("5"));
	happens(s, LISTED("9"));
}

static void begin_paged(struct story *s)
{
	begin(s);
	fails(s, REFLECT_FAILED, FAIL_INVALID);
	happens(s, PAGE("9", ""));
	happens(s, opened);
}

/* --- stories ------------------------------------------------------------------------------------------------------------ */

static void a_streaming_list_is_complete_with_its_bookmark(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	assert_true(s.step.begins && s.step.opens && !s.step.is_page);
	assert_asks(&s, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	assert_asks(&s, "allowWatchBookmarks=true");
	assert_asks_not(&s, "resourceVersion=");
	happens(&s, opened);
	happens(&s, CHANGE("5"));
	happens(&s, BOOKMARK("6"));
	assert_false(is_synced(&s) || s.step.completes);
	happens(&s, LISTED("9"));
	assert_true(is_synced(&s) && s.step.completes && !s.step.opens && !s.step.closes);
	end(&s);
}

static void a_long_list_is_followed_by_a_watch_of_its_own(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	happens(&s, opened);
	for (int i = 0; i <= REFLECTOR_MANY; i++)
		happens(&s, CHANGE("5"));
	happens(&s, LISTED("9"));
	assert_true(is_synced(&s) && s.step.completes && s.step.closes && s.step.opens && !s.step.begins && !s.step.is_page);
	assert_asks(&s, "&resourceVersion=9");
	end(&s);
}

static void a_server_without_streaming_lists_gives_pages(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	fails(&s, REFLECT_FAILED, FAIL_INVALID);
	assert_true(s.step.begins && s.step.opens && s.step.is_page);
	assert_string_equal(query(&s), "limit=500");
	happens(&s, PAGE("9", "a/b="));
	assert_true(s.step.opens && s.step.is_page && !s.step.begins && !is_synced(&s));
	assert_string_equal(query(&s), "limit=500&continue=a%2Fb%3D");
	happens(&s, PAGE("9", ""));
	assert_true(s.step.completes && s.step.opens && !s.step.is_page && is_synced(&s));
	assert_asks(&s, "watch=1&allowWatchBookmarks=true&timeoutSeconds=");
	assert_asks(&s, "&resourceVersion=9");
	end(&s);
}

static void a_server_that_ignores_the_wish_is_seen_through(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	happens(&s, opened);
	passes(&s, 5000);
	happens(&s, CHANGE("5"));
	assert_true(s.step.keeps_timer);
	passes(&s, REFLECTOR_PATIENCE_MS - 5000);
	happens(&s, (struct reflector_event){.type = REFLECT_TIMER});
	assert_int_equal(s.step.timer_ms, 5000); /* a line came: a little longer */
	timer(&s);
	assert_true(s.step.begins && s.step.is_page && s.step.closes);
	end(&s);
}

static void a_list_that_breaks_off_twice_comes_in_pages(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	happens(&s, CHANGE("5"));
	fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	assert_true(s.step.timer_ms > 0 && !s.step.opens);
	timer(&s);
	assert_true(s.step.begins && !s.step.is_page);
	happens(&s, CHANGE("5"));
	happens(&s, ended);
	assert_true(s.step.begins && s.step.is_page);
	end(&s);
}

static void an_end_is_no_reason_to_list(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 400000);
	happens(&s, BOOKMARK("12"));
	passes(&s, 1000);
	happens(&s, ended);
	assert_true(s.step.opens && !s.step.begins && is_synced(&s));
	assert_asks(&s, "resourceVersion=12");
	assert_asks_not(&s, "sendInitialEvents");
	end(&s);
}

static void an_end_at_once_is_a_failure(void **state)
{
	(void)state;
	struct story s;
	begin_paged(&s);
	int64_t before = 0;
	for (int i = 0; i < 4; i++) {
		passes(&s, 500);
		happens(&s, ended);
		assert_true(s.step.timer_ms > before);
		before = s.step.timer_ms;
		timer(&s);
		assert_true(s.step.opens && !s.step.begins);
		happens(&s, opened);
	}
	end(&s);
}

static void an_end_with_news_is_followed_no_more_than_once_a_second(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 300);
	happens(&s, CHANGE("10"));
	happens(&s, ended);
	assert_int_equal(s.step.timer_ms, 700);
	timer(&s);
	assert_asks(&s, "resourceVersion=10");
	end(&s);
}

static void what_the_server_has_forgotten_is_listed_again_at_once(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 20000);
	fails(&s, REFLECT_ERROR, FAIL_PRECONDITION);
	assert_true(s.step.closes && s.step.begins && s.step.opens && is_synced(&s));
	happens(&s, opened);
	happens(&s, LISTED("30"));
	assert_true(s.step.completes && is_synced(&s));
	fails(&s, REFLECT_ERROR, FAIL_PRECONDITION); /* again: that is no accident any more */
	assert_true(s.step.timer_ms > 0 && !s.step.opens);
	timer(&s);
	assert_true(s.step.begins);
	end(&s);
}

/* After a long absence whoever answers is asked for everything, and not half a minute later. */
static void a_server_that_is_back_is_listed_at_once(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 20000);
	for (int i = 0; i < 8; i++) {
		fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
		timer(&s);
	}
	happens(&s, opened);
	fails(&s, REFLECT_ERROR, FAIL_PRECONDITION);
	assert_true(s.step.begins && s.step.opens);
	fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	assert_in_range(s.step.timer_ms, 600, 1000);
	end(&s);
}

static void a_refused_place_is_listed_again(void **state)
{
	(void)state;
	const enum fail_code codes[] = {FAIL_PRECONDITION, FAIL_INVALID, FAIL_NOT_FOUND};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct story s;
		begin_streamed(&s);
		passes(&s, 20000);
		happens(&s, ended);
		fails(&s, REFLECT_FAILED, codes[i]);
		if (!s.step.opens)
			timer(&s);
		assert_true(s.step.begins);
		end(&s);
	}
}

static void a_broken_watch_goes_on_where_it_was(void **state)
{
	(void)state;
	const enum fail_code codes[] = {FAIL_UNAVAILABLE, FAIL_IO, FAIL_PROTOCOL, FAIL_DENIED, FAIL_UNAUTHENTICATED};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct story s;
		begin_streamed(&s);
		passes(&s, 20000);
		happens(&s, CHANGE("10"));
		fails(&s, REFLECT_FAILED, codes[i]);
		assert_true(s.step.closes && s.step.timer_ms >= 600 && s.step.timer_ms <= 1000);
		timer(&s);
		assert_true(s.step.opens && !s.step.begins);
		assert_asks(&s, "resourceVersion=10");
		end(&s);
	}
}

static void whoever_says_nothing_is_not_believed(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, REFLECTOR_SILENCE_MS);
	fails(&s, REFLECT_FAILED, FAIL_TIMEOUT);
	timer(&s);
	assert_true(s.step.begins);
	end(&s);
}

static void an_odd_error_in_the_middle_means_a_list(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	happens(&s, CHANGE("10"));
	fails(&s, REFLECT_ERROR, FAIL_UNAVAILABLE);
	assert_true(s.step.timer_ms > 0);
	timer(&s);
	assert_true(s.step.begins);
	end(&s);
}

static void failures_wait_longer_and_longer(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	int64_t usual = REFLECTOR_BACKOFF_MS;
	for (int i = 0; i < 12; i++) {
		fails(&s, REFLECT_FAILED, FAIL_DENIED);
		assert_in_range(s.step.timer_ms, usual * 3 / 4, usual * 5 / 4);
		usual = usual * 2 < REFLECTOR_BACKOFF_MAX_MS ? usual * 2 : REFLECTOR_BACKOFF_MAX_MS;
		timer(&s);
		assert_true(s.step.begins && !s.step.is_page);
	}
	happens(&s, opened);
	happens(&s, LISTED("9"));
	passes(&s, 11000); /* it has proved itself */
	fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	assert_in_range(s.step.timer_ms, 600, 1000);
	end(&s);
}

static void an_expired_page_begins_anew(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	fails(&s, REFLECT_FAILED, FAIL_UNSUPPORTED);
	happens(&s, PAGE("9", "t"));
	fails(&s, REFLECT_FAILED, FAIL_PRECONDITION);
	assert_true(s.step.begins && s.step.is_page && s.step.opens);
	assert_string_equal(query(&s), "limit=500");
	happens(&s, PAGE("11", "t"));
	happens(&s, PAGE("12", ""));
	assert_asks(&s, "resourceVersion=11"); /* of the first page */
	end(&s);
}

static void pages_that_are_too_big_become_smaller(void **state)
{
	(void)state;
	struct story s;
	begin(&s);
	fails(&s, REFLECT_FAILED, FAIL_UNSUPPORTED);
	const char *const sizes[] = {"limit=50", "limit=5", "limit=1"};
	for (size_t i = 0; i < 3; i++) {
		fails(&s, REFLECT_FAILED, FAIL_TOO_BIG);
		assert_true(s.step.begins && s.step.is_page);
		assert_string_equal(query(&s), sizes[i]);
	}
	fails(&s, REFLECT_FAILED, FAIL_TOO_BIG);
	assert_true(s.step.timer_ms > 0 && !s.step.opens);
	end(&s);
}

static void content_is_believed_for_a_minute(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 20000);
	assert_true(reflector_synced_until(&s.reflector) == INT64_MAX);
	fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	int64_t lost_ms = s.now_ms;
	assert_true(reflector_synced_until(&s.reflector) == lost_ms + REFLECTOR_TOLERANCE_MS);
	while (s.now_ms < lost_ms + REFLECTOR_TOLERANCE_MS) {
		assert_true(is_synced(&s));
		timer(&s);
		fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	}
	assert_false(is_synced(&s));
	timer(&s);
	happens(&s, opened); /* where it was: nothing is missing */
	assert_true(is_synced(&s) && !s.step.begins);
	end(&s);
}

static void watches_that_open_and_break_do_not_prolong_the_minute(void **state)
{
	(void)state;
	struct story s;
	begin_streamed(&s);
	passes(&s, 20000);
	fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	int64_t lost_ms = s.now_ms;
	while (s.now_ms < lost_ms + REFLECTOR_TOLERANCE_MS) {
		timer(&s);
		happens(&s, opened);
		passes(&s, 100);
		fails(&s, REFLECT_FAILED, FAIL_UNAVAILABLE);
	}
	assert_false(is_synced(&s));
	end(&s);
}

static void watches_have_lengths_of_their_own(void **state)
{
	(void)state;
	struct story s;
	bool differ = false;
	begin_paged(&s);
	long first = 0;
	for (int i = 0; i < 50; i++) {
		long seconds = strtol(strstr(query(&s), "timeoutSeconds=") + 15, NULL, 10);
		assert_in_range(seconds, 300, 600);
		first = i == 0 ? seconds : first;
		differ = differ || seconds != first;
	}
	assert_true(differ);
	end(&s);
}

static void bookmarks_are_waited_for_where_there_are_any(void **state)
{
	(void)state;
	struct story s;
	int64_t silence_ms;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	begin_streamed(&s);
	reflector_query(&s.reflector, &text, &silence_ms);
	assert_true(silence_ms > 300000);
	happens(&s, BOOKMARK("10"));
	reflector_query(&s.reflector, &text, &silence_ms);
	assert_int_equal(silence_ms, REFLECTOR_SILENCE_MS);
	text_done(&text);
	end(&s);
}

/* Whatever happens, there is always something under way: a stream, a page or a timer. */
static void nothing_makes_it_stand_still(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 200; seed++) {
		struct story s;
		unsigned x = seed;
		begin(&s);
		bool has_stream = s.step.opens && !s.step.is_page, has_page = false;
		int64_t due_ms = s.step.timer_ms >= 0 ? s.now_ms + s.step.timer_ms : -1;
		for (int i = 0; i < 300; i++) {
			x = x * 1664525 + 1013904223;
			passes(&s, (x >> 8) % 3000);
			unsigned pick = (x >> 20) % 9;
			if (has_page && pick < 5)
				happens(&s, pick == 0 ? PAGE("1", "t") : PAGE("2", ""));
			else if (has_page)
				fails(&s, REFLECT_FAILED, (enum fail_code)(1 + pick));
			else if (has_stream && pick < 4)
				happens(&s, pick == 0 ? opened : pick == 1 ? CHANGE("3") : pick == 2 ? BOOKMARK("4") : LISTED("5"));
			else if (has_stream && pick == 4)
				happens(&s, ended), has_stream = false;
			else if (has_stream && pick == 5)
				fails(&s, REFLECT_ERROR, (enum fail_code)(1 + (x >> 12) % 13));
			else if (has_stream)
				fails(&s, REFLECT_FAILED, (enum fail_code)(1 + (x >> 12) % 13)), has_stream = false;
			else
				s.now_ms = due_ms, happens(&s, (struct reflector_event){.type = REFLECT_TIMER});
			bool was_page = has_page;
			has_stream = has_stream && !s.step.closes;
			has_stream = has_stream || (s.step.opens && !s.step.is_page);
			has_page = s.step.opens && s.step.is_page;
			if (!s.step.keeps_timer)
				due_ms = s.step.timer_ms >= 0 ? s.now_ms + s.step.timer_ms : -1;
			assert_true(has_stream || has_page || due_ms >= 0);
			assert_false(was_page && !has_page && !s.step.opens && due_ms < 0);
		}
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_streaming_list_is_complete_with_its_bookmark),
		cmocka_unit_test(a_long_list_is_followed_by_a_watch_of_its_own),
		cmocka_unit_test(a_server_without_streaming_lists_gives_pages),
		cmocka_unit_test(a_server_that_ignores_the_wish_is_seen_through),
		cmocka_unit_test(a_list_that_breaks_off_twice_comes_in_pages),
		cmocka_unit_test(an_end_is_no_reason_to_list),
		cmocka_unit_test(an_end_at_once_is_a_failure),
		cmocka_unit_test(an_end_with_news_is_followed_no_more_than_once_a_second),
		cmocka_unit_test(what_the_server_has_forgotten_is_listed_again_at_once),
		cmocka_unit_test(a_server_that_is_back_is_listed_at_once),
		cmocka_unit_test(a_refused_place_is_listed_again),
		cmocka_unit_test(a_broken_watch_goes_on_where_it_was),
		cmocka_unit_test(whoever_says_nothing_is_not_believed),
		cmocka_unit_test(an_odd_error_in_the_middle_means_a_list),
		cmocka_unit_test(failures_wait_longer_and_longer),
		cmocka_unit_test(an_expired_page_begins_anew),
		cmocka_unit_test(pages_that_are_too_big_become_smaller),
		cmocka_unit_test(content_is_believed_for_a_minute),
		cmocka_unit_test(watches_that_open_and_break_do_not_prolong_the_minute),
		cmocka_unit_test(watches_have_lengths_of_their_own),
		cmocka_unit_test(bookmarks_are_waited_for_where_there_are_any),
		cmocka_unit_test(nothing_makes_it_stand_still),
	};
	return RUN_TESTS(tests);
}
