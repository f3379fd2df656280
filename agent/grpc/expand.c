#include "agent/grpc/expand.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_ONLY = 16 + MAX_WBITS, FIRST_BYTES = 4096 };

static size_t next_size(size_t size, size_t max_bytes)
{
	size_t wanted = size == 0 ? FIRST_BYTES : size * 4;
	return wanted < max_bytes + 1 ? wanted : max_bytes + 1; /* one more, to see that it is too much */
}

static bool inflate_all(z_stream *stream, size_t max_bytes, char **bytes, struct fail *fail)
{
	size_t size = 0;
	int result = Z_OK;
	while (result != Z_STREAM_END) {
		if (stream->total_out >= max_bytes + 1)
			return fail_set(fail, FAIL_TOO_BIG, "a compressed message has more than %zu bytes", max_bytes);
		size = next_size(size, max_bytes);
		char *larger = realloc(*bytes, size);
		if (larger == NULL)
			abort();
		*bytes = larger;
		stream->next_out = (unsigned char *)larger + stream->total_out;
		stream->avail_out = (unsigned)(size - stream->total_out);
		result = inflate(stream, Z_FINISH);
		if (result != Z_STREAM_END && (result != Z_BUF_ERROR || stream->avail_out > 0))
			return fail_set(fail, FAIL_INVALID, "a compressed message is damaged (%s)",
					stream->msg == NULL ? "cut off" : stream->msg);
	}
	if (stream->total_out > max_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "a compressed message has more than %zu bytes", max_bytes);
	if (stream->avail_in > 0)
		return fail_set(fail, FAIL_INVALID, "a compressed message has %u bytes behind its end", stream->avail_in);
	return true;
}

bool expand_gzip(struct span compressed, size_t max_bytes, char **out_bytes, size_t *out_len, struct fail *fail)
{
	z_stream stream = {.next_in = (z_const unsigned char *)compressed.ptr, .avail_in = (unsigned)compressed.len};
	char *bytes = NULL;
	if (inflateInit2(&stream, GZIP_ONLY) != Z_OK)
		abort();
	bool is_fine = inflate_all(&stream, max_bytes, &bytes, fail);
	size_t len = stream.total_out;
	inflateEnd(&stream);
	if (!is_fine) {
		free(bytes);
		return false;
	}
	*out_bytes = bytes;
	*out_len = len;
	return true;
}
