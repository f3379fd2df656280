/* The numbers of a key, and what OpenSSL does with them. A key of OpenSSL lives for one signature only: between two of
 * them the private part exists in the caller's protected pages and nowhere else. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "agent/auth/octets.h"
#include "agent/auth/pgp.h"
#include "base/cleanup.h"
#include "base/secret.h"

/* Omni's verifier refuses moduli below 2047 bits; the upper limit keeps a signature below a second. */
enum { ED25519_SIZE = 32, SIGNATURE_SIZE = 64, RSA_MIN_BITS = 2047, RSA_MAX_BITS = 8192, RSA_MAX_SIZE = RSA_MAX_BITS / 8 };

static const char ed25519_oid[] = "\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01";

/* --- public parts --------------------------------------------------------------------------------------------------- */

static const struct {
	unsigned number;
	const char *name;
} unsupported[] = {
	{2, "RSA for encryption only"}, {16, "Elgamal"}, {17, "DSA"}, {18, "ECDH"}, {19, "ECDSA"}, {25, "X25519"},
	{26, "X448"}, {28, "Ed448"},
};

static bool fail_algorithm(unsigned number, struct fail *fail)
{
	const char *name = "of no known name";
	for (size_t i = 0; i < COUNT_OF(unsupported); i++)
		name = unsupported[i].number == number ? unsupported[i].name : name;
	return fail_set(fail, FAIL_INVALID,
			"its algorithm (%u, %s) is not supported, only Ed25519 and RSA are: make a key with `omnictl "
			"serviceaccount create`", number, name);
}

static bool take_point(struct octets *in, struct pgp_parts *out, struct fail *fail)
{
	struct span oid = octets_take(in, sizeof ed25519_oid - 1);
	if (oid.len > 0 && memcmp(oid.ptr, ed25519_oid, oid.len) != 0)
		return fail_set(fail, FAIL_INVALID, "its curve is not Ed25519, the only one that is supported: make a key with "
						    "`omnictl serviceaccount create`");
	struct span point = octets_mpi(in);
	if (in->is_short)
		return true; /* the caller looks */
	if (point.len != ED25519_SIZE + 1 || point.ptr[0] != 0x40)
		return fail_set(fail, FAIL_INVALID, "its public part is not a point of Ed25519");
	out->point = (struct span){point.ptr + 1, ED25519_SIZE};
	return true;
}

bool pgp_take_apart(struct span body, struct pgp_parts *out, struct fail *fail)
{
	struct octets in = {.rest = body};
	octets_take(&in, 5);
	*out = (struct pgp_parts){.algorithm = octets_number(&in, 1)};
	switch (out->algorithm) {
	case PGP_EDDSA:
		if (!take_point(&in, out, fail))
			return false;
		break;
	case PGP_ED25519:
		out->point = octets_take(&in, ED25519_SIZE);
		break;
	case PGP_RSA:
	case PGP_RSA_SIGN:
		out->modulus = octets_mpi(&in);
		out->exponent = octets_mpi(&in);
		break;
	default:
		return fail_algorithm(out->algorithm, fail);
	}
	octets_take(&in, 1);
	out->secret = in.rest;
	if (in.is_short)
		return fail_set(fail, FAIL_INVALID, "its key packet is too short: it was cut off");
	return true;
}

static bool is_rsa(const struct pgp_parts *parts)
{
	return parts->algorithm == PGP_RSA || parts->algorithm == PGP_RSA_SIGN;
}

/* --- OpenSSL's keys ------------------------------------------------------------------------------------------------- */

static EVP_PKEY *open_ed25519(const struct pgp_parts *parts)
{
	struct octets in = {.rest = parts->secret};
	struct span seed = parts->algorithm == PGP_ED25519 ? octets_take(&in, ED25519_SIZE) : octets_mpi(&in);
	unsigned char padded[ED25519_SIZE] = {0}, point[ED25519_SIZE];
	size_t length = sizeof point;
	if (in.is_short || seed.len > sizeof padded || parts->point.len != sizeof point)
		return NULL;
	if (seed.len > 0)
		memcpy(padded + sizeof padded - seed.len, seed.ptr, seed.len);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, padded, sizeof padded);
	OPENSSL_cleanse(padded, sizeof padded);
	if (key != NULL && EVP_PKEY_get_raw_public_key(key, point, &length) == 1 &&
	    memcmp(point, parts->point.ptr, sizeof point) == 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* OpenPGP's u is 1/p mod q, OpenSSL's coefficient 1/q mod p: its first factor is our q, its second one our p. */
enum rsa_number { RSA_N, RSA_E, RSA_D, RSA_Q, RSA_P, RSA_U, RSA_D_Q, RSA_D_P, RSA_NUMBERS };
static const char *const rsa_names[RSA_NUMBERS] = {
	OSSL_PKEY_PARAM_RSA_N,	     OSSL_PKEY_PARAM_RSA_E,	    OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
};

static bool take_numbers(const struct pgp_parts *parts, BIGNUM *numbers[RSA_NUMBERS])
{
	struct octets in = {.rest = parts->secret};
	struct span d = octets_mpi(&in), p = octets_mpi(&in), q = octets_mpi(&in), u = octets_mpi(&in);
	const struct span read[] = {parts->modulus, parts->exponent, d, q, p, u};
	for (size_t i = 0; i < COUNT_OF(read); i++)
		if (in.is_short || read[i].len > RSA_MAX_SIZE ||
		    BN_bin2bn((const unsigned char *)read[i].ptr, (int)read[i].len, numbers[i]) == NULL)
			return false;
	return !BN_is_zero(numbers[RSA_P]) && !BN_is_zero(numbers[RSA_Q]);
}

/* d modulo a factor less one. */
static bool reduce(BIGNUM *out, const BIGNUM *d, const BIGNUM *factor, BN_CTX *context)
{
	BIGNUM *less = BN_dup(factor);
	bool good = less != NULL && BN_sub_word(less, 1) == 1 && !BN_is_zero(less) && BN_mod(out, d, less, context) == 1;
	BN_clear_free(less);
	return good;
}

/* The parameters point into `room`, which is wiped when it goes. */
static EVP_PKEY *key_from_numbers(BIGNUM *numbers[RSA_NUMBERS], struct secret *room)
{
	static const char zeroes[RSA_NUMBERS * RSA_MAX_SIZE];
	OSSL_PARAM params[RSA_NUMBERS + 1];
	EVP_PKEY *key = NULL;
	secret_set(room, (struct span){zeroes, sizeof zeroes});
	for (size_t i = 0; i < RSA_NUMBERS; i++) {
		unsigned char *bytes = (unsigned char *)room->ptr + i * RSA_MAX_SIZE;
		size_t size = (size_t)BN_num_bytes(numbers[i]) + (BN_is_zero(numbers[i]) ? 1 : 0);
		if (BN_bn2nativepad(numbers[i], bytes, (int)size) < 0)
			return NULL;
		params[i] = OSSL_PARAM_construct_BN(rsa_names[i], bytes, size);
	}
	params[RSA_NUMBERS] = OSSL_PARAM_construct_end();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *open_rsa(const struct pgp_parts *parts)
{
	BIGNUM *numbers[RSA_NUMBERS];
	BN_CTX *context = BN_CTX_secure_new();
	EVP_PKEY *key = NULL;
	CLEANUP(secret_done) struct secret room = {0};
	bool good = context != NULL;
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		good = (numbers[i] = BN_secure_new()) != NULL && good;
	if (good && take_numbers(parts, numbers) && reduce(numbers[RSA_D_Q], numbers[RSA_D], numbers[RSA_Q], context) &&
	    reduce(numbers[RSA_D_P], numbers[RSA_D], numbers[RSA_P], context))
		key = key_from_numbers(numbers, &room);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	BN_CTX_free(context);
	return key;
}

static EVP_PKEY *open_key(const struct pgp_parts *parts)
{
	return is_rsa(parts) ? open_rsa(parts) : open_ed25519(parts);
}

/* --- signatures ----------------------------------------------------------------------------------------------------- */

/* As OpenPGP writes numbers: no zeroes in front, the bits are counted. */
static void add_mpi(struct text *out, const unsigned char *bytes, size_t length)
{
	for (; length > 0 && *bytes == 0; length--)
		bytes++;
	size_t bits = length * 8;
	for (unsigned top = length == 0 ? 0xFF : *bytes; (top & 0x80) == 0; top <<= 1)
		bits--;
	const char count[] = {(char)(bits >> 8), (char)bits};
	text_add(out, (struct span){count, sizeof count});
	text_add(out, (struct span){(const char *)bytes, length});
}

static bool sign_ed25519(EVP_PKEY *key, unsigned algorithm, const unsigned char *digest, struct text *out)
{
	unsigned char signature[SIGNATURE_SIZE];
	size_t length = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(context, signature, &length, digest, PGP_DIGEST_SIZE) == 1 && length == sizeof signature;
	EVP_MD_CTX_free(context);
	if (good && algorithm == PGP_ED25519)
		text_add(out, (struct span){(const char *)signature, length});
	if (good && algorithm == PGP_EDDSA) {
		add_mpi(out, signature, SIGNATURE_SIZE / 2);
		add_mpi(out, signature + SIGNATURE_SIZE / 2, SIGNATURE_SIZE / 2);
	}
	return good;
}

static bool prepare_rsa(EVP_PKEY_CTX *context, int (*init)(EVP_PKEY_CTX *))
{
	return context != NULL && init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(context, EVP_sha512()) == 1;
}

static bool sign_rsa(EVP_PKEY *key, const unsigned char *digest, unsigned char *out, size_t *out_len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good = prepare_rsa(context, EVP_PKEY_sign_init) &&
		    EVP_PKEY_sign(context, out, out_len, digest, PGP_DIGEST_SIZE) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

/* With the public numbers alone a signature of broken private ones would not pass. */
static bool verify_rsa(EVP_PKEY *key, const unsigned char *digest, const unsigned char *signature, size_t length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good = prepare_rsa(context, EVP_PKEY_verify_init) &&
		    EVP_PKEY_verify(context, signature, length, digest, PGP_DIGEST_SIZE) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

bool pgp_sign(struct span body, const unsigned char digest[PGP_DIGEST_SIZE], struct text *out, struct fail *fail)
{
	struct pgp_parts parts;
	unsigned char signature[RSA_MAX_SIZE];
	size_t length = sizeof signature;
	if (!pgp_take_apart(body, &parts, fail))
		return false;
	EVP_PKEY *key = open_key(&parts);
	bool good = key != NULL;
	if (good && is_rsa(&parts)) {
		good = sign_rsa(key, digest, signature, &length);
		if (good)
			add_mpi(out, signature, length);
	} else if (good) {
		good = sign_ed25519(key, parts.algorithm, digest, out);
	}
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good || fail_set(fail, FAIL_INVALID, "OpenSSL cannot sign with this key");
}

/* --- checks --------------------------------------------------------------------------------------------------------- */

static bool is_sum_right(const struct pgp_parts *parts)
{
	if (parts->secret.len < 2)
		return false;
	struct octets end = {.rest = {parts->secret.ptr + parts->secret.len - 2, 2}};
	unsigned sum = 0;
	for (size_t i = 0; i < parts->secret.len - 2; i++)
		sum += (unsigned char)parts->secret.ptr[i];
	return (sum & 0xFFFF) == octets_number(&end, 2);
}

static size_t count_bits(struct span number)
{
	size_t bits = number.len * 8;
	if (number.len > 0)
		for (unsigned top = (unsigned char)number.ptr[0]; (top & 0x80) == 0 && bits > (number.len - 1) * 8; top <<= 1)
			bits--;
	return bits;
}

static bool check_size(const struct pgp_parts *parts, struct fail *fail)
{
	size_t bits = count_bits(parts->modulus);
	if (bits < RSA_MIN_BITS)
		return fail_set(fail, FAIL_INVALID,
				"its RSA key has %zu bits, and Omni refuses what is signed with fewer than 2048: make a new key", bits);
	if (bits > RSA_MAX_BITS)
		return fail_set(fail, FAIL_INVALID, "its RSA key has %zu bits, the limit here is %d: make a new key", bits,
				RSA_MAX_BITS);
	return true;
}

static bool signs_and_verifies(const struct pgp_parts *parts)
{
	static const unsigned char digest[PGP_DIGEST_SIZE] = {1, 2, 3};
	unsigned char signature[RSA_MAX_SIZE];
	size_t length = sizeof signature;
	EVP_PKEY *key = open_key(parts);
	bool good = key != NULL && (!is_rsa(parts) || (sign_rsa(key, digest, signature, &length) &&
						       verify_rsa(key, digest, signature, length)));
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

bool pgp_check_secret(struct span body, struct fail *fail)
{
	struct pgp_parts parts;
	if (!pgp_take_apart(body, &parts, fail) || (is_rsa(&parts) && !check_size(&parts, fail)))
		return false;
	if (!is_sum_right(&parts))
		return fail_set(fail, FAIL_INVALID, "the check sum of its secret part does not fit: it is damaged");
	if (!signs_and_verifies(&parts))
		return fail_set(fail, FAIL_INVALID, "its private and its public half do not belong together: it is damaged");
	return true;
}
