/* Rules over the whole input: what may be there only once in an Omni, and references to connections. */
#include "render/fleet_build.h"

enum { CHAIN_MAX = 64 };

struct span build_omni(struct build *build, struct span ns, struct span connection)
{
	if (connection.len == 0)
		return SPAN("");
	struct span key = arena_spanf(&build->joins, "%.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(connection));
	const struct connection *known = map_get(&build->connections, key);
	return known != NULL && known->endpoint.len > 0 ? known->endpoint : key;
}

const struct claim *build_claim(struct build *build, struct map *map, struct span key, const struct claim *wanted)
{
	void **place = map_at(map, key);
	struct claim *first = *place;
	size_t length = 0;
	for (struct claim *claim = first; claim != NULL && length < CHAIN_MAX; claim = claim->next, length++)
		if (claim->omni.len == 0 || wanted->omni.len == 0 || span_eq(claim->omni, wanted->omni))
			return claim;
	struct claim *claim = ARENA_NEW(&build->joins, struct claim);
	*claim = *wanted;
	claim->next = first;
	*place = claim;
	return NULL;
}

struct map *build_ids(struct build *build, struct span type_name)
{
	void **place = map_at(&build->ids, type_name);
	if (*place == NULL) {
		*place = ARENA_NEW(&build->joins, struct map);
		map_init(*place, &build->joins);
	}
	return *place;
}

void build_taint(const struct claim *claim)
{
	if (claim->cluster != NULL)
		claim->cluster->has_errors = true;
	if (claim->raw != NULL)
		claim->raw->has_errors = true;
}

static void check_name(struct build *build, struct unit *unit)
{
	struct cluster *cluster = unit->cluster;
	const struct document *head = cluster->head;
	if (head == NULL || cluster->name.len == 0)
		return;
	struct claim wanted = {.omni = unit->omni, .cluster = cluster, .document = head};
	const struct claim *first = build_claim(build, &build->names, cluster->name, &wanted);
	quick_take_text(build, &build->names, cluster->name);
	if (first == NULL)
		return;
	struct diag_at at = build_at(build, head);
	const struct node *node = head->name_node;
	bool is_own = node == node_path(&head->root, "metadata.name");
	struct diag *diag = diag_error(&at, "DuplicateCluster", node,
				       cluster->is_template ? "name" : is_own ? "metadata.name" : "spec.clusterName",
				       "the cluster \"%.*s\" is declared twice, first by %.*s in %.*s:%u",
				       SPAN_ARG(cluster->name), SPAN_ARG(first->document->object),
				       SPAN_ARG(first->document->file), first->document->root.line);
	diag_hint(&at, diag, "a cluster of an Omni is declared once: rename or remove one of them");
	build_taint(first);
	build_taint(&wanted);
}

/* Who lists a machine first: the ID of a machine is the same in every Omni. */
struct machine_claim {
	struct cluster *cluster;
	const struct document *document;
	const struct node *node;
};

static void claim_machine(struct build *build, struct unit *unit, const struct document *document,
			  const struct node *node, uint32_t index)
{
	void **place = map_at(&build->machines, node_source_text(node));
	const struct machine_claim *first = *place;
	if (first == NULL) {
		struct machine_claim claim = {unit->cluster, document, node};
		*place = arena_dup(&build->joins, &claim, sizeof claim);
		quick_take_text(build, &build->machines, node_source_text(node));
	}
	if (first == NULL || first->cluster == unit->cluster)
		return;
	struct diag_at at = build_at(build, document);
	char path[48];
	snprintf(path, sizeof path, "%smachines[%u]", unit->cluster->is_template ? "" : "spec.", index);
	struct diag *diag = diag_error(&at, "DuplicateMachine", node, path, "machine %.*s is in two clusters",
				       SPAN_ARG(node_source_text(node)));
	diag_hint(&at, diag, "a machine belongs to one cluster; it is also in %.*s (%.*s:%u)",
		  SPAN_ARG(first->cluster->object), SPAN_ARG(first->document->file), first->node->line);
	first->cluster->has_errors = unit->cluster->has_errors = true;
}

static void claim_machines(struct build *build, struct unit *unit)
{
	for (const struct document *document = unit->first; document != NULL; document = document->next_part) {
		const struct node *machines = document->machines;
		for (uint32_t j = 0; node_is(machines, NODE_SEQ) && j < machines->len; j++)
			if (node_is_scalar(&machines->items[j]))
				claim_machine(build, unit, document, &machines->items[j], j);
	}
}

/* A connection may well be made by hand, with its secret: what is not declared here is no fault, unless others are. */
static bool is_unknown_connection(struct build *build, struct span ns, struct span name)
{
	if (name.len == 0 || map_get(&build->connection_ns, ns) == NULL)
		return false;
	struct span key = arena_spanf(&build->joins, "%.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(name));
	return map_get(&build->connections, key) == NULL;
}

static void check_connection(struct build *build, const struct document *document)
{
	if (build->connection_ns.count == 0)
		return;
	const struct node *node = node_path(&document->root, "spec.connectionRef.name");
	if (!is_unknown_connection(build, document->ns, node_text(node)))
		return;
	struct diag_at at = build_at(build, document);
	struct diag *diag = diag_warn(&at, "UnknownReference", node, "spec.connectionRef.name",
				      "no OmniConnection \"%.*s\" is declared beside the others of the namespace",
				      SPAN_ARG(node_text(node)));
	diag_hint(&at, diag, "correct the name, unless the connection is made elsewhere");
}

void assemble_cross_check(struct build *build)
{
	struct fleet *fleet = build->fleet;
	for (size_t i = 0; i < build->order_count; i++) {
		struct unit *unit = build->order[i];
		unit->omni = build_omni(build, unit->cluster->ns, unit->cluster->connection);
		check_name(build, unit);
		claim_machines(build, unit);
	}
	for (size_t i = 0; i < fleet->document_count; i++)
		if (fleet->documents[i]->class == DOCUMENT_KIND)
			check_connection(build, fleet->documents[i]);
	for (size_t i = 0; i < build->quick.unit_count && build->connection_ns.count > 0; i++) {
		const struct cluster *cluster = build->quick.units[i]->cluster;
		build->quick.is_lost |= is_unknown_connection(build, cluster->ns, cluster->connection);
	}
}
