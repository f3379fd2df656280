#include "agent/helm/json_cursor.h"

static void skip_blanks(struct json_cursor *c)
{
	while (c->at < c->text.len && (c->text.ptr[c->at] == ' ' || c->text.ptr[c->at] == '\n' || c->text.ptr[c->at] == '\t' ||
				       c->text.ptr[c->at] == '\r'))
		c->at++;
}

static bool take(struct json_cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->at >= c->text.len || c->text.ptr[c->at] != wanted)
		return false;
	c->at++;
	return true;
}

static bool break_off(struct json_cursor *c)
{
	c->is_broken = true;
	return false;
}

/* Behind the quote that ends the string whose first quote is here. */
static bool skip_string(struct json_cursor *c)
{
	for (c->at++; c->at < c->text.len; c->at++) {
		if (c->text.ptr[c->at] == '\\')
			c->at++;
		else if (c->text.ptr[c->at] == '"')
			return c->at++, true;
	}
	c->at = c->text.len;
	return break_off(c);
}

static bool skip_nested(struct json_cursor *c)
{
	unsigned depth = 0;
	while (c->at < c->text.len) {
		char sign = c->text.ptr[c->at];
		if (sign == '"') {
			if (!skip_string(c))
				return false;
			continue;
		}
		c->at++;
		if ((sign == '{' || sign == '[') && ++depth > JSON_CURSOR_DEPTH)
			return break_off(c);
		if ((sign == '}' || sign == ']') && --depth == 0)
			return true;
	}
	return break_off(c);
}

static bool skip_word(struct json_cursor *c)
{
	size_t from = c->at;
	while (c->at < c->text.len && strchr(",}] \n\t\r", c->text.ptr[c->at]) == NULL)
		c->at++;
	return c->at > from ? true : break_off(c);
}

static bool take_value(struct json_cursor *c, struct span *out)
{
	skip_blanks(c);
	size_t from = c->at;
	if (from >= c->text.len)
		return break_off(c);
	char first = c->text.ptr[from];
	bool is_nested = first == '{' || first == '[';
	if (!(is_nested ? skip_nested(c) : first == '"' ? skip_string(c) : skip_word(c)))
		return false;
	*out = (struct span){c->text.ptr + from, c->at - from};
	return true;
}

struct json_cursor json_members(struct span object)
{
	struct json_cursor cursor = {.text = object};
	cursor.is_broken = !take(&cursor, '{');
	return cursor;
}

bool json_member(struct json_cursor *c, struct span *out_key, struct span *out_value)
{
	if (c->is_broken || take(c, '}'))
		return false;
	if (c->has_begun && !take(c, ','))
		return break_off(c);
	c->has_begun = true;
	skip_blanks(c);
	size_t from = c->at;
	if (from >= c->text.len || c->text.ptr[from] != '"')
		return break_off(c);
	if (!skip_string(c))
		return false;
	struct span key = {c->text.ptr + from + 1, c->at - from - 2};
	if (!take(c, ':'))
		return break_off(c);
	if (!take_value(c, out_value))
		return false;
	*out_key = key;
	return true;
}

bool json_find(struct span object, const char *key, struct span *out_value)
{
	struct json_cursor cursor = json_members(object);
	struct span name, value;
	while (json_member(&cursor, &name, &value)) {
		if (!span_is(name, key))
			continue;
		*out_value = value;
		return true;
	}
	return false;
}
