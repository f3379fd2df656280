/* Durations as Go reads and writes them ("1h30m", "1.5µs", "0"), which is what Kubernetes and Omni documents contain:
 * 64-bit nanoseconds. Parsing and formatting equal Go's to the last digit, because formatted durations count in hashes. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/span.h"

#define DURATION_SIZE 32 /* "-2562047h47m16.854775808s" and the NUL, with room */
#define DURATION_MS INT64_C(1000000)
#define DURATION_SECOND INT64_C(1000000000)

/* An optional sign, then numbers with a unit (ns us µs μs ms s m h) each; "0" alone needs none. */
bool duration_parse(struct span text, int64_t *out_ns, struct fail *fail) __attribute__((warn_unused_result));

/* "0s", "1.5µs", "20ms", "1h0m0.001s". */
void duration_format(int64_t ns, char out[DURATION_SIZE]);

#endif
