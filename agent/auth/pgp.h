/* OpenPGP private keys, version 4 (RFC 4880, RFC 9580): which packets there are, which key of them signs and until when,
 * and a signature by it. Spans point into the packets that were read. */
#ifndef AGENT_AUTH_PGP_H
#define AGENT_AUTH_PGP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/span.h"
#include "base/text.h"

enum pgp_algorithm { PGP_RSA = 1, PGP_RSA_SIGN = 3, PGP_EDDSA = 22, PGP_ED25519 = 27 };
enum { PGP_FINGERPRINT_SIZE = 20, PGP_KEY_ID_SIZE = 8, PGP_SUBKEYS_MAX = 64, PGP_DIGEST_SIZE = 64 };

struct pgp_key {
	struct span body; /* of the secret key packet; the fingerprint covers its front */
	unsigned algorithm;
	unsigned locking; /* 0: the secret part can be read as it is */
	bool is_stub;	  /* there is no secret part: left out when the key was exported */
	int64_t created_s;
	unsigned char fingerprint[PGP_FINGERPRINT_SIZE];
	/* From its newest signature by the primary key. */
	bool is_bound, is_revoked, has_flags, has_back_signature;
	unsigned flags;
	int64_t bound_s, expires_s; /* 0: never */
};

struct pgp_keys {
	struct pgp_key primary, subkeys[PGP_SUBKEYS_MAX];
	size_t subkey_count;
	const struct pgp_key *signer; /* the one that signs: the primary key when it may, else a subkey */
};

/* INVALID with the packet and what to do. */
bool pgp_read(struct span packets, struct pgp_keys *out, struct fail *fail) __attribute__((warn_unused_result));

/* What the public part of a key packet says, and where its secret part begins. */
struct pgp_parts {
	unsigned algorithm;
	struct span point;	       /* Ed25519: 32 octets */
	struct span modulus, exponent; /* RSA */
	struct span secret;	       /* behind the octet that says how it is locked, with the check sum */
};
bool pgp_take_apart(struct span body, struct pgp_parts *out, struct fail *fail) __attribute__((warn_unused_result));

/* Does the secret part belong to the public one, and is the key one that Omni accepts? */
bool pgp_check_secret(struct span body, struct fail *fail) __attribute__((warn_unused_result));

/* Append the numbers of a signature of this SHA-512 digest, as a signature packet has them. */
bool pgp_sign(struct span body, const unsigned char digest[PGP_DIGEST_SIZE], struct text *out, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
