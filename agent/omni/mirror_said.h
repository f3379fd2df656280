/* What Omni says of a cluster, and what of the declaration that has to be held against: numbers and a few short texts, so that
 * many clusters stay small. Inside of the mirror, under its lock. */
#ifndef AGENT_OMNI_MIRROR_SAID_H
#define AGENT_OMNI_MIRROR_SAID_H

#include "agent/omni/health.h"
#include "agent/omni/store.h"

struct said; /* of one cluster; made with the first word */

enum said_kind { SAID_NOTHING, SAID_CLUSTER, SAID_SET, SAID_KUBERNETES, SAID_TALOS };

/* Is it a status that is kept here? */
enum said_kind said_kind_of(const struct omni_type *type);

void said_free(struct said *said); /* NULL is fine, here and below */

/* A status came, in this round of its watch; it is gone. True: that is news. */
bool said_take(struct said **said, enum said_kind kind, const struct resource *status, uint16_t round);
bool said_drop(struct said *said, enum said_kind kind, struct span id);
/* What was not seen in this round is gone. */
void said_sweep(struct said *said, enum said_kind kind, uint16_t round);

/* Of the declaration: a Cluster, a MachineSet (with the key of its record), a MachineSetNode. */
void said_declare_cluster(struct said **said, const struct resource *cluster);
void said_declare_set(struct said **said, uint64_t key, const struct resource *set);
void said_forget_cluster(struct said *said);
void said_forget_set(struct said *said, uint64_t key);
void said_count_node(struct said **said, bool comes);

/* Copied into the arena. */
void said_tell(const struct said *said, struct arena *arena, struct span cluster, struct health_facts *out);

#endif
