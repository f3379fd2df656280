#include "render/redact.h"

#include <ctype.h>

#include "base/cleanup.h"

/* Anywhere in the name. */
static const char *const parts[] = {"token", "secret", "passw",	  "passphrase", "credential", "private",
				    "apikey", "authkey", "accesskey", "certificate", "kubeconfig", "talosconfig"};
/* A whole word of the name. */
static const char *const words[] = {"key", "keys", "ca",  "cas", "cert", "certs", "crt",
				    "pem", "auth", "pass", "pwd", "psk",  "jwt"};

static struct span lower(struct span text, char *buffer, size_t size)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;
	for (size_t i = 0; i < len; i++)
		buffer[i] = (char)tolower((unsigned char)text.ptr[i]);
	buffer[len] = '\0';
	return (struct span){buffer, len};
}

static bool is_word(struct span word)
{
	char buffer[32];
	if (word.len >= sizeof buffer)
		return false;
	struct span name = lower(word, buffer, sizeof buffer);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_is(name, words[i]))
			return true;
	return false;
}

static bool starts_word(struct span key, size_t at)
{
	unsigned char c = (unsigned char)key.ptr[at], before = (unsigned char)key.ptr[at - 1];
	return isupper(c) && !isupper(before);
}

/* Words are parted by punctuation and where lower case turns into upper case; "CAs" counts as one. */
static bool has_secret_word(struct span key)
{
	size_t begin = 0;
	for (size_t i = 0; i <= key.len; i++) {
		bool is_break = i == key.len || !isalnum((unsigned char)key.ptr[i]);
		if (!is_break && (i == begin || !starts_word(key, i)))
			continue;
		if (is_word((struct span){key.ptr + begin, i - begin}))
			return true;
		begin = is_break ? i + 1 : i;
	}
	return false;
}

bool redact_is_secret_key(struct span key)
{
	char buffer[256];
	struct span name = lower(key, buffer, sizeof buffer);
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (span_contains(name, parts[i]))
			return true;
	return has_secret_word(key);
}

/* "scheme://user:password@host" */
static bool has_url_password(struct span value)
{
	for (size_t i = 0; i + 3 <= value.len; i++) {
		if (memcmp(value.ptr + i, "://", 3) != 0)
			continue;
		bool has_colon = false;
		for (size_t j = i + 3; j < value.len && value.ptr[j] != '/' && !isspace((unsigned char)value.ptr[j]); j++) {
			has_colon |= value.ptr[j] == ':';
			if (value.ptr[j] == '@' && has_colon)
				return true;
		}
	}
	return false;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* "TS_AUTHKEY=…", "grpc://host?jointoken=…", "password = …", "password: …" */
static bool has_assignment(struct span value)
{
	for (size_t i = 1; i < value.len; i++) {
		if (value.ptr[i] != '=' && value.ptr[i] != ':')
			continue;
		size_t end = i;
		while (end > 0 && value.ptr[i] == '=' && value.ptr[end - 1] == ' ')
			end--;
		size_t begin = end;
		while (begin > 0 && is_name_char(value.ptr[begin - 1]))
			begin--;
		bool has_value = i + 1 < value.len && (value.ptr[i] == '=' || value.ptr[i + 1] == ' ');
		if (has_value && begin < end && redact_is_secret_key((struct span){value.ptr + begin, end - begin}))
			return true;
	}
	return false;
}

/* A long run as base64 and generated passwords have it: upper and lower case and digits. */
static bool has_random_run(struct span value)
{
	enum { RUN_MIN = 20 };
	size_t run = 0;
	unsigned seen = 0;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (!isalnum(c) && c != '+' && c != '/' && c != '_' && c != '-') {
			run = seen = 0;
			continue;
		}
		seen |= isupper(c) ? 1u : islower(c) ? 2u : isdigit(c) ? 4u : 0u;
		if (++run >= RUN_MIN && seen == 7)
			return true;
	}
	return false;
}

bool redact_is_secret_value(struct span value)
{
	static const char *const marks[] = {"-----BEGIN", "AGE-SECRET-KEY-", "tskey-", "ghp_",	 "github_pat_",
					    "glpat-",	  "AKIA",	     "Bearer ", "Basic ", "xoxb-"};
	for (size_t i = 0; i < COUNT_OF(marks); i++)
		if (span_contains(value, marks[i]))
			return true;
	return has_url_password(value) || has_assignment(value) || has_random_run(value);
}
