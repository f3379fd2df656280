/* What the client of a Kubernetes API decides without one: when to try again, how fast, what a refusal means, what a program
 * said, which credentials hold. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kube/client.h"
#include "agent/kube/exec_wire.h"
#include "agent/kube/internal.h"
#include "base/cleanup.h"

/* --- retries ------------------------------------------------------------------------------------------------------------------- */

static void what_goes_out_once_more(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct retry retry;
		int64_t least_ms, most_ms; /* negative: not at all */
	} rows[] = {
		{"a read, first break", {.was_seen = true, .retry_after_ms = -1, .attempts = 1}, 50, 149},
		{"a read, second break", {.was_seen = true, .retry_after_ms = -1, .attempts = 2}, 100, 299},
		{"a read, third break", {.was_seen = true, .retry_after_ms = -1, .attempts = 3}, -1, -1},
		{"a write that may have been seen", {.is_write = true, .was_seen = true, .retry_after_ms = -1, .attempts = 1}, -1, -1},
		{"a write that was not", {.is_write = true, .retry_after_ms = -1, .attempts = 1}, 50, 149},
		{"429 that says when", {.is_write = true, .http_status = 429, .retry_after_ms = 2000, .attempts = 1}, 2000, 2099},
		{"503 that says when", {.http_status = 503, .retry_after_ms = 0, .attempts = 9}, 0, 99},
		{"for the tenth time", {.http_status = 503, .retry_after_ms = 0, .attempts = 10}, -1, -1},
		{"429 that does not", {.http_status = 429, .retry_after_ms = -1, .attempts = 1}, -1, -1},
		{"500 that does not", {.http_status = 500, .retry_after_ms = -1, .attempts = 1}, -1, -1},
		{"409 that says when", {.http_status = 409, .retry_after_ms = 1000, .attempts = 1}, -1, -1},
		{"200", {.http_status = 200, .retry_after_ms = 1000, .attempts = 1}, -1, -1},
		{"behind the deadline", {.http_status = 429, .retry_after_ms = 2000, .attempts = 1, .now_ms = 1000, .deadline_ms = 3000}, -1, -1},
		{"before the deadline", {.http_status = 429, .retry_after_ms = 2000, .attempts = 1, .now_ms = 1000, .deadline_ms = 9000}, 2000, 2099},
	};
	static const uint64_t chances[] = {0, UINT64_MAX, 0x123456789abcdef};
	for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(chances); i++) {
		struct retry retry = rows[i / COUNT_OF(chances)].retry;
		retry.random = chances[i % COUNT_OF(chances)];
		int64_t in_ms = retry_in_ms(&retry), least_ms = rows[i / COUNT_OF(chances)].least_ms, most_ms = rows[i / COUNT_OF(chances)].most_ms;
		if (least_ms < 0 ? in_ms >= 0 : in_ms < least_ms || in_ms > most_ms)
			fail_msg("%s: in %lld ms", rows[i / COUNT_OF(chances)].what, (long long)in_ms);
	}
}

static void when_to_come_back(void **state)
{
	(void)state;
	static const int64_t wall_ms = 1445412475000; /* Wed, 21 Oct 2015 07:27:55 GMT */
	static const struct {
		const char *header;
		int64_t in_ms;
	} rows[] = {
		{"0", 0}, {"1", 1000}, {" 30 ", 30000}, {"99999999999", 3600000}, {"-1", -1}, {"", -1}, {"soon", -1}, {"1.5", -1},
		{"Wed, 21 Oct 2015 07:28:00 GMT", 5000}, {"Wed, 21 Oct 2015 07:00:00 GMT", 0}, {"Wed, 21 Oct 2025 07:00:00 GMT", 3600000},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (retry_after_ms(span_of(rows[i].header), wall_ms) != rows[i].in_ms)
			fail_msg("«%s» is %lld", rows[i].header, (long long)retry_after_ms(span_of(rows[i].header), wall_ms));
}

static void requests_come_evenly(void **state)
{
	(void)state;
	struct bucket bucket = {0};
	for (int i = 0; i < 5; i++)
		assert_int_equal(bucket_take(&bucket, 10, 5, 1000), 0);
	int64_t wait_ms = bucket_take(&bucket, 10, 5, 1000);
	assert_in_range(wait_ms, 100, 101);
	assert_true(bucket_take(&bucket, 10, 5, 1050) > 0);
	assert_int_equal(bucket_take(&bucket, 10, 5, 1101), 0);
	assert_true(bucket_take(&bucket, 10, 5, 1101) > 0);
	int taken = 0; /* an hour of rest does not make more than the burst */
	while (bucket_take(&bucket, 10, 5, 3600000) == 0)
		taken++;
	assert_int_equal(taken, 5);
}

/* --- answers ------------------------------------------------------------------------------------------------------------------- */

static void what_a_refusal_means(void **state)
{
	(void)state;
	static const struct {
		long http_status;
		const char *body;
		enum fail_code code;
		const char *text;
	} rows[] = {
		{404, "{\"message\":\"x \\\"y\\\" not found\"}", FAIL_NOT_FOUND, "GET /a: there is none (404): x \"y\" not found"},
		{409, "{\"reason\":\"AlreadyExists\",\"message\":\"m\"}", FAIL_EXISTS, "GET /a: it exists already (409): m"},
		{409, "{\"reason\":\"Conflict\",\"message\":\"m\"}", FAIL_CONFLICT, "GET /a: somebody else changed it (409): m"},
		{410, "{\"reason\":\"Expired\"}", FAIL_PRECONDITION, "GET /a: this state is too old (410): Expired"},
		{422, "{\"message\":\"two\\nlines\"}", FAIL_INVALID, "GET /a: the object is refused (422): two lines"},
		{400, "", FAIL_INVALID, "GET /a: the request is refused (400)"},
		{401, "{\"mess", FAIL_UNAUTHENTICATED, "GET /a: the credentials are refused (401)"},
		{403, "[]", FAIL_DENIED, "GET /a: this is forbidden (403): \"[]\""},
		{429, "", FAIL_UNAVAILABLE, "GET /a: the server has too many requests (429)"},
		{502, "<html>bad\tgateway</html>", FAIL_UNAVAILABLE, "GET /a: the server failed (502): \"<html>bad gateway</html>\""},
		{504, "{\"message\":\"slow\"}", FAIL_TIMEOUT, "GET /a: the server did not finish in time (504): slow"},
		{504, "{\"message\":\"m\",\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}]}}", FAIL_PRECONDITION,
		 "GET /a: the server does not know this state yet (504): m"},
		{302, "", FAIL_PROTOCOL, "GET /a: this is no answer of a Kubernetes API (302)"},
		{500, "{\"message\":7}", FAIL_UNAVAILABLE, "GET /a: the server failed (500)"},
		{500, "\xff\xfe", FAIL_UNAVAILABLE, "GET /a: the server failed (500): \"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		assert_false(answer_fail("GET", "/a?watch=1", rows[i].http_status, span_of(rows[i].body), &fail));
		assert_int_equal(fail.code, rows[i].code);
		assert_string_equal(fail.text, rows[i].text);
	}
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct text body;
	struct fail fail = {0};
	text_init(&body, TEXT_NO_LIMIT);
	text_adds(&body, "{\"message\":\"");
	for (int i = 0; i < 2000; i++)
		text_adds(&body, "\xC3\xA4");
	text_adds(&body, "\"}");
	assert_false(answer_fail("GET", "/a", 422, text_span(&body), &fail));
	assert_true(strlen(fail.text) < 1200);
	assert_string_equal(fail.text + strlen(fail.text) - 5, "\xC3\xA4...");
	text_done(&body);
}

static void an_event_of_a_watch(void **state)
{
	(void)state;
	struct fail fail = {0};
	json_t *status = json_loads("{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old resource version\"}", 0, NULL);
	assert_false(kube_status_fail(status, &fail));
	assert_int_equal(fail.code, FAIL_PRECONDITION);
	assert_string_equal(fail.text, "this state is too old (410): too old resource version");
	json_decref(status);
	assert_false(kube_status_fail(NULL, &fail));
	assert_int_equal(fail.code, FAIL_UNAVAILABLE);
}

/* --- programs ------------------------------------------------------------------------------------------------------------------ */

#define V1 "client.authentication.k8s.io/v1"
static const struct kube_exec exec = {.api_version = V1, .command = "login", .env = (const char *const[]){"B=kubeconfig", NULL}};

static void what_a_program_said(void **state)
{
	(void)state;
	struct exec_result result = {0};
	struct fail fail = {0};
	assert_true(exec_read_output(SPAN("{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{\"token\":\"t\",\"clientCertificateData\":\"c\","
					  "\"clientKeyData\":\"k\",\"expirationTimestamp\":\"2026-01-02T03:04:05Z\"}}"),
				     &exec, &result, &fail));
	assert_span(secret_span(&result.token), "t");
	assert_span(secret_span(&result.cert), "c");
	assert_span(secret_span(&result.key), "k");
	assert_int_equal(result.expires_wall_ms, 1767323045000);
	exec_result_done(&result);
#define SAID(text) "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{" text "}}"
	static const struct {
		const char *output, *part;
	} rows[] = {
		{"S3CR3T", "wrote something that is no JSON"},
		{"{}", "wrote no ExecCredential of " V1},
		{"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"status\":{\"token\":\"S3CR3T\"}}",
		 "wrote no ExecCredential"},
		{SAID(""), "wrote neither a token nor a certificate"},
		{SAID("\"token\":\"\""), "wrote neither"},
		{SAID("\"clientCertificateData\":\"S3CR3T\""), "wrote a certificate without its key"},
		{SAID("\"token\":\"t\",\"clientKeyData\":\"S3CR3T\""), "or a key alone"},
		{SAID("\"token\":\"S3CR3T\",\"expirationTimestamp\":\"tomorrow\""), "that is no time"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(exec_read_output(span_of(rows[i].output), &exec, &result, &fail));
		assert_int_equal(fail.code, FAIL_UNAUTHENTICATED);
		if (strstr(fail.text, rows[i].part) == NULL || strstr(fail.text, "S3CR3T") != NULL)
			fail_msg("«%s» says «%s»", rows[i].output, fail.text);
		assert_null(result.token.ptr);
	}
}

static void what_a_program_is_given(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct kube_exec told = exec;
	told.provides_cluster_info = true;
	struct kube_config config = {.server = "https://a", .tls_server_name = "b", .ca_data = SPAN("pem"), .exec = &told};
	char *own[] = {(char[]){"A=own"}, (char[]){"B=own"}, (char[]){"KUBERNETES_EXEC_INFO=old"}, (char[]){"BB=own"}, NULL};
	char **environment = exec_environment(&arena, &config, own);
	assert_string_equal(environment[0],
			    "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{\"interactive\":false,"
			    "\"cluster\":{\"server\":\"https://a\",\"tls-server-name\":\"b\",\"certificate-authority-data\":\"cGVt\"}}}");
	assert_string_equal(environment[1], "B=kubeconfig");
	assert_string_equal(environment[2], "A=own");
	assert_string_equal(environment[3], "BB=own");
	assert_null(environment[4]);
	arena_done(&arena);
}

static void its_complaint_is_one_line(void **state)
{
	(void)state;
	struct text out;
	text_init(&out, 1000);
	exec_add_complaint(&out, SPAN("first\nlast\tword \xff\n\n"), 100);
	assert_string_equal(out.ptr, "last word ");
	text_reset(&out);
	exec_add_complaint(&out, SPAN(""), 100);
	assert_string_equal(out.ptr, "");
	text_done(&out);
}

/* --- credentials --------------------------------------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_token_file_is_read_each_minute(void **state)
{
	(void)state;
	char path[] = "/tmp/kube-token.XXXXXX";
	close(mkstemp(path));
	struct kube_config config = {.server = "https://a", .token_file = path, .token = SPAN("unused")};
	struct credential credential;
	put(path, "one\n");
	credential_init(&credential, &config, NULL, NULL);
	assert_int_equal(credential_look(&credential, 1000), CREDENTIAL_READY);
	assert_span(secret_span(&credential.now->header), "Authorization: Bearer one");
	struct identity *first = identity_hold(credential.now);
	put(path, "two");
	assert_int_equal(credential_look(&credential, 60999), CREDENTIAL_READY);
	assert_ptr_equal(credential.now, first);
	assert_int_equal(credential_look(&credential, 61000), CREDENTIAL_READY);
	assert_span(secret_span(&credential.now->header), "Authorization: Bearer two");
	assert_span(secret_span(&first->header), "Authorization: Bearer one"); /* who uses it still has it */
	assert_true(credential_refused(&credential, first));		       /* there is a newer one */
	assert_false(credential_refused(&credential, credential.now));
	put(path, "three");
	assert_true(credential_refused(&credential, credential.now));
	assert_span(secret_span(&credential.now->header), "Authorization: Bearer three");
	unlink(path); /* what works stays */
	assert_int_equal(credential_look(&credential, INT64_MAX / 2), CREDENTIAL_READY);
	assert_span(secret_span(&credential.now->header), "Authorization: Bearer three");
	assert_int_equal(credential.problem.code, FAIL_NOT_FOUND);
	identity_release(first);
	credential_done(&credential);
}

static void forms_of_headers(void **state)
{
	(void)state;
	static const struct {
		struct kube_config config;
		const char *header, *problem;
	} rows[] = {
		{{.token = SPAN("abc")}, "Authorization: Bearer abc", ""},
		{{.user = "Aladdin", .password = "open sesame"}, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""},
		{{.user = "a"}, "Authorization: Basic YTo=", ""},
		{{0}, "", ""},
		{{.token = SPAN("a b")}, NULL, "has a character that no token has, at byte 2"},
		{{.token_file = "/nonexistent"}, NULL, "cannot open /nonexistent"},
		{{.ca_data = SPAN("no pem")}, NULL, "the certificate authority cannot be read"},
		{{.cert_data = SPAN("-----BEGIN X-----"), .key_data = SPAN("x")}, NULL, "the client's certificate cannot be read"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct credential credential;
		credential_init(&credential, &rows[i].config, NULL, NULL);
		enum credential_state found = credential_look(&credential, 1000);
		assert_int_equal(found, rows[i].header != NULL ? CREDENTIAL_READY : CREDENTIAL_NONE);
		if (rows[i].header != NULL)
			assert_span(secret_span(&credential.now->header), rows[i].header);
		assert_non_null(strstr(credential.problem.text, rows[i].problem));
		credential_done(&credential);
	}
}

/* --- timers -------------------------------------------------------------------------------------------------------------------- */

static void posts_run_in_order(void **state)
{
	(void)state;
	struct posts posts = {0};
	struct post post = {0};
	uint64_t random = 1, held = 0;
	int64_t before_ms = 0;
	for (int i = 0; i < 1000; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		posts_add(&posts, (int64_t)(random >> 60), NULL, NULL);
	}
	assert_int_equal(posts_next(&posts), 0);
	for (int i = 0; i < 1000; i++) {
		assert_true(posts_take(&posts, 100, &post));
		assert_true(post.at_ms > before_ms || (post.at_ms == before_ms && (i == 0 || post.number > held)));
		before_ms = post.at_ms;
		held = post.number;
	}
	assert_false(posts_take(&posts, 100, &post));
	assert_true(posts_next(&posts) == INT64_MAX);
	free(posts.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_out_once_more),
		cmocka_unit_test(when_to_come_back),
		cmocka_unit_test(requests_come_evenly),
		cmocka_unit_test(what_a_refusal_means),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(an_event_of_a_watch),
		cmocka_unit_test(what_a_program_said),
		cmocka_unit_test(what_a_program_is_given),
		cmocka_unit_test(its_complaint_is_one_line),
		cmocka_unit_test(a_token_file_is_read_each_minute),
		cmocka_unit_test(forms_of_headers),
		cmocka_unit_test(posts_run_in_order),
	};
	return RUN_TESTS(tests);
}
