/* Makes keys as text, whole ones and broken ones: packets put together here, numbers by OpenSSL. */
#ifndef TESTS_UNIT_AUTH_MAKE_H
#define TESTS_UNIT_AUTH_MAKE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The worked example: seed 00 01 … 1f, made at 1700000000, valid for a year. */
#define AUTH_CREATED_S 1700000000
#define AUTH_NOW_S 1700000100
extern const char auth_example_armor[], auth_example_fingerprint[];

struct key_plan {
	unsigned algorithm;	 /* 22, 27, 1, or any other number */
	unsigned char seed[32];	 /* of Ed25519 */
	EVP_PKEY *rsa;		 /* for algorithm 1 */
	unsigned version;	 /* 0: 4 */
	uint32_t created_s;	 /* 0: AUTH_CREATED_S */
	uint32_t lifetime_s, signature_lifetime_s; /* 0: for ever */
	int flags;		 /* of the primary key; -1: not said */
	unsigned locking;	 /* S2K usage */
	bool is_stub, is_revoked, no_user_id, foreign_issuer;
	bool wrong_half, wrong_sum;
	/* A subkey that may sign, with these properties. */
	bool subkey, subkey_without_back_signature, subkey_revoked;
	uint32_t subkey_created_s, subkey_lifetime_s;
	bool old_headers;	 /* packet headers of the old format */
	unsigned tag;		 /* of the first packet; 0: 5 */
	uint32_t signed_after_s; /* when it was signed, after it was made */
	bool only_signature;	 /* one more signature of the user id, nothing else */
};

/* tests/golden/auth/rsa<bits>.pem: making one takes seconds. */
EVP_PKEY *auth_rsa(unsigned bits);

void auth_packets(const struct key_plan *plan, struct text *out);
/* flags: how the armour is written. */
enum { ARMOR_NO_SUM = 1, ARMOR_CRLF = 2, ARMOR_BLANKS = 4, ARMOR_HEADERS = 8, ARMOR_WRONG_SUM = 16 };
void auth_armor(struct span packets, unsigned flags, struct text *out);
/* base64 of {"name", "pgp_key"}; NULL leaves a member out. */
void auth_text(const char *name, const char *armored, struct text *out);
void auth_base64(struct span bytes, struct text *out);

/* All of it. */
void auth_key_text(const struct key_plan *plan, const char *name, struct text *out);

/* Is field 4 of the header a good signature of the payload by this key, with OpenSSL's means alone? */
bool auth_verify(EVP_PKEY *key, struct span payload, struct span header);

#endif
