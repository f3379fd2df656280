#include "agent/plan/lost.h"

enum { NAMED_MAX = 4 };

struct span plan_lost_machines(struct omni_store *store, struct arena *arena, struct span cluster, int64_t deadline_ms,
			       struct span *first)
{
	struct resource_list machines = {0};
	struct omni_query query = {0};
	struct span names = SPAN("");
	size_t count = 0;
	*first = SPAN("");
	omni_query_equal(arena, &query, OMNI_LABEL_CLUSTER, cluster);
	if (!store->ops->list(store, arena, OMNI_MACHINE_STATUS, &query, deadline_ms, &machines, NULL))
		return names;
	for (size_t i = 0; i < machines.count; i++) {
		const struct resource *machine = machines.items[i];
		if (labels_get(&machine->labels, OMNI_LABEL_DISCONNECTED) == NULL || ++count > NAMED_MAX)
			continue;
		struct span node = node_text_at(&machine->spec, "network.hostname");
		if (count == 1)
			*first = machine->id;
		names = arena_spanf(arena, "%.*s%s%.*s%s%.*s%s", SPAN_ARG(names), count > 1 ? ", " : "", SPAN_ARG(machine->id),
				    node.len > 0 ? " (" : "", SPAN_ARG(node), node.len > 0 ? ")" : "");
	}
	return count > NAMED_MAX ? arena_spanf(arena, "%.*s and %zu more", SPAN_ARG(names), count - NAMED_MAX) : names;
}
