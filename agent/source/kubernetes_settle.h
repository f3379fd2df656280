/* Which objects of an API server count as declared. People and tools make a cluster of several objects, one after the other,
 * and replace an object by taking it away first: what such a moment shows is no declaration. So a cluster enters when nothing
 * of it came or went for a while, and what was taken away leaves only when it has stayed away for that while. What an object
 * says counts at once.
 *
 * Pure: the caller tells what there is, what there was, and the time. */
#ifndef AGENT_SOURCE_KUBERNETES_SETTLE_H
#define AGENT_SOURCE_KUBERNETES_SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum settle_role {
	SETTLE_CLUSTER,
	SETTLE_PART,	   /* of the cluster `belongs_to` */
	SETTLE_CONNECTION, /* stays while a cluster uses it, also when it is being deleted */
	SETTLE_OTHER,
};

enum { SETTLE_PATIENCE = 10 }; /* a cluster whose parts come and go without end enters after so many times the while */

struct settle_object {
	/* in */
	enum settle_role role;
	struct span key;	/* of this object, among all of its role */
	struct span belongs_to; /* of a part: key of its cluster; of a cluster: key of its connection */
	bool is_admitted;	/* of a cluster: may be acted on */
	bool is_deleting;
	bool was_declared;	/* by the last judgement */
	int64_t came_ms;	/* INT64_MIN: long ago */
	int64_t gone_ms;	/* 0: it is there. Otherwise it is told as it was */
	/* out */
	bool is_declared;
};

/* Returns when the judgement may change although nothing happens; INT64_MAX: never. */
int64_t settle_judge(struct settle_object *objects, size_t count, int64_t settle_ms, int64_t now_ms);

#endif
