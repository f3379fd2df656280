#include "agent/helm/version.h"

#include "base/cleanup.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct span without_v(struct span text)
{
	return span_starts(text, "v") ? (struct span){text.ptr + 1, text.len - 1} : text;
}

static struct span without_build(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '+' || text.ptr[i] == '_')
			return (struct span){text.ptr, i};
	return text;
}

/* Numbers that are there; semver_parse fills in the missing ones. */
static unsigned count_numbers(struct span text)
{
	unsigned dots = 0;
	for (size_t i = 0; i < text.len && text.ptr[i] != '-' && text.ptr[i] != '+'; i++)
		dots += text.ptr[i] == '.';
	return dots + 1;
}

bool version_is_exact(struct span text)
{
	struct semver version;
	struct span plain = without_build(text);
	return plain.len > 0 && span_eq(plain, span_trim(plain)) && semver_parse(plain, &version, NULL) && count_numbers(plain) == 3;
}

static bool same_build(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.ptr[i] == '_' ? '+' : a.ptr[i], y = b.ptr[i] == '_' ? '+' : b.ptr[i];
		if (x != y)
			return false;
	}
	return true;
}

bool version_equal(struct span want, struct span have)
{
	if (span_eq(want, have))
		return true;
	struct span a = without_v(want), b = without_v(have);
	return version_is_exact(want) && version_is_exact(have) && same_build(a, b);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static bool is_number(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!is_digit(word.ptr[i]))
			return false;
	return word.len > 0;
}

/* Numbers are lower than words; without leading zeros the longer number is the greater one. */
static int compare_words(struct span a, struct span b)
{
	bool a_counts = is_number(a), b_counts = is_number(b);
	if (a_counts != b_counts)
		return a_counts ? -1 : 1;
	if (a_counts && a.len != b.len)
		return a.len < b.len ? -1 : 1;
	int order = span_cmp(a, b);
	return order < 0 ? -1 : order > 0;
}

static int compare_pre(struct span a, struct span b)
{
	if (a.len == 0 || b.len == 0)
		return a.len == b.len ? 0 : a.len == 0 ? 1 : -1;
	for (;;) {
		struct span x, y;
		bool has_x = span_next(&a, '.', &x), has_y = span_next(&b, '.', &y);
		if (!has_x || !has_y)
			return has_x == has_y ? 0 : has_x ? 1 : -1;
		int order = compare_words(x, y);
		if (order != 0)
			return order;
	}
}

/* Of the first so many numbers. */
static int compare_first(const struct semver *a, const struct semver *b, unsigned numbers)
{
	int order = numbers > 0 ? compare_numbers(a->major, b->major) : 0;
	if (order == 0 && numbers > 1)
		order = compare_numbers(a->minor, b->minor);
	if (order == 0 && numbers > 2)
		order = compare_numbers(a->patch, b->patch);
	return order;
}

static int compare(const struct semver *a, const struct semver *b)
{
	int order = compare_first(a, b, 3);
	return order != 0 ? order : compare_pre(a->pre, b->pre);
}

int version_compare(struct span a, struct span b)
{
	struct semver x, y;
	bool is_x = semver_parse(without_build(a), &x, NULL), is_y = semver_parse(without_build(b), &y, NULL);
	if (!is_x || !is_y)
		return is_x == is_y ? 0 : is_x ? 1 : -1;
	return compare(&x, &y);
}

/* --- ranges --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	int operator;
} operators[] = {
	{">=", VERSION_AT_LEAST}, {"=>", VERSION_AT_LEAST}, {"<=", VERSION_AT_MOST}, {"=<", VERSION_AT_MOST},
	{"~>", VERSION_TILDE},	  {"!=", VERSION_NOT},	    {">", VERSION_GREATER},  {"<", VERSION_LESS},
	{"~", VERSION_TILDE},	  {"^", VERSION_CARET},	    {"=", VERSION_EQUAL},
};

static struct span skip_blanks(struct span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == ',' || s.ptr[0] == '\t'))
		s = (struct span){s.ptr + 1, s.len - 1};
	return s;
}

static struct span take_word(struct span *rest)
{
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != ',' && rest->ptr[len] != '\t' &&
	       rest->ptr[len] != '|')
		len++;
	struct span word = {rest->ptr, len};
	*rest = (struct span){rest->ptr + len, rest->len - len};
	return word;
}

static bool is_any(struct span number)
{
	return span_is(number, "x") || span_is(number, "X") || span_is(number, "*");
}

/* "1.2.x" is "1.2"; "*" is nothing at all. */
static bool parse_numbers(struct span text, struct version_condition *out, struct fail *fail)
{
	struct span plain = without_v(without_build(text)), rest = plain, number;
	size_t kept = 0;
	out->numbers = 0;
	while (out->numbers < 3 && span_next(&rest, '.', &number) && !is_any(number)) {
		kept = (size_t)(number.ptr - plain.ptr) + number.len;
		out->numbers++;
	}
	if (out->numbers == 3)
		kept = plain.len; /* with its pre-release, which may have dots */
	else if (rest.ptr != NULL || kept < plain.len)
		for (size_t i = kept; i < plain.len; i++)
			if (plain.ptr[i] != '.' && !is_any((struct span){plain.ptr + i, 1}))
				return fail_set(fail, FAIL_INVALID, "\"%.*s\" is not a version", SPAN_ARG(text));
	if (out->numbers == 0)
		return text.len > 0 ? true : fail_set(fail, FAIL_INVALID, "a version is missing");
	return semver_parse((struct span){plain.ptr, kept}, &out->than, fail);
}

static int take_operator(struct span *rest)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		size_t len = strlen(operators[i].text);
		if (!span_starts(*rest, operators[i].text))
			continue;
		*rest = skip_blanks((struct span){rest->ptr + len, rest->len - len});
		return operators[i].operator;
	}
	return VERSION_EQUAL;
}

static struct version_condition *add(struct version_range *range, struct fail *fail)
{
	if (range->count < VERSION_CONDITIONS)
		return &range->conditions[range->count++];
	fail_set(fail, FAIL_INVALID, "the range has more than %d conditions", VERSION_CONDITIONS);
	return NULL;
}

/* One condition, or the two of "1.2 - 1.4". */
static bool parse_condition(struct span *rest, bool begins, struct version_range *out, struct fail *fail)
{
	struct version_condition *condition = add(out, fail);
	if (condition == NULL)
		return false;
	*condition = (struct version_condition){.begins = begins};
	condition->operator = take_operator(rest);
	if (!parse_numbers(take_word(rest), condition, fail))
		return false;
	if (!span_starts(*rest, " - "))
		return true;
	condition->operator = VERSION_AT_LEAST;
	struct version_condition *end = add(out, fail);
	if (end == NULL)
		return false;
	*end = (struct version_condition){.operator = VERSION_AT_MOST};
	*rest = skip_blanks((struct span){rest->ptr + 3, rest->len - 3});
	return parse_numbers(take_word(rest), end, fail);
}

bool version_range_parse(struct span text, struct version_range *out, struct fail *fail)
{
	struct version_range range = {.count = 0};
	struct span rest = skip_blanks(span_trim(text));
	bool begins = true;
	if (rest.len == 0)
		rest = SPAN("*");
	while (rest.len > 0) {
		if (!parse_condition(&rest, begins, &range, fail))
			return fail_wrap(fail, "the version range \"%.*s\" cannot be read", SPAN_ARG(text));
		rest = skip_blanks(rest);
		begins = span_starts(rest, "||");
		if (begins)
			rest = skip_blanks((struct span){rest.ptr + 2, rest.len - 2});
		else if (span_starts(rest, "|"))
			return fail_set(fail, FAIL_INVALID, "the version range \"%.*s\" has a single \"|\": alternatives stand on both "
					"sides of \"||\"", SPAN_ARG(text));
	}
	*out = range;
	return true;
}

/* Up to the first number that is not zero everything has to be the same. */
static unsigned fixed_by_caret(const struct version_condition *c)
{
	const uint64_t numbers[] = {c->than.major, c->than.minor, c->than.patch};
	for (unsigned i = 0; i < c->numbers && i < COUNT_OF(numbers); i++)
		if (numbers[i] > 0)
			return i + 1;
	return c->numbers;
}

static bool is_met(const struct version_condition *c, const struct semver *version)
{
	int whole = compare(version, &c->than), first = compare_first(version, &c->than, c->numbers);
	bool is_given = c->numbers == 3;
	switch (c->operator) {
	case VERSION_EQUAL: return is_given ? whole == 0 : first == 0 && whole >= 0;
	case VERSION_NOT: return is_given ? whole != 0 : first != 0;
	case VERSION_GREATER: return is_given ? whole > 0 : first > 0;
	case VERSION_LESS: return whole < 0;
	case VERSION_AT_LEAST: return whole >= 0;
	case VERSION_AT_MOST: return is_given ? whole <= 0 : first <= 0;
	case VERSION_TILDE: return whole >= 0 && compare_first(version, &c->than, c->numbers > 2 ? 2 : c->numbers) == 0;
	case VERSION_CARET: return whole >= 0 && compare_first(version, &c->than, fixed_by_caret(c)) == 0;
	}
	return false;
}

bool version_range_has(const struct version_range *range, struct span text)
{
	struct semver version;
	if (!semver_parse(without_build(text), &version, NULL))
		return false;
	for (size_t i = 0; i < range->count;) {
		bool is_in = true, names_pre = false;
		do {
			is_in = is_in && is_met(&range->conditions[i], &version);
			names_pre = names_pre || range->conditions[i].than.pre.len > 0;
		} while (++i < range->count && !range->conditions[i].begins);
		if (is_in && (version.pre.len == 0 || names_pre))
			return true;
	}
	return false;
}

bool version_choose(struct span want, const struct span *versions, size_t count, size_t *out_index, struct fail *fail)
{
	for (size_t i = 0; i < count; i++) {
		if (!span_eq(versions[i], want))
			continue;
		*out_index = i;
		return true;
	}
	struct version_range range;
	if (!version_range_parse(want, &range, fail))
		return false;
	size_t best = count;
	for (size_t i = 0; i < count; i++)
		if (version_range_has(&range, versions[i]) && (best == count || version_compare(versions[i], versions[best]) > 0))
			best = i;
	if (best == count)
		return fail_set(fail, FAIL_NOT_FOUND, "no version matches \"%.*s\"", SPAN_ARG(want));
	*out_index = best;
	return true;
}
