/* The index of an HTTP repository, read as a stream: of all its charts only the one that is asked for becomes anything. */
#ifndef AGENT_HELM_CHART_INDEX_H
#define AGENT_HELM_CHART_INDEX_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct index_entry {
	struct span version, url; /* url: the first one, maybe relative; empty: it has none */
	struct span digest;	  /* 64 digits of SHA-256; empty: none is named */
};

enum { INDEX_VERSIONS_MAX = 20000, INDEX_DEPTH_MAX = 32 };

/* Versions of a chart in the order of the index; texts in the arena. Entries without version or url are left out. No such chart: true,
 * and none. INVALID: it is no index, with the place. */
bool chart_index_read(struct span index, struct span chart, struct arena *arena, struct index_entry **out, size_t *out_count,
		      struct fail *fail) __attribute__((warn_unused_result));

#endif
