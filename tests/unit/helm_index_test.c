/* Indexes of repositories: what is read of them, what is left out, what is refused and where. And references and challenges of
 * registries. */
#include "agent/helm/chart_index.h"
#include "agent/helm/chart_oci.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *what, *index, *read; /* "VERSION URL DIGEST;" … */
} rows[] = {
	{"an index", "apiVersion: v1\nentries:\n  web:\n  - version: 1.0.0\n    urls: [web-1.0.0.tgz, other]\n    digest: " DIGEST "\n",
	 "1.0.0 web-1.0.0.tgz " DIGEST ";"},
	{"others are skipped",
	 "apiVersion: v1\nentries:\n  a: [{version: 9.9.9, urls: [a]}]\n  web:\n  - version: 1.0.0\n    urls: [w]\n  z: {odd: [1, {b: c}]}\ngenerated: x\n",
	 "1.0.0 w ;"},
	{"in the order of the index", "apiVersion: v1\nentries: {web: [{version: b, urls: [x]}, {version: a, urls: [y]}]}", "b x ;a y ;"},
	{"JSON", "{\"entries\": {\"web\": [{\"urls\": [\"w\"], \"version\": \"1.0.0\", \"digest\": \"sha256:" DIGEST "\"}]}, \"apiVersion\": \"v1\"}",
	 "1.0.0 w " DIGEST ";"},
	{"fields that nobody asks for, of every form",
	 "apiVersion: v1\nentries:\n  web:\n  - annotations: {version: no, urls: [no]}\n    maintainers: [{name: x, version: no}]\n    version: 1.0.0\n"
	 "    description: |\n      version: no\n    urls:\n    - w\n    ? [a, b]\n    : c\n",
	 "1.0.0 w ;"},
	{"without version or address it is none",
	 "apiVersion: v1\nentries: {web: [{urls: [a]}, {version: 1.0.0}, {version: 2.0.0, urls: []}, text, [], {version: [1], urls: [a]}]}", ""},
	{"no such chart", "apiVersion: v1\nentries: {other: []}", ""},
	{"no charts", "apiVersion: v1\nentries:\n", ""},
	{"versions that are no list", "apiVersion: v1\nentries: {web: {version: 1.0.0}}", ""},
};

static struct span print(const struct index_entry *entries, size_t count, struct arena *arena)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%.*s %.*s %.*s;", SPAN_ARG(entries[i].version), SPAN_ARG(entries[i].url), SPAN_ARG(entries[i].digest));
	struct span out = arena_copy(arena, text_span(&text));
	text_done(&text);
	return out;
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct index_entry *entries = NULL;
		struct fail fail;
		size_t count = 0;
		arena_init(&arena, ARENA_NO_LIMIT);
		if (!chart_index_read(span_of(rows[i].index), SPAN("web"), &arena, &entries, &count, &fail))
			fail_msg("%s: %s", rows[i].what, fail.text);
		struct span got = print(entries, count, &arena);
		if (!span_is(got, rows[i].read))
			fail_msg("%s: is «%.*s», should be «%s»", rows[i].what, SPAN_ARG(got), rows[i].read);
		arena_done(&arena);
	}
}

static void refused(struct span index, enum fail_code code, const char *why)
{
	struct arena arena;
	struct index_entry *entries = NULL;
	struct fail fail = {0};
	size_t count = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (chart_index_read(index, SPAN("web"), &arena, &entries, &count, &fail))
		fail_msg("«%.40s» is taken", index.ptr);
	if (fail.code != code || strstr(fail.text, why) == NULL)
		fail_msg("«%.40s»: is %s %s, should be %s with «%s»", index.ptr, fail_name(fail.code), fail.text, fail_name(code), why);
	arena_done(&arena);
}

static void test_refused(void **state)
{
	(void)state;
	refused(SPAN(""), FAIL_INVALID, "it is no map");
	refused(SPAN("<html>not here</html>"), FAIL_INVALID, "it is no map");
	refused(SPAN("- a\n- b\n"), FAIL_INVALID, "it is no map");
	refused(SPAN("entries: {}\n"), FAIL_INVALID, "it has no \"apiVersion\"");
	refused(SPAN("apiVersion: v1\nentries:\n  web: [{version: "), FAIL_INVALID, "line 4, column 1");
	refused(SPAN("apiVersion: v1\nentries: {web: [\x01]}"), FAIL_INVALID, "line 2, column 17: a control character");
	refused(SPAN("apiVersion: v1\nentries: {web: [\xff]}"), FAIL_INVALID, "not UTF-8");
	refused(SPAN("apiVersion: v1\nentries: {web: [{version: 1.0.0, urls: [a], digest: 12}]}"), FAIL_INVALID, "no SHA-256");
}

static void test_too_deep_and_too_many(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, "apiVersion: v1\nentries: ");
	text_pad(&text, '[', 100000);
	refused(text_span(&text), FAIL_TOO_BIG, "too deep");
	text_reset(&text);
	text_adds(&text, "{\"apiVersion\": \"v1\", \"entries\": {\"web\": [");
	for (unsigned i = 0; i < INDEX_VERSIONS_MAX + 1; i++)
		text_addf(&text, "%s{\"version\": \"1.0.%u\", \"urls\": [\"a\"]}", i == 0 ? "" : ",", i);
	text_adds(&text, "]}}");
	refused(text_span(&text), FAIL_TOO_BIG, "more than 20000 versions");
	text_done(&text);
}

/* --- registries ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text, *host, *path, *tag, *digest; /* host NULL: it is none */
} references[] = {
	{"oci://host/demo", "host", "demo", "", ""},
	{"oci://host:5000/a/b-c/d_e.f:1.0.0", "host:5000", "a/b-c/d_e.f", "1.0.0", ""},
	{"oci://host/a@sha256:" DIGEST, "host", "a", "", "sha256:" DIGEST},
	{"oci://host/a:1.0@sha256:" DIGEST, "host", "a", "1.0", "sha256:" DIGEST},
	{"oci://[::1]:5000/a", "[::1]:5000", "a", "", ""},
	{"oci://host", NULL, "", "", ""}, {"oci:///a", NULL, "", "", ""}, {"oci://host/", NULL, "", "", ""}, {"oci://host/a//b", NULL, "", "", ""},
	{"oci://host/../a", NULL, "", "", ""}, {"oci://host/A", NULL, "", "", ""}, {"oci://me:secret@host/a", NULL, "", "", ""},
	{"oci://host/a:", NULL, "", "", ""}, {"oci://host/a:b/c", NULL, "", "", ""}, {"oci://host/a@sha256:12", NULL, "", "", ""},
	{"oci://host/a@md5:12", NULL, "", "", ""}, {"oci://host/a?b", NULL, "", "", ""}, {"oci://host/a b", NULL, "", "", ""},
	{"oci://host\n/a", NULL, "", "", ""}, {"oci://host/-a", NULL, "", "", ""},
};

static void test_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(references); i++) {
		struct oci_ref ref;
		struct fail fail = {0};
		bool ok = oci_ref_parse(span_of(references[i].text), &ref, &fail);
		if (ok != (references[i].host != NULL))
			fail_msg("%s is %s", references[i].text, ok ? "taken" : fail.text);
		if (!ok) {
			assert_int_equal(fail.code, FAIL_INVALID);
			continue;
		}
		assert_span(ref.host, references[i].host);
		assert_span(ref.path, references[i].path);
		assert_span(ref.tag, references[i].tag);
		assert_span(ref.digest, references[i].digest);
	}
}

static void test_challenges(void **state)
{
	(void)state;
	struct span challenge = SPAN("realm=\"https://auth.example.com/token?x=1,2\",service=\"registry, with scope=x\",scope=\"repository:a/b:pull\"");
	assert_span(oci_challenge_part(challenge, "realm"), "https://auth.example.com/token?x=1,2");
	assert_span(oci_challenge_part(challenge, "service"), "registry, with scope=x");
	assert_span(oci_challenge_part(challenge, "scope"), "repository:a/b:pull");
	assert_span(oci_challenge_part(challenge, "error"), "");
	assert_span(oci_challenge_part(SPAN("realm=plain, service=x"), "service"), "x");
	assert_span(oci_challenge_part(SPAN("Realm=\"a\""), "realm"), "a");
	assert_span(oci_challenge_part(SPAN("realm=\"open"), "service"), "");
	assert_span(oci_challenge_part(SPAN("xrealm=\"a\""), "realm"), "");
	assert_span(oci_challenge_part(SPAN(""), "realm"), "");
}

/* --- addresses -------------------------------------------------------------------------------------------------------- */

static void joined(const char *base, const char *relative, const char *expected)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	const char *got = fetch_url_join(&arena, base, span_of(relative));
	if ((got == NULL) != (expected == NULL) || (got != NULL && strcmp(got, expected) != 0))
		fail_msg("%s with %s: is %s, should be %s", base, relative, got == NULL ? "none" : got, expected == NULL ? "none" : expected);
	arena_done(&arena);
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "host/path", "ftp://host/", "file:///etc/passwd", "https://me:secret@host/", "https://me@host/",
					  "https://host/#x", "https://ho st/"};
	struct fail fail;
	assert_true(fetch_url_check(SPAN("https://host:8443/a?b=c"), &fail));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (fetch_url_check(span_of(bad[i]), &fail))
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(fail.code, FAIL_INVALID);
		assert_null(strstr(fail.text, "secret@"));
	}
	joined("https://host/charts/index.yaml", "web-1.0.0.tgz", "https://host/charts/web-1.0.0.tgz");
	joined("https://host/charts/index.yaml?key=1", "a/web.tgz", "https://host/charts/a/web.tgz?key=1");
	joined("https://host/charts/index.yaml?key=1", "https://other/web.tgz", "https://other/web.tgz");
	joined("https://host/charts/index.yaml", "/web.tgz", "https://host/web.tgz");
	joined("https://host/charts/index.yaml", "file:///etc/passwd", NULL);
	joined("https://host/charts/index.yaml", "https://me:secret@other/web.tgz", NULL);
	joined("https://host/charts/index.yaml", "", NULL);
	assert_true(fetch_same_host("https://host/a", "https://HOST:443/b"));
	assert_false(fetch_same_host("https://host/a", "http://host/a"));
	assert_false(fetch_same_host("https://host/a", "https://host:8443/a"));
	assert_false(fetch_same_host("https://host/a", "https://host.evil/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_deep_and_too_many),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_addresses),
	};
	return RUN_TESTS(tests);
}
