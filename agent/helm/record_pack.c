/* base64 in base64 around gzip around JSON: the outer one is Kubernetes's, the rest Helm's. */
#include <openssl/evp.h>
#include <zlib.h>

#include "agent/helm/records_int.h"
#include "agent/kube/json_read.h"
#include "base/base64.h"
#include "base/cleanup.h"

static bool unwrap(struct span text, const char *which, size_t max_bytes, struct text *out, struct fail *fail)
{
	size_t len, bad;
	text_init(out, TEXT_NO_LIMIT);
	if (text.len > max_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "the record has %zu bytes of %s base64, more than the %zu that a Secret can hold", text.len,
				which, max_bytes);
	if (!text_reserve(out, text.len + 1) || !base64_decode(text, false, out->ptr, &len, &bad))
		return fail_set(fail, FAIL_INVALID, "the record is damaged: its %s base64 is none", which);
	out->len = len;
	out->ptr[len] = '\0';
	return true;
}

static bool is_packed(struct span bytes)
{
	return bytes.len > 3 && memcmp(bytes.ptr, "\x1f\x8b\x08", 3) == 0;
}

static bool inflate_into(z_stream *z, size_t max_bytes, struct text *out, struct fail *fail)
{
	for (int code = Z_OK; code != Z_STREAM_END || z->avail_in > 0;) {
		if (code == Z_STREAM_END && inflateReset(z) != Z_OK)
			return fail_set(fail, FAIL_BUG, "zlib cannot begin anew");
		if (out->len >= max_bytes || !text_reserve(out, 64 * 1024))
			return fail_set(fail, FAIL_TOO_BIG, "the record has more than %zu bytes when it is unpacked", max_bytes);
		z->next_out = (unsigned char *)out->ptr + out->len;
		z->avail_out = (unsigned)(out->cap - out->len - 1 < max_bytes - out->len ? out->cap - out->len - 1 : max_bytes - out->len);
		code = inflate(z, Z_NO_FLUSH);
		out->len = (size_t)((char *)z->next_out - out->ptr);
		if (code != Z_OK && code != Z_STREAM_END)
			return fail_set(fail, FAIL_INVALID, "the record is damaged: its gzip %s", z->msg != NULL ? z->msg : "ends too early");
	}
	out->ptr[out->len] = '\0';
	return true;
}

static bool unzip(struct span packed, const struct record_limits *limits, struct text *out, struct fail *fail)
{
	z_stream z = {.next_in = (unsigned char *)packed.ptr, .avail_in = (unsigned)packed.len};
	if (inflateInit2(&z, 16 + 15) != Z_OK)
		return fail_set(fail, FAIL_BUG, "zlib cannot begin");
	bool is_good = inflate_into(&z, limits->max_json, out, fail);
	inflateEnd(&z);
	return is_good;
}

bool record_unpack(const json_t *secret, const struct record_limits *limits, struct text *out, struct fail *fail)
{
	CLEANUP(text_done) struct text text = {0};
	CLEANUP(text_done) struct text packed = {0};
	struct span data = kube_json_text(json_object_get(secret, "data"), "release");
	if (data.len == 0)
		return fail_set(fail, FAIL_INVALID, "the record is damaged: its Secret has no key \"release\"");
	if (!unwrap(data, "outer", limits->max_text, &text, fail) || !unwrap(text_span(&text), "inner", limits->max_text, &packed, fail))
		return false;
	if (packed.len > limits->max_packed)
		return fail_set(fail, FAIL_TOO_BIG, "the record has more than %zu bytes", limits->max_packed);
	if (is_packed(text_span(&packed)))
		return unzip(text_span(&packed), limits, out, fail);
	text_add(out, text_span(&packed)); /* very old ones are not packed */
	return true;
}

static void wrap(struct span bytes, struct text *out)
{
	text_reserve(out, bytes.len / 3 * 4 + 8);
	out->len = (size_t)EVP_EncodeBlock((unsigned char *)out->ptr, (const unsigned char *)bytes.ptr, (int)bytes.len);
}

static bool zip(struct span json, struct text *out, struct fail *fail)
{
	z_stream z = {.next_in = (unsigned char *)json.ptr, .avail_in = (unsigned)json.len};
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return fail_set(fail, FAIL_BUG, "zlib cannot begin");
	size_t bound = deflateBound(&z, json.len);
	int code = Z_BUF_ERROR;
	if (text_reserve(out, bound + 1)) {
		z.next_out = (unsigned char *)out->ptr;
		z.avail_out = (unsigned)bound;
		code = deflate(&z, Z_FINISH);
		out->len = z.total_out;
	}
	deflateEnd(&z);
	return code == Z_STREAM_END ? true : fail_set(fail, FAIL_BUG, "zlib has not finished");
}

bool record_pack(struct span json, const struct record_limits *limits, struct text *out, struct fail *fail)
{
	CLEANUP(text_done) struct text zipped = {0};
	CLEANUP(text_done) struct text inner = {0};
	text_init(&zipped, TEXT_NO_LIMIT);
	text_init(&inner, TEXT_NO_LIMIT);
	if (!zip(json, &zipped, fail))
		return false;
	if (zipped.len > limits->max_packed)
		return fail_set(fail, FAIL_TOO_BIG, "the record would have more than %zu bytes", limits->max_packed);
	wrap(text_span(&zipped), &inner);
	wrap(text_span(&inner), out);
	return true;
}
