/* What a person sees of an Omni: clusters in a table, one cluster as a tree, with and without what Omni reports of it. */
#include "tests/unit/test.h"

#include "agent/plan/plan.h"
#include "agent/report/fleet_view.h"
#include "tests/unit/memory_store.h"

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
	assert_span(view.root->children[0]->id, "demo-control-planes"); /* first, whatever its name */
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
	assert_true(span_starts(view.root->text, "Cluster \"demo\" "));
	assert_true(span_ends(view.root->text, "(4/5) (healthy/total)"));
	end(&bench);
}

static void a_fleet_is_sorted_and_counts_by_cluster(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct cluster_view *views;
	struct fail fail = {0};
	size_t count;
	make_cluster(&bench, "b");
	make_cluster(&bench, "a");
	make_set(&bench, "b-workers", "b", 7);
	make_set(&bench, "a-workers", "a", 1);
	assert_true(view_fleet(&bench.store->base, &bench.arena, 0, &views, &count, &fail));
	assert_int_equal(count, 2);
	assert_span(views[0].name, "a");
	assert_int_equal(views[0].machines_wanted, 1);
	assert_int_equal(views[1].machines_wanted, 7);
	end(&bench);
}

static void failures_are_told(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct cluster_view view, *views;
	struct fail fail = {0};
	size_t count;
	assert_false(view_cluster(&bench.store->base, &bench.arena, SPAN("none"), 0, &view, &fail));
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	make_cluster(&bench, "demo");
	memory_store_fail(bench.store, (struct memory_faults){.at = 1, .is_dead = true});
	assert_false(view_cluster(&bench.store->base, &bench.arena, SPAN("demo"), 0, &view, &fail));
	assert_int_equal(fail.code, FAIL_UNAVAILABLE);
	memory_store_fail(bench.store, (struct memory_faults){.at = 2});
	assert_false(view_fleet(&bench.store->base, &bench.arena, 0, &views, &count, &fail));
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_status_what_is_declared_is_shown),
		cmocka_unit_test(a_status_says_what_omni_says),
		cmocka_unit_test(a_fleet_is_sorted_and_counts_by_cluster),
		cmocka_unit_test(failures_are_told),
	};
	return RUN_TESTS(tests);
}
