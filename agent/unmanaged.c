/* What an Omni holds and no source declares: clusters and raw resources. Known from the mirror, so telling it costs no call;
 * nothing of it is ever touched. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/link.h"
#include "agent/plan/plan.h"
#include "base/map.h"

enum { TOLD_MAX = 1000 }; /* of all Omnis; the counts are whole */

struct telling {
	struct agent *agent;
	struct agent_report *report;
	struct link *link;
	size_t omni; /* its number in the report */
	struct arena arena;
	struct map declared; /* raw resources of this Omni */
};

static struct span key_of(struct arena *arena, struct span type, struct span id)
{
	return arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(type), SPAN_ARG(id));
}

static void collect_declared(struct telling *t)
{
	struct agent *agent = t->agent;
	map_init(&t->declared, &t->arena);
	for (size_t i = 0; i < agent->feed_count; i++) {
		const struct snapshot *snapshot = agent->feeds[i].taken;
		for (size_t j = 0; snapshot != NULL && j < snapshot->fleet->raw_count; j++) {
			const struct raw_resource *raw = snapshot->fleet->raws[j];
			struct connection_name name = link_name(snapshot, raw->ns, raw->connection);
			if (raw->resource != NULL && link_leads_to(t->link, &name))
				*map_at(&t->declared, key_of(&t->arena, raw->resource->type_name, raw->resource->id)) = t;
		}
	}
}

static void tell(struct telling *t, const char *type, struct span id, struct span kept_by)
{
	struct agent_report *report = t->report;
	if (report->unmanaged_count >= TOLD_MAX)
		return;
	struct unmanaged_report *one = &report->unmanaged[report->unmanaged_count++];
	one->omni = t->omni;
	snprintf(one->type, sizeof one->type, "%s", type);
	snprintf(one->id, sizeof one->id, "%.*s", SPAN_ARG(id));
	snprintf(one->kept_by, sizeof one->kept_by, "%.*s", SPAN_ARG(kept_by));
}

/* Ours and undeclared is not unmanaged: it waits for its removal, as a unit or among the raw resources. */
static bool is_ours(const struct telling *t, struct span kept_by)
{
	return span_is(kept_by, t->agent->settings->owner);
}

/* Through any link to this Omni. */
static bool is_looked_after(const struct link *link, struct span name)
{
	for (size_t i = 0; i < link->agent->link_count; i++) {
		const struct unit *unit = link_is_beside(link, link->agent->links[i]) ? unit_find(link->agent->links[i], name) : NULL;
		if (unit != NULL && !unit->is_retired)
			return true;
	}
	return false;
}

static void tell_clusters(struct telling *t)
{
	struct resource_list clusters = {0};
	if (!mirror_clusters(t->link->mirror, &t->arena, &clusters))
		return;
	for (size_t i = 0; i < clusters.count; i++) {
		const struct label *owner = labels_get(&clusters.items[i]->annotations, ANNOTATION_OWNER);
		struct span kept_by = owner == NULL ? SPAN("") : owner->value;
		bool is_kept = is_looked_after(t->link, clusters.items[i]->id) || is_ours(t, kept_by);
		if (is_kept)
			continue;
		t->report->omnis[t->omni].unmanaged_clusters++;
		tell(t, OMNI_CLUSTER->name, clusters.items[i]->id, kept_by);
	}
}

static void tell_raws(struct telling *t)
{
	struct mirror_raw *raws;
	size_t count = mirror_raws(t->link->mirror, &t->arena, &raws);
	collect_declared(t);
	for (size_t i = 0; i < count; i++) {
		struct span key = key_of(&t->arena, span_of(raws[i].type->name), raws[i].id);
		if (is_ours(t, raws[i].kept_by) || map_get(&t->declared, key) != NULL)
			continue;
		t->report->omnis[t->omni].unmanaged_resources++;
		tell(t, raws[i].type->name, raws[i].id, raws[i].kept_by);
	}
}

void unmanaged_report(struct agent *agent, struct agent_report *report)
{
	report->unmanaged = calloc(TOLD_MAX, sizeof *report->unmanaged);
	if (report->unmanaged == NULL)
		abort();
	for (size_t i = 0; i < agent->link_count && report->is_ready; i++) {
		struct telling t = {.agent = agent, .report = report, .link = agent->links[i], .omni = i};
		if (t.link->store == NULL)
			continue;
		arena_init(&t.arena, ARENA_NO_LIMIT);
		tell_clusters(&t);
		tell_raws(&t);
		arena_done(&t.arena);
	}
}
