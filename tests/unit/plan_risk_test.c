/* How dangerous a change is. */
#include "tests/unit/test.h"

#include "tests/unit/plan_bench.h"

static void check(struct pair_bench *b, size_t count, enum plan_risk risk, const char *why)
{
	pair_plan(b);
	if (b->plan.count != count)
		fail_msg("%zu operations, should be %zu", b->plan.count, count);
	assert_string_equal(plan_risk_name(b->plan.risk), plan_risk_name(risk));
	bool is_said = false;
	for (size_t i = 0; i < b->plan.count; i++)
		is_said |= b->plan.ops[i].risk == risk && strstr(b->plan.ops[i].why, why) != NULL;
	if (!is_said)
		fail_msg("nobody says «%s», but «%s»", why, b->plan.ops[0].why);
	pair_end(b);
}

static struct node *spec_of(struct maker *m, const struct omni_type *type, const char *id)
{
	return &make_find(&m->cluster->resources, type, span_of(id))->spec;
}

static void versions_are_disruptive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	b.new = make_cluster(&b.arena, "demo", "1.13.8", "1.35.0");
	check(&b, 1, RISK_DISRUPTIVE, "Talos is upgraded from 1.13.5 to 1.13.8");
	pair_begin(&b);
	b.new = make_cluster(&b.arena, "demo", "1.13.5", "1.34.9");
	check(&b, 1, RISK_DISRUPTIVE, "Kubernetes is downgraded from 1.35.0 to 1.34.9");
}

static void everything_is_safe_while_the_cluster_is_new(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	b.old.cluster->resources.count = 0;
	make_patch(&b.new, 200, "a", "a: 1\n");
	make_set(&b.new, "workers", -1);
	make_node(&b.new, "workers", 1);
	make_list(&b.new, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1), "args", "quiet");
	check(&b, 5, RISK_SAFE, "is new");
}

static void configuration_of_running_machines_is_disruptive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_patch(&b.new, 200, "a", "a: 1\n");
	check(&b, 1, RISK_DISRUPTIVE, "adds configuration");
	pair_begin(&b);
	make_patch(&b.old, 200, "a", "a: 1\n");
	check(&b, 1, RISK_DISRUPTIVE, "removes configuration");
	pair_begin(&b);
	make_patch(&b.old, 200, "a", "a: 1\n");
	make_patch(&b.new, 200, "a", "a: 2\n");
	check(&b, 1, RISK_DISRUPTIVE, "changes the configuration");
	pair_begin(&b);
	make_list(&b.old, OMNI_EXTENSIONS, SPAN("schematic-demo"), "extensions", "a");
	make_list(&b.new, OMNI_EXTENSIONS, SPAN("schematic-demo"), "extensions", "b");
	check(&b, 1, RISK_DISRUPTIVE, "system extensions");
	pair_begin(&b);
	pair_machines(&b, "workers", 1, 1);
	make_list(&b.old, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1), "args", "a");
	make_list(&b.new, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1), "args", "b");
	check(&b, 1, RISK_DISRUPTIVE, "kernel arguments");
}

static void configuration_of_machines_that_are_being_added_is_safe(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	pair_machines(&b, "workers", 1, 2);
	make_machine_patch(&b.new, 2, 400, "x", "a: 1\n");
	make_list(&b.new, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 2), "args", "quiet");
	check(&b, 3, RISK_SAFE, "is new");
	pair_begin(&b);
	make_set(&b.new, "gpu", -1);
	make_set_patch(&b.new, "gpu", 400, "x", "a: 1\n");
	check(&b, 2, RISK_SAFE, "is new");
}

static void labels_are_safe(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_label(&b.arena, b.new.cluster->resources.items[0], "env", SPAN("prod"));
	check(&b, 1, RISK_SAFE, "changes nothing that runs");
}

static void scaling_up_is_safe_and_down_destructive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_set(&b.old, "workers", 2);
	make_set(&b.new, "workers", 5);
	check(&b, 1, RISK_SAFE, "machines are added");
	pair_begin(&b);
	make_set(&b.old, "workers", 5);
	make_set(&b.new, "workers", 2);
	check(&b, 1, RISK_DESTRUCTIVE, "scales down: 3 of 5 machines leave");
	pair_begin(&b);
	make_set(&b.old, "control-planes", 3);
	make_set(&b.new, "control-planes", 1);
	check(&b, 1, RISK_CRITICAL, "lose quorum: 2 of 3 machines leave");
	pair_begin(&b);
	make_set(&b.old, "control-planes", 5);
	make_set(&b.new, "control-planes", 3);
	check(&b, 1, RISK_DESTRUCTIVE, "control plane machine leaves");
}

static void another_way_to_get_machines_is_destructive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_set(&b.old, "workers", 2);
	make_set(&b.new, "workers", -1);
	check(&b, 1, RISK_DESTRUCTIVE, "leave the set");
	pair_begin(&b);
	make_set(&b.old, "workers", 2);
	make_set(&b.new, "workers", 2);
	struct node *spec = spec_of(&b.new, OMNI_MACHINE_SET, "demo-workers");
	spec->pairs[1].value.pairs[0].value = node_string(SPAN("other"));
	check(&b, 1, RISK_DESTRUCTIVE, "another machine class");
}

static void a_machine_that_leaves_is_destructive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	pair_machines(&b, "workers", 3, 2);
	check(&b, 1, RISK_DESTRUCTIVE, "leaves the cluster and is wiped");
	pair_begin(&b);
	pair_machines(&b, "control-planes", 3, 2);
	check(&b, 1, RISK_DESTRUCTIVE, "control plane machine leaves");
	pair_begin(&b);
	make_set(&b.old, "workers", -1);
	check(&b, 1, RISK_DESTRUCTIVE, "with all its machines");
}

static void losing_the_quorum_is_critical(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	pair_machines(&b, "control-planes", 3, 1);
	check(&b, 2, RISK_CRITICAL, "2 of 3");
	pair_begin(&b);
	pair_machines(&b, "control-planes", 4, 2);
	check(&b, 2, RISK_CRITICAL, "2 of 4");
	pair_begin(&b);
	make_set(&b.old, "control-planes", -1);
	check(&b, 1, RISK_CRITICAL, "control plane is destroyed");
}

static void a_dead_control_plane_machine_counts_against_the_quorum(void **state)
{
	(void)state;
	struct pair_bench b;
	for (int is_connected = 0; is_connected < 2; is_connected++) {
		pair_begin(&b);
		pair_machines(&b, "control-planes", 3, 2);
		struct resource *status = resource_new(&b.arena, OMNI_MACHINE_STATUS, make_uuid(&b.arena, 1));
		status->spec = node_map(&b.arena, 1);
		if (is_connected)
			node_put(&status->spec, "connected", node_bool(true));
		resource_push(&b.arena, &b.actual.status, status);
		if (is_connected)
			check(&b, 1, RISK_DESTRUCTIVE, "leaves");
		else
			check(&b, 1, RISK_CRITICAL, "only 1 of the 2 machines that stay are connected");
	}
}

static void backups_turned_off_are_destructive(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	struct node backup = node_map(&b.arena, 2);
	node_put(&backup, "interval", node_map(&b.arena, 1));
	node_put(&backup, "enabled", node_bool(true));
	node_put(spec_of(&b.old, OMNI_CLUSTER, "demo"), "backupconfiguration", backup);
	check(&b, 1, RISK_DESTRUCTIVE, "backups are turned off");
}

static void what_is_already_torn_down_needs_no_approval(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	make_set(&b.old, "workers", -1)->phase = RESOURCE_TEARING_DOWN;
	check(&b, 1, RISK_SAFE, "already being torn down");
}

static void manifests_that_are_kept_in_sync_may_take_objects_along(void **state)
{
	(void)state;
	struct pair_bench b;
	pair_begin(&b);
	struct resource *group = make_text(&b.old, OMNI_MANIFEST_GROUP, SPAN("200-cluster-demo-x"), "data", "a: 1\n");
	node_put(&group->spec, "mode", node_int(&b.arena, 1));
	check(&b, 1, RISK_DESTRUCTIVE, "may be deleted");
}

static void names_of_risks_can_be_read_back(void **state)
{
	(void)state;
	enum plan_risk risk;
	for (int i = 0; i < 4; i++) {
		assert_true(plan_risk_parse(span_of(plan_risk_name((enum plan_risk)i)), &risk));
		assert_int_equal(risk, i);
	}
	assert_false(plan_risk_parse(SPAN("Safe"), &risk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_disruptive),
		cmocka_unit_test(everything_is_safe_while_the_cluster_is_new),
		cmocka_unit_test(configuration_of_running_machines_is_disruptive),
		cmocka_unit_test(configuration_of_machines_that_are_being_added_is_safe),
		cmocka_unit_test(labels_are_safe),
		cmocka_unit_test(scaling_up_is_safe_and_down_destructive),
		cmocka_unit_test(another_way_to_get_machines_is_destructive),
		cmocka_unit_test(a_machine_that_leaves_is_destructive),
		cmocka_unit_test(losing_the_quorum_is_critical),
		cmocka_unit_test(a_dead_control_plane_machine_counts_against_the_quorum),
		cmocka_unit_test(backups_turned_off_are_destructive),
		cmocka_unit_test(what_is_already_torn_down_needs_no_approval),
		cmocka_unit_test(manifests_that_are_kept_in_sync_may_take_objects_along),
		cmocka_unit_test(names_of_risks_can_be_read_back),
	};
	return RUN_TESTS(tests);
}
