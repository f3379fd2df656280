#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/fake_clock.h"
#include "tests/unit/test.h"

static char written[1 << 20];

/* What a logger wrote into a file in memory. */
static const char *read_back(int fd)
{
	ssize_t got = pread(fd, written, sizeof written - 1, 0);
	written[got < 0 ? 0 : got] = '\0';
	return written;
}

static struct log open_log(enum log_level level, enum log_format format)
{
	struct log log;
	log_init(&log, memfd_create("log", MFD_CLOEXEC), level, format);
	return log;
}

static void close_log(struct log *log)
{
	close(log->fd);
	log_done(log);
}

static void text_lines_have_the_fixed_keys_first(void **state)
{
	(void)state;
	struct log log = open_log(LEVEL_INFO, FORMAT_TEXT);
	log_info(&log, "source", "new revision", log_string("revision", "4f1c"), log_int("files", -12),
		 log_bool("signed", true), log_string("path", "a b\"c\n"), log_string("empty", ""));
	assert_string_equal(read_back(log.fd),
			    "ts=2023-11-14T22:13:20.000Z level=info component=source msg=\"new revision\" revision=4f1c "
			    "files=-12 signed=true path=\"a b\\\"c\\n\" empty=\"\"\n");
	close_log(&log);
}

static void json_lines_are_json(void **state)
{
	(void)state;
	struct log log = open_log(LEVEL_DEBUG, FORMAT_JSON);
	struct fail failure = {0};
	fail_set(&failure, FAIL_TIMEOUT, "no answer within %d s", 30);
	log_warn(&log, "omni", "call failed", log_int("attempt", 2), log_bool("last", false), log_fail(&failure),
		 log_span("raw", (struct span){"\xff\0", 2}));
	log_debug(&log, "omni", "bare");
	assert_string_equal(
		read_back(log.fd),
		"{\"ts\":\"2023-11-14T22:13:20.000Z\",\"level\":\"warn\",\"component\":\"omni\",\"msg\":\"call failed\","
		"\"attempt\":2,\"last\":false,\"reason\":\"Timeout\",\"error\":\"no answer within 30 s\","
		"\"raw\":\"\xef\xbf\xbd\\u0000\"}\n"
		"{\"ts\":\"2023-11-14T22:13:20.000Z\",\"level\":\"debug\",\"component\":\"omni\",\"msg\":\"bare\"}\n");
	close_log(&log);
}

static void events_below_the_level_are_dropped(void **state)
{
	(void)state;
	struct log log = open_log(LEVEL_WARN, FORMAT_TEXT);
	log_debug(&log, "c", "m");
	log_info(&log, "c", "m");
	assert_string_equal(read_back(log.fd), "");
	log_error(&log, "c", "m");
	assert_non_null(strstr(read_back(log.fd), "level=error"));
	log_error((struct log *)NULL, "c", "a silent log");
	close_log(&log);
}

static void long_lines_stay_whole(void **state)
{
	(void)state;
	static char longest[100000];
	memset(longest, 'x', sizeof longest - 1);
	for (int format = FORMAT_TEXT; format <= FORMAT_JSON; format++) {
		struct log log = open_log(LEVEL_INFO, (enum log_format)format);
		log_info(&log, "c", "m", log_string("a", longest), log_string("b", longest), log_string("c", longest),
			 log_string("d", longest), log_string("e", longest), log_int("last", 1));
		const char *line = read_back(log.fd);
		size_t len = strlen(line);
		assert_true(len < 17 * 1024);
		assert_int_equal(line[len - 1], '\n');
		assert_non_null(strstr(line, format == FORMAT_JSON ? "\"last\":1}" : "last=1\n"));
		close_log(&log);
	}
}

static void values_are_not_cut_inside_a_character(void **state)
{
	(void)state;
	static char umlauts[10001];
	for (size_t i = 0; i + 1 < sizeof umlauts; i += 2)
		memcpy(umlauts + i, "\xc3\xa4", 2);
	struct log log = open_log(LEVEL_INFO, FORMAT_TEXT);
	log_info(&log, "c", "m", log_span("v", (struct span){umlauts + 1, 9000}), log_string("w", umlauts));
	assert_null(strstr(read_back(log.fd), "\xc3\xef"));
	close_log(&log);
}

static void *write_many(void *log)
{
	for (int i = 0; i < 200; i++)
		log_info(log, "thread", "a line of some length that other threads could cut in two", log_int("i", i));
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	(void)state;
	struct log log = open_log(LEVEL_INFO, FORMAT_TEXT);
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &log), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	size_t lines = 0;
	struct span rest = span_of(read_back(log.fd)), line;
	while (span_next(&rest, '\n', &line) && line.len > 0) {
		assert_true(span_starts(line, "ts=2023-11-14T22:13:20.000Z level=info component=thread msg="));
		lines++;
	}
	assert_int_equal(lines, 800);
	close_log(&log);
}

static void names_are_parsed(void **state)
{
	(void)state;
	enum log_level level = LEVEL_ERROR;
	enum log_format format = FORMAT_TEXT;
	assert_true(log_parse_level(SPAN("debug"), &level) && level == LEVEL_DEBUG);
	assert_true(log_parse_level(SPAN("warning"), &level) && level == LEVEL_WARN);
	assert_false(log_parse_level(SPAN("INFO"), &level));
	assert_false(log_parse_level(SPAN(""), &level));
	assert_true(log_parse_format(SPAN("json"), &format) && format == FORMAT_JSON);
	assert_false(log_parse_format(SPAN("xml"), &format));
	assert_int_equal(format, FORMAT_JSON);
}

static void a_log_that_cannot_be_written_is_survived(void **state)
{
	(void)state;
	struct log log;
	log_init(&log, -1, LEVEL_DEBUG, FORMAT_JSON);
	log_info(&log, "c", "m");
	log_done(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines_have_the_fixed_keys_first),
		cmocka_unit_test(json_lines_are_json),
		cmocka_unit_test(events_below_the_level_are_dropped),
		cmocka_unit_test(long_lines_stay_whole),
		cmocka_unit_test(values_are_not_cut_inside_a_character),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(names_are_parsed),
		cmocka_unit_test(a_log_that_cannot_be_written_is_survived),
	};
	return RUN_TESTS(tests);
}
