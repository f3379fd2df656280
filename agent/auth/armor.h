/* Base64, and the armour that OpenPGP wraps around it. */
#ifndef AGENT_AUTH_ARMOR_H
#define AGENT_AUTH_ARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/secret.h"
#include "base/span.h"

/* The standard alphabet with its padding; line ends are skipped, and with `blanks` blanks and tabs, too. `out` has room
 * for the text's length and may be the text itself. False: *out_bad is where it goes wrong, the text's length when
 * something is missing at its end. */
bool base64_decode(struct span text, bool blanks, char *out, size_t *out_len, size_t *out_bad);

/* The bytes in "-----BEGIN PGP PRIVATE KEY BLOCK-----". The check sum may be missing; when it is there it has to be
 * right. INVALID with the line for everything else. */
bool armor_read(struct span text, struct secret *out, struct fail *fail) __attribute__((warn_unused_result));

#endif
