/* The way of a tree: read, collect what stands alone, assemble clusters, check, render, translate. */
#include "render/fleet.h"

#include <stdlib.h>

#include "render/cluster.h"
#include "render/template.h"

void fleet_init(struct fleet *fleet, struct arena *arena, const struct fleet_options *options)
{
	*fleet = (struct fleet){.arena = arena, .options = *options};
	diag_list_init(&fleet->diags, arena);
}

static void open_build(struct build *build, struct fleet *fleet, struct tree *tree)
{
	*build = (struct build){.fleet = fleet, .arena = fleet->arena, .tree = tree};
	arena_init(&build->node_arena, ARENA_NO_LIMIT);
	build->nodes = fleet->options.stream ? &build->node_arena : build->arena;
	arena_init(&build->joins, ARENA_NO_LIMIT);
	arena_init(&build->unit_arena, ARENA_NO_LIMIT);
	arena_init(&build->temporary, ARENA_NO_LIMIT);
	build->results = fleet->options.stream ? &build->temporary : build->arena;
	text_init(&build->scratch, TEXT_NO_LIMIT);
	struct map *maps[] = {&build->units, &build->units_by_ns, &build->connections,
			      &build->connection_ns,  &build->names, &build->machines,	  &build->ids,
			      &build->files,	      &build->patches_done, &build->broken, &build->tainted, &build->disks, &build->template_names};
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		map_init(maps[i], &build->joins);
}

static void close_build(void *ptr)
{
	struct build *build = ptr;
	load_shared_done(&build->load);
	quick_done(&build->quick);
	hash_set_done(&build->ids_taken);
	arena_done(&build->node_arena);
	arena_done(&build->joins);
	arena_done(&build->unit_arena);
	arena_done(&build->temporary);
	text_done(&build->scratch);
}

void unit_forget(struct unit *unit)
{
	struct cluster *cluster = unit->cluster;
	cluster->documents = NULL;
	cluster->document_count = cluster->document_cap = 0;
	cluster->template_docs = NULL;
	if (!unit->is_finished)
		cluster->template_text = (struct span){0};
}

/* Render and check one cluster; translate it when nothing is wrong. */
void unit_check(struct build *build, struct unit *unit)
{
	const struct fleet_options *options = &build->fleet->options;
	struct cluster *cluster = unit->cluster;
	struct template template;
	if (cluster->is_template && map_get(&build->broken, unit->first->file) != NULL)
		cluster->has_errors = true; /* the part that is missing may be a set of machines */
	arena_rewind(&build->temporary);
	assemble_finish(build, unit);
	template_open(build, unit, &template);
	bool is_whole = cluster->head != NULL && cluster->name.len > 0;
	if (options->render && !options->stream && is_whole && !cluster->has_errors)
		cluster_render(build, cluster, build->results); /* before the rules: they do not change the bytes */
	size_t before = build->fleet->diags.error_count;
	template_check(&template);
	if (build->fleet->diags.error_count > before)
		cluster->has_errors = true;
	if (!is_whole || cluster->has_errors)
		return;
	if (options->translate || build->compares_ids)
		template_translate(&template);
	else if (options->check_ids)
		template_take_ids(&template);
	if (!options->translate)
		cluster->resources = (struct resource_list){0};
}

void unit_render(struct build *build, struct cluster *cluster, struct arena *results)
{
	const struct fleet_options *options = &build->fleet->options;
	cluster_render(build, cluster, options->write == NULL ? results : &build->temporary);
	if (options->write == NULL)
		return;
	text_reset(&build->scratch);
	options->write(&build->scratch, &build->temporary, cluster);
	cluster->template_text = arena_copy(results, text_span(&build->scratch));
}

static void finish_unit(struct build *build, struct unit *unit)
{
	unit_check(build, unit);
	if (build->fleet->options.drop_template_docs)
		unit->cluster->template_docs = NULL; /* in the temporary arena */
	if (build->fleet->options.stream)
		unit_forget(unit);
}

static bool is_kept(const struct cluster *cluster)
{
	return cluster->head != NULL && cluster->name.len > 0;
}

/* A cluster without a name is none that could be acted on, but something was meant by it. */
static void keep_cluster(struct build *build, struct unit *unit)
{
	struct fleet *fleet = build->fleet;
	struct cluster *cluster = unit->cluster;
	if (cluster->has_errors)
		cluster->resources = (struct resource_list){0};
	if (!is_kept(cluster)) {
		build_mark_incomplete(build, unit->first->file);
		return;
	}
	ARENA_PUSH(fleet->arena, fleet->clusters, fleet->cluster_count, fleet->cluster_cap) = cluster;
}

int fleet_compare_clusters(const struct cluster *x, const struct cluster *y)
{
	int order = span_cmp(x->connection, y->connection);
	if (order == 0)
		order = span_cmp(x->name, y->name);
	if (order == 0)
		order = span_cmp(x->ns, y->ns);
	if (order == 0)
		order = span_cmp(x->head->file, y->head->file);
	if (order == 0)
		order = x->head->begin < y->head->begin ? -1 : x->head->begin > y->head->begin;
	return order;
}

static int compare_clusters(const void *a, const void *b)
{
	return fleet_compare_clusters(*(struct cluster *const *)a, *(struct cluster *const *)b);
}

int fleet_compare_raws(const struct raw_resource *x, const struct raw_resource *y)
{
	int order = span_cmp(x->connection, y->connection);
	if (order == 0)
		order = span_cmp(x->resource->type_name, y->resource->type_name);
	if (order == 0)
		order = span_cmp(x->resource->id, y->resource->id);
	if (order == 0)
		order = span_cmp(x->document->file, y->document->file);
	if (order == 0)
		order = x->document->begin < y->document->begin ? -1 : x->document->begin > y->document->begin;
	return order;
}

static int compare_raws(const void *a, const void *b)
{
	return fleet_compare_raws(*(struct raw_resource *const *)a, *(struct raw_resource *const *)b);
}

static int compare_connections(const void *a, const void *b)
{
	const struct connection *x = *(struct connection *const *)a, *y = *(struct connection *const *)b;
	int order = span_cmp(x->ns, y->ns);
	return order != 0 ? order : span_cmp(x->name, y->name);
}

static void sort_all(void *items, size_t count, int (*compare)(const void *, const void *))
{
	if (count > 1)
		qsort(items, count, sizeof(void *), compare);
}

static int compare_units(const void *a, const void *b)
{
	const struct unit *x = *(struct unit *const *)a, *y = *(struct unit *const *)b;
	return fleet_compare_clusters(x->cluster, y->cluster);
}

/* The units of fleet->clusters, in the same order; the rest of the build is not needed any more. */
static void keep_units(struct build *build)
{
	size_t count = 0;
	build->sorted = ARENA_ARRAY(&build->unit_arena, struct unit *, build->order_count + build->quick.unit_count);
	for (size_t i = 0; i < build->quick.unit_count; i++)
		build->sorted[count++] = build->quick.units[i];
	for (size_t i = 0; i < build->order_count; i++)
		if (is_kept(build->order[i]->cluster))
			build->sorted[count++] = build->order[i];
	sort_all(build->sorted, count, compare_units);
	arena_reset(&build->joins);
	quick_done(&build->quick);
	build->fleet->build = build;
}

static void finish(struct build *build)
{
	struct fleet *fleet = build->fleet;
	for (size_t i = 0; i < build->order_count; i++)
		finish_unit(build, build->order[i]);
	for (size_t i = 0; i < build->order_count; i++)
		keep_cluster(build, build->order[i]);
	for (size_t i = 0; i < build->quick.unit_count; i++)
		ARENA_PUSH(fleet->arena, fleet->clusters, fleet->cluster_count, fleet->cluster_cap) = build->quick.units[i]->cluster;
	sort_all(fleet->clusters, fleet->cluster_count, compare_clusters);
	sort_all(fleet->raws, fleet->raw_count, compare_raws);
	sort_all(fleet->connections, fleet->connection_count, compare_connections);
}

static bool put_together(struct build *build, struct fail *fail)
{
	if (!fleet_read(build, fail))
		return false;
	if (build->quick.is_lost)
		return true;
	raw_collect(build);
	assemble(build);
	assemble_cross_check(build);
	finish(build);
	return true;
}

/* Only what the whole way would say as well may stand. */
static bool is_lost(struct build *build, bool ok)
{
	quick_settle(&build->quick);
	const struct fleet *fleet = build->fleet;
	return build->quick.is_on && (!ok || build->quick.is_lost || fleet->diags.error_count > 0 || fleet->is_incomplete);
}

static bool may_share_ids(struct build *build)
{
	if (build->ids_taken.slot_count > 0)
		hash_set_settle(&build->ids_taken);
	return build->ids_taken.has_twice;
}

static void start_again(struct build *build, const struct fleet *before)
{
	struct fleet *fleet = build->fleet;
	struct tree *tree = build->tree;
	for (size_t i = 0; i < tree->input_count; i++)
		tree_drop(tree, &tree->inputs[i]);
	close_build(build);
	*fleet = *before;
	open_build(build, fleet, tree);
}

bool fleet_load(struct fleet *fleet, struct tree *tree, struct fail *fail)
{
	struct fleet before = *fleet;
	struct build here, *build = fleet->options.stream ? ARENA_NEW(fleet->arena, struct build) : &here;
	open_build(build, fleet, tree);
	build->quick.is_on = fleet->options.stream && fleet->options.text_only && fleet->diags.error_count == 0 && !tree->is_incomplete;
	build->load.is_brief = build->quick.is_on;
	if (build->quick.is_on)
		hash_set_expect(&build->quick.taken, QUICK_OBJECTS);
	bool ok = put_together(build, fail);
	if (is_lost(build, ok)) {
		start_again(build, &before);
		ok = put_together(build, fail);
	}
	if (ok && may_share_ids(build)) {
		start_again(build, &before);
		build->compares_ids = true;
		ok = put_together(build, fail);
	}
	diag_sort(&fleet->diags);
	if (fleet->options.stream) {
		keep_units(build);
		arena_defer(fleet->arena, close_build, build);
	} else {
		close_build(build);
	}
	return ok;
}

bool fleet_each(struct fleet *fleet, bool (*visit)(void *ctx, const struct cluster *cluster, struct fail *fail), void *ctx,
		struct fail *fail)
{
	struct build *build = fleet->build;
	bool ok = true;
	for (size_t i = 0; ok && i < fleet->cluster_count; i++) {
		struct cluster *cluster = fleet->clusters[i];
		struct unit *unit = build == NULL ? NULL : build->sorted[i];
		if (unit != NULL && !unit->is_finished) {
			arena_rewind(&build->temporary);
			assemble_finish(build, unit);
			if (fleet->options.render && !cluster->has_errors)
				unit_render(build, cluster, build->results);
		}
		ok = visit(ctx, cluster, fail);
		if (unit != NULL)
			unit_forget(unit);
	}
	return ok;
}

const struct cluster *fleet_find(const struct fleet *fleet, struct span cluster_name)
{
	for (size_t i = 0; i < fleet->cluster_count; i++)
		if (span_eq(fleet->clusters[i]->name, cluster_name))
			return fleet->clusters[i];
	return NULL;
}
