/* How much of a line of source may be shown beside a diagnostic: logs of pipelines are read by many. */
#include "base/cleanup.h"
#include "render/redact.h"

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
	       c == '/' || (c & '\x80') != 0;
}

/* "tokn" is what somebody meant to be secret, too. */
static bool is_nearly_secret(struct span key)
{
	static const char *const names[] = {"token", "secret", "password", "passphrase", "credential", "private", "authkey"};
	char buffer[24];
	if (key.len >= sizeof buffer)
		return false;
	for (size_t i = 0; i < key.len; i++)
		buffer[i] = (char)(key.ptr[i] >= 'A' && key.ptr[i] <= 'Z' ? key.ptr[i] | 0x20 : key.ptr[i]);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		size_t limit = strlen(names[i]) < 6 ? 2 : 3;
		if (span_distance((struct span){buffer, key.len}, span_of(names[i]), limit) < limit)
			return true;
	}
	return false;
}

/* The name in front of the separator at `at`, without quotes. */
static struct span key_before(struct span line, size_t at)
{
	size_t end = at;
	while (end > 0 && (line.ptr[end - 1] == ' ' || line.ptr[end - 1] == '"' || line.ptr[end - 1] == '\''))
		end--;
	size_t begin = end;
	while (begin > 0 && is_key_char(line.ptr[begin - 1]))
		begin--;
	return (struct span){line.ptr + begin, end - begin};
}

/* Field paths end in the keys that a value stands below: "machine.token", "spec.patches[0].inline.cluster.ca.key". */
static bool is_secret_path(struct span path)
{
	struct span rest = path, piece;
	while (span_next(&rest, '.', &piece))
		if (redact_is_secret_key(span_before(piece, '[')))
			return true;
	return false;
}

static size_t indent_of(struct span line)
{
	size_t at = 0;
	while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t' || line.ptr[at] == '-'))
		at++;
	return at;
}

size_t redact_line_from(struct span line, struct span path)
{
	bool hides_first = is_secret_path(path);
	bool has_key = false;
	for (size_t i = 0; i < line.len; i++) {
		bool is_colon = line.ptr[i] == ':' && (i + 1 == line.len || line.ptr[i + 1] != '/');
		if (!is_colon && line.ptr[i] != '=')
			continue;
		struct span key = key_before(line, i);
		if (key.len == 0)
			continue;
		has_key = true;
		if (hides_first || redact_is_secret_key(key) || is_nearly_secret(key) ||
		    redact_is_secret_value((struct span){line.ptr + i + 1, line.len - i - 1}))
			return i + 1;
	}
	return !has_key && (hides_first || redact_is_secret_value(line)) ? indent_of(line) : line.len;
}
