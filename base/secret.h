/* A value that appears only where it is sent. It lives in pages of its own that are left out of core files, are not
 * swapped where that is allowed, are zero in a forked child, and are wiped before they are given back, as are the
 * registers through which it was copied. There is no function that prints or copies it to ordinary memory: hand
 * secret_span() to the library that needs the bytes. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/span.h"

struct secret {
	char *ptr; /* NULL: empty */
	size_t len, mapped_bytes;
};

void secret_done(struct secret *secret); /* wipes; safe on zeroed memory; CLEANUP(secret_done) */

/* Replace the value by a copy. The caller wipes its own. */
void secret_set(struct secret *secret, struct span bytes);

/* From a file, straight into the pages. Line ends at the end are dropped: editors and `echo` add them. */
bool secret_read(struct secret *secret, int dir_fd, const char *name, size_t max_bytes, struct fail *fail)
	__attribute__((warn_unused_result));

/* Move an environment variable here: it is wiped and removed from the environment, so that neither child processes nor
 * /proc/PID/environ show it. False: not set. Before the first thread starts. */
bool secret_take_env(struct secret *secret, const char *variable);

/* In a time that depends on the lengths only. */
bool secret_is(const struct secret *secret, struct span candidate);

static inline struct span secret_span(const struct secret *secret)
{
	return (struct span){secret->ptr, secret->len};
}

#endif
