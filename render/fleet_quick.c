/* The quick way of a stream. Most files hold whole clusters and nothing else: those are checked and rendered while they
 * are at hand, and of them only the text stays. Of what may be there only once hashes are kept.
 *
 * All that is out of the ordinary loses the quick way: an error, something that is perhaps there twice, a document that
 * belongs to a cluster which is done. Then everything is read again on the whole way, which knows what to say. */
#include <stdlib.h>

#include "crds/kinds.h"
#include "render/cluster.h"
#include "render/fleet_build.h"

/* --- what may be there only once ---------------------------------------------------------------------------------- */

void quick_settle(struct quick *quick)
{
	if (!quick->is_on)
		return;
	hash_set_settle(&quick->taken);
	quick->is_lost |= quick->taken.has_twice;
}

void quick_take(struct build *build, uint64_t hash)
{
	if (build->quick.is_on)
		hash_set_take(&build->quick.taken, hash);
}

void quick_take_text(struct build *build, const void *what, struct span text)
{
	if (build->quick.is_on)
		quick_take(build, map_hash((uint64_t)(uintptr_t)build ^ (uint64_t)(uintptr_t)what, text));
}

bool quick_has_cluster(struct build *build, struct span ns, struct span name)
{
	uint64_t hash = build_object_hash(build, &KIND_CLUSTER, ns, name);
	return hash_set_has(&build->quick.taken, hash);
}

void quick_done(struct quick *quick)
{
	hash_set_done(&quick->taken);
	*quick = (struct quick){0};
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

struct whole_file {
	struct build *build;
	struct document **documents;
	size_t count;
	struct map units; /* hash of an OmniCluster → struct unit */
};

static struct span hash_key(const uint64_t *hash)
{
	return (struct span){(const char *)hash, sizeof *hash};
}

/* The unit of the file that a child belongs to; NULL: it is elsewhere, or nowhere. */
static struct unit *unit_of(const struct whole_file *file, const struct document *part)
{
	struct span ref = node_text(part->cluster_ref);
	uint64_t hash = build_object_hash(file->build, &KIND_CLUSTER, part->ns, ref);
	struct unit *unit = map_get(&file->units, hash_key(&hash));
	bool is_it = unit != NULL && span_eq(unit->cluster->head->name, ref) && span_eq(unit->cluster->ns, part->ns);
	return is_it ? unit : NULL;
}

/* Documents that are none of our business do no harm. */
static bool holds_clusters_alone(struct whole_file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		const struct document *document = file->documents[i];
		if (document->class != DOCUMENT_KIND && document->class != DOCUMENT_OTHER)
			return false;
		if (document->class == DOCUMENT_KIND && (!unit_takes(document) || document->name.len == 0))
			return false;
		if (document->kind == &KIND_CLUSTER && node_text(document->name_node).len == 0)
			return false;
	}
	return true;
}

/* For now beside the nodes: perhaps they are put together once more, with the documents of other files. */
static void open_units(struct whole_file *file)
{
	struct arena *arena = file->build->nodes;
	for (size_t i = 0; i < file->count; i++) {
		struct document *document = file->documents[i];
		if (document->kind == &KIND_CLUSTER)
			*map_at(&file->units, hash_key(&document->hash)) = unit_of_cluster(arena, arena, document);
	}
}

static bool is_child(const struct document *document)
{
	return document->class == DOCUMENT_KIND && document->kind != &KIND_CLUSTER;
}

/* False: a cluster is elsewhere. If it is done, that was too early. */
static bool add_children(struct whole_file *file)
{
	struct build *build = file->build;
	struct unit **units = ARENA_ARRAY(build->nodes, struct unit *, file->count);
	for (size_t i = 0; i < file->count; i++) {
		const struct document *document = file->documents[i];
		if (!is_child(document))
			continue;
		units[i] = unit_of(file, document);
		if (units[i] == NULL) {
			build->quick.is_lost |= quick_has_cluster(build, document->ns, node_text(document->cluster_ref));
			return false;
		}
	}
	for (size_t i = 0; i < file->count; i++)
		if (units[i] != NULL)
			unit_add(units[i], file->documents[i]);
	return true;
}

/* One without a control plane has more to come, in another file. */
static bool are_whole(const struct whole_file *file)
{
	for (size_t i = 0; i < file->units.count; i++) {
		const struct unit *unit = file->units.entries[i].value;
		const struct document *part = unit->first;
		while (part != NULL && part->kind != &KIND_CONTROL_PLANE)
			part = part->next_part;
		if (part == NULL)
			return false;
	}
	return true;
}

static void take_machines(struct build *build, const struct document *document)
{
	const struct node *machines = document->machines;
	for (uint32_t i = 0; node_is(machines, NODE_SEQ) && i < machines->len; i++)
		if (node_is_scalar(&machines->items[i]))
			quick_take_text(build, &build->machines, node_source_text(&machines->items[i]));
}

static void take_all(struct whole_file *file)
{
	struct build *build = file->build;
	for (size_t i = 0; i < file->count; i++) {
		const struct document *document = file->documents[i];
		if (document->class != DOCUMENT_KIND)
			continue;
		quick_take(build, document->hash);
		take_machines(build, document);
		if (document->kind == &KIND_CLUSTER)
			quick_take_text(build, &build->names, node_text(document->name_node));
	}
}

/* --- what stays --------------------------------------------------------------------------------------------------- */

static const struct document *keep_head(struct arena *arena, const struct document *head)
{
	struct document *kept = ARENA_NEW(arena, struct document);
	*kept = (struct document){
		.file = head->file,
		.begin = head->begin,
		.end = head->end,
		.class = head->class,
		.kind = head->kind,
		.ns = arena_copy(arena, head->ns),
		.name = arena_copy(arena, head->name),
		.object = arena_copy(arena, head->object),
	};
	return kept;
}

static struct cluster *keep_cluster(struct arena *arena, const struct cluster *found)
{
	struct cluster *cluster = arena_dup(arena, found, sizeof *found);
	struct span *const texts[] = {&cluster->name, &cluster->connection, &cluster->approve, &cluster->allow_destroy};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_copy(arena, *texts[i]);
	cluster->head = keep_head(arena, cluster->head);
	cluster->ns = cluster->head->ns;
	cluster->object = cluster->head->object;
	return cluster;
}

static void finish_unit(struct build *build, struct unit *unit)
{
	unit_check(build, unit);
	if (build->fleet->options.render && !unit->cluster->has_errors)
		unit_render(build, unit->cluster, build->arena);
	struct unit *kept = ARENA_NEW(&build->unit_arena, struct unit);
	*kept = (struct unit){.cluster = keep_cluster(build->arena, unit->cluster), .is_finished = true};
	unit_forget(kept);
	ARENA_PUSH(&build->unit_arena, build->quick.units, build->quick.unit_count, build->quick.unit_cap) = kept;
}

/* Warnings are in order as they come, but for those about files that several clusters use: the first one reports them. */
static bool are_own(const struct diag_list *list, size_t first, struct span file)
{
	for (size_t i = first; i < list->count; i++)
		if (!span_eq(list->items[i].file, file))
			return false;
	return list->error_count == 0;
}

void quick_finish_file(struct build *build, const struct quick_mark *before, struct span path)
{
	struct fleet *fleet = build->fleet;
	struct whole_file file = {build, fleet->documents + before->documents, fleet->document_count - before->documents, {0}};
	if (!build->quick.is_on || build->quick.is_lost)
		return;
	if (fleet->diags.error_count > 0 || fleet->is_incomplete) {
		build->quick.is_lost = true;
		return;
	}
	map_init(&file.units, build->nodes);
	if (!holds_clusters_alone(&file))
		return;
	open_units(&file);
	if (!add_children(&file) || !are_whole(&file))
		return;
	take_all(&file);
	for (size_t i = 0; i < file.units.count && !build->quick.is_lost; i++)
		finish_unit(build, file.units.entries[i].value);
	build->quick.is_lost |= !are_own(&fleet->diags, before->diags, path);
	build->quick.document_count += file.count;
	fleet->document_count = before->documents;
	if (fleet->diags.count == before->diags) /* which name the objects */
		arena_release(build->nodes, before->nodes);
}
