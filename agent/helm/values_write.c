/* Values as text: for Helm, whose YAML reader has its own ideas of JSON, and for digests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/helm/values.h"
#include "base/cleanup.h"

/* Characters that YAML does not take raw, or folds; the rest of Unicode stays as it is, because pairs of surrogates are refused. */
static bool is_escaped(unsigned code)
{
	return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE ||
	       code == 0xFFFF;
}

/* jansson gives valid UTF-8. */
static size_t take_code(struct span text, size_t at, unsigned *out)
{
	static const struct {
		unsigned char mask, sign, first;
		size_t len;
	} forms[] = {{0x80, 0x00, 0x7F, 1}, {0xE0, 0xC0, 0x1F, 2}, {0xF0, 0xE0, 0x0F, 3}, {0xF8, 0xF0, 0x07, 4}};
	unsigned char lead = (unsigned char)text.ptr[at];
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if ((lead & forms[i].mask) != forms[i].sign || at + forms[i].len > text.len)
			continue;
		*out = lead & forms[i].first;
		for (size_t k = 1; k < forms[i].len; k++)
			*out = *out << 6 | ((unsigned char)text.ptr[at + k] & 0x3F);
		return forms[i].len;
	}
	*out = 0xFFFD;
	return 1;
}

static void add_string(struct text *out, struct span text, bool for_yaml)
{
	text_addc(out, '"');
	for (size_t at = 0, len; at < text.len; at += len) {
		unsigned code;
		len = take_code(text, at, &code);
		if (code == '"' || code == '\\')
			text_addf(out, "\\%c", (char)code);
		else if (for_yaml ? is_escaped(code) : code < 0x20)
			text_addf(out, "\\u%04x", code);
		else
			text_add(out, (struct span){text.ptr + at, len});
	}
	text_addc(out, '"');
}

/* The fewest digits that are the same double again. */
static void add_double(struct text *out, double value)
{
	char digits[40];
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	text_adds(out, value == 0 ? "0" : digits);
}

static void add_number(struct text *out, const json_t *value, bool for_yaml)
{
	if (json_is_real(value) || !for_yaml)
		add_double(out, json_number_value(value));
	else
		text_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

struct key {
	const char *text;
	size_t len;
	json_t *value;
};

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	return span_cmp((struct span){x->text, x->len}, (struct span){y->text, y->len});
}

static void add_value(struct text *out, const json_t *value, bool for_yaml);

static void add_object(struct text *out, const json_t *object, bool for_yaml)
{
	size_t count = json_object_size(object), at = 0;
	CLEANUP(free_ptr) struct key *keys = calloc(count + 1, sizeof *keys);
	if (keys == NULL)
		abort();
	const char *text;
	size_t len;
	json_t *item;
	json_object_keylen_foreach((json_t *)object, text, len, item)
		keys[at++] = (struct key){text, len, item};
	qsort(keys, count, sizeof *keys, by_text);
	text_addc(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_addc(out, ',');
		add_string(out, (struct span){keys[i].text, keys[i].len}, for_yaml);
		text_addc(out, ':');
		add_value(out, keys[i].value, for_yaml);
	}
	text_addc(out, '}');
}

static void add_array(struct text *out, const json_t *array, bool for_yaml)
{
	text_addc(out, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			text_addc(out, ',');
		add_value(out, json_array_get(array, i), for_yaml);
	}
	text_addc(out, ']');
}

static void add_value(struct text *out, const json_t *value, bool for_yaml)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: add_object(out, value, for_yaml); break;
	case JSON_ARRAY: add_array(out, value, for_yaml); break;
	case JSON_STRING: add_string(out, (struct span){json_string_value(value), json_string_length(value)}, for_yaml); break;
	case JSON_INTEGER:
	case JSON_REAL: add_number(out, value, for_yaml); break;
	case JSON_TRUE: text_adds(out, "true"); break;
	case JSON_FALSE: text_adds(out, "false"); break;
	case JSON_NULL: text_adds(out, "null"); break;
	}
}

void values_write(struct text *out, const json_t *values)
{
	add_value(out, values, true);
}

void values_canonical(struct text *out, const json_t *values)
{
	add_value(out, values, false);
}
