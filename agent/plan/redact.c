#include "agent/plan/redact.h"

#include <sys/auxv.h>

#include "base/digest.h"

struct span redact_hash(struct arena *arena, struct span key, struct span value, const char *word)
{
	enum { RANDOM_BYTES = 16, SHOWN = 8 };
	char hex[DIGEST_HEX_SIZE];
	if (key.len == 0)
		/* The kernel gives every process its own random bytes: no state of ours is needed. */
		key = (struct span){(const char *)getauxval(AT_RANDOM), RANDOM_BYTES};
	struct digest *digest = digest_new();
	digest_add(digest, key);
	digest_add(digest, value);
	digest_finish(digest, hex);
	return arena_spanf(arena, "(%s %.*s)", word, SHOWN, hex);
}
