/* Which operations a pair of states gives, and in which order. */
#include "tests/unit/test.h"

#include "agent/plan/internal.h"
#include "render/load.h"
#include "tests/unit/plan_make.h"

struct bench {
	struct arena arena;
	struct maker m;
	struct plan_actual actual;
	struct plan_options options;
	struct plan plan;
};

static void begin(struct bench *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->m = make_cluster(&b->arena, "demo", "1.13.5", "1.35.0");
}

static void end(struct bench *b)
{
	arena_done(&b->arena);
}

static void plan(struct bench *b)
{
	plan_cluster(&b->arena, b->m.cluster, (struct span){"", 0}, &b->actual, &b->options, &b->plan);
}

/* "create Clusters(demo); destroy@1 ConfigPatches(x)" */
static const char *told(struct bench *b)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < b->plan.count; i++) {
		const struct plan_op *op = &b->plan.ops[i];
		text_addf(&out, "%s%s", i > 0 ? "; " : "", plan_op_name(op->kind));
		if (op->kind == PLAN_DESTROY)
			text_addf(&out, "@%u", op->phase);
		struct span type = span_before(span_of(op->type->name), '.');
		text_addf(&out, " %.*s(%.*s)", SPAN_ARG(type), SPAN_ARG(op->id));
	}
	const char *copy = arena_string(&b->arena, text_span(&out));
	text_done(&out);
	return copy;
}

static struct resource *held(struct bench *b, const struct omni_type *type, const char *id)
{
	struct resource *found = make_find(&b->actual.resources, type, span_of(id));
	assert_non_null(found);
	return found;
}

static void small_cluster(struct bench *b)
{
	begin(b);
	make_patch(&b->m, 200, "a", "machine:\n  x: 1\n");
	make_set(&b->m, "control-planes", -1);
	make_node(&b->m, "control-planes", 1);
	make_list(&b->m, OMNI_KERNEL_ARGS, make_uuid(&b->arena, 1), "args", "quiet");
	make_set_patch(&b->m, "control-planes", 400, "c", "machine: {}\n");
	make_list(&b->m, OMNI_EXTENSIONS, SPAN("schematic-demo"), "extensions", "siderolabs/x");
}

static void creates_come_in_the_canonical_order_of_types(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	plan(&b);
	assert_string_equal(told(&b),
			    "create Clusters(demo); create ExtensionsConfigurations(schematic-demo); "
			    "create ConfigPatches(200-cluster-demo-a); create ConfigPatches(400-demo-control-planes-c); "
			    "create MachineSets(demo-control-planes); "
			    "create MachineSetNodes(00000000-0000-4000-8000-000000000001); "
			    "create KernelArgs(00000000-0000-4000-8000-000000000001)");
	assert_int_equal(b.plan.creates, 7);
	assert_int_equal(b.plan.risk, RISK_SAFE);
	end(&b);
}

static void inside_a_type_creates_keep_the_order_of_the_template(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_set(&b.m, "zebra", -1);
	make_set(&b.m, "ape", -1);
	plan(&b);
	assert_string_equal(told(&b), "create Clusters(demo); create MachineSets(demo-zebra); create MachineSets(demo-ape)");
	end(&b);
}

static void the_same_state_is_an_empty_plan(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	end(&b);
}

static void updates_carry_the_version_and_finalizers_of_what_is_there(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *cluster = held(&b, OMNI_CLUSTER, "demo");
	struct span finalizer = SPAN("ClusterController");
	cluster->finalizers = &finalizer;
	cluster->finalizer_count = 1;
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	assert_string_equal(told(&b), "update Clusters(demo)");
	assert_int_equal(b.plan.ops[0].desired->version, 7);
	assert_int_equal(b.plan.ops[0].desired->finalizer_count, 1);
	end(&b);
}

static void redundant_destroys_are_left_out(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	struct maker old = make_cluster(&b.arena, "demo", "1.13.5", "1.35.0");
	make_set(&old, "workers", -1);
	make_node(&old, "workers", 5);
	make_node(&old, "others", 6);
	make_set_patch(&old, "workers", 400, "w", "a: 1\n");
	make_list(&old, OMNI_EXTENSIONS, SPAN("schematic-demo-workers"), "extensions", "x")->labels = (struct labels){0};
	make_actual(&b.arena, old.cluster, &b.actual);
	plan(&b);
	/* The node of the set goes with the set; extensions without the cluster's label are not ours to see. */
	assert_string_equal(told(&b), "destroy@0 MachineSets(demo-workers); "
				      "destroy@0 MachineSetNodes(00000000-0000-4000-8000-000000000006); "
				      "destroy@1 ConfigPatches(400-demo-workers-w)");
	end(&b);
}

static void a_deletion_is_one_destroy_and_releases(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	b.options.is_delete = true;
	plan_cluster(&b.arena, NULL, SPAN("demo"), &b.actual, &b.options, &b.plan);
	assert_string_equal(told(&b), "update KernelArgs(00000000-0000-4000-8000-000000000001); destroy@1 Clusters(demo)");
	assert_int_equal(b.plan.risk, RISK_CRITICAL);
	assert_true(labels_get(&b.plan.ops[0].desired->annotations, OMNI_ANNOTATION_TEMPLATES) == NULL);
	assert_true(b.plan.ops[0].desired->spec.len == 1);
	end(&b);
}

static void leftovers_of_a_cluster_that_is_gone_are_destroyed_one_by_one(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_absent(&b.actual.resources, OMNI_CLUSTER, SPAN("demo"));
	b.options.is_delete = true;
	plan_cluster(&b.arena, NULL, SPAN("demo"), &b.actual, &b.options, &b.plan);
	assert_string_equal(told(&b), "update KernelArgs(00000000-0000-4000-8000-000000000001); "
				      "destroy@0 MachineSets(demo-control-planes); "
				      "destroy@1 ExtensionsConfigurations(schematic-demo); "
				      "destroy@1 ConfigPatches(200-cluster-demo-a); "
				      "destroy@1 ConfigPatches(400-demo-control-planes-c)");
	end(&b);
}

static void kernel_args_without_the_mark_are_ignored(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	held(&b, OMNI_KERNEL_ARGS, "00000000-0000-4000-8000-000000000001")->annotations = (struct labels){0};
	make_absent(&b.m.cluster->resources, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1));
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	end(&b);
}

static void kernel_args_no_longer_declared_are_released(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_absent(&b.m.cluster->resources, OMNI_KERNEL_ARGS, make_uuid(&b.arena, 1));
	plan(&b);
	assert_string_equal(told(&b), "update KernelArgs(00000000-0000-4000-8000-000000000001)");
	assert_int_equal(b.plan.risk, RISK_SAFE);
	end(&b);
}

/* --- what is not ours --------------------------------------------------------------------------------------------- */

static struct resource *add_held(struct bench *b, const struct omni_type *type, const char *id)
{
	struct resource *resource = resource_new(&b->arena, type, span_of(id));
	resource->spec = node_map(&b->arena, 4);
	resource->version = 3;
	make_label(&b->arena, resource, OMNI_LABEL_CLUSTER, SPAN("demo"));
	resource_push(&b->arena, &b->actual.resources, resource);
	return resource;
}

static void patches_made_by_people_are_left_alone(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	add_held(&b, OMNI_CONFIG_PATCH, "500-8a6e0e9c-0c2e-4b30-9f0b-1d7a4f6c2f11");
	add_held(&b, OMNI_CONFIG_PATCH, "200-cluster-other-a");
	add_held(&b, OMNI_CONFIG_PATCH, "0200-cluster-demo-a");
	add_held(&b, OMNI_CONFIG_PATCH, "199-cluster-demo-a");
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	assert_int_equal(b.plan.unmanaged.count, 4);
	b.options.prune_unmanaged = true;
	plan(&b);
	assert_int_equal(b.plan.destroys, 4);
	assert_int_equal(b.plan.unmanaged.count, 0);
	end(&b);
}

static void patches_of_the_template_are_destroyed_when_they_leave_it(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	add_held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a");
	add_held(&b, OMNI_CONFIG_PATCH, "1200-cluster-demo-far/away.yaml");
	make_note(&b.arena, add_held(&b, OMNI_CONFIG_PATCH, "free-name"), ANNOTATION_TEMPLATE, "demo");
	make_label(&b.arena, add_held(&b, OMNI_CONFIG_PATCH, "400-demo-workers-x"), OMNI_LABEL_MACHINE_SET, SPAN("demo-workers"));
	make_label(&b.arena, add_held(&b, OMNI_CONFIG_PATCH, "000-cm-u-install-disk"), OMNI_LABEL_CLUSTER_MACHINE, SPAN("u"));
	make_label(&b.arena, add_held(&b, OMNI_CONFIG_PATCH, "000-cm-u-other"), OMNI_LABEL_CLUSTER_MACHINE, SPAN("u"));
	add_held(&b, OMNI_MANIFEST_GROUP, "200-cluster-demo-app");
	add_held(&b, OMNI_HEALTH_CHECK, "cluster-demo-check");
	add_held(&b, OMNI_HEALTH_CHECK, "mine");
	plan(&b);
	assert_string_equal(told(&b), "destroy@1 ConfigPatches(000-cm-u-install-disk); "
				      "destroy@1 ConfigPatches(1200-cluster-demo-far/away.yaml); "
				      "destroy@1 ConfigPatches(200-cluster-demo-a); "
				      "destroy@1 ConfigPatches(400-demo-workers-x); destroy@1 ConfigPatches(free-name); "
				      "destroy@1 KubernetesManifestGroups(200-cluster-demo-app); "
				      "destroy@1 KubernetesHealthChecks(cluster-demo-check)");
	assert_int_equal(b.plan.unmanaged.count, 2);
	end(&b);
}

static void freely_named_resources_are_marked(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_text(&b.m, OMNI_CONFIG_PATCH, SPAN("free-name"), "data", "a: 1\n");
	make_patch(&b.m, 200, "a", "a: 1\n");
	plan(&b);
	assert_span(labels_get(&b.plan.ops[1].desired->annotations, ANNOTATION_TEMPLATE)->value, "demo");
	assert_null(labels_get(&b.plan.ops[2].desired->annotations, ANNOTATION_TEMPLATE));
	assert_null(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_TEMPLATE));
	end(&b);
}

static void what_controllers_made_is_not_seen(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	add_held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a")->owner = SPAN("SomeController");
	make_label(&b.arena, add_held(&b, OMNI_MACHINE_SET_NODE, "node"), OMNI_LABEL_NODE_CONTROLLER, SPAN(""));
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	assert_int_equal(b.plan.unmanaged.count, 0);
	end(&b);
}

static void resources_of_other_clusters_are_not_seen(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_label(&b.arena, add_held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a"), OMNI_LABEL_CLUSTER, SPAN("demo-2"));
	add_held(&b, OMNI_MACHINE_SET, "demo-workers")->labels = (struct labels){0};
	make_note(&b.arena, add_held(&b, OMNI_KERNEL_ARGS, "stray"), OMNI_ANNOTATION_TEMPLATES, "");
	b.options.prune_unmanaged = true;
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	end(&b);
}

static void a_machine_of_another_cluster_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *node = held(&b, OMNI_MACHINE_SET_NODE, "00000000-0000-4000-8000-000000000001");
	make_label(&b.arena, node, OMNI_LABEL_CLUSTER, SPAN("other"));
	make_absent(&b.actual.resources, OMNI_MACHINE_SET_NODE, node->id);
	resource_push(&b.arena, &b.actual.foreign, node);
	plan(&b);
	assert_int_equal(b.plan.conflict_count, 1);
	assert_true(span_contains(b.plan.conflicts[0].text, "belongs to cluster \"other\""));
	end(&b);
}

static void an_id_owned_by_a_controller_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a")->owner = SPAN("SomeController");
	plan(&b);
	assert_int_equal(b.plan.conflict_count, 1);
	assert_int_equal(b.plan.count, 0);
	end(&b);
}

static void an_expected_resource_on_its_way_out_is_made_again_later(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *set = held(&b, OMNI_MACHINE_SET, "demo-control-planes");
	struct span finalizer = SPAN("x");
	set->phase = RESOURCE_TEARING_DOWN;
	plan(&b);
	assert_false(b.plan.is_waiting); /* apply can finish it */
	set->finalizers = &finalizer;
	set->finalizer_count = 1;
	plan(&b);
	assert_string_equal(told(&b), "create MachineSets(demo-control-planes)");
	assert_true(b.plan.is_waiting);
	assert_non_null(b.plan.ops[0].actual);
	end(&b);
}

static void another_owner_is_a_conflict(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_note(&b.arena, held(&b, OMNI_CLUSTER, "demo"), ANNOTATION_OWNER, "team-a");
	b.options.owner = SPAN("team-a");
	plan(&b);
	assert_int_equal(b.plan.conflict_count, 0);
	b.options.owner = SPAN("team-b");
	plan(&b);
	assert_int_equal(b.plan.conflict_count, 1);
	end(&b);
}

static void taking_over_a_cluster_made_by_hand_is_told(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	held(&b, OMNI_CLUSTER, "demo")->annotations = (struct labels){0};
	plan(&b);
	assert_string_equal(told(&b), "update Clusters(demo)");
	assert_int_equal(b.plan.note_count, 1);
	assert_true(span_contains(b.plan.notes[0].text, "takes it over"));
	end(&b);
}

static void broken_declarations_plan_nothing(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	b.m.cluster->resources.count = 0;
	plan(&b);
	assert_int_equal(b.plan.count, 0);
	assert_int_equal(b.plan.conflict_count, 1);
	end(&b);
	small_cluster(&b);
	b.m.cluster->has_errors = true;
	plan(&b);
	assert_int_equal(b.plan.count, 0);
	assert_int_equal(b.plan.conflict_count, 1);
	end(&b);
}

/* --- what is compared --------------------------------------------------------------------------------------------- */

static void operational_fields_are_neither_compared_nor_undone(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *cluster = held(&b, OMNI_CLUSTER, "demo");
	struct resource *patch = held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a");
	struct resource *node = held(&b, OMNI_MACHINE_SET_NODE, "00000000-0000-4000-8000-000000000001");
	make_note(&b.arena, cluster, OMNI_ANNOTATION_CLUSTER_LOCKED, "");
	make_note(&b.arena, cluster, ANNOTATION_GITOPS_TOOLS, "omniops");
	make_note(&b.arena, cluster, ANNOTATION_APPLIED_HASH, "abc");
	make_label(&b.arena, patch, LABEL_DISABLED, SPAN(""));
	make_note(&b.arena, node, OMNI_ANNOTATION_LOCKED, "");
	plan(&b);
	assert_int_equal(b.plan.count, 0);
	assert_int_equal(b.plan.note_count, 3);
	for (size_t i = 0; i < b.m.cluster->resources.count; i++)
		make_label(&b.arena, b.m.cluster->resources.items[i], "new", SPAN("label"));
	plan(&b);
	assert_non_null(labels_get(&b.plan.ops[0].desired->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED));
	assert_non_null(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_GITOPS_TOOLS));
	assert_span(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_APPLIED_HASH)->value, "abc");
	for (size_t i = 0; i < b.plan.count; i++) {
		if (span_is(b.plan.ops[i].id, "200-cluster-demo-a"))
			assert_non_null(labels_get(&b.plan.ops[i].desired->labels, LABEL_DISABLED));
		if (b.plan.ops[i].type == OMNI_MACHINE_SET_NODE)
			assert_non_null(labels_get(&b.plan.ops[i].desired->annotations, OMNI_ANNOTATION_LOCKED));
	}
	end(&b);
}

static void labels_added_by_others_are_removed(void **state)
{
	(void)state;
	struct bench b;
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_label(&b.arena, held(&b, OMNI_MACHINE_SET, "demo-control-planes"), "stray", SPAN("x"));
	plan(&b);
	assert_string_equal(told(&b), "update MachineSets(demo-control-planes)");
	assert_null(labels_get(&b.plan.ops[0].desired->labels, "stray"));
	end(&b);
}

static void a_lock_of_the_template_is_its_own_to_remove(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_set(&b.m, "workers", -1);
	struct resource *node = make_node(&b.m, "workers", 5);
	make_note(&b.arena, node, OMNI_ANNOTATION_LOCKED, "");
	plan(&b);
	const struct resource *made = b.plan.ops[2].desired;
	assert_non_null(labels_get(&made->annotations, ANNOTATION_LOCK));
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *there = held(&b, OMNI_MACHINE_SET_NODE, "00000000-0000-4000-8000-000000000005");
	make_note(&b.arena, there, ANNOTATION_LOCK, "template");
	labels_remove(&node->annotations, SPAN(OMNI_ANNOTATION_LOCKED));
	plan(&b);
	assert_int_equal(b.plan.updates, 1);
	assert_null(labels_get(&b.plan.ops[0].desired->annotations, OMNI_ANNOTATION_LOCKED));
	assert_null(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_LOCK));
	end(&b);
}

static void content_is_compared_by_meaning_where_it_was_a_mapping(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	struct resource *patch = make_patch(&b.m, 200, "a", "machine:\n    sysctls:\n        a: \"1\"\n");
	struct node meaning;
	assert_true(load_one(&b.arena, SPAN("machine: {sysctls: {a: '1'}}"), LOAD_OMNI, &meaning, NULL));
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *there = held(&b, OMNI_CONFIG_PATCH, "200-cluster-demo-a");
	there->spec = node_map(&b.arena, 1);
	node_put(&there->spec, "data", node_string(SPAN("# by hand\nmachine:\n  sysctls: {a: '1'}\n")));
	plan(&b);
	assert_int_equal(b.plan.updates, 1);
	patch->content = &meaning;
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	there->spec.pairs[0].value = node_string(SPAN("machine: {sysctls: {a: 1}}"));
	plan(&b);
	assert_int_equal(b.plan.updates, 1);
	end(&b);
}

static void a_list_of_documents_is_compared_document_by_document(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	struct resource *group = make_text(&b.m, OMNI_MANIFEST_GROUP, SPAN("200-cluster-demo-x"), "data", "a: 1\n---\nb: 2\n");
	struct node meaning;
	assert_true(load_one(&b.arena, SPAN("[{a: 1}, {b: 2}]"), LOAD_OMNI, &meaning, NULL));
	group->content = &meaning;
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *there = held(&b, OMNI_MANIFEST_GROUP, "200-cluster-demo-x");
	there->spec = node_map(&b.arena, 1);
	node_put(&there->spec, "data", node_string(SPAN("---\n{a: 1}\n---\n{b: 2}\n")));
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	there->spec.pairs[0].value = node_string(SPAN("{a: 1}\n"));
	plan(&b);
	assert_int_equal(b.plan.updates, 1);
	end(&b);
}

static void fields_of_a_newer_omni_are_kept(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *there = held(&b, OMNI_CLUSTER, "demo");
	struct node features = node_map(&b.arena, 2), spec = node_map(&b.arena, 5);
	node_put(&features, "teleport", node_bool(true));
	node_put(&spec, "kubernetesversion", node_string(SPAN("1.35.0")));
	node_put(&spec, "talosversion", node_string(SPAN("1.13.5")));
	node_put(&spec, "features", features);
	node_put(&spec, "fromthefuture", node_string(SPAN("yes")));
	there->spec = spec;
	plan(&b);
	assert_true(plan_is_empty(&b.plan));
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	assert_span(node_text_at(&b.plan.ops[0].desired->spec, "fromthefuture"), "yes");
	assert_span(node_text_at(&b.plan.ops[0].desired->spec, "features.teleport"), "true");
	end(&b);
}

static void a_missing_features_message_is_a_difference(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct resource *there = held(&b, OMNI_CLUSTER, "demo");
	there->spec.len--;
	plan(&b);
	assert_string_equal(told(&b), "update Clusters(demo)");
	end(&b);
}

static void our_annotations_in_a_template_are_instructions_not_content(void **state)
{
	(void)state;
	struct bench b;
	begin(&b);
	plan(&b);
	char hash[DIGEST_HEX_SIZE];
	memcpy(hash, b.plan.hash, sizeof hash);
	make_note(&b.arena, b.m.cluster->resources.items[0], ANNOTATION_APPROVE, hash);
	plan(&b);
	assert_string_equal(b.plan.hash, hash);
	assert_null(labels_get(&b.plan.ops[0].desired->annotations, ANNOTATION_APPROVE));
	end(&b);
}

/* --- hash --------------------------------------------------------------------------------------------------------- */

static void the_hash_names_the_change_and_nothing_else(void **state)
{
	(void)state;
	struct bench b;
	char hash[DIGEST_HEX_SIZE];
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("prod"));
	plan(&b);
	memcpy(hash, b.plan.hash, sizeof hash);
	struct resource *there = held(&b, OMNI_CLUSTER, "demo");
	struct span finalizer = SPAN("x");
	there->version = 99;
	there->updated = SPAN("2026-01-01T00:00:00Z");
	there->finalizers = &finalizer;
	there->finalizer_count = 1;
	make_note(&b.arena, there, ANNOTATION_APPLIED_REVISION, "other");
	plan(&b);
	assert_string_equal(b.plan.hash, hash);
	make_label(&b.arena, b.m.cluster->resources.items[0], "env", SPAN("dev"));
	plan(&b);
	assert_string_not_equal(b.plan.hash, hash);
	end(&b);
}

static void the_order_of_what_is_there_does_not_matter(void **state)
{
	(void)state;
	struct bench b;
	char hash[DIGEST_HEX_SIZE];
	small_cluster(&b);
	make_actual(&b.arena, b.m.cluster, &b.actual);
	struct maker empty = make_cluster(&b.arena, "demo", "1.13.8", "1.35.0");
	b.m = empty;
	plan(&b);
	memcpy(hash, b.plan.hash, sizeof hash);
	struct resource_list *list = &b.actual.resources;
	for (size_t i = 0; i < list->count / 2; i++) {
		struct resource *swap = list->items[i];
		list->items[i] = list->items[list->count - 1 - i];
		list->items[list->count - 1 - i] = swap;
	}
	plan(&b);
	assert_string_equal(b.plan.hash, hash);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creates_come_in_the_canonical_order_of_types),
		cmocka_unit_test(inside_a_type_creates_keep_the_order_of_the_template),
		cmocka_unit_test(the_same_state_is_an_empty_plan),
		cmocka_unit_test(updates_carry_the_version_and_finalizers_of_what_is_there),
		cmocka_unit_test(redundant_destroys_are_left_out),
		cmocka_unit_test(a_deletion_is_one_destroy_and_releases),
		cmocka_unit_test(leftovers_of_a_cluster_that_is_gone_are_destroyed_one_by_one),
		cmocka_unit_test(kernel_args_without_the_mark_are_ignored),
		cmocka_unit_test(kernel_args_no_longer_declared_are_released),
		cmocka_unit_test(patches_made_by_people_are_left_alone),
		cmocka_unit_test(patches_of_the_template_are_destroyed_when_they_leave_it),
		cmocka_unit_test(freely_named_resources_are_marked),
		cmocka_unit_test(what_controllers_made_is_not_seen),
		cmocka_unit_test(resources_of_other_clusters_are_not_seen),
		cmocka_unit_test(a_machine_of_another_cluster_is_a_conflict),
		cmocka_unit_test(an_id_owned_by_a_controller_is_a_conflict),
		cmocka_unit_test(an_expected_resource_on_its_way_out_is_made_again_later),
		cmocka_unit_test(another_owner_is_a_conflict),
		cmocka_unit_test(taking_over_a_cluster_made_by_hand_is_told),
		cmocka_unit_test(broken_declarations_plan_nothing),
		cmocka_unit_test(operational_fields_are_neither_compared_nor_undone),
		cmocka_unit_test(labels_added_by_others_are_removed),
		cmocka_unit_test(a_lock_of_the_template_is_its_own_to_remove),
		cmocka_unit_test(content_is_compared_by_meaning_where_it_was_a_mapping),
		cmocka_unit_test(a_list_of_documents_is_compared_document_by_document),
		cmocka_unit_test(fields_of_a_newer_omni_are_kept),
		cmocka_unit_test(a_missing_features_message_is_a_difference),
		cmocka_unit_test(our_annotations_in_a_template_are_instructions_not_content),
		cmocka_unit_test(the_hash_names_the_change_and_nothing_else),
		cmocka_unit_test(the_order_of_what_is_there_does_not_matter),
	};
	return RUN_TESTS(tests);
}
