/* SHA-256, from OpenSSL. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdint.h>

#include "base/span.h"

#define DIGEST_HEX_SIZE 65 /* 64 lower-case hexadecimal digits and the NUL */

enum { DIGEST_RAW_SIZE = 32 };

struct digest;

void digest_hex(struct span bytes, char out_hex[DIGEST_HEX_SIZE]);
void digest_raw(struct span bytes, unsigned char out[DIGEST_RAW_SIZE]);

/* For comparing inside of this process only: 64 bits that nobody outside can foresee, so nobody can choose texts that have
 * the same, or whose sums are the same. Never 0. */
uint64_t digest_local(struct span bytes);

/* In pieces: every piece is preceded by its length, so that ("ab","c") and ("a","bc") differ. */
struct digest *digest_new(void);
void digest_add(struct digest *digest, struct span piece);
void digest_finish(struct digest *digest, char out_hex[DIGEST_HEX_SIZE]); /* frees it */

#endif
