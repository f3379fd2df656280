#include "base/backoff.h"

static uint64_t next_random(uint64_t *random) /* xorshift: jitter needs no more */
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

int64_t backoff_ms(uint64_t *random, unsigned failures, int64_t first_ms, int64_t last_ms)
{
	int64_t wait_ms = first_ms;
	for (unsigned i = 1; i < failures && wait_ms < last_ms; i++)
		wait_ms *= 2;
	if (wait_ms > last_ms)
		wait_ms = last_ms;
	return wait_ms * (int64_t)(80 + next_random(random) % 41) / 100;
}
