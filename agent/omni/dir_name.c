#include <stdio.h>

#include "agent/omni/dir_int.h"
#include "base/digest.h"

#define SUFFIX ".yaml"
enum { PLAIN_MAX = 200, PREFIX_MAX = 150 }; /* temporary names carry up to 200 bytes of it */

static bool is_plain(char c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (c == '.' && !is_first);
}

static size_t encode(struct span id, char *out, size_t max)
{
	size_t len = 0;
	for (size_t i = 0; i < id.len && len + 3 <= max; i++) {
		if (is_plain(id.ptr[i], i == 0))
			out[len++] = id.ptr[i];
		else
			len += (size_t)snprintf(out + len, 4, "%%%02X", (unsigned char)id.ptr[i]);
	}
	return len;
}

static size_t encoded_length(struct span id)
{
	size_t len = 0;
	for (size_t i = 0; i < id.len; i++)
		len += is_plain(id.ptr[i], i == 0) ? 1 : 3;
	return len;
}

void dir_name_of(struct span id, char out[DIR_NAME_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	bool is_long = encoded_length(id) > PLAIN_MAX;
	size_t len = encode(id, out, is_long ? PREFIX_MAX : DIR_NAME_SIZE - sizeof SUFFIX);
	if (is_long) {
		digest_hex(id, hex);
		len += (size_t)snprintf(out + len, DIR_NAME_SIZE - len, "%%%%%s", hex);
	}
	snprintf(out + len, DIR_NAME_SIZE - len, SUFFIX);
}

bool dir_name_is_resource(const char *name)
{
	return name[0] != '.' && span_ends(span_of(name), SUFFIX);
}
