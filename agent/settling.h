/* Phase and readiness of a cluster change many times a minute while it is upgraded, and every record of them in Omni is a
 * write that everybody who watches sees. So each is recorded once it has stayed the same for a while, and no cluster is
 * written more often than once in that while. Pure functions of the clock that they are given. */
#ifndef AGENT_SETTLING_H
#define AGENT_SETTLING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* The reason stands only beside "false". */
enum settling_value { SETTLING_PHASE, SETTLING_READY, SETTLING_REASON, SETTLING_VALUES };

/* Of one cluster; all zero: nothing was seen yet. */
struct settling {
	struct {
		char text[32];
		int64_t since_ms;
	} values[SETTLING_VALUES];
	int64_t tried_ms; /* the last write, successful or not; 0: none */
	int64_t due_ms;	  /* when it is to be looked at again; 0: when something changes */
};

/* How it is now. */
void settling_see(struct settling *settling, const char *const values[SETTLING_VALUES], int64_t now_ms);
/* From when on a write is right; INT64_MAX: what stands in Omni is right already. */
int64_t settling_due(const struct settling *settling, const struct span standing[SETTLING_VALUES], int64_t after_ms);
/* What to write then: what has not settled stays as it stands. Parts of `settling` and of `standing`. */
void settling_take(const struct settling *settling, const struct span standing[SETTLING_VALUES], int64_t after_ms, int64_t now_ms,
		   struct span out[SETTLING_VALUES]);

#endif
