/* What a person sees of an Omni: clusters in a table, one cluster as a tree, with and without what Omni reports of it. */
#include "tests/unit/test.h"

#include "agent/plan/plan.h"
#include "agent/report/fleet_view.h"
#include "tests/unit/memory_store.h"

#include <jansson.h>

struct bench {
	struct arena arena;
	struct memory_store *store;
};

static struct bench begin(void)
{
	struct bench bench = {.store = memory_store_new()};
	arena_init(&bench.arena, ARENA_NO_LIMIT);
	return bench;
}

static void end(struct bench *bench)
{
	memory_store_free(bench->store);
	arena_done(&bench->arena);
}

static struct resource *make(struct bench *bench, const char *type, const char *id, const char *cluster)
{
	struct resource *resource = resource_new(&bench->arena, omni_type_guess(span_of(type)), span_of(id));
	assert_non_null(resource->type);
	resource->spec = node_map(&bench->arena, 8);
	if (cluster != NULL)
		labels_set(&bench->arena, &resource->labels, SPAN(OMNI_LABEL_CLUSTER), span_of(cluster));
	return resource;
}

static void text(struct resource *resource, const char *key, const char *value)
{
	node_put(&resource->spec, key, node_string(span_of(value)));
}

static void number(struct bench *bench, struct resource *resource, const char *key, int64_t value)
{
	node_put(&resource->spec, key, node_int(&bench->arena, value));
}

static struct resource *make_cluster(struct bench *bench, const char *name)
{
	struct resource *cluster = make(bench, "clusters", name, NULL);
	text(cluster, "talosversion", "1.13.3");
	text(cluster, "kubernetesversion", "1.35.1");
	memory_store_put(bench->store, cluster);
	return cluster;
}

static void make_set(struct bench *bench, const char *id, const char *cluster, int64_t machines)
{
	struct resource *set = make(bench, "machinesets", id, cluster);
	bool is_control = span_ends(span_of(id), "control-planes");
	struct node allocation = node_map(&bench->arena, 2);
	labels_set(&bench->arena, &set->labels, is_control ? SPAN(OMNI_LABEL_CONTROL_PLANE) : SPAN(OMNI_LABEL_WORKER), SPAN(""));
	node_put(&allocation, "name", node_string(SPAN("any")));
	node_put(&allocation, "machinecount", node_int(&bench->arena, machines));
	node_put(&set->spec, "machineallocation", allocation);
	memory_store_put(bench->store, set);
}

static struct cluster_view look(struct bench *bench, const char *name)
{
	struct cluster_view view;
	struct fail fail = {0};
	if (!view_cluster(&bench->store->base, &bench->arena, span_of(name), 0, &view, &fail))
		fail_msg("%s", fail.text);
	return view;
}

static void without_a_status_what_is_declared_is_shown(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *cluster = make_cluster(&bench, "demo");
	make_set(&bench, "demo-a-set", "demo", 2);
	make_set(&bench, "demo-control-planes", "demo", 3);
	make_set(&bench, "other-workers", "other", 9);
	struct cluster_view view = look(&bench, "demo");
	assert_span(view.talos_version, "1.13.3");
	assert_false(view.has_status || view.is_locked);
	assert_int_equal(view.machine_sets, 2);
	assert_int_equal(view.machines_wanted, 5);
	assert_int_equal(view.root->child_count, 2);
	/* first, whatever its name */
	assert_span(view.root->children[0]->text, "Control Plane \"demo-control-planes\" 3 machines of class any");
	assert_int_equal(view.health, HEALTH_UNKNOWN);
	assert_span(view.root->text, "Cluster \"demo\" Talos 1.13.3, Kubernetes 1.35.1 (no status in Omni)");
	labels_set(&bench.arena, &cluster->annotations, SPAN(OMNI_ANNOTATION_CLUSTER_LOCKED), SPAN(""));
	labels_set(&bench.arena, &cluster->annotations, SPAN(ANNOTATION_OWNER), SPAN("me"));
	labels_set(&bench.arena, &cluster->annotations, SPAN(ANNOTATION_SYNC_STATE), SPAN("Held"));
	memory_store_put(bench.store, cluster);
	view = look(&bench, "demo");
	assert_true(view.is_locked);
	assert_span(view.owner, "me");
	assert_span(view.sync_state, "Held");
	end(&bench);
}

static void a_status_says_what_omni_says(void **state)
{
	(void)state;
	struct bench bench = begin();
	make_cluster(&bench, "demo");
	struct resource *status = make(&bench, "clusterstatuses", "demo", "demo");
	struct node machines = node_map(&bench.arena, 2);
	node_put(&machines, "total", node_int(&bench.arena, 5));
	node_put(&machines, "healthy", node_int(&bench.arena, 4));
	node_put(&status->spec, "machines", machines);
	number(&bench, status, "phase", 3);
	node_put(&status->spec, "ready", node_bool(true));
	memory_store_put(bench.store, status);
	struct cluster_view view = look(&bench, "demo");
	assert_true(view.has_status && view.is_ready);
	assert_int_equal(view.machines_total, 5);
	assert_int_equal(view.machines_healthy, 4);
	assert_span(view.root->text, "Cluster \"demo\" RUNNING Ready (4/5) (healthy/total)");
	assert_int_equal(view.health, HEALTH_NOT_READY); /* nobody has looked at its Kubernetes */
	memory_store_drop(bench.store, OMNI_CLUSTER, SPAN("demo")); /* its status outlives it for a moment */
	view = look(&bench, "demo");
	assert_int_equal(view.health, HEALTH_DESTROYING);
	end(&bench);
}

static struct resource *make_status(struct bench *bench, const char *type, const char *id, int64_t phase, bool is_ready)
{
	struct resource *status = make(bench, type, id, "demo");
	number(bench, status, "phase", phase);
	node_put(&status->spec, "ready", node_bool(is_ready));
	memory_store_put(bench->store, status);
	return status;
}

static void put_machines(struct bench *bench, struct resource *status, int64_t healthy, int64_t total)
{
	struct node machines = node_map(&bench->arena, 2);
	node_put(&machines, "total", node_int(&bench->arena, total));
	node_put(&machines, "healthy", node_int(&bench->arena, healthy));
	node_put(&status->spec, "machines", machines);
	memory_store_put(bench->store, status);
}

static void mark(struct bench *bench, struct resource *resource, const char *label, const char *value)
{
	labels_set(&bench->arena, &resource->labels, span_of(label), span_of(value));
	memory_store_put(bench->store, resource);
}

/* What `omnictl cluster status` prints of the same, and the line for Talos. */
static const char whole_tree[] = "Cluster \"demo\" RUNNING Not Ready (1/2) (healthy/total)\n"
				 "├── Kubernetes Upgrade Upgrading node: updating kubelet to 1.35.2\n"
				 "├── Talos Upgrade Done\n"
				 "├── Control Plane \"demo-control-planes\" Running Ready (1/1)\n"
				 "│   ├── Load Balancer Not Ready\n"
				 "│   ├── Status Checks Failing: [Etcd]\n"
				 "│   └── Machine \"m1\"(node-1) RUNNING Ready\n"
				 "├── Workers \"demo-workers\" Reconfiguring Not Ready (0/1)\n"
				 "│   └── Machine \"m2\" RUNNING Not Ready Unreachable Locked Config Outdated Pending Config Update\n"
				 "└── Additional Workers \"demo-a\" ScalingUp Not Ready (0/0)\n";

static void make_machines(struct bench *bench)
{
	struct resource *one = make_status(bench, "clustermachinestatuses", "m1", 0, true);
	number(bench, one, "stage", 4);
	node_put(&one->spec, "configuptodate", node_bool(true));
	mark(bench, one, OMNI_LABEL_MACHINE_SET, "demo-control-planes");
	mark(bench, one, "omni.sidero.dev/node-name", "node-1");
	mark(bench, one, "omni.sidero.dev/connected", "");
	struct resource *two = make_status(bench, "clustermachinestatuses", "m2", 0, false);
	number(bench, two, "stage", 4);
	number(bench, two, "configapplystatus", 3);
	labels_set(&bench->arena, &two->annotations, SPAN(OMNI_ANNOTATION_LOCKED), SPAN(""));
	mark(bench, two, OMNI_LABEL_MACHINE_SET, "demo-workers");
	mark(bench, two, "omni.sidero.dev/locked-update", "");
}

static void make_whole(struct bench *bench)
{
	make_cluster(bench, "demo");
	make_set(bench, "demo-control-planes", "demo", 1);
	make_set(bench, "demo-workers", "demo", 1);
	make_set(bench, "demo-a", "demo", 3);
	put_machines(bench, make_status(bench, "clusterstatuses", "demo", CLUSTER_RUNNING, false), 1, 2);
	struct resource *control = make_status(bench, "machinesetstatuses", "demo-control-planes", SET_RUNNING, true);
	put_machines(bench, control, 1, 1);
	mark(bench, control, OMNI_LABEL_CONTROL_PLANE, "");
	put_machines(bench, make_status(bench, "machinesetstatuses", "demo-workers", 6, false), 0, 1);
	text(make_status(bench, "machinesetstatuses", "demo-a", 1, false), "error", "no luck");
	struct resource *upgrade = make_status(bench, "kubernetesupgradestatuses", "demo", 1, false);
	text(upgrade, "step", "node: updating kubelet to 1.35.2");
	text(upgrade, "status", "waiting");
	memory_store_put(bench->store, upgrade);
	make_status(bench, "talosupgradestatuses", "demo", UPGRADE_DONE, false);
	make_status(bench, "loadbalancerstatuses", "demo", 0, false);
	struct resource *checks = make_status(bench, "controlplanestatuses", "demo-control-planes", 0, false);
	struct node list = node_seq(&bench->arena, 1), etcd = node_map(&bench->arena, 2);
	node_put(&etcd, "type", node_int(&bench->arena, 1));
	node_put(&etcd, "status", node_int(&bench->arena, 2));
	node_put(&etcd, "reason", node_string(SPAN("no quorum")));
	node_push(&list, etcd);
	node_put(&checks->spec, "conditions", list);
	memory_store_put(bench->store, checks);
	make_machines(bench);
}

static void assert_says(const struct text *out, const char *words)
{
	if (!span_contains(text_span(out), words))
		fail_msg("does not say \"%s\":\n%s", words, out->ptr);
}

static void the_tree_is_that_of_omnictl(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct text out;
	make_whole(&bench);
	struct cluster_view view = look(&bench, "demo");
	text_init(&out, TEXT_NO_LIMIT);
	view_print_tree(&out, &view, false);
	if (!span_starts(text_span(&out), whole_tree))
		fail_msg("%s", out.ptr);
	assert_says(&out, "\nNot ready:\n");
	assert_says(&out, "  Kubernetes 1.35.1: Upgrading, node: updating kubelet to 1.35.2, waiting\n");
	assert_says(&out, "  machine set demo-a has 0 of 3 machines of class any; the rest waits until machines that fit are free\n");
	assert_says(&out, "\nWorth a look:\n  no control plane answers behind the load balancer\n  Etcd: no quorum\n");
	assert_says(&out, "  machine m2 is not connected to Omni\n");
	text_reset(&out);
	view_print_tree(&out, &view, true);
	assert_says(&out, "\"demo\" \033[32mRUNNING\033[0m \033[31mNot Ready\033[0m (1/2)");
	assert_says(&out, "\033[34mLocked\033[0m \033[33mConfig Outdated\033[0m \033[34mPending Config Update\033[0m\n");
	text_done(&out);
	end(&bench);
}

static void what_is_not_let_go_is_told_with_the_way_out(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct text out;
	make_whole(&bench);
	struct resource *set = resource_copy(&bench.arena, memory_store_find(bench.store, OMNI_MACHINE_SET, SPAN("demo-workers")));
	struct span holder = SPAN("MachineSetStatusController");
	set->phase = RESOURCE_TEARING_DOWN;
	set->finalizers = &holder;
	set->finalizer_count = 1;
	memory_store_put(bench.store, set);
	struct cluster_view view = look(&bench, "demo");
	assert_int_equal(view.wait_count, 1);
	assert_span(view.waits[0].holders, "MachineSetStatusController");
	assert_true(span_contains(view.waits[0].way_out, "omnictl delete link m2"));
	assert_string_equal(view.reasons.items[0].code, "MachineSetLeaving");
	text_init(&out, TEXT_NO_LIMIT);
	view_print_tree(&out, &view, false);
	assert_says(&out, "Omni does not let go of:\n  MachineSets.omni.sidero.dev(demo-workers), held by MachineSetStatusController");
	text_done(&out);
	end(&bench);
}

static json_t *json_of(const struct text *out)
{
	json_error_t error;
	json_t *json = json_loadb(out->ptr, out->len, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		fail_msg("%s: %s", error.text, out->ptr);
	return json;
}

static void one_cluster_is_json_in_depth(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct text out;
	make_whole(&bench);
	struct cluster_view view = look(&bench, "demo");
	text_init(&out, TEXT_NO_LIMIT);
	view_print_json(&out, NULL, NULL, &view, 1, NULL);
	json_t *json = json_of(&out);
	const char *name, *health, *step, *code, *set, *machine, *tree;
	int ready, locked, wanted, connected;
	json_error_t error;
	if (json_unpack_ex(json, &error, 0,
			   "{s:[{s:s,s:s,s:b,s:{s:i},s:{s:{s:s}},s:[{s:s}],s:[{s:s},{s:s,s:[{s:s,s:b,s:b}]}],s:{s:s}}]}", "clusters", "name",
			   &name, "health", &health, "ready", &ready, "machines", "wanted", &wanted, "upgrades", "kubernetes", "step", &step,
			   "notReady", "code", &code, "sets", "id", &set, "id", &set, "machines", "id", &machine, "locked", &locked,
			   "connected", &connected, "tree", "text", &tree) != 0)
		fail_msg("%s: %s", error.text, out.ptr);
	assert_string_equal(health, "NotReady");
	assert_int_equal(wanted, 5);
	assert_string_equal(step, "node: updating kubelet to 1.35.2");
	assert_string_equal(set, "demo-workers");
	assert_string_equal(machine, "m2");
	assert_true(locked && !connected && !ready);
	json_decref(json);
	text_done(&out);
	end(&bench);
}

static void a_fleet_is_sorted_and_counts_by_cluster(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct fleet_view fleet;
	struct fail fail = {0};
	make_cluster(&bench, "b");
	make_cluster(&bench, "a");
	make_set(&bench, "b-workers", "b", 7);
	make_set(&bench, "a-workers", "a", 1);
	assert_true(view_fleet(&bench.store->base, &bench.arena, 0, &fleet, &fail));
	assert_int_equal(fleet.count, 2);
	assert_span(fleet.clusters[0].name, "a");
	assert_int_equal(fleet.clusters[0].machines_wanted, 1);
	assert_int_equal(fleet.clusters[1].machines_wanted, 7);
	end(&bench);
}

static void what_nobody_keeps_is_unmanaged(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct fleet_view fleet;
	struct fail fail = {0};
	struct text out;
	struct resource *cluster = make_cluster(&bench, "ours");
	labels_set(&bench.arena, &cluster->annotations, SPAN(ANNOTATION_OWNER), SPAN("omniops"));
	memory_store_put(bench.store, cluster);
	make_cluster(&bench, "theirs");
	memory_store_put(bench.store, make(&bench, "machineclasses", "big", NULL));
	struct resource *made = make(&bench, "machinerequestsets", "by-omni", NULL);
	made->owner = SPAN("MachineProvisionController");
	memory_store_put(bench.store, made);
	assert_true(view_fleet(&bench.store->base, &bench.arena, 0, &fleet, &fail));
	assert_int_equal(fleet.unmanaged_count, 2);
	assert_span(fleet.unmanaged[0].id, "theirs");
	assert_span(fleet.unmanaged[1].id, "big");
	text_init(&out, TEXT_NO_LIMIT);
	view_print_table(&out, &fleet, false);
	assert_says(&out, "\nUnmanaged MachineClasses.omni.sidero.dev: big\n");
	assert_says(&out, "0 wanted  unmanaged");
	text_reset(&out);
	view_print_json(&out, NULL, NULL, fleet.clusters, fleet.count, &fleet);
	json_t *json = json_of(&out);
	assert_int_equal(json_array_size(json_object_get(json, "unmanaged")), 2);
	json_decref(json);
	text_done(&out);
	end(&bench);
}

static void failures_are_told(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct cluster_view view;
	struct fleet_view fleet;
	struct fail fail = {0};
	assert_false(view_cluster(&bench.store->base, &bench.arena, SPAN("none"), 0, &view, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	make_cluster(&bench, "demo");
	memory_store_fail(bench.store, (struct memory_faults){.at = 1, .is_dead = true});
	assert_false(view_cluster(&bench.store->base, &bench.arena, SPAN("demo"), 0, &view, &fail));
	assert_int_equal(fail.code, FAIL_UNAVAILABLE);
	memory_store_fail(bench.store, (struct memory_faults){.at = 2});
	assert_false(view_fleet(&bench.store->base, &bench.arena, 0, &fleet, &fail));
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_status_what_is_declared_is_shown),
		cmocka_unit_test(a_status_says_what_omni_says),
		cmocka_unit_test(the_tree_is_that_of_omnictl),
		cmocka_unit_test(what_is_not_let_go_is_told_with_the_way_out),
		cmocka_unit_test(one_cluster_is_json_in_depth),
		cmocka_unit_test(what_nobody_keeps_is_unmanaged),
		cmocka_unit_test(a_fleet_is_sorted_and_counts_by_cluster),
		cmocka_unit_test(failures_are_told),
	};
	return RUN_TESTS(tests);
}
