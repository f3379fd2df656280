/* One signature for all calls that agree in method, headers and second. */
#include <pthread.h>

#include "agent/auth/sign.h"
#include "base/cleanup.h"
#include "tests/unit/auth_make.h"
#include "tests/unit/test.h"

struct bench {
	struct arena arena;
	struct service_key *key;
	struct sign_cache *cache;
};

static void begin(struct bench *b)
{
	struct text text;
	struct fail fail = {0};
	text_init(&text, TEXT_NO_LIMIT);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	auth_text("ci", auth_example_armor, &text);
	if (!service_key_read(text_span(&text), &b->key, &fail))
		fail_msg("%s", fail.text);
	text_done(&text);
	b->cache = sign_cache_new(b->key);
}

static void end(struct bench *b)
{
	sign_cache_free(b->cache);
	service_key_free(b->key);
	arena_done(&b->arena);
}

/* What the cache gives is what is signed without it. */
static void same(struct bench *b, const char *method, const struct sign_header *headers, size_t count, int64_t now_s)
{
	struct signature cached, fresh;
	assert_true(sign_cached(b->cache, &b->arena, span_of(method), headers, count, now_s, &cached, NULL));
	assert_true(sign_request(b->key, &b->arena, span_of(method), headers, count, now_s, &fresh, NULL));
	assert_true(span_eq(cached.timestamp, fresh.timestamp));
	assert_true(span_eq(cached.payload, fresh.payload));
	assert_true(span_eq(cached.signature, fresh.signature));
}

static void a_second_has_one_signature_for_each_method(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	for (int i = 0; i < 5; i++) {
		same(&b, "/cosi.resource.State/Get", NULL, 0, AUTH_NOW_S);
		same(&b, "/cosi.resource.State/Create", NULL, 0, AUTH_NOW_S);
	}
	assert_int_equal(sign_cache_made(b.cache), 2);
	same(&b, "/cosi.resource.State/Get", NULL, 0, AUTH_NOW_S + 1);
	assert_int_equal(sign_cache_made(b.cache), 3);
	end(&b);
}

static void headers_keep_signatures_apart(void **state)
{
	(void)state;
	static const struct sign_header a = {SPAN("cluster"), SPAN("a")}, b_ = {SPAN("cluster"), SPAN("b")};
	static const struct sign_header both[] = {{SPAN("cluster"), SPAN("a")}, {SPAN("nodes"), SPAN("b")}};
	static const struct sign_header tricky[] = {{SPAN("cluster"), SPAN("a 5 1 nodes b")}};
	struct bench b;
	begin(&b);
	for (int i = 0; i < 3; i++) {
		same(&b, "/m/K", &a, 1, AUTH_NOW_S);
		same(&b, "/m/K", &b_, 1, AUTH_NOW_S);
		same(&b, "/m/K", both, 2, AUTH_NOW_S);
		same(&b, "/m/K", tricky, 1, AUTH_NOW_S);
		same(&b, "/m/K", NULL, 0, AUTH_NOW_S);
	}
	assert_int_equal(sign_cache_made(b.cache), 5);
	end(&b);
}

static void more_than_there_are_places_for_are_signed_all_the_same(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 50; i++) {
			struct sign_header header = {SPAN("cluster"), arena_spanf(&b.arena, "c%d", i)};
			same(&b, "/m/K", &header, 1, AUTH_NOW_S);
		}
	end(&b);
}

static void what_cannot_be_signed_is_refused_every_time(void **state)
{
	(void)state;
	struct bench b;
	struct signature made;
	struct fail fail = {0};
	begin(&b);
	for (int i = 0; i < 2; i++) {
		assert_false(sign_cached(b.cache, &b.arena, SPAN("no path"), NULL, 0, AUTH_NOW_S, &made, &fail));
		assert_int_equal(fail.code, FAIL_INVALID);
		assert_false(sign_cached(b.cache, &b.arena, SPAN("/m/K"), NULL, 0, AUTH_CREATED_S + 2 * 365 * 86400, &made, &fail));
		assert_int_equal(fail.code, FAIL_UNAUTHENTICATED);
	}
	assert_int_equal(sign_cache_made(b.cache), 0);
	end(&b);
}

static void *ask_often(void *ctx)
{
	struct bench *b = ctx;
	struct arena arena;
	bool good = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < 400; i++) {
		struct signature made;
		good = sign_cached(b->cache, &arena, SPAN("/a/B"), NULL, 0, AUTH_NOW_S + i / 100, &made, NULL) &&
		       sign_is_well_formed(made.signature) && good;
	}
	arena_done(&arena);
	return good ? b : NULL;
}

static void threads_share_a_cache(void **state)
{
	(void)state;
	struct bench b;
	pthread_t threads[4];
	begin(&b);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &b), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, &b);
	}
	assert_int_equal(sign_cache_made(b.cache), 4);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_has_one_signature_for_each_method),
		cmocka_unit_test(headers_keep_signatures_apart),
		cmocka_unit_test(more_than_there_are_places_for_are_signed_all_the_same),
		cmocka_unit_test(what_cannot_be_signed_is_refused_every_time),
		cmocka_unit_test(threads_share_a_cache),
	};
	return RUN_TESTS(tests);
}
