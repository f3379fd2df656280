#include "render/selector.h"

enum token { TOKEN_END, TOKEN_WORD, TOKEN_COMMA, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_NOT, TOKEN_COMPARE, TOKEN_MEMBER, TOKEN_BAD };

struct scanner {
	struct span rest;
	bool in_value; /* behind an operator blanks belong to the word */
	bool in_list;
	struct span text; /* of the token */
	struct fail *fail;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return memchr("=!(),><", c, 7) != NULL;
}

static enum token take(struct scanner *scanner, size_t len, enum token token)
{
	scanner->text = (struct span){scanner->rest.ptr, len};
	scanner->rest = (struct span){scanner->rest.ptr + len, scanner->rest.len - len};
	return token;
}

static enum token scan_quoted(struct scanner *scanner)
{
	for (size_t i = 1; i < scanner->rest.len; i++) {
		if (scanner->rest.ptr[i] == '\\')
			i++;
		else if (scanner->rest.ptr[i] == '"')
			return take(scanner, i + 1, TOKEN_WORD);
	}
	fail_set(scanner->fail, FAIL_INVALID, "a quoted text has no closing quote");
	return take(scanner, scanner->rest.len, TOKEN_BAD);
}

static enum token scan_word(struct scanner *scanner)
{
	size_t len = 0;
	while (len < scanner->rest.len && !is_special(scanner->rest.ptr[len]) &&
	       (scanner->in_value || !is_blank(scanner->rest.ptr[len])))
		len++;
	enum token token = take(scanner, len, TOKEN_WORD);
	return span_is(scanner->text, "in") || span_is(scanner->text, "notin") ? TOKEN_MEMBER : token;
}

static enum token scan_special(struct scanner *scanner)
{
	static const struct {
		const char *text;
		enum token token;
	} specials[] = {
		{"!=", TOKEN_COMPARE}, {"==", TOKEN_COMPARE}, {">=", TOKEN_COMPARE}, {"<=", TOKEN_COMPARE},
		{"=", TOKEN_COMPARE},  {">", TOKEN_COMPARE},  {"<", TOKEN_COMPARE},  {"!", TOKEN_NOT},
		{",", TOKEN_COMMA},    {"(", TOKEN_OPEN},     {")", TOKEN_CLOSE},
	};
	size_t i = 0;
	while (!span_starts(scanner->rest, specials[i].text))
		i++;
	return take(scanner, strlen(specials[i].text), specials[i].token);
}

static enum token scan(struct scanner *scanner)
{
	while (scanner->rest.len > 0 && is_blank(scanner->rest.ptr[0]))
		take(scanner, 1, TOKEN_BAD);
	if (scanner->rest.len == 0)
		return take(scanner, 0, TOKEN_END);
	if (scanner->rest.ptr[0] == '"')
		return scan_quoted(scanner);
	enum token token = is_special(scanner->rest.ptr[0]) ? scan_special(scanner) : scan_word(scanner);
	if (token == TOKEN_OPEN || token == TOKEN_CLOSE)
		scanner->in_list = token == TOKEN_OPEN;
	else if (token == TOKEN_COMMA && !scanner->in_list)
		scanner->in_value = false;
	else if (token == TOKEN_NOT || token == TOKEN_COMPARE || token == TOKEN_MEMBER)
		scanner->in_value = true;
	return token;
}

static bool unexpected(const struct scanner *scanner, const char *wanted)
{
	if (scanner->fail != NULL && scanner->fail->code != FAIL_NONE)
		return false; /* the scanner knew better */
	if (scanner->text.len == 0)
		return fail_set(scanner->fail, FAIL_INVALID, "it ends where %s should be", wanted);
	return fail_set(scanner->fail, FAIL_INVALID, "\"%.*s\" stands where %s should be", SPAN_ARG(scanner->text), wanted);
}

/* Where a value may stand, `in` and `notin` are words. */
static bool is_word(enum token token)
{
	return token == TOKEN_WORD || token == TOKEN_MEMBER;
}

/* Behind `in`: "(a, b)"; items may be empty. */
static bool check_list(struct scanner *scanner)
{
	if (scan(scanner) != TOKEN_OPEN)
		return unexpected(scanner, "\"(\"");
	bool behind_word = false;
	for (;;) {
		enum token token = scan(scanner);
		if (token == TOKEN_CLOSE)
			return true;
		if (token != TOKEN_COMMA && (behind_word || !is_word(token)))
			return unexpected(scanner, behind_word ? "\",\" or \")\"" : "a value");
		behind_word = is_word(token);
	}
}

/* One term and the comma or end behind it, which is returned. */
static bool check_term(struct scanner *scanner, enum token first, enum token *out_behind)
{
	bool negated = first == TOKEN_NOT;
	if (!is_word(negated ? scan(scanner) : first))
		return unexpected(scanner, "a label");
	enum token token = scan(scanner);
	*out_behind = token;
	if (token == TOKEN_END || token == TOKEN_COMMA)
		return true;
	if (negated)
		return unexpected(scanner, "\",\" or the end");
	if (token == TOKEN_MEMBER) {
		if (!check_list(scanner))
			return false;
		token = scan(scanner);
	} else if (token == TOKEN_COMPARE) {
		token = scan(scanner);
		if (is_word(token))
			token = scan(scanner);
		else if (token != TOKEN_END && token != TOKEN_COMMA)
			return unexpected(scanner, "a value");
	} else {
		return unexpected(scanner, "an operator");
	}
	*out_behind = token;
	return token == TOKEN_END || token == TOKEN_COMMA || unexpected(scanner, "\",\" or the end");
}

bool selector_check(struct span text, struct fail *fail)
{
	struct fail own = {0};
	struct scanner scanner = {.rest = text, .fail = fail == NULL ? &own : fail};
	enum token token = scan(&scanner);
	if (token == TOKEN_END)
		return true;
	while (token == TOKEN_WORD || token == TOKEN_MEMBER || token == TOKEN_NOT) {
		if (!check_term(&scanner, token, &token))
			return false;
		if (token == TOKEN_END)
			return true;
		token = scan(&scanner);
	}
	return unexpected(&scanner, "a label");
}
