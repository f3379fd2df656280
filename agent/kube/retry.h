/* When a request goes out once more, and how fast requests may go at all. Pure functions. */
#ifndef AGENT_KUBE_RETRY_H
#define AGENT_KUBE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum {
	RETRY_ASKED_MAX = 10,	 /* attempts, when the server says when to come back */
	RETRY_BROKEN_MAX = 3,	 /* attempts, when there was no connection, or it broke */
	RETRY_BASE_MS = 100,
};

struct retry {
	bool is_write;
	bool was_seen;		/* a server may have begun with it */
	long http_status;	/* 0: no answer */
	int64_t retry_after_ms; /* -1: the server did not say */
	unsigned attempts;	/* so far; 1 after the first */
	int64_t now_ms, deadline_ms; /* 0: none */
	uint64_t random;
};
/* In so many milliseconds; negative: not at all. */
int64_t retry_in_ms(const struct retry *retry);

/* Of a header, in seconds or as a date: milliseconds from now, at most an hour. -1: it is neither. */
int64_t retry_after_ms(struct span header, int64_t wall_ms);

/* Tokens come evenly, up to `burst` of them; begins full. */
struct bucket {
	double tokens;
	int64_t at_ms;
	bool has_begun;
};
/* Takes one, and returns 0; or the milliseconds until there is one. */
int64_t bucket_take(struct bucket *bucket, double per_second, unsigned burst, int64_t now_ms);

#endif
