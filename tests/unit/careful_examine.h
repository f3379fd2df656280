/* Looks at an attempt of a call as libcurl would be given it: header lines, signature, frame, message. */
#ifndef TESTS_UNIT_CAREFUL_EXAMINE_H
#define TESTS_UNIT_CAREFUL_EXAMINE_H

#include <openssl/evp.h>

#include "agent/grpc/internal.h"

struct examined {
	EVP_PKEY *key; /* that signs */
	const char *identity;
	/* What was seen. `fault` is the first request that should not have been; empty: none. */
	size_t attempts, retries, creates, updates, names, lists, watches, management, teardowns_by_update;
	char fault[1024];
};

void examine(struct examined *seen, const struct call *call);

#endif
