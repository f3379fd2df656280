/* How long to wait before something is tried again: longer after each failure, and never as long as others wait, so that what
 * failed together does not come back together. Plain arithmetic; the state of the randomness is its owner's. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* After so many failures in a row: first_ms, twice that, … at most last_ms; each by 20 % more or less. *random: not 0. */
int64_t backoff_ms(uint64_t *random, unsigned failures, int64_t first_ms, int64_t last_ms);

#endif
