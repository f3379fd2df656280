/* Endpoints: what is accepted, and what the refusal says to write. */
#include "agent/grpc/endpoint.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"

static void accepted(void **state)
{
	static const struct {
		const char *url, *told, *host;
		unsigned port;
		bool is_tls;
	} rows[] = {
		{"https://omni.example.org", "https://omni.example.org:443", "omni.example.org", 443, true},
		{"https://omni.example.org/", "https://omni.example.org:443", "omni.example.org", 443, true},
		{" https://omni.example.org:8443/x?y#z\n", "https://omni.example.org:8443", "omni.example.org", 8443, true},
		{"https://omni.example.org?y", "https://omni.example.org:443", "omni.example.org", 443, true},
		{"http://omni.example.org", "http://omni.example.org:80", "omni.example.org", 80, false},
		{"grpc://omni.example.org", "http://omni.example.org:80", "omni.example.org", 80, false},
		{"grpc://omni.example.org:8099", "http://omni.example.org:8099", "omni.example.org", 8099, false},
		{"https://10.0.0.1:50180", "https://10.0.0.1:50180", "10.0.0.1", 50180, true},
		{"https://omni.example.org:", "https://omni.example.org:443", "omni.example.org", 443, true},
		{"https://[2001:db8::1]", "https://[2001:db8::1]:443", "2001:db8::1", 443, true},
		{"http://[::1]:8080/", "http://[::1]:8080", "::1", 8080, false},
		{"https://a:65535", "https://a:65535", "a", 65535, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct endpoint endpoint;
		struct fail fail;
		arena_init(&arena, ARENA_NO_LIMIT);
		if (!endpoint_read(&arena, span_of(rows[i].url), &endpoint, &fail))
			fail_msg("%s: %s", rows[i].url, fail.text);
		assert_string_equal(endpoint.url, rows[i].told);
		assert_string_equal(endpoint.host, rows[i].host);
		assert_int_equal(endpoint.port, rows[i].port);
		assert_int_equal(endpoint.is_tls, rows[i].is_tls);
		arena_done(&arena);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *url, *part;
	} rows[] = {
		{"", "is empty"},
		{"omni.example.org", "has no scheme; write https://omni.example.org"},
		{"omni.example.org:443", "write https://omni.example.org:443"},
		{"10.0.0.1:443", "write https://10.0.0.1:443"},
		{"ftp://omni.example.org", "has the scheme \"ftp\""},
		{"HTTPS://omni.example.org", "has the scheme"},
		{"https://", "has no host"},
		{"https:///path", "has no host"},
		{"https://:443", "has no host"},
		{"https://omni.example.org:0", "port \"0\""},
		{"https://omni.example.org:65536", "port \"65536\""},
		{"https://omni.example.org:8x", "port \"8x\""},
		{"https://omni.example.org:99999999999999999999", "port"},
		{"https://2001:db8::1", "https://[2001:db8::1]"},
		{"https://[2001:db8::1", "closing bracket"},
		{"https://[2001:db8::1]443", "is not a port"},
		{"https://[omni]", "is not an IPv6 address"},
		{"https://[]", "is not an IPv6 address"},
		{"https://[::1%25eth0]", "is not an IPv6 address"},
		{"https://omni example.org", "is not a host name"},
		{"https://omni\r\nx: y", "is not a host name"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct endpoint endpoint;
		struct fail fail;
		arena_init(&arena, ARENA_NO_LIMIT);
		if (endpoint_read(&arena, span_of(rows[i].url), &endpoint, &fail))
			fail_msg("%s was accepted", rows[i].url);
		assert_int_equal(fail.code, FAIL_INVALID);
		if (strstr(fail.text, rows[i].part) == NULL)
			fail_msg("%s: %s", rows[i].url, fail.text);
		arena_done(&arena);
	}
}

static void passwords_are_not_repeated(void **state)
{
	struct arena arena;
	struct endpoint endpoint;
	struct fail fail;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_false(endpoint_read(&arena, SPAN("https://user:hunter2@omni.example.org"), &endpoint, &fail));
	assert_non_null(strstr(fail.text, "user name"));
	assert_null(strstr(fail.text, "hunter2"));
	assert_false(endpoint_read(&arena, SPAN("user:hunter2@omni.example.org"), &endpoint, &fail));
	assert_null(strstr(fail.text, "hunter2"));
	assert_false(endpoint_read(&arena, SPAN("ftp://user:hunter2@omni.example.org"), &endpoint, &fail));
	assert_null(strstr(fail.text, "hunter2"));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(passwords_are_not_repeated),
	};
	return RUN_TESTS(tests);
}
