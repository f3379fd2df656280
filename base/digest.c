/* The low-level functions, deprecated since OpenSSL 3 but complete: EVP would pull the provider machinery into the two
 * thin binaries, which link libcrypto statically and start in a millisecond. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/auxv.h>

struct digest {
	SHA256_CTX context;
};

static void to_hex(const unsigned char *bytes, char *out_hex)
{
	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
		*out_hex++ = "0123456789abcdef"[bytes[i] >> 4];
		*out_hex++ = "0123456789abcdef"[bytes[i] & 15];
	}
	*out_hex = '\0';
}

void digest_raw(struct span bytes, unsigned char out[DIGEST_RAW_SIZE])
{
	SHA256_CTX context;
	SHA256_Init(&context);
	SHA256_Update(&context, bytes.ptr, bytes.len);
	SHA256_Final(out, &context);
}

void digest_hex(struct span bytes, char out_hex[DIGEST_HEX_SIZE])
{
	unsigned char sum[DIGEST_RAW_SIZE];
	digest_raw(bytes, sum);
	to_hex(sum, out_hex);
}

uint64_t digest_local(struct span bytes)
{
	enum { RANDOM_BYTES = 16 };
	SHA256_CTX context;
	unsigned char sum[SHA256_DIGEST_LENGTH];
	uint64_t begin;
	SHA256_Init(&context);
	/* The kernel gives every process its own random bytes: no state of ours is needed. */
	SHA256_Update(&context, (const void *)getauxval(AT_RANDOM), RANDOM_BYTES);
	SHA256_Update(&context, bytes.ptr, bytes.len);
	SHA256_Final(sum, &context);
	memcpy(&begin, sum, sizeof begin);
	return begin == 0 ? 1 : begin;
}

struct digest *digest_new(void)
{
	struct digest *digest = malloc(sizeof *digest);
	if (digest == NULL)
		abort();
	SHA256_Init(&digest->context);
	return digest;
}

void digest_add(struct digest *digest, struct span piece)
{
	unsigned char length[8];
	for (size_t i = 0; i < 8; i++)
		length[i] = (unsigned char)((uint64_t)piece.len >> (56 - 8 * i));
	SHA256_Update(&digest->context, length, sizeof length);
	SHA256_Update(&digest->context, piece.ptr, piece.len);
}

void digest_finish(struct digest *digest, char out_hex[DIGEST_HEX_SIZE])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	SHA256_Final(sum, &digest->context);
	free(digest);
	to_hex(sum, out_hex);
}
