/* The objects of one kind in order of namespace and name. A sorted list of short sorted lists: finding costs some comparisons,
 * coming and going the moving of a few pointers, in whatever order objects come. */
#ifndef AGENT_KUBE_TABLE_H
#define AGENT_KUBE_TABLE_H

#include "agent/kube/entry.h"

struct table_run;

struct table {
	struct table_run **runs;
	size_t run_count, run_cap;
	size_t count, bytes; /* entries, and what they are in bytes */
};

size_t table_bytes(const struct table *table); /* all that is held */
void table_done(struct table *table); /* with its entries; safe on zeroed memory */

struct entry *table_find(const struct table *table, struct span ns, struct span name); /* NULL: there is none */
/* The table has the entry from now on; what stood in its place is the caller's, or NULL. */
struct entry *table_put(struct table *table, struct entry *entry);
struct entry *table_take(struct table *table, struct span ns, struct span name);

/* All in order. The table may not change meanwhile. */
struct table_cursor {
	size_t run, at;
};
struct entry *table_next(const struct table *table, struct table_cursor *cursor); /* NULL: that was the last */

#endif
