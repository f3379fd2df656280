/* Each form is there twice, as a regular expression and as code: both say the same about many texts. */
#include <regex.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "crds/pattern.h"
#include "tests/unit/test.h"

#define UUID "9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10"

static const char *const texts[] = {
	"", " ", "a", "A", "0", "-", "_", ".", "/", ":", ",", "a-b", "a_b", "a.b", "-a", "a-", "a--b", "A1-_z", "a b", "a\n",
	"\na", "\xc3\xa9", "a\xc3\xa9", "v1.2.3", "v1.2", "v1.2.3.4", "v.1.2", "v1..2", "v1.2.", "1.2.3", "V1.2.3", "v01.2.3",
	"v1.2.3-rc", "v1.2.3\n", "https://", "https://x", "http://x", "http://", "grpc://x", "grpcs://x", "https:/x",
	"https://\n", "https://x\ny", " https://x", "HTTPS://x", "httpss://x", UUID, "9A6F1F0E-0D3C-4C3B-8F0A-2D1B7C5E4A10",
	"9a6f1f0e0d3c4c3b8f0a2d1b7c5e4a10", "{" UUID "}", "x" UUID "y", "\n" UUID "\n", "urn:uuid:" UUID, "URN:Uuid:" UUID,
	"urn:uuid;" UUID, "urn:uuid:9a6f1f0e0d3c4c3b8f0a2d1b7c5e4a10", "9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a1",
	"9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a100", "ga6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10", "9a6f1f0e00d3c-4c3b-8f0a-2d1b7c5e4a1",
	"1h", "1h2m3s", "0", "+0", "-0", "1", "-1h", "+1h", "--1h", "1.5h", ".5h", "1.h", ".h", "h", "1d", "1h 2m", "1ns", "1us",
	"1\xc2\xb5s", "1\xce\xbcs", "1ms", "1e3s", "1.2.3s", "00h", "Ready", "x.io/Ready", "x.io/", "/Ready", "X.io/Ready",
	"a/b/c", "a.b/c-d.e_f", "Ready,", "Ready:", "Ready_", "R,e:a_d", "1Ready", "_Ready",
};

static const struct pattern *const patterns[] = {
	&PATTERN_ENDPOINT,	&PATTERN_VERSION, &PATTERN_OMNI_NAME,	  &PATTERN_DNS_LABEL,	   &PATTERN_DURATION,
	&PATTERN_UUID,		&PATTERN_UUID_OR_EMPTY,		  &PATTERN_CONDITION_TYPE, &PATTERN_CONDITION_REASON,
};

/* POSIX has no \x escapes in brackets: the bytes themselves. REG_NEWLINE, as '.' does not match a line break in RE2. */
static void compile(regex_t *compiled, const char *regex)
{
	char posix[1024];
	size_t at = 0;
	for (; *regex != '\0' && at < sizeof posix - 1; regex++) {
		if (strncmp(regex, "[\\x00-\\x7F]", 11) == 0) {
			at += (size_t)snprintf(posix + at, sizeof posix - at, "[\x01-\x7f]");
			regex += 10;
		} else {
			posix[at++] = *regex;
		}
	}
	posix[at] = '\0';
	bool has_dot = strstr(posix, ".+") != NULL;
	assert_int_equal(regcomp(compiled, posix, REG_EXTENDED | REG_NOSUB | (has_dot ? REG_NEWLINE : 0)), 0);
}

static void code_and_expression_agree(void **state)
{
	(void)state;
	size_t matched = 0, differ = 0;
	for (size_t p = 0; p < COUNT_OF(patterns); p++) {
		regex_t compiled;
		compile(&compiled, patterns[p]->regex);
		for (size_t t = 0; t < COUNT_OF(texts); t++) {
			bool by_regex = regexec(&compiled, texts[t], 0, NULL, 0) == 0;
			bool by_code = patterns[p]->matches(span_of(texts[t]));
			matched += by_code;
			differ += by_regex != by_code;
			if (by_regex != by_code)
				print_message("%s: \"%s\": %d %d\n", patterns[p]->regex, texts[t], by_regex, by_code);
		}
		regfree(&compiled);
	}
	assert_int_equal(differ, 0);
	assert_true(matched > 40);
}

static void durations_have_a_range(void **state)
{
	(void)state;
	assert_true(PATTERN_DURATION.matches(SPAN("2562047h47m16.854775807s")));
	assert_false(PATTERN_DURATION.matches(SPAN("2562047h47m16.854775808s")));
	assert_false(PATTERN_DURATION.matches(SPAN("99999999999h")));
}

static void bytes_beyond_ascii_are_no_braces(void **state)
{
	(void)state;
	assert_false(uuid_is_valid(SPAN("\xe9" UUID "\xe9")));
	assert_false(uuid_is_valid(SPAN("9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a\0""0")));
	assert_false(uuid_is_valid((struct span){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_and_expression_agree),
		cmocka_unit_test(durations_have_a_range),
		cmocka_unit_test(bytes_beyond_ascii_are_no_braces),
	};
	return RUN_TESTS(tests);
}
