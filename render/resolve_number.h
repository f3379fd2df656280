/* The forms of numbers and times inside resolve.c. Texts that do not fit the space are kept by reference. */
#ifndef RENDER_RESOLVE_NUMBER_H
#define RENDER_RESOLVE_NUMBER_H

#include <stdbool.h>

#include "base/span.h"
#include "render/resolve.h"

/* Decimal of any length, 0x, 0o, 0b and leading-zero octal of up to 64 bits; underscores are ignored. *out_text is
 * decimal without a plus sign or leading zeros. */
bool number_integer(struct span raw, char space[RESOLVE_TEXT_MAX], struct span *out_text);

/* Decimal with optional fraction and exponent, finite as a double; underscores are ignored. */
bool number_float(struct span raw, double *out);

/* The same for what starts with a dot: underscores only between two digits. */
bool number_fraction(struct span raw, double *out);

/* `2001-02-03` and the forms with a time; *out_text is RFC 3339. */
bool number_timestamp(struct span raw, char space[RESOLVE_TEXT_MAX], struct span *out_text);

#endif
