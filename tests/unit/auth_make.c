#include "tests/unit/auth_make.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char auth_example_fingerprint[] = "0550f45f55746ceca3e8ae97f7a32568e2019652";
const char auth_example_armor[] =
	"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"
	"\n"
	"xVcEZVPxABYJKwYBBAHaRw8BAQdAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyG\n"
	"ZBJVMbgAAPEBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAuHNN2NpICh3\n"
	"b3JrZWQgZXhhbXBsZSkgPGNpQHNlcnZpY2VhY2NvdW50Lm9tbmkuc2lkZXJvLmRl\n"
	"dj7CfgQTFggAMAWCZVPxAAWJAeEzgAkQ96MlaOIBllICmwMWIQQFUPRfVXRs7KPo\n"
	"rpf3oyVo4gGWUgAA+AkA/1OusIY0k3oXepVgBE2lsF0RQtYCuG0+4EVIIBUl3bVo\n"
	"AP90svOp6fo+01e2O0sG6l8EjpBmGFo+VufYueiUoFvZDA==\n"
	"=32yY\n"
	"-----END PGP PRIVATE KEY BLOCK-----\n";

/* --- numbers -------------------------------------------------------------------------------------------------------- */

static void put(struct text *out, uint64_t number, unsigned octets)
{
	while (octets-- > 0)
		text_add(out, (struct span){&(char){(char)(number >> 8 * octets)}, 1});
}

static void put_mpi(struct text *out, const unsigned char *bytes, size_t length)
{
	BIGNUM *number = BN_bin2bn(bytes, (int)length, NULL);
	unsigned char plain[2048];
	int size = BN_bn2bin(number, plain);
	put(out, (uint64_t)BN_num_bits(number), 2);
	text_add(out, (struct span){(const char *)plain, (size_t)size});
	BN_free(number);
}

static void put_rsa(struct text *out, EVP_PKEY *key, const char *name)
{
	BIGNUM *number = NULL;
	unsigned char bytes[2048];
	EVP_PKEY_get_bn_param(key, name, &number);
	put_mpi(out, bytes, (size_t)BN_bn2bin(number, bytes));
	BN_free(number);
}

static void put_point(struct text *out, const struct key_plan *plan)
{
	unsigned char point[33] = {0x40};
	size_t length = 32;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, plan->seed, 32);
	EVP_PKEY_get_raw_public_key(key, point + 1, &length);
	EVP_PKEY_free(key);
	point[32] ^= plan->wrong_half;
	if (plan->algorithm == 27) {
		text_add(out, (struct span){(char *)point + 1, 32});
		return;
	}
	text_add(out, SPAN("\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"));
	put_mpi(out, point, sizeof point);
}

EVP_PKEY *auth_rsa(unsigned bits)
{
	char path[64];
	snprintf(path, sizeof path, "tests/golden/auth/rsa%u.pem", bits);
	FILE *file = fopen(path, "r");
	EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
	if (key == NULL)
		abort();
	fclose(file);
	return key;
}

/* --- packets -------------------------------------------------------------------------------------------------------- */

static void put_packet(struct text *out, const struct key_plan *plan, unsigned tag, struct span body)
{
	if (plan->old_headers) {
		put(out, 0x80 | tag << 2 | 1, 1);
		put(out, body.len, 2);
	} else {
		put(out, 0xC0 | tag, 1);
		if (body.len < 192)
			put(out, body.len, 1);
		else if (body.len < 8384)
			put(out, ((body.len - 192) >> 8 | 192) << 8 | ((body.len - 192) & 0xFF), 2);
	}
	text_add(out, body);
}

static void put_public(struct text *out, const struct key_plan *plan)
{
	put(out, plan->version == 0 ? 4 : plan->version, 1);
	put(out, plan->created_s == 0 ? AUTH_CREATED_S : plan->created_s, 4);
	put(out, plan->algorithm, 1);
	if (plan->algorithm != 1) {
		put_point(out, plan);
		return;
	}
	put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_N);
	put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_E);
}

static void put_secret(struct text *out, const struct key_plan *plan)
{
	size_t begin = out->len;
	unsigned sum = plan->wrong_sum;
	if (plan->algorithm == 1) {
		put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_D);
		put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_FACTOR2); /* the other way round: OpenPGP's u is 1/p mod q */
		put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_FACTOR1);
		put_rsa(out, plan->rsa, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
	} else if (plan->algorithm == 27) {
		text_add(out, (struct span){(const char *)plan->seed, 32});
	} else {
		put_mpi(out, plan->seed, 32);
	}
	for (size_t i = begin; i < out->len; i++)
		sum += (unsigned char)out->ptr[i];
	put(out, sum & 0xFFFF, 2);
}

static void put_key(struct text *out, const struct key_plan *plan, unsigned tag)
{
	struct text body;
	text_init(&body, TEXT_NO_LIMIT);
	put_public(&body, plan);
	put(&body, plan->is_stub ? 255 : plan->locking, 1);
	if (plan->is_stub)
		text_add(&body, SPAN("\0\x65\0GNU\1"));
	else if (plan->locking != 0)
		text_add(&body, SPAN("\x09\x03\x08saltsalt\x60iviviviviviviviv and something encrypted"));
	else
		put_secret(&body, plan);
	put_packet(out, plan, tag, text_span(&body));
	text_done(&body);
}

static void key_id(const struct key_plan *plan, char out[8])
{
	struct text hashed;
	unsigned char sum[EVP_MAX_MD_SIZE];
	text_init(&hashed, TEXT_NO_LIMIT);
	put(&hashed, 0x990000, 3);
	put_public(&hashed, plan);
	hashed.ptr[1] = (char)((hashed.len - 3) >> 8);
	hashed.ptr[2] = (char)(hashed.len - 3);
	EVP_Digest(hashed.ptr, hashed.len, sum, NULL, EVP_sha1(), NULL);
	memcpy(out, sum + 12, 8);
	text_done(&hashed);
}

static void put_lifetime(struct text *out, unsigned type, uint32_t seconds)
{
	if (seconds == 0)
		return;
	put(out, 5, 1);
	put(out, type, 1);
	put(out, seconds, 4);
}

/* What the numbers of the signature are does not matter to a reader of one's own key. */
static void put_signature(struct text *out, const struct key_plan *plan, unsigned type, uint32_t key_lifetime_s, int flags)
{
	struct text hashed, body;
	char id[8];
	text_init(&hashed, TEXT_NO_LIMIT);
	text_init(&body, TEXT_NO_LIMIT);
	put_lifetime(&hashed, 0x82, (plan->created_s == 0 ? AUTH_CREATED_S : plan->created_s) + plan->signed_after_s);
	put_lifetime(&hashed, 0x83, type == 0x13 ? plan->signature_lifetime_s : 0);
	put_lifetime(&hashed, 0x89, key_lifetime_s);
	if (flags >= 0)
		put(&hashed, 0x021B00 | (unsigned)flags, 3);
	if (type == 0x18 && !plan->subkey_without_back_signature)
		text_add(&hashed, SPAN("\x04\x20\x04\x19\x16"));
	key_id(plan, id);
	id[0] ^= (char)plan->foreign_issuer;
	put(&body, 0x04000000 | type << 16 | plan->algorithm << 8 | 8, 4);
	put(&body, hashed.len, 2);
	text_add(&body, text_span(&hashed));
	put(&body, 10, 2);
	put(&body, 0x0910, 2);
	text_add(&body, (struct span){id, sizeof id});
	put(&body, 0, 2);
	put_packet(out, plan, 2, text_span(&body));
	text_done(&hashed);
	text_done(&body);
}

static void put_subkey(struct text *out, const struct key_plan *plan)
{
	struct key_plan sub = {.algorithm = 22, .created_s = plan->subkey_created_s, .old_headers = plan->old_headers};
	memcpy(sub.seed, plan->seed, sizeof sub.seed);
	sub.seed[31] ^= 0xFF;
	put_key(out, &sub, 7);
	put_signature(out, plan, 0x18, plan->subkey_lifetime_s, 2);
	if (plan->subkey_revoked)
		put_signature(out, plan, 0x28, 0, -1);
}

void auth_packets(const struct key_plan *plan, struct text *out)
{
	if (plan->only_signature) {
		put_signature(out, plan, 0x13, plan->lifetime_s, plan->flags);
		return;
	}
	put_key(out, plan, plan->tag == 0 ? 5 : plan->tag);
	if (plan->is_revoked)
		put_signature(out, plan, 0x20, 0, -1);
	if (!plan->no_user_id) {
		put_packet(out, plan, 13, SPAN("ci <ci@example.org>"));
		put_signature(out, plan, 0x13, plan->lifetime_s, plan->flags);
	}
	if (plan->subkey)
		put_subkey(out, plan);
}

/* --- text ----------------------------------------------------------------------------------------------------------- */

void auth_base64(struct span bytes, struct text *out)
{
	char *encoded = malloc(bytes.len / 3 * 4 + 5);
	int length = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)bytes.ptr, (int)bytes.len);
	text_add(out, (struct span){encoded, (size_t)length});
	free(encoded);
}

static uint32_t crc24(struct span bytes)
{
	uint32_t crc = 0xB704CE;
	for (size_t i = 0; i < bytes.len * 8; i++) {
		uint32_t bit = (uint32_t)(unsigned char)bytes.ptr[i / 8] >> (7 - i % 8) & 1;
		uint32_t carry = (crc >> 23 & 1) ^ bit;
		crc = (crc << 1 & 0xFFFFFF) ^ (carry ? 0x864CFB : 0);
	}
	return crc;
}

void auth_armor(struct span packets, unsigned flags, struct text *out)
{
	const char *end = flags & ARMOR_CRLF ? "\r\n" : flags & ARMOR_BLANKS ? " \t\n" : "\n";
	struct text encoded, sum;
	text_init(&encoded, TEXT_NO_LIMIT);
	text_init(&sum, TEXT_NO_LIMIT);
	auth_base64(packets, &encoded);
	text_addf(out, "-----BEGIN PGP PRIVATE KEY BLOCK-----%s", end);
	if (flags & ARMOR_HEADERS)
		text_addf(out, "Version: GopenPGP 2.9.0%sComment: https://gopenpgp.org%s", end, end);
	text_adds(out, end);
	for (size_t i = 0; i < encoded.len; i += 64)
		text_addf(out, "%.64s%s", encoded.ptr + i, end);
	put(&sum, crc24(packets) ^ (flags & ARMOR_WRONG_SUM ? 0x100 : 0), 3);
	text_reset(&encoded);
	auth_base64(text_span(&sum), &encoded);
	if (!(flags & ARMOR_NO_SUM))
		text_addf(out, "=%s%s", encoded.ptr, end);
	text_addf(out, "-----END PGP PRIVATE KEY BLOCK-----%s", end);
	text_done(&encoded);
	text_done(&sum);
}

void auth_text(const char *name, const char *armored, struct text *out)
{
	struct text json;
	text_init(&json, TEXT_NO_LIMIT);
	text_adds(&json, "{");
	if (name != NULL) {
		text_adds(&json, "\"name\":");
		text_add_json(&json, span_of(name));
	}
	if (armored != NULL) {
		text_adds(&json, name == NULL ? "\"pgp_key\":" : ",\"pgp_key\":");
		text_add_json(&json, span_of(armored));
	}
	text_adds(&json, "}");
	auth_base64(text_span(&json), out);
	text_done(&json);
}

void auth_key_text(const struct key_plan *plan, const char *name, struct text *out)
{
	struct text packets, armored;
	text_init(&packets, TEXT_NO_LIMIT);
	text_init(&armored, TEXT_NO_LIMIT);
	auth_packets(plan, &packets);
	auth_armor(text_span(&packets), 0, &armored);
	auth_text(name, armored.ptr, out);
	text_done(&packets);
	text_done(&armored);
}

/* --- verification --------------------------------------------------------------------------------------------------- */

static const unsigned char *take_mpi(const unsigned char *at, unsigned char *out, size_t size)
{
	size_t bits = (size_t)at[0] << 8 | at[1], length = (bits + 7) / 8;
	if (length > size || (length > 0 && at[2] >> ((bits + 7) % 8) != 1))
		return NULL;
	memset(out, 0, size);
	memcpy(out + size - length, at + 2, length);
	return at + 2 + length;
}

static bool verify(EVP_PKEY *key, const unsigned char *numbers, const unsigned char *end, unsigned algorithm,
		   const unsigned char digest[64])
{
	unsigned char signature[2048];
	size_t length = algorithm == 1 ? (size_t)EVP_PKEY_get_size(key) : 64;
	if (algorithm == 27 && end - numbers == 64)
		memcpy(signature, numbers, 64), numbers = end;
	else if (algorithm == 22)
		numbers = take_mpi(numbers, signature, 32);
	else
		numbers = take_mpi(numbers, signature, length);
	if (algorithm == 22 && numbers != NULL)
		numbers = take_mpi(numbers, signature + 32, 32);
	if (numbers != end)
		return false;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	EVP_MD_CTX *plain = EVP_MD_CTX_new();
	bool good = algorithm == 1 ? EVP_PKEY_verify_init(context) == 1 &&
					     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
					     EVP_PKEY_CTX_set_signature_md(context, EVP_sha512()) == 1 &&
					     EVP_PKEY_verify(context, signature, length, digest, 64) == 1
				   : EVP_DigestVerifyInit(plain, NULL, NULL, NULL, key) == 1 &&
					     EVP_DigestVerify(plain, signature, length, digest, 64) == 1;
	EVP_PKEY_CTX_free(context);
	EVP_MD_CTX_free(plain);
	return good;
}

bool auth_verify(EVP_PKEY *key, struct span payload, struct span header)
{
	static const char trailer[] = {4, (char)0xFF, 0, 0, 0, 45};
	unsigned char packet[4096], digest[64];
	const char *field = memrchr(header.ptr, ' ', header.len);
	size_t encoded = header.len - (size_t)(field + 1 - header.ptr), padding = 0;
	while (header.ptr[header.len - 1 - padding] == '=')
		padding++;
	int decoded = EVP_DecodeBlock(packet, (const unsigned char *)field + 1, (int)encoded);
	const unsigned char *body = packet + (packet[1] < 192 ? 2 : 3), *end = packet + decoded - padding;
	size_t said = packet[1] < 192 ? packet[1] : ((size_t)packet[1] - 192) * 256 + packet[2] + 192;
	if (packet[0] != 0xC2 || (size_t)(end - body) != said)
		return false;
	struct text hashed;
	text_init(&hashed, TEXT_NO_LIMIT);
	text_add(&hashed, payload);
	text_add(&hashed, (struct span){(const char *)body, 45});
	text_add(&hashed, (struct span){trailer, sizeof trailer});
	EVP_Digest(hashed.ptr, hashed.len, digest, NULL, EVP_sha512(), NULL);
	text_done(&hashed);
	return memcmp(body + 47, digest, 2) == 0 && verify(key, body + 49, end, body[2], digest);
}
