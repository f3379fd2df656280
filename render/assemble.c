/* Documents to clusters: the children of an OmniCluster by namespace and clusterRef, the documents of a plain template
 * by their file. */
#include "render/fleet_build.h"

#include <stdlib.h>

#include "base/duration.h"
#include "crds/kinds.h"

#include "render/template_schema.h"

enum { RANK_CLUSTER, RANK_CONTROL_PLANE, RANK_WORKERS, RANK_MACHINE, RANK_NONE };
enum { HINTS_MAX = 200, SEARCH_MAX = 2000 };

struct diag_at build_at(struct build *build, const struct document *document)
{
	return (struct diag_at){&build->fleet->diags, document->file, document->object};
}

void build_mark_incomplete(struct build *build, struct span file)
{
	struct fleet *fleet = build->fleet;
	void **place = map_at(&build->broken, file);
	fleet->is_incomplete = true;
	if (*place != NULL)
		return;
	*place = fleet;
	ARENA_PUSH(build->arena, fleet->broken_files, fleet->broken_count, fleet->broken_cap) = file;
}

static struct span object_key(struct build *build, struct span ns, struct span name)
{
	char *key = arena_bytes(&build->joins, ns.len + name.len + 1);
	if (ns.len > 0)
		memcpy(key, ns.ptr, ns.len);
	key[ns.len] = '/';
	if (name.len > 0)
		memcpy(key + ns.len + 1, name.ptr, name.len);
	return (struct span){key, ns.len + name.len + 1};
}

/* The cluster of an OmniCluster's namespace and name; NULL: none. */
static struct unit *find_unit(struct build *build, struct span ns, struct span name)
{
	if (build->last_found != NULL && span_eq(build->last_name, name) && span_eq(build->last_ns, ns))
		return build->last_found;
	text_reset(&build->scratch);
	text_add(&build->scratch, ns);
	text_addc(&build->scratch, '/');
	text_add(&build->scratch, name);
	build->last_found = map_get(&build->units, text_span(&build->scratch));
	build->last_ns = ns;
	build->last_name = name;
	return build->last_found;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static void open_objects(struct build *build)
{
	for (build->object_slots = 16; build->object_slots < build->fleet->document_count * 2;)
		build->object_slots *= 2;
	build->objects = ARENA_ARRAY(&build->joins, uint64_t, build->object_slots);
}

static bool is_same_object(const struct document *a, const struct document *b)
{
	return a->kind == b->kind && span_eq(a->ns, b->ns) && span_eq(a->name, b->name);
}

/* Takes the place of an object, or returns who has it. */
static struct document *claim_object(struct build *build, const struct document *document, size_t index)
{
	size_t mask = build->object_slots - 1;
	for (size_t i = document->hash & mask;; i = (i + 1) & mask) {
		uint64_t *slot = &build->objects[i];
		if (*slot == 0) {
			*slot = (document->hash >> 32 << 32) | (index + 1);
			return NULL;
		}
		struct document *first = build->fleet->documents[(uint32_t)*slot - 1];
		if (*slot >> 32 == document->hash >> 32 && is_same_object(first, document))
			return first;
	}
}

/* The same kind, namespace and name twice: only one of them could ever be applied. */
static bool index_object(struct build *build, struct document *document, size_t index)
{
	struct document *first = claim_object(build, document, index);
	quick_take(build, document->hash);
	if (first == NULL)
		return true;
	struct diag_at at = build_at(build, document);
	first->has_errors = document->has_errors = true;
	document->is_repeated = true;
	diag_error(&at, "DuplicateObject", node_path(&document->root, "metadata.name"), "metadata.name",
		   "%.*s is declared twice, first in %.*s:%u", SPAN_ARG(at.object), SPAN_ARG(first->file),
		   first->root.line);
	return false;
}

static struct unit *new_unit(struct arena *units, struct arena *clusters)
{
	struct unit *unit = ARENA_NEW(units, struct unit);
	unit->last = &unit->first;
	unit->cluster = ARENA_NEW(clusters, struct cluster);
	return unit;
}

static void keep_unit(struct build *build, struct unit *unit)
{
	ARENA_PUSH(&build->unit_arena, build->order, build->order_count, build->order_cap) = unit;
}

static int rank_of(const struct kind *kind)
{
	static const struct kind *const kinds[RANK_NONE] = {&KIND_CLUSTER, &KIND_CONTROL_PLANE, &KIND_WORKERS, &KIND_MACHINE};
	int rank = RANK_CLUSTER;
	while (rank < RANK_NONE && kinds[rank] != kind)
		rank++;
	return rank;
}

bool unit_takes(const struct document *document)
{
	return rank_of(document->kind) != RANK_NONE;
}

void unit_add(struct unit *unit, struct document *document)
{
	*unit->last = document;
	document->next_part = NULL; /* it may have been a part before */
	unit->last = &document->next_part;
	unit->part_count++;
	unit->cluster->has_errors |= document->has_errors;
}

static struct span annotation(const struct node *annotations, const char *key)
{
	return node_text(node_get(annotations, key));
}

static void read_annotations(struct cluster *cluster, const struct node *annotations)
{
	cluster->approve = annotation(annotations, ANNOTATION_APPROVE);
	cluster->allow_destroy = annotation(annotations, ANNOTATION_ALLOW_DESTROY);
	if (span_is(annotation(annotations, ANNOTATION_SUSPEND), "true"))
		cluster->suspend = true;
}

static bool is_true(const struct node *node)
{
	return node_is(node, NODE_BOOL) && span_is(node_text(node), "true");
}

static uint32_t whole_seconds(const struct node *duration)
{
	int64_t ns = 0;
	bool is_good = duration_parse(node_text(duration), &ns, NULL) && ns >= DURATION_SECOND;
	return !is_good ? 0 : ns / DURATION_SECOND > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / DURATION_SECOND);
}

struct unit *unit_of_cluster(struct arena *units, struct arena *clusters, struct document *document)
{
	const struct node *root = &document->root, *spec = node_get(root, "spec");
	struct unit *unit = new_unit(units, clusters);
	struct cluster *cluster = unit->cluster;
	cluster->head = document;
	cluster->ns = document->ns;
	cluster->name = node_text(document->name_node);
	cluster->object = document->object;
	cluster->connection = node_text_at(spec, "connectionRef.name");
	cluster->suspend = is_true(node_get(spec, "suspend"));
	cluster->orphan = is_true(node_path(spec, "deletePolicy.orphan"));
	cluster->destroy_machines = is_true(node_path(spec, "deletePolicy.destroyMachines"));
	cluster->sync_interval_s = whole_seconds(node_get(spec, "syncInterval"));
	read_annotations(cluster, node_path(root, "metadata.annotations"));
	unit_add(unit, document);
	return unit;
}

static void add_cluster(struct build *build, struct document *document)
{
	struct unit *unit = unit_of_cluster(&build->unit_arena, build->arena, document);
	keep_unit(build, unit);
	void **place = map_at(&build->units, object_key(build, document->ns, document->name));
	if (*place == NULL)
		*place = unit;
	place = map_at(&build->units_by_ns, document->ns);
	unit->next_in_ns = *place;
	*place = unit;
}

/* Of a child whose cluster cannot be told: every cluster of its namespace may be the one that it is missing from. */
static void taint_namespace(struct build *build, struct span ns)
{
	void **done = map_at(&build->tainted, ns);
	if (*done != NULL)
		return;
	*done = build;
	for (struct unit *unit = map_get(&build->units_by_ns, ns); unit != NULL; unit = unit->next_in_ns)
		unit->cluster->has_errors = true;
}

static const char *nearest_cluster(struct build *build, struct span ns, struct span name)
{
	const char *best = NULL;
	size_t best_distance = 3, seen = 0;
	if (build->fleet->diags.count > HINTS_MAX)
		return NULL; /* so many faults are no slips of the pen */
	for (struct unit *unit = map_get(&build->units_by_ns, ns); unit != NULL && seen < SEARCH_MAX; unit = unit->next_in_ns) {
		size_t distance = span_distance(name, unit->cluster->head->name, best_distance);
		seen++;
		if (distance < best_distance) {
			best = arena_string(build->arena, unit->cluster->head->name);
			best_distance = distance;
		}
	}
	return best;
}

static void unknown_cluster(struct build *build, struct document *document, struct span name, bool is_handler)
{
	struct diag_at at = build_at(build, document);
	const struct node *node = node_path(&document->root, "spec.clusterRef.name");
	bool alone = is_handler && build->units.count == 0;
	document->has_errors |= !alone;
	struct diag *diag = diag_add(&at, alone ? DIAG_WARNING : DIAG_ERROR, "UnknownReference", node,
				     "spec.clusterRef.name", "no OmniCluster \"%.*s\" is declared in %s%.*s", SPAN_ARG(name),
				     document->ns.len > 0 ? "namespace " : "the same namespace", SPAN_ARG(document->ns));
	const char *near = nearest_cluster(build, document->ns, name);
	if (near != NULL)
		diag_hint(&at, diag, "did you mean \"%s\"?", near);
	else if (build->fleet->is_incomplete)
		diag_hint(&at, diag, "files that could not be read may hold it: correct those first");
	else
		diag_hint(&at, diag, "add the OmniCluster, or remove this object");
}

/* Of a cluster that is done nothing may come later, but others may name it. What is said of those that name none
 * depends on all clusters. */
static bool is_of_finished(struct build *build, const struct document *document, struct span name, int rank)
{
	if (build->quick.unit_count == 0)
		return false;
	build->quick.is_lost |= rank != RANK_NONE || !quick_has_cluster(build, document->ns, name);
	return true;
}

static void add_child(struct build *build, struct document *document)
{
	int rank = rank_of(document->kind);
	const struct node *ref = document->cluster_ref;
	if (node_text(ref).len == 0) { /* reported with the kind */
		if (rank != RANK_NONE)
			taint_namespace(build, document->ns);
		return;
	}
	struct unit *unit = find_unit(build, document->ns, node_text(ref));
	if (unit == NULL && rank == RANK_NONE && map_get(&build->template_names, node_text(ref)) != NULL)
		return; /* the cluster of a plain template serves as well */
	if (unit == NULL && is_of_finished(build, document, node_text(ref), rank))
		return;
	if (unit == NULL) {
		unknown_cluster(build, document, node_text(ref), rank == RANK_NONE);
		return;
	}
	if (rank != RANK_NONE)
		unit_add(unit, document);
}

/* Broken documents of our group still say which cluster they were meant for. */
static void taint_unusable(struct build *build, const struct document *document)
{
	const struct node *ref = node_path(&document->root, "spec.clusterRef.name");
	struct unit *unit = find_unit(build, document->ns, node_text(ref));
	if (unit != NULL)
		unit->cluster->has_errors = true;
	else if (node_text(ref).len > 0 || node_path(&document->root, "spec") != NULL)
		taint_namespace(build, document->ns);
}

static void add_template(struct build *build, struct document *document, struct unit **unit)
{
	const struct node *root = &document->root;
	enum template_kind kind = template_kind_find(node_text_at(root, "kind"));
	if (*unit == NULL || !span_eq((*unit)->first->file, document->file)) {
		*unit = new_unit(&build->unit_arena, build->arena);
		(*unit)->cluster->is_template = true;
		(*unit)->cluster->ns = SPAN("");
		keep_unit(build, *unit);
	}
	struct cluster *cluster = (*unit)->cluster;
	unit_add(*unit, document);
	if (kind != TEMPLATE_CLUSTER || cluster->head != NULL)
		return;
	cluster->head = document;
	cluster->name = document->name;
	cluster->object = document->object;
	*map_at(&build->template_names, cluster->name) = *unit;
	read_annotations(cluster, node_get(root, "annotations"));
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = x->rank - y->rank;
	if (order == 0 && x->rank >= RANK_WORKERS)
		order = span_cmp(node_text(x->document->name_node), node_text(y->document->name_node));
	if (order == 0)
		order = span_cmp(x->document->name, y->document->name);
	if (order == 0)
		order = x->document < y->document ? -1 : x->document > y->document;
	return order;
}

/* Most people write them in order. */
static bool are_in_order(const struct unit *unit)
{
	for (size_t i = 1; i < unit->part_count; i++)
		if (compare_parts(&unit->parts[i - 1], &unit->parts[i]) > 0)
			return false;
	return true;
}

static void sort_parts(struct build *build, struct unit *unit)
{
	size_t count = 0;
	unit->parts = ARENA_ARRAY(&build->unit_arena, struct part, unit->part_count);
	for (const struct document *document = unit->first; document != NULL; document = document->next_part)
		unit->parts[count++] = (struct part){document, rank_of(document->kind)};
	if (!unit->cluster->is_template && !are_in_order(unit))
		qsort(unit->parts, unit->part_count, sizeof *unit->parts, compare_parts);
}

void assemble_finish(struct build *build, struct unit *unit)
{
	struct cluster *cluster = unit->cluster;
	if (unit->parts == NULL)
		sort_parts(build, unit);
	cluster->documents = ARENA_ARRAY(build->results, const struct document *, unit->part_count);
	cluster->document_count = cluster->document_cap = unit->part_count;
	for (size_t i = 0; i < unit->part_count; i++)
		cluster->documents[i] = unit->parts[i].document;
	assemble_template(build, unit);
}

static void add_kind(struct build *build, size_t index, int pass)
{
	struct document *document = build->fleet->documents[index];
	bool is_cluster = document->kind == &KIND_CLUSTER;
	if (pass == 0 && document->name.len > 0 && !index_object(build, document, index))
		return;
	if (pass == 0 && is_cluster)
		add_cluster(build, document);
	if (pass == 0 || is_cluster || schema_field(document->kind->spec, SPAN("clusterRef")) == NULL)
		return;
	if (document->is_repeated)
		taint_unusable(build, document);
	else
		add_child(build, document);
}

void assemble(struct build *build)
{
	struct fleet *fleet = build->fleet;
	open_objects(build);
	map_reserve(&build->machines, fleet->document_count); /* a guess: most documents are machines */
	for (int pass = 0; pass < 2; pass++) {
		struct unit *template = NULL;
		for (size_t i = 0; i < fleet->document_count; i++) {
			struct document *document = fleet->documents[i];
			if (document->class == DOCUMENT_KIND)
				add_kind(build, i, pass);
			else if (pass == 0 && document->class == DOCUMENT_TEMPLATE)
				add_template(build, document, &template);
			else if (pass == 1 && document->has_errors)
				taint_unusable(build, document);
		}
	}
}
