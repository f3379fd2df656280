/* The parts of one cluster, kept up by watches: what changes is known without asking again. A watch that breaks is begun
 * again, with all others; nothing is told until all is known anew. Not for several threads. */
#ifndef AGENT_REPORT_LIVE_PARTS_H
#define AGENT_REPORT_LIVE_PARTS_H

#include "agent/report/cluster_parts.h"

struct live_parts;

struct live_parts *live_open(struct omni_store *store, struct span cluster);
void live_close(struct live_parts *live); /* NULL is fine */

enum live_news {
	LIVE_SAME,    /* nothing until then */
	LIVE_CHANGED, /* live_now says what there is */
	LIVE_BROKEN,  /* the way to the Omni is; *fail says how; it is tried again */
	LIVE_FAILED,  /* for good: *fail */
};

/* Waits for news until the deadline (CLOCK_MONOTONIC). Changes that come together are told together. */
enum live_news live_wait(struct live_parts *live, int64_t deadline_ms, struct fail *fail);

/* After LIVE_CHANGED, until the next live_wait. */
const struct cluster_parts *live_now(const struct live_parts *live);

/* Memory of what is known and was known: bounded, however long the wait. */
size_t live_bytes(const struct live_parts *live);

#endif
