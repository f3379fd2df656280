/* What the newest tree of an API server declares, told to the controller: the parts of every cluster in the order of its
 * template, and what was found wrong with them. */
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/controller/controller.h"
#include "agent/kube/cache.h"
#include "agent/settings/target.h"
#include "base/map.h"
#include "crds/kinds.h"

struct telling {
	struct cluster_api *api;
	const struct snapshot *snapshot;
	struct arena arena;
	struct map found;	/* file → struct findings */
	struct map generations; /* path of an OmniCluster → struct seen */
};

struct findings {
	const struct diag **items;
	size_t count, cap;
};

struct seen {
	int64_t generation;
	unsigned char id[KUBE_CONTENT_ID];
};

static bool see(void *ctx, const struct kube_object *object)
{
	struct telling *telling = ctx;
	struct seen *seen = ARENA_NEW(&telling->arena, struct seen);
	seen->generation = object->generation;
	memcpy(seen->id, object->content_id, sizeof seen->id);
	struct span key = arena_spanf(&telling->arena, "%.*s/%.*s", SPAN_ARG(object->ns), SPAN_ARG(object->name));
	*map_at(&telling->generations, key) = seen;
	return true;
}

static void sort_findings(struct telling *telling)
{
	const struct diag_list *diags = &telling->snapshot->fleet->diags;
	for (size_t i = 0; i < diags->count; i++) {
		void **place = map_at(&telling->found, diags->items[i].file);
		if (*place == NULL)
			*place = ARENA_NEW(&telling->arena, struct findings);
		struct findings *findings = *place;
		if (diags->items[i].severity != DIAG_NOTE)
			ARENA_PUSH(&telling->arena, findings->items, findings->count, findings->cap) = &diags->items[i];
	}
}

static void add_findings(struct telling *telling, struct span path, struct findings *to)
{
	const struct findings *findings = map_get(&telling->found, path);
	for (size_t i = 0; findings != NULL && i < findings->count; i++)
		ARENA_PUSH(&telling->arena, to->items, to->count, to->cap) = findings->items[i];
}

/* Each object is one file, so the files of a piece are its parts, in the order of the template. */
static void add_parts(struct telling *telling, const struct piece *piece, struct controller_cluster *out)
{
	struct span *workers = ARENA_ARRAY(&telling->arena, struct span, piece->file_count + 1);
	struct span *machines = ARENA_ARRAY(&telling->arena, struct span, piece->file_count + 1);
	struct findings all = {0};
	for (size_t i = 0; i < piece->file_count; i++) {
		struct span path = telling->snapshot->files[piece->files[i]].path, ns, name;
		const struct kind *kind;
		if (!source_object(path, &kind, &ns, &name))
			continue;
		add_findings(telling, path, &all);
		if (kind == &KIND_CONTROL_PLANE)
			out->control_plane = name;
		else if (kind == &KIND_WORKERS)
			workers[out->worker_count++] = name;
		else if (kind == &KIND_MACHINE)
			machines[out->machine_count++] = name;
	}
	out->workers = workers;
	out->machines = machines;
	out->diags = all.items;
	out->diag_count = all.count;
}

/* Of what was rendered, which stands in the first file. When it has changed since, it was one of before: another tree is on its
 * way. */
static int64_t generation_of(struct telling *telling, const struct cluster *cluster, const struct piece *piece)
{
	struct span key = arena_spanf(&telling->arena, "%.*s/%.*s", SPAN_ARG(cluster->ns), SPAN_ARG(cluster->head->name));
	const struct seen *seen = map_get(&telling->generations, key);
	bool is_same = seen != NULL && piece->file_count > 0 &&
		       span_eq(telling->snapshot->files[piece->files[0]].id, (struct span){(const char *)seen->id, sizeof seen->id});
	return seen == NULL ? 0 : is_same || seen->generation == 0 ? seen->generation : seen->generation - 1;
}

static struct controller_cluster describe(struct telling *telling, size_t index)
{
	const struct snapshot *snapshot = telling->snapshot;
	const struct cluster *cluster = snapshot->fleet->clusters[index];
	struct connection_name name = link_name(snapshot, cluster->ns, cluster->connection);
	const struct link *link = link_get(telling->api->agent, &name);
	struct controller_cluster out = {
		.ns = cluster->ns,
		.object = cluster->head->name,
		.cluster = cluster->name,
		.connection = cluster->connection,
		.url = span_of(link->url),
		.generation = generation_of(telling, cluster, &snapshot->pieces[index]),
		.has_errors = cluster->has_errors,
	};
	memcpy(out.template_hash, cluster->template_hash, sizeof out.template_hash);
	add_parts(telling, &snapshot->pieces[index], &out);
	return out;
}

/* Their objects are others than they were told to. */
static void tell_units(struct agent *agent)
{
	for (size_t i = 0;; i++) {
		pthread_mutex_lock(&agent->lock);
		struct unit *unit = i < agent->unit_count ? agent->units[i] : NULL;
		bool is_due = unit != NULL && unit->is_untold;
		pthread_mutex_unlock(&agent->lock);
		if (unit == NULL)
			return;
		if (is_due)
			cluster_api_tell(unit);
	}
}

void cluster_fleet_tell(struct cluster_api *api)
{
	struct agent *agent = api->agent;
	struct snapshot *snapshot = agent->feeds[api->feed].taken;
	if (snapshot == NULL || snapshot == api->told)
		return;
	snapshot_unref(api->told);
	api->told = snapshot_ref(snapshot);
	struct telling telling = {.api = api, .snapshot = snapshot};
	arena_init(&telling.arena, ARENA_NO_LIMIT);
	map_init(&telling.found, &telling.arena);
	map_init(&telling.generations, &telling.arena);
	kube_cache_each(api->cache, &KIND_CLUSTER, see, &telling);
	sort_findings(&telling);
	struct controller_cluster *clusters = ARENA_ARRAY(&telling.arena, struct controller_cluster, snapshot->piece_count + 1);
	size_t count = 0;
	for (size_t i = 0; i < snapshot->piece_count; i++)
		if (snapshot->fleet->clusters[i]->head != NULL)
			clusters[count++] = describe(&telling, i);
	controller_take_fleet(api->controller, clusters, count);
	arena_done(&telling.arena);
	tell_units(agent);
}
