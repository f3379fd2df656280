/* What the files of this room share. */
#ifndef AGENT_AUTH_INTERNAL_H
#define AGENT_AUTH_INTERNAL_H

#include "agent/auth/pgp.h"
#include "agent/auth/service_key.h"
#include "base/secret.h"

struct service_key {
	char *name;
	char fingerprint[2 * PGP_FINGERPRINT_SIZE + 1]; /* of the primary key, by which Omni finds the account */
	int64_t created_s, expires_s;
	/* The key that signs, often the primary one. */
	struct secret signer; /* the body of its packet */
	unsigned algorithm;
	unsigned char signer_fingerprint[PGP_FINGERPRINT_SIZE];
	int64_t valid_from_s; /* no signature may be older than the keys */
};

/* Names and what is shown of them: visible ASCII, so that they are one field of a header. */
bool is_field(struct span text);

/* What somebody took for a key, said in one sentence with what to do; NULL: nothing that is known. `decoded`: it stood in
 * base64. */
const char *pasted_what(struct span text, bool decoded);

/* The first line of a block of variables that sets a key: its number; 0: none. */
size_t pasted_variable(struct span text);

#endif
