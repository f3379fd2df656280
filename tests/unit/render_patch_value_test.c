/* Texts as Talos's decoder reads them. The rows were asked of the decoder itself. */
#include "test.h"

#include "base/cleanup.h"
#include "render/patch_int.h"

struct row {
	const char *text;
	bool is_good;
};

static void check_rows(bool (*is_good)(struct span text), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_good(span_of(rows[i].text)) != rows[i].is_good)
			fail_msg("«%s» must be %s", rows[i].text, rows[i].is_good ? "good" : "bad");
}
#define CHECK(fn, ...)                                                                                                 \
	do {                                                                                                           \
		static const struct row rows[] = {__VA_ARGS__};                                                        \
		check_rows(fn, rows, COUNT_OF(rows));                                                                  \
	} while (0)

static void durations(void **state)
{
	(void)state;
	CHECK(patch_is_duration, {"30s", true}, {"1h30m", true}, {"1.5h", true}, {".5s", true}, {"5.s", true}, {"-3ms", true},
	      {"+5s", true}, {"0", true}, {"1us2ns", true}, {"1µs", true}, {"", false}, {"30", false}, {"s", false}, {".s", false},
	      {"1d", false}, {"1h 30m", false}, {"1mss", false}, {"-", false}, {"2562047h47m", true}, {"9999999h", false},
	      {"1..5s", false});
}

static void addresses(void **state)
{
	(void)state;
	CHECK(patch_is_address, {"10.0.0.1", true}, {"::1", true}, {"fe80::1%eth0", true}, {"::ffff:10.0.0.1", true},
	      {"10.0.0.01", false}, {"10.0.0.256", false}, {"10.0.0", false}, {"10.0.0.1%a", false}, {"fe80::1%", false},
	      {"a", false}, {"10.0.0.1 ", false});
	CHECK(patch_is_prefix, {"10.0.0.0/8", true}, {"10.1.2.3/8", true}, {"0.0.0.0/0", true}, {"2001:db8::/32", true},
	      {"::/128", true}, {"10.0.0.0/33", false}, {"10.0.0.0/08", false}, {"10.0.0.0/+8", false}, {"10.0.0.0/", false},
	      {"10.0.0.0", false}, {"fe80::1%a/64", false}, {"::/129", false}, {"a/8", false});
	CHECK(patch_is_address_port, {"10.0.0.1:80", true}, {"[::1]:80", true}, {"[fe80::1%e]:1", true}, {"10.0.0.1:0", true},
	      {"10.0.0.1:65536", false}, {"::1:80", false}, {"[10.0.0.1]:80", false}, {"10.0.0.1", false}, {"10.0.0.1:", false},
	      {":80", false}, {"host:80", false});
	CHECK(patch_is_port_range, {"80-90", true}, {"0-0", true}, {"90-80", true}, {"80", false}, {"80-", false},
	      {"-80", false}, {"80-65536", false}, {"a-b", false});
}

static void urls(void **state)
{
	(void)state;
	CHECK(patch_is_url, {"", true}, {"https://example.org:6443/a?b#c", true}, {"tcp://10.0.0.1:1234/", true}, {"/a/b", true},
	      {"a/b:c", true}, {"localhost:80", true}, {"http://[::1]:80/", true}, {"http://a:/", true},
	      {"http://a/%41", true}, {"http://u:p@h/", true}, {"*", true}, {"127.0.0.1:6443", false}, {"://x", false},
	      {"http://a:port/", false}, {"http://a b/", false}, {"%zz", false}, {"http://[::1/", false}, {"a b:c", false},
	      {"http://a/%4", false}, {"\x01", false});
}

static void sizes(void **state)
{
	(void)state;
	CHECK(patch_is_bytes, {"5", true}, {"10GiB", true}, {"10 gb", true}, {"1,000kb", true}, {"1.5t", true}, {"3Ki", true},
	      {"7B", true}, {"15eib", true}, {"", false}, {"GB", false}, {"10xb", false}, {"10kbb", false}, {"1.2.3", false},
	      {"-5", false}, {"16eib", false}, {"18446744073709551615", false}, {",", false});
	CHECK(patch_is_size, {"50%", true}, {"-5%", true}, {"100%", true}, {"10GiB", true}, {"-1gb", true}, {"101%", false},
	      {"5%%", false}, {"%", false}, {"5%x", false}, {"1,0%", false});
}

static void bytes(void **state)
{
	(void)state;
	CHECK(patch_is_base64, {"", true}, {"aGVsbG8=", true}, {"aGVs\nbG8=", true}, {"YWJj", true}, {"aGVsbG8", false},
	      {"a===", false}, {"a=bc", false}, {"aGV-", false}, {"aGVs bG8=", false});
	CHECK(patch_is_hex, {"", true}, {"00:1a:2B", true}, {"abcd", true}, {"0", false}, {"0a:zz", false});
}

static bool int_is_good(uint8_t kind, const char *yaml_text, enum node_kind node_kind)
{
	struct patch_check check = {.rules = OMNI_RULES_1_10};
	struct patch_walk walk = {.check = &check, .talos = talos_version_of(SPAN("v1.13.0"))};
	struct talos_type type = {.kind = kind};
	struct node node = node_string(span_of(yaml_text));

	node.kind = node_kind & 15;
	return patch_value_fits(&walk, &type, &node, node_text(&node));
}

static void numbers(void **state)
{
	(void)state;
	assert_true(int_is_good(TALOS_UINT8, "255", NODE_INT));
	assert_false(int_is_good(TALOS_UINT8, "256", NODE_INT));
	assert_false(int_is_good(TALOS_UINT8, "-1", NODE_INT));
	assert_true(int_is_good(TALOS_INT8, "-128", NODE_INT));
	assert_false(int_is_good(TALOS_INT8, "-129", NODE_INT));
	assert_true(int_is_good(TALOS_INT64, "-9223372036854775808", NODE_INT));
	assert_false(int_is_good(TALOS_INT64, "9223372036854775808", NODE_INT));
	assert_true(int_is_good(TALOS_UINT64, "18446744073709551615", NODE_INT));
	assert_false(int_is_good(TALOS_UINT64, "18446744073709551616", NODE_INT));
	assert_true(int_is_good(TALOS_UINT16, "2.0", NODE_FLOAT));
	assert_false(int_is_good(TALOS_UINT16, "1.5", NODE_FLOAT));
	assert_false(int_is_good(TALOS_UINT64, ".inf", NODE_FLOAT));
	assert_false(int_is_good(TALOS_UINT64, "1e300", NODE_FLOAT));
	assert_false(int_is_good(TALOS_UINT16, "5", NODE_STRING));
	assert_true(int_is_good(TALOS_BOOL, "yes", NODE_STRING));
	assert_false(int_is_good(TALOS_BOOL, "true", NODE_STRING));
	assert_true(int_is_good(TALOS_DURATION, "0", NODE_INT));
	assert_false(int_is_good(TALOS_DURATION, "30", NODE_INT));
	assert_true(int_is_good(TALOS_STRING, "5", NODE_INT));
	assert_false(int_is_good(TALOS_STRING, "2026-01-31", NODE_TIME));
	assert_true(int_is_good(TALOS_PORT_RANGE, "80", NODE_INT));
	assert_false(int_is_good(TALOS_PORT_RANGE, "80", NODE_STRING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations), cmocka_unit_test(addresses), cmocka_unit_test(urls),
		cmocka_unit_test(sizes),     cmocka_unit_test(bytes),	  cmocka_unit_test(numbers),
	};

	return RUN_TESTS(tests);
}
