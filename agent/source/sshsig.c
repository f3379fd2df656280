#include "agent/source/sshsig.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"

enum { ARMOR_MAX = 1 << 20 };

/* --- armor and SSH's string encoding -------------------------------------------------------------------------------- */

static bool decode_base64(struct arena *arena, struct span text, struct span *out)
{
	char *clean = arena_alloc(arena, text.len + 1);
	size_t length = 0, padding = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (strchr(" \t\r\n", text.ptr[i]) != NULL)
			continue;
		clean[length++] = text.ptr[i];
		padding += text.ptr[i] == '=';
	}
	unsigned char *bytes = arena_alloc(arena, length / 4 * 3 + 4);
	int decoded = length % 4 != 0 || padding > 2 ? -1 : EVP_DecodeBlock(bytes, (unsigned char *)clean, (int)length);
	if (decoded < 0 || (size_t)decoded < padding)
		return false;
	*out = (struct span){(const char *)bytes, (size_t)decoded - padding};
	return true;
}

static const char *find(struct span text, const char *needle)
{
	return text.len == 0 ? NULL : memmem(text.ptr, text.len, needle, strlen(needle));
}

/* OpenPGP: header lines end with an empty line, the check sum is a line of its own behind "=". */
static struct span strip_headers(struct span body)
{
	struct span rest = body, line;
	const char *begin = body.ptr;
	while (span_next(&rest, '\n', &line) && memchr(line.ptr, ':', line.len) != NULL)
		begin = rest.ptr == NULL ? body.ptr + body.len : rest.ptr;
	body = (struct span){begin, (size_t)(body.ptr + body.len - begin)};
	const char *sum = find(body, "\n=");
	if (sum != NULL)
		body.len = (size_t)(sum - body.ptr);
	return body;
}

bool armor_decode(struct arena *arena, struct span *rest, const char *label, struct span *out)
{
	char begin[80], end[80];
	snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
	snprintf(end, sizeof end, "-----END %s-----", label);
	const char *from = rest->len > ARMOR_MAX ? NULL : find(*rest, begin);
	if (from == NULL)
		return false;
	struct span body = {from + strlen(begin), (size_t)(rest->ptr + rest->len - from) - strlen(begin)};
	const char *to = find(body, end);
	if (to == NULL)
		return false;
	*rest = (struct span){to, (size_t)(rest->ptr + rest->len - to)};
	body.len = (size_t)(to - body.ptr);
	while (body.len > 0 && (*body.ptr == '\r' || *body.ptr == '\n'))
		body = (struct span){body.ptr + 1, body.len - 1};
	return decode_base64(arena, strip_headers(body), out);
}

/* Cut a length-prefixed string off the front. */
static bool take_string(struct span *rest, struct span *out)
{
	const unsigned char *at = (const unsigned char *)rest->ptr;
	if (rest->len < 4)
		return false;
	size_t length = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
	if (length > rest->len - 4)
		return false;
	*out = (struct span){rest->ptr + 4, length};
	*rest = (struct span){rest->ptr + 4 + length, rest->len - 4 - length};
	return true;
}

static void put_string(struct text *out, struct span s)
{
	const char length[] = {(char)(s.len >> 24), (char)(s.len >> 16), (char)(s.len >> 8), (char)s.len};
	text_add(out, (struct span){length, 4});
	text_add(out, s);
}

/* --- public keys ---------------------------------------------------------------------------------------------------- */

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *builder)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *rsa_key(struct span rest)
{
	struct span e, n;
	if (!take_string(&rest, &e) || !take_string(&rest, &n) || n.len < 256 || n.len > 2049 || e.len > 8)
		return NULL;
	BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
	BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
	EVP_PKEY *key = key_from("RSA", builder);
	BN_free(exponent);
	BN_free(modulus);
	return key;
}

static EVP_PKEY *ecdsa_key(struct span rest, const char *group)
{
	struct span curve, point;
	if (!take_string(&rest, &curve) || !take_string(&rest, &point) || point.len > 200)
		return NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len);
	return key_from("EC", builder);
}

static EVP_PKEY *ed25519_key(struct span rest)
{
	struct span point;
	if (!take_string(&rest, &point) || point.len != 32)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)point.ptr, point.len);
}

static const struct algorithm {
	const char *key_type, *signature_type, *digest, *group;
	enum { KEY_ED25519, KEY_ECDSA, KEY_RSA } kind;
} algorithms[] = {
	{"ssh-ed25519", "ssh-ed25519", NULL, NULL, KEY_ED25519},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256", "P-256", KEY_ECDSA},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "SHA384", "P-384", KEY_ECDSA},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "SHA512", "P-521", KEY_ECDSA},
	{"ssh-rsa", "rsa-sha2-256", "SHA256", NULL, KEY_RSA},
	{"ssh-rsa", "rsa-sha2-512", "SHA512", NULL, KEY_RSA},
};

static const struct algorithm *find_algorithm(struct span key_type, struct span signature_type)
{
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (span_is(key_type, algorithms[i].key_type) && span_is(signature_type, algorithms[i].signature_type))
			return &algorithms[i];
	return NULL;
}

static EVP_PKEY *make_key(const struct algorithm *algorithm, struct span rest)
{
	switch (algorithm->kind) {
	case KEY_ED25519:
		return ed25519_key(rest);
	case KEY_ECDSA:
		return ecdsa_key(rest, algorithm->group);
	default:
		return rsa_key(rest);
	}
}

/* --- the signature -------------------------------------------------------------------------------------------------- */

struct sshsig {
	struct span key, namespace, reserved, hash, signature_type, signature;
};

static bool parse_sshsig(struct span blob, struct sshsig *out)
{
	struct span signature;
	if (blob.len < 10 || memcmp(blob.ptr, "SSHSIG\0\0\0\1", 10) != 0)
		return false;
	blob = (struct span){blob.ptr + 10, blob.len - 10};
	return take_string(&blob, &out->key) && take_string(&blob, &out->namespace) &&
	       take_string(&blob, &out->reserved) && take_string(&blob, &out->hash) && take_string(&blob, &signature) &&
	       blob.len == 0 && take_string(&signature, &out->signature_type) &&
	       take_string(&signature, &out->signature) && signature.len == 0;
}

/* What was signed: the hash of the data in an envelope. */
static bool make_signed(const struct sshsig *sig, struct span data, struct text *out)
{
	const char *name = span_is(sig->hash, "sha512") ? "SHA512" : span_is(sig->hash, "sha256") ? "SHA256" : NULL;
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	if (name == NULL || EVP_Digest(data.ptr, data.len, sum, &length, EVP_get_digestbyname(name), NULL) != 1)
		return false;
	text_adds(out, "SSHSIG");
	put_string(out, sig->namespace);
	put_string(out, sig->reserved);
	put_string(out, sig->hash);
	put_string(out, (struct span){(const char *)sum, length});
	return true;
}

/* SSH writes r and s, OpenSSL wants DER. */
static bool ecdsa_to_der(struct arena *arena, struct span *signature)
{
	struct span rest = *signature, r, s;
	if (!take_string(&rest, &r) || !take_string(&rest, &s) || r.len > 80 || s.len > 80)
		return false;
	ECDSA_SIG *parsed = ECDSA_SIG_new();
	unsigned char *der = NULL;
	ECDSA_SIG_set0(parsed, BN_bin2bn((const unsigned char *)r.ptr, (int)r.len, NULL),
		       BN_bin2bn((const unsigned char *)s.ptr, (int)s.len, NULL));
	int length = i2d_ECDSA_SIG(parsed, &der);
	ECDSA_SIG_free(parsed);
	if (length > 0)
		*signature = arena_copy(arena, (struct span){(char *)der, (size_t)length});
	OPENSSL_free(der);
	return length > 0;
}

static bool check_signature(struct arena *arena, const struct sshsig *sig, struct span message)
{
	struct span rest = sig->key, key_type, signature = sig->signature;
	if (!take_string(&rest, &key_type))
		return false;
	const struct algorithm *algorithm = find_algorithm(key_type, sig->signature_type);
	if (algorithm == NULL || (algorithm->kind == KEY_ECDSA && !ecdsa_to_der(arena, &signature)))
		return false;
	EVP_PKEY *key = make_key(algorithm, rest);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *digest = algorithm->digest == NULL ? NULL : EVP_get_digestbyname(algorithm->digest);
	bool good = key != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
		    EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len,
				     (const unsigned char *)message.ptr, message.len) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return good;
}

/* --- allowed_signers ------------------------------------------------------------------------------------------------ */

/* "20260131[1200[30]][Z]" against the commit's time, both as 14 digits in UTC. */
static int compare_time(struct span text, int64_t time_s)
{
	char limit[15] = "00000000000000", now[32];
	struct tm broken;
	time_t seconds = (time_t)time_s;
	if (span_ends(text, "Z"))
		text.len--;
	memcpy(limit, text.ptr, text.len > 14 ? 14 : text.len);
	if (gmtime_r(&seconds, &broken) == NULL || strftime(now, sizeof now, "%Y%m%d%H%M%S", &broken) == 0)
		return 0;
	return strcmp(now, limit);
}

static bool lists_git(struct span namespaces)
{
	struct span name;
	while (span_next(&namespaces, ',', &name))
		if (span_is(name, "git") || span_is(name, "*"))
			return true;
	return false;
}

static bool option_allows(struct span option, int64_t time_s)
{
	struct span name = span_before(option, '='), value = span_behind(option, '=');
	if (value.len >= 2 && value.ptr[0] == '"')
		value = (struct span){value.ptr + 1, value.len - 2};
	if (span_is(name, "namespaces"))
		return value.ptr != NULL && lists_git(value);
	if (value.len < 8)
		return false;
	if (span_is(name, "valid-after"))
		return compare_time(value, time_s) >= 0;
	if (span_is(name, "valid-before"))
		return compare_time(value, time_s) < 0;
	return false; /* cert-authority and what we do not know */
}

/* Options are separated by commas, but a comma inside of quotes belongs to the value. */
static bool options_allow(struct span options, int64_t time_s)
{
	size_t begin = 0;
	bool quoted = false;
	for (size_t i = 0; i <= options.len; i++) {
		if (i < options.len && options.ptr[i] == '"')
			quoted = !quoted;
		if (i < options.len && (quoted || options.ptr[i] != ','))
			continue;
		if (!option_allows((struct span){options.ptr + begin, i - begin}, time_s))
			return false;
		begin = i + 1;
	}
	return true;
}

static bool is_key_type(struct span word)
{
	return span_starts(word, "ssh-") || span_starts(word, "ecdsa-sha2-") || span_starts(word, "sk-");
}

/* The next word; blanks inside of quotes belong to it. */
static bool take_word(struct span *rest, struct span *out)
{
	*rest = span_trim(*rest);
	bool quoted = false;
	size_t length = 0;
	while (length < rest->len && (quoted || (rest->ptr[length] != ' ' && rest->ptr[length] != '\t'))) {
		quoted = quoted != (rest->ptr[length] == '"');
		length++;
	}
	*out = (struct span){rest->ptr, length};
	*rest = (struct span){rest->ptr + length, rest->len - length};
	return length > 0;
}

/* "principals [options] type key [comment]", or "type key [comment]" as in authorized_keys. */
static bool line_allows(struct arena *arena, struct span line, struct span key, int64_t time_s)
{
	struct span word, options = {NULL, 0}, blob;
	line = span_trim(line);
	if (line.len == 0 || line.ptr[0] == '#' || !take_word(&line, &word))
		return false;
	if (!is_key_type(word) && !take_word(&line, &word))
		return false;
	if (!is_key_type(word)) {
		options = word;
		if (!take_word(&line, &word))
			return false;
	}
	return is_key_type(word) && take_word(&line, &word) && decode_base64(arena, word, &blob) && span_eq(blob, key) &&
	       (options.ptr == NULL || options_allow(options, time_s));
}

static bool is_allowed(struct arena *arena, struct span allowed_signers, struct span key, int64_t time_s)
{
	struct span line;
	while (span_next(&allowed_signers, '\n', &line))
		if (line_allows(arena, line, key, time_s))
			return true;
	return false;
}

bool sshsig_verify(struct arena *arena, struct span armored, struct span data, struct span allowed_signers,
		   int64_t time_s, struct fail *fail)
{
	struct span blob;
	struct sshsig sig;
	struct text message;
	if (!armor_decode(arena, &armored, "SSH SIGNATURE", &blob) || !parse_sshsig(blob, &sig))
		return fail_set(fail, FAIL_DENIED, "the SSH signature is malformed");
	if (!span_is(sig.namespace, "git"))
		return fail_set(fail, FAIL_DENIED, "the SSH signature was made for \"%.*s\", not for Git",
				(int)(sig.namespace.len > 40 ? 40 : sig.namespace.len), sig.namespace.ptr);
	text_init(&message, TEXT_NO_LIMIT);
	bool good = make_signed(&sig, data, &message) && check_signature(arena, &sig, text_span(&message));
	text_done(&message);
	if (!good)
		return fail_set(fail, FAIL_DENIED, "the SSH signature is wrong, or of a kind that is not supported");
	if (!is_allowed(arena, allowed_signers, sig.key, time_s))
		return fail_set(fail, FAIL_DENIED, "the SSH signature is good, but its key is not among the allowed ones");
	return true;
}
