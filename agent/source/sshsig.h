/* SSH signatures as `git commit -S` with gpg.format=ssh makes them (SSHSIG, namespace "git"), checked against an
 * allowed_signers file of OpenSSH. Keys: ed25519, ECDSA on the NIST curves, RSA with SHA-2. */
#ifndef AGENT_SOURCE_SSHSIG_H
#define AGENT_SOURCE_SSHSIG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

/* The base64 between "-----BEGIN label-----" and its end, decoded; false: none there. Header lines and the check sum of
 * OpenPGP armor are skipped. *rest is moved behind it. */
bool armor_decode(struct arena *arena, struct span *rest, const char *label, struct span *out);

/* Is `armored` a good signature of `data` by a key that `allowed_signers` allows for Git at this time (seconds)? */
bool sshsig_verify(struct arena *arena, struct span armored, struct span data, struct span allowed_signers,
		   int64_t time_s, struct fail *fail);

#endif
