/* RFC 3339 text and milliseconds since 1970-01-01T00:00:00Z: a pure function, without time zones of the machine. Years
 * 0000 to 9999. */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define TIMESTAMP_SIZE 32 /* "2006-01-02T15:04:05.000000Z" and the NUL, with room */

/* MICROSECONDS: six decimals, as some of Kubernetes's fields want them; the last three are zeros. */
enum timestamp_precision { TIMESTAMP_SECONDS, TIMESTAMP_MILLISECONDS, TIMESTAMP_MICROSECONDS };

/* "2006-01-02T15:04:05Z", with any number of decimals (cut to milliseconds, downwards) and "Z" or an offset "+02:00".
 * Capital T and Z, no leap second, no date that does not exist. */
bool timestamp_parse(struct span text, int64_t *out_ms);

/* In UTC. Times outside of the years 0000 to 9999 become the nearest one inside. */
void timestamp_format(int64_t ms, enum timestamp_precision precision, char out[TIMESTAMP_SIZE]);

#endif
