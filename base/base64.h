/* Base64 (RFC 4648). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* The standard alphabet with its padding; line ends are skipped, and with `blanks` blanks and tabs, too. `out` has room
 * for the text's length and may be the text itself. False: *out_bad is where it goes wrong, the text's length when
 * something is missing at its end. */
bool base64_decode(struct span text, bool blanks, char *out, size_t *out_len, size_t *out_bad);

#endif
