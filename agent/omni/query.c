/* Label queries: Omni's terms, its text form, and its rules of matching. */
#include "agent/omni/store.h"
#include "base/cleanup.h"
#include "render/selector.h"

static struct omni_term *add_term(struct arena *arena, struct omni_query *query, struct span key, enum omni_term_op op,
				  bool invert)
{
	struct omni_term *term = &ARENA_PUSH(arena, query->terms, query->count, query->cap);
	*term = (struct omni_term){.key = key, .op = op, .invert = invert};
	return term;
}

static void set_value(struct arena *arena, struct omni_term *term, struct span value)
{
	term->values = ARENA_NEW(arena, struct span);
	term->values[0] = value;
	term->value_count = 1;
}

void omni_query_equal(struct arena *arena, struct omni_query *query, const char *key, struct span value)
{
	set_value(arena, add_term(arena, query, span_of(key), OMNI_TERM_EQUAL, false), value);
}

/* --- matching --------------------------------------------------------------------------------------------------------- */

static struct span skip_blanks(struct span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = (struct span){s.ptr + 1, s.len - 1};
	return s;
}

static char lower(struct span s, size_t at)
{
	char c = at < s.len ? s.ptr[at] : '\0';
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* A unit is told by its first letters: "Gi", "gib", "kg". */
static bool parse_unit(struct span s, double *out)
{
	static const char letters[] = "kmgtp";
	s = skip_blanks(s);
	*out = 1;
	if (s.len == 0)
		return true;
	const char *letter = strchr(letters, lower(s, 0));
	if (letter == NULL || *letter == '\0')
		return false;
	double base = lower(s, 1) == 'i' ? 1024 : 1000;
	for (const char *at = letters; at <= letter; at++)
		*out *= base;
	return true;
}

static bool parse_number(struct span s, double *out)
{
	int64_t digits = 0;
	double unit;
	size_t len = 0;
	s = skip_blanks(s);
	while (len < s.len && ((s.ptr[len] >= '0' && s.ptr[len] <= '9') || s.ptr[len] == '-'))
		len++;
	if (!span_int((struct span){s.ptr, len}, INT64_MIN, INT64_MAX, &digits) ||
	    !parse_unit((struct span){s.ptr + len, s.len - len}, &unit))
		return false;
	*out = (double)digits * unit;
	return true;
}

static bool is_in(const struct omni_term *term, struct span value)
{
	for (size_t i = 0; i < term->value_count; i++)
		if (span_eq(term->values[i], value))
			return true;
	return false;
}

/* Whether the term holds before inversion; *out_is_comparable false: it never holds, inverted or not. */
static bool compare(const struct omni_term *term, struct span value, bool *out_is_comparable)
{
	double left, right;
	bool is_numeric = term->op == OMNI_TERM_LT_NUMERIC || term->op == OMNI_TERM_LTE_NUMERIC;
	if (term->value_count == 0 ||
	    (is_numeric && (!parse_number(value, &left) || !parse_number(term->values[0], &right)))) {
		*out_is_comparable = false;
		return false;
	}
	if (!is_numeric) {
		int order = span_cmp(value, term->values[0]);
		return term->op == OMNI_TERM_LT ? order < 0 : order <= 0;
	}
	return term->op == OMNI_TERM_LT_NUMERIC ? left < right : left <= right;
}

static const struct label *find(const struct labels *labels, struct span key)
{
	size_t low = 0, high = labels->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(labels->items[middle].key, key);
		if (order == 0)
			return &labels->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool match_term(const struct omni_term *term, const struct labels *labels)
{
	const struct label *label = find(labels, term->key);
	bool is_comparable = true, holds = false;
	if (term->op == OMNI_TERM_EXISTS)
		holds = label != NULL;
	else if (term->op == OMNI_TERM_EQUAL || term->op == OMNI_TERM_IN)
		holds = label != NULL && is_in(term, label->value);
	else if (label == NULL)
		return false;
	else
		holds = compare(term, label->value, &is_comparable);
	return is_comparable && holds != term->invert;
}

bool omni_query_match(const struct omni_query *query, const struct labels *labels)
{
	for (size_t i = 0; query != NULL && i < query->count; i++)
		if (!match_term(&query->terms[i], labels))
			return false;
	return true;
}

/* --- the text form ----------------------------------------------------------------------------------------------------- */

struct parser {
	struct arena *arena;
	struct span rest;
	struct omni_query *query;
};

static bool take_text(struct parser *parser, const char *text)
{
	size_t len = strlen(text);
	if (!span_starts(parser->rest, text))
		return false;
	parser->rest = (struct span){parser->rest.ptr + len, parser->rest.len - len};
	return true;
}

static void skip(struct parser *parser)
{
	while (parser->rest.len > 0 && memchr(" \t\r\n", parser->rest.ptr[0], 4) != NULL)
		take_text(parser, (const char[]){parser->rest.ptr[0], '\0'});
}

static struct span unquote(struct parser *parser)
{
	char *out = arena_alloc(parser->arena, parser->rest.len);
	size_t len = 0, at = 1;
	for (; at < parser->rest.len && parser->rest.ptr[at] != '"'; at++) {
		if (parser->rest.ptr[at] == '\\' && at + 1 < parser->rest.len)
			at++;
		out[len++] = parser->rest.ptr[at];
	}
	parser->rest = (struct span){parser->rest.ptr + at + 1, parser->rest.len - at - 1};
	return (struct span){out, len};
}

/* A key ends at a blank, a value only at what cannot be part of it. */
static struct span take_word(struct parser *parser, bool is_value)
{
	size_t len = 0;
	skip(parser);
	if (parser->rest.len > 0 && parser->rest.ptr[0] == '"')
		return unquote(parser);
	while (len < parser->rest.len && memchr("=!(),><", parser->rest.ptr[len], 7) == NULL &&
	       (is_value || memchr(" \t\r\n", parser->rest.ptr[len], 4) == NULL))
		len++;
	struct span word = {parser->rest.ptr, len};
	parser->rest = (struct span){word.ptr + len, parser->rest.len - len};
	return span_trim(word);
}

static void take_list(struct parser *parser, struct omni_term *term)
{
	size_t cap = 0;
	skip(parser);
	take_text(parser, "(");
	do
		ARENA_PUSH(parser->arena, term->values, term->value_count, cap) = take_word(parser, true);
	while (skip(parser), take_text(parser, ","));
	take_text(parser, ")");
}

static void take_term(struct parser *parser)
{
	static const struct {
		const char *text;
		enum omni_term_op op;
		bool invert;
	} operators[] = {
		{"!=", OMNI_TERM_EQUAL, true},	       {"==", OMNI_TERM_EQUAL, false},
		{"<=", OMNI_TERM_LTE_NUMERIC, false},  {">=", OMNI_TERM_LT_NUMERIC, true},
		{"=", OMNI_TERM_EQUAL, false},	       {"<", OMNI_TERM_LT_NUMERIC, false},
		{">", OMNI_TERM_LTE_NUMERIC, true},
	};
	skip(parser);
	bool is_absent = take_text(parser, "!");
	struct span key = take_word(parser, is_absent);
	skip(parser);
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		if (!take_text(parser, operators[i].text))
			continue;
		struct omni_term *term =
			add_term(parser->arena, parser->query, key, operators[i].op, operators[i].invert);
		set_value(parser->arena, term, take_word(parser, true));
		return;
	}
	bool is_not_in = take_text(parser, "notin");
	if (is_not_in || take_text(parser, "in"))
		take_list(parser, add_term(parser->arena, parser->query, key, OMNI_TERM_IN, is_not_in));
	else
		add_term(parser->arena, parser->query, key, OMNI_TERM_EXISTS, is_absent);
}

/* The grammar is checked before; what is left is to take the pieces. */
bool omni_query_parse(struct arena *arena, struct span text, struct omni_query *out, struct fail *fail)
{
	struct omni_query query = {0};
	struct parser parser = {arena, arena_copy(arena, text), &query};
	if (!selector_check(text, fail))
		return false;
	skip(&parser);
	while (parser.rest.len > 0) {
		take_term(&parser);
		skip(&parser);
		if (!take_text(&parser, ","))
			break;
		skip(&parser);
	}
	*out = query;
	return true;
}
