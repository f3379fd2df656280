/* The pure part of the kubeconfig export: sums, labels, when credentials are renewed, and the Secrets for others. Sums and times
 * were seen with the Go operator. */
#include <stdio.h>

#include "agent/handlers/kubeconfig_export_int.h"
#include "agent/handlers/marks.h"
#include "agent/kube/client_config.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "crds/kinds.h"
#include "tests/unit/test.h"

static struct arena arena;

static void free_json(json_t **json)
{
	json_decref(*json);
}

static bool read_spec(const char *text, const char *cluster, struct export_spec *out, struct fail *fail)
{
	json_t *spec = json_loads(text, 0, NULL);
	assert_non_null(spec);
	json_t *target = json_object_get(spec, "targetSecretRef");
	if (json_is_object(target) && json_object_get(target, "key") == NULL)
		json_object_set_new(target, "key", json_string("kubeconfig"));
	const struct handler_object object = {
		.kind = &KIND_KUBECONFIG_EXPORT,
		.ns = SPAN("omni"),
		.name = SPAN("e"),
		.spec = spec,
		.cluster = {.exists = true, .object = SPAN("c"), .name = span_of(cluster)},
	};
	bool ok = export_spec_read(&arena, &object, out, fail);
	arena_defer(&arena, (void (*)(void *))(void (*)(void))json_decref, spec);
	return ok;
}

#define SPEC(user, groups, ttl, more)                                                                                          \
	"{\"targetSecretRef\":{\"name\":\"kc\"},\"serviceAccount\":{\"user\":\"" user "\",\"groups\":[" groups "]},\"ttl\":\"" ttl  \
	"\",\"deletionPolicy\":\"Delete\"" more "}"

static void the_sum_is_the_operators(void **state)
{
	(void)state;
	static const struct {
		const char *cluster, *spec, *hash;
	} rows[] = {
		{"edge", SPEC("edge-automation", "\"cluster-automation\"", "24h", ""),
		 "6d8bd761e9b16f220451ec64f1ce2fde9034f119ded76e7e4fe271ff70c9a9f3"},
		{"edge", SPEC("edge-automation", "\"cluster-automation\"", "90m", ",\"contextNamespace\":\"apps\""),
		 "9e0d89362a3802e8b3233b098e2d24d73c6d1ba0c3a2b08c614717075515ffc8"},
		{"harbor", SPEC("ci-bot", "\"ci\",\"readers\"", "24h", ""), "feb4806146092fea775bdc8fcd5ae947ac7e7c4e242a9f1c02bc4e9583b3c8b4"},
		{"harbor", SPEC("ci-bot", "\"ci\",\"readers\"", "12h", ""), "a5423cce02bca1498dbb4d8b07e94f5619354fd51f492edb6d96cf0bb8ab7fc1"},
		{"harbor", SPEC("ci-bot", "\"readers\",\"ci\"", "12h", ",\"renewBefore\":\"2h\""),
		 "92c5273235714cff2461d85d831fab7d4b35f01b66400c1bc51aee6cad2dfd0a"},
		{"harbor", SPEC("ci-bot", "\"ci\",\"readers\"", "12h0m0s", ",\"contextNamespace\":\"apps\""),
		 "bfc1d6e3dd35c69d33be04639596cbedd0a015c965fe32c4477c8d155db5d38e"},
		{"edge", SPEC("a<b>&\\u2028c\\\"\xc3\xa9", "\"cluster-automation\"", "24h", ""),
		 "f1c95ed36ef249fd169c9a707ce854ca0d52d7faa027c522877b4b3fd5940269"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct export_spec spec;
		struct fail fail = {0};
		if (!read_spec(rows[i].spec, rows[i].cluster, &spec, &fail))
			fail_msg("%s: %s", rows[i].spec, fail.text);
		assert_string_equal(spec.hash, rows[i].hash);
	}
}

static void another_key_is_another_sum(void **state)
{
	(void)state;
	struct export_spec spec;
	struct fail fail;
	assert_true(read_spec("{\"targetSecretRef\":{\"name\":\"kc\",\"key\":\"value\"},\"serviceAccount\":{\"user\":\"ci-bot\",\"groups\":"
			      "[\"ci\",\"readers\"]},\"ttl\":\"12h\",\"contextNamespace\":\"apps\",\"deletionPolicy\":\"Orphan\"}",
			      "harbor", &spec, &fail));
	assert_string_equal(spec.hash, "8bd4feff7505fdcff2d4654c0c8e7c96d209e13e3dcb26122987f33931f1a9c2");
	assert_true(spec.keeps);
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
#define OUTPUT(more) SPEC("u", "\"g\"", "1h", ",\"outputs\":{" more "}")
	static const struct {
		const char *spec, *fault;
	} rows[] = {
		{"{}", "targetSecretRef.name is required"},
		{SPEC("", "\"g\"", "1h", ""), "serviceAccount.user is required"},
		{SPEC("u", "", "1h", ""), "serviceAccount.groups requires at least one group"},
		{SPEC("u", "\"g\",\" \"", "1h", ""), "serviceAccount.groups must not contain blank values"},
		{SPEC("u", "\"g\",\" system:masters\"", "1h", ""), "system:masters requires serviceAccount.allowClusterAdmin: true"},
		{SPEC("u", "\"g\"", "0s", ""), "ttl must be greater than zero"},
		{SPEC("u", "\"g\"", "-1h", ""), "ttl must be greater than zero"},
		{SPEC("u", "\"g\"", "10ms", ""), "ttl must be at least 1s and at most 87600h, which is the longest that Omni gives"},
		{SPEC("u", "\"g\"", "87601h", ""), "ttl must be at least 1s and at most 87600h, which is the longest that Omni gives"},
		{SPEC("u", "\"g\"", "1h", ",\"renewBefore\":\"0s\""), "renewBefore must be greater than zero"},
		{SPEC("u", "\"g\"", "1h", ",\"renewBefore\":\"60m\""), "renewBefore must be less than ttl"},
		{SPEC("u", "\"g\"", "1h", ",\"deletionPolicy\":\"Keep\""), "deletionPolicy must be Delete or Orphan"},
		{OUTPUT("\"flux\":{\"secretName\":\"kc\"}"), "outputs.flux needs a Secret of its own, not that of targetSecretRef"},
		{OUTPUT("\"flux\":{\"secretName\":\"x\"},\"argoCD\":{\"secretName\":\"x\"}"), "outputs.flux and outputs.argoCD need a Secret each"},
		{OUTPUT("\"argoCD\":{}"), "outputs.argoCD.secretName is required"},
		{OUTPUT("\"argoCD\":{\"secretName\":\"x\",\"server\":\"http://x\"}"), "outputs.argoCD.server must begin with https://"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct export_spec spec;
		struct fail fail;
		if (read_spec(rows[i].spec, "c", &spec, &fail))
			fail_msg("%s is taken", rows[i].spec);
		assert_string_equal(fail.text, rows[i].fault);
	}
	struct export_spec spec;
	assert_true(read_spec("{\"targetSecretRef\":{\"name\":\"kc\"},\"serviceAccount\":{\"user\":\"u\",\"groups\":[\"system:masters\"],"
			      "\"allowClusterAdmin\":true},\"ttl\":\"1h\",\"deletionPolicy\":\"Delete\"}", "c", &spec, NULL));
}

static void labels_are_legal(void **state)
{
	(void)state;
	static const struct {
		const char *cluster, *label;
	} rows[] = {
		{"edge", "edge"},
		{"a.b_c-1", "a.b_c-1"},
		{"0123456789012345678901234567890123456789012345678901234567890ab", "0123456789012345678901234567890123456789012345678901234567890ab"},
		{"0123456789012345678901234567890123456789012345678901234567890abc",
		 "0123456789012345678901234567890123456789012345678901-cd2d00ec67"},
		{"_x", "x-a01e47cb4c"},
		{"x-", "x--c8b60efc60"},
		{"__", "9911f4d2b1"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span label = mark_cluster(&arena, span_of(rows[i].cluster));
		assert_in_range(label.len, 1, 63);
		assert_span(label, rows[i].label);
	}
}

/* --- when --------------------------------------------------------------------------------------------------------------------- */

#define NOW INT64_C(1795243000)
enum { HOUR = 3600, DAY = 24 * HOUR };

static struct export_spec usual_spec(void)
{
	struct export_spec spec;
	assert_true(read_spec(SPEC("u", "\"g\"", "24h", ",\"renewBefore\":\"4h\""), "c", &spec, NULL));
	return spec;
}

static void new_ones_are_made_for_a_reason(void **state)
{
	(void)state;
	const struct export_spec spec = usual_spec();
	const struct export_owner owner = {SPAN("uid"), SPAN("omni"), SPAN("e"), SPAN("c")};
	const struct export_state good = {.exists = true, .is_ours = true, .kubeconfig = SPAN("k"), .is_whole = true, .has_times = true,
					  .rotated_s = NOW - HOUR, .expires_s = NOW - HOUR + DAY, .spec_hash = span_of(spec.hash)};
	const struct export_facts here = {NOW, SPAN("https://omni"), SPAN("1"), SPAN("https://omni"), SPAN("1")};
#define ROW(set, why) {good, here, why, #set}
	struct {
		struct export_state state;
		struct export_facts facts;
		enum export_why why;
		const char *name;
	} rows[] = {
		ROW(nothing, EXPORT_FRESH), ROW(no secret, EXPORT_NO_SECRET), ROW(no key, EXPORT_NO_KEY), ROW(declared, EXPORT_DECLARED),
		ROW(damaged, EXPORT_DAMAGED), ROW(no times, EXPORT_NO_TIMES), ROW(rotated in the future, EXPORT_CLOCK),
		ROW(ends too late, EXPORT_CLOCK), ROW(clocks differ a bit, EXPORT_FRESH), ROW(endpoint, EXPORT_ENDPOINT),
		ROW(cluster, EXPORT_CLUSTER), ROW(made by the operator, EXPORT_FRESH), ROW(due, EXPORT_DUE), ROW(not yet due, EXPORT_FRESH),
		ROW(no last rotation, EXPORT_FRESH), ROW(ended, EXPORT_DUE),
	};
	rows[1].state.exists = false;
	rows[2].state.kubeconfig.len = 0;
	rows[3].state.spec_hash = SPAN("other");
	rows[4].state.is_whole = false;
	rows[5].state.has_times = false;
	rows[6].state.rotated_s = NOW + HOUR;
	rows[7].state.expires_s = NOW + 2 * DAY;
	rows[8].state.rotated_s = NOW + 30;
	rows[8].state.expires_s = NOW + 30 + DAY;
	rows[9].facts.endpoint = SPAN("https://other");
	rows[10].facts.cluster_uid = SPAN("2");
	rows[11].facts.made_cluster_uid = SPAN("");
	rows[12].facts.now_s = good.expires_s - 4 * HOUR;
	rows[13].facts.now_s = good.expires_s - 4 * HOUR - 601;
	rows[14].state.rotated_s = 0;
	rows[15].facts.now_s = good.expires_s + 1;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (export_decide(&spec, &rows[i].state, &owner, &rows[i].facts) != rows[i].why)
			fail_msg("%s: %s", rows[i].name,
				 export_why_text(export_decide(&spec, &rows[i].state, &owner, &rows[i].facts)));
}

static void a_fleet_does_not_come_back_at_once(void **state)
{
	(void)state;
	const struct export_spec spec = usual_spec();
	size_t slots[10] = {0};
	for (int i = 0; i < 1000; i++) {
		char uid[16];
		struct export_times times, again;
		snprintf(uid, sizeof uid, "uid-%d", i);
		const struct export_owner owner = {span_of(uid), SPAN("omni"), SPAN("e"), SPAN("c")};
		export_times(&spec, &owner, NOW, NOW + DAY, &times);
		export_times(&spec, &owner, NOW, NOW + DAY, &again);
		assert_int_equal(times.next_s, again.next_s);
		assert_in_range(NOW + 20 * HOUR - times.next_s, 0, 600);
		assert_int_equal(times.alarm_s, NOW + 22 * HOUR);
		slots[(NOW + 20 * HOUR - times.next_s) * 10 / 601]++;
	}
	for (size_t i = 0; i < COUNT_OF(slots); i++)
		assert_in_range(slots[i], 60, 140);
}

static void short_lives_are_renewed_in_time(void **state)
{
	(void)state;
	static const struct {
		const char *ttl, *more;
		int64_t life_s, early_s, late_s; /* after the last rotation */
	} rows[] = {
		{"24h", ",\"renewBefore\":\"4h\"", DAY, 20 * HOUR - 600, 20 * HOUR},
		{"2m", ",\"renewBefore\":\"1m\"", 120, 57, 60},
		{"1h", "", HOUR, 48 * 60 - 144, 48 * 60},			 /* not said: a fifth before the end */
		{"24h", ",\"renewBefore\":\"23h\"", DAY, HOUR - 180, HOUR},
		{"24h", ",\"renewBefore\":\"4h\"", HOUR, HOUR / 2 - 90, HOUR / 2}, /* Omni gave an hour */
	};
	const struct export_owner owner = {SPAN("uid"), SPAN("omni"), SPAN("e"), SPAN("c")};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[512];
		struct export_spec spec;
		struct export_times times;
		snprintf(text, sizeof text, "{\"targetSecretRef\":{\"name\":\"kc\"},\"serviceAccount\":{\"user\":\"u\",\"groups\":[\"g\"]},"
			 "\"ttl\":\"%s\",\"deletionPolicy\":\"Delete\"%s}", rows[i].ttl, rows[i].more);
		assert_true(read_spec(text, "c", &spec, NULL));
		export_times(&spec, &owner, NOW, NOW + rows[i].life_s, &times);
		if (times.next_s - NOW < rows[i].early_s || times.next_s - NOW > rows[i].late_s)
			fail_msg("row %zu: after %lld s", i, (long long)(times.next_s - NOW));
	}
}

static void no_token_comes_out_of_a_loop(void **state)
{
	(void)state;
	static const struct {
		enum export_why why;
		unsigned in_vain, at_most; /* in an hour of asking every second */
	} rows[] = {
		{EXPORT_NO_SECRET, 0, 65}, {EXPORT_DAMAGED, 0, 65}, {EXPORT_REFUSED, 0, 61}, {EXPORT_REFUSED, 3, 8}, {EXPORT_CLOCK, 0, 61},
		{EXPORT_ENDPOINT, 0, 61}, {EXPORT_UNUSABLE, 9, 2}, {EXPORT_DUE, 4, 4},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct export_pace pace = {.in_vain = rows[i].in_vain};
		unsigned asked = 0;
		for (int64_t now_ms = 1000; now_ms < HOUR * 1000; now_ms += 1000)
			if (export_pace_wait_ms(&pace, rows[i].why, now_ms) == 0) {
				export_pace_count(&pace, now_ms);
				asked++;
			}
		if (asked == 0 || asked > rows[i].at_most)
			fail_msg("row %zu: asked %u times", i, asked);
	}
	struct export_pace pace = {0};
	for (int64_t i = 0; i < 4; i++) { /* somebody deletes the Secret a few times */
		assert_int_equal(export_pace_wait_ms(&pace, EXPORT_NO_SECRET, 1000 + i), 0);
		export_pace_count(&pace, 1000 + i);
	}
}

/* --- for others ----------------------------------------------------------------------------------------------------------------- */

#define KUBECONFIG(ns, more)                                                                                                   \
	"apiVersion: v1\nclusters:\n- cluster:\n" more "    server: https://kube.example.org:8095\n  name: rig-c-u\ncontexts:\n"     \
	"- context:\n    cluster: rig-c-u\n    namespace: " ns "\n    user: rig-c-u\n  name: rig-c-u\ncurrent-context: rig-c-u\n"    \
	"kind: Config\nusers:\n- name: rig-c-u\n  user:\n    token: abc\n"

static struct span entry(const struct stored_secret *secret, const char *key)
{
	return stored_secret_value(secret, span_of(key));
}

static void argocd_has_one_address_for_each_cluster(void **state)
{
	(void)state;
	const struct export_owner owner = {SPAN("uid"), SPAN("omni"), SPAN("e"), SPAN("ed ge/1")};
	const struct export_content content = {span_of(KUBECONFIG("default", "")), NOW + DAY, NOW};
	CLEANUP(free_json) json_t *labels = json_loads("{\"env\":\"prod\",\"omni.texashpc.com/kubeconfig-export-uid\":\"forged\"}", 0, NULL);
	struct export_output output = {EXPORT_ARGOCD, {SPAN("argocd"), SPAN("edge"), SPAN("")}, SPAN("edge"), SPAN(""), SPAN("team"), labels};
	struct stored_secret secret;
	struct fail fail;
	assert_true(export_shape_output(&arena, &owner, &output, &content, NULL, &secret, &fail));
	assert_span(secret.ns, "argocd");
	assert_int_equal(secret.entry_count, 4);
	assert_span(entry(&secret, "server"), "https://kube.example.org:8095?cluster=ed%20ge%2F1");
	assert_span(entry(&secret, "name"), "edge");
	assert_span(entry(&secret, "project"), "team");
	assert_span(entry(&secret, "config"), "{\"bearerToken\":\"abc\",\"tlsClientConfig\":{\"insecure\":false}}");
	assert_string_equal(json_string_value(json_object_get(secret.labels, "argocd.argoproj.io/secret-type")), "cluster");
	assert_string_equal(json_string_value(json_object_get(secret.labels, "env")), "prod");
	assert_string_equal(json_string_value(json_object_get(secret.labels, EXPORT_LABEL_UID)), "uid");
	assert_true(export_is_ours(&owner, &secret));
	output.server = SPAN("https://edge.example.org");
	assert_true(export_shape_output(&arena, &owner, &output, &content, &secret, &secret, &fail));
	assert_span(entry(&secret, "server"), "https://edge.example.org");
}

static void flux_has_the_kubeconfig_itself(void **state)
{
	(void)state;
	const struct export_owner owner = {SPAN("uid"), SPAN("omni"), SPAN("e"), SPAN("edge")};
	const struct export_content content = {span_of(KUBECONFIG("default", "")), NOW + DAY, NOW};
	const struct export_output output = {.form = EXPORT_FLUX, .place = {SPAN("flux"), SPAN("edge"), SPAN("value")}};
	struct stored_secret secret, again;
	struct fail fail;
	assert_true(export_shape_output(&arena, &owner, &output, &content, NULL, &secret, &fail));
	assert_int_equal(secret.entry_count, 1);
	assert_span(entry(&secret, "value"), KUBECONFIG("default", ""));
	assert_true(export_shape_output(&arena, &owner, &output, &content, &secret, &again, &fail));
	assert_true(export_shape_holds(&secret, &again));
	json_object_del(secret.labels, EXPORT_LABEL_UID);
	assert_false(export_shape_holds(&secret, &again));
}

static void a_kubeconfig_without_a_token_is_not_for_argocd(void **state)
{
	(void)state;
	static const char text[] = "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'https://x'}}]\n"
				   "contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\n"
				   "users: [{name: a, user: {username: u, password: p}}]\n";
	const struct export_owner owner = {SPAN("uid"), SPAN("omni"), SPAN("e"), SPAN("edge")};
	const struct export_content content = {span_of(text), NOW + DAY, NOW};
	const struct export_output output = {.form = EXPORT_ARGOCD, .place = {SPAN("argocd"), SPAN("edge"), SPAN("")}};
	struct stored_secret secret;
	struct fail fail;
	assert_false(export_shape_output(&arena, &owner, &output, &content, NULL, &secret, &fail));
	assert_int_equal(fail.code, FAIL_INVALID);
}

static void the_context_gets_its_namespace(void **state)
{
	(void)state;
	struct span yaml;
	struct fail fail;
	assert_true(kubeconfig_in_namespace(&arena, span_of(KUBECONFIG("default", "")), SPAN("apps"), &yaml, &fail));
	struct kubeconfig before, after;
	assert_true(kubeconfig_read(&arena, span_of(KUBECONFIG("default", "")), &before, &fail));
	assert_true(kubeconfig_read(&arena, yaml, &after, &fail));
	assert_span(after.token, "abc");
	assert_span(after.server, "https://kube.example.org:8095");
	assert_true(span_eq(before.context, after.context) && span_contains(yaml, "    namespace: apps\n"));
	assert_false(span_contains(yaml, "default"));
	assert_false(kubeconfig_in_namespace(&arena, SPAN("kind: Config\n"), SPAN("apps"), &yaml, &fail));
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_sum_is_the_operators), T(another_key_is_another_sum), T(what_is_wrong_is_said), T(labels_are_legal),
		T(new_ones_are_made_for_a_reason), T(a_fleet_does_not_come_back_at_once), T(short_lives_are_renewed_in_time),
		T(no_token_comes_out_of_a_loop), T(argocd_has_one_address_for_each_cluster), T(flux_has_the_kubeconfig_itself),
		T(a_kubeconfig_without_a_token_is_not_for_argocd), T(the_context_gets_its_namespace),
	};
	return RUN_TESTS(tests);
}
