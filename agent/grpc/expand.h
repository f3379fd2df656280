/* A gzip member (RFC 1952) becomes plain bytes: for servers that compress although nobody asked them to. */
#ifndef AGENT_GRPC_EXPAND_H
#define AGENT_GRPC_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/span.h"

/* The caller frees *out_bytes. TOO_BIG: it would be more than max_bytes. INVALID: damaged, cut off, something behind it. */
bool expand_gzip(struct span compressed, size_t max_bytes, char **out_bytes, size_t *out_len, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
