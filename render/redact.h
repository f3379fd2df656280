/* What must not be shown. Better too much than too little: names of keys, forms of values, and, as the caller walks down,
 * everything below a key with a secret name. */
#ifndef RENDER_REDACT_H
#define RENDER_REDACT_H

#include <stdbool.h>

#include "base/span.h"

/* Does the name of a key say that its value is secret ("token", "clientSecret", "acceptedCAs", "tls.key")? */
bool redact_is_secret_key(struct span key);

/* Does the value look secret by itself: PEM, credentials in a URL, NAME_TOKEN=value, long random text? */
bool redact_is_secret_value(struct span value);

/* A line of source, with the field path of what is said about it: from which byte on it must not be shown; its length:
 * all may be seen. */
size_t redact_line_from(struct span line, struct span path);

#endif
