#include "crds/pattern.h"

#include <strings.h>

#include "base/duration.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool matches_endpoint(struct span s)
{
	size_t scheme = span_starts(s, "https://") ? 8 : span_starts(s, "http://") || span_starts(s, "grpc://") ? 7 : 0;
	return scheme > 0 && s.len > scheme && s.ptr[scheme] != '\n';
}

static bool matches_version(struct span s)
{
	if (s.len == 0 || s.ptr[0] != 'v')
		return false;
	size_t parts = 1, digits = 0;
	for (size_t i = 1; i < s.len; i++) {
		if (is_digit(s.ptr[i])) {
			digits++;
			continue;
		}
		if (s.ptr[i] != '.' || digits == 0)
			return false;
		parts++;
		digits = 0;
	}
	return parts == 3 && digits > 0;
}

static bool matches_omni_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-')
			return false;
	return s.len > 0;
}

static bool matches_dns_label(struct span s)
{
	if (s.len == 0 || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.ptr[i]) && !is_lower(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return true;
}

static bool matches_duration(struct span s)
{
	int64_t ns;
	return duration_parse(s, &ns, NULL);
}

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_dashed_uuid(struct span s)
{
	if (s.len != 36)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? s.ptr[i] != '-' : !is_hex(s.ptr[i]))
			return false;
	}
	return true;
}

static bool is_plain_uuid(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_hex(s.ptr[i]))
			return false;
	return s.len == 32;
}

/* Four spellings: dashed, bare digits, "urn:uuid:" in front, or any two characters around (meant for braces). */
bool uuid_is_valid(struct span s)
{
	enum { DASHED = 36, BRACED = 38, URN = 45 };
	if (s.len == URN)
		return strncasecmp(s.ptr, "urn:uuid:", 9) == 0 && is_dashed_uuid((struct span){s.ptr + 9, DASHED});
	if (s.len == BRACED)
		return (s.ptr[0] & 0x80) == 0 && (s.ptr[BRACED - 1] & 0x80) == 0 &&
		       is_dashed_uuid((struct span){s.ptr + 1, DASHED});
	return is_dashed_uuid(s) || is_plain_uuid(s);
}

static bool matches_uuid_or_empty(struct span s)
{
	return s.len == 0 || uuid_is_valid(s);
}

/* Letters and digits, inside also what `inner` lists. */
static bool is_word(struct span s, const char *inner)
{
	if (s.len == 0 || !is_alnum(s.ptr[0]) || !is_alnum(s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && (s.ptr[i] == '\0' || strchr(inner, s.ptr[i]) == NULL))
			return false;
	return true;
}

static bool matches_condition_type(struct span s)
{
	struct span name = s;
	if (s.len > 0 && memchr(s.ptr, '/', s.len) != NULL) {
		struct span rest = span_before(s, '/'), label;
		while (span_next(&rest, '.', &label))
			if (!matches_dns_label(label))
				return false;
		name = span_behind(s, '/');
	}
	return is_word(name, "-_.");
}

static bool matches_condition_reason(struct span s)
{
	if (s.len == 0 || is_digit(s.ptr[0]) || !is_alnum(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != ',' && s.ptr[i] != ':')
			return false;
	return s.ptr[s.len - 1] != ',' && s.ptr[s.len - 1] != ':';
}

#define DASHED "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
#define UUID_FORMS                                                                                                     \
	DASHED "|[uU][rR][nN]:[uU][uU][iI][dD]:" DASHED "|[\\x00-\\x7F]" DASHED "[\\x00-\\x7F]|[0-9a-fA-F]{32}"

const struct pattern PATTERN_ENDPOINT = {"^(https?|grpc)://.+", matches_endpoint,
					 "an address that starts with https://, http:// or grpc://"};
const struct pattern PATTERN_VERSION = {"^v[0-9]+\\.[0-9]+\\.[0-9]+$", matches_version, "a version such as v1.2.3"};
const struct pattern PATTERN_OMNI_NAME = {"^[A-Za-z0-9_-]+$", matches_omni_name,
					  "letters, digits, '-' and '_'"};
const struct pattern PATTERN_DNS_LABEL = {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", matches_dns_label,
					  "lower-case letters, digits and '-', with a letter or digit at both ends"};
const struct pattern PATTERN_DURATION = {
	"^[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\xc2\xb5s|\xce\xbcs|ms|s|m|h))+)$", matches_duration,
	"a duration such as 90s, 5m or 1h30m"};
const struct pattern PATTERN_UUID = {"^(" UUID_FORMS ")$", uuid_is_valid,
				     "a machine UUID such as 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10"};
const struct pattern PATTERN_UUID_OR_EMPTY = {"^(" UUID_FORMS ")?$", matches_uuid_or_empty,
					      "a machine UUID such as 9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10"};
const struct pattern PATTERN_CONDITION_TYPE = {
	"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
	matches_condition_type, "a CamelCase word, with or without a DNS prefix"};
const struct pattern PATTERN_CONDITION_REASON = {"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", matches_condition_reason,
						 "a CamelCase word"};
