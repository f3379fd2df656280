/* The signature of a request to Omni: three headers, made in this one place. A malformed one can end a server's process,
 * so nothing else writes them, and what comes out is checked before it goes. */
#ifndef AGENT_AUTH_SIGN_H
#define AGENT_AUTH_SIGN_H

#include "agent/auth/service_key.h"
#include "base/arena.h"

struct sign_header {
	struct span name, value; /* lower-case name; several of one name in their order */
};

struct signature {
	struct span timestamp; /* x-sidero-timestamp */
	struct span payload;   /* x-sidero-payload */
	struct span signature; /* x-sidero-signature */
};

/* `method` is the full path. Of the headers those that Omni compares take part: authorization, cluster, context, namespace,
 * nodes, runtime, selectors, uid. Without a salt: equal input, equal bytes. Never signed with a time before the key's own.
 * Several threads may sign with one key. INVALID for what no header may hold (capitals in a name, control characters, no
 * value, blanks at an end, bytes that are not UTF-8); UNAUTHENTICATED as service_key_check; TOO_BIG above 64 KiB. */
bool sign_request(const struct service_key *key, struct arena *arena, struct span method, const struct sign_header *headers,
		  size_t header_count, int64_t now_s, struct signature *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* The same for many calls: a signature covers the method, the headers and the second, not the message, so all calls that
 * agree in these share one. Several threads may ask one cache. */
struct sign_cache;
struct sign_cache *sign_cache_new(const struct service_key *key); /* the key outlives it */
void sign_cache_free(struct sign_cache *cache);			   /* NULL is fine */
/* As sign_request. */
bool sign_cached(struct sign_cache *cache, struct arena *arena, struct span method, const struct sign_header *headers,
		 size_t header_count, int64_t now_s, struct signature *out, struct fail *fail) __attribute__((warn_unused_result));
uint64_t sign_cache_made(struct sign_cache *cache); /* signatures, so far */

/* Exactly "siderov1 IDENTITY FINGERPRINT BASE64", four fields. */
bool sign_is_well_formed(struct span signature_header);

#endif
