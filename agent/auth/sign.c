#include "agent/auth/sign.h"

#include <openssl/evp.h>

#include "agent/auth/internal.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/utf8.h"

enum { PAYLOAD_MAX = 64 << 10, PACKET_MAX = 4 << 10, SIGNATURE_TAG = 2, BINARY_DOCUMENT = 0, SHA512_ID = 10 };

/* --- the payload ---------------------------------------------------------------------------------------------------- */

/* The order is Omni's. It looks for fieldSelectors in this spelling, which no received header has: always null. */
static const char *const compared[] = {
	"authorization", "cluster", "context", "fieldSelectors", "namespace",
	"nodes",	 "runtime", "selectors", "uid",		 "x-sidero-timestamp",
};

static bool check_name(struct span name, struct fail *fail)
{
	for (size_t i = 0; i < name.len; i++)
		if (memchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name.ptr[i], 39) == NULL)
			return fail_set(fail, FAIL_INVALID, "byte %zu of a header's name is not allowed: a-z, 0-9, '-', '_' and '.' are",
					i + 1);
	if (name.len == 0)
		return fail_set(fail, FAIL_INVALID, "a header's name is empty");
	if (span_starts(name, "x-sidero-"))
		return fail_set(fail, FAIL_INVALID, "the header %.*s is made by the signature alone", SPAN_ARG(name));
	return true;
}

/* What arrives must be what was signed: nothing that a library or a proxy takes off or changes. */
static bool check_value(const struct sign_header *header, struct fail *fail)
{
	struct span value = header->value;
	if (value.len == 0 || !span_eq(span_trim(value), value))
		return fail_set(fail, FAIL_INVALID, "the header %.*s is empty, or has blanks at an end", SPAN_ARG(header->name));
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7F)
			return fail_set(fail, FAIL_INVALID, "byte %zu of the header %.*s is a control character", i + 1,
					SPAN_ARG(header->name));
	size_t valid = utf8_valid_prefix(value);
	if (valid != value.len)
		return fail_set(fail, FAIL_INVALID, "byte %zu of the header %.*s is not UTF-8", valid + 1, SPAN_ARG(header->name));
	return true;
}

/* As Go's encoder does; what is not ASCII is escaped, too, because these bytes travel in a header. */
static void add_string(struct text *out, struct span value)
{
	text_add(out, SPAN("\""));
	while (value.len > 0) {
		uint32_t c;
		size_t used = utf8_decode(value, &c);
		if (c == '"' || c == '\\')
			text_addf(out, "\\%c", (int)c);
		else if (c > 0xFFFF)
			text_addf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
		else if (c >= 0x7F || c == '<' || c == '>' || c == '&')
			text_addf(out, "\\u%04x", c);
		else
			text_add(out, (struct span){value.ptr, used});
		value = (struct span){value.ptr + used, value.len - used};
	}
	text_add(out, SPAN("\""));
}

static void add_values(struct text *out, const char *name, const struct sign_header *headers, size_t count)
{
	bool any = false;
	text_addf(out, "\"%s\":", name);
	for (size_t i = 0; i < count; i++) {
		if (!span_is(headers[i].name, name))
			continue;
		text_add(out, any ? SPAN(",") : SPAN("["));
		add_string(out, headers[i].value);
		any = true;
	}
	text_add(out, any ? SPAN("]") : SPAN("null"));
}

static void add_payload(struct text *out, struct span method, const struct sign_header *headers, size_t header_count,
			struct span timestamp)
{
	const struct sign_header time = {SPAN("x-sidero-timestamp"), timestamp};
	text_add(out, SPAN("{\"headers\":{"));
	for (size_t i = 0; i + 1 < COUNT_OF(compared); i++) {
		add_values(out, compared[i], headers, header_count);
		text_add(out, SPAN(","));
	}
	add_values(out, compared[COUNT_OF(compared) - 1], &time, 1);
	text_add(out, SPAN("},\"method\":"));
	add_string(out, method);
	text_add(out, SPAN("}"));
}

static bool check_request(struct span method, const struct sign_header *headers, size_t header_count, struct fail *fail)
{
	if (!span_starts(method, "/") || !is_field(method))
		return fail_set(fail, FAIL_INVALID, "a method is signed that is not a path of visible ASCII");
	for (size_t i = 0; i < header_count; i++)
		if (!check_name(headers[i].name, fail) || !check_value(&headers[i], fail))
			return false;
	return true;
}

/* --- the packet ----------------------------------------------------------------------------------------------------- */

static void add_number(struct text *out, uint64_t number, unsigned octets)
{
	while (octets-- > 0)
		text_add(out, (struct span){&(char){(char)(number >> 8 * octets)}, 1});
}

/* The part of the packet that is signed: creation time (critical), issuer's key id, issuer's fingerprint. */
static void add_hashed(struct text *out, const struct service_key *key, int64_t time_s)
{
	const char *fingerprint = (const char *)key->signer_fingerprint;
	const struct span whole = {fingerprint, PGP_FINGERPRINT_SIZE};
	const struct span id = {fingerprint + PGP_FINGERPRINT_SIZE - PGP_KEY_ID_SIZE, PGP_KEY_ID_SIZE};
	const char head[] = {4, BINARY_DOCUMENT, (char)key->algorithm, SHA512_ID};
	text_add(out, (struct span){head, sizeof head});
	add_number(out, 6 + 2 + PGP_KEY_ID_SIZE + 3 + PGP_FINGERPRINT_SIZE, 2);
	text_add(out, SPAN("\x05\x82"));
	add_number(out, (uint64_t)time_s, 4);
	text_add(out, SPAN("\x09\x10"));
	text_add(out, id);
	text_add(out, SPAN("\x16\x21\x04"));
	text_add(out, whole);
}

static bool make_digest(struct span payload, struct span hashed, unsigned char out[PGP_DIGEST_SIZE])
{
	const unsigned char trailer[] = {4, 0xFF, 0, 0, (unsigned char)(hashed.len >> 8), (unsigned char)hashed.len};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
		    EVP_DigestUpdate(context, payload.ptr, payload.len) == 1 &&
		    EVP_DigestUpdate(context, hashed.ptr, hashed.len) == 1 &&
		    EVP_DigestUpdate(context, trailer, sizeof trailer) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static bool add_body(struct text *out, const struct service_key *key, struct span payload, int64_t time_s, struct fail *fail)
{
	unsigned char digest[PGP_DIGEST_SIZE];
	add_hashed(out, key, time_s);
	if (!make_digest(payload, text_span(out), digest))
		return fail_set(fail, FAIL_UNSUPPORTED, "this OpenSSL cannot compute SHA-512");
	add_number(out, 0, 2); /* nothing that is not hashed */
	text_add(out, (struct span){(const char *)digest, 2});
	return pgp_sign(secret_span(&key->signer), digest, out, fail);
}

static void add_packet(struct text *out, struct span body)
{
	add_number(out, 0xC0 | SIGNATURE_TAG, 1);
	if (body.len < 192)
		add_number(out, body.len, 1);
	else
		add_number(out, ((body.len - 192) >> 8 | 192) << 8 | ((body.len - 192) & 0xFF), 2);
	text_add(out, body);
}

static struct span encode(struct arena *arena, struct span bytes)
{
	char *encoded = arena_alloc(arena, bytes.len / 3 * 4 + 5);
	int length = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)bytes.ptr, (int)bytes.len);
	return (struct span){encoded, (size_t)length};
}

/* --- the headers ---------------------------------------------------------------------------------------------------- */

static bool is_fingerprint(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (memchr("0123456789abcdef", text.ptr[i], 16) == NULL)
			return false;
	return text.len == 2 * (size_t)PGP_FINGERPRINT_SIZE;
}

static bool is_base64(struct span text)
{
	struct text scratch;
	size_t length = 0, bad;
	text_init(&scratch, TEXT_NO_LIMIT);
	text_reserve(&scratch, text.len);
	bool good = is_field(text) && base64_decode(text, false, scratch.ptr, &length, &bad);
	text_done(&scratch);
	return good;
}

bool sign_is_well_formed(struct span signature_header)
{
	struct span rest = signature_header, version, identity, fingerprint;
	return span_next(&rest, ' ', &version) && span_next(&rest, ' ', &identity) && span_next(&rest, ' ', &fingerprint) &&
	       span_is(version, "siderov1") && is_field(identity) && is_fingerprint(fingerprint) && rest.ptr != NULL &&
	       is_base64(rest);
}

static bool make_signature(const struct service_key *key, struct arena *arena, struct span payload, int64_t time_s,
			   struct span *out, struct fail *fail)
{
	CLEANUP(text_done) struct text body, packet;
	text_init(&body, PACKET_MAX);
	text_init(&packet, PACKET_MAX);
	if (!add_body(&body, key, payload, time_s, fail))
		return false;
	add_packet(&packet, text_span(&body));
	struct span encoded = encode(arena, text_span(&packet));
	*out = arena_spanf(arena, "siderov1 %s %s %.*s", key->name, key->fingerprint, SPAN_ARG(encoded));
	if (!text_ok(&body) || !text_ok(&packet) || !sign_is_well_formed(*out))
		return fail_set(fail, FAIL_BUG, "the signature of a request came out malformed, and is not sent");
	return true;
}

bool sign_request(const struct service_key *key, struct arena *arena, struct span method, const struct sign_header *headers,
		  size_t header_count, int64_t now_s, struct signature *out, struct fail *fail)
{
	struct signature made = {0};
	CLEANUP(text_done) struct text payload = {0};
	if (!service_key_check(key, now_s, fail) || !check_request(method, headers, header_count, fail))
		return false;
	int64_t time_s = now_s > key->valid_from_s ? now_s : key->valid_from_s;
	if (time_s > UINT32_MAX)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "this machine's clock says a year after 2106: set it (timedatectl, NTP)");
	made.timestamp = arena_spanf(arena, "%lld", (long long)now_s);
	text_init(&payload, PAYLOAD_MAX);
	add_payload(&payload, method, headers, header_count, made.timestamp);
	if (!text_ok(&payload))
		return fail_set(fail, FAIL_TOO_BIG, "the headers of a request are larger than %d bytes", PAYLOAD_MAX);
	made.payload = arena_copy(arena, text_span(&payload));
	if (!make_signature(key, arena, made.payload, time_s, &made.signature, fail))
		return false;
	*out = made;
	return true;
}
