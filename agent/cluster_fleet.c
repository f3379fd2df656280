/* What the newest tree of an API server declares, told to the controller: the parts of every cluster in the order of its
 * template, and what was found wrong with them. After the first time only of clusters of which something else is to be told. */
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/controller/controller.h"
#include "agent/kube/cache.h"
#include "agent/settings/target.h"
#include "base/map.h"
#include "crds/kinds.h"

/* What was told of a cluster, but for what its piece says. */
struct cluster_api_told {
	int64_t generation;
	uint64_t url; /* digest */
	bool has_findings;
};

struct telling {
	struct cluster_api *api;
	const struct snapshot *snapshot;
	struct arena arena;
	struct map found;	/* file → struct findings */
	struct map generations; /* path of an OmniCluster → struct seen */
	struct cluster_api_told *now; /* of every cluster */
	struct link *link; /* of the cluster before: most have the same */
	struct span link_ns, link_name;
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
		struct span path = snapshot_path(&telling->snapshot->files[piece->files[i]]), ns, name;
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
		       span_eq(snapshot_id(&telling->snapshot->files[piece->files[0]]), (struct span){(const char *)seen->id, sizeof seen->id});
	return seen == NULL ? 0 : is_same || seen->generation == 0 ? seen->generation : seen->generation - 1;
}

static const struct link *link_of(struct telling *telling, const struct cluster *cluster)
{
	bool is_same = telling->link != NULL && span_eq(telling->link_ns, cluster->ns) && span_eq(telling->link_name, cluster->connection);
	if (is_same)
		return telling->link;
	struct connection_name name = link_name(telling->snapshot, cluster->ns, cluster->connection);
	telling->link = link_get(telling->api->agent, &name);
	telling->link_ns = cluster->ns;
	telling->link_name = cluster->connection;
	return telling->link;
}

static struct controller_cluster describe(struct telling *telling, size_t index)
{
	const struct snapshot *snapshot = telling->snapshot;
	const struct cluster *cluster = snapshot->fleet->clusters[index];
	struct controller_cluster out = {
		.ns = cluster->ns,
		.object = cluster->head->name,
		.cluster = cluster->name,
		.connection = cluster->connection,
		.url = span_of(link_of(telling, cluster)->url),
		.generation = telling->now[index].generation,
		.has_errors = cluster->has_errors,
	};
	memcpy(out.template_hash, cluster->template_hash, sizeof out.template_hash);
	add_parts(telling, &snapshot->pieces[index], &out);
	return out;
}

/* --- what is other than it was told ------------------------------------------------------------------------------------ */

static bool has_findings(const struct telling *telling, const struct piece *piece)
{
	for (size_t i = 0; telling->found.count > 0 && i < piece->file_count; i++)
		if (map_get(&telling->found, snapshot_path(&telling->snapshot->files[piece->files[i]])) != NULL)
			return true;
	return false;
}

static void look_at_all(struct telling *telling)
{
	const struct snapshot *snapshot = telling->snapshot;
	telling->now = calloc(snapshot->piece_count + 1, sizeof *telling->now);
	if (telling->now == NULL)
		abort();
	for (size_t i = 0; i < snapshot->piece_count; i++) {
		const struct cluster *cluster = snapshot->fleet->clusters[i];
		if (cluster->head == NULL)
			continue;
		telling->now[i] = (struct cluster_api_told){
			.generation = generation_of(telling, cluster, &snapshot->pieces[i]),
			.url = digest_local(span_of(link_of(telling, cluster)->url)),
			.has_findings = has_findings(telling, &snapshot->pieces[i]),
		};
	}
}

/* The names of its parts are in the digests of its documents. */
static bool is_as_told(const struct telling *telling, size_t index, size_t before)
{
	const struct snapshot *told = telling->api->told, *snapshot = telling->snapshot;
	const struct piece *old = &told->pieces[before], *now = &snapshot->pieces[index];
	const struct cluster *was = told->fleet->clusters[before], *is = snapshot->fleet->clusters[index];
	const struct cluster_api_told *a = &telling->api->told_of[before], *b = &telling->now[index];
	return a->generation == b->generation && a->url == b->url && !a->has_findings && !b->has_findings &&
	       was->has_errors == is->has_errors && span_eq(was->head->name, is->head->name) &&
	       strcmp(was->template_hash, is->template_hash) == 0 && old->document_count == now->document_count &&
	       memcmp(old->documents, now->documents, now->document_count * sizeof *now->documents) == 0;
}

struct changes {
	struct controller_cluster *other, *gone;
	size_t other_count, gone_count;
};

/* Both are sorted. */
static void compare(struct telling *telling, struct changes *changes)
{
	const struct snapshot *told = telling->api->told, *snapshot = telling->snapshot;
	size_t was_count = told == NULL ? 0 : told->piece_count;
	for (size_t i = 0, j = 0; i < snapshot->piece_count || j < was_count;) {
		const struct cluster *was = j < was_count ? told->fleet->clusters[j] : NULL;
		const struct cluster *is = i < snapshot->piece_count ? snapshot->fleet->clusters[i] : NULL;
		int order = is == NULL ? 1 : was == NULL ? -1 : fleet_compare_clusters(is, was);
		bool is_told = order == 0 && is->head != NULL && was->head != NULL && span_eq(is->ns, was->ns);
		if (order <= 0 && is->head != NULL && !(is_told && is_as_told(telling, i, j)))
			changes->other[changes->other_count++] = describe(telling, i);
		if (order >= 0 && was->head != NULL && !is_told)
			changes->gone[changes->gone_count++] = (struct controller_cluster){.ns = was->ns, .object = was->head->name};
		i += order <= 0;
		j += order >= 0;
	}
}

/* What is gone goes first: another cluster may have its object now. */
static void tell_changes(struct telling *telling)
{
	struct controller *controller = telling->api->controller;
	size_t was_count = telling->api->told == NULL ? 0 : telling->api->told->piece_count;
	struct changes changes = {
		.other = ARENA_ARRAY(&telling->arena, struct controller_cluster, telling->snapshot->piece_count + 1),
		.gone = ARENA_ARRAY(&telling->arena, struct controller_cluster, was_count + 1),
	};
	compare(telling, &changes);
	if (telling->api->told == NULL) {
		controller_take_fleet(controller, changes.other, changes.other_count);
		return;
	}
	controller_take_changes(controller, NULL, 0, changes.gone, changes.gone_count);
	controller_take_changes(controller, changes.other, changes.other_count, NULL, 0);
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
	struct telling telling = {.api = api, .snapshot = snapshot};
	arena_init(&telling.arena, ARENA_NO_LIMIT);
	map_init(&telling.found, &telling.arena);
	map_init(&telling.generations, &telling.arena);
	kube_cache_each(api->cache, &KIND_CLUSTER, see, &telling);
	sort_findings(&telling);
	look_at_all(&telling);
	tell_changes(&telling);
	free(api->told_of);
	api->told_of = telling.now;
	snapshot_unref(api->told);
	api->told = snapshot_ref(snapshot);
	arena_done(&telling.arena);
	tell_units(agent);
}
