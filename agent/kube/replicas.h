/* Several replicas of the agent: which of them acts on what. The work is divided by a hash of each thing's key into shards;
 * whoever holds a shard's Lease (agent/kube/lease.h) acts on it, the others only watch. Every replica competes for every shard, so
 * the work of one that is gone is done by those that are left.
 *
 * All replicas have to agree on the number of shards: change it while none of them runs. */
#ifndef AGENT_KUBE_REPLICAS_H
#define AGENT_KUBE_REPLICAS_H

#include "agent/kube/client.h"

struct replicas;

enum { REPLICAS_MAX_SHARDS = 64 };

struct replicas_options {
	const char *ns, *lease; /* of several shards: LEASE-0, LEASE-1, … */
	int64_t duration_ms;	/* how long nobody acts at most when the one that acted is gone */
	unsigned shard, shards; /* the one that is ours, counted from 0, of so many; 0, 1: all is one */
	struct log *log;
	/* Who acts on what is another question now: on the client's thread, not blocking, perhaps before replicas_new returns. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* "1/3": the second of three. */
bool replicas_parse_shard(struct span text, unsigned *out_shard, unsigned *out_shards, struct fail *fail)
	__attribute__((warn_unused_result));

struct replicas *replicas_new(struct kube_client *client, const struct replicas_options *options);
/* Until when this replica may act on what has the key (CLOCK_MONOTONIC), as it is known now; 0: it may not. Any thread.
 * `replicas` NULL: there is one only, INT64_MAX. */
int64_t replicas_until_ms(const struct replicas *replicas, struct span key);
/* For people: who acts on it. */
void replicas_holder(struct replicas *replicas, struct span key, char *out, size_t size);
/* For metrics: NULL past the end. */
const char *replicas_lease_at(const struct replicas *replicas, size_t index, bool *out_is_held);

/* Nothing new is taken; what is held holds until it ends. */
void replicas_stop(struct replicas *replicas);
/* Gives all of it back, once nothing is being done any more. */
void replicas_release(struct replicas *replicas, int64_t deadline_ms);
void replicas_free(struct replicas *replicas); /* behind kube_client_free; NULL is fine, here and above */

#endif
