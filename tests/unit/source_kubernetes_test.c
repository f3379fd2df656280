/* Custom resources as a source: which of them count as declared at a moment, and what a tree of them holds. The cache is played. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/cache.h"
#include "agent/source/kubernetes_listing.h"
#include "agent/source/kubernetes_settle.h"
#include "agent/source/source.h"
#include "base/clock.h"
#include "crds/kinds.h"
#include "tests/unit/test.h"

/* --- what is declared ----------------------------------------------------------------------------------------------------- */

enum { WHILE = 2000, NOW = 100000 };

static struct settle_object cluster_at(int64_t came_ms)
{
	return (struct settle_object){.role = SETTLE_CLUSTER, .key = SPAN("c"), .belongs_to = SPAN("o"), .is_admitted = true, .came_ms = came_ms};
}

static struct settle_object part_at(const char *key, int64_t came_ms)
{
	return (struct settle_object){.role = SETTLE_PART, .key = span_of(key), .belongs_to = SPAN("c"), .came_ms = came_ms};
}

static void a_cluster_enters_when_it_is_calm(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(NOW - 5000), part_at("p", NOW - 1500)};
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), NOW + 500);
	assert_false(objects[0].is_declared || objects[1].is_declared);
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW + 500), INT64_MAX);
	assert_true(objects[0].is_declared && objects[1].is_declared);
	objects[0].is_admitted = false;
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW + 500), INT64_MAX);
	assert_false(objects[0].is_declared || objects[1].is_declared);
	objects[0].was_declared = true; /* somebody took the finalizer away */
	settle_judge(objects, 2, WHILE, NOW + 500);
	assert_true(objects[0].is_declared);
}

static void what_was_there_before_need_not_wait(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(INT64_MIN), part_at("p", INT64_MIN)};
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), INT64_MAX);
	assert_true(objects[0].is_declared && objects[1].is_declared);
}

static void what_never_calms_down_enters_all_the_same(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(NOW - SETTLE_PATIENCE * WHILE + 100), part_at("p", NOW)};
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), NOW + 100);
	assert_false(objects[0].is_declared);
	settle_judge(objects, 2, WHILE, NOW + 100);
	assert_true(objects[0].is_declared);
}

static void what_went_stays_for_a_while(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(INT64_MIN), part_at("p", INT64_MIN), part_at("new", NOW)};
	objects[0].was_declared = objects[1].was_declared = true;
	objects[1].gone_ms = NOW - 500;
	assert_int_equal(settle_judge(objects, 3, WHILE, NOW), NOW + 1500);
	assert_true(objects[0].is_declared && objects[1].is_declared);
	assert_false(objects[2].is_declared); /* perhaps what takes its place */
	assert_int_equal(settle_judge(objects, 3, WHILE, NOW + 1500), INT64_MAX);
	assert_false(objects[1].is_declared);
	assert_true(objects[2].is_declared);
	objects[1].gone_ms = 0; /* it came back */
	objects[1].came_ms = NOW;
	assert_int_equal(settle_judge(objects, 3, WHILE, NOW), INT64_MAX);
	assert_true(objects[1].is_declared && objects[2].is_declared);
}

static void a_new_part_of_a_calm_cluster_counts_at_once(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(INT64_MIN), part_at("new", NOW)};
	objects[0].was_declared = true;
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), INT64_MAX);
	assert_true(objects[1].is_declared);
}

static void a_cluster_that_is_deleted_leaves_with_its_parts(void **state)
{
	(void)state;
	struct settle_object objects[] = {cluster_at(INT64_MIN), part_at("p", INT64_MIN)};
	objects[0].was_declared = objects[1].was_declared = objects[0].is_deleting = true;
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), INT64_MAX);
	assert_false(objects[0].is_declared || objects[1].is_declared);
	objects[0].gone_ms = NOW - 10;
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), INT64_MAX);
	assert_false(objects[0].is_declared || objects[1].is_declared);
	objects[0].is_deleting = false; /* it went without a word */
	assert_int_equal(settle_judge(objects, 2, WHILE, NOW), NOW - 10 + WHILE);
	assert_true(objects[0].is_declared && objects[1].is_declared);
}

static void parts_without_cluster_are_left_out(void **state)
{
	(void)state;
	struct settle_object part = part_at("p", INT64_MIN);
	settle_judge(&part, 1, WHILE, NOW);
	assert_false(part.is_declared);
}

static void a_connection_stays_while_it_is_used(void **state)
{
	(void)state;
	struct settle_object objects[] = {
		{.role = SETTLE_CONNECTION, .key = SPAN("o"), .is_deleting = true, .came_ms = INT64_MIN},
		{.role = SETTLE_CONNECTION, .key = SPAN("o2"), .is_deleting = true, .came_ms = INT64_MIN},
		cluster_at(INT64_MIN),
	};
	objects[2].is_deleting = true;
	settle_judge(objects, 3, WHILE, NOW);
	assert_true(objects[0].is_declared);
	assert_false(objects[1].is_declared);
}

/* --- a cache ------------------------------------------------------------------------------------------------------------ */

enum { OBJECTS = 16 };

struct kube_cache {
	struct kube_object objects[OBJECTS];
	const char *documents[OBJECTS];
	size_t count;
	size_t visits; /* of all objects */
	bool is_unsynced;
	struct kube_listener listener;
};

/* Their packed content is their number, from 1. */
static struct kube_cache played;
static char numbers[OBJECTS + 1];

void kube_cache_listen(struct kube_cache *cache, const struct kube_listener *listener)
{
	cache->listener = *listener;
}

void kube_cache_unlisten(struct kube_cache *cache, void *ctx)
{
	assert_ptr_equal(cache->listener.ctx, ctx);
	cache->listener = (struct kube_listener){0};
}

bool kube_cache_kind_is_synced(struct kube_cache *cache, const struct kind *kind, struct fail *why)
{
	return cache->is_unsynced ? fail_set(why, FAIL_UNAVAILABLE, "%s cannot be listed", kind->plural) : true;
}

void kube_cache_each(struct kube_cache *cache, const struct kind *kind, bool (*visit)(void *ctx, const struct kube_object *object), void *ctx)
{
	cache->visits++;
	for (size_t i = 0; i < cache->count; i++)
		if ((kind == NULL || cache->objects[i].kind == kind) && !visit(ctx, &cache->objects[i]))
			return;
}

bool kube_cache_find(struct kube_cache *cache, const struct kind *kind, struct span ns, struct span name, struct arena *arena,
		     struct kube_object *out)
{
	(void)arena;
	for (size_t i = 0; i < cache->count; i++) {
		*out = cache->objects[i];
		if (out->kind == kind && span_eq(out->ns, ns) && span_eq(out->name, name))
			return true;
	}
	return false;
}

bool kube_object_document(const struct kube_object *object, struct arena *arena, struct span *out, struct fail *fail)
{
	(void)fail;
	*out = arena_copy(arena, span_of(played.documents[(const char *)object->packed - numbers]));
	return true;
}

static struct kube_object *put(const struct kind *kind, const char *name, const char *reference, const char *document)
{
	size_t i = 0;
	while (i < played.count && !(played.objects[i].kind == kind && span_is(played.objects[i].name, name)))
		i++;
	bool is_new = i == played.count;
	struct kube_object old = played.objects[i];
	if (is_new)
		played.count++;
	played.documents[i] = document;
	played.objects[i] = (struct kube_object){.kind = kind, .ns = SPAN("a"), .name = span_of(name), .uid = SPAN("u"),
						 .reference = span_of(reference), .has_finalizer = true,
						 .first_seen_ms = is_new ? clock_monotonic_ms() : old.first_seen_ms,
						 .created_s = clock_wall_ms() / 1000 - 100, .packed = (const void *)(numbers + i)};
	snprintf((char *)played.objects[i].content_id, KUBE_CONTENT_ID, "%s", document);
	if (played.listener.changed != NULL)
		played.listener.changed(played.listener.ctx, is_new ? NULL : &old, &played.objects[i]);
	return &played.objects[i];
}

static void drop(const struct kind *kind, const char *name)
{
	for (size_t i = 0; i < played.count; i++) {
		struct kube_object old = played.objects[i];
		if (old.kind != kind || !span_is(old.name, name))
			continue;
		played.listener.changed(played.listener.ctx, &old, NULL);
		played.count--;
		for (; i < played.count; i++) {
			played.objects[i] = played.objects[i + 1];
			played.documents[i] = played.documents[i + 1];
			played.objects[i].packed = (const void *)(numbers + i);
		}
	}
}

static bool admits(const struct kube_object *cluster)
{
	return cluster->has_finalizer;
}

static struct source *open_source(int64_t settle_ms)
{
	struct source *source;
	struct fail fail;
	const struct source_options options = {.objects = &played, .settle_ms = settle_ms, .admits = admits};
	played.listener = (struct kube_listener){0};
	if (!source_open("kubernetes:?namespace=a&name=here", &options, &source, &fail))
		fail_msg("%s", fail.text);
	return source;
}

static void make_cluster(void)
{
	played = (struct kube_cache){0};
	put(&KIND_CLUSTER, "c", "o", "cluster");
	put(&KIND_CONNECTION, "o", "", "connection");
	put(&KIND_CONTROL_PLANE, "p", "c", "plane");
	put(&KIND_WORKERS, "stray", "other", "stray");
	put(&KIND_HELM_RELEASE, "h", "c", "helm");
}

/* "path=bytes " of every file; "?" of those without bytes. */
static void print(struct source_tree *tree, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < tree->tree.input_count; i++) {
		const struct tree_file *file = &tree->tree.inputs[i];
		at += (size_t)snprintf(out + at, size - at, "%.*s=%s ", SPAN_ARG(file->path), file->bytes.ptr == NULL ? "?" : file->bytes.ptr);
	}
}

#define assert_tree(source, known, wanted)                                                                            \
	do {                                                                                                           \
		struct source_result result_;                                                                          \
		char text_[1000];                                                                                      \
		source_poll_with(source, known, 0, -1, &result_);                                                      \
		if (result_.verdict != SOURCE_CHANGED)                                                                 \
			fail_msg("not changed: %s", result_.fail.text);                                                \
		print(result_.tree, text_, sizeof text_);                                                              \
		source_tree_unref(result_.tree);                                                                       \
		assert_string_equal(text_, wanted);                                                                    \
	} while (0)

static void assert_verdict(struct source *source, enum source_verdict verdict)
{
	struct source_result result;
	source_poll(source, 0, -1, &result);
	source_tree_unref(result.tree);
	assert_int_equal(result.verdict, verdict);
}

static void a_tree_has_one_file_per_object(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	assert_string_equal(source_name(source), "here");
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane ");
	assert_verdict(source, SOURCE_UNCHANGED);
	source_drain(source);
	put(&KIND_HELM_RELEASE, "h", "c", "helm2");
	put(&KIND_CONTROL_PLANE, "p", "c", "plane"); /* its status, perhaps */
	assert_false(source_drain(source));
	put(&KIND_CONTROL_PLANE, "p", "c", "plane2");
	assert_true(source_drain(source));
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane2 ");
	source_free(source);
}

/* What is known comes without bytes, until they are wanted. */
static void what_is_known_is_not_read(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	struct source_result result;
	struct fail fail;
	unsigned char id[KUBE_CONTENT_ID] = "cluster", other[KUBE_CONTENT_ID] = "another";
	struct source_file inputs[] = {{SPAN("a/omniclusters/c.json"), {(const char *)id, sizeof id}, 7},
				       {SPAN("a/omnicontrolplanes/p.json"), {(const char *)other, sizeof other}, 5}};
	struct source_file others[] = {{SPAN("patch.yaml"), {NULL, 0}, 0}};
	const struct source_known known = {inputs, others, 2, 1};
	assert_tree(source, &known, "a/omniclusters/c.json=? a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane ");
	source_again(source);
	source_poll_with(source, &known, 0, -1, &result);
	assert_int_equal(result.tree->other_count, 1);
	assert_span(result.tree->others[0].path, "patch.yaml");
	assert_int_equal(result.tree->others[0].id.len, 0);
	assert_true(tree_load(&result.tree->tree, &result.tree->tree.inputs[0], &fail));
	assert_span(result.tree->tree.inputs[0].bytes, "cluster");
	result.tree->tree.inputs[0].bytes = (struct span){NULL, 0};
	put(&KIND_CLUSTER, "c", "o", "changed");
	assert_false(tree_load(&result.tree->tree, &result.tree->tree.inputs[0], &fail));
	assert_int_equal(fail.code, FAIL_CONFLICT);
	source_tree_unref(result.tree);
	source_free(source);
}

/* Where nothing came, went or moved, nothing but what changed is looked at; and that is taken as it is by then. */
static void what_changed_alone_is_looked_at(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	assert_verdict(source, SOURCE_CHANGED);
	size_t visits = played.visits;
	put(&KIND_CONTROL_PLANE, "p", "c", "plane2");
	put(&KIND_WORKERS, "stray", "other", "stray2"); /* not declared */
	put(&KIND_CONTROL_PLANE, "p", "c", "plane3");
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane3 ");
	put(&KIND_CONTROL_PLANE, "p", "c", "plane4");
	put(&KIND_CONTROL_PLANE, "p", "c", "plane3"); /* and back */
	assert_verdict(source, SOURCE_UNCHANGED);
	source_again(source);
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane3 ");
	assert_int_equal(played.visits, visits);
	put(&KIND_WORKERS, "stray", "c", "stray3");
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane3 "
				  "a/omniworkers/stray.json=stray3 ");
	assert_int_equal(played.visits, visits + 1);
	for (size_t i = 0; i < 2000; i++)
		put(&KIND_WORKERS, "stray", "c", i % 2 == 0 ? "even" : "odd");
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane3 "
				  "a/omniworkers/stray.json=odd ");
	assert_int_equal(played.visits, visits + 2);
	source_free(source);
}

/* What is read for a tree and is another by then is not mixed with what is shared with the tree before. */
static void what_changes_unheard_is_looked_at_again(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	struct source_result result;
	source_poll(source, 0, -1, &result);
	struct kube_listener listener = played.listener;
	played.listener = (struct kube_listener){0};
	put(&KIND_CONTROL_PLANE, "p", "c", "plane2");
	played.listener = listener;
	source_again(source);
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane2 ");
	char text[1000];
	print(result.tree, text, sizeof text);
	assert_string_equal(text, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane ");
	assert_string_equal(result.tree->tree.inputs[2].id.ptr, "plane");
	source_tree_unref(result.tree);
	source_free(source);
}

/* A listing that came of another one is what a new one would be. */
static void listings_come_of_listings(void **state)
{
	(void)state;
	enum { COUNT = 300 };
	struct listed items[COUNT];
	char paths[COUNT][8];
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(paths[i], sizeof paths[i], "p%05zu", i);
		items[i] = (struct listed){span_of(paths[i]), {(unsigned char)i}};
	}
	struct listing *first = listing_new(items, COUNT), *copy = listing_copy(first), *same;
	listing_digest(first);
	for (size_t i = 0; i < COUNT; i += 299) {
		items[i].id[3] = 7;
		listing_set(copy, i, items[i].id);
	}
	listing_digest(copy);
	same = listing_new(items, COUNT);
	listing_digest(same);
	assert_string_equal(copy->content_id, same->content_id);
	assert_string_not_equal(copy->content_id, first->content_id);
	listing_unref(first);
	size_t hint = 0, other = 0;
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(listing_find(copy, span_of(paths[i]), &hint), i);
		assert_int_equal(listing_find(copy, span_of(paths[COUNT - 1 - i]), &other), COUNT - 1 - i);
	}
	assert_true(listing_find(copy, SPAN("p00001x"), &hint) == SIZE_MAX);
	listing_unref(copy);
	listing_unref(same);
	listing_unref(NULL);
}

static void the_last_object_leaves_an_empty_tree(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	assert_verdict(source, SOURCE_CHANGED);
	while (played.count > 0)
		drop(played.objects[0].kind, played.objects[0].name.ptr);
	assert_tree(source, NULL, "");
	source_free(source);
}

/* What is deleted and made again within the settling time never left, and what it says now counts. */
static void a_replaced_object_never_left(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(60000);
	assert_verdict(source, SOURCE_CHANGED);
	drop(&KIND_CONTROL_PLANE, "p");
	struct source_result result;
	source_poll(source, 0, -1, &result);
	assert_int_equal(result.verdict, SOURCE_UNCHANGED);
	assert_in_range(result.look_again_ms, 50000, 60000);
	put(&KIND_CLUSTER, "c", "o", "cluster2"); /* others render while it is away */
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster2 a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane ");
	put(&KIND_CONTROL_PLANE, "p", "c", "plane2");
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster2 a/omniconnections/o.json=connection a/omnicontrolplanes/p.json=plane2 ");
	source_free(source);
}

static void what_stays_away_leaves(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(60);
	assert_verdict(source, SOURCE_CHANGED);
	drop(&KIND_CONTROL_PLANE, "p");
	assert_verdict(source, SOURCE_UNCHANGED);
	clock_sleep_ms(80);
	assert_tree(source, NULL, "a/omniclusters/c.json=cluster a/omniconnections/o.json=connection ");
	source_free(source);
}

static void deletion_takes_a_cluster_out(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(60000);
	assert_verdict(source, SOURCE_CHANGED);
	source_drain(source);
	struct kube_object old = played.objects[0];
	played.objects[0].deleted_s = 1;
	played.listener.changed(played.listener.ctx, &old, &played.objects[0]);
	assert_true(source_drain(source));
	played.objects[1].deleted_s = 1; /* the connection, too: it is needed for what is being deleted */
	assert_tree(source, NULL, "a/omniconnections/o.json=connection ");
	source_free(source);
}

static void without_lists_there_is_no_tree(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	assert_verdict(source, SOURCE_CHANGED);
	struct source_result result;
	played.is_unsynced = true;
	played.listener.synced(played.listener.ctx, false);
	assert_true(source_drain(source));
	source_poll(source, 0, -1, &result);
	assert_int_equal(result.verdict, SOURCE_FAILED);
	assert_string_equal(result.fail.text, "omniconnections cannot be listed");
	played.is_unsynced = false;
	assert_verdict(source, SOURCE_UNCHANGED);
	source_free(source);
}

/* --- around it ------------------------------------------------------------------------------------------------------------ */

static void paths_name_objects(void **state)
{
	(void)state;
	const struct kind *kind;
	struct span ns, name;
	assert_true(source_object(SPAN("fleet/omniworkers/a.b.json"), &kind, &ns, &name));
	assert_ptr_equal(kind, &KIND_WORKERS);
	assert_span(ns, "fleet");
	assert_span(name, "a.b");
	assert_false(source_object(SPAN("fleet/pods/a.json"), &kind, &ns, &name));
	assert_false(source_object(SPAN("a.json"), &kind, &ns, &name));
}

static void scopes(void **state)
{
	(void)state;
	static const char *const wrong[] = {"kubernetes:fleet", "kubernetes:?namespace=a&all-namespaces=true", "kubernetes:?namespace=A",
					    "kubernetes:?namespace=", "kubernetes:?ref=main", "kubernetes:?selector="};
	struct arena arena;
	struct source_scope scope;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(source_scope("kubernetes:", &arena, &scope, &fail));
	assert_null(scope.ns);
	assert_true(source_scope("kubernetes:?namespace=fleet&selector=tier%3Dprod,a%20in%20(b)", &arena, &scope, &fail));
	assert_string_equal(scope.ns, "fleet");
	assert_string_equal(scope.selector, "tier=prod,a in (b)");
	assert_true(source_scope("kubernetes:?all-namespaces=true", &arena, &scope, &fail));
	assert_true(scope.all_namespaces);
	assert_false(source_scope("dir:/x", &arena, &scope, &fail));
	assert_int_equal(fail.code, FAIL_NONE);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(source_scope(wrong[i], &arena, &scope, &fail));
		assert_int_equal(fail.code, FAIL_INVALID);
	}
	arena_done(&arena);
}

/* Nothing is asked for it, so it need not wait as others do. */
static void changes_are_polled_soon(void **state)
{
	(void)state;
	make_cluster();
	struct source *source = open_source(0);
	struct source_result result = {.verdict = SOURCE_CHANGED};
	struct schedule schedule;
	schedule_init_for(&schedule, source, 0, 7);
	schedule_polled(&schedule, 1000, &result);
	schedule_hint(&schedule, 1000);
	assert_in_range(schedule_wait_ms(&schedule, 1000), 1, 60);
	schedule_hint(&schedule, 5000);
	assert_in_range(schedule_wait_ms(&schedule, 5000), 0, 25);
	result.look_again_ms = 300;
	schedule_polled(&schedule, 6000, &result);
	assert_int_equal(schedule_wait_ms(&schedule, 6000), 300);
	source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_enters_when_it_is_calm),
		cmocka_unit_test(what_was_there_before_need_not_wait),
		cmocka_unit_test(what_never_calms_down_enters_all_the_same),
		cmocka_unit_test(what_went_stays_for_a_while),
		cmocka_unit_test(a_new_part_of_a_calm_cluster_counts_at_once),
		cmocka_unit_test(a_cluster_that_is_deleted_leaves_with_its_parts),
		cmocka_unit_test(parts_without_cluster_are_left_out),
		cmocka_unit_test(a_connection_stays_while_it_is_used),
		cmocka_unit_test(a_tree_has_one_file_per_object),
		cmocka_unit_test(what_is_known_is_not_read),
		cmocka_unit_test(what_changed_alone_is_looked_at),
		cmocka_unit_test(what_changes_unheard_is_looked_at_again),
		cmocka_unit_test(listings_come_of_listings),
		cmocka_unit_test(the_last_object_leaves_an_empty_tree),
		cmocka_unit_test(a_replaced_object_never_left),
		cmocka_unit_test(what_stays_away_leaves),
		cmocka_unit_test(deletion_takes_a_cluster_out),
		cmocka_unit_test(without_lists_there_is_no_tree),
		cmocka_unit_test(paths_name_objects),
		cmocka_unit_test(scopes),
		cmocka_unit_test(changes_are_polled_soon),
	};
	return RUN_TESTS(tests);
}
