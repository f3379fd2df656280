#include "render/resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render/resolve_number.h"

const unsigned char resolve_hints[256] = {
	['y'] = RESOLVE_WORD,   ['Y'] = RESOLVE_WORD,	  ['n'] = RESOLVE_WORD,   ['N'] = RESOLVE_WORD,   ['t'] = RESOLVE_WORD,
	['T'] = RESOLVE_WORD,   ['f'] = RESOLVE_WORD,	  ['F'] = RESOLVE_WORD,   ['o'] = RESOLVE_WORD,   ['O'] = RESOLVE_WORD,
	['~'] = RESOLVE_WORD,   ['.'] = RESOLVE_DOT,	  ['+'] = RESOLVE_NUMBER, ['-'] = RESOLVE_NUMBER, ['0'] = RESOLVE_NUMBER,
	['1'] = RESOLVE_NUMBER, ['2'] = RESOLVE_NUMBER, ['3'] = RESOLVE_NUMBER, ['4'] = RESOLVE_NUMBER, ['5'] = RESOLVE_NUMBER,
	['6'] = RESOLVE_NUMBER, ['7'] = RESOLVE_NUMBER, ['8'] = RESOLVE_NUMBER, ['9'] = RESOLVE_NUMBER,
};

/* Exactly lower case, Capitalised or UPPER CASE of `lower`. */
static bool is_spelling(struct span s, const char *lower)
{
	if (strlen(lower) != s.len)
		return false;
	if ((s.ptr[0] | 0x20) != lower[0])
		return false;
	bool is_lower = true, is_upper = true, is_tail_lower = true;
	for (size_t i = 0; i < s.len; i++) {
		bool low = s.ptr[i] == lower[i];
		if (!low && s.ptr[i] != (lower[i] ^ 0x20))
			return false;
		is_lower = is_lower && low;
		is_upper = is_upper && !low;
		is_tail_lower = is_tail_lower && (low || i == 0);
	}
	return is_lower || is_upper || is_tail_lower;
}

int resolve_old_boolean(struct span s)
{
	if (s.len == 0 || s.len > 3)
		return -1;
	if (is_spelling(s, "y") || is_spelling(s, "yes") || is_spelling(s, "on"))
		return 1;
	if (is_spelling(s, "n") || is_spelling(s, "no") || is_spelling(s, "off"))
		return 0;
	return -1;
}

static bool set(struct resolved *out, enum node_kind kind, struct span text)
{
	out->kind = kind;
	out->text = text;
	return true;
}

static bool resolve_word(enum resolve_rules rules, struct span raw, struct resolved *out)
{
	if (raw.len > RESOLVE_LONGEST_WORD)
		return false;
	if (raw.len == 4 && is_spelling(raw, "true"))
		return set(out, NODE_BOOL, SPAN("true"));
	if (raw.len == 5 && is_spelling(raw, "false"))
		return set(out, NODE_BOOL, SPAN("false"));
	if ((raw.len == 4 && is_spelling(raw, "null")) || span_is(raw, "~"))
		return set(out, NODE_NULL, SPAN("null"));
	int old = rules == RESOLVE_KUBERNETES ? resolve_old_boolean(raw) : -1;
	if (old < 0)
		return false;
	return set(out, NODE_BOOL, old ? SPAN("true") : SPAN("false"));
}

/* ".nan", ".inf" with or without a sign */
static bool resolve_special(struct span raw, struct resolved *out)
{
	bool has_sign = raw.ptr[0] == '+' || raw.ptr[0] == '-';
	struct span name = {raw.ptr + has_sign, raw.len - has_sign};
	if (name.len != 4 || name.ptr[0] != '.')
		return false;
	name = (struct span){name.ptr + 1, 3};
	if (is_spelling(name, "inf"))
		return set(out, NODE_FLOAT, raw.ptr[0] == '-' ? SPAN("-.inf") : SPAN(".inf"));
	if (!has_sign && (span_is(name, "nan") || span_is(name, "NaN") || span_is(name, "NAN")))
		return set(out, NODE_FLOAT, SPAN(".nan"));
	return false;
}

static bool set_double(enum resolve_rules rules, double value, struct resolved *out)
{
	if (rules == RESOLVE_KUBERNETES && value == 0) /* the API server drops the sign of zero */
		value = 0;
	return set(out, NODE_FLOAT, resolve_print_double(value, out->space));
}

static bool is_plain_integer(struct span raw)
{
	if (raw.len > 18 || (raw.ptr[0] == '0' && raw.len > 1))
		return false;
	for (size_t i = 0; i < raw.len; i++)
		if (raw.ptr[i] < '0' || raw.ptr[i] > '9')
			return false;
	return true;
}

enum { IN_NUMBER = 1, IS_DASH = 2, IS_EXPONENT = 4 };
#define D IN_NUMBER
static const unsigned char number_bytes[256] = {
	['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D, ['8'] = D, ['9'] = D,
	['a'] = D, ['b'] = D, ['c'] = D, ['d'] = D, ['f'] = D, ['A'] = D, ['B'] = D, ['C'] = D, ['D'] = D, ['F'] = D,
	['x'] = D, ['X'] = D, ['o'] = D, ['O'] = D, ['_'] = D, ['.'] = D, ['+'] = D,
	['e'] = D | IS_EXPONENT, ['E'] = D | IS_EXPONENT, ['-'] = D | IS_DASH,
};
#undef D

/* Nothing that starts as a number holds any other byte, a second dot, or a dash that is neither in front nor behind an e
 * (addresses and UUIDs end here); timestamps are looked at before. */
static bool can_be_number(struct span raw)
{
	unsigned before = IS_EXPONENT, dots = 0;
	for (size_t i = 0; i < raw.len; i++) {
		unsigned now = number_bytes[(unsigned char)raw.ptr[i]];
		dots += raw.ptr[i] == '.';
		if (now == 0 || dots > 1 || ((now & IS_DASH) != 0 && (before & IS_EXPONENT) == 0))
			return false;
		if (raw.ptr[i] != '_')
			before = now;
	}
	return true;
}

static bool resolve_number(enum resolve_rules rules, struct span raw, struct resolved *out)
{
	if (is_plain_integer(raw))
		return set(out, NODE_INT, raw);
	if (resolve_special(raw, out))
		return true;
	if (number_timestamp(raw, out->space, &out->text)) {
		if (rules == RESOLVE_KUBERNETES)
			return false; /* readers that know no time keep the text */
		out->kind = NODE_TIME;
		return true;
	}
	if (!can_be_number(raw))
		return false;
	if (rules == RESOLVE_OMNI && span_is(raw, "-0"))
		return set(out, NODE_FLOAT, SPAN("-0"));
	if (number_integer(raw, out->space, &out->text)) {
		out->kind = NODE_INT;
		return true;
	}
	double value;
	return number_float(raw, &value) && set_double(rules, value, out);
}

static bool resolve_dot(enum resolve_rules rules, struct span raw, struct resolved *out)
{
	double value;
	if (resolve_special(raw, out))
		return true;
	return number_fraction(raw, &value) && set_double(rules, value, out);
}

void resolve_plain(enum resolve_rules rules, struct span raw, struct resolved *out)
{
	bool is_known = false;
	if (raw.len == 0) {
		set(out, NODE_NULL, SPAN("null"));
		return;
	}
	switch (resolve_hints[(unsigned char)raw.ptr[0]]) {
	case RESOLVE_WORD: is_known = resolve_word(rules, raw, out); break;
	case RESOLVE_DOT: is_known = resolve_dot(rules, raw, out); break;
	case RESOLVE_NUMBER: is_known = resolve_number(rules, raw, out); break;
	default: break;
	}
	if (!is_known)
		set(out, NODE_STRING, raw);
}
