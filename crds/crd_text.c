#include "crds/crd_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_word_like(const char *value)
{
	static const char *const reserved[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcasecmp(value, reserved[i]) == 0)
			return false;
	if (!isalpha((unsigned char)value[0]) && value[0] != '/')
		return false;
	for (const char *c = value; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("._-/", *c) == NULL)
			return false;
	return true;
}

/* A sentence can stand plain when nothing in it means something to a YAML reader. */
static bool is_plain_sentence(const char *value)
{
	size_t len = strlen(value);
	if (len == 0 || !isalpha((unsigned char)value[0]) || value[len - 1] == ' ' || value[len - 1] == ':')
		return false;
	for (const char *c = value; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr(" ._-/,();'`", *c) == NULL)
			return false;
	return strchr(value, ' ') != NULL;
}

void put_scalar(struct text *out, const char *value)
{
	if (is_word_like(value) || is_plain_sentence(value)) {
		text_adds(out, value);
		return;
	}
	text_addc(out, '\'');
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\'')
			text_addc(out, '\'');
		text_addc(out, *c);
	}
	text_addc(out, '\'');
}

static void put_indented_key(struct text *out, unsigned indent, const char *key)
{
	text_pad(out, ' ', indent);
	text_adds(out, key);
	text_addc(out, ':');
}

void put_key(struct text *out, unsigned indent, const char *key)
{
	put_indented_key(out, indent, key);
	text_addc(out, '\n');
}

void put_string(struct text *out, unsigned indent, const char *key, const char *value)
{
	put_indented_key(out, indent, key);
	text_addc(out, ' ');
	put_scalar(out, value);
	text_addc(out, '\n');
}

void put_number(struct text *out, unsigned indent, const char *key, int64_t value)
{
	put_indented_key(out, indent, key);
	text_addf(out, " %lld\n", (long long)value);
}

void put_true(struct text *out, unsigned indent, const char *key)
{
	put_indented_key(out, indent, key);
	text_adds(out, " true\n");
}

void put_item(struct text *out, unsigned indent, const char *value)
{
	text_pad(out, ' ', indent);
	text_adds(out, "- ");
	put_scalar(out, value);
	text_addc(out, '\n');
}
