/* What to do about a Lease: plain arithmetic on what was seen of it. Times are CLOCK_MONOTONIC milliseconds. */
#ifndef AGENT_KUBE_LEASE_RULES_H
#define AGENT_KUBE_LEASE_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum { LEASE_NAME_MAX = 300 };

/* Of the holder: what it asks for, and by when it gives up. */
struct lease_times {
	int64_t duration_ms, renew_ms, retry_ms, reluctance_ms;
};
struct lease_times lease_times_of(int64_t duration_ms);

struct lease_view {
	bool exists;
	char holder[LEASE_NAME_MAX];  /* "": nobody */
	char wanted_by[LEASE_NAME_MAX]; /* who prefers it, and found it held; "": nobody */
	char version[64];
	int64_t duration_ms;
	int64_t seen_ms; /* when this state of it was seen first */
};

enum lease_step {
	LEASE_WAIT,   /* somebody else's, or not to be taken yet */
	LEASE_ASK,    /* tell the holder that it is wanted */
	LEASE_CREATE,
	LEASE_TAKE,
	LEASE_RENEW,
	LEASE_YIELD,  /* ours, and preferred by somebody else */
};

/* *out_again_ms: when to look again after WAIT. `begin_ms`: since when we compete. */
enum lease_step lease_next(const struct lease_view *view, const struct lease_times *times, const char *identity,
			   bool is_preferred, int64_t begin_ms, int64_t now_ms, int64_t *out_again_ms);

#endif
