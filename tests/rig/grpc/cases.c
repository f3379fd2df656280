/* Drives a channel against the server of tests/rig/http2, and tells in TAP what came out: cases DIR, where the server has
 * written DIR/ports and its certificates. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/grpc/grpc.h"
#include "base/clock.h"
#include "base/span.h"
#include "tests/rig/grpc/tell.h"

struct result {
	enum grpc_code code; /* GRPC_CODES: verdict and status contradict each other, or there is none */
	bool is_local, was_sent, is_permanent, is_other;
	int64_t took_ms, server_ms;
	size_t len;
	char answer[256], text[1024];
};

static struct grpc_channel *open_channel(const char *name, bool is_tls, struct grpc_options options)
{
	struct grpc_channel *channel;
	struct fail fail;
	char url[128], ca_file[4096];
	static struct arena arena; /* endpoints are copied */
	arena_init(&arena, ARENA_NO_LIMIT);
	snprintf(url, sizeof url, "%s://127.0.0.1:%u", is_tls ? "https" : "http", port_of(name));
	snprintf(ca_file, sizeof ca_file, "%s/ca.pem", rig_dir);
	options.user_agent = "rig/1";
	if (options.ca_file == NULL)
		options.ca_file = ca_file;
	if (!endpoint_read(&arena, span_of(url), &options.endpoint, &fail) || !grpc_open(&options, &channel, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		exit(1);
	}
	arena_done(&arena);
	return channel;
}

static struct result call_with(struct grpc_channel *channel, const char *what, struct span message, int64_t timeout_ms)
{
	struct result result = {.code = GRPC_CODES};
	struct arena arena;
	struct span answer = {0};
	struct grpc_status status = {0};
	char method[256];
	arena_init(&arena, ARENA_NO_LIMIT);
	snprintf(method, sizeof method, "/rig.Rig/%s", what);
	struct grpc_request request = {.method = method, .message = message,
				       .deadline_ms = timeout_ms == 0 ? 0 : clock_monotonic_ms() + timeout_ms};
	int64_t start_ms = clock_monotonic_ms();
	bool is_fine = grpc_call(channel, &arena, &request, &answer, &status);
	result.took_ms = clock_monotonic_ms() - start_ms;
	result.code = status.code;
	if (is_fine != (status.code == GRPC_OK))
		result.code = GRPC_CODES;
	result.is_local = status.is_local;
	result.was_sent = status.was_sent;
	result.is_permanent = status.is_permanent;
	result.server_ms = status.server_ms;
	result.len = answer.len;
	for (size_t i = 0; i < answer.len; i++)
		result.is_other |= (unsigned char)answer.ptr[i] != (unsigned char)(i * 7);
	snprintf(result.answer, sizeof result.answer, "%.*s", answer.len > 200 ? 200 : (int)answer.len, answer.ptr == NULL ? "" : answer.ptr);
	snprintf(result.text, sizeof result.text, "%.*s", SPAN_ARG(status.text));
	arena_done(&arena);
	return result;
}

static struct result call(struct grpc_channel *channel, const char *what)
{
	return call_with(channel, what, SPAN("hello"), 5000);
}

static void expect(struct result result, enum grpc_code code, const char *part, const char *text)
{
	char found[2048];
	snprintf(found, sizeof found, "%s (local %d, sent %d, permanent %d, %lld ms) %s", grpc_code_name(result.code), result.is_local,
		 result.was_sent, result.is_permanent, (long long)result.took_ms, result.code == GRPC_OK ? result.answer : result.text);
	const char *told = result.code == GRPC_OK ? result.answer : result.text;
	tell(result.code == code && strstr(told, part) != NULL, text, found);
}

static bool await_stream(struct grpc_stream *stream, int timeout_ms)
{
	struct pollfd wait = {.fd = grpc_stream_fd(stream), .events = POLLIN};
	return poll(&wait, 1, timeout_ms) == 1;
}

static enum grpc_take next_of(struct grpc_stream *stream, int timeout_ms, struct result *out)
{
	struct arena arena;
	struct span message = {0};
	struct grpc_status status = {0};
	enum grpc_take taken = GRPC_NOTHING;
	int64_t until_ms = clock_monotonic_ms() + timeout_ms, now_ms;
	*out = (struct result){.code = GRPC_CODES};
	arena_init(&arena, ARENA_NO_LIMIT);
	while ((taken = grpc_stream_take(stream, &arena, &message, &status)) == GRPC_NOTHING && (now_ms = clock_monotonic_ms()) < until_ms)
		await_stream(stream, (int)(until_ms - now_ms));
	if (taken == GRPC_MESSAGE) {
		out->len = message.len;
		snprintf(out->answer, sizeof out->answer, "%.*s", message.len > 200 ? 200 : (int)message.len, message.ptr);
	} else if (taken == GRPC_END) {
		out->code = status.code;
		out->is_local = status.is_local;
		out->was_sent = status.was_sent;
		snprintf(out->text, sizeof out->text, "%.*s", SPAN_ARG(status.text));
	}
	arena_done(&arena);
	return taken;
}

static struct grpc_stream *open_stream(struct grpc_channel *channel, const char *what)
{
	char method[256];
	snprintf(method, sizeof method, "/rig.Rig/%s", what);
	struct grpc_request request = {.method = method, .message = SPAN("hello")};
	return grpc_stream_open(channel, &request);
}

/* --- answers: frames, trailers, compression ---------------------------------------------------------------------------- */

struct case_row {
	const char *what;
	enum grpc_code code;
	const char *part, *text;
};

static void run_rows(struct grpc_channel *channel, const struct case_row *rows, size_t row_count, const char *where)
{
	char text[256];
	for (size_t i = 0; i < row_count; i++) {
		snprintf(text, sizeof text, "%s: %s", where, rows[i].text);
		expect(call(channel, rows[i].what), rows[i].code, rows[i].part, text);
	}
}

struct collected {
	size_t messages, bytes, stop_after;
	char text[64];
};

static bool collect(void *ctx, struct span message)
{
	struct collected *collected = ctx;
	size_t len = strlen(collected->text);
	snprintf(collected->text + len, sizeof collected->text - len, "%zu ", message.len);
	collected->bytes += message.len;
	return ++collected->messages != collected->stop_after;
}

static enum grpc_code call_many(struct grpc_channel *channel, const char *what, struct collected *out, int64_t timeout_ms)
{
	struct arena arena;
	struct grpc_status status;
	char method[256];
	arena_init(&arena, ARENA_NO_LIMIT);
	snprintf(method, sizeof method, "/rig.Rig/%s", what);
	struct grpc_request request = {.method = method, .deadline_ms = clock_monotonic_ms() + timeout_ms};
	bool is_fine = grpc_call_many(channel, &arena, &request, collect, out, &status);
	arena_done(&arena);
	return is_fine == (status.code == GRPC_OK) ? status.code : GRPC_CODES;
}

static void split_everywhere(struct grpc_channel *channel, const char *where)
{
	char text[128], found[128] = "";
	int wrong = 0;
	for (int at = 0; at <= 38; at++) {
		struct collected collected = {0};
		snprintf(text, sizeof text, "Split/%d", at);
		enum grpc_code code = call_many(channel, text, &collected, 5000);
		if (code != GRPC_OK || strcmp(collected.text, "3 0 20 ") != 0) {
			wrong++;
			snprintf(found, sizeof found, "cut at %d: %s, %s", at, grpc_code_name(code), collected.text);
		}
	}
	snprintf(text, sizeof text, "%s: messages cut at every byte", where);
	tell(wrong == 0, text, found);
}

static void large_messages(struct grpc_channel *channel, const char *where)
{
	char text[128];
	struct result result = call_with(channel, "Large/33554432", SPAN(""), 30000);
	snprintf(text, sizeof text, "%s: 32 MiB are accepted", where);
	tell(result.code == GRPC_OK && result.len == 33554432 && !result.is_other, text, result.text);
	snprintf(text, sizeof text, "%s: a byte more is refused", where);
	expect(call_with(channel, "Large/33554433", SPAN(""), 30000), GRPC_RESOURCE_EXHAUSTED, "33554433 bytes came", text);
}

static const struct case_row answers[] = {
	{"Echo", GRPC_OK, "", "an answer"},
	{"EachByte", GRPC_OK, "", "a message byte by byte"},
	{"Empty", GRPC_OK, "", "an empty message"},
	{"Chunk", GRPC_INTERNAL, "more than one message", "two messages where one was asked for"},
	{"Nothing", GRPC_INTERNAL, "no message", "status 0 without a message"},
	{"Cut", GRPC_INTERNAL, "cut off", "status 0 behind half a message"},
	{"Merged/5", GRPC_NOT_FOUND, "merged", "trailers merged into headers"},
	{"Both", GRPC_NOT_FOUND, "trailers win", "a status in headers and trailers"},
	{"NoStatus", GRPC_INTERNAL, "without sending trailers", "trailers without a status"},
	{"NoTrailers", GRPC_INTERNAL, "without sending trailers", "no trailers"},
	{"Status/99", GRPC_UNKNOWN, "unknown gRPC status 99", "a status that does not exist"},
	{"Status/16", GRPC_UNAUTHENTICATED, "", "the last status"},
	{"Status/x", GRPC_UNKNOWN, "", "a status that is no number"},
	{"Gzip/100", GRPC_OK, "", "a compressed message"},
	{"Gzip/0", GRPC_OK, "", "a compressed empty message"},
	{"Gzip/100/cut", GRPC_INTERNAL, "damaged", "a damaged compressed message"},
	{"Gzip/33554433", GRPC_RESOURCE_EXHAUSTED, "more than 33554432", "a compressed message that is too large"},
	{"Flag/1", GRPC_INTERNAL, "marked as compressed", "flag 1 without an encoding"},
	{"Flag/2", GRPC_INTERNAL, "flag 2", "flag 2"},
	{"Headers/te", GRPC_OK, "trailers", "te: trailers is sent"},
	{"Headers/content-type", GRPC_OK, "application/grpc", "the content type is sent"},
	{"Headers/user-agent", GRPC_OK, "rig/1", "the user agent is sent"},
	{"Headers/grpc-timeout", GRPC_OK, "u", "a deadline is sent"},
	{"Unknown", GRPC_UNIMPLEMENTED, "no such behaviour", "a method that is not there"},
};

static void cases_answers(void)
{
	static const struct {
		const char *port;
		bool is_tls;
	} ways[] = {{"tls", true}, {"plain", false}};
	for (size_t i = 0; i < 2; i++) {
		struct grpc_channel *channel = open_channel(ways[i].port, ways[i].is_tls, (struct grpc_options){0});
		run_rows(channel, answers, sizeof answers / sizeof *answers, ways[i].port);
		split_everywhere(channel, ways[i].port);
		large_messages(channel, ways[i].port);
		struct result result = call_with(channel, "Status/3", SPAN("one%0A%09* two %C3%A4 %zz %4 100%"), 5000);
		expect(result, GRPC_INVALID_ARGUMENT, "one\n\t* two \xC3\xA4 %zz %4 100%", "a message of several lines with bad escapes");
		expect(call_with(channel, "Status/2", SPAN("bad %FF utf"), 5000), GRPC_UNKNOWN, "bad \xEF\xBF\xBD utf", "a message that is not UTF-8");
		struct grpc_counts counts;
		grpc_count(channel, &counts);
		tell(ways[i].is_tls == (counts.connections == 1), "TLS keeps one connection; cleartext does what this libcurl can do", "");
		grpc_close(channel);
	}
}

/* --- streams that are reset, connections that break ---------------------------------------------------------------------- */

static const struct case_row resets[] = {
	{"ResetBefore/0", GRPC_INTERNAL, "", "reset before headers, NO_ERROR"},
	{"ResetBefore/1", GRPC_INTERNAL, "PROTOCOL_ERROR", "reset before headers, PROTOCOL_ERROR"},
	{"ResetBefore/3", GRPC_RESOURCE_EXHAUSTED, "FLOW_CONTROL", "reset before headers, FLOW_CONTROL_ERROR"},
	{"ResetBefore/8", GRPC_CANCELLED, "CANCEL", "reset before headers, CANCEL"},
	{"ResetBefore/11", GRPC_RESOURCE_EXHAUSTED, "ENHANCE", "reset before headers, ENHANCE_YOUR_CALM"},
	{"ResetBefore/12", GRPC_PERMISSION_DENIED, "INADEQUATE", "reset before headers, INADEQUATE_SECURITY"},
	{"ResetMiddle/2", GRPC_INTERNAL, "INTERNAL_ERROR", "reset in the body"},
	{"ResetMiddle/8", GRPC_CANCELLED, "CANCEL", "reset in the body, CANCEL"},
	{"ResetBehind/0", GRPC_OK, "one", "reset behind the trailers"},
	{"ResetBehind/8", GRPC_OK, "one", "reset with CANCEL behind the trailers"},
	{"HangupMiddle", GRPC_UNAVAILABLE, "connection", "the connection ends within a message"},
	{"Echo", GRPC_OK, "", "and a new one is made"},
};

static void once_only(struct grpc_channel *channel, const char *what, const char *key, const char *text)
{
	char name[64];
	call(channel, "Echo"); /* the next request goes over a kept connection */
	struct result result = call(channel, what);
	snprintf(name, sizeof name, "Seen/%s", key);
	struct result seen = call(channel, name);
	char found[1400];
	snprintf(found, sizeof found, "%s, sent %d, seen %s: %s", grpc_code_name(result.code), result.was_sent, seen.answer, result.text);
	tell(result.code == GRPC_UNAVAILABLE && result.was_sent && strcmp(seen.answer, "1") == 0, text, found);
}

static void cases_resets(void)
{
	struct grpc_counts counts;
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){0});
	run_rows(channel, resets, sizeof resets / sizeof *resets, "tls");
	expect(call(channel, "RefuseTimes/a/1"), GRPC_OK, "", "a refused request is sent once more");
	struct result result = call(channel, "RefuseTimes/b/2");
	tell(result.code == GRPC_UNAVAILABLE && !result.was_sent, "refused twice: it ends, and was not sent", result.text);
	grpc_count(channel, &counts);
	tell(counts.retries == 2, "both were counted", "");
	call(channel, "Echo");
	result = call(channel, "GoawayRefuse/c"); /* this libcurl may not tell that the stream was not looked at */
	tell(result.code == GRPC_OK || (result.code == GRPC_UNAVAILABLE && result.was_sent),
	     "a request behind the last stream of GOAWAY is sent once more, or told as one that may have been seen", result.text);
	expect(call(channel, "Echo"), GRPC_OK, "", "the next one goes over a new connection");
	once_only(channel, "Hangup/d", "d", "a request that may have been seen is not sent again (end)");
	once_only(channel, "Abort/e", "e", "a request that may have been seen is not sent again (reset)");
	grpc_close(channel);
	channel = open_channel("plain", false, (struct grpc_options){0});
	run_rows(channel, resets, sizeof resets / sizeof *resets, "plain");
	once_only(channel, "Hangup/f", "f", "cleartext: a request that may have been seen is not sent again");
	expect(call(channel, "RefuseTimes/g/1"), GRPC_OK, "", "cleartext: a refused request is sent once more");
	grpc_close(channel);
}

/* --- what is no Omni ------------------------------------------------------------------------------------------------------ */

static const struct case_row proxies[] = {
	{"Html/200", GRPC_UNKNOWN, "web page", "a web page"},
	{"Html/302", GRPC_UNKNOWN, "to https://elsewhere.example.org/", "a redirect"},
	{"Html/400", GRPC_INTERNAL, "HTTP 400", "HTTP 400"},
	{"Html/401", GRPC_UNAUTHENTICATED, "wants a login", "HTTP 401"},
	{"Html/403", GRPC_PERMISSION_DENIED, "forbids", "HTTP 403"},
	{"Html/404", GRPC_UNIMPLEMENTED, "\"404 from a proxy\"", "HTTP 404"},
	{"Html/415", GRPC_UNKNOWN, "content type", "HTTP 415"},
	{"Html/431", GRPC_UNKNOWN, "headers are too large", "HTTP 431"},
	{"Html/502", GRPC_UNAVAILABLE, "server nginx", "HTTP 502"},
	{"Html/503", GRPC_UNAVAILABLE, "HTTP 503", "HTTP 503"},
	{"Date", GRPC_UNAVAILABLE, "busy", "HTTP 503 with text"},
};

static void cases_proxies(void)
{
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){0});
	run_rows(channel, proxies, sizeof proxies / sizeof *proxies, "proxy");
	struct result result = call(channel, "Date");
	tell(result.server_ms == 784111777000, "the server's clock is noted", result.text);
	tell(call(channel, "Html/404").is_permanent && !call(channel, "Html/502").is_permanent, "404 is permanent, 502 is not", "");
	grpc_close(channel);
	channel = open_channel("tls-http1", true, (struct grpc_options){0});
	result = call(channel, "Echo");
	expect(result, GRPC_UNKNOWN, "does not speak HTTP/2", "HTTP/1.1 behind TLS");
	tell(result.is_permanent, "and that is permanent", result.text);
	grpc_close(channel);
	channel = open_channel("http1", false, (struct grpc_options){0});
	result = call(channel, "Echo");
	expect(result, GRPC_UNAVAILABLE, "does not speak HTTP/2 without TLS", "HTTP/1.1 without TLS");
	grpc_close(channel);
	channel = open_channel("closed", true, (struct grpc_options){0});
	result = call(channel, "Echo");
	expect(result, GRPC_UNAVAILABLE, "no connection", "nobody listens");
	tell(!result.was_sent && result.took_ms < 3000, "which is known soon, and nothing was sent", result.text);
	grpc_close(channel);
}

/* --- certificates --------------------------------------------------------------------------------------------------------- */

static void one_certificate(const char *port, bool is_tls, struct grpc_options options, enum grpc_code code, const char *part, const char *text)
{
	struct grpc_channel *channel = open_channel(port, is_tls, options);
	struct result result = call(channel, "Echo");
	expect(result, code, part, text);
	if (code != GRPC_OK)
		tell(result.is_permanent && !result.was_sent && result.took_ms < 3000, "and that is permanent, and nothing was sent", result.text);
	grpc_close(channel);
}

static void cases_tls(void)
{
	char other[4096];
	snprintf(other, sizeof other, "%s/other-ca.pem", rig_dir);
	one_certificate("tls", true, (struct grpc_options){.ca_file = other}, GRPC_UNAVAILABLE, "ca-file FILE", "an authority that is not known");
	one_certificate("unknown", true, (struct grpc_options){.ca_file = other}, GRPC_OK, "", "the right authority");
	one_certificate("unknown", true, (struct grpc_options){.skip_verify = true}, GRPC_OK, "", "no verification");
	one_certificate("expired", true, (struct grpc_options){0}, GRPC_UNAVAILABLE, "has expired", "an expired certificate");
	one_certificate("name", true, (struct grpc_options){0}, GRPC_UNAVAILABLE, "another name", "a certificate for another name");
	one_certificate("http1", true, (struct grpc_options){0}, GRPC_UNAVAILABLE, "does not speak TLS", "TLS to a port without");
}

/* --- streams -------------------------------------------------------------------------------------------------------------- */

static void await_seen(struct grpc_channel *channel, const char *name, const char *text)
{
	struct result result = {0};
	for (int i = 0; i < 100; i++) {
		result = call(channel, name);
		if (strcmp(result.answer, "1") == 0)
			break;
		clock_sleep_ms(20);
	}
	tell(strcmp(result.answer, "1") == 0, text, result.answer);
}

static void two_streams(struct grpc_channel *channel, const char *where)
{
	char text[128], key[64];
	struct result result;
	snprintf(key, sizeof key, "Watch/%s-%d/0", where, (int)getpid());
	struct grpc_stream *quiet = open_stream(channel, key);
	struct grpc_stream *busy = open_stream(channel, "Watch/b/5");
	bool is_fine = next_of(quiet, 3000, &result) == GRPC_MESSAGE && next_of(quiet, 50, &result) == GRPC_NOTHING && !await_stream(quiet, 0);
	snprintf(text, sizeof text, "%s: a message, then silence, and a quiet descriptor", where);
	tell(is_fine, text, result.text);
	grpc_stream_close(quiet);
	snprintf(key, sizeof key, "Seen/%s-%d", where, (int)getpid());
	await_seen(channel, key, "closing a stream cancels it on the server");
	for (int i = 0; i < 5 && is_fine; i++)
		is_fine = next_of(busy, 3000, &result) == GRPC_MESSAGE;
	snprintf(text, sizeof text, "%s: the other stream goes on", where);
	tell(is_fine, text, result.text);
	grpc_stream_close(busy);
}

static void stream_ends(struct grpc_channel *channel, const char *what, enum grpc_code code, const char *text)
{
	struct result result;
	enum grpc_take taken;
	struct grpc_stream *stream = open_stream(channel, what);
	do
		taken = next_of(stream, 5000, &result);
	while (taken == GRPC_MESSAGE);
	char found[1200];
	snprintf(found, sizeof found, "%d %s %s", taken, grpc_code_name(result.code), result.text);
	bool is_fine = taken == GRPC_END && result.code == code;
	tell(is_fine && next_of(stream, 0, &result) == GRPC_END && result.code == code && await_stream(stream, 0), text, found);
	grpc_stream_close(stream);
}

static uint64_t floods_ended(const struct grpc_counts *counts)
{
	for (size_t i = 0; i < counts->method_count; i++)
		if (strcmp(counts->methods[i].method, "/rig.Rig/Flood") == 0)
			return counts->methods[i].calls[GRPC_RESOURCE_EXHAUSTED];
	return 0;
}

static void slow_reader(struct grpc_channel *channel)
{
	struct result result;
	enum grpc_take taken;
	size_t messages = 0;
	struct grpc_stream *stream = open_stream(channel, "Flood");
	struct grpc_counts counts = {0};
	int64_t until_ms = clock_monotonic_ms() + 60000;
	do { /* read nothing until it has ended */
		clock_sleep_ms(50);
		grpc_count(channel, &counts);
	} while (floods_ended(&counts) == 0 && clock_monotonic_ms() < until_ms);
	while ((taken = next_of(stream, 2000, &result)) == GRPC_MESSAGE && messages < 100)
		messages++;
	char found[1200];
	snprintf(found, sizeof found, "%d %zu %s %s", taken, messages, grpc_code_name(result.code), result.text);
	tell(taken == GRPC_END && result.code == GRPC_RESOURCE_EXHAUSTED && messages >= 60 && messages <= 66,
	     "a reader that is too slow loses its stream, not the memory", found);
	grpc_stream_close(stream);
}

static void cases_streams(void)
{
	struct collected collected = {0};
	struct result result;
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){0});
	two_streams(channel, "tls");
	stream_ends(channel, "NoTrailers", GRPC_UNAVAILABLE, "an end without trailers is a server that stops");
	stream_ends(channel, "StopWatch", GRPC_UNAVAILABLE, "so is GOAWAY with an end without trailers");
	stream_ends(channel, "GoawayWatch", GRPC_UNAVAILABLE, "and GOAWAY with the end of the connection");
	stream_ends(channel, "HangupMiddle", GRPC_UNAVAILABLE, "and a connection that ends within a message");
	stream_ends(channel, "Split/7", GRPC_OK, "a stream that ends in good order");
	stream_ends(channel, "RefuseTimes/s/1", GRPC_OK, "a refused stream is opened once more");
	slow_reader(channel);
	tell(call_many(channel, "List/45000/100", &collected, 20000) == GRPC_OK && collected.messages == 45000 && collected.bytes == 4500000,
	     "45,000 messages", "");
	collected = (struct collected){.stop_after = 3};
	tell(call_many(channel, "List/1000/100", &collected, 5000) == GRPC_CANCELLED && collected.messages == 3, "a reader that has enough", "");
	collected = (struct collected){0};
	tell(call_many(channel, "Watch/m/20", &collected, 300) == GRPC_DEADLINE_EXCEEDED && collected.messages > 3, "messages until the deadline", "");
	struct grpc_stream *refused = open_stream(channel, "Bad");
	grpc_stream_close(refused);
	struct grpc_header bad = {SPAN("x"), SPAN("a\nb")};
	struct grpc_request request = {.method = "/rig.Rig/Echo", .headers = &bad, .header_count = 1};
	refused = grpc_stream_open(channel, &request);
	tell(next_of(refused, 0, &result) == GRPC_END && result.code == GRPC_INVALID_ARGUMENT && await_stream(refused, 0),
	     "a header with a line break is not sent", result.text);
	grpc_stream_close(refused);
	grpc_close(channel);
	channel = open_channel("plain", false, (struct grpc_options){0});
	two_streams(channel, "plain");
	stream_ends(channel, "StopWatch", GRPC_UNAVAILABLE, "cleartext: GOAWAY with an end without trailers");
	grpc_close(channel);
}

/* --- limits --------------------------------------------------------------------------------------------------------------- */

struct caller {
	pthread_t thread;
	struct grpc_channel *channel;
	const char *what;
	int calls;
	int64_t timeout_ms;
	struct result result;
	int fine;
};

static void *call_again(void *ctx)
{
	struct caller *caller = ctx;
	for (int i = 0; i < caller->calls; i++) {
		caller->result = call_with(caller->channel, caller->what, SPAN("hello"), caller->timeout_ms);
		caller->fine += caller->result.code == GRPC_OK;
	}
	return NULL;
}

enum { CALLERS_MAX = 64 };

static int run_callers(struct caller *callers, int caller_count, struct caller pattern)
{
	int fine = 0;
	for (int i = 0; i < caller_count; i++) {
		callers[i] = pattern;
		pthread_create(&callers[i].thread, NULL, call_again, &callers[i]);
	}
	for (int i = 0; i < caller_count; i++) {
		pthread_join(callers[i].thread, NULL);
		fine += callers[i].fine;
	}
	return fine;
}

static void cases_limits(void)
{
	static struct caller callers[CALLERS_MAX];
	char found[512];
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){.max_calls = 4});
	int fine = run_callers(callers, 20, (struct caller){.channel = channel, .what = "Busy", .calls = 2, .timeout_ms = 10000});
	struct result result = call(channel, "Busy");
	snprintf(found, sizeof found, "%d fine, at once %s", fine, result.answer);
	tell(fine == 40 && atoi(result.answer) == 4, "no more calls at once than allowed, and all come through", found);
	for (int i = 0; i < 4; i++) { /* all places are taken by what never answers */
		callers[i] = (struct caller){.channel = channel, .what = "Silent", .calls = 1, .timeout_ms = 800};
		pthread_create(&callers[i].thread, NULL, call_again, &callers[i]);
	}
	clock_sleep_ms(100);
	result = call_with(channel, "Echo", SPAN(""), 300);
	expect(result, GRPC_DEADLINE_EXCEEDED, "could not be sent", "waiting counts");
	tell(!result.was_sent && result.took_ms >= 290 && result.took_ms < 700, "and nothing was sent", result.text);
	for (int i = 0; i < 4; i++)
		pthread_join(callers[i].thread, NULL);
	tell(callers[0].result.code == GRPC_DEADLINE_EXCEEDED && callers[0].result.was_sent && callers[0].result.took_ms < 1300,
	     "a call without an answer ends at its deadline", callers[0].result.text);
	expect(call(channel, "Echo"), GRPC_OK, "", "places become free again");
	grpc_close(channel);
	channel = open_channel("tls", true, (struct grpc_options){.calls_per_second = 50});
	int64_t start_ms = clock_monotonic_ms();
	fine = run_callers(callers, 10, (struct caller){.channel = channel, .what = "Echo", .calls = 5, .timeout_ms = 5000});
	int64_t took_ms = clock_monotonic_ms() - start_ms;
	snprintf(found, sizeof found, "%d fine in %d ms", fine, (int)took_ms);
	tell(fine == 50 && took_ms >= 850 && took_ms < 3000, "50 calls at 50 per second take a second", found);
	grpc_close(channel);
	channel = open_channel("few", true, (struct grpc_options){0}); /* the server allows five streams on a connection */
	struct grpc_stream *streams[12];
	for (int i = 0; i < 12; i++)
		streams[i] = open_stream(channel, "Watch/few/0");
	fine = 0;
	for (int i = 0; i < 12; i++) {
		fine += next_of(streams[i], 3000, &result) == GRPC_MESSAGE;
		grpc_stream_close(streams[i]);
	}
	snprintf(found, sizeof found, "%d", fine);
	tell(fine >= 5, "more streams than a connection takes", found);
	printf("# streams that opened: %d of 12\n", fine);
	grpc_close(channel);
}

/* --- signatures, options, logs ---------------------------------------------------------------------------------------------- */

static bool sign(void *ctx, struct arena *arena, struct span method, const struct grpc_header *headers, size_t header_count,
		 struct grpc_header *out_headers, size_t *out_count, struct fail *fail)
{
	int *signatures = ctx;
	(void)method, (void)headers, (void)header_count;
	if (*signatures < 0)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "the key has expired");
	out_headers[0] = (struct grpc_header){SPAN("x-signature"), arena_spanf(arena, "hunter%d", ++*signatures)};
	*out_count = 1;
	return true;
}

static void cases_signatures(void)
{
	int signatures = 0;
	char path[4096], text[8192] = "";
	struct log log;
	snprintf(path, sizeof path, "%s/log", rig_dir);
	FILE *file = fopen(path, "w+");
	log_init(&log, fileno(file), LEVEL_DEBUG, FORMAT_TEXT);
	struct grpc_options options = {.signer = {sign, &signatures}, .log = &log};
	struct grpc_channel *channel = open_channel("plain", false, options);
	expect(call(channel, "Headers/x-signature"), GRPC_OK, "hunter1", "a call is signed");
	expect(call(channel, "RefuseTimes/signed/1"), GRPC_OK, "", "so is one that is refused");
	expect(call(channel, "Headers/x-signature"), GRPC_OK, "hunter4", "every attempt has a signature of its own");
	signatures = -1;
	struct result result = call(channel, "Echo");
	expect(result, GRPC_UNAUTHENTICATED, "the key has expired", "what cannot be signed is not sent");
	tell(!result.was_sent && result.is_permanent, "and told so", result.text);
	grpc_close(channel);
	rewind(file);
	size_t len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	fclose(file);
	log_done(&log);
	tell(strstr(text, "not encrypted") != NULL && strstr(text, "/rig.Rig/Headers/x-signature") != NULL, "a cleartext endpoint is warned about, calls are traced", text);
	tell(strstr(text, "hunter") == NULL && strstr(text, "hello") == NULL, "without headers and messages", text);
	struct fail fail;
	options = (struct grpc_options){.endpoint = {"https://localhost:1", "localhost", 1, true}, .ca_file = "/nonexistent"};
	bool is_open = grpc_open(&options, &channel, &fail);
	tell(!is_open && strstr(fail.text, "/nonexistent") != NULL, "a file of certificates that is not there", is_open ? "opened" : fail.text);
	options.ca_file = path; /* the log */
	is_open = grpc_open(&options, &channel, &fail);
	tell(!is_open && strstr(fail.text, "PEM") != NULL, "a file of certificates that has none", is_open ? "opened" : fail.text);
}

/* --- a peer that is silent -------------------------------------------------------------------------------------------------- */

static void freeze(struct grpc_channel *control, bool is_frozen)
{
	call(control, is_frozen ? "Freeze/1" : "Freeze/0");
}

static void dead_peer(struct grpc_channel *control, const char *port, bool is_tls)
{
	enum { DEAD_MS = 1500 };
	char text[128], found[1200];
	struct result result;
	struct grpc_channel *channel = open_channel(port, is_tls, (struct grpc_options){
		.dead_after_ms = DEAD_MS, .probe_method = "/rig.Rig/Echo", .probe_request = SPAN("alive?")});
	struct grpc_stream *stream = open_stream(channel, "Watch/dead/0");
	bool is_fine = next_of(stream, 3000, &result) == GRPC_MESSAGE && next_of(stream, 2 * DEAD_MS, &result) == GRPC_NOTHING;
	snprintf(text, sizeof text, "%s: an idle stream of a living peer stays open", port);
	tell(is_fine, text, result.text);
	freeze(control, true);
	int64_t start_ms = clock_monotonic_ms();
	enum grpc_take taken = next_of(stream, 10000, &result);
	int64_t took_ms = clock_monotonic_ms() - start_ms;
	freeze(control, false);
	snprintf(found, sizeof found, "%d after %d ms: %s %s", taken, (int)took_ms, grpc_code_name(result.code), result.text);
	snprintf(text, sizeof text, "%s: a silent peer is found dead in time", port);
	tell(taken == GRPC_END && result.code == GRPC_UNAVAILABLE && took_ms <= DEAD_MS + 500, text, found);
	grpc_stream_close(stream);
	snprintf(text, sizeof text, "%s: the next call gets a new connection", port);
	expect(call(channel, "Echo"), GRPC_OK, "", text);
	grpc_close(channel);
}

static void cases_dead(void)
{
	enum { SETTLE_MS = 100 };
	char found[32];
	struct grpc_channel *control = open_channel("tls", true, (struct grpc_options){0});
	dead_peer(control, "freezer", true);
	dead_peer(control, "plain-freezer", false);
	struct grpc_channel *channel = open_channel("freezer", true, (struct grpc_options){0});
	call(channel, "Echo");
	clock_sleep_ms(SETTLE_MS); /* what the server still says of that call would be heard in the silence */
	freeze(control, true);
	struct result result = call_with(channel, "Echo", SPAN(""), 400);
	tell(result.code == GRPC_DEADLINE_EXCEEDED && result.was_sent, "a call into silence", result.text);
	freeze(control, false);
	struct grpc_counts counts;
	expect(call(channel, "Echo"), GRPC_OK, "", "is followed by one over another connection");
	grpc_count(channel, &counts);
	snprintf(found, sizeof found, "%llu", (unsigned long long)counts.connections);
	tell(counts.connections == 2, "which is the second", found);
	grpc_close(channel);
	grpc_close(control);
}

/* --- threads ---------------------------------------------------------------------------------------------------------------- */

static void cases_threads(void)
{
	static struct caller callers[CALLERS_MAX];
	char found[64];
	struct grpc_counts counts;
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){0});
	int fine = run_callers(callers, 16, (struct caller){.channel = channel, .what = "Echo", .calls = 50, .timeout_ms = 10000});
	snprintf(found, sizeof found, "%d", fine);
	tell(fine == 800, "16 threads with 50 calls each", found);
	grpc_count(channel, &counts);
	tell(counts.method_count == 1 && counts.methods[0].calls[GRPC_OK] == 800 && counts.methods[0].sent_bytes == 8000,
	     "all are counted", found);
	for (int i = 0; i < 8; i++) {
		callers[i] = (struct caller){.channel = channel, .what = i % 2 ? "Silent" : "Late/10000", .calls = 1, .timeout_ms = 20000};
		pthread_create(&callers[i].thread, NULL, call_again, &callers[i]);
	}
	clock_sleep_ms(200);
	int64_t start_ms = clock_monotonic_ms();
	grpc_close(channel);
	int64_t took_ms = clock_monotonic_ms() - start_ms;
	bool is_fine = took_ms < 1000;
	for (int i = 0; i < 8; i++) {
		pthread_join(callers[i].thread, NULL);
		is_fine = is_fine && callers[i].result.code == GRPC_CANCELLED;
	}
	tell(is_fine, "closing ends what is under way", callers[0].result.text);
}

/* --- in two halves ---------------------------------------------------------------------------------------------------------- */

enum { FLIGHTS = 24 };

static struct grpc_flight *begin_flight(struct grpc_channel *channel, const char *what, char letter, int64_t timeout_ms)
{
	char method[256], message[9];
	memset(message, letter, sizeof message); /* gone when this returns */
	snprintf(method, sizeof method, "/rig.Rig/%s", what);
	struct grpc_request request = {.method = method, .message = {message, sizeof message}, .deadline_ms = clock_monotonic_ms() + timeout_ms};
	return strncmp(what, "List", 4) == 0 ? grpc_begin_many(channel, &request) : grpc_begin(channel, &request);
}

static bool ends_with(struct grpc_flight *flight, enum grpc_code code, char letter)
{
	struct arena arena;
	struct span answer = {0};
	struct grpc_status status = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_fine = grpc_finish(flight, &arena, &answer, &status) == (code == GRPC_OK) && status.code == code;
	is_fine = is_fine && (letter == '\0' || (answer.len == 9 && answer.ptr[0] == letter && answer.ptr[8] == letter));
	arena_done(&arena);
	return is_fine;
}

static void *fly(void *ctx)
{
	struct caller *caller = ctx;
	struct grpc_flight *flights[FLIGHTS];
	for (int i = 0; i < FLIGHTS; i++)
		flights[i] = begin_flight(caller->channel, "Echo", (char)('a' + i), 5000);
	for (int i = FLIGHTS - 1; i >= 0; i--)
		caller->fine += ends_with(flights[i], GRPC_OK, (char)('a' + i));
	return NULL;
}

static void cases_flights(void)
{
	struct grpc_channel *channel = open_channel("tls", true, (struct grpc_options){0});
	struct grpc_flight *flights[FLIGHTS], *many;
	static struct caller callers[8];
	char found[64];
	int fine = 0;
	for (int i = 0; i < 8; i++) {
		callers[i] = (struct caller){.channel = channel};
		pthread_create(&callers[i].thread, NULL, fly, &callers[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(callers[i].thread, NULL);
		fine += callers[i].fine == FLIGHTS;
	}
	tell(fine == 8, "flights of eight threads, ended backwards, each with its own answer", "");
	fine = 0;
	int64_t start_ms = clock_monotonic_ms();
	for (int i = 0; i < FLIGHTS; i++)
		flights[i] = begin_flight(channel, "Late/200", 'x', 5000);
	for (int i = 0; i < FLIGHTS; i++)
		fine += ends_with(flights[i], GRPC_OK, '\0');
	int64_t took_ms = clock_monotonic_ms() - start_ms;
	snprintf(found, sizeof found, "%d in %d ms", fine, (int)took_ms);
	tell(fine == FLIGHTS && took_ms < 1500, "one thread has many under way", found);
	struct collected collected = {0};
	struct arena arena;
	struct grpc_status status;
	arena_init(&arena, ARENA_NO_LIMIT);
	many = begin_flight(channel, "List/5/100", 'x', 5000);
	clock_sleep_ms(50); /* all has come before anybody asks */
	bool is_fine = grpc_finish_many(many, &arena, collect, &collected, &status) && collected.messages == 5;
	tell(is_fine, "messages wait for who asks late", collected.text);
	arena_done(&arena);
	flights[0] = begin_flight(channel, "Silent", 'x', 200);
	clock_sleep_ms(300);
	start_ms = clock_monotonic_ms();
	is_fine = ends_with(flights[0], GRPC_DEADLINE_EXCEEDED, '\0');
	tell(is_fine && clock_monotonic_ms() - start_ms < 100, "the deadline counts from the beginning", "");
	for (int i = 0; i < FLIGHTS; i++)
		flights[i] = begin_flight(channel, "Silent", 'x', 20000);
	for (int i = 0; i < FLIGHTS; i++)
		grpc_drop(flights[i]);
	grpc_drop(NULL);
	expect(call(channel, "Echo"), GRPC_OK, "hello", "what was dropped holds up nothing");
	struct grpc_header bad = {SPAN("cluster"), SPAN("a\nb")};
	struct grpc_request request = {.method = "/rig.Rig/Echo", .headers = &bad, .header_count = 1};
	tell(ends_with(grpc_begin(channel, &request), GRPC_INVALID_ARGUMENT, '\0'), "what cannot begin says so at its end", "");
	grpc_close(channel);
}

int main(int argc, char **argv)
{
	rig_dir = argc > 1 ? argv[1] : ".";
	const char *only = argc > 2 ? argv[2] : "";
	static const struct {
		const char *name;
		void (*run)(void);
	} groups[] = {
		{"answers", cases_answers}, {"resets", cases_resets}, {"proxies", cases_proxies}, {"tls", cases_tls},
		{"streams", cases_streams}, {"limits", cases_limits}, {"dead", cases_dead},	  {"threads", cases_threads}, {"flights of threads", cases_flights}, {"signatures", cases_signatures},
	};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strstr(groups[i].name, only) != NULL)
			groups[i].run();
	printf("1..%d\n", count);
	return failed > 0;
}
