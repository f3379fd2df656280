#include "agent/report/fleet_view.h"

#include <stdio.h>

#include "agent/plan/plan.h"
#include "base/cleanup.h"
#include "base/map.h"

/* --- names of Omni's numbers ---------------------------------------------------------------------------------------- */

static const char *const cluster_phases[] = {"UNKNOWN", "SCALING_UP", "SCALING_DOWN", "RUNNING", "DESTROYING"};
static const char *const set_phases[] = {"Unknown",    "ScalingUp", "ScalingDown",   "Running",
					 "Destroying", "Failed",    "Reconfiguring", "Upgrading"};
static const char *const stages[] = {"UNKNOWN",	  "BOOTING",	"INSTALLING",	 "CONFIGURING",	   "RUNNING",	  "DESTROYING",
				     "UPGRADING", "REBOOTING",	"SHUTTING_DOWN", "BEFORE_DESTROY", "POWERING_ON", "POWERED_OFF"};
static const char *const upgrade_phases[] = {"Unknown", "Upgrading", "Done", "Failed", "Reverting", "UpdatingMachineSchematics"};

static int64_t number_at(const struct node *spec, const char *path)
{
	int64_t value = 0;
	span_int(node_text_at(spec, path), INT64_MIN, INT64_MAX, &value);
	return value;
}

static const char *name_at(const struct node *spec, const char *path, const char *const *names, size_t count)
{
	int64_t value = number_at(spec, path);
	return value >= 0 && (size_t)value < count ? names[value] : names[0];
}

static bool true_at(const struct node *spec, const char *path)
{
	return span_is(node_text_at(spec, path), "true");
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

struct reading {
	struct omni_store *store;
	struct arena *arena;
	int64_t deadline_ms;
	struct fail *fail;
	struct span cluster;
};

static bool list(const struct reading *reading, const char *type, struct resource_list *out)
{
	struct omni_query query = {0};
	omni_query_equal(reading->arena, &query, OMNI_LABEL_CLUSTER, reading->cluster);
	const struct omni_type *found = omni_type_find(span_of(type));
	return found == NULL || reading->store->ops->list(reading->store, reading->arena, found, &query,
							  reading->deadline_ms, out, reading->fail);
}

/* Absent is fine: *out stays NULL. */
static bool get(const struct reading *reading, const char *type, struct span id, struct resource **out)
{
	struct fail fail;
	const struct omni_type *found = omni_type_find(span_of(type));
	*out = NULL;
	if (found == NULL || reading->store->ops->get(reading->store, reading->arena, found, id, reading->deadline_ms, out, &fail))
		return true;
	*out = NULL;
	if (fail.code == FAIL_NOT_FOUND)
		return true;
	if (reading->fail != NULL)
		*reading->fail = fail;
	return false;
}

/* --- the tree ------------------------------------------------------------------------------------------------------- */

static struct view_node *add_node(struct arena *arena, struct view_node *parent, const char *kind, struct span id)
{
	struct view_node *node = ARENA_NEW(arena, struct view_node);
	node->kind = span_of(kind);
	node->id = id;
	if (parent != NULL)
		ARENA_PUSH(arena, parent->children, parent->child_count, parent->child_cap) = node;
	return node;
}

static const char *ready_word(bool is_ready)
{
	return is_ready ? "Ready" : "Not Ready";
}

static bool add_upgrades(const struct reading *reading, struct view_node *root, struct cluster_view *view)
{
	static const struct {
		const char *type, *kind, *words;
	} kinds[] = {{"KubernetesUpgradeStatuses.omni.sidero.dev", "KubernetesUpgrade", "Kubernetes Upgrade"},
		     {"TalosUpgradeStatuses.omni.sidero.dev", "TalosUpgrade", "Talos Upgrade"}};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct resource *status;
		if (!get(reading, kinds[i].type, reading->cluster, &status))
			return false;
		if (status == NULL) { /* a missing status of Kubernetes means that it was not set up yet */
			view->is_healthy = view->is_healthy && i != 0;
			continue;
		}
		struct view_node *node = add_node(reading->arena, root, kinds[i].kind, status->id);
		node->phase = span_of(name_at(&status->spec, "phase", upgrade_phases, COUNT_OF(upgrade_phases)));
		struct span step = node_text_at(&status->spec, "step"), error = node_text_at(&status->spec, "error");
		node->text = arena_spanf(reading->arena, "%s %.*s%s%.*s%s%.*s", kinds[i].words, SPAN_ARG(node->phase),
					 step.len > 0 ? " " : "", SPAN_ARG(step), error.len > 0 ? ": " : "", SPAN_ARG(error));
		view->is_healthy = view->is_healthy && span_is(node->phase, "Done");
	}
	return true;
}

static void add_machine(struct arena *arena, struct view_node *set, const struct resource *status,
			const struct resource *machine_set_node)
{
	const struct resource *any = status != NULL ? status : machine_set_node;
	struct view_node *node = add_node(arena, set, "Machine", any->id);
	const struct label *host = labels_get(&any->labels, "omni.sidero.dev/node-name");
	bool is_locked = labels_get(&any->annotations, OMNI_ANNOTATION_LOCKED) != NULL ||
			 (machine_set_node != NULL && labels_get(&machine_set_node->annotations, OMNI_ANNOTATION_LOCKED) != NULL);
	if (status == NULL) {
		node->text = arena_spanf(arena, "Machine \"%.*s\"%s", SPAN_ARG(any->id), is_locked ? " Locked" : "");
		return;
	}
	node->phase = span_of(name_at(&status->spec, "stage", stages, COUNT_OF(stages)));
	node->is_ready = true_at(&status->spec, "ready") && span_is(node->phase, "RUNNING");
	node->has_ready = true;
	const char *config = labels_get(&status->labels, "omni.sidero.dev/locked-update") != NULL ? " Pending Config Update"
			     : number_at(&status->spec, "configapplystatus") == 3		   ? " Config Apply Failed"
												   : "";
	node->text = arena_spanf(arena, "Machine \"%.*s\"%s%.*s%s %.*s%s%s%s%s%s", SPAN_ARG(any->id), host != NULL ? "(" : "",
				 host != NULL ? (int)host->value.len : 0, host != NULL ? host->value.ptr : "",
				 host != NULL ? ")" : "", SPAN_ARG(node->phase),
				 span_is(node->phase, "RUNNING") ? node->is_ready ? " Ready" : " Not Ready" : "",
				 labels_get(&status->labels, "omni.sidero.dev/connected") == NULL ? " Unreachable" : "",
				 is_locked ? " Locked" : "",
				 true_at(&status->spec, "configuptodate") ? "" : " Config Outdated", config);
}

static const struct resource *by_id(const struct resource_list *resources, struct span id)
{
	for (size_t i = 0; i < resources->count; i++)
		if (span_eq(resources->items[i]->id, id))
			return resources->items[i];
	return NULL;
}

static bool belongs_to(const struct resource *resource, struct span machine_set)
{
	const struct label *label = labels_get(&resource->labels, OMNI_LABEL_MACHINE_SET);
	return label != NULL && span_eq(label->value, machine_set);
}

struct set_lists {
	struct resource_list sets, statuses, nodes, machines, load_balancers, control_planes;
};

static void add_checks(struct arena *arena, struct view_node *node, const struct set_lists *lists)
{
	for (size_t i = 0; i < lists->load_balancers.count; i++) {
		struct view_node *check = add_node(arena, node, "LoadBalancer", lists->load_balancers.items[i]->id);
		check->has_ready = true;
		check->is_ready = true_at(&lists->load_balancers.items[i]->spec, "healthy");
		check->text = arena_spanf(arena, "Load Balancer %s", ready_word(check->is_ready));
	}
	for (size_t i = 0; i < lists->control_planes.count; i++) {
		struct view_node *check = add_node(arena, node, "ControlPlaneChecks", lists->control_planes.items[i]->id);
		const struct node *conditions = node_get(&lists->control_planes.items[i]->spec, "conditions");
		static const char *const types[] = {"Unknown", "Etcd", "WireguardConnection"};
		struct span failing = {"", 0};
		for (uint32_t c = 0; node_is(conditions, NODE_SEQ) && c < conditions->len; c++)
			if (number_at(&conditions->items[c], "status") == 2)
				failing = arena_spanf(arena, "%.*s%s%s", SPAN_ARG(failing), failing.len > 0 ? " " : "",
						      name_at(&conditions->items[c], "type", types, COUNT_OF(types)));
		check->has_ready = true;
		check->is_ready = failing.len == 0;
		check->text = failing.len == 0 ? span_of("Status Checks OK")
					       : arena_spanf(arena, "Status Checks Failing: [%.*s]", SPAN_ARG(failing));
	}
}

static struct span wanted_text(struct arena *arena, const struct resource *set, size_t nodes, struct cluster_view *view)
{
	const struct node *allocation = node_get(&set->spec, "machineallocation");
	struct span class = node_text_at(allocation, "name");
	if (!node_is(allocation, NODE_MAP)) {
		view->machines_wanted += nodes;
		return arena_spanf(arena, "%zu machines", nodes);
	}
	if (number_at(allocation, "allocationtype") == 1) {
		view->machines_unlimited = true;
		return arena_spanf(arena, "every machine of class %.*s", SPAN_ARG(class));
	}
	size_t count = (size_t)number_at(allocation, "machinecount");
	view->machines_wanted += count;
	return arena_spanf(arena, "%zu machines of class %.*s", count, SPAN_ARG(class));
}

static const char *set_words(const struct resource *set, struct span cluster)
{
	if (labels_get(&set->labels, OMNI_LABEL_CONTROL_PLANE) != NULL)
		return "Control Plane";
	bool is_default = set->id.len == cluster.len + 8 && span_ends(set->id, "-workers");
	return is_default ? "Workers" : "Additional Workers";
}

static void add_set(const struct reading *reading, struct cluster_view *view, const struct resource *set,
		    const struct set_lists *lists)
{
	struct arena *arena = reading->arena;
	const struct resource *status = by_id(&lists->statuses, set->id);
	struct view_node *node = add_node(arena, view->root, "MachineSet", set->id);
	size_t nodes = 0;
	for (size_t i = 0; i < lists->nodes.count; i++)
		nodes += belongs_to(lists->nodes.items[i], set->id);
	struct span wanted = wanted_text(arena, set, nodes, view);
	const char *words = set_words(set, reading->cluster);
	if (status == NULL) {
		node->text = arena_spanf(arena, "%s \"%.*s\" %.*s%s", words, SPAN_ARG(set->id), SPAN_ARG(wanted),
					 set->phase == RESOURCE_TEARING_DOWN ? " (tearing down)" : "");
		view->is_healthy = false;
	} else {
		node->phase = span_of(name_at(&status->spec, "phase", set_phases, COUNT_OF(set_phases)));
		node->has_ready = true;
		node->is_ready = true_at(&status->spec, "ready");
		view->is_healthy = view->is_healthy && node->is_ready && span_is(node->phase, "Running");
		struct span error = node_text_at(&status->spec, "error");
		node->text = arena_spanf(arena, "%s \"%.*s\" %.*s %s (%lld/%lld)%s%.*s", words, SPAN_ARG(set->id),
					 SPAN_ARG(node->phase), ready_word(node->is_ready),
					 (long long)number_at(&status->spec, "machines.healthy"),
					 (long long)number_at(&status->spec, "machines.total"), error.len > 0 ? ": " : "",
					 SPAN_ARG(error));
	}
	if (labels_get(&set->labels, OMNI_LABEL_CONTROL_PLANE) != NULL)
		add_checks(arena, node, lists);
	for (size_t i = 0; i < lists->machines.count; i++)
		if (belongs_to(lists->machines.items[i], set->id))
			add_machine(arena, node, lists->machines.items[i], by_id(&lists->nodes, lists->machines.items[i]->id));
	for (size_t i = 0; i < lists->nodes.count; i++)
		if (belongs_to(lists->nodes.items[i], set->id) && by_id(&lists->machines, lists->nodes.items[i]->id) == NULL)
			add_machine(arena, node, NULL, lists->nodes.items[i]);
	view->machine_sets++;
}

/* Control plane first, then the default workers, then by ID. */
static int set_rank(const struct resource *set, struct span cluster)
{
	const char *words = set_words(set, cluster);
	return words[0] == 'C' ? 0 : words[0] == 'W' ? 1 : 2;
}

static void sort_sets(struct resource_list *sets, struct span cluster)
{
	for (size_t i = 1; i < sets->count; i++)
		for (size_t j = i; j > 0; j--) {
			struct resource *a = sets->items[j - 1], *b = sets->items[j];
			int left = set_rank(a, cluster), right = set_rank(b, cluster);
			if (left < right || (left == right && span_cmp(a->id, b->id) <= 0))
				break;
			sets->items[j - 1] = b;
			sets->items[j] = a;
		}
}

static struct span annotation(const struct resource *resource, const char *key)
{
	const struct label *label = labels_get(&resource->annotations, key);
	return label == NULL ? (struct span){"", 0} : label->value;
}

static void take_cluster(struct cluster_view *view, const struct resource *cluster)
{
	*view = (struct cluster_view){
		.name = cluster->id,
		.talos_version = node_text_at(&cluster->spec, "talosversion"),
		.kubernetes_version = node_text_at(&cluster->spec, "kubernetesversion"),
		.owner = annotation(cluster, ANNOTATION_OWNER),
		.applied_revision = annotation(cluster, ANNOTATION_APPLIED_REVISION),
		.applied_hash = annotation(cluster, ANNOTATION_APPLIED_HASH),
		.sync_state = annotation(cluster, ANNOTATION_SYNC_STATE),
		.sync_message = annotation(cluster, ANNOTATION_SYNC_MESSAGE),
		.is_locked = labels_get(&cluster->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL,
		.phase = cluster->phase == RESOURCE_TEARING_DOWN ? span_of("DESTROYING") : (struct span){"", 0},
	};
}

static void take_status(struct cluster_view *view, const struct resource *status)
{
	if (status == NULL)
		return;
	view->has_status = true;
	view->phase = span_of(name_at(&status->spec, "phase", cluster_phases, COUNT_OF(cluster_phases)));
	view->is_ready = true_at(&status->spec, "ready");
	view->machines_total = (size_t)number_at(&status->spec, "machines.total");
	view->machines_healthy = (size_t)number_at(&status->spec, "machines.healthy");
}

static void make_root(struct arena *arena, struct cluster_view *view)
{
	view->root = add_node(arena, NULL, "Cluster", view->name);
	view->root->phase = view->phase;
	view->root->has_ready = view->has_status;
	view->root->is_ready = view->is_ready;
	if (view->has_status)
		view->root->text = arena_spanf(arena, "Cluster \"%.*s\" %.*s %s (%zu/%zu) (healthy/total)%s", SPAN_ARG(view->name),
					       SPAN_ARG(view->phase), ready_word(view->is_ready), view->machines_healthy,
					       view->machines_total, view->is_locked ? " Locked" : "");
	else
		view->root->text = arena_spanf(arena, "Cluster \"%.*s\" Talos %.*s, Kubernetes %.*s%s%s (no status in Omni)",
					       SPAN_ARG(view->name), SPAN_ARG(view->talos_version),
					       SPAN_ARG(view->kubernetes_version), view->phase.len > 0 ? ", being destroyed" : "",
					       view->is_locked ? ", locked" : "");
}

bool view_cluster(struct omni_store *store, struct arena *arena, struct span name, int64_t deadline_ms,
		  struct cluster_view *out, struct fail *fail)
{
	struct reading reading = {store, arena, deadline_ms, fail, name};
	struct resource *cluster, *status;
	struct set_lists lists = {0};
	struct resource_list patches = {0};
	if (!store->ops->get(store, arena, OMNI_CLUSTER, name, deadline_ms, &cluster, fail) ||
	    !get(&reading, "ClusterStatuses.omni.sidero.dev", name, &status) ||
	    !list(&reading, "MachineSets.omni.sidero.dev", &lists.sets) ||
	    !list(&reading, "MachineSetStatuses.omni.sidero.dev", &lists.statuses) ||
	    !list(&reading, "MachineSetNodes.omni.sidero.dev", &lists.nodes) ||
	    !list(&reading, "ClusterMachineStatuses.omni.sidero.dev", &lists.machines) ||
	    !list(&reading, "LoadBalancerStatuses.omni.sidero.dev", &lists.load_balancers) ||
	    !list(&reading, "ControlPlaneStatuses.omni.sidero.dev", &lists.control_planes) ||
	    !list(&reading, "ConfigPatches.omni.sidero.dev", &patches))
		return false;
	struct cluster_view view;
	take_cluster(&view, cluster);
	take_status(&view, status);
	view.patches = patches.count;
	view.is_healthy = view.has_status && view.is_ready && span_is(view.phase, "RUNNING");
	make_root(arena, &view);
	if (!add_upgrades(&reading, view.root, &view))
		return false;
	sort_sets(&lists.sets, name);
	for (size_t i = 0; i < lists.sets.count; i++)
		add_set(&reading, &view, lists.sets.items[i], &lists);
	*out = view;
	return true;
}

bool view_fleet(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct cluster_view **out,
		size_t *out_count, struct fail *fail)
{
	struct resource_list clusters = {0}, statuses = {0}, sets = {0}, nodes = {0};
	if (!store->ops->list(store, arena, OMNI_CLUSTER, NULL, deadline_ms, &clusters, fail) ||
	    !store->ops->list(store, arena, OMNI_CLUSTER_STATUS, NULL, deadline_ms, &statuses, fail) ||
	    !store->ops->list(store, arena, OMNI_MACHINE_SET, NULL, deadline_ms, &sets, fail) ||
	    !store->ops->list(store, arena, OMNI_MACHINE_SET_NODE, NULL, deadline_ms, &nodes, fail))
		return false;
	struct cluster_view *views = ARENA_ARRAY(arena, struct cluster_view, clusters.count);
	struct map by_name;
	map_init(&by_name, arena);
	for (size_t i = 0; i < clusters.count; i++) {
		take_cluster(&views[i], clusters.items[i]);
		take_status(&views[i], by_id(&statuses, clusters.items[i]->id));
		*map_at(&by_name, clusters.items[i]->id) = &views[i];
	}
	for (size_t i = 0; i < sets.count; i++) {
		const struct label *label = labels_get(&sets.items[i]->labels, OMNI_LABEL_CLUSTER);
		struct cluster_view *view = label == NULL ? NULL : map_get(&by_name, label->value);
		if (view == NULL)
			continue;
		view->machine_sets++;
		size_t own = 0;
		for (size_t j = 0; j < nodes.count; j++)
			own += belongs_to(nodes.items[j], sets.items[i]->id);
		wanted_text(arena, sets.items[i], own, view);
	}
	*out = views;
	*out_count = clusters.count;
	return true;
}
