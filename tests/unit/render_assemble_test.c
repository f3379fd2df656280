/* What golden cases cannot show: options, annotations, unreadable files, order of input. */
#include "render/field_path.h"
#include "render/fleet.h"
#include "render/labels_merge.h"
#include "tests/unit/test.h"

#define HEAD(name) "apiVersion: omni.texashpc.com/v1alpha1\nkind: " name "\n"
#define SPEC "spec:\n  connectionRef: {name: omni}\n  kubernetes: {version: v1.36.1}\n  talos: {version: v1.13.5}\n"

static const char cluster_yaml[] = HEAD("OmniCluster") "metadata:\n  name: prod\n  namespace: omni\n  annotations:\n"
						       "    omni.texashpc.com/approve: abc\n"
						       "    omni.texashpc.com/allow-destroy: prod\n"
						       "    omni.texashpc.com/suspend: \"true\"\n" SPEC
						       "  deletePolicy: {destroyMachines: true}\n  syncInterval: 1m30s\n"
						       "  patches:\n    - name: a\n      inline: {machine: {sysctls: {a: b}}}\n";
static const char control_plane_yaml[] = HEAD("OmniControlPlane") "metadata: {name: prod, namespace: omni}\nspec:\n"
								  "  clusterRef: {name: prod}\n"
								  "  machineClass: {name: cp, size: 3}\n";

struct fixture {
	struct arena arena;
	struct fleet fleet;
};

static bool read_nothing(void *ctx, struct span path, struct span *out, struct fail *fail)
{
	(void)ctx;
	(void)path;
	(void)out;
	return fail_set(fail, FAIL_IO, "the disk is gone");
}

/* Files "0.yaml", "1.yaml", …; a text that is NULL cannot be read. */
static void load(struct fixture *fixture, const struct fleet_options *options, const char *const *texts, size_t count)
{
	struct tree tree;
	struct fail fail = {0};
	arena_init(&fixture->arena, ARENA_NO_LIMIT);
	tree_init(&tree, &fixture->arena);
	tree.read = read_nothing;
	for (size_t i = 0; i < count; i++)
		tree_add_input(&tree, arena_spanf(&fixture->arena, "%zu.yaml", i), span_of(texts[i]));
	fleet_init(&fixture->fleet, &fixture->arena, options);
	if (!fleet_load(&fixture->fleet, &tree, &fail))
		fail_msg("%s", fail.text);
}

static void reads_what_steers_the_agent(void **state)
{
	(void)state;
	struct fixture fixture;
	const char *texts[] = {cluster_yaml, control_plane_yaml};
	load(&fixture, &FLEET_OPTIONS_DEFAULT, texts, 2);
	const struct cluster *cluster = fleet_find(&fixture.fleet, SPAN("prod"));
	assert_non_null(cluster);
	assert_false(cluster->has_errors);
	assert_true(cluster->suspend);
	assert_true(cluster->destroy_machines);
	assert_int_equal(cluster->sync_interval_s, 90);
	assert_false(cluster->orphan);
	assert_span(cluster->approve, "abc");
	assert_span(cluster->allow_destroy, "prod");
	assert_span(cluster->connection, "omni");
	assert_span(cluster->ns, "omni");
	assert_int_equal(cluster->document_count, 2);
	assert_null(fleet_find(&fixture.fleet, SPAN("other")));
	arena_done(&fixture.arena);
}

static void order_of_files_does_not_matter(void **state)
{
	(void)state;
	struct fixture one, two;
	const char *texts[] = {cluster_yaml, control_plane_yaml}, *swapped[] = {control_plane_yaml, cluster_yaml};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	load(&one, &options, texts, 2);
	options.drop_template_docs = true;
	load(&two, &options, swapped, 2);
	const struct cluster *a = one.fleet.clusters[0], *b = two.fleet.clusters[0];
	assert_true(span_eq(a->template_text, b->template_text));
	assert_string_equal(a->template_hash, b->template_hash);
	assert_non_null(a->template_docs);
	assert_null(b->template_docs);
	assert_int_equal(a->resources.count, 3);
	assert_int_equal(b->resources.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(node_equal(&a->resources.items[i]->spec, &b->resources.items[i]->spec));
	assert_true(node_equal(a->resources.items[1]->content, b->resources.items[1]->content));
	arena_done(&one.arena);
	arena_done(&two.arena);
}

struct seen {
	const struct fleet *whole;
	size_t count, stop_at;
};

static bool see(void *ctx, const struct cluster *cluster, struct fail *fail)
{
	struct seen *seen = ctx;
	const struct cluster *same = seen->whole->clusters[seen->count++];
	(void)fail;
	assert_true(span_eq(cluster->name, same->name));
	assert_true(span_eq(cluster->template_text, same->template_text));
	assert_string_equal(cluster->template_hash, same->template_hash);
	assert_int_equal(cluster->document_count, same->document_count);
	for (size_t i = 0; i < cluster->document_count; i++)
		assert_true(node_equal(&cluster->template_docs[i], &same->template_docs[i]));
	return seen->count != seen->stop_at;
}

static const char plain_yaml[] = "kind: Cluster\nname: alone\nkubernetes:\n  version: v1.35.0\ntalos:\n  version: v1.13.2\n"
				 "---\nkind: ControlPlane\nmachines:\n  - 430d882a-51a8-48b3-ab00-000000000009\n";

static void a_stream_shows_the_same_clusters(void **state)
{
	(void)state;
	struct fixture whole, stream;
	const char *texts[] = {cluster_yaml, control_plane_yaml, plain_yaml};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail;
	load(&whole, &options, texts, 3);
	options.stream = true;
	options.translate = false;
	load(&stream, &options, texts, 3);
	struct seen seen = {.whole = &whole.fleet};
	assert_int_equal(stream.fleet.cluster_count, 2);
	for (int again = 0; again < 2; again++) {
		seen.count = 0;
		assert_true(fleet_each(&stream.fleet, see, &seen, &fail));
		assert_int_equal(seen.count, 2);
		assert_null(stream.fleet.clusters[0]->template_docs);
		assert_int_equal(stream.fleet.clusters[0]->template_text.len, 0);
	}
	seen.count = 0;
	assert_true(fleet_each(&whole.fleet, see, &seen, &fail));
	seen = (struct seen){&whole.fleet, 0, 1};
	assert_false(fleet_each(&stream.fleet, see, &seen, &fail));
	assert_int_equal(seen.count, 1);
	arena_done(&whole.arena);
	arena_done(&stream.arena);
}

static void computes_only_what_is_asked(void **state)
{
	(void)state;
	struct fixture fixture;
	const char *texts[] = {cluster_yaml, control_plane_yaml};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	options.render = options.translate = false;
	load(&fixture, &options, texts, 2);
	assert_int_equal(fixture.fleet.clusters[0]->template_text.len, 0);
	assert_int_equal(fixture.fleet.clusters[0]->resources.count, 0);
	arena_done(&fixture.arena);
}

static void unreadable_file_makes_the_fleet_incomplete(void **state)
{
	(void)state;
	struct fixture fixture;
	const char *texts[] = {cluster_yaml, NULL};
	load(&fixture, &FLEET_OPTIONS_DEFAULT, texts, 2);
	assert_true(fixture.fleet.is_incomplete);
	assert_int_equal(fixture.fleet.broken_count, 1);
	assert_span(fixture.fleet.broken_files[0], "1.yaml");
	assert_true(fixture.fleet.clusters[0]->has_errors); /* its control plane is perhaps there */
	arena_done(&fixture.arena);
}

/* A worker set that is broken must not look as if it had been removed. */
static void child_without_a_cluster_taints_its_namespace(void **state)
{
	(void)state;
	struct fixture fixture;
	const char *texts[] = {cluster_yaml, control_plane_yaml,
			       HEAD("OmniWorkers") "metadata: {name: w, namespace: omni}\nspec: {clusterref: {name: prod}}\n"};
	load(&fixture, &FLEET_OPTIONS_DEFAULT, texts, 3);
	assert_true(fixture.fleet.clusters[0]->has_errors);
	assert_int_equal(fixture.fleet.clusters[0]->resources.count, 0);
	arena_done(&fixture.arena);
}

#define IN(ns, kind, name, spec) HEAD(kind) "metadata: {name: " name ", namespace: " ns "}\n" spec "---\n"
#define CHILD "spec:\n  clusterRef: {name: prod}\n  machineClass: {name: cp, size: 1}\n"

/* Documents of two clusters that are called the same, mixed: each goes to that of its namespace. */
static void names_hold_within_their_namespace(void **state)
{
	(void)state;
	struct fixture fixture;
	const char *text = IN("a", "OmniWorkers", "w1", CHILD) IN("b", "OmniWorkers", "w1", CHILD)
		IN("a", "OmniCluster", "prod", SPEC "  clusterName: prod-a\n") IN("b", "OmniCluster", "prod", SPEC)
		IN("b", "OmniControlPlane", "cp", CHILD) IN("a", "OmniControlPlane", "cp", CHILD)
		IN("a", "OmniWorkers", "w0", CHILD);
	load(&fixture, &FLEET_OPTIONS_DEFAULT, &text, 1);
	const struct cluster *a = fleet_find(&fixture.fleet, SPAN("prod-a")), *b = fleet_find(&fixture.fleet, SPAN("prod"));
	assert_int_equal(fixture.fleet.diags.error_count, 0);
	assert_span(a->ns, "a");
	assert_int_equal(a->document_count, 4);
	assert_span(a->documents[2]->name, "w0");
	assert_span(a->documents[3]->name, "w1");
	assert_span(b->ns, "b");
	assert_int_equal(b->document_count, 3);
	arena_done(&fixture.arena);

	const char *twice[] = {text, IN("b", "OmniWorkers", "w1", CHILD)};
	load(&fixture, &FLEET_OPTIONS_DEFAULT, twice, 2);
	assert_int_equal(fixture.fleet.diags.error_count, 1);
	assert_string_equal(fixture.fleet.diags.items[0].code, "DuplicateObject");
	assert_span(fixture.fleet.diags.items[0].file, "1.yaml");
	assert_true(fleet_find(&fixture.fleet, SPAN("prod"))->has_errors);
	assert_false(fleet_find(&fixture.fleet, SPAN("prod-a"))->has_errors);
	arena_done(&fixture.arena);
}

static void merges_any_number_of_labels(void **state)
{
	(void)state;
	enum { MANY = 1000 };
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t count = 1; count <= MANY; count += 37) {
		struct node map = node_map(&arena, count);
		struct labels labels = {0};
		labels_set(&arena, &labels, SPAN("k0000"), SPAN("old"));
		labels_set(&arena, &labels, SPAN("own"), SPAN("kept"));
		for (size_t i = count; i > 0; i--)
			node_put_span(&map, arena_spanf(&arena, "k%04zu", i - 1), node_string(SPAN("new")));
		labels_merge(&arena, &labels, &map);
		assert_int_equal(labels.count, count + 1);
		assert_span(labels_get(&labels, "k0000")->value, "new");
		assert_span(labels_get(&labels, "own")->value, "kept");
		for (size_t i = 1; i < labels.count; i++)
			assert_true(span_cmp(labels.items[i - 1].key, labels.items[i].key) < 0);
	}
	arena_done(&arena);
}

static void paths_are_written_for_people(void **state)
{
	(void)state;
	struct field_path spec = path_key(NULL, "spec"), patches = path_key(&spec, "patches");
	struct field_path item = path_index(&patches, 12), labels = path_key(&item, "labels");
	struct field_path key = path_key(&labels, "a.b/c");
	assert_string_equal(PATH_TEXT(&key), "spec.patches[12].labels[\"a.b/c\"]");
	assert_string_equal(PATH_TEXT(NULL), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_steers_the_agent),
		cmocka_unit_test(order_of_files_does_not_matter),
		cmocka_unit_test(a_stream_shows_the_same_clusters),
		cmocka_unit_test(computes_only_what_is_asked),
		cmocka_unit_test(unreadable_file_makes_the_fleet_incomplete),
		cmocka_unit_test(child_without_a_cluster_taints_its_namespace),
		cmocka_unit_test(names_hold_within_their_namespace),
		cmocka_unit_test(merges_any_number_of_labels),
		cmocka_unit_test(paths_are_written_for_people),
	};
	return RUN_TESTS(tests);
}
