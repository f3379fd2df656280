#include "agent/kube/json_read.h"

enum { DEPTH_MAX = 512 };

struct mender {
	struct span text;
	size_t at;
	struct text *out;
};

/* A string with its quotes. Escapes are left alone but for the one. */
static void mend_string(struct mender *m)
{
	static const char zero[] = "\\u0000";
	size_t from = m->at++;
	while (m->at < m->text.len && m->text.ptr[m->at] != '"') {
		if (m->text.ptr[m->at] != '\\') {
			m->at++;
			continue;
		}
		bool is_zero = m->text.len - m->at >= sizeof zero - 1 && memcmp(m->text.ptr + m->at, zero, sizeof zero - 1) == 0;
		if (is_zero) {
			text_add(m->out, (struct span){m->text.ptr + from, m->at - from});
			text_adds(m->out, "\\ufffd");
			from = m->at + sizeof zero - 1;
		}
		m->at += is_zero ? sizeof zero - 1 : 2;
	}
	m->at = m->at < m->text.len ? m->at + 1 : m->text.len;
	text_add(m->out, (struct span){m->text.ptr + from, m->at - from});
}

static bool is_of_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static void mend_number(struct mender *m)
{
	size_t from = m->at;
	bool is_integer = true;
	int64_t value;
	for (; m->at < m->text.len && is_of_number(m->text.ptr[m->at]); m->at++)
		is_integer = is_integer && (m->text.ptr[m->at] == '-' || m->text.ptr[m->at] <= '9') && m->text.ptr[m->at] != '.';
	struct span number = {m->text.ptr + from, m->at - from};
	text_add(m->out, number);
	if (is_integer && !span_int(number, INT64_MIN, INT64_MAX, &value))
		text_adds(m->out, ".0");
}

/* Behind the bracket that closes what is open here. */
static void skip_nested(struct mender *m)
{
	size_t depth = 0;
	bool in_string = false;
	for (; m->at < m->text.len; m->at++) {
		char c = m->text.ptr[m->at];
		if (in_string && c == '\\')
			m->at++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && --depth == 0)
			break;
	}
	m->at = m->at < m->text.len ? m->at + 1 : m->text.len;
	text_adds(m->out, "null");
}

static void mend(struct span text, struct text *out)
{
	struct mender m = {text, 0, out};
	size_t depth = 0;
	while (m.at < text.len) {
		char c = text.ptr[m.at];
		bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
		if (c == '"') {
			mend_string(&m);
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			mend_number(&m);
		} else if (opens && depth == DEPTH_MAX) {
			skip_nested(&m);
		} else {
			depth += opens;
			depth -= closes && depth > 0;
			text_addc(out, c);
			m.at++;
		}
	}
}

json_t *kube_json_read(struct span text, struct fail *fail)
{
	json_error_t error;
	json_t *value = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &error);
	if (value != NULL)
		return value;
	struct text mended;
	text_init(&mended, TEXT_NO_LIMIT);
	mend(text, &mended);
	value = json_loadb(mended.ptr, mended.len, JSON_DECODE_ANY, &error);
	text_done(&mended);
	if (value == NULL)
		fail_set(fail, FAIL_PROTOCOL, "it is not JSON: byte %d: %.80s", error.position, text.len == 0 ? "nothing is there" : error.text);
	return value;
}

static int add_bytes(const char *bytes, size_t size, void *out)
{
	text_add(out, (struct span){bytes, size});
	return 0;
}

void kube_json_write(struct text *out, const json_t *value)
{
	if (json_dump_callback(value, add_bytes, out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) != 0)
		text_adds(out, "null"); /* nothing that was read here is too deep to be written */
}

struct span kube_json_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_string(value) ? (struct span){json_string_value(value), json_string_length(value)} : SPAN("");
}
