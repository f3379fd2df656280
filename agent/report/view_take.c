/* From resources to what a person or a program is told about one cluster; without texts, trees and advice. */
#include "agent/plan/plan.h"
#include "agent/report/fleet_view.h"
#include "base/cleanup.h"
#include "base/map.h"

static struct span annotation(const struct resource *resource, const char *key)
{
	const struct label *label = resource == NULL ? NULL : labels_get(&resource->annotations, key);
	return label == NULL ? SPAN("") : label->value;
}

static bool has_label(const struct resource *resource, const char *key)
{
	return labels_get(&resource->labels, key) != NULL;
}

static bool has_annotation(const struct resource *resource, const char *key)
{
	return resource != NULL && labels_get(&resource->annotations, key) != NULL;
}

static struct span label_of(const struct resource *resource, const char *key)
{
	const struct label *label = labels_get(&resource->labels, key);
	return label == NULL ? SPAN("") : label->value;
}

/* --- machine sets --------------------------------------------------------------------------------------------------- */

struct taking {
	struct arena *arena;
	struct cluster_view *view;
	struct map by_id; /* of sets */
	size_t cap;
};

static struct view_set *set_of(const struct taking *taking, const struct resource *member)
{
	return map_get(&taking->by_id, label_of(member, OMNI_LABEL_MACHINE_SET));
}

/* Control plane first, then the default workers, then by ID. */
static int rank(const struct view_set *set)
{
	return set->words[0] == 'C' ? 0 : set->words[0] == 'W' ? 1 : 2;
}

static const char *words_of(const struct resource *set, struct span cluster)
{
	if (has_label(set, OMNI_LABEL_CONTROL_PLANE))
		return "Control Plane";
	bool is_default = set->id.len == cluster.len + 8 && span_starts(set->id, "") && span_ends(set->id, "-workers") &&
			  span_eq((struct span){set->id.ptr, cluster.len}, cluster);
	return is_default ? "Workers" : "Additional Workers";
}

static struct view_set *need_set(struct taking *taking, const struct resource *resource)
{
	void **place = map_at(&taking->by_id, resource->id);
	if (*place != NULL)
		return *place;
	struct view_set *set = ARENA_NEW(taking->arena, struct view_set);
	set->set.id = resource->id;
	set->words = words_of(resource, taking->view->name);
	set->is_control_plane = has_label(resource, OMNI_LABEL_CONTROL_PLANE);
	return *place = set;
}

static void count_node(const struct taking *taking, const struct resource *node)
{
	struct view_set *set = set_of(taking, node);
	if (set == NULL)
		return;
	set->set.allocated++;
	if (set->set.class_name.len == 0)
		set->set.wanted++;
}

static void sort_sets(struct view_set **sets, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0; j--) {
			struct view_set *a = sets[j - 1], *b = sets[j];
			if (rank(a) < rank(b) || (rank(a) == rank(b) && span_cmp(a->set.id, b->set.id) <= 0))
				break;
			sets[j - 1] = b;
			sets[j] = a;
		}
}

/* In order, and next to one another: for the view with all that is shown, for the rule alone. */
static void lay_out(const struct taking *taking)
{
	struct cluster_view *view = taking->view;
	size_t count = taking->by_id.count;
	struct view_set **sorted = ARENA_ARRAY(taking->arena, struct view_set *, count + 1);
	struct health_set *facts = ARENA_ARRAY(taking->arena, struct health_set, count + 1);
	for (size_t i = 0; i < count; i++)
		sorted[i] = taking->by_id.entries[i].value;
	sort_sets(sorted, count);
	view->sets = ARENA_ARRAY(taking->arena, struct view_set, count + 1);
	for (size_t i = 0; i < count; i++) {
		view->sets[i] = *sorted[i];
		facts[i] = sorted[i]->set;
		view->machine_sets += facts[i].is_declared;
		view->machines_wanted += facts[i].is_unlimited ? 0 : facts[i].wanted;
		view->machines_unlimited |= facts[i].is_unlimited;
	}
	view->facts.sets = facts;
	view->facts.set_count = count;
}

/* --- machines ------------------------------------------------------------------------------------------------------- */

static void take_machine(const struct taking *taking, const struct resource *status)
{
	struct view_set *set = set_of(taking, status);
	struct view_machine machine = {
		.id = status->id,
		.has_status = true,
		.node_name = label_of(status, "omni.sidero.dev/node-name"),
		.config_error = node_text_at(&status->spec, "lastconfigerror"),
		.is_ready = span_is(node_text_at(&status->spec, "ready"), "true"),
		.is_config_current = span_is(node_text_at(&status->spec, "configuptodate"), "true"),
		.has_config_failed = span_is(node_text_at(&status->spec, "configapplystatus"), "3"),
		.is_connected = has_label(status, "omni.sidero.dev/connected"),
		.has_pending_update = has_label(status, "omni.sidero.dev/locked-update"),
		.is_locked = has_annotation(status, OMNI_ANNOTATION_LOCKED),
	};
	int64_t stage = 0;
	span_int(node_text_at(&status->spec, "stage"), 0, 255, &stage);
	machine.stage = (unsigned)stage;
	if (set != NULL)
		ARENA_PUSH(taking->arena, set->machines, set->machine_count, set->machine_cap) = machine;
}

/* What was chosen is a machine of its set, also while nothing is said of it. */
static void take_node(const struct taking *taking, const struct map *machines, const struct resource *node)
{
	struct view_set *set = set_of(taking, node);
	struct view_machine *known = map_get(machines, node->id);
	bool is_locked = has_annotation(node, OMNI_ANNOTATION_LOCKED);
	if (known != NULL)
		known->is_declared_locked = is_locked;
	else if (set != NULL)
		ARENA_PUSH(taking->arena, set->machines, set->machine_count, set->machine_cap) =
			(struct view_machine){.id = node->id, .is_declared_locked = is_locked};
}

static void take_machines(const struct taking *taking, const struct cluster_parts *parts)
{
	struct map machines;
	map_init(&machines, taking->arena);
	for (size_t i = 0; i < parts->machines.count; i++)
		take_machine(taking, parts->machines.items[i]);
	for (size_t i = 0; i < taking->by_id.count; i++) {
		struct view_set *set = taking->by_id.entries[i].value;
		for (size_t j = 0; j < set->machine_count; j++)
			*map_at(&machines, set->machines[j].id) = &set->machines[j];
	}
	/* Places in a growing list move: marks first, then what is new. */
	for (int is_new = 0; is_new < 2; is_new++)
		for (size_t i = 0; i < parts->nodes.count; i++)
			if ((map_get(&machines, parts->nodes.items[i]->id) == NULL) == is_new)
				take_node(taking, &machines, parts->nodes.items[i]);
}

/* --- checks --------------------------------------------------------------------------------------------------------- */

static const char *name_at(const struct node *map, const char *key, const char *const *names, size_t count)
{
	int64_t value = 0;
	span_int(node_text_at(map, key), 0, 255, &value);
	return names[(size_t)value < count ? value : 0];
}

static void take_checks(struct arena *arena, struct cluster_view *view, const struct resource *status)
{
	static const char *const types[] = {"Unknown", "Etcd", "WireguardConnection"}, *const states[] = {"Unknown", "Ready", "NotReady"};
	const struct node *conditions = node_get(&status->spec, "conditions");
	for (uint32_t i = 0; node_is(conditions, NODE_SEQ) && i < conditions->len; i++) {
		const struct node *condition = &conditions->items[i];
		ARENA_PUSH(arena, view->checks, view->check_count, view->check_cap) = (struct view_check){
			.id = status->id,
			.type = span_of(name_at(condition, "type", types, COUNT_OF(types))),
			.status = span_of(name_at(condition, "status", states, COUNT_OF(states))),
			.reason = node_text_at(condition, "reason"),
		};
	}
}

static void take_load_balancer(struct cluster_view *view, const struct resource *status)
{
	if (status == NULL)
		return;
	view->has_load_balancer = true;
	view->is_load_balancer_healthy = span_is(node_text_at(&status->spec, "healthy"), "true");
	view->is_load_balancer_stopped = span_is(node_text_at(&status->spec, "stopped"), "true");
}

/* --- the cluster ---------------------------------------------------------------------------------------------------- */

static void take_cluster(struct cluster_view *view, struct span name, const struct resource *cluster)
{
	*view = (struct cluster_view){
		.name = name,
		.owner = annotation(cluster, ANNOTATION_OWNER),
		.applied_revision = annotation(cluster, ANNOTATION_APPLIED_REVISION),
		.applied_hash = annotation(cluster, ANNOTATION_APPLIED_HASH),
		.sync_state = annotation(cluster, ANNOTATION_SYNC_STATE),
		.sync_message = annotation(cluster, ANNOTATION_SYNC_MESSAGE),
		.is_locked = has_annotation(cluster, OMNI_ANNOTATION_CLUSTER_LOCKED),
		.facts = {.name = name, .is_torn_down = cluster == NULL || cluster->phase == RESOURCE_TEARING_DOWN},
	};
	if (cluster != NULL) {
		view->facts.talos = node_text_at(&cluster->spec, "talosversion");
		view->facts.kubernetes = node_text_at(&cluster->spec, "kubernetesversion");
	}
	view->facts.is_locked = view->is_locked;
}

static void take_statuses(struct cluster_view *view, const struct cluster_parts *parts)
{
	struct health_facts *facts = &view->facts;
	if (parts->status.count > 0)
		health_take_status(facts, parts->status.items[0]);
	if (parts->kubernetes.count > 0)
		health_take_upgrade(&facts->kubernetes_upgrade, parts->kubernetes.items[0]);
	if (parts->talos.count > 0)
		health_take_upgrade(&facts->talos_upgrade, parts->talos.items[0]);
	view->talos_version = facts->talos.len > 0 ? facts->talos : facts->seen_talos;
	view->kubernetes_version = facts->kubernetes.len > 0 ? facts->kubernetes : facts->seen_kubernetes;
	view->has_status = facts->has_status;
	view->is_ready = facts->is_ready;
	view->machines_total = facts->total;
	view->machines_healthy = facts->healthy;
	if (facts->has_status)
		view->phase = span_of(health_cluster_phase(facts->phase));
	else if (facts->is_torn_down)
		view->phase = SPAN("DESTROYING");
}

void view_take(struct arena *arena, struct span name, const struct cluster_parts *parts, struct cluster_view *view)
{
	struct taking taking = {.arena = arena, .view = view};
	map_init(&taking.by_id, arena);
	take_cluster(view, name, part_one(&parts->cluster));
	take_statuses(view, parts);
	for (size_t i = 0; i < parts->sets.count; i++)
		health_take_set(&need_set(&taking, parts->sets.items[i])->set, parts->sets.items[i]);
	for (size_t i = 0; i < parts->set_statuses.count; i++)
		health_take_set_status(&need_set(&taking, parts->set_statuses.items[i])->set, parts->set_statuses.items[i]);
	for (size_t i = 0; i < parts->nodes.count; i++)
		count_node(&taking, parts->nodes.items[i]);
	view->facts.nodes = parts->nodes.count;
	take_machines(&taking, parts);
	lay_out(&taking);
	for (size_t i = 0; i < parts->control_planes.count; i++)
		take_checks(arena, view, parts->control_planes.items[i]);
	take_load_balancer(view, part_one(&parts->load_balancers));
	view->health = health_judge(arena, &view->facts, &view->reasons);
}
