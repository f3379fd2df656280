#include "agent/auth/sign.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "tests/unit/auth_make.h"
#include "tests/unit/test.h"

static struct service_key *read_text(struct text *text)
{
	struct service_key *key = NULL;
	struct fail fail = {0};
	if (!service_key_read(text_span(text), &key, &fail))
		fail_msg("%s", fail.text);
	text_done(text);
	return key;
}

static struct service_key *read_armor(const char *name, const char *armored)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	auth_text(name, armored, &text);
	return read_text(&text);
}

static struct service_key *read_plan(const struct key_plan *plan)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	auth_key_text(plan, "ci", &text);
	return read_text(&text);
}

static struct signature sign(struct arena *arena, const struct service_key *key, const char *method,
			     const struct sign_header *headers, size_t count, int64_t now_s)
{
	struct signature signature = {0};
	struct fail fail = {0};
	if (!sign_request(key, arena, span_of(method), headers, count, now_s, &signature, &fail))
		fail_msg("%s", fail.text);
	assert_true(sign_is_well_formed(signature.signature));
	return signature;
}

/* --- recorded bytes ------------------------------------------------------------------------------------------------- */

static const struct recorded {
	const char *method, *cluster; /* NULL: no header */
	int64_t time_s;
	size_t payload_len;
	const char *payload_sha256; /* NULL: not recorded */
	const char *packet;
} recorded[] = {
	{"/management.ManagementService/Kubeconfig", "demo", 1700000100, 251,
	 "34c1d7c1373cb48836d28ff3f8ac9ee736a6ed16c133de6436786ea1ea3ee670",
	 "wnUEABYKACcFgmVT8WQJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAA3jAQCAxff3VweMjuDPt5s+gdcnKGd/DqCydxe72oBA8p9z"
	 "ewD/T2Oz7pq3NXphDXcVwY3WVvO4llZ4LALbUA8FXfAbXgc="},
	{"/management.ManagementService/Kubeconfig", "demo", 1700000356, 251, NULL, /* R begins with 00 */
	 "wnQEABYKACcFgmVT8mQJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAH3jAPiitmrfXkApVAlQO5FiQ1NHebvIqzABtykbjE+sPrBz"
	 "AP9T/TFwOv5sMePp8EpgQ6E161Z/vHETQwwDpmAjw0tBCw=="},
	{"/management.ManagementService/Kubeconfig", "demo", 1700000455, 251, NULL, /* S begins with 00 */
	 "wnQEABYKACcFgmVT8scJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAAfOAQCI7bYOzlkIWXBbZqGAYOx2jmt5TwsBnAsZn5O1ASV9"
	 "ZQD407EMlOM8NcFhpUnoF1j8oNTFKx6ZxgELUxywmDXcAQ=="},
	{"/cosi.resource.State/Get", NULL, 1795244612, 231,
	 "e38f32e7edeed7b6fc4f1ec506d01ed8ef6890d6cb58989e69a91175bf782e87",
	 "wnUEABYKACcFgmsBQkQJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAO9FAP92LbtVa90z4eDHyFD9R+8JqgPMBQSmAgj9d6GQvBhY"
	 "QwEA2Yjfc16krfnQfbejdGMFB5ETYc+U10TG1o2j/psp8Qc="},
	{"/cosi.resource.State/List", NULL, 1795244612, 232,
	 "90955b198005b2146041b0181ed332d915aa6b86849a7789ec2849f675c7d087",
	 "wnUEABYKACcFgmsBQkQJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAJtzAP9tmy3dw27uVTMfqAlcOsdUxlMq1/JKhxjdLFvAkhxR"
	 "xAEAidZ5wuEEC8oTj+iiiEAdljSRIqIUwKc04joUnc3jHwg="},
	{"/management.ManagementService/Kubeconfig", "nope", 1795244613, 251,
	 "c9afce5e8f593c35a4f6873b67b71d71aa6457923bcc9e5795beb7e962409c98",
	 "wnUEABYKACcFgmsBQkUJEPejJWjiAZZSFiEEBVD0X1V0bOyj6K6X96MlaOIBllIAAFpYAP41X/jYa/+ZU9Sl3e4p18u49plfe2yovjC5hGRvI40A"
	 "BQD+P33a0R3uzolzIdmfX3C/dt0OpK+xixjPLafv8Qe90wM="},
};

/* The recordings of 1795244612 were made after the example's year: by the same key, registered for longer. */
static void recorded_exchanges_come_out_byte_for_byte(void **state)
{
	(void)state;
	struct key_plan plan = {.algorithm = 22, .flags = 3};
	for (unsigned i = 0; i < 32; i++)
		plan.seed[i] = (unsigned char)i;
	struct service_key *example = read_armor("ci", auth_example_armor), *longer = read_plan(&plan);
	assert_string_equal(service_key_fingerprint(example), auth_example_fingerprint);
	assert_string_equal(service_key_fingerprint(longer), auth_example_fingerprint);
	for (size_t i = 0; i < COUNT_OF(recorded); i++) {
		const struct recorded *row = &recorded[i];
		struct sign_header header = {SPAN("cluster"), span_of(row->cluster)};
		struct arena arena;
		char sha256[DIGEST_HEX_SIZE], number[32];
		arena_init(&arena, ARENA_NO_LIMIT);
		struct signature signature = sign(&arena, row->time_s > 1710000000 ? longer : example, row->method, &header,
						  row->cluster != NULL, row->time_s);
		snprintf(number, sizeof number, "%lld", (long long)row->time_s);
		assert_span(signature.timestamp, number);
		assert_int_equal(signature.payload.len, row->payload_len);
		digest_hex(signature.payload, sha256);
		if (row->payload_sha256 != NULL)
			assert_string_equal(sha256, row->payload_sha256);
		struct span head = arena_spanf(&arena, "siderov1 ci %s %s", auth_example_fingerprint, row->packet);
		assert_span(signature.signature, head.ptr);
		arena_done(&arena);
	}
	service_key_free(example);
	service_key_free(longer);
}

static void the_payload_is_written_as_the_reference_does(void **state)
{
	(void)state;
	struct service_key *key = read_armor("ci", auth_example_armor);
	struct sign_header header = {SPAN("cluster"), SPAN("demo")};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct signature signature = sign(&arena, key, "/management.ManagementService/Kubeconfig", &header, 1, AUTH_NOW_S);
	assert_span(signature.payload,
		    "{\"headers\":{\"authorization\":null,\"cluster\":[\"demo\"],\"context\":null,\"fieldSelectors\":null,\"namespace\":"
		    "null,\"nodes\":null,\"runtime\":null,\"selectors\":null,\"uid\":null,\"x-sidero-timestamp\":[\"1700000100\"]},"
		    "\"method\":\"/management.ManagementService/Kubeconfig\"}");
	arena_done(&arena);
	service_key_free(key);
}

/* --- headers -------------------------------------------------------------------------------------------------------- */

static void every_compared_header_is_signed(void **state)
{
	(void)state;
	static const char *const names[] = {"authorization", "cluster", "context", "namespace", "nodes", "runtime", "selectors", "uid"};
	struct service_key *key = read_armor("ci", auth_example_armor);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct sign_header headers[] = {
			{span_of(names[i]), SPAN("two")}, {SPAN("user-agent"), SPAN("omniops")}, {span_of(names[i]), SPAN("one")}};
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct signature none = sign(&arena, key, "/a/B", headers, 0, AUTH_NOW_S);
		struct signature one = sign(&arena, key, "/a/B", headers, 2, AUTH_NOW_S);
		struct signature two = sign(&arena, key, "/a/B", headers, 3, AUTH_NOW_S);
		struct span absent = arena_spanf(&arena, "\"%s\":null", names[i]);
		struct span single = arena_spanf(&arena, "\"%s\":[\"two\"]", names[i]);
		struct span both = arena_spanf(&arena, "\"%s\":[\"two\",\"one\"]", names[i]);
		assert_true(span_contains(none.payload, absent.ptr));
		assert_true(span_contains(one.payload, single.ptr));
		assert_true(span_contains(two.payload, both.ptr));
		assert_false(span_contains(two.payload, "omniops"));
		assert_false(span_eq(one.signature, two.signature));
		arena_done(&arena);
	}
	service_key_free(key);
}

static void a_header_of_field_selectors_is_not_in_it(void **state)
{
	(void)state;
	struct service_key *key = read_armor("ci", auth_example_armor);
	struct sign_header header = {SPAN("fieldselectors"), SPAN("a=b")};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct signature signature = sign(&arena, key, "/a/B", &header, 1, AUTH_NOW_S);
	assert_true(span_contains(signature.payload, "\"fieldSelectors\":null,"));
	assert_false(span_contains(signature.payload, "a=b"));
	arena_done(&arena);
	service_key_free(key);
}

static const struct {
	const char *value, *json; /* NULL: refused */
} values[] = {
	{"a b", "[\"a b\"]"},
	{"say \"hi\"\\", "[\"say \\\"hi\\\"\\\\\"]"},
	{"a<b>&c", "[\"a\\u003cb\\u003e\\u0026c\"]"},
	{"b\xc3\xbc", "[\"b\\u00fc\"]"},
	{"\xe2\x80\xa8", "[\"\\u2028\"]"},
	{"\xf0\x9f\x98\x80", "[\"\\ud83d\\ude00\"]"},
	{"\xef\xbf\xbd", "[\"\\ufffd\"]"},
	{"", NULL},	 {" a", NULL},	   {"a ", NULL},	{"a\tb", NULL},	  {"a\r\nx-other: 1", NULL},
	{"a\x7f", NULL}, {"\x1b[0m", NULL}, {"b\xfc", NULL}, {"\xed\xa0\x80", NULL},
};

static void values_are_escaped_or_refused(void **state)
{
	(void)state;
	struct service_key *key = read_armor("ci", auth_example_armor);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct sign_header header = {SPAN("uid"), span_of(values[i].value)};
		struct signature signature = {0};
		struct arena arena;
		struct fail fail = {0};
		arena_init(&arena, ARENA_NO_LIMIT);
		bool good = sign_request(key, &arena, SPAN("/a/B"), &header, 1, AUTH_NOW_S, &signature, &fail);
		assert_int_equal(good, values[i].json != NULL);
		if (good)
			assert_true(span_contains(signature.payload, values[i].json));
		else
			assert_int_equal(fail.code, FAIL_INVALID);
		for (size_t j = 0; j < signature.payload.len; j++)
			assert_in_range(signature.payload.ptr[j], ' ', '~');
		arena_done(&arena);
	}
	service_key_free(key);
}

static void names_and_methods_are_checked(void **state)
{
	(void)state;
	static const char *const names[] = {"", "Cluster", "a b", "x-sidero-signature", "x-sidero-timestamp", "a\n", ":method"};
	static const char *const methods[] = {"", "a/B", "/a b", "/a\n", "/\xc3\xbc"};
	struct service_key *key = read_armor("ci", auth_example_armor);
	struct signature signature;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct sign_header header = {span_of(names[i]), SPAN("v")};
		assert_false(sign_request(key, &arena, SPAN("/a/B"), &header, 1, AUTH_NOW_S, &signature, NULL));
	}
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		assert_false(sign_request(key, &arena, span_of(methods[i]), NULL, 0, AUTH_NOW_S, &signature, NULL));
	struct span large = {memset(arena_alloc(&arena, 70000), 'a', 70000), 70000};
	struct sign_header header = {SPAN("uid"), large};
	struct fail fail = {0};
	assert_false(sign_request(key, &arena, SPAN("/a/B"), &header, 1, AUTH_NOW_S, &signature, &fail));
	assert_int_equal(fail.code, FAIL_TOO_BIG);
	arena_done(&arena);
	service_key_free(key);
}

static void malformed_signature_headers_are_known(void **state)
{
	(void)state;
#define PRINT "0550f45f55746ceca3e8ae97f7a32568e2019652"
	static const char *const bad[] = {
		"", " ", "siderov1", "siderov1 ci", "siderov1 ci " PRINT, "siderov1 ci " PRINT " ", "siderov1  " PRINT " AAAA",
		"siderov1 ci  " PRINT " AAAA", "siderov1 ci " PRINT " AAAA x", "siderov1 ci " PRINT " AAAA ", "siderov1 a b " PRINT " AAAA",
		"siderov2 ci " PRINT " AAAA", "siderov1 ci 0550F45F55746CECA3E8AE97F7A32568E2019652 AAAA", "siderov1 ci 0550 AAAA",
		"siderov1 ci " PRINT " AAA", "siderov1 ci " PRINT " AA\nAA", "siderov1 c\ti " PRINT " AAAA", "siderov1 b\xc3\xbc " PRINT " AAAA",
		"siderov1 ci " PRINT "\tAAAA", " siderov1 ci " PRINT " AAAA",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (sign_is_well_formed(span_of(bad[i])))
			fail_msg("«%s» is not well-formed", bad[i]);
	assert_true(sign_is_well_formed(SPAN("siderov1 ci " PRINT " AAAA")));
	assert_true(sign_is_well_formed(SPAN("siderov1 infra-provider:x " PRINT " AA==")));
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

static bool signs_at(const struct service_key *key, int64_t now_s, int64_t *out_signed_s, struct fail *fail)
{
	struct signature signature = {0};
	struct arena arena;
	unsigned char packet[24] = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool good = sign_request(key, &arena, SPAN("/a/B"), NULL, 0, now_s, &signature, fail);
	if (good) {
		EVP_DecodeBlock(packet, (const unsigned char *)memrchr(signature.signature.ptr, ' ', signature.signature.len) + 1, 24);
		*out_signed_s = (int64_t)packet[10] << 24 | packet[11] << 16 | packet[12] << 8 | packet[13];
		struct span said = arena_spanf(&arena, "%lld", (long long)now_s);
		assert_span(signature.timestamp, said.ptr);
	}
	arena_done(&arena);
	return good;
}

static void a_key_from_the_near_future_signs_with_its_own_time(void **state)
{
	(void)state;
	struct service_key *key = read_plan(&(struct key_plan){.algorithm = 22, .flags = 3, .lifetime_s = 31536000});
	struct fail fail = {0};
	int64_t signed_s = 0;
	assert_true(signs_at(key, AUTH_CREATED_S, &signed_s, &fail));
	assert_int_equal(signed_s, AUTH_CREATED_S);
	assert_true(signs_at(key, AUTH_CREATED_S - 299, &signed_s, &fail));
	assert_int_equal(signed_s, AUTH_CREATED_S);
	assert_false(signs_at(key, AUTH_CREATED_S - 301, &signed_s, &fail));
	assert_int_equal(fail.code, FAIL_UNAUTHENTICATED);
	assert_non_null(strstr(fail.text, "valid from 2023-11-14T22:13:20Z on, but this machine's clock says 2023-11-14T22:08:19Z"));
	assert_false(signs_at(key, 0, &signed_s, &fail));
	assert_false(signs_at(key, INT64_MIN / 4096, &signed_s, &fail));
	service_key_free(key);
}

static void short_keys_have_less_room_for_clocks(void **state)
{
	(void)state;
	struct service_key *key = read_plan(&(struct key_plan){.algorithm = 22, .flags = 3, .lifetime_s = 100});
	int64_t signed_s;
	assert_true(signs_at(key, AUTH_CREATED_S - 50, &signed_s, NULL));
	assert_false(signs_at(key, AUTH_CREATED_S - 51, &signed_s, NULL));
	assert_true(signs_at(key, AUTH_CREATED_S + 99, &signed_s, NULL));
	assert_false(signs_at(key, AUTH_CREATED_S + 100, &signed_s, NULL));
	service_key_free(key);
}

static void times_that_no_packet_can_hold_are_refused(void **state)
{
	(void)state;
	struct service_key *key = read_plan(&(struct key_plan){.algorithm = 22, .flags = 3});
	struct fail fail = {0};
	int64_t signed_s;
	assert_true(signs_at(key, UINT32_MAX, &signed_s, &fail));
	assert_int_equal(signed_s, UINT32_MAX);
	assert_false(signs_at(key, (int64_t)UINT32_MAX + 1, &signed_s, &fail));
	assert_int_equal(fail.code, FAIL_UNAUTHENTICATED);
	service_key_free(key);
}

/* --- many keys ------------------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Keys of both Ed25519 forms, with seeds and signatures that begin with zeroes; checked by OpenSSL alone. */
static void hundreds_of_keys_sign_what_openssl_verifies(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (unsigned round = 0; round < 400; round++) {
		struct key_plan plan = {.algorithm = round % 2 == 0 ? 22 : 27, .flags = 3, .old_headers = round % 3 == 0};
		for (unsigned i = round % 5; i < 32; i++)
			plan.seed[i] = (unsigned char)next_random(&seed);
		struct service_key *key = read_plan(&plan);
		EVP_PKEY *public = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, plan.seed, 32);
		struct sign_header header = {SPAN("cluster"), SPAN("demo")};
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		int64_t now_s = AUTH_NOW_S + (int64_t)next_random(&seed) % 1000000;
		struct signature made = sign(&arena, key, "/cosi.resource.State/Watch", &header, round % 4 == 0, now_s);
		struct signature again = sign(&arena, key, "/cosi.resource.State/Watch", &header, round % 4 == 0, now_s);
		assert_true(auth_verify(public, made.payload, made.signature));
		assert_true(span_eq(made.signature, again.signature));
		assert_false(auth_verify(public, SPAN("{}"), made.signature));
		arena_done(&arena);
		EVP_PKEY_free(public);
		service_key_free(key);
	}
}

static void rsa_keys_sign(void **state)
{
	(void)state;
	static const unsigned sizes[] = {2048, 4096};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct key_plan plan = {.algorithm = 1, .flags = 3, .rsa = auth_rsa(sizes[i])};
		struct service_key *key = read_plan(&plan);
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct signature made = sign(&arena, key, "/a/B", NULL, 0, AUTH_NOW_S);
		struct signature again = sign(&arena, key, "/a/B", NULL, 0, AUTH_NOW_S);
		assert_true(auth_verify(plan.rsa, made.payload, made.signature));
		assert_true(span_eq(made.signature, again.signature));
		arena_done(&arena);
		service_key_free(key);
		EVP_PKEY_free(plan.rsa);
	}
}

static void a_subkey_signs_where_the_primary_key_may_not(void **state)
{
	(void)state;
	struct key_plan plan = {.algorithm = 22, .flags = 1, .subkey = true, .seed = {7}, .lifetime_s = 5000,
				.subkey_created_s = AUTH_CREATED_S + 50, .subkey_lifetime_s = 1000};
	struct service_key *key = read_plan(&plan);
	unsigned char seed[32] = {7};
	seed[31] = 0xFF;
	EVP_PKEY *sub = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_PKEY *primary = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, plan.seed, 32);
	struct arena arena;
	int64_t signed_s = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct signature made = sign(&arena, key, "/a/B", NULL, 0, AUTH_NOW_S);
	assert_true(auth_verify(sub, made.payload, made.signature));
	assert_false(auth_verify(primary, made.payload, made.signature));
	assert_int_equal(service_key_expires_s(key), AUTH_CREATED_S + 1050);
	assert_true(signs_at(key, AUTH_CREATED_S + 10, &signed_s, NULL));
	assert_int_equal(signed_s, AUTH_CREATED_S + 50);
	assert_false(signs_at(key, AUTH_CREATED_S + 1050, &signed_s, NULL));
	arena_done(&arena);
	EVP_PKEY_free(sub);
	EVP_PKEY_free(primary);
	service_key_free(key);
}

/* --- threads -------------------------------------------------------------------------------------------------------- */

static void *sign_often(void *ctx)
{
	struct arena arena;
	struct signature made;
	bool good = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (unsigned i = 0; i < 50; i++)
		good = sign_request(ctx, &arena, SPAN("/a/B"), NULL, 0, AUTH_NOW_S + i, &made, NULL) && good;
	arena_done(&arena);
	return good ? ctx : NULL;
}

static void threads_share_a_key(void **state)
{
	(void)state;
	struct service_key *key = read_armor("ci", auth_example_armor);
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_often, key), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, key);
	}
	service_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_exchanges_come_out_byte_for_byte),
		cmocka_unit_test(the_payload_is_written_as_the_reference_does),
		cmocka_unit_test(every_compared_header_is_signed),
		cmocka_unit_test(a_header_of_field_selectors_is_not_in_it),
		cmocka_unit_test(values_are_escaped_or_refused),
		cmocka_unit_test(names_and_methods_are_checked),
		cmocka_unit_test(malformed_signature_headers_are_known),
		cmocka_unit_test(a_key_from_the_near_future_signs_with_its_own_time),
		cmocka_unit_test(short_keys_have_less_room_for_clocks),
		cmocka_unit_test(times_that_no_packet_can_hold_are_refused),
		cmocka_unit_test(hundreds_of_keys_sign_what_openssl_verifies),
		cmocka_unit_test(rsa_keys_sign),
		cmocka_unit_test(a_subkey_signs_where_the_primary_key_may_not),
		cmocka_unit_test(threads_share_a_key),
	};
	return RUN_TESTS(tests);
}
