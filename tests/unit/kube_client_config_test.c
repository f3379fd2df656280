/* One client configuration joined into another: what changes, what stays to the last byte, what is refused. */
#include "tests/unit/test.h"

#include "agent/kube/client_config.h"
#include "render/load.h"

#define ADDED                                                                                                          \
	"apiVersion: v1\nclusters:\n- cluster:\n    server: https://omni:8095\n  name: rig-demo\ncontexts:\n- context:\n"   \
	"    cluster: rig-demo\n    namespace: default\n    user: rig-me\n  name: rig-me\ncurrent-context: rig-me\n"        \
	"kind: Config\nusers:\n- name: rig-me\n  user:\n    token: NEW\n"

#define HOME_FILE                                                                                                      \
	"# mine\napiVersion: v1\nkind: Config\nclusters:\n  # at home\n  - name: home   # small\n    cluster: {server: "     \
	"\"https://10.0.0.1:6443\"}\n\n# away\ncontexts:\n  - {name: home, context: {cluster: home, user: home}}\n"         \
	"current-context: 'home' # most days\nusers:\n  - name: home\n    user:\n      client-key-data: |-\n"               \
	"        AAAA\n        BBBB\n# the end\n"

struct world {
	struct arena arena;
	struct client_joined joined;
	struct fail fail;
};

static bool join_as(struct world *world, struct client_join how, const char *held, const char *added)
{
	world->joined = (struct client_joined){0};
	world->fail = (struct fail){0};
	return client_join(&world->arena, &how, span_of(held), span_of(added), &world->joined, &world->fail);
}

static bool join(struct world *world, const char *held, const char *added)
{
	return join_as(world, (struct client_join){0}, held, added);
}

static int set_up(void **state)
{
	static struct world world;
	arena_init(&world.arena, ARENA_NO_LIMIT);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	arena_done(&((struct world *)*state)->arena);
	return 0;
}

static void nothing_held_is_the_answer_itself(void **state)
{
	struct world *world = *state;
	assert_true(join(world, "", ADDED));
	assert_span(world->joined.text, ADDED);
	assert_span(world->joined.context, "rig-me");
	assert_true(join(world, "# only a word", ADDED));
	assert_span(world->joined.text, "# only a word\n" ADDED);
	assert_true(world->joined.is_changed);
	assert_false(world->joined.is_rewritten);
	static const char *const nothing[] = {"~", "null\n", "{}", "---\n{}\n"};
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		assert_true(join(world, nothing[i], ADDED));
		assert_span(world->joined.text, ADDED);
	}
}

/* The list of contexts is in flow style inside of block items: it can be appended to only by writing it anew. */
static void every_other_byte_stays(void **state)
{
	struct world *world = *state;
	static const char held[] =
		"# mine\napiVersion: v1\nkind: Config\nclusters:\n  # at home\n  - name: home   # small\n    cluster: {server: "
		"\"https://10.0.0.1:6443\"}\n\n# away\ncontexts:\n- name: home # it\n  context: {cluster: home, user: home}\n"
		"current-context: 'home' # most days\nusers:\n  - name: home\n    user:\n      client-key-data: |-\n"
		"        AAAA\n        BBBB\n# the end\n";
	static const char wanted[] =
		"# mine\napiVersion: v1\nkind: Config\nclusters:\n  # at home\n  - name: home   # small\n    cluster: {server: "
		"\"https://10.0.0.1:6443\"}\n  - cluster:\n      server: https://omni:8095\n    name: rig-demo\n\n# away\n"
		"contexts:\n- name: home # it\n  context: {cluster: home, user: home}\n- context:\n    cluster: rig-demo\n"
		"    namespace: default\n    user: rig-me\n  name: rig-me\n"
		"current-context: rig-me # most days\nusers:\n  - name: home\n    user:\n      client-key-data: |-\n"
		"        AAAA\n        BBBB\n  - name: rig-me\n    user:\n      token: NEW\n# the end\n";
	assert_true(join(world, held, ADDED));
	assert_span(world->joined.text, wanted);
	assert_false(world->joined.is_rewritten);
	assert_true(join(world, wanted, ADDED));
	assert_span(world->joined.text, wanted);
	assert_false(world->joined.is_changed);
}

static void what_cannot_be_edited_is_written_anew(void **state)
{
	struct world *world = *state;
	static const char *const odd[] = {
		HOME_FILE,
		"{\"kind\": \"Config\", \"clusters\": [{\"name\": \"home\", \"cluster\": {\"server\": \"https://h\"}}]}",
		"kind: Config\nclusters: [{name: home, cluster: &c {server: https://h}}, {name: too, cluster: *c}]\n",
		"kind: Config\nclusters:\n-\n  name: home\n  cluster: {server: https://h}\n",
	};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct kubeconfig found;
		assert_true(join(world, odd[i], ADDED));
		assert_true(world->joined.is_rewritten);
		assert_true(kubeconfig_read(&world->arena, world->joined.text, &found, &world->fail));
		assert_span(found.server, "https://omni:8095");
		assert_true(span_contains(world->joined.text, "home"));
		assert_int_equal(world->joined.text.ptr[0] == '{', odd[i][0] == '{');
	}
}

static void a_renewed_token_is_all_that_changes(void **state)
{
	struct world *world = *state;
	static const char held[] =
		"kind: Config\nclusters:\n- name: rig-demo\n  cluster:\n    # our own\n    certificate-authority: /etc/ca.pem\n"
		"    server: https://omni:8095\ncontexts:\n- name: rig-me\n  context: {cluster: rig-demo, user: rig-me, namespace: "
		"shop}\n- name: other\n  context: {cluster: rig-demo, user: rig-me}\nusers:\n- name: rig-me # me\n  user:\n"
		"    token: OLD\ncurrent-context: \"rig-me\"\n";
	static const char wanted[] =
		"kind: Config\nclusters:\n- name: rig-demo\n  cluster:\n    # our own\n    certificate-authority: /etc/ca.pem\n"
		"    server: https://omni:8095\ncontexts:\n- name: rig-me\n  context: {cluster: rig-demo, user: rig-me, namespace: "
		"shop}\n- name: other\n  context: {cluster: rig-demo, user: rig-me}\nusers:\n- name: rig-me\n  user:\n"
		"    token: NEW\ncurrent-context: \"rig-me\"\n";
	assert_true(join(world, held, ADDED));
	assert_span(world->joined.text, wanted);
}

static void the_current_context_can_stay(void **state)
{
	struct world *world = *state;
	assert_true(join_as(world, (struct client_join){.keeps_context = true}, HOME_FILE, ADDED));
	assert_true(span_contains(world->joined.text, "current-context: home"));
	assert_true(join_as(world, (struct client_join){.keeps_context = true}, "kind: Config\n", ADDED));
	assert_false(span_contains(world->joined.text, "current-context"));
}

static void lists_begin_where_they_are_empty(void **state)
{
	struct world *world = *state;
	static const char *const held[] = {
		"apiVersion: v1\nkind: Config\n",
		"clusters: null\ncontexts: []\ncurrent-context: \"\"\nkind: Config\nusers:\n",
		"kind: Config\nclusters: ~\ncurrent-context:\nusers: null",
	};
	for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
		struct kubeconfig found;
		assert_true(join(world, held[i], ADDED));
		assert_false(world->joined.is_rewritten);
		assert_true(kubeconfig_read(&world->arena, world->joined.text, &found, &world->fail));
		assert_span(found.token, "NEW");
		assert_span(found.context, "rig-me");
	}
}

static void what_leads_elsewhere_is_refused(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *held, *words;
	} rows[] = {
		{"clusters:\n- name: rig-demo\n  cluster: {server: https://else}\n", "the cluster \"rig-demo\" is there already and leads to "
		 "https://else, not to https://omni:8095: --force replaces it"},
		{"contexts:\n- name: rig-me\n  context: {cluster: other, user: rig-me}\n", "the context \"rig-me\""},
		{"contexts:\n- name: rig-me\n  context: {cluster: rig-demo, user: other}\n", "leads to other, not to rig-me"},
		{"clusters:\n- name: a\n  cluster: {server: https://a}\ncontexts:\n- name: x\n  context: {cluster: a, user: rig-me}\n"
		 "users:\n- name: rig-me\n  user: {token: A}\n", "the user \"rig-me\" is there already and leads to https://a"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kubeconfig found;
		assert_false(join(world, rows[i].held, ADDED));
		assert_int_equal(world->fail.code, FAIL_CONFLICT);
		assert_true(span_contains(span_of(world->fail.text), rows[i].words));
		assert_true(join_as(world, (struct client_join){.forces = true}, rows[i].held, ADDED));
		struct span whole = arena_spanf(&world->arena, "kind: Config\n%.*s", SPAN_ARG(world->joined.text));
		assert_true(kubeconfig_read(&world->arena, whole, &found, &world->fail));
		assert_span(found.server, "https://omni:8095");
		assert_span(found.token, "NEW");
	}
}

/* Cluster "a" with the user "b-c", and cluster "a-b" with the user "c": one name, one server. */
static void a_token_for_another_cluster_is_refused(void **state)
{
	struct world *world = *state;
	static const char form[] = "kind: Config\nclusters:\n- name: rig-a-b-c\n  cluster: {server: https://omni}\ncontexts:\n- name: rig-a-b-c\n"
				   "  context: {cluster: rig-a-b-c, user: rig-a-b-c}\ncurrent-context: rig-a-b-c\nusers:\n"
				   "- name: rig-a-b-c\n  user: {token: %s}\n";
	const char *one = arena_spanf(&world->arena, form, "e30.eyJjbHVzdGVyIjogImEifQ.sig").ptr;
	const char *other = arena_spanf(&world->arena, form, "e30.eyJjbHVzdGVyIjogImEtYiJ9.sig").ptr;
	assert_true(join(world, one, one));
	assert_false(join(world, one, other));
	assert_int_equal(world->fail.code, FAIL_CONFLICT);
	assert_true(span_contains(span_of(world->fail.text), "the user \"rig-a-b-c\" is there already and leads to a, not to a-b"));
	assert_true(join_as(world, (struct client_join){.forces = true}, one, other));
}

static void what_is_no_kubeconfig_is_refused(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = {
		"[]", "just words", "kind: Secret\n", "clusters: {}\n", "users: words\n", "users:\n- user: {token: HUSH}\n", "a: 1\n---\nb: 2\n",
		"a: [", "a: 1\na: 2\n", "users:\n- name: x\n\tuser: {token: HUSH}\n", "token: \"HUSH\n", "\xff\xfe",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(join(world, bad[i], ADDED));
		assert_int_equal(world->fail.code, FAIL_INVALID);
		assert_true(span_contains(span_of(world->fail.text), "this is no kubeconfig"));
		assert_false(span_contains(span_of(world->fail.text), "HUSH"));
		assert_false(join(world, ADDED, bad[i]));
		assert_true(span_contains(span_of(world->fail.text), "the server's answer: this is no kubeconfig"));
	}
}

/* --- talosconfig ------------------------------------------------------------------------------------------------------- */

#define TALOS                                                                                                          \
	"context: rig-demo\ncontexts:\n    rig-demo:\n        endpoints:\n            - https://omni:8099\n        auth:\n"   \
	"            siderov1:\n                identity: ci\n        cluster: demo\n"

static void contexts_of_talosctl_are_joined(void **state)
{
	struct world *world = *state;
	struct client_join how = {.kind = CLIENT_TALOSCONFIG};
	static const char held[] = "context: home # here\ncontexts:\n  home: # by hand\n    endpoints: [10.0.0.2]\n    ca: QQ==\n# end\n";
	static const char wanted[] =
		"context: rig-demo # here\ncontexts:\n  home: # by hand\n    endpoints: [10.0.0.2]\n    ca: QQ==\n  rig-demo:\n"
		"    endpoints:\n      - https://omni:8099\n    auth:\n      siderov1:\n        identity: ci\n    cluster: demo\n# end\n";
	assert_true(join_as(world, how, held, TALOS));
	assert_span(world->joined.text, wanted);
	assert_true(join_as(world, how, wanted, TALOS));
	assert_false(world->joined.is_changed);
	assert_true(join_as(world, how, "", TALOS));
	assert_span(world->joined.text, TALOS);
	how.keeps_context = true;
	assert_true(join_as(world, how, held, TALOS));
	assert_true(span_starts(world->joined.text, "context: home # here\n"));
}

static void contexts_of_talosctl_that_lead_elsewhere(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *held, *words;
	} rows[] = {
		{"contexts:\n  rig-demo: {endpoints: [1.2.3.4]}\n", "leads to 1.2.3.4, not to https://omni:8099"},
		{"contexts:\n  rig-demo: {endpoints: ['https://omni:8099'], cluster: other}\n", "leads to other, not to demo"},
		{"contexts:\n  rig-demo:\n    endpoints: ['https://omni:8099']\n    cluster: demo\n    auth: {siderov1: {identity: me}}\n",
		 "leads to me, not to ci"},
		{"contexts:\n  rig-demo:\n    endpoints: ['https://omni:8099']\n    cluster: demo\n    auth: {siderov1: {identity: ci}}\n"
		 "    crt: QQ==\n", "leads to a certificate of its own, not to an identity"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(join_as(world, (struct client_join){.kind = CLIENT_TALOSCONFIG}, rows[i].held, TALOS));
		assert_int_equal(world->fail.code, FAIL_CONFLICT);
		assert_true(span_contains(span_of(world->fail.text), rows[i].words));
		assert_true(join_as(world, (struct client_join){.kind = CLIENT_TALOSCONFIG, .forces = true}, rows[i].held, TALOS));
		assert_true(span_contains(world->joined.text, "identity: ci"));
		assert_false(span_contains(world->joined.text, "crt"));
	}
	assert_false(join_as(world, (struct client_join){.kind = CLIENT_TALOSCONFIG}, "contexts: []\n", TALOS));
}

/* --- what one says ------------------------------------------------------------------------------------------------------ */

static struct kubeconfig with_token(struct world *world, const char *token)
{
	struct kubeconfig found = {0};
	struct span yaml = arena_spanf(&world->arena,
				       "kind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
				       "clusters: [{name: c, cluster: {server: https://s}}]\nusers: [{name: u, user: {token: \"%s\"}}]\n",
				       token);
	assert_true(kubeconfig_read(&world->arena, yaml, &found, &world->fail));
	return found;
}

static void a_token_says_when_it_ends(void **state)
{
	struct world *world = *state;
	/* {"exp":1795244613,"sub":"Ünö?>"} and without padding */
	assert_int_equal(with_token(world, "e30.eyJleHAiOjE3OTUyNDQ2MTMsInN1YiI6IsOcbsO2Pz4ifQ.sig").expires_s, 1795244613);
	assert_int_equal(with_token(world, "e30.eyJleHAiOjE3OTUyNDQ2MTN9.sig").expires_s, 1795244613);
	assert_int_equal(with_token(world, "e30.e30.sig").expires_s, 0);
	static const char *const odd[] = {"", "abc", "a.b", "a..c", ".", "a.!!!.c", "a.eyJleHAi.c", "a.eyJleHAiOi0xfQ.c"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_equal(with_token(world, odd[i]).expires_s, 0);
}

static void what_leads_nowhere_is_no_answer(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = {
		"", "kind: Config\n", "kind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n",
		"kind: Config\ncurrent-context: x\ncontexts: {}\n", "kind: Config\ncurrent-context: x\ncontexts: [x, [], {name: x}]\n",
		"apiVersion: v1\n", "a: [",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct kubeconfig found;
		assert_false(kubeconfig_read(&world->arena, span_of(bad[i]), &found, &world->fail));
		assert_int_equal(world->fail.code, FAIL_PROTOCOL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(nothing_held_is_the_answer_itself), TEST(every_other_byte_stays), TEST(what_cannot_be_edited_is_written_anew),
		TEST(a_renewed_token_is_all_that_changes), TEST(the_current_context_can_stay), TEST(lists_begin_where_they_are_empty),
		TEST(what_leads_elsewhere_is_refused),
		TEST(a_token_for_another_cluster_is_refused), TEST(what_is_no_kubeconfig_is_refused), TEST(contexts_of_talosctl_are_joined),
		TEST(contexts_of_talosctl_that_lead_elsewhere), TEST(a_token_says_when_it_ends), TEST(what_leads_nowhere_is_no_answer),
	};
	return RUN_TESTS(tests);
}
