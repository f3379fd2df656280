/* Omni's service-account keys: base64 of JSON {name, pgp_key}, the second an armoured OpenPGP private key (version 4,
 * Ed25519 or RSA). Everything that can be wrong with one is found here and named with what to do, because the server
 * answers all of it with "invalid signature". Sources: docs of OpenPGP (RFC 4880, RFC 9580). */
#ifndef AGENT_AUTH_SERVICE_KEY_H
#define AGENT_AUTH_SERVICE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/span.h"

struct service_key;

/* INVALID: not base64, not JSON, a member missing, broken armour, a public key, locked with a passphrase, an unsupported
 * version or algorithm, a pasted environment block ("OMNI_SERVICE_ACCOUNT_KEY=…", "export …": said with what to cut), a
 * name that is not visible ASCII (it becomes a field of a header). Messages hold nothing of the text.
 * The private part lives in pages that are left out of core files; the text is the caller's and may be wiped after.
 * For that, linking this sets jansson's free for the whole process to one that wipes. */
bool service_key_read(struct span text, struct service_key **out, struct fail *fail) __attribute__((warn_unused_result));
void service_key_free(struct service_key *key); /* wipes; NULL is fine */

struct span service_key_name(const struct service_key *key);	    /* "ci" */
const char *service_key_fingerprint(const struct service_key *key); /* 40 lower-case hexadecimal digits */
int64_t service_key_created_s(const struct service_key *key);
int64_t service_key_expires_s(const struct service_key *key); /* 0: never */

/* Usable now? UNAUTHENTICATED: expired, or not valid yet by this clock, each with what to do. A key that is up to five
 * minutes ahead of this clock is usable, as Omni allows. */
bool service_key_check(const struct service_key *key, int64_t now_s, struct fail *fail);
/* How urgent a renewal is: 0 fine, 1 within 30 days, 2 within 7 days or expired. */
unsigned service_key_urgency(const struct service_key *key, int64_t now_s);

#endif
