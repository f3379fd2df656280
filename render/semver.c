#include "render/semver.h"

#include <inttypes.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool has_only(struct span s, bool (*allowed)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (!allowed(s.ptr[i]))
			return false;
	return true;
}

static struct span strip_zeros(struct span s)
{
	while (s.len > 1 && s.ptr[0] == '0' && is_digit(s.ptr[1]))
		s = (struct span){s.ptr + 1, s.len - 1};
	return s;
}

static bool parse_number(const char *what, struct span s, uint64_t *out, struct fail *fail)
{
	if (s.len == 0)
		return fail_set(fail, FAIL_INVALID, "the %s number is missing", what);
	if (!has_only(s, is_digit))
		return fail_set(fail, FAIL_INVALID, "the %s number \"%.*s\" is not made of digits", what, SPAN_ARG(s));
	int64_t value;
	if (!span_int(s, 0, INT64_MAX, &value))
		return fail_set(fail, FAIL_INVALID, "the %s number \"%.*s\" is too big", what, SPAN_ARG(s));
	*out = (uint64_t)value;
	return true;
}

/* The dot-separated words behind '-' or '+'. */
static bool check_words(const char *what, struct span words, bool is_pre, struct fail *fail)
{
	struct span word;
	while (span_next(&words, '.', &word)) {
		if (word.len == 0)
			return fail_set(fail, FAIL_INVALID, "the %s is empty or has an empty part", what);
		if (!has_only(word, is_word))
			return fail_set(fail, FAIL_INVALID, "the %s part \"%.*s\" has characters other than letters, digits and dashes",
					what, SPAN_ARG(word));
		if (is_pre && word.len > 1 && word.ptr[0] == '0' && has_only(word, is_digit))
			return fail_set(fail, FAIL_INVALID, "the %s number \"%.*s\" starts with a zero", what, SPAN_ARG(word));
	}
	return true;
}

static size_t split_three(struct span s, struct span parts[3])
{
	size_t count = 0;
	while (count < 2 && s.ptr != NULL) {
		parts[count++] = span_before(s, '.');
		s = span_behind(s, '.');
	}
	if (s.ptr != NULL)
		parts[count++] = s;
	return count;
}

static bool parse_patch_part(struct span part, struct semver *out, struct fail *fail)
{
	struct span build = span_behind(part, '+');
	part = span_before(part, '+');
	struct span pre = span_behind(part, '-');
	part = span_before(part, '-');
	if (!parse_number("patch", part, &out->patch, fail))
		return false;
	if (pre.ptr != NULL && !check_words("pre-release", pre, true, fail))
		return false;
	if (build.ptr != NULL && !check_words("build metadata", build, false, fail))
		return false;
	out->pre = pre.ptr == NULL ? SPAN("") : pre;
	return true;
}

bool semver_parse(struct span text, struct semver *out, struct fail *fail)
{
	struct span s = span_trim(text);
	if (span_starts(s, "v"))
		s = (struct span){s.ptr + 1, s.len - 1};
	if (s.len == 0)
		return fail_set(fail, FAIL_INVALID, "it is empty");
	struct span parts[3] = {{"0", 1}, {"0", 1}, {"0", 1}};
	size_t count = split_three(s, parts);
	struct span last = parts[count > 0 ? count - 1 : 0];
	if (count < 3 && (span_contains(last, "-") || span_contains(last, "+")))
		return fail_set(fail, FAIL_INVALID, "a pre-release or build needs all three numbers before it");
	struct semver version = {0};
	if (!parse_number("major", strip_zeros(parts[0]), &version.major, fail) ||
	    !parse_number("minor", strip_zeros(parts[1]), &version.minor, fail) ||
	    !parse_patch_part(strip_zeros(parts[2]), &version, fail))
		return false;
	*out = version;
	return true;
}

bool semver_is_below(const struct semver *version, uint64_t major, uint64_t minor)
{
	if (version->major != major)
		return version->major < major;
	if (version->minor != minor)
		return version->minor < minor;
	return version->patch == 0 && version->pre.len > 0;
}
