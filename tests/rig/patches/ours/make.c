#include "tests/rig/patches/ours/make.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "render/talos_schema.h"

/* Flow style throughout: one line per document, every nesting is explicit. */
struct maker {
	struct text *out;
	uint64_t state;
	uint16_t mask;
	unsigned depth;
	unsigned harm; /* one in so many choices is a bad one; 0: none */
};

static uint64_t dice(struct maker *maker, uint64_t sides)
{
	maker->state = maker->state * 6364136223846793005u + 1442695040888963407u;
	return (maker->state >> 33) % sides;
}

static bool harms(struct maker *maker)
{
	return maker->harm != 0 && dice(maker, maker->harm) == 0;
}

static const char *const MIXED[] = {
	"\"\"", "null", "~", "true", "yes", "\"no\"", "Y", "0", "1", "-1", "255", "256", "65535", "65536", "-128", "-129",
	"4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615",
	"18446744073709551616", "1.0", "1.5", "-2.0", "1e3", ".inf", ".nan", "0x1f", "0o17", "017", "text", "\"12\"", "\"1.5\"",
	"2001-01-01", "[]", "{}", "[a]", "[1, 2]", "[[a]]", "{a: b}", "[{a: b}]", "30s", "1h30m", "1.5h", "\"5\"", "-3ms", "1d",
	"10.0.0.1", "10.0.0.01", "10.0.0.0/8", "10.0.0.0/33", "\"::1\"", "\"fe80::1%eth0\"", "\"fe80::1%eth0/64\"",
	"\"2001:db8::/32\"", "\"10.0.0.1:80\"", "\"[::1]:80\"", "\"10.0.0.1:99999\"", "https://example.org",
	"\"https://example.org:6443/a?b#c\"", "\"127.0.0.1:6443\"", "\"https://example.org:port\"", "\"http://a b/\"", "\"%zz\"",
	"\"://x\"", "localhost", "\"/a/b\"", "80-90", "80", "90-", "10GiB", "10 gb", "\"1,000\"", "5%", "150%", "-5%", "10xb", "\">= 10GB\"",
	"\"< 1TiB\"", "\"10.GB\"", "aGVsbG8=", "aGVsbG8", "a===", "\"******\"", "00:1a:2B:3c", "0a0", "zz", "\"0x10\"", "\"\\u0001\"",
	"\"http://[::1]:80/\"", "\"http://[::1/\"", "\"http://a/%41\"", "\"a:b\"", "\"a/b:c\"", "+5s", "\"1_000\"", "!!str 5", "!!int \"5\"",
};

static const char *good_scalar(struct maker *maker, const struct talos_type *type)
{
	static const char *const GOOD[][4] = {
		[TALOS_ANY] = {"text", "5", "{a: [1]}", "[{b: c}]"},
		[TALOS_MAP_ANY] = {"{}", "{a: 1}", "{a: {b: [c]}}", "{x: null}"},
		[TALOS_STRING] = {"text", "5", "true", "\"a: b\""},
		[TALOS_BOOL] = {"true", "false", "yes", "off"},
		[TALOS_INT8] = {"0", "127", "-128", "5"},
		[TALOS_INT16] = {"0", "32767", "-5", "0x10"},
		[TALOS_INT32] = {"0", "2147483647", "-5", "1.0"},
		[TALOS_INT64] = {"0", "5", "-7", "9223372036854775807"},
		[TALOS_UINT8] = {"0", "255", "7", "0o17"},
		[TALOS_UINT16] = {"0", "65535", "443", "0x50"},
		[TALOS_UINT32] = {"0", "4294967295", "1500", "2.0"},
		[TALOS_UINT64] = {"0", "18446744073709551615", "5", "1e3"},
		[TALOS_FLOAT] = {"0", "1.5", "-2", "1e-3"},
		[TALOS_DURATION] = {"30s", "1h30m", "1.5h", "100ms"},
		[TALOS_ADDR] = {"10.0.0.1", "\"2001:db8::1\"", "\"::ffff:10.0.0.1\"", "\"\""},
		[TALOS_PREFIX] = {"10.0.0.0/8", "\"2001:db8::/32\"", "0.0.0.0/0", "10.0.0.1/32"},
		[TALOS_ADDR_PORT] = {"\"10.0.0.1:80\"", "\"[::1]:443\"", "\"10.0.0.1:0\"", "\"[fe80::1%eth0]:1\""},
		[TALOS_URL] = {"https://example.org:6443", "tcp://10.0.0.1:1234/", "\"\"", "udp://[::1]:5/?a=b"},
		[TALOS_PORT_RANGE] = {"80", "80-90", "65535", "0-0"},
		[TALOS_BYTE_SIZE] = {"10GiB", "5", "-1mb", "1.5 TB"},
		[TALOS_SIZE] = {"10GiB", "50%", "-5%", "\"\""},
		[TALOS_DISK_SIZE] = {"10GiB", "5", "\"1,000kb\"", "0.5tib"},
		[TALOS_SIZE_MATCH] = {"\">= 10GB\"", "5", "\"<1tb\"", "\"== 4\""},
		[TALOS_BASE64] = {"aGVsbG8=", "\"\"", "aGk=", "YWJj"},
		[TALOS_BASE64_KEY] = {"aGVsbG8=", "\"******\"", "aGk=", "YWJj"},
		[TALOS_EXPRESSION] = {"disk.size > 10u", "\"true\"", "system_disk", "\"!disk.rotational\""},
		[TALOS_HEX] = {"00:1a:2b:3c:4d:5e", "AA:bb", "\"\"", "abcd"},
		[TALOS_ARG] = {"text", "[a, b]", "5", "[]"},
	};

	return GOOD[type->kind][dice(maker, 4)];
}

static void make_value(struct maker *maker, const struct talos_type *type);

/* A name, now and then one with a slip, or the name of another place. */
static void make_name(struct maker *maker, struct span name)
{
	size_t at;

	if (!harms(maker)) {
		text_add(maker->out, name);
		return;
	}
	at = dice(maker, name.len);
	switch (dice(maker, 4)) {
	case 0: text_add(maker->out, talos_text(talos_fields[dice(maker, 1000)].name)); return;
	case 1: text_addf(maker->out, "%.*sx%.*s", (int)at, name.ptr, (int)(name.len - at), name.ptr + at); return;
	case 2: text_addf(maker->out, "%.*s%.*s", (int)at, name.ptr, (int)(name.len - at - 1), name.ptr + at + 1); return;
	default: text_addf(maker->out, "%c%.*s", name.ptr[0] ^ 0x20, (int)name.len - 1, name.ptr + 1); return;
	}
}

static void make_pairs(struct maker *maker, unsigned structure, bool is_first)
{
	const struct talos_field *fields = &talos_fields[talos_structs[structure].first];
	uint64_t sides = maker->depth < 2 ? 2 : 2 + maker->depth;

	if (dice(maker, 30) == 0 && maker->harm != 0) {
		text_adds(maker->out, is_first ? "$patch: delete" : ", $patch: delete");
		is_first = false;
	}
	for (size_t i = 0; i < talos_structs[structure].count; i++) {
		struct span name = talos_text(fields[i].name);

		if (!(fields[i].minors & maker->mask) || dice(maker, talos_structs[structure].count > 12 ? sides * 3 : sides) != 0)
			continue;
		if (maker->depth == 0 && (span_is(name, "apiVersion") || span_is(name, "kind")))
			continue;
		if (!is_first)
			text_adds(maker->out, ", ");
		is_first = false;
		make_name(maker, name);
		text_adds(maker->out, ": ");
		make_value(maker, &talos_types[fields[i].type]);
	}
}

static void make_many(struct maker *maker, const struct talos_type *type)
{
	size_t count = dice(maker, 3);
	bool is_map = type->kind == TALOS_MAP;

	text_addc(maker->out, is_map ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		if (is_map)
			text_addf(maker->out, "k%zu: ", i);
		if (harms(maker))
			text_adds(maker->out, "null");
		else
			make_value(maker, &talos_types[type->arg]);
		text_adds(maker->out, i + 1 < count ? ", " : "");
	}
	text_addc(maker->out, is_map ? '}' : ']');
}

static void make_value(struct maker *maker, const struct talos_type *type)
{
	struct talos_range values;

	if (harms(maker)) {
		const char *value = MIXED[dice(maker, COUNT_OF(MIXED))];

		/* A known difference: the decoder of Talos 1.14 takes 1e3 for 1000 ns, we ask for a unit. */
		text_adds(maker->out, type->kind == TALOS_DURATION && strchr("1-", value[0]) != NULL ? "1.5" : value);
		return;
	}
	switch (type->kind) {
	case TALOS_STRUCT:
		text_addc(maker->out, '{');
		maker->depth++;
		make_pairs(maker, type->arg, true);
		maker->depth--;
		text_addc(maker->out, '}');
		return;
	case TALOS_MAP:
	case TALOS_LIST: make_many(maker, type); return;
	case TALOS_ENUM:
		values = talos_enums[type->arg];
		text_addf(maker->out, "\"%s\"", talos_names + talos_values[values.first + dice(maker, values.count)]);
		return;
	default: text_adds(maker->out, good_scalar(maker, type)); return;
	}
}

static void make_document(struct maker *maker)
{
	const struct talos_kind *kind = talos_kind_find(SPAN("v1alpha1"));
	bool is_legacy = dice(maker, 3) == 0;

	if (harms(maker)) {
		text_addf(maker->out, "%s\n", MIXED[dice(maker, COUNT_OF(MIXED))]);
		return;
	}
	for (int i = 0; i < 1000 && !is_legacy; i++) {
		kind = &talos_kinds[dice(maker, talos_counts.kinds)];
		if (kind->minors & maker->mask)
			break;
	}
	is_legacy = span_is(talos_text(kind->name), "v1alpha1");
	text_addc(maker->out, '{');
	if (!is_legacy) {
		if (!harms(maker))
			text_adds(maker->out, "apiVersion: v1alpha1, ");
		else if (dice(maker, 2) == 0)
			text_addf(maker->out, "apiVersion: %s, ", MIXED[dice(maker, COUNT_OF(MIXED))]);
		text_addf(maker->out, "kind: ");
		make_name(maker, talos_text(kind->name));
	}
	make_pairs(maker, kind->structure, is_legacy);
	text_adds(maker->out, "}\n");
}

void make_patches(struct span talos, unsigned long seed, unsigned long count)
{
	struct text out;

	text_init(&out, TEXT_NO_LIMIT);
	for (unsigned long i = 0; i < count; i++) {
		struct maker maker = {.out = &out, .state = seed * 1000003u + i, .mask = talos_version_of(talos).mask};

		text_reset(&out);
		dice(&maker, 2);
		/* right ones, nearly right ones, wrong ones */
		maker.harm = (unsigned[]){0, 200, 60, 20, 6}[dice(&maker, 5)];
		for (uint64_t more = dice(&maker, 6) == 0 ? 3 : 1; more > 0; more--) {
			text_adds(&out, "---\n");
			make_document(&maker);
		}
		printf("%zu\n%s", out.len, out.ptr);
	}
	text_done(&out);
}
