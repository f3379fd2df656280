/* The armour that OpenPGP wraps around base64. */
#ifndef AGENT_AUTH_ARMOR_H
#define AGENT_AUTH_ARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/secret.h"
#include "base/span.h"

/* The bytes in "-----BEGIN PGP PRIVATE KEY BLOCK-----". The check sum may be missing; when it is there it has to be
 * right. INVALID with the line for everything else. */
bool armor_read(struct span text, struct secret *out, struct fail *fail) __attribute__((warn_unused_result));

#endif
