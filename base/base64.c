#include "base/base64.h"

#include <stdint.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, bool blanks, char *out, size_t *out_len, size_t *out_bad)
{
	size_t digits = 0, padding = 0, length = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '\r' || c == '\n' || (blanks && (c == ' ' || c == '\t')))
			continue;
		int value = digit(c);
		*out_bad = i;
		if (c == '=' && digits % 4 + ++padding <= 4 && digits % 4 >= 2)
			continue;
		if (value < 0 || padding > 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (digits++ % 4 != 0)
			out[length++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	*out_bad = text.len;
	if ((digits + padding) % 4 != 0)
		return false;
	*out_len = length;
	return true;
}
