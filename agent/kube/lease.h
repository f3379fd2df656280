/* A Lease: of several replicas one acts. The record and its rules are those of client-go's leader election, so whoever else
 * follows them may compete for the same one: a holder renews it, the others watch it with their own clocks and take it when it
 * did not change for as long as it says.
 *
 * A holder may act until lease_until_ms(): the moment when it last asked for its renewal, and seventy per cent of the
 * duration. No request that changes something is begun later, so a process that was stopped and goes on after another one
 * took over is silent. The rest of the duration is for what is under way.
 *
 * With shards every replica competes for every Lease, for its own one at once (`is_preferred`), for the others only when they
 * have been free for a while; who prefers one says so on it, and is given it. */
#ifndef AGENT_KUBE_LEASE_H
#define AGENT_KUBE_LEASE_H

#include "agent/kube/client.h"

struct lease;

struct lease_options {
	const char *ns, *name;
	const char *identity; /* of this process, nobody else's: host name and something random */
	int64_t duration_ms;
	bool is_preferred;
	struct log *log;
	/* It was taken, lost, or is another's by now: on the client's thread, not blocking. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* Begins to compete. Texts are copied. */
struct lease *lease_new(struct kube_client *client, const struct lease_options *options);
/* CLOCK_MONOTONIC; in the past, or 0: it is not ours. Any thread. */
int64_t lease_until_ms(const struct lease *lease);
/* Who holds it, as far as is known; "": nobody. */
void lease_holder(struct lease *lease, char *out, size_t size);
/* Renews no more. */
void lease_stop(struct lease *lease);
/* Gives a stopped one back, so that nobody has to wait for its end: only when nothing is being done under it any more. */
bool lease_release(struct lease *lease, int64_t deadline_ms, struct fail *fail);
void lease_free(struct lease *lease); /* behind kube_client_free; NULL is fine */

#endif
