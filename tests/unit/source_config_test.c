/* Source URLs, and when a source is polled. */
#include "agent/source/config.h"
#include "tests/unit/test.h"

static struct source_config parse(const char *url, const struct source_options *options)
{
	struct source_config config;
	struct fail fail;
	if (!config_parse(&config, url, options, &fail))
		fail_msg("%s: %s", url, fail.text);
	return config;
}

static void https_with_everything(void **state)
{
	(void)state;
	struct source_config config = parse("git+https://oauth2@Git.Example.org:8443/org/repo.git?ref=release/1.2&path=a//b/"
					    "&interval=90s&timeout=1m&token-file=/run/t%20x&ca-file=/ca.pem&name=prod",
					    NULL);
	assert_int_equal(config.scheme, SCHEME_HTTPS);
	assert_string_equal(config.place, "https://Git.Example.org:8443/org/repo.git");
	assert_string_equal(config.host, "git.example.org");
	assert_string_equal(config.user, "oauth2");
	assert_string_equal(config.ref, "release/1.2");
	assert_string_equal(config.token_file, "/run/t x");
	assert_string_equal(config.name, "prod");
	assert_int_equal(config.interval_ms, 90000);
	assert_int_equal(config.timeout_ms, 60000);
	config_done(&config);
}

static void defaults_and_options(void **state)
{
	(void)state;
	const struct source_options options = {.user = "bot", .token_file = "/t", .interval_ms = 5000, .cache_dir = "/c"};
	struct source_config config = parse("git+ssh://git@host/org/repo", &options);
	assert_string_equal(config.user, "bot");
	assert_string_equal(config.place, "ssh://host/org/repo");
	assert_string_equal(config.path, "");
	assert_int_equal(config.ref_kind, REF_HEAD);
	assert_int_equal(config.interval_ms, 5000);
	assert_string_equal(config.cache_dir, "/c");
	config_done(&config);
	config = parse("dir:/git/current/", NULL);
	assert_string_equal(config.place, "/git/current");
	assert_int_equal(config.interval_ms, 30000);
	config_done(&config);
}

static void normal_urls(void **state)
{
	(void)state;
	static const char *const same[] = {
		"https://github.com/Org/Repo.git", "https://user@GitHub.com:443/org/repo/", "git@github.com:org/repo.git",
		"ssh://git@github.com/org/repo", " https://github.com//org/repo ",
	};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_span(config_normal_url(&arena, span_of(same[i])), "github.com/org/repo");
	config_normal_url(&arena, SPAN(""));
	config_normal_url(&arena, SPAN("://@/"));
	arena_done(&arena);
}

static void polls_by_interval_with_jitter(void **state)
{
	(void)state;
	struct schedule schedule;
	struct source_result good = {.verdict = SOURCE_UNCHANGED};
	schedule_init(&schedule, 60000, 1000, 7);
	assert_int_equal(schedule_wait_ms(&schedule, 1000), 0);
	bool differs = false;
	int64_t last = 0;
	for (int i = 0; i < 100; i++) {
		schedule_polled(&schedule, 1000, &good);
		int64_t wait = schedule_wait_ms(&schedule, 1000);
		assert_in_range(wait, 54000, 66000);
		differs = differs || (last != 0 && wait != last);
		last = wait;
	}
	assert_true(differs);
}

static void backs_off_and_recovers(void **state)
{
	(void)state;
	struct schedule schedule;
	struct source_result bad = {.verdict = SOURCE_FAILED}, good = {.verdict = SOURCE_CHANGED};
	schedule_init(&schedule, 60000, 0, 7);
	schedule_polled(&schedule, 0, &bad);
	assert_in_range(schedule_wait_ms(&schedule, 0), 4500, 5500);
	schedule_polled(&schedule, 0, &bad);
	assert_in_range(schedule_wait_ms(&schedule, 0), 9000, 11000);
	for (int i = 0; i < 100; i++)
		schedule_polled(&schedule, 0, &bad);
	assert_in_range(schedule_wait_ms(&schedule, 0), 270000, 330000);
	schedule_polled(&schedule, 0, &good);
	assert_in_range(schedule_wait_ms(&schedule, 0), 54000, 66000);
}

static void hints_come_early_but_respect_the_host(void **state)
{
	(void)state;
	struct schedule schedule;
	struct source_result good = {.verdict = SOURCE_UNCHANGED};
	struct source_result limited = {.verdict = SOURCE_FAILED, .retry_after_ms = 30000};
	schedule_init(&schedule, 60000, 0, 7);
	schedule_polled(&schedule, 0, &good);
	schedule_hint(&schedule, 20000);
	assert_int_equal(schedule_wait_ms(&schedule, 20000), SOURCE_DEBOUNCE_MS);
	schedule_polled(&schedule, 20200, &good);
	schedule_hint(&schedule, 20300);
	assert_int_equal(schedule_wait_ms(&schedule, 20200), 1000);
	schedule_polled(&schedule, 30000, &limited);
	assert_true(schedule_wait_ms(&schedule, 30000) >= 30000);
	schedule_hint(&schedule, 31000);
	assert_int_equal(schedule_wait_ms(&schedule, 31000), 29000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(https_with_everything),
		cmocka_unit_test(defaults_and_options),
		cmocka_unit_test(normal_urls),
		cmocka_unit_test(polls_by_interval_with_jitter),
		cmocka_unit_test(backs_off_and_recovers),
		cmocka_unit_test(hints_come_early_but_respect_the_host),
	};
	return RUN_TESTS(tests);
}
