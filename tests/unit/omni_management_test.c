/* Management calls, byte for byte, and what is never sent. */
#include "tests/unit/test.h"

#include "agent/omni/management.h"

static struct arena arena;
static struct fail failure;

static void assert_bytes(struct span actual, const char *hex)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_add_hex(&text, actual.ptr, actual.len);
	assert_span(text_span(&text), hex);
	text_done(&text);
}

static void requests_are_these_bytes(void **state)
{
	struct span out, groups[] = {SPAN("a"), SPAN("b")};
	struct omni_kubeconfig_request token = {OMNI_KUBECONFIG_TOKEN, SPAN("demo"), SPAN("me"), groups, 2, 3600};
	(void)state;
	assert_true(management_encode_kubeconfig(&arena, &token, &out, &failure));
	assert_bytes(out, "0801" "120308901c" "1a026d65" "220161" "220162");
	token.group_count = 0;
	token.ttl_s = KUBECONFIG_TTL_MAX_S;
	assert_true(management_encode_kubeconfig(&arena, &token, &out, &failure));
	assert_bytes(out, "0801" "1206088086b09601" "1a026d65");
	struct omni_kubeconfig_request other = {.form = OMNI_KUBECONFIG_OIDC, .cluster = SPAN("demo"), .user = SPAN("left out")};
	assert_true(management_encode_kubeconfig(&arena, &other, &out, &failure));
	assert_bytes(out, "");
	other.form = OMNI_KUBECONFIG_BREAK_GLASS;
	assert_true(management_encode_kubeconfig(&arena, &other, &out, &failure));
	assert_bytes(out, "3001");
	struct omni_talosconfig_request talos = {.break_glass = false};
	assert_true(management_encode_talosconfig(&arena, &talos, &out, &failure));
	assert_bytes(out, "");
	talos = (struct omni_talosconfig_request){SPAN("demo"), true};
	assert_true(management_encode_talosconfig(&arena, &talos, &out, &failure));
	assert_bytes(out, "1001");
}

static void odd_clusters_are_not_sent(void **state)
{
	static const char *const odd[] = {"", " ", "a b", "a\n", "a\r\nx: y", "\x7f", "\xc3\xbc", "\xff", "a\tb"};
	struct omni_kubeconfig_request request = {.form = OMNI_KUBECONFIG_OIDC};
	struct span out, one = SPAN("x");
	char longest[254];
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct omni_talosconfig_request talos = {.cluster = span_of(odd[i])};
		request.cluster = span_of(odd[i]);
		assert_false(management_encode_kubeconfig(&arena, &request, &out, &failure));
		assert_int_equal(failure.code, FAIL_INVALID);
		assert_int_equal(management_encode_talosconfig(&arena, &talos, &out, &failure), i == 0);
	}
	memset(longest, 'a', sizeof longest);
	request.cluster = (struct span){longest, 253};
	assert_true(management_encode_kubeconfig(&arena, &request, &out, &failure));
	request.cluster.len++;
	assert_false(management_encode_kubeconfig(&arena, &request, &out, &failure));
	request.cluster = (struct span){"a\0b", 3};
	assert_false(management_encode_kubeconfig(&arena, &request, &out, &failure));
	request.cluster = one;
	assert_true(management_encode_kubeconfig(&arena, &request, &out, &failure));
}

static void odd_tokens_are_not_asked_for(void **state)
{
	static const char *const odd[] = {"", " a", "a ", "a\nb", "\xff", "a\x1b[0m"};
	struct span out, groups[65];
	struct omni_kubeconfig_request good = {OMNI_KUBECONFIG_TOKEN, SPAN("demo"), SPAN("\xc3\xbc"), groups, 1, 60}, bad;
	(void)state;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		groups[i] = SPAN("g");
	assert_true(management_encode_kubeconfig(&arena, &good, &out, &failure));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		bad = good;
		bad.user = span_of(odd[i]);
		assert_false(management_encode_kubeconfig(&arena, &bad, &out, &failure));
		groups[0] = span_of(odd[i]);
		assert_false(management_encode_kubeconfig(&arena, &good, &out, &failure));
		groups[0] = SPAN("g");
	}
	for (int64_t i = 0; i < 4; i++) {
		bad = good;
		bad.ttl_s = i == 0 ? 0 : i == 1 ? -1 : i == 2 ? KUBECONFIG_TTL_MAX_S + 1 : INT64_MAX;
		assert_false(management_encode_kubeconfig(&arena, &bad, &out, &failure));
		assert_true(span_contains(span_of(failure.text), "at most 87600h"));
	}
	bad = good;
	bad.group_count = 65;
	assert_false(management_encode_kubeconfig(&arena, &bad, &out, &failure));
}

static void answers_are_read(void **state)
{
	struct span yaml;
	(void)state;
	assert_true(management_decode_yaml(&arena, SPAN("\x0a\x03" "a: "), &yaml, &failure));
	assert_span(yaml, "a: ");
	assert_true(management_decode_yaml(&arena, SPAN("\x0a\x01" "a\x10\x01"), &yaml, &failure)); /* fields of later servers */
	assert_false(management_decode_yaml(&arena, SPAN(""), &yaml, &failure));
	assert_false(management_decode_yaml(&arena, SPAN("\x0a\x05" "HUSH"), &yaml, &failure));
	assert_false(span_contains(span_of(failure.text), "HUSH"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_these_bytes), cmocka_unit_test(odd_clusters_are_not_sent),
		cmocka_unit_test(odd_tokens_are_not_asked_for), cmocka_unit_test(answers_are_read),
	};
	arena_init(&arena, ARENA_NO_LIMIT);
	int result = RUN_TESTS(tests);
	arena_done(&arena);
	return result;
}
