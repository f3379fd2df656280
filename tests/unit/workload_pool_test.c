/* Ways into workload clusters: shared, closed when nobody uses them, and what is left of a kubeconfig. Nothing answers here. */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/workload/workload.h"
#include "base/clock.h"
#include "tests/unit/test.h"

/* {"alg":"none"} . {"exp":1800000000} . nothing */
#define TOKEN "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDB9.x"
#define CONFIG(cluster, user)                                                                                          \
	"{clusters: [{name: c, cluster: " cluster "}], contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}]," \
	" current-context: x, users: [{name: u, user: " user "}]}"
#define SERVER "{server: 'https://127.0.0.1:9'}"

/* The machine's clock, and how far the test has gone ahead of it; threads of clients read it, too. In place of base/clock.c. */
static _Atomic int64_t ahead_ms;

int64_t clock_monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + ahead_ms;
}

int64_t clock_wall_ms(void)
{
	return 1700000000000 + ahead_ms;
}

void clock_sleep_ms(int64_t ms)
{
	ahead_ms += ms;
}

struct world {
	struct workloads *pool;
	struct arena arena;
	struct fail fail;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	arena_init_wiping(&world->arena, ARENA_NO_LIMIT);
	world->pool = workloads_new(NULL);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	workloads_free(world->pool);
	arena_done(&world->arena);
	free(world);
	return 0;
}

static struct workload *get(struct world *world, const char *text)
{
	struct workload *workload = NULL;
	world->fail = (struct fail){0};
	if (!workload_get(world->pool, span_of(text), &workload, &world->fail))
		assert_null(workload);
	return workload;
}

static void assert_open(struct world *world, size_t open, size_t used)
{
	size_t is_open = 0, is_used = 0;
	for (int tries = 0; tries < 5000; tries++) {
		workloads_counts(world->pool, &is_open, &is_used);
		if (is_open == open && is_used == used)
			return;
		usleep(1000);
	}
	fail_msg("%zu are open and %zu used, should be %zu and %zu", is_open, is_used, open, used);
}

static void the_same_kubeconfig_is_one_way(void **state)
{
	struct world *world = *state;
	struct workload *one = get(world, CONFIG(SERVER, "{token: a}")), *same = get(world, CONFIG(SERVER, "{token: a}"));
	struct workload *other = get(world, CONFIG(SERVER, "{token: b}"));
	assert_non_null(one);
	assert_ptr_equal(one, same);
	assert_ptr_not_equal(one, other);
	assert_string_not_equal(workload_id(one), workload_id(other));
	assert_string_equal(workload_server(one), "https://127.0.0.1:9");
	assert_open(world, 2, 2);
	workload_put(one);
	assert_open(world, 2, 2);
	workload_put(same);
	workload_put(other);
	workload_put(NULL);
	assert_open(world, 2, 0);
}

static void one_that_nobody_uses_is_closed(void **state)
{
	struct world *world = *state;
	struct workload *kept = get(world, CONFIG(SERVER, "{token: a}"));
	workload_put(get(world, CONFIG(SERVER, "{token: b}")));
	assert_open(world, 2, 1);
	clock_sleep_ms(59000);
	workload_put(get(world, CONFIG(SERVER, "{token: a}"))); /* lets it look */
	workload_put(get(world, CONFIG(SERVER, "{token: c}")));
	assert_open(world, 3, 1);
	clock_sleep_ms(1500);
	workload_put(get(world, CONFIG(SERVER, "{token: c}"))); /* begins its minute again */
	assert_open(world, 2, 1);
	clock_sleep_ms(61000);
	workload_put(kept);
	assert_open(world, 1, 0);
	clock_sleep_ms(61000);
	workload_put(get(world, CONFIG(SERVER, "{token: d}")));
	assert_open(world, 1, 0);
}

static void a_refused_one_says_why(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *text, *why;
	} rows[] = {
		{CONFIG(SERVER, "{exec: {command: a}}"), "exec is refused"},
		{CONFIG("{server: 'http://a'}", "{token: a}"), "the scheme \"http\" is not supported"},
		{CONFIG(SERVER, "{client-certificate-data: LS0tLS1CRUdJTiBYLS0tLS0=, client-key-data: LS0tLS1CRUdJTiBYLS0tLS0=}"),
		 "the client's certificate cannot be read"},
		{CONFIG("{server: 'https://a', certificate-authority-data: LS0tLS1CRUdJTiBYLS0tLS0=}", "{token: a}"),
		 "the certificate authority cannot be read"},
		{CONFIG(SERVER, "{token: 'a b'}"), "a character that no token has"},
		{"\x01", "no YAML"},
		{"", "no current-context"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_null(get(world, rows[i].text));
		assert_int_equal(world->fail.code, FAIL_INVALID);
		if (strstr(world->fail.text, rows[i].why) == NULL)
			fail_msg("«%s» does not say «%s»", world->fail.text, rows[i].why);
	}
	assert_open(world, 0, 0);
}

static void what_is_left_of_it(void **state)
{
	struct world *world = *state;
	static const char config[] =
		"{clusters: [{name: c, cluster: {server: 'https://h/p', tls-server-name: s, extensions: [{name: e}]}},"
		" {name: c2, cluster: {server: 'http://x'}}],"
		" contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}, {name: y, context: {cluster: c2, user: v}}],"
		" current-context: x, preferences: {colors: true},"
		" users: [{name: u, user: {token: '" TOKEN "'}}, {name: v, user: {exec: {command: rm}}}]}";
	struct workload *workload = get(world, config);
	struct span text;
	assert_non_null(workload);
	assert_true(workload_kubeconfig(workload, SPAN("apps\"1"), &world->arena, &text, NULL));
	assert_span(text, "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"agent\", "
			  "\"clusters\": [{\"name\":\"agent\", \"cluster\": {\"server\": \"https://h/p\", \"tls-server-name\": \"s\"}}], "
			  "\"users\": [{\"name\":\"agent\", \"user\": {\"token\": \"" TOKEN "\"}}], "
			  "\"contexts\": [{\"name\":\"agent\", \"context\": {\"cluster\":\"agent\",\"user\":\"agent\", \"namespace\": \"apps\\\"1\"}}]}\n");
	assert_int_equal(workload_expires_s(workload), 1800000000);
	struct workload *again = NULL; /* what is left is a way in, too */
	assert_true(workload_get(world->pool, text, &again, NULL));
	workload_put(again);
	workload_put(workload);
}

static void passwords_and_no_end(void **state)
{
	struct world *world = *state;
	struct workload *workload = get(world, CONFIG(SERVER, "{username: a, password: \"b\\x07\\\"\"}"));
	struct span text;
	assert_true(workload_kubeconfig(workload, SPAN(""), &world->arena, &text, NULL));
	assert_non_null(strstr(text.ptr, "\"user\": {\"username\": \"a\", \"password\": \"b\\u0007\\\"\"}"));
	assert_null(strstr(text.ptr, "namespace"));
	assert_int_equal(workload_expires_s(workload), 0);
	workload_put(workload);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(the_same_kubeconfig_is_one_way),
		CASE(one_that_nobody_uses_is_closed),
		CASE(a_refused_one_says_why),
		CASE(what_is_left_of_it),
		CASE(passwords_and_no_end),
	};
	return RUN_TESTS(tests);
}
