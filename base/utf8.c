#include "base/utf8.h"

static size_t bad(uint32_t *out)
{
	*out = UTF8_BAD;
	return 1;
}

size_t utf8_decode(struct span s, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	size_t need = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	if (p[0] < 0xC2 || p[0] > 0xF4 || s.len < need)
		return bad(out);
	uint32_t c = p[0] & (0xFFu >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return bad(out);
		c = c << 6 | (p[i] & 0x3Fu);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (c < least[need] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return bad(out);
	*out = c;
	return need;
}

size_t utf8_valid_prefix(struct span s)
{
	size_t at = 0;
	while (at < s.len) {
		if ((unsigned char)s.ptr[at] < 0x80) {
			at++;
			continue;
		}
		uint32_t c;
		size_t used = utf8_decode((struct span){s.ptr + at, s.len - at}, &c);
		if (c == UTF8_BAD)
			return at;
		at += used;
	}
	return at;
}

bool utf8_is_clean(struct span s)
{
	uint32_t c;
	for (size_t len; s.len > 0; s = (struct span){s.ptr + len, s.len - len}) {
		len = utf8_decode(s, &c);
		if (c == UTF8_BAD || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t need = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = need - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (c & 0x3F));
		c >>= 6;
	}
	out[0] = (char)(lead[need] | c);
	return need;
}
