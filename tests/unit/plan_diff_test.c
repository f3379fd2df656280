/* What changed, place by place, and nothing secret in it. */
#include "tests/unit/test.h"

#include "agent/plan/redact.h"
#include "tests/unit/plan_bench.h"

/* "path: old -> new" lines of a change from one patch text to another. */
static void check(const char *before, const char *after, const char *expected)
{
	struct pair_bench b;
	struct text out;
	pair_begin(&b);
	make_patch(&b.old, 200, "a", before);
	make_patch(&b.new, 200, "a", after);
	pair_plan(&b);
	text_init(&out, TEXT_NO_LIMIT);
	assert_int_equal(b.plan.count, 1);
	for (size_t i = 0; i < b.plan.ops[0].diff_count; i++) {
		const struct plan_diff *diff = &b.plan.ops[0].diffs[i];
		text_addf(&out, "%.*s: %.*s -> %.*s\n", SPAN_ARG(diff->path), diff->had_old ? (int)diff->old_text.len : 1,
			  diff->had_old ? diff->old_text.ptr : "-", diff->has_new ? (int)diff->new_text.len : 1,
			  diff->has_new ? diff->new_text.ptr : "-");
	}
	assert_string_equal(out.ptr, expected);
	text_done(&out);
	pair_end(&b);
}

static void paths_lead_into_the_content(void **state)
{
	(void)state;
	check("machine:\n  sysctls:\n    net.core.somaxconn: \"1\"\n  network: {hostname: a}\n",
	      "machine:\n  sysctls:\n    net.core.somaxconn: \"2\"\n  kubelet: {extraArgs: {v: 4}}\n",
	      "data: machine.sysctls[\"net.core.somaxconn\"]: 1 -> 2\n"
	      "data: machine.network.hostname: a -> -\n"
	      "data: machine.kubelet.extraArgs.v: - -> 4\n");
}

static void lists_are_compared_from_both_ends(void **state)
{
	(void)state;
	check("a: [1, 2, 3]\n", "a: [1, 9, 2, 3]\n", "data: a[1]: - -> 9\n");
	check("a: [1, 2, 3]\n", "a: [1, 3]\n", "data: a[1]: 2 -> -\n");
	check("a: [{x: 1}]\n", "a: [{x: 2}]\n", "data: a[0].x: 1 -> 2\n");
}

static void a_value_may_become_a_branch(void **state)
{
	(void)state;
	check("a: 1\n", "a: {b: 2, c: {}}\n", "data: a: 1 -> -\ndata: a.b: - -> 2\ndata: a.c: - -> {}\n");
}

static void documents_are_paired_by_kind_and_name(void **state)
{
	(void)state;
	check("machine: {a: 1}\n---\nkind: LinkConfig\nname: eth0\nmtu: 1400\n",
	      "kind: LinkConfig\nname: eth0\nmtu: 1500\n---\nmachine: {a: 1}\n---\nkind: New\nx: 1\n",
	      "data (LinkConfig eth0): mtu: 1400 -> 1500\ndata (New): kind: - -> New\ndata (New): x: - -> 1\n");
}

static void comments_are_mentioned_but_not_shown(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_patch(&b.old, 200, "a", "a: 1\n");
	make_patch(&b.new, 200, "a", "a: 1 # the password is hunter2\n");
	pair_plan(&b);
	assert_int_equal(b.plan.ops[0].diff_count, 1);
	assert_span(b.plan.ops[0].diffs[0].path, "data: comments or layout");
	assert_true(span_starts(b.plan.ops[0].diffs[0].new_text, "(text "));
	pair_end(&b);
}

static void text_that_is_no_yaml_is_compared_by_lines(void **state)
{
	(void)state;
	check("{{ a }}: [\none\ntwo\nthree\n", "{{ a }}: [\none\n2\nthree\nfour\n",
	      "data: line 3: two -> 2\ndata: line 5: - -> four\n");
}

/* None of the words of either side may show up anywhere. */
static void check_hidden(const char *before, const char *after, const char *const *secrets)
{
	struct pair_bench b;
	pair_begin(&b);
	make_patch(&b.old, 200, "a", before);
	make_patch(&b.new, 200, "a", after);
	pair_plan(&b);
	assert_true(b.plan.ops[0].diff_count > 0);
	for (size_t i = 0; i < b.plan.ops[0].diff_count; i++) {
		const struct plan_diff *diff = &b.plan.ops[0].diffs[i];
		for (const char *const *secret = secrets; *secret != NULL; secret++)
			if (span_contains(diff->path, *secret) || (diff->had_old && span_contains(diff->old_text, *secret)) ||
			    (diff->has_new && span_contains(diff->new_text, *secret)))
				fail_msg("%.*s shows %s", SPAN_ARG(diff->path), *secret);
	}
	pair_end(&b);
}

#define HIDDEN(before, after, ...) check_hidden(before, after, (const char *const[]){__VA_ARGS__, NULL})

static void secrets_do_not_show(void **state)
{
	(void)state;
	HIDDEN("machine: {token: hunter1}", "machine: {token: hunter2}", "hunter");
	HIDDEN("machine: {ca: {crt: hunter1, other: [hunter3]}}", "machine: {ca: {crt: hunter2, other: [hunter4]}}", "hunter");
	HIDDEN("cluster: {aescbcEncryptionSecret: hunter1}", "cluster: {aescbcEncryptionSecret: hunter2}", "hunter");
	HIDDEN("machine: {acceptedCAs: [hunter1]}", "machine: {acceptedCAs: [hunter2]}", "hunter");
	HIDDEN("machine: {registries: {config: {r: {auth: {username: hunter1}}}}}", "machine: {}", "hunter");
	HIDDEN("environment: [TS_AUTHKEY=hunter1]", "environment: [TS_AUTHKEY=hunter2]", "hunter");
	HIDDEN("env: [{name: DB_PASSWORD, value: hunter1}]", "env: [{name: DB_PASSWORD, value: hunter2}]", "hunter");
	HIDDEN("url: https://u:hunter1@h/", "url: https://u:hunter2@h/", "hunter");
	HIDDEN("args: [siderolink.api=grpc://h?jointoken=hunter1]", "args: []", "hunter");
	HIDDEN("x: dGhpcyBpcyBhIFNlY3JldCAxMjM0", "x: dGhpcyBpcyBhIFNlY3JldCAxMjM1", "dGhpcyBp");
	HIDDEN("kind: Secret\ndata: {a: hunter1}\nstringData: {b: hunter2}", "kind: Secret\ndata: {a: hunter3}", "hunter");
	HIDDEN("files: [{content: \"-----BEGIN X-----\\nhunter1\"}]", "files: [{content: \"x\\nhunter2\"}]", "hunter");
	HIDDEN("{{ [\npassword: hunter1\n-----BEGIN KEY-----\nhunter2\n-----END KEY-----\n",
	       "{{ [\npassword: hunter3\n-----BEGIN KEY-----\nhunter4\n-----END KEY-----\n", "hunter");
	HIDDEN("{ghp_hunter1: 1}", "{ghp_hunter2: 1}", "hunter");
}

static void hidden_values_can_still_be_told_apart(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span a = redact_hash(&arena, SPAN("k"), SPAN("one"), "secret");
	struct span b = redact_hash(&arena, SPAN("k"), SPAN("one"), "secret");
	struct span c = redact_hash(&arena, SPAN("k"), SPAN("two"), "secret");
	struct span d = redact_hash(&arena, SPAN("other"), SPAN("one"), "secret");
	struct span e = redact_hash(&arena, SPAN(""), SPAN("one"), "secret");
	assert_true(span_eq(a, b));
	assert_false(span_eq(a, c));
	assert_false(span_eq(a, d));
	assert_true(span_eq(e, redact_hash(&arena, SPAN(""), SPAN("one"), "secret")));
	assert_int_equal(a.len, strlen("(secret 3f2a9c01)"));
	arena_done(&arena);
}

static void ordinary_values_do_show(void **state)
{
	(void)state;
	static const char *const plain[] = {"ghcr.io/siderolabs/installer:v1.13.5", "/dev/disk/by-id/nvme-1",
					    "00000000-0000-4000-8000-000000000001", "10.0.0.0/8", "console=ttyS0,115200n8",
					    "https://host:6443/path"};
	static const char *const keys[] = {"hostname", "kernel", "cache", "monkey", "scale", "image", "capacity", "author"};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (redact_is_secret_value(span_of(plain[i])))
			fail_msg("%s is hidden", plain[i]);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (redact_is_secret_key(span_of(keys[i])))
			fail_msg("%s is hidden", keys[i]);
}

static void labels_and_fields_have_paths_too(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	b.new = make_cluster(&b.arena, "demo", "1.13.8", "1.35.0");
	make_label(&b.arena, b.new.cluster->resources.items[0], "env", SPAN("prod"));
	pair_plan(&b);
	assert_int_equal(b.plan.ops[0].diff_count, 2);
	assert_span(b.plan.ops[0].diffs[0].path, "metadata.labels.env");
	assert_false(b.plan.ops[0].diffs[0].had_old);
	assert_span(b.plan.ops[0].diffs[1].path, "spec.talosversion");
	assert_span(b.plan.ops[0].diffs[1].old_text, "1.13.5");
	pair_end(&b);
}

static void a_huge_change_is_cut(void **state)
{
	(void)state;
	struct pair_bench b;
	struct text before, after;
	pair_begin(&b);
	text_init(&before, TEXT_NO_LIMIT);
	text_init(&after, TEXT_NO_LIMIT);
	for (int i = 0; i < 3000; i++) {
		text_addf(&before, "{{ %d\n", i);
		text_addf(&after, "{{ %d\n", i + 10000);
	}
	make_patch(&b.old, 200, "a", before.ptr);
	make_patch(&b.new, 200, "a", after.ptr);
	make_patch(&b.old, 201, "b", "a: {}\n");
	text_reset(&after);
	for (int i = 0; i < 1000; i++)
		text_addf(&after, "k%d: 1\n", i);
	make_patch(&b.new, 201, "b", after.ptr);
	pair_plan(&b);
	assert_int_equal(b.plan.ops[0].diff_count, 1);
	assert_int_equal(b.plan.ops[1].diff_count, 201);
	assert_span(b.plan.ops[1].diffs[200].path, "(more changes are not listed)");
	text_done(&before);
	text_done(&after);
	pair_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_into_the_content),
		cmocka_unit_test(lists_are_compared_from_both_ends),
		cmocka_unit_test(a_value_may_become_a_branch),
		cmocka_unit_test(documents_are_paired_by_kind_and_name),
		cmocka_unit_test(comments_are_mentioned_but_not_shown),
		cmocka_unit_test(text_that_is_no_yaml_is_compared_by_lines),
		cmocka_unit_test(secrets_do_not_show),
		cmocka_unit_test(hidden_values_can_still_be_told_apart),
		cmocka_unit_test(ordinary_values_do_show),
		cmocka_unit_test(labels_and_fields_have_paths_too),
		cmocka_unit_test(a_huge_change_is_cut),
	};
	return RUN_TESTS(tests);
}
