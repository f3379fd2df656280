/* The tables of codes and the small encodings: headers, trailers, deadlines. */
#include "agent/grpc/response.h"
#include "agent/grpc/status.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"

static void codes(void **state)
{
	static const struct {
		long http_status;
		enum grpc_code code;
	} http[] = {
		{400, GRPC_INTERNAL},	 {401, GRPC_UNAUTHENTICATED}, {403, GRPC_PERMISSION_DENIED}, {404, GRPC_UNIMPLEMENTED},
		{429, GRPC_UNAVAILABLE}, {502, GRPC_UNAVAILABLE},     {503, GRPC_UNAVAILABLE},	     {504, GRPC_UNAVAILABLE},
		{200, GRPC_UNKNOWN},	 {302, GRPC_UNKNOWN},	      {415, GRPC_UNKNOWN},	     {500, GRPC_UNKNOWN},
	};
	static const enum grpc_code resets[] = {
		GRPC_INTERNAL, GRPC_INTERNAL, GRPC_INTERNAL,	GRPC_RESOURCE_EXHAUSTED, GRPC_INTERNAL, GRPC_INTERNAL,		 GRPC_INTERNAL,
		GRPC_UNAVAILABLE, GRPC_CANCELLED, GRPC_INTERNAL, GRPC_INTERNAL, GRPC_RESOURCE_EXHAUSTED, GRPC_PERMISSION_DENIED, GRPC_INTERNAL,
		GRPC_UNKNOWN,
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(http); i++)
		assert_int_equal(status_of_http(http[i].http_status), http[i].code);
	for (size_t i = 0; i < COUNT_OF(resets); i++)
		assert_int_equal(status_of_reset((unsigned)i), resets[i]);
	assert_string_equal(grpc_code_name(GRPC_OK), "OK");
	assert_string_equal(grpc_code_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(grpc_code_name((enum grpc_code)99), "UNKNOWN");
}

static void messages(void **state)
{
	static const struct {
		const char *encoded, *decoded;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"a%20b", "a b"},
		{"one%0A%09* two", "one\n\t* two"},
		{"%C3%A4", "\xC3\xA4"},
		{"%c3%a4", "\xC3\xA4"},
		{"100%", "100%"},
		{"%4", "%4"},
		{"%zz%4g", "%zz%4g"},
		{"%%41", "%A"},
		{"%FF", "\xEF\xBF\xBD"},
		{"a%C3", "a\xEF\xBF\xBD"},
		{"%25", "%"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text out;
		text_init(&out, TEXT_NO_LIMIT);
		status_decode_message(&out, span_of(rows[i].encoded));
		assert_span(text_span(&out), rows[i].decoded);
		text_done(&out);
	}
}

static void timeouts(void **state)
{
	static const struct {
		int64_t ms;
		const char *encoded;
	} rows[] = {
		{-5, "0n"},	       {0, "0n"},	       {1, "1000000n"},	      {99, "99000000n"},	 {100, "100000u"},
		{30000, "30000000u"},  {99999, "99999000u"},   {100000, "100000m"},   {99999999, "99999999m"}, {100000000, "100000S"},
		{100000001, "100001S"}, {99999999000, "99999999S"}, {99999999001, "1666667M"}, {INT64_MAX, "99999999H"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[STATUS_TIMEOUT_SIZE];
		status_encode_timeout(rows[i].ms, out);
		assert_string_equal(out, rows[i].encoded);
	}
}

static void header_values(void **state)
{
	(void)state;
	assert_true(status_is_header(SPAN("x-sidero-payload"), SPAN("{\"a\": [\"b\"]} ~")));
	assert_true(status_is_header(SPAN("cluster"), SPAN("")));
	assert_false(status_is_header(SPAN(""), SPAN("a")));
	assert_false(status_is_header(SPAN("Upper"), SPAN("a")));
	assert_false(status_is_header(SPAN("a b"), SPAN("a")));
	assert_false(status_is_header(SPAN("a:"), SPAN("a")));
	assert_false(status_is_header(SPAN("a"), SPAN("a\r\nb: c")));
	assert_false(status_is_header(SPAN("a"), SPAN("\xC3\xA4")));
	assert_false(status_is_header(SPAN("a"), (struct span){"a\0b", 3}));
	assert_false(status_is_header(SPAN("a"), SPAN("tab\t")));
}

static void say(struct response *response, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		response_line(response, span_of(*lines));
}

static void answers(void **state)
{
	struct response response;
	(void)state;
	response_init(&response);
	say(&response, (const char *const[]){"HTTP/1.1 200 Connection established\r\n", "grpc-status: 9\r\n", "\r\n", "HTTP/2 103 \r\n", "\r\n",
					     "HTTP/2 200 \r\n", "Content-Type: application/grpc+proto\r\n", "grpc-encoding: gzip\r\n", NULL});
	assert_int_equal(response.phase, RESPONSE_HEADERS);
	assert_int_equal(response.grpc_status, -1);
	say(&response, (const char *const[]){"\r\n", NULL});
	assert_int_equal(response.phase, RESPONSE_BODY);
	assert_true(response.is_grpc && response.is_gzip && response.http_version == 2 && response.http_status == 200);
	say(&response, (const char *const[]){"grpc-message:  one%0Atwo\r\n", "GRPC-STATUS: 5\r\n", "x-other\r\n",
					     "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", NULL});
	assert_int_equal(response.phase, RESPONSE_TRAILERS);
	assert_int_equal(response.grpc_status, 5);
	assert_int_equal(response.server_ms, 784111777000);
	assert_span(text_span(&response.message), "one\ntwo");
	response_done(&response);
}

static void content_types(void **state)
{
	static const struct {
		const char *line;
		bool is_grpc;
	} rows[] = {
		{"content-type: application/grpc", true},	 {"content-type:application/grpc;charset=x", true},
		{"content-type: Application/gRPC", true},	 {"content-type: application/grpc-web", false},
		{"content-type: application/grpcx", false},	 {"content-type: text/html", false},
		{"content-type:", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct response response;
		response_init(&response);
		say(&response, (const char *const[]){"HTTP/2 200 \r\n", rows[i].line, NULL});
		assert_int_equal(response.is_grpc, rows[i].is_grpc);
		response_done(&response);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),    cmocka_unit_test(messages),	     cmocka_unit_test(timeouts), cmocka_unit_test(header_values),
		cmocka_unit_test(answers),  cmocka_unit_test(content_types),
	};
	return RUN_TESTS(tests);
}
